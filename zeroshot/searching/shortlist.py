"""From the first ranking of all pairs to the nets that are worth probing."""

from dataclasses import dataclass

import numpy as np

from zeroshot.cascade.rank_pairs import Ranking
from zeroshot.cost.nets import NetCosts
from zeroshot.searching.layers import LayerScores
from zeroshot.searching.population import beats_all_before, best_singles, single_fits
from zeroshot.searching.problem import SearchProblem
from zeroshot.types import FloatArray, Int64Array


@dataclass(frozen=True, eq=False)
class Shortlist:
    """The nets that the final ranking is about.

    Attributes:
        rows: (n,) sorted rows of the candidates.
        littles: Of these, those that may be little.
        bigs: Those that may be big.
    """

    rows: Int64Array
    littles: Int64Array
    bigs: Int64Array


def shorten(problem: SearchProblem, layers: LayerScores, ranking: Ranking) -> Shortlist:
    """Choose the nets worth probing; all candidates where nothing is probed.

    Args:
        problem: What the search is about.
        layers: All candidates.
        ranking: Of their pairs, from the layers alone.
    """
    candidates, n = layers.candidates, problem.options.shortlist
    if not problem.proxies.probed:
        return Shortlist(np.arange(len(candidates.values)), candidates.littles, candidates.bigs)
    littles, bigs = _of_role(layers, ranking, "little", n), _of_role(layers, ranking, "big", n)
    # Single nets get places of their own: a pair must beat the best of them, not the best of what pairs left.
    costs, accuracy = candidates.costs, layers.contenders.nets.accuracy
    fits = np.flatnonzero(single_fits(costs, problem.platform, problem.budgets))
    best = fits[np.argsort(-accuracy[fits], kind="stable")]
    alone = worth_probing(costs, accuracy, fits, best, best_singles(problem, layers.contenders.nets), n)
    return Shortlist(np.unique(np.concatenate([littles, bigs, alone])), littles, bigs)


def _of_role(layers: LayerScores, ranking: Ranking, role: str, n: int) -> Int64Array:
    """Candidates of one role to probe."""
    rows: Int64Array = getattr(layers.candidates, role + "s")
    if getattr(layers.candidates.roles, role) is not None:
        return rows  # fixed
    top, front = (rows[_in_order(getattr(some, role))] for some in (ranking.top, ranking.front))
    nets = layers.contenders.nets
    return worth_probing(nets.costs, nets.accuracy, rows[getattr(ranking, role + "_fits")], top, front, n)


def _in_order(rows: Int64Array) -> Int64Array:
    """Each row once, where it comes first."""
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)]


def worth_probing(
    costs: NetCosts, accuracy: FloatArray, allowed: Int64Array, top: Int64Array, front: Int64Array, n: int
) -> Int64Array:  # fmt: skip
    """Half the places for the best so far, a quarter for those of the front, the rest by Pareto layers.

    What is named first is decided among the best, so that is where it matters what a probe says. The other half is
    for what can be had for less: it keeps the front whole.

    Args:
        costs: Of all candidates.
        accuracy: (n_nets,) float64, expected from the static proxies.
        allowed: Rows of nets that stand inside the budgets, alone or in some pair.
        top: Rows of the best single nets, or of nets in the best pairs, the best first.
        front: Rows of nets on the front, or in pairs on it, from cheap to dear.
        n: Places.

    Returns:
        (at most n,) sorted rows.
    """
    chosen: list[int] = top[: -(-n // 2)].tolist()
    others = front[~np.isin(front, chosen)]
    places = np.linspace(0, len(others) - 1, min(n // 4, len(others))).astype(int)
    chosen += others[places].tolist()
    rest = np.setdiff1d(allowed, chosen)
    rest = rest[np.lexsort((-accuracy[rest], costs.latency[rest]))]
    while len(chosen) < n and len(rest):
        layer = beats_all_before(accuracy[rest])
        places = np.linspace(0, layer.sum() - 1, min(n - len(chosen), int(layer.sum()))).astype(int)
        chosen += rest[layer][places].tolist()
        rest = rest[~layer]
    return np.array(sorted(chosen), np.int64)
