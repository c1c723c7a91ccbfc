"""The compiled rating of pairs: which count, at which rate, how accurate, and whether they stand on the front."""

from typing import Any

import numpy as np

from zeroshot.cascade._field import (
    ACCURACY,
    ARENA,
    ENERGY,
    FLASH,
    HOLDING,
    INPUT,
    LATENCY,
    MACS,
    NODE,
    NUMBER,
    OPS,
    PERSISTENT,
    PLACE,
    WEIGHT,
    Cuts,
    Nets,
    Table,
    Terms,
    inner,
)  # fmt: skip
from zeroshot.cascade._front import FULL, Front, insert, no_better
from zeroshot.cascade.copula import U_HALF, U_NODES, rate_to_u, u_to_rate
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.types import FloatArray, Int64Array

# Above the errors of the copula's table, so that an upper bound stays one.
SLACK = 4e-4
SHAVED = 1.0 - 1e-12
TINY = 1e-12  # strictly better: points that may be equal to a kept one are never passed over

Costs = tuple[float, float, float, float, float, float, float]  # by the numbers of `OBJECTIVES`


def cubic(d: Any) -> Any:  # noqa: ANN401 - numbers give numbers, arrays arrays
    """Weights of four nodes at 0, 1, 2, 3 in the cubic through them at d, a number or an array (Lagrange)."""
    return (
        -(d - 1) * (d - 2) * (d - 3) / 6,
        d * (d - 2) * (d - 3) / 2,
        -d * (d - 1) * (d - 3) / 2,
        d * (d - 1) * (d - 2) / 6,
    )


compiled_cubic = inner(cubic)


@inner
def best_of(table: Table, bigs: Nets, b: int, best: FloatArray) -> None:
    """`Table.best` at the mu of a big net, written into `best`."""
    at = bigs.numbers[b, NODE]
    for a in range(table.first, table.last):
        best[a] = 0.0
        for w in range(4):
            best[a] += bigs.figures[b, WEIGHT + w] * table.best[at + w, a]


@inner
def cut(table: Table, bigs: Nets, b: int, cuts: Cuts, start: int) -> None:
    """Interpolate the table over mu_B, once for all little nets of this big net; written from row `start` on."""
    at, gain, levels = bigs.numbers[b, NODE], cuts.gain, cuts.levels
    best_of(table, bigs, b, cuts.best[start:])
    for a in range(table.first, table.last):
        row = start + a
        for i in range(U_NODES):
            gain[row, i] = 0.0
            for w in range(4):
                gain[row, i] += bigs.figures[b, WEIGHT + w] * table.gain[at + w, a, i]
        for v in range(len(table.node)):
            levels[row, v] = 0.0
            for w in range(4):
                levels[row, v] += table.weight[v, w] * gain[row, table.node[v] + w]


@inner
def highest_rate(latency: float, energy: float, near: float, far: float, big_energy: float, terms: Terms) -> float:
    """The highest escalation rate at which B alone is no cheaper and the limits are kept.

    Args:
        latency: ms of the little net and the decision.
        energy: mJ of these.
        near: ms of the big net at break-even.
        far: ms of the big net at the limit; of one pair the same.
        big_energy: mJ of the big net.
        terms: The limits.
    """
    p = min(terms.escalation, 1.0 - latency * (1.0 / near))
    # Shaved, so that latency + p * big latency cannot end one rounding above the limit.
    p = min(p, (terms.latency - latency) * (1.0 / far) * SHAVED)
    return min(p, (terms.energy - energy) * (1.0 / big_energy) * SHAVED)


@inner
def best_u(best: FloatArray, node: int, figures: FloatArray, a: int) -> float:
    """The table's coordinate of the escalation rate of highest accuracy, cubic over mu_L."""
    m = np.uint64(node)  # unsigned: no test for negative indices
    u: float = 0.0
    for w in range(4):
        u += figures[a, WEIGHT + w] * best[m + np.uint64(w)]
    return min(1.0, max(0.0, u))


@inner
def accuracy_at(gain: FloatArray, node: int, figures: FloatArray, a: int, u: float) -> float:
    """The accuracy at a coordinate of the table, cubic over mu_L and u, never across u = 1/2."""
    half = 0 if u <= 0.5 else U_HALF
    first = min(max(int(u * (U_NODES - 1)) - 1, half), half + U_HALF - 3)
    v0, v1, v2, v3 = compiled_cubic(u * (U_NODES - 1) - first)
    m, j = np.uint64(node), np.uint64(first)
    accuracy: float = figures[a, ACCURACY]
    j1, j2, j3 = j + np.uint64(1), j + np.uint64(2), j + np.uint64(3)
    for w in range(4):
        k = m + np.uint64(w)
        accuracy += figures[a, WEIGHT + w] * (v0 * gain[k, j] + v1 * gain[k, j1] + v2 * gain[k, j2] + v3 * gain[k, j3])
    return accuracy


