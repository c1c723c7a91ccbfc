"""The chapter on NAS-Bench-201."""

from collections.abc import Sequence

import numpy as np

from benchmarks.script import table
from benchmarks.strategies.cells import COMPARED, DEVICES, LAYERS, MACS, SCORED, SHARE, TOLD, TRUTH, CellRun
from zeroshot.spaces import nasbench201 as space

INTRODUCTION = """## NAS-Bench-201

Pairs of cells, each with its true accuracy (CIFAR-10, 200 epochs, mean of all trainings) and the latency that
HW-NAS-Bench measured; a pair may take as long as the slowest of the fastest {share:.0f} % of the {distinct:,} distinct
cells, and its big net runs at most half of the time. How often both nets are right comes from the cascade model, since
the benchmark publishes no answers. Regret: what the pair that a strategy likes best lacks, in truth, of the best pair
that there is, in points; median over {runs} seeds, with the central 80 % in brackets. The strategies that are missing
know how a net of the `mcu` space is made.
"""
ABOUT = {
    LAYERS: "Told what the layers promise (constants of {constants}, fitted to no cell)",
    MACS: "Told the same expectations in the order of the multiply-accumulates",
    TRUTH: "Told the true accuracies, which no search has: how well it searches",
}


def chapter(rows: Sequence[CellRun]) -> list[str]:
    """A table for each device and each thing that strategies are told; nothing without runs."""
    if not rows:
        return []
    runs = len({row.seed for row in rows})
    distinct = len(np.unique(space.canonical_classes()))
    lines = [INTRODUCTION.format(share=100 * SHARE, distinct=distinct, runs=runs)]
    for device in DEVICES:
        here = [row for row in rows if row.device == device]
        if not here:
            continue
        lines += [
            f"**{device}.** The best pair has {here[0].truth:.2f} %, the best single cell {here[0].best_single:.2f} %.",
            "",
        ]
        for told in TOLD:
            some = [row for row in here if row.told == told]
            heads = ["strategy", *(f"{scored:,} scored" for scored in SCORED), "s"]
            constants = " and ".join(dict.fromkeys(row.constants for row in some))
            lines += [ABOUT[told].format(constants=constants) + ":", "", *table(heads, _rows(some)), ""]
    return lines


def _rows(rows: Sequence[CellRun]) -> list[list[str]]:
    found = []
    for strategy in COMPARED:
        mine = [row for row in rows if row.strategy == strategy]
        cells = [_regret([row for row in mine if row.asked == scored]) for scored in SCORED]
        last = [row.seconds for row in mine if row.asked == SCORED[-1]]
        found.append([strategy, *cells, f"{np.median(last):.2g}" if last else ""])
    return found


def _regret(rows: Sequence[CellRun]) -> str:
    if not rows:
        return ""
    low, middle, high = np.quantile([row.truth - row.pair for row in rows], (0.1, 0.5, 0.9))
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"
