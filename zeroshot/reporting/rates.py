"""Accuracy against escalation rate: what was predicted of a pair, and what its trained nets do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zeroshot.cascade.copula import PRIOR_COUPLING, cascade_accuracy
from zeroshot.quantization.answers import Answers
from zeroshot.reporting.contents import Contents
from zeroshot.reporting.scales import Chart, chart
from zeroshot.runs import words
from zeroshot.runs.rows import PredictedPair
from zeroshot.runs.words import percent
from zeroshot.types import FloatArray

POINTS = 120  # of a curve that are drawn


@dataclass(frozen=True)
class Line:
    """A curve with its working point: kind, SVG path, pixels of the point and of its interval, and what it says."""

    kind: str
    path: str
    x: float
    y: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Rates:
    """The plot, and what is missing in it."""

    chart: Chart
    lines: list[Line]
    notes: list[str]


def rates_of(found: Contents, pair: PredictedPair, measured: Sequence[Answers]) -> Rates:
    """The plot of a pair."""
    grid, told, notes = np.linspace(0.0, 1.0, POINTS), found.config.get("cascade_model"), []
    expected = np.empty(0)
    if told == PRIOR_COUPLING.name:
        expected = cascade_accuracy(pair.little_accuracy, pair.big_accuracy, grid)
    else:
        notes.append(f"The curve of {told}, the model of pairs that the run was made with, is not in this version.")
    if not measured:
        notes.append("No measured curve: that needs trained nets and the labels of the run's test data.")
    curves = [(each, each.curve()) for each in measured]
    ends = [pair.accuracy_low, pair.accuracy_high, *expected, *(value for _, c in curves for value in c.accuracy)]
    low, high = 100 * min(ends), 100 * max(ends)
    room = 0.05 * (high - low) + 0.1
    drawn = chart(
        (0.0, 100.0), (max(0.0, low - room), min(100.5, high + room)), ("inputs that escalate, %", "accuracy, %"),
        size=(640, 320),
    )  # fmt: skip
    lines = [_line(drawn, "predicted", grid, expected, (
        pair.escalation_rate, pair.accuracy, pair.accuracy_low, pair.accuracy_high,
        f"predicted: {words.accuracy(pair)} % where {percent(pair.escalation_rate)} % escalate",
    ))]  # fmt: skip
    for each, points in curves:
        row = each.measured
        reached, rate = percent(row.accuracy), percent(row.escalation_rate)
        text = f"{each.kind}: {reached} % where {rate} % of the test {found.things} escalate"
        at = (row.escalation_rate, row.accuracy, row.accuracy_low, row.accuracy_high, text)
        lines.append(_line(drawn, each.kind, points.p, points.accuracy, at))
    return Rates(drawn, lines, notes)


def _line(
    drawn: Chart, kind: str, p: FloatArray, accuracy: FloatArray, at: tuple[float, float, float, float, str]
) -> Line:  # fmt: skip
    rate, middle, low, high, text = at
    some = np.unique(np.linspace(0, len(accuracy) - 1, min(POINTS, len(accuracy))).round().astype(int))
    path = drawn.path((100 * float(p[i]), 100 * float(accuracy[i])) for i in some) if len(accuracy) else ""
    y, below, above = (drawn.y.at(100 * each) for each in (middle, low, high))
    return Line(kind, path, drawn.x.at(100 * rate), y, below, above, text)
