"""Plots of a search."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from zeroshot.results import SearchResult

PAIR, SINGLE = "#0b6e99", "#c2571a"


def plot_fronts(result: "SearchResult") -> bytes:
    """Expected latency against expected accuracy, pairs against single nets, as PNG bytes.

    The bars are 80 % intervals of the listed pairs.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    _steps(axes, result.singles, SINGLE, "best single nets", "s")
    front = [row for row in result.front if row["latency_ms"]]
    _steps(axes, sorted(front, key=lambda row: float(row["latency_ms"])), PAIR, "best pairs", "o")
    top = result.pairs
    x = [row["latency_ms"] for row in top]
    y = [100 * row["accuracy"] for row in top]
    bars = [[100 * abs(row["accuracy"] - row[side]) for row in top] for side in ("accuracy_low", "accuracy_high")]
    axes.errorbar(
        x,
        y,
        yerr=bars,
        fmt="*",
        color="black",
        ms=9,
        lw=0.6,
        capsize=2,
        label=f"listed pairs ({len(top)}), 80 %",
    )
    limit = result.config.get("latency_limit")
    if limit is not None:
        axes.axvline(limit, color="grey", ls="--", lw=1)
        axes.annotate(
            "latency budget",
            (limit, 0.02),
            xycoords=("data", "axes fraction"),
            rotation=90,
            ha="right",
            color="grey",
        )
    axes.set_xlabel(f"expected latency on {result.config['board']} (ms, {result.config['engine']})")
    axes.set_ylabel("expected accuracy (%)")
    axes.set_title(f"{result.config['data']}: {result.n_pairs:,} pairs ranked, none trained", fontsize=11)
    axes.annotate(
        f"accuracy: {result.config['accuracy_model']}, {result.config['cascade_model']}", (0.01, 0.98),
        xycoords="axes fraction", va="top", fontsize=7, color="grey",
    )  # fmt: skip
    axes.grid(True, which="both", lw=0.3, alpha=0.6)
    axes.legend(loc="lower right", fontsize=8)
    buffer = io.BytesIO()
    # No date in the file: equal runs give equal bytes.
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": "zeroshot"})
    return buffer.getvalue()


def _steps(axes: "Axes", rows: list[dict[str, Any]], color: str, label: str, marker: str) -> None:
    """A front as a staircase: what a given latency buys."""
    if rows:
        x = np.array([row["latency_ms"] for row in rows])
        y = 100 * np.maximum.accumulate([row["accuracy"] for row in rows])
        axes.step(x, y, where="post", color=color, lw=1.2)
        axes.plot(x, [100 * row["accuracy"] for row in rows], marker, color=color, ms=3, label=label)