@inner
def accuracy_of_level(levels: FloatArray, node: int, figures: FloatArray, a: int, v: int) -> float:
    """The accuracy at the v-th level, cubic over mu_L."""
    m = np.uint64(node)
    accuracy: float = figures[a, ACCURACY]
    for w in range(4):
        accuracy += figures[a, WEIGHT + w] * levels[m + np.uint64(w), v]
    return accuracy


@inner
def _sram(little: FloatArray, a: int, big: FloatArray, b: int, in_arena: bool) -> float:
    """SRAM of a pair, bytes."""
    shared: float = max(little[a, ARENA], big[b, ARENA]) + big[b, INPUT]
    if in_arena:
        same = little[a, INPUT] == big[b, INPUT]
        shared = max(little[a, HOLDING] if same else little[a, ARENA] + big[b, INPUT], big[b, ARENA])
    own: float = little[a, PERSISTENT] + big[b, PERSISTENT]
    return own + shared


@inner
def rate(littles: Nets, a: int, bigs: Nets, b: int, cuts: Cuts, terms: Terms) -> tuple[float, float, float, float]:
    """The rate of highest accuracy of a pair, or 0 if it does not count; its accuracy, flash and SRAM."""
    little, big = littles.figures, bigs.figures
    latency, energy = little[a, LATENCY] + terms.policy_latency, little[a, ENERGY] + terms.policy_energy
    slow = big[b, LATENCY]
    if latency >= slow or latency + slow > terms.worst_latency or latency > terms.latency:
        return 0.0, 0.0, 0.0, 0.0
    flash = little[a, FLASH] + big[b, FLASH] + terms.runtime[0, littles.numbers[a, OPS] | bigs.numbers[b, OPS]]
    sram = _sram(little, a, big, b, terms.input_in_arena)
    if little[a, ACCURACY] >= big[b, ACCURACY] or flash > terms.flash or sram > terms.sram:
        return 0.0, 0.0, 0.0, 0.0
    p = highest_rate(latency, energy, slow, slow, big[b, ENERGY], terms)
    if p < MIN_RATE:
        return 0.0, 0.0, 0.0, 0.0
    u = min(rate_to_u(p), best_u(cuts.best, littles.numbers[a, NODE], little, a))
    p = min(p, u_to_rate(u))
    if p < MIN_RATE:
        return 0.0, 0.0, 0.0, 0.0
    return p, accuracy_at(cuts.gain, littles.numbers[a, NODE], little, a, u), flash, sram


@inner
def write(point: FloatArray, codes: Int64Array, costs: Costs) -> None:
    """The objectives of a point."""
    for o in range(len(codes)):
        point[o] = costs[codes[o]]


@inner
def offer(littles: Nets, a: int, bigs: Nets, b: int, rates: int, cuts: Cuts, terms: Terms, front: Front) -> bool:
    """Offer the points of a pair to the front, by rising escalation rate.

    No point of a pair is better than its accuracy at p. Where that is reached for less than its least costs, all of its
    points are dominated.

    Args:
        littles: The little nets.
        a: Which of them.
        bigs: The big nets.
        b: Which of them.
        rates: As `Stack`: points at other rates are known to be dominated.
        cuts: At the big net.
        terms: What is asked of a pair.
        front: Changed.

    Returns:
        Whether there was room on the front.
    """
    p, best, flash, sram = rate(littles, a, bigs, b, cuts, terms)
    if p == 0.0:
        return True
    little, big, levels = littles.figures, bigs.figures, terms.levels
    latency, energy = little[a, LATENCY] + terms.policy_latency, little[a, ENERGY] + terms.policy_energy
    ceiling, point, last = best + SLACK, front.point, len(terms.codes) - 1
    for v in range(-1, len(levels) + 1):
        r, value = MIN_RATE, ceiling + TINY
        if v >= 0 and not rates >> v & 1:
            continue
        if v == len(levels):
            r, value = p, best
        elif v >= 0:
            r = levels[v]
            if r >= p:
                continue
            value = min(accuracy_of_level(cuts.levels, littles.numbers[a, NODE], little, a, v), ceiling)
        costs = (
            -value, latency + r * big[b, LATENCY], energy + r * big[b, ENERGY], little[a, MACS] + r * big[b, MACS],
            latency + big[b, LATENCY], flash, sram,
        )  # fmt: skip
        write(point, terms.codes, costs)
        if v < 0:
            known = no_better(point, front, len(front.points))
        else:
            known = insert(littles.numbers[a, PLACE], bigs.numbers[b, NUMBER], r, front)
        if known == FULL:
            return False
        if known >= 0 and (v < 0 or front.points[known, last] < -ceiling):
            break
    return True
