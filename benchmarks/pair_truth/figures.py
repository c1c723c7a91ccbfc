"""The plots of the report."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.pair_truth.contest import Contest
from benchmarks.pair_truth.couplings import RATES, Curves
from benchmarks.pair_truth.market import Terms
from zeroshot.cascade.copula import Coupling, cascade_accuracy
from zeroshot.types import FloatArray

BLUE, GREEN, ORANGE, GREY = "#0b6e99", "#5aa469", "#c2571a", "#888888"
SHOWN_RATES = (0.1, 0.3, 0.5)


def plot_predicted(found: Curves, panels: Mapping[str, FloatArray], coupling: Coupling, path: Path) -> None:
    """Predicted against true accuracy of held-out pairs, one panel a source of single accuracies.

    Args:
        found: Exact curves.
        panels: Title -> (n_nets,) single accuracies.
        coupling: gamma and kappa.
        path: The PNG.
    """
    figure = Figure(figsize=(4.6 * len(panels), 5.3), layout="constrained")
    FigureCanvasAgg(figure)
    columns = [RATES.index(rate) for rate in SHOWN_RATES]
    true = 100 * found.accuracy[:, columns]
    predicted = {
        title: 100 * cascade_accuracy(a[found.little, None], a[found.big, None], found.p[:, columns], coupling)
        for title, a in panels.items()
    }
    low = min(true.min(), *(p.min() for p in predicted.values())) - 1
    high = max(true.max(), *(p.max() for p in predicted.values())) + 1
    for axes, (title, values) in zip(np.atleast_1d(figure.subplots(1, len(panels))), predicted.items(), strict=True):
        for i, (rate, colour) in enumerate(zip(SHOWN_RATES, (BLUE, GREEN, ORANGE), strict=True)):
            axes.plot(true[:, i], values[:, i], ".", ms=3 if len(found) > 200 else 7, color=colour, alpha=0.5, mew=0,
                      label=f"{100 * rate:.0f} % escalate", rasterized=True)  # fmt: skip
        axes.plot([low, high], [low, high], color="black", lw=0.8)
        axes.set(xlim=(low, high), ylim=(low, high), xlabel="true accuracy of the pair, %")
        axes.set_box_aspect(1)
        axes.set_title(f"{title}\nmean error {np.abs(values - true).mean():.2f} points", fontsize=10)
        axes.set_ylabel("predicted accuracy of the pair, %")
        axes.grid(alpha=0.3)
        legend = axes.legend(loc="upper left", fontsize=8, markerscale=3 if len(found) > 200 else 1)
        for handle in legend.legend_handles:
            handle.set_alpha(1)
    figure.suptitle(f"{len(found):,} pairs of trained nets, both held out, CIFAR-10 test images", fontsize=11)
    figure.savefig(path, dpi=130)


def plot_fronts(contests: Mapping[Terms, tuple[Contest, Contest]], path: Path) -> None:
    """True accuracy against budget: joint, separate, single; above chosen by the truth, below by the prediction."""
    figure = Figure(figsize=(6.2 * len(contests), 8.2), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(contests), sharey=True, squeeze=False)
    ways = {"joint": (BLUE, "o-", "pair, searched jointly"), "separate": (ORANGE, "s--", "pair, searched separately"),
            "single": (GREY, "^:", "best single net")}  # fmt: skip
    for column, (terms, both) in enumerate(contests.items()):
        for row, (found, title) in enumerate(
            zip(both, ("chosen by the truth", "chosen by the prediction"), strict=True)
        ):
            axes = grid[row][column]
            x = found.budgets if terms.latency else found.budgets / 1e6
            for way, (colour, style, label) in ways.items():
                low, high = np.nanquantile(100 * found.resampled[way], [0.1, 0.9], axis=0)
                axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
                axes.plot(x, 100 * found.accuracy[way], style, color=colour, ms=4, lw=1.4, label=label)
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator(x[::2].tolist()))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
            axes.set_title(f"{terms.name}\n{title}", fontsize=9)
            axes.set_xlabel(f"budget, {terms.unit}")
            axes.set_ylabel("true accuracy, %")
            axes.grid(alpha=0.3)
            axes.legend(loc="lower right", fontsize=8)
    figure.suptitle("What a budget buys among the held-out nets; bands are 80 % over nets and test images", fontsize=11)
    figure.savefig(path, dpi=130)
