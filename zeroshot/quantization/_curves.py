"""The plot of a quantised run: what each pair was predicted to do, what it does in float, and what it does in int8."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.cascade.measure import Curve
from zeroshot.runs.rows import PairForecast, QuantizedPair
from zeroshot.searching.plot import PAIR, SINGLE
from zeroshot.training.costs import cost_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOAT = "#8a8a8a"
ACROSS = 3  # plots in a line


@dataclass(frozen=True, eq=False)
class PairCurves:
    """What is drawn of one pair.

    Attributes:
        predicted: By the search.
        measured: On the test images; None where no threshold did what was asked for.
        float_curve: Every working point of the float nets on the test images.
        int8_curve: The same of the int8 nets.
    """

    predicted: PairForecast
    measured: QuantizedPair | None
    float_curve: Curve
    int8_curve: Curve


def draw_curves(pairs: Sequence[PairCurves], title: str) -> "tuple[Figure, list[Axes]]":
    """Accuracy against expected latency, a panel a pair: the figure and its panels.

    The curves run over all thresholds. The cost model's expected latency is linear in the escalation rate, which the
    upper axis shows; a pair whose costs are known at full escalation alone is drawn against the rate.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(len(pairs), ACROSS)
    down = math.ceil(len(pairs) / across)
    figure = Figure(figsize=(max(4.4 * across, 6), 4.2 * down), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, pair in zip(panels, pairs, strict=False):
        _panel(axes, pair)
    for axes in panels[len(pairs) :]:
        axes.remove()
    known: dict[str, Any] = {}  # each mark once, whichever panel has it
    for axes in panels[: len(pairs)]:
        marks, labels = axes.get_legend_handles_labels()
        known |= dict(zip(labels, marks, strict=True))
    figure.legend(
        list(known.values()), list(known), loc="outside lower center", ncols=len(known), fontsize=8, frameon=False
    )
    return figure, list(panels[: len(pairs)])


def _panel(axes: "Axes", pair: PairCurves) -> None:
    told = pair.predicted
    base, worst = (cost_of(told, "latency_ms", p) for p in (0.0, 1.0))
    known = math.isfinite(base) and worst > base
    if not known:
        base, worst = 0.0, 1.0

    def x(p: Any) -> Any:  # noqa: ANN401 - numbers or arrays
        return base + np.asarray(p) * (worst - base)

    for curve, color, label in ((pair.float_curve, FLOAT, "float"), (pair.int8_curve, PAIR, "int8")):
        axes.plot(x(curve.p), 100 * curve.accuracy, color=color, lw=1.2, label=label)
    low, high = (100 * abs(told.accuracy - end) for end in (told.accuracy_low, told.accuracy_high))
    axes.errorbar(
        x(told.escalation_rate), 100 * told.accuracy, yerr=[[low], [high]], fmt="D", color="black", ms=4, lw=1,
        capsize=2, label="predicted",
    )  # fmt: skip
    if pair.measured is not None:
        _chosen(axes, pair.measured, x, known)
    axes.set_xlabel("expected latency, ms" if known else "escalation rate")
    axes.set_ylabel("accuracy on test images, %")
    if known:
        above = axes.secondary_xaxis("top", functions=(lambda ms: (np.asarray(ms) - base) / (worst - base), x))
        above.set_xlabel("escalation rate", fontsize=8)
    axes.set_title(f"pair {told.rank}\nlittle {told.little}\nbig {told.big}", fontsize=7, loc="left")
    axes.grid(True, lw=0.3, alpha=0.6)


def _chosen(axes: "Axes", pair: QuantizedPair, x: Any, known: bool) -> None:  # noqa: ANN401 - a function of the rate
    axes.plot(
        x(pair.int8.escalation_rate), 100 * pair.int8.accuracy, "o", color=PAIR, ms=6, label="int8, its threshold"
    )  # fmt: skip
    single = pair.int8.single_accuracy
    if known and single is not None and pair.predicted.single_latency_ms is not None:
        alone = (pair.predicted.single_latency_ms, 100 * single)
        axes.plot(*alone, "s", color=SINGLE, ms=5, label="int8, single net")
