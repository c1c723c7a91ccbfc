"""Plots of a search."""

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.runs.rows import PredictedNet, PredictedPair

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from zeroshot.searching.results import SearchResult

PAIR, SINGLE = "#0b6e99", "#c2571a"
RIGHT = 1.15  # how far a staircase goes on beyond its last point


def new_axes() -> "Axes":
    """Axes of a figure of their own, which no window shows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def draw_fronts(result: "SearchResult", axes: "Axes") -> None:
    """Expected latency against expected accuracy, pairs against single nets.

    The bar is the 80 % interval of the best pair; the other intervals are about as wide.
    """
    axes.set_xscale("log")
    _steps(axes, result.singles, SINGLE, "best single nets", "s")
    _steps(axes, sorted(result.front, key=lambda row: row.latency_ms), PAIR, "best pairs", "o")
    if result.pairs:
        best = result.pairs[0]
        x, y = best.latency_ms, 100 * best.accuracy
        bar = [[100 * abs(best.accuracy - side)] for side in (best.accuracy_low, best.accuracy_high)]
        others = [(row.latency_ms, 100 * row.accuracy) for row in result.pairs]
        axes.plot(
            *zip(*others, strict=True), "D", color="black", mfc="none", ms=5, label=f"listed pairs ({len(others)})"
        )
        axes.errorbar(x, y, yerr=bar, fmt="*", ms=10, color="black", lw=0.8, capsize=3, label="the best, 80 % interval")
        axes.set_ylim(top=min(100.5, axes.get_ylim()[1]))
    limit = result.config["latency_limit"]
    if limit is not None:
        axes.axvline(limit, color="grey", ls="--", lw=1, label="latency budget")
    _label_log_axis(axes)
    axes.set_xlabel(f"expected latency on {result.config['board']} (ms, {result.config['engine']})", parse_math=False)
    axes.set_ylabel("expected accuracy (%)")
    trained = f"{len(result.trained)} nets trained" if result.trained else "none trained"
    axes.set_title(
        f"{result.config['data']}: {result.n_pairs:,} pairs ranked, {trained}", fontsize=11, parse_math=False
    )
    axes.annotate(
        f"accuracy: {result.accuracy_model}, {result.config['cascade_model']}", (0.01, 0.98),
        xycoords="axes fraction", va="top", fontsize=7, color="grey",
    )  # fmt: skip
    axes.grid(True, which="both", lw=0.3, alpha=0.6)
    axes.legend(loc="lower right", fontsize=8)


def png(figure: "Figure | SubFigure") -> bytes:
    """A figure as PNG bytes; equal figures give equal bytes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; that is no reason to fail.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        # No date in the file.
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": "zeroshot"})  # type: ignore[union-attr]
    return buffer.getvalue()


def _label_log_axis(axes: "Axes") -> None:
    """Plain numbers, few enough not to run into each other, however narrow the range."""
    from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    low, high = axes.get_xlim()
    decades = np.log10(high / low)
    if decades < 0.7:
        ticks = FixedLocator([x for x in MaxNLocator(6).tick_values(low, high) if low <= x <= high])
        axes.xaxis.set_major_locator(ticks)
    else:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0,)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _steps(axes: "Axes", rows: Sequence[PredictedPair | PredictedNet], color: str, label: str, marker: str) -> None:
    """A front as a staircase: what a given latency buys; points of a front over other costs lie below it, paler."""
    if rows:
        x = np.array([row.latency_ms for row in rows])
        y = np.array([100 * row.accuracy for row in rows])
        best = np.maximum.accumulate(y)
        axes.step([*x, RIGHT * x[-1]], [*best, best[-1]], where="post", color=color, lw=1.2)
        axes.plot(x[y == best], y[y == best], marker, color=color, ms=3, label=label)
        axes.plot(x[y < best], y[y < best], marker, color=color, ms=2, alpha=0.25)
