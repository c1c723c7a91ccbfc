"""The compiled rating of pairs: which count, at which rate, how accurate, and whether they stand on the front."""

from typing import Any

import numba
import numpy as np

from zeroshot.cascade._front import WIDE, Front, insert, no_better
from zeroshot.cascade._scan_types import Big, Feasible, Net, Nets, Table, Terms
from zeroshot.cascade.copula import MU_NODES, U_HALF, U_NODES, rate_to_u, u_to_rate
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.types import FloatArray

# Above the errors of the copula's table, so that an upper bound stays one.
SLACK = 4e-4
SHAVED = 1.0 - 1e-12
TINY = 1e-12  # strictly better: points that may be equal to a kept one are never passed over

Weights = tuple[float, float, float, float]


def cubic(d: Any) -> Any:  # noqa: ANN401 - numbers give numbers, arrays arrays
    """Weights of four nodes at 0, 1, 2, 3 in the cubic through them at d, a number or an array (Lagrange)."""
    return (
        -(d - 1) * (d - 2) * (d - 3) / 6,
        d * (d - 2) * (d - 3) / 2,
        -d * (d - 1) * (d - 3) / 2,
        d * (d - 1) * (d - 2) / 6,
    )


compiled_cubic = numba.njit(cache=True, inline="always")(cubic)


@numba.njit(cache=True, inline="always")
def net_at(x: FloatArray, i: int) -> Net:
    """One row of figures."""
    return Net(x[i, 0], x[i, 1], x[i, 2], x[i, 3], x[i, 4], x[i, 5], x[i, 6], x[i, 7], x[i, 8], x[i, 9])


@numba.njit(cache=True)
def cut(table: Table, bigs: Nets, b: int) -> Big:
    """Interpolate the table over mu_B, once for all little nets of this big net."""
    at, levels = bigs.node[b], len(table.node)
    first, last, gain, best, node, weight = table.first, table.last, table.gain, table.best, table.node, table.weight
    out_gain, out_best, out_levels = np.zeros((MU_NODES, U_NODES)), np.zeros(MU_NODES), np.zeros((MU_NODES, levels))
    for a in range(first, last):
        for w in range(4):
            share = bigs.weight[b, w]
            out_best[a] += share * best[at + w, a]
            for i in range(U_NODES):
                out_gain[a, i] += share * gain[at + w, a, i]
        for v in range(levels):
            for w in range(4):
                out_levels[a, v] += weight[v, w] * out_gain[a, node[v] + w]
    return Big(net_at(bigs.figures, b), bigs.ops[b], bigs.number[b], out_gain, out_best, out_levels)


@numba.njit(cache=True, inline="always")
def shared_sram(little: Net, big: Net, in_arena: bool) -> float:
    """SRAM of a pair, bytes."""
    sram = little.persistent + big.persistent
    if not in_arena:
        return sram + (max(little.arena, big.arena) + big.input)
    if little.input == big.input:
        return sram + max(little.holding, big.arena)
    return sram + max(little.arena + big.input, big.arena)


@numba.njit(cache=True, inline="always", error_model="numpy")
def rate_of_latency(latency: float, big_latency: float, terms: Terms) -> float:
    """The highest escalation rate at which B alone is no cheaper and the limit on latency is kept.

    Args:
        latency: ms of the little net and the decision.
        big_latency: ms of the big one.
        terms: The limits.
    """
    per_ms = 1.0 / big_latency
    p = min(terms.escalation, 1.0 - latency * per_ms)
    # Shaved, so that latency + p * big.latency cannot end one rounding above the limit.
    return min(p, (terms.latency - latency) * per_ms * SHAVED)


@numba.njit(cache=True, inline="always", error_model="numpy")
def rate_of_energy(energy: float, big_energy: float, terms: Terms) -> float:
    """The highest escalation rate inside the limit on energy, mJ as in `rate_of_latency`."""
    per_mj = 1.0 / big_energy
    return (terms.energy - energy) * per_mj * SHAVED


@numba.njit(cache=True, inline="always")
def best_u(best: FloatArray, m: np.uint64, w: Weights) -> float:
    """The table's coordinate of the escalation rate of highest accuracy, cubic over mu_L."""
    m1, m2, m3 = m + np.uint64(1), m + np.uint64(2), m + np.uint64(3)
    u: float = w[0] * best[m] + w[1] * best[m1] + w[2] * best[m2] + w[3] * best[m3]
    return min(1.0, max(0.0, u))


