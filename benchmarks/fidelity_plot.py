"""The plot of `fidelity.py`."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.fidelity_agreement import COUNTERPARTS, Agreement, Table, against, ceilings_of, correlation, scores_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(table: Table, published: dict[int, dict[str, float]], names: list[str], path: Path) -> None:
    """Two panels of bars with intervals: against the published scores, and with accuracy."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    colours = {"static": "#8c8c8c", "data-free": "#2a78b5", "data": "#d9822b"}
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 8), layout="constrained")
    shown = list(reversed(COUNTERPARTS.items()))
    for row, (name, (theirs, needs, bar)) in enumerate(shown):
        _bar(left, row, against(table, published, name, theirs), colours[needs])
        left.plot([bar, bar], [row - 0.42, row + 0.42], color="black", lw=1.5)
        both, own = (ceiling[0] for ceiling in ceilings_of(table, name))
        ceiling = own if np.isfinite(own) else both
        if needs != "static" and np.isfinite(ceiling):
            left.plot(ceiling, row, "D", color="white", mec="black", ms=6, zorder=5)
    left.set_yticks(range(len(shown)), [name for name, _ in shown])
    left.set_xlim(0, 1.02)
    left.set_title("with NAS-Bench-Suite-Zero's precomputed scores")
    left.set_xlabel("Spearman, 95 % interval; line: the bar; diamond: our own two runs")
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in colours.values()]
    left.legend(handles, list(colours), loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=3, frameon=False)
    accuracy = {cell: scores["accuracy"] for cell, scores in published.items()}
    found = {name: correlation(scores_of(table, name), accuracy) for name in names}
    order = sorted((n for n in names if np.isfinite(found[n][0])), key=lambda n: found[n][0])
    baseline = ("params", "macs", "depth")
    for row, name in enumerate(order):
        _bar(right, row, found[name], "#444444" if name in baseline else "#5aa469")
    right.set_yticks(range(len(order)), order, fontsize=8)
    right.axvline(0, color="black", lw=0.8)
    right.set_title("with CIFAR-10 test accuracy (dark: size alone)")
    right.set_xlabel("Spearman, 95 % interval")
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
        axes.margins(y=0.01)
    fig.savefig(path, dpi=110)
    plt.close(fig)


def _bar(axes: "Axes", row: int, found: Agreement, colour: str) -> None:
    value, low, high, _ = found
    axes.barh(row, value, color=colour, height=0.7, zorder=2)
    axes.plot([low, high], [row, row], color="black", lw=1, zorder=3)
