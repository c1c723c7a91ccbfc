"""Evolution of pairs: mutants and children of the nets of the best pairs, of their front, and of single nets' front.

Regularised as in Real et al. (AAAI 2019, arXiv 1802.01548): a net that has been a parent often gives way to others. It
ages by its children, not by time, since what layers say of it does not change.
"""

import numpy as np

from zeroshot.searching.candidates import Candidates
from zeroshot.searching.population import front_rows
from zeroshot.searching.strategies.archive import Archive
from zeroshot.searching.strategies.families import relatives
from zeroshot.searching.strategies.goal import Goal
from zeroshot.types import FloatArray, Int32Array, Int64Array

GENERATIONS = 20  # of what `scored` leaves after the start
RELATIVES, STRANGERS = 0.3, 0.1  # shares of `scored` that the start may take
ELITE = 160  # little nets whose pairs with as many big ones are ranked in a generation
TOP = 64  # pairs whose nets are parents, beside the front of all pairs
MIGRANTS = 0.05  # share of a generation that is drawn from the space
CROSSED, AGAIN = 0.5, 0.3  # chances that a net has two parents, and that it mutates once more


def evolution(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Start from scaled families and random nets; see the head of this page."""
    archive = Archive(goal)
    archive.add(rng.permutation(relatives(goal))[: int(RELATIVES * goal.scored)])
    archive.add(goal.space.sample(min(int(STRANGERS * goal.scored) + 1, archive.left), rng))
    generation = max(archive.left // GENERATIONS, 32)
    served: dict[int, int] = {}  # row -> children
    while archive.left:
        parents = _parents(archive)
        if not len(parents):
            break
        size = min(generation, archive.left)
        strangers = goal.space.sample(int(MIGRANTS * size) + 1, rng)
        weight = 1 / (1 + np.array([served.get(row, 0) for row in parents.tolist()]))
        archive.add(np.concatenate([_offspring(archive, parents, weight / weight.sum(), size, served, rng), strangers]))
    return archive.worthiest()


def _parents(archive: Archive) -> Int64Array:
    """Rows of nets in the best pairs, on the front of pairs, which has the best for every latency, and alone.

    A fixed net is in all pairs and has no children there, which would be as large as itself.
    """
    littles, bigs = archive.best(archive.little, ELITE), archive.best(archive.big, ELITE)
    ranking = archive.rank(littles, bigs, TOP)
    found = [front_rows(archive.costs.latency, archive.mu, archive.alone)]
    if ranking is not None and len(ranking.top):
        found += [littles[ranking.top.little], bigs[ranking.top.big]]
        found += [littles[ranking.front.little], bigs[ranking.front.big]]
    else:  # all are expected at one end of what there is: sizes still say which are worth a look
        found += [littles, bigs]
    return np.setdiff1d(np.concatenate(found), archive.fixed)


def _offspring(
    archive: Archive, parents: Int64Array, chance: FloatArray, n: int, served: dict[int, int], rng: np.random.Generator
) -> Int32Array:
    """Children of n mothers, half of them with a father too; those of one parent mutate, the others may."""
    space = archive.goal.space
    mothers, fathers = rng.choice(parents, n, p=chance), rng.choice(parents, n, p=chance)
    crossed = rng.random(n) < CROSSED
    for row in [*mothers.tolist(), *fathers[crossed].tolist()]:
        served[row] = served.get(row, 0) + 1
    children: Int32Array = archive.values[mothers]
    children[crossed] = space.crossover(children[crossed], archive.values[fathers[crossed]], rng)
    changing = ~crossed | (rng.random(n) < AGAIN)
    while changing.any():
        children[changing] = space.mutate(children[changing], rng)
        changing &= rng.random(n) < AGAIN
    return children
