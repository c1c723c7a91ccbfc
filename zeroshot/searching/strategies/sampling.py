"""Strategies that learn nothing from what they have seen: evenly at random, by strata, or by counting."""

from math import gcd

import numpy as np

from zeroshot.searching.candidates import Candidates, by_strata, draw
from zeroshot.searching.strategies.archive import Archive
from zeroshot.searching.strategies.goal import Goal
from zeroshot.types import BoolArray, Int64Array

ROUND = 2048  # nets drawn at a time
GOLDEN = 0.6180339887498949  # of its multiples, taken modulo 1, no two lie close together


def spread(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Equally many nets of each number of stages, spread evenly over latency, whatever they are worth."""
    return draw(goal.mcu, goal.cost_of, goal.roles, goal.nets, rng)


def uniform(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Each net of the space equally likely; the worthiest are kept."""
    archive = Archive(goal)
    while archive.left:
        archive.add(goal.space.sample(min(ROUND, archive.left), rng))
    return archive.worthiest()


def grid(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Numbers of nets at equal distances around the space, or all nets where there are so few; the worthiest are kept.

    The distance is the golden section of the space, made coprime to the number of nets, so that no net comes twice.
    """
    archive, count = Archive(goal), goal.space.count()
    step = max(int(count * GOLDEN), 1)
    while gcd(step, count) > 1:
        step += 1
    at = int(rng.integers(count))
    seen = 0
    while archive.left and seen < count:
        n = min(ROUND, archive.left, count - seen)
        # Python's integers: the products do not fit into 64 bits.
        archive.add(goal.space.decode(np.array([(at + step * i) % count for i in range(seen, seen + n)], np.int64)))
        seen += n
    return archive.worthiest()


def stratified(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Equally many nets of each number of stages; the worthiest of each stratum of log latency are kept."""
    archive = by_stages(goal, rng)
    return archive.candidates(_best_of_strata(archive, archive.little), _best_of_strata(archive, archive.big))


def by_stages(goal: Goal, rng: np.random.Generator) -> Archive:
    """All nets that may be judged, equally many of each number of stages."""
    archive, space = Archive(goal), goal.mcu
    stages = range(space.min_stages, space.max_stages + 1)
    while archive.left:
        each = -(-min(ROUND, archive.left) // len(stages))
        archive.add(np.concatenate([space.sample(each, rng, s) for s in stages]))
    return archive


def _best_of_strata(archive: Archive, allowed: BoolArray) -> Int64Array:
    """Rows, as many of each stratum of log latency as it has, up to its share, the worthiest first."""
    rows = np.flatnonzero(allowed)
    rows = rows[np.argsort(-archive.mu[rows], kind="stable")]
    return by_strata(np.log(archive.costs.latency), rows, archive.goal.nets)
