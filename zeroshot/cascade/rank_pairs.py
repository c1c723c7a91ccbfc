"""The cascade cost model over all big-little pairs: budgets, the best k pairs, the Pareto front.

For a little net L and a big net B with escalation rate p, on one board:

    expected cost   c_L + c_policy + p c_B             (latency, energy; MACs without the policy)
    worst case      c_L + c_policy + c_B
    flash           model_L + model_B + one runtime with the union of their operators
    SRAM            persistent_L + persistent_B + max(arena_L, arena_B) + a kept copy of B's input
                    where one arena is planned over both nets: the input waits in it while L runs, so the last two
                    are max(arena_L + B's input, arena_B); where both read the same input, arena_L + B's input is
                    what L needs if its input is never overwritten
    accuracy        the Gaussian copula of `cascade.copula`

The escalation rate of a pair is the one of highest accuracy inside the budgets. A pair counts only where L is
cheaper than B, B is expected to be more accurate than L, p <= 1 - (c_L + c_policy) / c_B (beyond that, B alone is
cheaper), and p is at least 5 % (below that, B is not worth its flash).
"""

import dataclasses
from dataclasses import dataclass
from math import inf

import numpy as np

from zeroshot.cascade._best import Chosen, best_pairs
from zeroshot.cascade._count import count
from zeroshot.cascade._field import Terms
from zeroshot.cascade._front import not_dominated
from zeroshot.cascade._ranking import LEVELS, best_front, field_of, nets
from zeroshot.cascade.copula import PRIOR_COUPLING, Coupling, cascade_accuracy
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.errors import UsageError, unknown
from zeroshot.types import BoolArray, FloatArray, Int64Array

__all__ = [
    "LEVELS", "LIMITS", "OBJECTIVES", "Budgets", "Pairs", "Ranking", "check_objectives", "describe_pairs", "rank_pairs",
]  # fmt: skip

OBJECTIVES = ("accuracy", "latency", "energy", "macs", "worst_latency", "flash", "sram")
LIMITS = ("flash", "sram", "worst_latency", "latency", "energy")


@dataclass(frozen=True)
class Budgets:
    """Limits that every listed pair keeps; infinity for none.

    Attributes:
        flash: Bytes, both models and the runtime.
        sram: Bytes, one shared arena, persistent data and the kept input.
        latency: ms, expected.
        energy: mJ, expected.
        worst_latency: ms, when the big net runs.
        escalation: Highest escalation rate, a fraction.
    """

    flash: float = inf
    sram: float = inf
    latency: float = inf
    energy: float = inf
    worst_latency: float = inf
    escalation: float = 1.0


@dataclass(frozen=True)
class Pairs:
    """Pairs as columns, each (n,): indices into the little and big populations, and the figures of each pair.

    Costs are as in `NetCosts` (ms, mJ, MACs, bytes); `accuracy` and `p` are fractions.
    """

    little: Int64Array
    big: Int64Array
    p: FloatArray
    accuracy: FloatArray
    latency: FloatArray
    energy: FloatArray
    macs: FloatArray
    worst_latency: FloatArray
    worst_energy: FloatArray
    flash: Int64Array
    sram: Int64Array

    def __len__(self) -> int:
        return len(self.p)

    def take(self, index: Int64Array) -> "Pairs":
        """Some of the pairs, in the order of the index."""
        return Pairs(*(column[index] for column in vars(self).values()))


@dataclass(frozen=True)
class Ranking:
    """What is known of all pairs of two populations.

    Attributes:
        top: The best pairs by accuracy (ties: lower latency), best first.
        front: The Pareto front, ascending by the first cost objective.
        n_pairs: Littles times bigs.
        n_feasible: Pairs that count, inside every budget.
        little_fits: (n_littles,) bool, whether such a pair has that little net.
        big_fits: (n_bigs,) bool, the same for big nets.
        n_rated: Pairs that were rated one by one for the front; bounds ruled the others out.
    """

    top: Pairs
    front: Pairs
    n_pairs: int
    n_feasible: int
    little_fits: BoolArray = dataclasses.field(repr=False)
    big_fits: BoolArray = dataclasses.field(repr=False)
    n_rated: int = dataclasses.field(repr=False)


