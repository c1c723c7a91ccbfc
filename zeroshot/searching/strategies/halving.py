"""Successive halving over tiers of proxies: layers for all nets, a forward pass for some, the search itself last.

As successive halving gives more epochs to fewer nets (Jamieson and Talwalkar, AISTATS 2016, arXiv 1502.07943), each
tier looks closer at fewer. Tier 1 draws `scored` nets and keeps those that are worth most by their layers. Tier 2
probes them with `naswot` on one batch: their expectations are dealt out anew among them, in the order of the mean log
rank of both, and half of them stay. Tier 3 is the shortlist that the search probes with all it has, the readout
included. Where it probes nothing there is no tier 2 either.
"""

import numpy as np

from zeroshot.accuracy.model import matched
from zeroshot.scoring.ranking import fuse_ranks
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.strategies.archive import Archive
from zeroshot.searching.strategies.goal import Goal
from zeroshot.searching.strategies.sampling import by_stages
from zeroshot.types import Int64Array

EACH = 100  # nets of each role, and a half as many single ones, that tier 2 probes: seconds
LEAST = 8  # times as many nets must have been scored


def halving(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Equally many nets of each number of stages, then the tiers; see the head of this page."""
    archive = by_stages(goal, rng)
    n = min(EACH, -(-archive.judged // LEAST))
    rows = _best(archive, n)
    if goal.probe is None or not len(rows):
        return archive.worthiest()
    mu = archive.mu[rows]
    archive.mu[rows] = matched(fuse_ranks(np.column_stack([mu, goal.probe(archive.values[rows])])), mu)
    archive.keep(rows)
    archive.keep(_best(archive, -(-n // 2)))
    return archive.worthiest()


def _best(archive: Archive, n: int) -> Int64Array:
    """Rows of n nets of each role, and of half as many that stand alone, sorted."""
    found = archive.best(archive.little, n), archive.best(archive.big, n), archive.best(archive.alone, -(-n // 2))
    return np.unique(np.concatenate(found))
