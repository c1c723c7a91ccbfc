"""From the first ranking of all pairs to the nets that are worth probing, and their fused ranks."""

from contextlib import closing
from dataclasses import dataclass
from math import inf

import numpy as np

from zeroshot.cascade.pairs import Ranking
from zeroshot.cost.nets import NetCosts
from zeroshot.probing.probe import Score
from zeroshot.runs.folder import RunFolder
from zeroshot.scoring.population import ProbeImages, score_aggregate, score_probed
from zeroshot.scoring.ranking import fuse_ranks
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.results import Population, single_fits, single_front
from zeroshot.searching.settings import Setting
from zeroshot.types import FloatArray, Int64Array, Progress


@dataclass(frozen=True, eq=False)
class Shortlist:
    """The nets that the final ranking is about.

    Attributes:
        rows: Of the candidates.
        littles: Of these, those that may be little.
        bigs: Those that may be big.
        fused: Of `rows`, their fused ranks.
        scores: Probed proxy -> its scores of `rows`.
        undefined: Probed proxy -> nets on which it has no meaning.
    """

    rows: Int64Array
    littles: Int64Array
    bigs: Int64Array
    fused: FloatArray
    scores: dict[str, FloatArray]
    undefined: dict[str, int]


def probed(
    s: Setting, images: dict[int, ProbeImages], found: Candidates, names: list[str], static: FloatArray,
    accuracy: FloatArray, first: Ranking, folder: RunFolder | None, report: Progress,
) -> Shortlist:  # fmt: skip
    """Choose the nets worth probing, and probe them.

    Args:
        s: The setting; it has probed proxies.
        images: Resolution -> labelled images.
        found: All candidates.
        names: Their short specs.
        static: (n_nets, n_static) float64, static scores.
        accuracy: (n_nets,) float64, expected from them.
        first: The ranking by that accuracy.
        folder: Keeps the scores; those that it holds are not computed again.
        report: Progress.
    """
    littles = _shortlist(s, found, accuracy, first, "little")
    bigs = _shortlist(s, found, accuracy, first, "big")
    # Single nets get places of their own: a pair must beat the best of them, not the best of what pairs left.
    static_alone = Population(names, found.costs, accuracy)
    best_alone = single_front(static_alone, single_fits(found.costs, s.platform, s.budgets))
    alone_rows = shortlist(found.costs, accuracy, best_alone, best_alone[:0], s.shortlist)
    rows = np.unique(np.concatenate([littles, bigs, alone_rows]))
    scores = _probe(s, images, [names[i] for i in rows], folder, report)
    known = {p.name: static[rows, i] for i, p in enumerate(s.static)}
    known |= {p.name: scores[:, i] for i, p in enumerate(s.probed)}
    known |= {p.name: score_aggregate(p, known) for p in s.aggregates}
    fused = fuse_ranks(np.column_stack([known[name] for name in s.fused]))
    undefined = {p.name: int(np.isnan(column).sum()) for p, column in zip(s.probed, scores.T, strict=True)}
    return Shortlist(rows, littles, bigs, fused, {p.name: known[p.name] for p in s.probed}, undefined)


def _shortlist(s: Setting, found: Candidates, accuracy: FloatArray, ranking: Ranking, role: str) -> Int64Array:
    """Candidates of one role to probe; those of the best pairs, then those of the front, are listed first."""
    rows: Int64Array = getattr(found, role + "s")
    both = np.concatenate([getattr(ranking.top, role), getattr(ranking.front, role)])
    _, first = np.unique(both, return_index=True)
    listed = rows[both[np.sort(first)]]
    return shortlist(found.costs, accuracy, rows[getattr(ranking, role + "_fits")], listed, s.shortlist)


def shortlist(costs: NetCosts, accuracy: FloatArray, allowed: Int64Array, listed: Int64Array, n: int) -> Int64Array:
    """Nets worth probing: half the places for those in the best pairs so far, the rest by Pareto layers.

    Args:
        costs: Of all candidates.
        accuracy: (n_nets,) float64, expected from the static proxies.
        allowed: Rows of nets that stand in some pair inside the budgets.
        listed: Rows of nets in the best pairs and on the front, in order of merit.
        n: Places.

    Returns:
        (at most n,) sorted rows.
    """
    # Evenly, not the first half: the front runs from cheap to dear. The first, of the best pair, is always in.
    places = np.linspace(0, len(listed) - 1, min(n // 2, len(listed))).astype(int)
    chosen: list[int] = listed[places].tolist() or listed[:1].tolist()
    rest = np.setdiff1d(allowed, chosen)
    rest = rest[np.lexsort((-accuracy[rest], costs.latency[rest]))]
    while len(chosen) < n and len(rest):
        best = np.maximum.accumulate(np.concatenate([[-inf], accuracy[rest]]))[:-1]
        layer = accuracy[rest] > best
        places = np.linspace(0, layer.sum() - 1, min(n - len(chosen), int(layer.sum()))).astype(int)
        chosen += rest[layer][places].tolist()
        rest = rest[~layer]
    return np.array(sorted(chosen), np.int64)


def _probe(
    s: Setting, images: dict[int, ProbeImages], names: list[str], folder: RunFolder | None, report: Progress
) -> FloatArray:
    """(n_nets, n_proxies) probed scores; those already in the run folder are not computed again."""
    wanted = [p.name for p in s.probed]
    done: dict[str, dict[str, Score]] = folder.scores() if folder is not None else {}
    missing = [net for net in names if any(name not in done.get(net, {}) for name in wanted)]
    report("probing nets", len(names) - len(missing), len(names))
    # Closed by name: an interrupt must stop the workers now, not when the garbage is collected.
    with closing(score_probed(missing, s.classes, images, s.probed, s.seed, s.jobs)) as results:
        for i, result in enumerate(results, len(names) - len(missing) + 1):
            if folder is not None:
                folder.append_scores(result.net, result.scores)
            done[result.net] = dict(result.scores)
            report("probing nets", i, len(names))
    return np.array([[done[net][name].value for name in wanted] for net in names])
