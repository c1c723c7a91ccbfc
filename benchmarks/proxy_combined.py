"""Combinations of scores on NAS-Bench-201's cells: named by hand, chosen, weighted, and calibrated with labels."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.proxy_combined_report import UNSEEN, WHOLE
from zeroshot.bench import nasbench201 as nb
from zeroshot.bench import statistics as stats
from zeroshot.bench import study as studies
from zeroshot.bench.calibrate import calibrate, features
from zeroshot.bench.combine import choose, freeze, halves
from zeroshot.bench.graph import one_hot
from zeroshot.bench.judge import Options
from zeroshot.bench.table import Truth
from zeroshot.spaces import nasbench201
from zeroshot.types import BoolArray

OPTIONS = Options()
FIXED, SPLITS = "fuse: graph + jacob_cov + az_nas", 4
OTHERS = ("vkdnw_agg", "az_nas", "meco", "params")  # what the fixed combination is set against
LABELS = {25: 10, 100: 10, 1000: 3}  # labels -> draws of them
FROZEN_LABELS, FROZEN_DRAWS = (100, 500), 5
Sets = Sequence[tuple[Truth, tuple[str, ...]]]
FIGURES = ("spearman", "kendall", "top 5 %")


def summary(values: Sequence[tuple[float, ...]]) -> dict[str, float]:
    """Mean and standard deviation of each of `FIGURES` over splits or draws."""
    found = np.array(values)
    spread = found.std(axis=0, ddof=1) if len(found) > 1 else np.full(len(FIGURES), np.nan)
    means = dict(zip(FIGURES, found.mean(axis=0).tolist(), strict=True))
    return means | dict(zip((f"{name} sd" for name in FIGURES), spread.tolist(), strict=True))


def choices(sets: Sets) -> Iterable[dict[str, Any]]:
    """A combination chosen on each task, for each set of cells; and the one fixed by reasoning."""
    for truth, names in sets:
        yield from by_reasoning(truth)
        for task in truth.accuracy:
            found = [choose(truth, task, candidates(names), seed=seed) for seed in range(SPLITS)]
            for other, estimate in found[0].reported.items():
                figures = [(f.reported[other].value, f.kendall[other].value, f.top[other].value) for f in found]
                yield {
                    "nets": truth.name, "chosen on": task, "parts": " + ".join(found[0].parts), "splits": SPLITS,
                    "spearman there": float(np.mean([f.chosen_on for f in found])), "reported on": other,
                    "rows": found[0].n_reported, "low, first split": estimate.low, "high, first split": estimate.high,
                    **summary(figures),
                    "all rows": float(np.mean([f.everywhere[other] for f in found])),
                }  # fmt: skip
            print("chosen on", truth.name, task, file=sys.stderr, flush=True)


def rows_by_view(truth: Truth) -> dict[str, BoolArray]:
    """The rows of the functions that were not looked at when the fixed combination was named, and all rows."""
    seen = halves(nasbench201.canonical_classes())[nb.cells_of(truth.nets)]
    return {UNSEEN: ~seen, WHOLE: np.ones(len(truth), np.bool_)}


def by_reasoning(truth: Truth) -> Iterable[dict[str, Any]]:
    """The fixed combination on the half of the functions that was not looked at when it was named, and on all rows."""
    x, kinds = truth.scores[FIXED], rows_by_view(truth)
    seen = ~kinds[UNSEEN]
    for what, rows in kinds.items():
        for task, truths in truth.accuracy.items():
            z, y, groups = x[rows], truths[rows], truth.groups[rows]
            rho, tau = stats.correlations(z, y, groups, OPTIONS.resamples, OPTIONS.seed)
            inside = stats.top(y, 0.05)
            yield {
                "nets": truth.name, "chosen on": what, "parts": FIXED, "splits": 1,
                "spearman there": float(stats.spearman(x[seen], truths[seen])[0]), "reported on": task,
                "rows": len(z), "low, first split": rho.low, "high, first split": rho.high,
                **summary([(rho.value, tau.value, float(stats.spearman(z[inside], y[inside])[0]))]),
                "all rows": float(stats.spearman(x, truths)[0]),
            }  # fmt: skip


def against_others(truth: Truth) -> Iterable[dict[str, Any]]:
    """The fixed combination less each of the best single scores, on equal rows and in equal resamples."""
    for what, rows in rows_by_view(truth).items():
        n, weights = int(rows.sum()), stats.resamples(truth.groups[rows], OPTIONS.resamples, OPTIONS.seed)
        names = [name for name in (FIXED, *OTHERS) if name in truth.scores]
        scores = np.array([truth.scores[name][rows] for name in names])
        for task, truths in truth.accuracy.items():
            once, drawn = (
                stats.rank_correlations(scores, truths[rows], np.zeros((0, n)), w)[0] for w in (None, weights)
            )
            for at, other in enumerate(names[1:], 1):
                found = stats.estimate(once[0] - once[at], drawn[0] - drawn[at], n)
                yield {
                    "nets": truth.name, "rows are": what, "rows": n, "task": task, "score": other,
                    "spearman": float(once[at, 0]), "fusion": float(once[0, 0]), "ahead": found.value,
                    "low": found.low, "high": found.high,
                }  # fmt: skip


def candidates(names: Sequence[str]) -> list[str]:
    """Scores that a combination is made of: our own, sizes once, no baseline without sense, no other combination."""
    graph = [name for name in studies.graph_names() if name != "macs"]
    left_out = {"random", "macs", "linear_regions", *graph}
    return [*graph, *(n for n in names if n not in left_out and not n.startswith(("fuse", "sz_")))]


def frozen(sets: Sets) -> Iterable[dict[str, Any]]:
    """Weights found with labels of one task, applied to all, for each set of cells."""
    for truth, names in sets:
        for task in truth.accuracy:
            for labels in FROZEN_LABELS:
                found = [freeze(truth, task, candidates(names), labels, seed) for seed in range(FROZEN_DRAWS)]
                for other in truth.accuracy:
                    yield {
                        "nets": truth.name, "found on": task, "labels": labels, "draws": FROZEN_DRAWS,
                        "reported on": other, "rows": int(np.mean([each.rows for each in found])),
                        "seen": float(np.mean([each.seen for each in found])),
                        **summary([(f.spearman[other], f.kendall[other], f.top[other]) for f in found]),
                    }  # fmt: skip
            print("frozen", truth.name, task, file=sys.stderr, flush=True)


def calibrated(sets: Sets) -> Iterable[dict[str, Any]]:
    """What models reach with few labels, for each set of cells, with scores that need passes and without."""
    for truth, names in sets:
        graph = one_hot(np.array([nasbench201.parse(net) for net in truth.nets]))
        counted = [name for name in studies.graph_names() if name != "macs"]
        given = {"graph": counted, "graph + scores": candidates(names)}
        for what, scores in given.items():
            inputs = features(truth, scores, graph)
            for labels, draws in LABELS.items():
                for task in truth.accuracy:
                    for found in calibrate(truth, task, inputs, labels, draws=draws):
                        yield {
                            "nets": truth.name, "inputs of": what, "task": task, "labels": labels,
                            "model": found.model, "draws": draws, "inputs": inputs.x.shape[1],
                            "rows": int(found.rows.mean()),
                            **summary(list(zip(found.spearman, found.kendall, found.top, strict=True))),
                        }  # fmt: skip
                print("calibrated", truth.name, what, labels, file=sys.stderr, flush=True)
