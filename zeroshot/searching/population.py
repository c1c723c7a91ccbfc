"""Nets with costs and expected accuracies: alone, and as the two nets of pairs."""

from dataclasses import dataclass

import numpy as np

from zeroshot.cascade.rank_pairs import Budgets, Ranking, rank_pairs
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.scoring.population import default_jobs
from zeroshot.searching.problem import SearchProblem
from zeroshot.types import BoolArray, FloatArray, Int64Array


@dataclass(frozen=True, eq=False)
class Population:
    """Nets that can be listed.

    Attributes:
        names: Short specs.
        costs: Of the same length.
        accuracy: (n_nets,) float64, expected, fractions.
        sd: (n_nets,) float64, standard deviation of its probit, what all nets share left out.
    """

    names: list[str]
    costs: NetCosts
    accuracy: FloatArray
    sd: FloatArray

    def take(self, rows: Int64Array) -> "Population":
        """Some of the nets, in the order of the rows."""
        return Population([self.names[i] for i in rows], self.costs.take(rows), self.accuracy[rows], self.sd[rows])


@dataclass(frozen=True, eq=False)
class Contenders:
    """Nets that may form pairs.

    Attributes:
        nets: All of them, each of which may stand alone.
        littles: (n_littles,) rows of those that may be the little net.
        bigs: (n_bigs,) rows of those that may be the big one; a net may be both.
    """

    nets: Population
    littles: Int64Array
    bigs: Int64Array


def rank(problem: SearchProblem, contenders: Contenders, at_least: int = 0) -> Ranking:
    """Rank all pairs of the contenders and keep those that will be listed, or more; indices point into both roles."""
    options, accuracy, costs = problem.options, contenders.nets.accuracy, contenders.nets.costs
    littles, bigs, top = contenders.littles, contenders.bigs, max(options.top, at_least)
    return rank_pairs(
        costs.take(littles), accuracy[littles], costs.take(bigs), accuracy[bigs], problem.platform, problem.budgets,
        top=top, per_net=top if problem.roles.fixed else options.per_net, objectives=options.objectives,
        threads=options.jobs or default_jobs(),
    )  # fmt: skip


def single_fits(costs: NetCosts, platform: Platform, budgets: Budgets) -> BoolArray:
    """Which nets meet the budgets alone: no second model, no kept input, no escalation."""
    fits = costs.flash + platform.runtime[costs.ops] <= budgets.flash
    fits &= costs.arena + costs.persistent <= budgets.sram
    fits &= costs.latency <= min(budgets.latency, budgets.worst_latency)
    return np.asarray(fits & (costs.energy <= budgets.energy))


def single_front(nets: Population, fits: BoolArray) -> Int64Array:
    """Rows of the fitting nets that no other fitting net beats in both latency and accuracy, by rising latency."""
    return front_rows(nets.costs.latency, nets.accuracy, fits)


def front_rows(latency: FloatArray, worth: FloatArray, allowed: BoolArray) -> Int64Array:
    """Rows of the allowed nets that no other one beats in both latency and worth, by rising latency."""
    rows = np.flatnonzero(allowed)
    rows = rows[np.lexsort((-worth[rows], latency[rows]))]
    return rows[beats_all_before(worth[rows])]


def beats_all_before(worth: FloatArray) -> BoolArray:
    """Which of nets by rising cost are worth more than all cheaper ones: those on the front."""
    best = np.maximum.accumulate(np.concatenate([[-np.inf], worth]))[:-1]
    return np.asarray(worth > best)


def best_singles(problem: SearchProblem, nets: Population) -> Int64Array:
    """Rows of the front of single nets inside the budgets."""
    return single_front(nets, single_fits(nets.costs, problem.platform, problem.budgets))
