"""Measured pairs for people: a line of figures for each stage of a pair, one stage below the other, and the verdict."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zeroshot.runs.classes import class_words
from zeroshot.runs.rows import ACCURACY
from zeroshot.runs.words import caveats, rival

from ._output import prose

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.quantization.quantize import QuantizedRun
    from zeroshot.training.train import TrainedRun

# What the figures of `measured_cells` and the lines of `print_verdict` mean.
LEGEND = (
    "Latencies are the cost model's at the measured rate. rival: the best, on validation images, of what could be "
    "shipped instead: the little net alone, or a trained net that is no slower than the pair; predicted, the single "
    "net. gain: what the pair adds to it on test images. ± and gain: 80 % intervals. balanced: the pair's mean recall."
)


def print_classes(screen: "Console", result: "TrainedRun | QuantizedRun") -> None:
    """Print the classes of a result's data, and what its verdicts are about where that is not accuracy."""
    metric = result.pairs[0].metric
    if metric != ACCURACY:
        prose(screen, f"Choices, gains and verdicts go by {metric}; little, big and rival % are accuracies.", "dim")
    prose(screen, class_words(result.classes), "dim")


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
    for line in caveats(row, kind, suffix):
        screen.print(f"    {line}", style="yellow")
