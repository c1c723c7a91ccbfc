"""The tables and the plot of what the strategies reach."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.journey.settings import BOARD, ENGINE
from benchmarks.script import table
from benchmarks.strategies.cases import CASES, COMPARED, LISTED, RULES, TUNED, Case
from benchmarks.strategies.measuring import Measured
from zeroshot.types import FloatArray

Group = list[Measured]  # runs of one strategy under one budget of nets, that differ in their seeds
COLOURS = {
    "random": "#444444", "uniform": "#b0b0b0", "grid": "#c9a66b", "stratified": "#8c8c8c", "scaling": "#5aa469",
    "evolution": "#c0392b", "metropolis": "#d9822b", "nsga2": "#2a78b5",
    "flash": "#7d5ba6", "tpe": "#c76b98", "halving": "#3aa6a0",
}  # fmt: skip

INTRODUCTION = """# How far search strategies come

Expected accuracy, by layers alone, of the best pair and the best single net that a strategy finds for {board} with
the engine {engine}, the big net running at most half of the time. Each figure is the median over seeds, with the
central 80 % in brackets; seconds are of one core. Nothing is trained for these tables: they say how well a strategy
searches. Whether its finds are as good as expected is told [below](#what-survives-training). Accuracies are expected by
the constants of {constants}, from each net's own features, so that they do not depend on which others were found; a
search mixes in ranks among its candidates.

- `random` draws until five times as many nets fit as it keeps, and keeps {default:,} or 10,000 of each role evenly over
  latency, whatever they are worth. The others keep the worthiest {default:,} of each role of those that they score.
- volume: the area under the front of pairs over latency, from 0 to the budget, in percent (the hypervolume with 0 % at
  the budget as its reference).
- farthest: of the nets in the ten best pairs, how far the farthest feature lies from its centre, in standard deviations
  of the nets that accuracies were learnt from; beyond 3 a net's error bar widens. Unlike: share of these nets that do.
"""

ABOUT_PARTS = """The same searches among nets of one side and five neighbouring widths, as `zeroshot tune-space` names
them: where nets that fit are largest on average, which is how TinyNAS (MCUNet, NeurIPS 2020) chooses, or where their
layers promise the most on average."""


def groups(rows: Sequence[Measured], case: str) -> Iterator[Group]:
    """Runs of a case by strategy, candidates and budget, in the order of the file."""
    found: dict[tuple[str, int, int], Group] = {}
    for row in rows:
        if row.case == case:
            found.setdefault((row.strategy, row.nets, row.asked), []).append(row)
    order = list(COLOURS)
    yield from (found[key] for key in sorted(found, key=lambda key: (order.index(key[0]), key[1:])))


def report(rows: Sequence[Measured], chapters: Sequence[str] = ()) -> str:
    """The whole page; `chapters` are the lines of those that others write."""
    constants = " and ".join(dict.fromkeys(row.constants for row in rows))
    lines = [INTRODUCTION.format(board=BOARD, engine=ENGINE, default=1000, constants=constants)]
    for case in CASES:
        some = list(groups(rows, case.name))
        if some:
            lines += [f"## {case.name}", "", _about(case, some), "", *_table(some), ""]
    lines += _tuned(rows)
    return "\n".join([*lines, *chapters, "![accuracy against nets scored](strategies.png)", ""])


def _tuned(rows: Sequence[Measured]) -> list[str]:
    """A table of searches in a part of the space beside those in the whole; nothing where none was run."""
    found = []
    for case in CASES:
        parts = [part for part in TUNED if part.name == f"{case.name}, {part.rule}"]
        run = [part for part in parts if any(row.case == part.name for row in rows)]
        for one in [case, *run] if run else []:
            where = RULES.get(one.rule, "whole space")
            some = [each for each in groups(rows, one.name) if (each[0].strategy, each[0].asked) in COMPARED]
            found += [[case.name, where, *_row(each)[:6]] for each in some]
    heads = ["budget", "part with", "strategy", "scored", "runs", "s", "best pair, %", "best single, %"]
    return ["## In a part of the space", "", ABOUT_PARTS, "", *table(heads, found), ""] if found else []


def _about(case: Case, some: list[Group]) -> str:
    flash, sram, latency = case.limits
    text = f"{flash:g} KiB of flash, {sram:g} KiB of SRAM, {latency:g} ms on average."
    best = some[0][0].truth
    if best is None:
        return text
    return (
        f"{text} A space of {LISTED.count():,} nets, all pairs of which are known: the best has {best:.2f} %. "
        "Regret is what a strategy's best pair lacks of it, in points."
    )


def _table(some: list[Group]) -> list[str]:
    heads = ["strategy", "scored", "runs", "s", "best pair, %", "best single, %", "volume, %", "farthest", "unlike, %"]
    known = some[0][0].truth is not None
    return table([*heads, *(["regret, points"] if known else [])], [_row(group) for group in some])


def _row(group: Group) -> list[str]:
    one = group[0]
    name = f"random, {one.nets:,} + {one.nets:,} kept" if one.strategy == "random" else one.strategy
    cells = [
        name, f"{np.median(_column(group, 'scored')):,.0f}", str(len(group)),
        f"{np.median(_column(group, 'seconds')):.2g}",
        *(_interval(_column(group, what)) for what in ("pair", "single", "volume")),
        f"{np.median(_column(group, 'farthest')):.1f}", f"{100 * np.mean(_column(group, 'unlike')):.0f}",
    ]  # fmt: skip
    if one.truth is not None:
        cells.append(_interval(one.truth - _column(group, "pair")))
    return cells


def _column(group: Group, name: str) -> FloatArray:
    return np.array([getattr(row, name) for row in group], np.float64)


def _interval(values: FloatArray) -> str:
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def plot(rows: Sequence[Measured], path: Path) -> None:
    """A panel a case: accuracy of the best pair against nets scored, medians with their central 80 %."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import NullFormatter

    fig, panels = plt.subplots(1, len(CASES), figsize=(3.4 * len(CASES), 4.2), layout="constrained")
    for axes, case in zip(panels, CASES, strict=True):
        lines: dict[str, list[Group]] = {}
        for group in groups(rows, case.name):
            lines.setdefault(group[0].strategy, []).append(group)
        for name, some in lines.items():
            at = [float(np.median(_column(group, "scored"))) for group in some]
            low, middle, high = np.transpose([np.quantile(_column(group, "pair"), (0.1, 0.5, 0.9)) for group in some])
            bars = [middle - low, high - middle]
            axes.errorbar(at, middle, yerr=bars, color=COLOURS[name], label=name, marker="o", ms=4, lw=1.5, capsize=2)
        if lines and (best := next(iter(lines.values()))[0][0].truth) is not None:
            axes.axhline(best, color="black", lw=0.8, ls="--")
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())  # their labels would overlap
        axes.set_title(case.name, fontsize=10)
        axes.set_xlabel("nets scored")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("expected accuracy of the best pair, %")
    handles, names = panels[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=len(COLOURS), frameon=False)
    fig.savefig(path, dpi=110)
    plt.close(fig)
