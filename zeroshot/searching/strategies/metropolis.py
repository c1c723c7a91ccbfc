"""Metropolis-Hastings with a falling temperature: many chains, each under limits of its own.

A chain walks to a mutant with the probability min(1, exp(change of mu / temperature)) (Metropolis et al., 1953;
Kirkpatrick et al., 1983). Its limits of latency and flash are shares of what the budgets leave, so that the chains
together reach along the fronts.
"""

from itertools import chain, repeat

import numpy as np

from zeroshot.searching.candidates import Candidates
from zeroshot.searching.strategies.archive import NOWHERE, Archive
from zeroshot.searching.strategies.goal import Goal

CHAINS = 128
HOT, COLD = 0.1, 0.004  # mu; nets of the zoo differ by 0.25


def metropolis(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Chains from random nets, and from seeds; see the head of this page."""
    archive = Archive(goal)
    archive.add(goal.space.sample(min(2 * CHAINS, archive.left), rng))
    if not len(archive.mu):
        return archive.worthiest()
    needs = archive.needs()
    limits = archive.limits(np.linspace(0, 1, CHAINS), rng)
    # Each starts with the best net inside its limits; the smallest net is inside most.
    inside = (needs[:, None, :] <= limits).all(axis=2)
    at = np.where(inside, archive.mu[:, None], -np.inf).argmax(axis=0)
    # Nets that are known already cost nothing, so there may be more steps than these; they are as cold as the last.
    cooling = chain(np.geomspace(HOT, COLD, max(archive.left // CHAINS, 1)), repeat(COLD))
    while archive.left:
        temperature = next(cooling)
        to = archive.add(goal.space.mutate(archive.values[at], rng))
        allowed = to != NOWHERE
        allowed &= (archive.needs()[to] <= limits).all(axis=1)
        better = np.exp(np.minimum((archive.mu[to] - archive.mu[at]) / temperature, 0.0))
        at = np.where(allowed & (rng.random(CHAINS) < better), to, at)
    return archive.worthiest()
