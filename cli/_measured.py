"""Measured pairs for people: a line of figures for each stage of a pair, one stage below the other."""

from collections.abc import Mapping
from typing import Any

from ._search_tables import three

HEADERS = (
    ("", "#"), ("", ""), ("accuracy", "%"), ("little", "%"), ("big", "%"), ("big", "runs %"), ("latency", "ms"),
    ("single", "%"), ("gain", "points"),
)  # fmt: skip


def table_line(row: Mapping[str, Any], kind: str) -> list[str]:
    """A line of the table under `HEADERS`: one pair, `predicted` or as its columns of another kind tell."""

    def percent(key: str) -> str:
        value = row[f"{key}_{kind}"]
        return "-" if value is None else f"{100 * value:.1f}"

    spread = 50 * (row[f"accuracy_{kind}_high"] - row[f"accuracy_{kind}_low"])
    return [
        f"{row['rank']:2}" if kind == "predicted" else "", kind, f"{percent('accuracy')} ± {spread:.1f}",
        percent("little_accuracy"), percent("big_accuracy"), percent("escalation_rate"),
        three(row[f"latency_ms_{kind}"]), percent("single_accuracy"), _gain(row, kind),
    ]  # fmt: skip


def _gain(row: Mapping[str, Any], kind: str) -> str:
    gain = row[f"gain_{kind}"]
    if gain is None:
        return "-"
    predicted = kind == "predicted"
    error = row["gain_predicted_error"] if predicted else (row[f"gain_{kind}_high"] - row[f"gain_{kind}_low"]) / 2
    return f"{round(100 * gain, 1) + 0.0:+.1f} ± {100 * error:.1f}"
