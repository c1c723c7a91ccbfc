"""Figures of pairs as people read them, in the terminal and on the page of a run alike."""

from collections.abc import Iterator, Mapping
from typing import Any

from zeroshot.runs.rows import ACCURACY, PairForecast, PredictedPair
from zeroshot.units import kib, ms, three


def percent(fraction: float | None) -> str:
    """A fraction in percent, without the sign.

    >>> percent(0.8567), percent(None)
    ('85.7', '-')
    """
    return "-" if fraction is None else f"{100 * fraction:.1f}"


def in_kib(n_bytes: float) -> str:
    """Bytes as a bare figure for a KiB column."""
    return three(n_bytes / 1024)


def accuracy(row: PredictedPair) -> str:
    """The expected accuracy of a pair with half of its interval, percent."""
    return f"{percent(row.accuracy)} ± {100 * (row.accuracy - row.accuracy_low):.1f}"


def gain(row: PairForecast) -> str:
    """What a pair is expected to add to the single net, points."""
    return "-" if row.gain is None or row.gain_error is None else points(row.gain, row.gain_error)


def points(difference: float, error: float) -> str:
    """A difference of accuracies with half of its interval, points.

    >>> points(0.019, 0.033), points(-0.0001, 0.01)
    ('+1.9 ± 3.3', '+0.0 ± 1.0')
    """
    return f"{round(100 * difference, 1) + 0.0:+.1f} ± {100 * error:.1f}"


def verdict(row: PredictedPair) -> str:
    """Whether a pair is expected to pay: "pays", "may pay" or "does not pay"."""
    if not row.pays or row.gain is None or row.gain_error is None:
        return "does not pay"
    return "pays" if row.gain > row.gain_error else "may pay"


def budgets(config: Mapping[str, Any]) -> str:
    """The limits of a search."""
    words = []
    for name, word in (("latency", "latency"), ("worst_latency", "worst latency")):
        if config.get(f"{name}_limit") is not None:
            words.append(f"{word} up to {ms(config[f'{name}_limit'])}")
    if config.get("energy_limit") is not None:
        words.append(f"energy up to {three(config['energy_limit'])} mJ")
    if config["escalation_limit"] < 1:
        words.append(f"big runs up to {100 * config['escalation_limit']:g} %")
    return ", ".join([*words, f"flash {kib(config['flash_limit'])}", f"SRAM {kib(config['sram_limit'])}"])


# Heads of `measured_cells`, in two lines.
MEASURED = (
    ("", "#"), ("", ""), ("accuracy", "%"), ("balanced", "%"), ("little", "%"), ("big", "%"), ("big", "runs %"),
    ("latency", "ms"), ("rival", "%"), ("gain", "points"),
)  # fmt: skip


def measured_cells(row: Mapping[str, Any], kind: str) -> list[str]:
    """One line of a table of measured pairs, under `MEASURED`.

    Args:
        row: Column -> value.
        kind: `predicted`, or what the columns of another stage end in: `test`, `float`, `int8`.
    """
    spread = 50 * (row[f"accuracy_{kind}_high"] - row[f"accuracy_{kind}_low"])
    beside = "single_accuracy" if kind == "predicted" else "rival_accuracy"
    shares = [percent(row[f"{key}_{kind}"]) for key in ("little_accuracy", "big_accuracy", "escalation_rate")]
    return [
        f"{row['rank']:2}" if kind == "predicted" else "", kind, f"{percent(row[f'accuracy_{kind}'])} ± {spread:.1f}",
        percent(row.get(f"balanced_{kind}")), *shares, three(row[f"latency_ms_{kind}"]),
        percent(row[f"{beside}_{kind}"]), measured_gain(row, kind),
    ]  # fmt: skip


def measured_gain(row: Mapping[str, Any], kind: str) -> str:
    """What a pair adds to what could be shipped instead, points; arguments as `measured_cells`."""
    difference = row[f"gain_{kind}"]
    if difference is None:
        return "-"
    if kind == "predicted":
        return points(difference, row["gain_predicted_error"])
    return points(difference, (row[f"gain_{kind}_high"] - row[f"gain_{kind}_low"]) / 2)


def rival(row: Mapping[str, Any], kind: str, suffix: str = "") -> str:
    """What could be shipped instead of a measured pair, with its accuracy and latency.

    Where the verdict is about another metric, that of the rival and of the pair instead.

    Args:
        row: Column -> value.
        kind: Of the columns, such as `test`.
        suffix: What columns end in that have no kind where there is one kind only.
    """
    which, latency = row[f"rival{suffix}"], row[f"rival_latency_ms{suffix}"]
    name = f"single {row[f'rival_model{suffix}']}" if which == "single" else f"{which} alone"
    cost = "" if latency is None else f", {three(latency)} ms"
    if row.get("metric", ACCURACY) != ACCURACY:
        values = [percent(row[each]) for each in (f"rival_value_{kind}", f"value_{kind}")]
        return f"{name}, {row['metric']} {values[0]} % against {values[1]} %{cost}"
    return f"{name}, {percent(row[f'rival_accuracy_{kind}'])} %{cost}"


def caveats(row: Mapping[str, Any], kind: str, suffix: str = "") -> Iterator[str]:
    """What else a measured pair's user should know; arguments as `rival`."""
    yield from _ahead(row, suffix)
    yield from _budget(row, kind, suffix)


def _ahead(row: Mapping[str, Any], suffix: str) -> Iterator[str]:
    """Rivals that the validation images did not prefer and that do as well as the pair on the test images."""
    if row[f"verdict{suffix}"] == "does not pay":
        return
    roles = {row["little_model"]: "little alone", row["big_model"]: "big alone"}
    for name in (row[f"rivals_ahead{suffix}"] or "").split():
        yield f"no worse than the pair on test images: {roles.get(name, name)}"


def _budget(row: Mapping[str, Any], kind: str, suffix: str) -> Iterator[str]:
    """Budgets that the pair overdraws, and the rate that would keep them."""
    over = row[f"over_budget{suffix}"]
    if over is None:
        return
    rates = [100 * row[name] for name in (f"escalation_rate_validation{suffix}", f"escalation_rate_{kind}")]
    yield (
        f"over the {over.replace(' ', ' and ')} budget: big runs {rates[0]:.1f} % (validation), {rates[1]:.1f} % (test)"
    )
    rate, threshold = row[f"budget_rate_validation{suffix}"], row[f"budget_threshold{suffix}"]
    if rate is not None:
        at = "a threshold for each class" if " " in str(threshold) else f"threshold {_short(threshold)}"
        yield f"{100 * rate:.1f} % would keep it: {at}, accuracy {100 * row[f'budget_accuracy_{kind}']:.1f} %"


def _short(threshold: float | int | str) -> str:
    return f"{threshold:.4g}" if isinstance(threshold, float) else str(threshold)
