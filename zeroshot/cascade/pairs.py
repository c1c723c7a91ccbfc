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

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zeroshot.cascade._scan import COST_COLUMNS, front_kernel, scan_kernel
from zeroshot.cascade.copula import (
    MU_LOW,
    MU_NODES,
    MU_STEP,
    PRIOR_COUPLING,
    U_HALF,
    U_NODES,
    Coupling,
    cascade_accuracy,
    cascade_table,
    rate_to_u,
    to_mu,
)
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.errors import UsageError, unknown
from zeroshot.types import BoolArray, FloatArray, Int64Array

OBJECTIVES = ("accuracy", "latency", "energy", "macs", "worst_latency", "flash", "sram")
# Escalation rates at which a pair may stand on the front, beside its best one.
LEVELS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.65)
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
    """What a scan over all pairs of two populations found.

    Attributes:
        top: The best pairs by accuracy (ties: lower latency), best first.
        front: The Pareto front, ascending by the first cost objective.
        n_pairs: Pairs looked at, littles times bigs.
        n_feasible: Pairs that count, inside every budget.
        little_fits: (n_littles,) bool, whether such a pair has that little net.
        big_fits: (n_bigs,) bool, the same for big nets.
    """

    top: Pairs
    front: Pairs
    n_pairs: int
    n_feasible: int
    little_fits: BoolArray = field(repr=False)
    big_fits: BoolArray = field(repr=False)


class _Part(NamedTuple):
    """What the scan of some of the big nets gives; rows of the (n_bigs, top) arrays are big nets."""

    n_feasible: int
    little_fits: BoolArray
    big_fits: BoolArray
    top_accuracy: FloatArray
    top_little: Int64Array
    top_p: FloatArray
    front: FloatArray
    front_pair: Int64Array
    front_p: FloatArray


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
    """Scan every pair of a little and a big population, without storing them.

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
    table = cascade_table(coupling)
    order = np.argsort(littles.latency, kind="stable")  # as the scan wants them
    at, weight = _stencil((to_mu(little_accuracy[order]) - MU_LOW) / MU_STEP, 0, MU_NODES)
    at_b, weight_b = _stencil((to_mu(big_accuracy) - MU_LOW) / MU_STEP, 0, MU_NODES)
    levels = np.array(LEVELS)
    x = np.array([rate_to_u(p) for p in LEVELS]) * (U_NODES - 1)
    at_u, weight_u = _stencil(x, np.where(x > U_HALF, U_HALF, 0), U_HALF + 1)
    limits = np.array([getattr(budgets, name) for name in LIMITS] + [budgets.escalation])
    policy = np.array([platform.policy_latency, platform.policy_energy])
    # Accuracy last: the front of two objectives is kept sorted by the first, the cost.
    codes = np.array(sorted((OBJECTIVES.index(name) for name in objectives), key=lambda code: (code == 0, code)))
    shared = (
        _matrix(littles, little_accuracy)[order], littles.ops[order], at, weight,
        _matrix(bigs, big_accuracy), bigs.ops, at_b, weight_b,
        table.gain, table.best, levels, at_u, weight_u,
        platform.runtime, platform.input_in_arena, limits, policy, codes, top,
    )  # fmt: skip
    bounds = np.linspace(0, len(bigs), max(1, min(threads, len(bigs))) + 1).astype(int)

    def scan(low: int, high: int) -> _Part:
        part = _Part(*scan_kernel(*shared, low, high))
        part.front_pair[:, 0] = order[part.front_pair[:, 0]]
        fits = np.zeros(len(littles), np.bool_)
        fits[order] = part.little_fits
        return part._replace(little_fits=fits, top_little=order[part.top_little])

    with ThreadPoolExecutor(len(bounds) - 1) as pool:
        parts = list(pool.map(scan, bounds[:-1], bounds[1:]))

    def describe(little: Int64Array, big: Int64Array, p: FloatArray) -> Pairs:
        accuracy = cascade_accuracy(little_accuracy[little], big_accuracy[big], p, coupling)
        return describe_pairs(littles, bigs, little, big, p, accuracy, platform)

    little, big, p = _best(parts, littles.latency, bigs.latency, platform.policy_latency, top, per_net)
    front_l, front_b, front_p = _merge_fronts(parts)
    # The scan went by the table's accuracies; what is returned goes by the exact ones.
    best, front = describe(little, big, p), describe(front_l, front_b, front_p)
    best = best.take(np.lexsort((best.big, best.little, best.latency, -best.accuracy)))
    costs = [name for name in objectives if name != "accuracy"]
    front = front.take(np.lexsort((front.big, front.little, front.accuracy, getattr(front, costs[0]))))
    points = np.column_stack([*(getattr(front, name) for name in costs), -front.accuracy])
    front = front.take(np.sort(front_kernel(points)))
    return Ranking(
        top=best,
        front=front,
        n_pairs=len(littles) * len(bigs),
        n_feasible=sum(part.n_feasible for part in parts),
        little_fits=np.any([part.little_fits for part in parts], axis=0),
        big_fits=np.concatenate([part.big_fits for part in parts]),
    )


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


def _matrix(costs: NetCosts, accuracy: FloatArray) -> FloatArray:
    return np.column_stack([getattr(costs, name) for name in COST_COLUMNS] + [accuracy]).astype(np.float64)


def _stencil(x: FloatArray, low: npt.ArrayLike, nodes: int) -> tuple[Int64Array, FloatArray]:
    """First node and the four weights of cubic Lagrange interpolation at positions x, in node spacings.

    The four nodes are among the `nodes` ones from node `low` on.
    """
    at = np.clip(np.floor(x).astype(np.int64) - 1, low, np.asarray(low) + nodes - 4)
    d = x - at
    weight = [
        -(d - 1) * (d - 2) * (d - 3) / 6,
        d * (d - 2) * (d - 3) / 2,
        -d * (d - 1) * (d - 3) / 2,
        d * (d - 1) * (d - 2) / 6,
    ]
    return at, np.column_stack(weight)


def _best(
    parts: list[_Part], latency_l: FloatArray, latency_b: FloatArray, policy: float, top: int, per_net: int
) -> tuple[Int64Array, Int64Array, FloatArray]:
    """The best pairs under the cap per net; exact, as `top` candidates a big net always hold an unblocked one."""
    accuracy = np.concatenate([part.top_accuracy for part in parts])
    little = np.concatenate([part.top_little for part in parts])
    p = np.concatenate([part.top_p for part in parts])
    big, slot = np.nonzero(np.isfinite(accuracy))
    accuracy, little, p = accuracy[big, slot], little[big, slot], p[big, slot]
    expected = latency_l[little] + policy + p * latency_b[big]
    chosen: list[int] = []
    used_l: dict[int, int] = {}
    used_b: dict[int, int] = {}
    for i in np.lexsort((big, little, expected, -accuracy)):
        a, b = int(little[i]), int(big[i])
        if used_l.get(a, 0) < per_net and used_b.get(b, 0) < per_net:
            used_l[a], used_b[b] = used_l.get(a, 0) + 1, used_b.get(b, 0) + 1
            chosen.append(int(i))
            if len(chosen) == top:
                break
    return little[chosen], big[chosen], p[chosen]


def _merge_fronts(parts: list[_Part]) -> tuple[Int64Array, Int64Array, FloatArray]:
    keep = np.sort(front_kernel(np.concatenate([part.front for part in parts])))
    pair = np.concatenate([part.front_pair for part in parts])[keep]
    return pair[:, 0], pair[:, 1], np.concatenate([part.front_p for part in parts])[keep]
