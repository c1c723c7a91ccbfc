"""NSGA-II over accuracy, latency, flash and memory of single nets (Deb et al., IEEE Trans. Evol. Comput. 6, 2002)."""

import numpy as np

from zeroshot.searching.candidates import Candidates
from zeroshot.searching.strategies.archive import NOWHERE, Archive
from zeroshot.searching.strategies.goal import Goal
from zeroshot.types import FloatArray, Int64Array

POPULATION = 256
MOST = 8 * POPULATION  # nets to start from


def nsga2(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Start from random nets and seeds; children by crossover and mutation of tournament winners."""
    archive = Archive(goal)
    while archive.left and len(archive.mu) < POPULATION:
        archive.add(goal.space.sample(min(POPULATION, archive.left), rng))
    alive = archive.best(np.ones(len(archive.mu), np.bool_), MOST)  # an earlier run may give many
    while archive.left and len(alive):
        alive, order = _survivors(archive, alive)
        # Binary tournaments: the earlier in the order of rank and crowding wins.
        mothers, fathers = (order[rng.integers(len(order), size=(2, POPULATION)).min(axis=0)] for _ in range(2))
        children = goal.space.crossover(archive.values[mothers], archive.values[fathers], rng)
        born = archive.add(goal.space.mutate(children, rng))
        alive = np.union1d(alive, born[born != NOWHERE])
    return archive.worthiest()


def _survivors(archive: Archive, alive: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The rows that live on, sorted, and the same from the best to the worst."""
    points = np.column_stack([-archive.mu[alive], np.log(archive.needs()[alive])])
    rank = pareto_ranks(points)
    order = np.lexsort((-crowding(points, rank), rank))[:POPULATION]
    return np.sort(alive[order]), alive[order]


def pareto_ranks(points: FloatArray) -> Int64Array:
    """Number of the Pareto layer of each point, from 0; the less in every column the better.

    Args:
        points: (n, objectives) float64.
    """
    no_worse = np.asarray((points[:, None, :] <= points[None, :, :]).all(axis=2))
    dominates = no_worse & ~no_worse.T
    rank, rest = np.zeros(len(points), np.int64), np.ones(len(points), np.bool_)
    while rest.any():
        first = rest & ~dominates[rest].any(axis=0)
        rank[rest & ~first] += 1
        rest &= ~first
    return rank


def crowding(points: FloatArray, rank: Int64Array) -> FloatArray:
    """Crowding distance of each point in its layer: the sum of the gaps between its neighbours; infinite at the ends.

    Args:
        points: (n, objectives) float64.
        rank: (n,) their layers.
    """
    out = np.zeros(len(points))
    for layer in np.unique(rank):
        rows = np.flatnonzero(rank == layer)
        for column in points[rows].T:
            order = np.argsort(column, kind="stable")
            width = max(float(np.ptp(column)), 1e-12)
            out[rows[order[[0, -1]]]] = np.inf
            out[rows[order[1:-1]]] += (column[order[2:]] - column[order[:-2]]) / width
    return out
