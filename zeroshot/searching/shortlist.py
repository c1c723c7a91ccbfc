"""From the first ranking of all pairs to the nets that are worth probing."""

from dataclasses import dataclass

import numpy as np

from zeroshot.cascade.rank_pairs import Ranking
from zeroshot.cost.nets import NetCosts
from zeroshot.searching.layers import LayerScores
from zeroshot.searching.population import beats_all_before, best_singles
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
    best_alone = best_singles(problem, layers.contenders.nets)
    alone = worth_probing(candidates.costs, layers.contenders.nets.accuracy, best_alone, best_alone[:0], n)
    return Shortlist(np.unique(np.concatenate([littles, bigs, alone])), littles, bigs)


def _of_role(layers: LayerScores, ranking: Ranking, role: str, n: int) -> Int64Array:
    """Candidates of one role to probe; those of the best pairs, then those of the front, are listed first."""
    rows: Int64Array = getattr(layers.candidates, role + "s")
    if getattr(layers.candidates.roles, role) is not None:
        return rows  # fixed
    both = np.concatenate([getattr(ranking.top, role), getattr(ranking.front, role)])
    _, first = np.unique(both, return_index=True)
    listed = rows[both[np.sort(first)]]
    nets = layers.contenders.nets
    return worth_probing(nets.costs, nets.accuracy, rows[getattr(ranking, role + "_fits")], listed, n)


def worth_probing(costs: NetCosts, accuracy: FloatArray, allowed: Int64Array, listed: Int64Array, n: int) -> Int64Array:
    """Half the places for nets in the best pairs so far, the rest by Pareto layers.

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
        layer = beats_all_before(accuracy[rest])
        places = np.linspace(0, layer.sum() - 1, min(n - len(chosen), int(layer.sum()))).astype(int)
        chosen += rest[layer][places].tolist()
        rest = rest[~layer]
    return np.array(sorted(chosen), np.int64)