@numba.njit(cache=True, inline="always", error_model="numpy")
def gain_at(gain: FloatArray, m: np.uint64, w: Weights, u: float, accuracy: float) -> float:
    """An accuracy plus the gain at a coordinate of the table, cubic over mu_L and u, never across u = 1/2."""
    half = 0 if u <= 0.5 else U_HALF
    first = min(max(int(u * (U_NODES - 1)) - 1, half), half + U_HALF - 3)
    v0, v1, v2, v3 = compiled_cubic(u * (U_NODES - 1) - first)
    j = np.uint64(first)
    j1, j2, j3 = j + np.uint64(1), j + np.uint64(2), j + np.uint64(3)
    for i in range(4):
        k = m + np.uint64(i)
        accuracy += w[i] * (v0 * gain[k, j] + v1 * gain[k, j1] + v2 * gain[k, j2] + v3 * gain[k, j3])
    return accuracy


# In the loops below arrays are taken out of their tuples first: inside, every use would count its references.


@numba.njit(cache=True, error_model="numpy")
def rate(littles: Nets, start: int, stop: int, big: Big, terms: Terms, room: Feasible) -> Feasible:
    """The pairs of one big net with a run of little nets that count, and their best rates; written into `room`."""
    figures, ops, node, weight = littles.figures, littles.ops, littles.node, littles.weight
    net, ops_b, gain, best, runtime = big.net, big.ops, big.gain, big.best, terms.runtime
    rows, rates, accuracy, flashes, srams = room
    n = 0
    for a in range(start, stop):
        little = net_at(figures, a)
        latency, energy = little.latency + terms.policy_latency, little.energy + terms.policy_energy
        if latency >= net.latency or latency + net.latency > terms.worst_latency or latency > terms.latency:
            continue
        flash = little.flash + net.flash + runtime[ops[a] | ops_b]
        sram = shared_sram(little, net, terms.input_in_arena)
        if little.accuracy >= net.accuracy or flash > terms.flash or sram > terms.sram:
            continue
        p = min(rate_of_latency(latency, net.latency, terms), rate_of_energy(energy, net.energy, terms))
        if p < MIN_RATE:
            continue
        m = np.uint64(node[a])  # unsigned: no test for negative indices in the innermost lines
        w = (weight[a, 0], weight[a, 1], weight[a, 2], weight[a, 3])
        u = min(rate_to_u(p), best_u(best, m, w))
        p = min(p, u_to_rate(u))
        if p < MIN_RATE:
            continue
        rows[n], rates[n], flashes[n], srams[n] = a, p, flash, sram
        accuracy[n] = gain_at(gain, m, w, u, little.accuracy)
        n += 1
    return Feasible(rows[:n], rates[:n], accuracy[:n], flashes[:n], srams[:n])


@numba.njit(cache=True)
def offer(littles: Nets, big: Big, terms: Terms, found: Feasible, open_rates: int, front: Front) -> Front:
    """Offer the points of the pairs of a big net to the front, each pair's by rising escalation rate.

    No point of a pair is better than its accuracy at p. Where that is reached for less than its least costs, all of its
    points are dominated.

    Args:
        littles: Their little nets.
        big: The big net.
        terms: What is asked of a pair.
        found: The pairs.
        open_rates: As `sift`: points at other rates are known to be dominated.
        front: Changed.
    """
    figures, nodes, weights, places = littles.figures, littles.node, littles.weight, littles.place
    net, gains, levels, codes = big.net, big.levels, terms.levels, terms.codes
    rows, rates, accuracies, flashes, srams = found
    points, boxes, links, state = front.points, front.boxes, front.links, front.state
    n_levels, objectives = len(levels), len(codes)
    point = np.zeros(WIDE)
    for i in range(len(rows)):
        a, p = rows[i], rates[i]
        little = net_at(figures, a)
        latency, energy = little.latency + terms.policy_latency, little.energy + terms.policy_energy
        ceiling = accuracies[i] + SLACK
        for v in range(-1, n_levels + 1):
            r, value = MIN_RATE, ceiling + TINY
            if v >= 0 and not open_rates >> v & 1:
                continue
            if v == n_levels:
                r, value = p, accuracies[i]
            elif v >= 0:
                r, value = levels[v], little.accuracy
                if r >= p:
                    continue
                for w in range(4):
                    value += weights[a, w] * gains[nodes[a] + w, v]
                value = min(value, ceiling)
            costs = (
                -value, latency + r * net.latency, energy + r * net.energy, little.macs + r * net.macs,
                latency + net.latency, flashes[i], srams[i],
            )  # fmt: skip
            for o in range(objectives):
                point[o] = costs[codes[o]]
            known = no_better(point, points, boxes, links, state)
            if known >= 0 and (v < 0 or points[known, objectives - 1] < -ceiling):
                break
            if v >= 0 and (known < 0 or points[known, 0] == point[0]):
                front = insert(point, places[a], big.number, r, front)
                points, boxes, links, state = front.points, front.boxes, front.links, front.state
    return front