def rank_pairs(
    littles: NetCosts,
    little_accuracy: FloatArray,
    bigs: NetCosts,
    big_accuracy: FloatArray,
    platform: Platform,
    budgets: Budgets,
    *,
    top: int = 10,
    per_net: int = 2,
    objectives: tuple[str, ...] = ("accuracy", "latency"),
    coupling: Coupling = PRIOR_COUPLING,
    threads: int = 2,
) -> Ranking:
    """Rank every pair of a little and a big population, exactly: bounds rule most of them out unseen.

    Pairs that count are counted exactly too, by thresholds. Nothing of a size depends on `top`: more pairs than there
    are, or than `per_net` leaves, may be asked for.

    Args:
        littles: Costs of the little nets.
        little_accuracy: (n_littles,) float64, expected accuracies, fractions.
        bigs: Costs of the big nets.
        big_accuracy: (n_bigs,) float64.
        platform: What is paid once on the board.
        budgets: Limits.
        top: Pairs to list.
        per_net: No net stands in more than so many listed pairs; the next best pair takes the place.
        objectives: Of the front, `accuracy` (maximised) and one or more of `OBJECTIVES[1:]` (minimised).
        coupling: gamma and kappa of the copula.
        threads: Threads; the result does not depend on it.

    Raises:
        UsageError: Unknown objective, lengths that differ, or a count below one.
    """
    check_objectives(objectives)
    if len(littles) != len(little_accuracy) or len(bigs) != len(big_accuracy):
        raise UsageError("Each net needs one expected accuracy.")
    if not len(littles) or not len(bigs) or top < 1 or per_net < 1:
        raise UsageError("A ranking needs at least one little net, one big net, and positive top and per_net.")
    sides = nets(littles, little_accuracy), nets(bigs, big_accuracy)
    field = field_of(*sides, coupling, _terms(budgets, platform, objectives), objectives)
    found = count(*sides, field.table, field.terms, threads)

    def described(chosen: Chosen) -> Pairs:
        # The search went by the table's accuracies; what is returned goes by the exact ones.
        little, big, p = chosen
        accuracy = cascade_accuracy(little_accuracy[little], big_accuracy[big], p, coupling)
        return describe_pairs(littles, bigs, little, big, p, accuracy, platform)

    best, front = described(best_pairs(field, top, per_net)), best_front(field, threads)
    return Ranking(
        top=best.take(np.lexsort((best.big, best.little, best.latency, -best.accuracy))),
        front=_front(described(front.chosen), [name for name in objectives if name != "accuracy"]),
        n_pairs=len(littles) * len(bigs),
        n_feasible=found.n_feasible,
        little_fits=found.little_fits,
        big_fits=found.big_fits,
        n_rated=front.n_rated,
    )


def _terms(budgets: Budgets, platform: Platform, objectives: tuple[str, ...]) -> Terms:
    """Always of the same types, so that the search is compiled once."""
    codes = np.array(sorted((OBJECTIVES.index(name) for name in objectives), key=lambda code: (code == 0, code)))
    limits = {name: float(getattr(budgets, name)) for name in LIMITS}
    limits["escalation"] = min(float(budgets.escalation), 1.0)  # the table ends there
    masks = np.arange(len(platform.runtime))
    fewest = platform.runtime[masks[:, None] | masks].min(axis=1)
    return Terms(
        **limits, policy_latency=float(platform.policy_latency), policy_energy=float(platform.policy_energy),
        input_in_arena=bool(platform.input_in_arena), runtime=np.stack([platform.runtime, fewest]),
        levels=np.array(LEVELS), codes=codes,
    )  # fmt: skip


def _front(pairs: Pairs, costs: list[str]) -> Pairs:
    """Those that no other beats, ascending by the first cost."""
    pairs = pairs.take(np.lexsort((pairs.big, pairs.little, pairs.accuracy, getattr(pairs, costs[0]))))
    points = np.column_stack([*(getattr(pairs, name) for name in costs), -pairs.accuracy])
    return pairs.take(not_dominated(points))


def describe_pairs(
    littles: NetCosts, bigs: NetCosts, little: Int64Array, big: Int64Array, p: FloatArray, accuracy: FloatArray,
    platform: Platform,
) -> Pairs:  # fmt: skip
    """All figures of given pairs, by the formulas at the head of this module."""
    a, b = littles.take(little), bigs.take(big)
    activations = np.maximum(a.arena, b.arena) + b.input
    if platform.input_in_arena:
        activations = np.maximum(np.where(a.input == b.input, a.holding, a.arena + b.input), b.arena)
    latency, energy = a.latency + platform.policy_latency, a.energy + platform.policy_energy
    return Pairs(
        little, big, p, accuracy,
        latency=latency + p * b.latency,
        energy=energy + p * b.energy,
        macs=a.macs + p * b.macs,
        worst_latency=latency + b.latency,
        worst_energy=energy + b.energy,
        flash=a.flash + b.flash + platform.runtime[a.ops | b.ops],
        sram=activations + a.persistent + b.persistent,
    )  # fmt: skip


def check_objectives(objectives: tuple[str, ...]) -> None:
    """Raise a UsageError unless these can span a front: accuracy and at least one cost, each once."""
    for name in objectives:
        if name not in OBJECTIVES:
            raise unknown("objective", name, OBJECTIVES)
    if "accuracy" not in objectives or len(objectives) < 2 or len(set(objectives)) < len(objectives):
        raise UsageError("A front needs accuracy and at least one cost, each once.", "For example accuracy,latency.")
