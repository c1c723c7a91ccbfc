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
    from matplotlib.figure import Figure

DATELESS = {".png": {"Software": "zeroshot"}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
PROXY, BASELINE, BEST = "#0b6e99", "#444444", "#c2571a"
GREYS = {"params": "#000000", "macs": "#555555", "depth": "#999999", RANDOM: "#cccccc"}
FEW = 20  # nets among the best 5 % below which no diamond is drawn: its interval would cover everything
ACROSS = 3  # panels of costs side by side
FAVOURITES = 5  # proxies whose losses are drawn, those that lose least; beside the baselines and chance


def check(path: Path) -> None:
    """Refuse a file of a kind that is not drawn.

    Raises:
        UsageError: It ends in something else than .png, .pdf or .svg.
    """
    if path.suffix not in DATELESS:
        raise UsageError(f"{path} is no kind of plot.", f"Name a file that ends in {', '.join(DATELESS)}.")


def plotted(study: Study, kind: str = ".png") -> bytes:
    """A row of panels for each set of nets and task: correlations, and one a cost beside.

    Equal studies give equal bytes.

    Args:
        study: What was judged.
        kind: `.png`, `.pdf` or `.svg`.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [(nets, task, found) for nets in study.about for task, found in study.of(nets).items()]
    costs = [_by_cost(study, nets, task) for nets, task, _ in rows]
    lines = max((-(-len(each) // ACROSS) for each in costs), default=0)
    columns = min(ACROSS, max(map(len, costs), default=0))
    tall = max(1.5 + 0.2 * max((len(found) for _, _, found in rows), default=1), 2.8 * lines)
    figure = Figure(figsize=(7 + 4 * columns, tall * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(rows), 1 + columns, width_ratios=[7, *[4] * columns])
    for row, (nets, task, found) in enumerate(rows):
        _correlations(figure.add_subplot(grid[row, 0]), found, study.ceiling(nets, task))
        if columns:
            inner = grid[row, 1:].subgridspec(lines, columns)
            for at, (cost, swept) in enumerate(costs[row].items()):
                _losses(figure.add_subplot(inner[divmod(at, ACROSS)]), cost, swept)
    _settle(figure)
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "zeroshot"}):
        figure.savefig(buffer, format=kind[1:], dpi=110, metadata=DATELESS[kind])
    return buffer.getvalue()


def _settle(figure: "Figure") -> None:
    """Lay out once and round: an .svg hashes the solver's last bits, which change with memory addresses."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(Bbox([[round(float(x), 6) for x in corner] for corner in axes.get_position().get_points()]))


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
    many = verdicts[0].spearman["top 5 %"].n >= FEW
    for name, colour in (("all", "black"), ("top 5 %", BEST)):
        if name in ceiling and (name == "all" or many):
            axes.axvline(ceiling[name], color=colour, ls="--", lw=0.8)
    axes.set_yticks(range(len(order)), [v.proxy for v in order], fontsize=7, parse_math=False)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_title(f"{verdicts[0].nets}, {verdicts[0].task}: {verdicts[0].n:,} nets", fontsize=10, parse_math=False)
    diamond = "; diamond: the best 5 % of the nets" if many else ""
    axes.set_xlabel(f"Spearman with accuracy, 95 %{diamond}; dashed: ceiling", fontsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.margins(y=0.01)


def _losses(axes: "Axes", cost: str, swept: dict[str, Sweep]) -> None:
    from matplotlib.ticker import NullFormatter

    order = sorted(swept, key=lambda name: float(swept[name].regret.mean()))
    others = [name for name in order if name not in (*BASELINES, RANDOM)][:FAVOURITES]
    for at, name in enumerate([*others, *(name for name in GREYS if name in swept)]):
        line, colour = ("--", GREYS[name]) if name in GREYS else ("-", f"C{at}")
        axes.plot(swept[name].limits, swept[name].regret, line, color=colour, marker=".", lw=1, ms=4, label=name)
    if min(float(each.limits.min()) for each in swept.values()) > 0:
        axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"limit on {cost}", fontsize=8, parse_math=False)
    axes.set_ylabel("points lost", fontsize=8)
    axes.tick_params(labelsize=7, which="both")
    axes.grid(True, lw=0.3, alpha=0.6)
    axes.legend(fontsize=6)
    axes.xaxis.set_minor_formatter(NullFormatter())


def _by_cost(study: Study, nets: str, task: str) -> dict[str, dict[str, Sweep]]:
    """Cost -> proxy -> sweep."""
    found: dict[str, dict[str, Sweep]] = {}
    for swept in study.along(nets, task):
        found.setdefault(swept.cost, {})[swept.proxy] = swept
    return found
