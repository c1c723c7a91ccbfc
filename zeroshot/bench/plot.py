"""A plot of verdicts: correlations with their intervals, and what is lost along limits on a cost."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.bench.constrained import Sweep
from zeroshot.bench.judge import Verdict
from zeroshot.bench.study import Study
from zeroshot.bench.table import BASELINES, RANDOM
from zeroshot.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DATELESS = {".png": {"Software": "zeroshot"}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
PROXY, BASELINE, BEST = "#0b6e99", "#444444", "#c2571a"
FEW = 20  # nets among the best 5 % below which no diamond is drawn: its interval would cover everything
FAVOURITES = 5  # proxies whose losses are drawn, those that lose least; beside the baselines and chance


def check(path: Path) -> None:
    """Refuse a file of a kind that is not drawn.

    Raises:
        UsageError: It ends in something else than .png, .pdf or .svg.
    """
    if path.suffix not in DATELESS:
        raise UsageError(f"{path} is no kind of plot.", f"Name a file that ends in {', '.join(DATELESS)}.")


def plotted(study: Study, kind: str = ".png") -> bytes:
    """One row of panels a set of nets and task: correlations, then a panel a cost; equal studies give equal bytes.

    Args:
        study: What was judged.
        kind: `.png`, `.pdf` or `.svg`.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [(nets, task, found) for nets in study.about for task, found in study.of(nets).items()]
    costs = {(nets, task): _by_cost(study, nets, task) for nets, task, _ in rows}
    width = 1 + max(map(len, costs.values()), default=0)
    tall = 1.5 + 0.2 * max((len(found) for _, _, found in rows), default=1)
    figure = Figure(figsize=(7 + 4.5 * (width - 1), tall * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), width, squeeze=False, width_ratios=[7, *[4.5] * (width - 1)])
    for panels, (nets, task, found) in zip(grid, rows, strict=True):
        _correlations(panels[0], found, study.ceiling(nets, task))
        for axes, (cost, swept) in zip(panels[1:], costs[nets, task].items(), strict=False):
            _losses(axes, cost, swept)
        for axes in panels[1 + len(costs[nets, task]) :]:
            axes.set_axis_off()
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "zeroshot"}):
        figure.savefig(buffer, format=kind[1:], dpi=110, metadata=DATELESS[kind])
    return buffer.getvalue()


def _correlations(axes: "Axes", verdicts: list[Verdict], ceiling: dict[str, float]) -> None:
    known = [v for v in verdicts if not v.spearman["all"].note]
    order = sorted(known, key=lambda v: v.spearman["all"].value)
    for row, verdict in enumerate(order):
        whole, best = verdict.spearman["all"], verdict.spearman["top 5 %"]
        axes.barh(row, whole.value, color=BASELINE if verdict.proxy in (*BASELINES, RANDOM) else PROXY, height=0.7)
        axes.plot([whole.low, whole.high], [row, row], color="black", lw=1.2)
        if best.n >= FEW and not best.note:
            axes.plot([best.low, best.high], [row + 0.2] * 2, color=BEST, lw=1)
            axes.plot(best.value, row + 0.2, "D", color="white", mec=BEST, ms=4)
    for name, colour in (("all", "black"), ("top 5 %", BEST)):
        if name in ceiling:
            axes.axvline(ceiling[name], color=colour, ls="--", lw=0.8)
    axes.set_yticks(range(len(order)), [v.proxy for v in order], fontsize=7, parse_math=False)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_title(f"{verdicts[0].nets}, {verdicts[0].task}: {verdicts[0].n:,} nets", fontsize=10, parse_math=False)
    axes.set_xlabel("Spearman with accuracy, 95 %; diamond: the best 5 % of the nets; dashed: ceiling", fontsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.margins(y=0.01)


def _losses(axes: "Axes", cost: str, swept: dict[str, Sweep]) -> None:
    order = sorted(swept, key=lambda name: float(swept[name].regret.mean()))
    others = [name for name in order if name not in (*BASELINES, RANDOM)][:FAVOURITES]
    for name in [*others, *(name for name in (*BASELINES, RANDOM) if name in swept)]:
        style = "--" if name in (*BASELINES, RANDOM) else "-"
        axes.plot(swept[name].limits, swept[name].regret, style, marker=".", lw=1, ms=4, label=name)
    if min(float(each.limits.min()) for each in swept.values()) > 0:
        axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"limit on {cost}", fontsize=8, parse_math=False)
    axes.set_ylabel("points lost against the best within it", fontsize=8)
    axes.grid(True, lw=0.3, alpha=0.6)
    axes.legend(fontsize=6)


def _by_cost(study: Study, nets: str, task: str) -> dict[str, dict[str, Sweep]]:
    """Cost -> proxy -> sweep."""
    found: dict[str, dict[str, Sweep]] = {}
    for swept in study.along(nets, task):
        found.setdefault(swept.cost, {})[swept.proxy] = swept
    return found
