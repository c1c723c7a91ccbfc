"""The plots of `proxy_tables.py`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, StrMethodFormatter

from zeroshot.bench.constrained import pareto_front, sweep
from zeroshot.bench.judge import Verdict
from zeroshot.bench.table import Truth

TASK = "cifar10"
FEW = 20  # nets among the best 10 % below which no diamond is drawn: its interval would cover everything
BASELINES = ("params", "macs", "depth", "random")
COSTS = {
    "raspi4/latency": "ms on a Raspberry Pi 4", "pixel3/latency": "ms on a Pixel 3", "eyeriss/energy": "mJ on Eyeriss",
}  # fmt: skip
SHOWN = {
    "fuse: graph + jacob_cov + az_nas": "#0b6e99", "az_nas": "#5aa469", "zico": "#d9822b", "naswot": "#9467bd",
    "params": "#444444", "random": "#bbbbbb",
}  # fmt: skip
NAMES = {"params": "params = FLOPs (same order)"}


def plot_correlations(verdicts: Sequence[Verdict], path: Path) -> None:
    """Bars of Spearman's correlation with intervals, all nets and the best tenth, one panel a set of nets."""
    sets = list(dict.fromkeys(v.nets for v in verdicts))
    rows = [[v for v in verdicts if (v.nets, v.task) == (nets, TASK)] for nets in sets]
    figure = Figure(figsize=(6.5 * len(sets), 1.5 + 0.3 * max(map(len, rows))), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, nets, found in zip(np.atleast_1d(figure.subplots(1, len(sets))), sets, rows, strict=True):
        known = [v for v in found if not v.spearman["all"].note]
        order = sorted(known, key=lambda v: v.spearman["all"].value)
        for row, verdict in enumerate(order):
            colour = "#444444" if verdict.proxy in BASELINES else "#0b6e99" if "fuse" in verdict.proxy else "#5aa469"
            whole, best = verdict.spearman["all"], verdict.spearman["top 10 %"]
            axes.barh(row, whole.value, color=colour, height=0.7, zorder=2)
            axes.plot([whole.low, whole.high], [row, row], color="black", lw=1.2, zorder=3)
            if best.n < FEW:
                continue
            axes.plot([best.low, best.high], [row + 0.2, row + 0.2], color="#c2571a", lw=1, zorder=4)
            axes.plot(best.value, row + 0.2, "D", color="white", mec="#c2571a", ms=4.5, zorder=5)
        axes.set_yticks(range(len(order)), [v.proxy for v in order], fontsize=8)
        axes.axvline(0, color="black", lw=0.8)
        axes.set_title(f"{nets}: {max(v.n for v in found):,} rows", fontsize=10)
        axes.set_xlabel("Spearman with CIFAR-10 accuracy, 95 %; diamond: the best 10 % of the nets", fontsize=8)
        axes.grid(axis="x", alpha=0.3)
        axes.margins(y=0.01)
    _save(figure, path)


def plot_regret(truth: Truth, path: Path) -> None:
    """Above: what the favourite of each score reaches under a limit, and the true front; below: what it loses."""
    figure = Figure(figsize=(13, 7), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(COSTS), sharex="col", sharey="row")
    for column, (short, unit) in enumerate(COSTS.items()):
        cost = f"{TASK}/{short}"
        above, below = grid[0][column], grid[1][column]
        front = pareto_front(truth.costs[cost], truth.accuracy[TASK])
        above.step(
            truth.costs[cost][front], truth.accuracy[TASK][front], where="post", color="black", lw=1, label="true front"
        )
        for name, colour in SHOWN.items():
            if name not in truth.scores:
                continue
            swept = sweep(truth, TASK, cost, name)
            above.plot(swept.limits, swept.picked, ".-", color=colour, lw=1, ms=4, label=NAMES.get(name, name))
            below.plot(swept.limits, swept.regret, ".-", color=colour, lw=1, ms=4, label=name)
        below.set_xlabel(f"limit, {unit}")
        below.set_xscale("log")
        least, most = (float(end) for end in np.nanquantile(truth.costs[cost], (0.05, 1)))
        below.set_xlim(0.7 * least, 1.1 * most)
        below.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        below.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        below.xaxis.set_minor_formatter(NullFormatter())
        below.set_yscale("symlog", linthresh=1)
        below.yaxis.set_major_locator(FixedLocator([0, 0.5, 1, 2, 5, 10]))
        below.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        below.yaxis.set_minor_formatter(NullFormatter())
        above.set_ylim(80, 95)
        for axes in (above, below):
            axes.grid(True, lw=0.3, alpha=0.6)
    grid[0][0].set_ylabel("CIFAR-10 accuracy, %")
    grid[1][0].set_ylabel("points lost against the best (linear below 1)")
    grid[0][-1].legend(fontsize=8, loc="lower left")
    figure.suptitle(f"Search under a limit: {truth.name}, {len(truth):,} rows", fontsize=11)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": "zeroshot"})
