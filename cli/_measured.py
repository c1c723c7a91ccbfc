"""Measured pairs for people: a line of figures for each stage of a pair, one stage below the other, and the verdict."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zeroshot.runs.words import rival

if TYPE_CHECKING:
    from rich.console import Console

# What the figures of `measured_cells` and the lines of `print_verdict` mean.
LEGEND = (
    "Latencies are the cost model's at the measured rate. rival: the best, on validation images, of what could be "
    "shipped instead: the little net alone, or a trained net that is no slower than the pair; predicted, the single "
    "net. gain: what the pair adds to it on test images. ± and gain: 80 % intervals."
)


def print_verdict(
    screen: "Console", row: Mapping[str, Any], kind: str, suffix: str = "", pair: str = "the pair"
) -> None:
    """Print the nets of a pair, what could be shipped instead, and whether the pair pays.

    Args:
        screen: Where to.
        row: Of a table of measured pairs.
        kind: Of the columns, such as `test`.
        suffix: What columns end in that have no kind where there is one kind only.
        pair: What the pair is called.
    """
    for role in ("little", "big", "single"):
        if row[role] is not None:
            screen.print(f"    {role:6} {row[role]}")
    screen.print(f"    rival  {rival(row, kind, suffix)}: ", end="")
    verdict = row[f"verdict{suffix}"]
    screen.print(f"{pair} {verdict}", style="green" if verdict == "pays" else "yellow")
    for line in (*_ahead(row, suffix), *_budget(row, kind, suffix)):
        screen.print(f"    {line}", style="yellow")


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
