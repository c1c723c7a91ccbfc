"""The compiled scan over all pairs of two populations."""

from typing import Any

import numba
import numpy as np

from zeroshot.cascade._front import Front, dominated, empty_front, insert, reached
from zeroshot.cascade._scan_types import Best, Big, Feasible, Net, Nets, Part, Table, Terms
from zeroshot.cascade.copula import MU_NODES, U_HALF, U_NODES, rate_to_u, u_to_rate
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.types import FloatArray

# Above the errors of the copula's table, so that an upper bound stays one.
SLACK = 4e-4
SHAVED = 1.0 - 1e-12
ROOM = 256  # points that a front has room for at first

Weights = tuple[float, float, float, float]


def cubic(d: Any) -> Any:  # noqa: ANN401 - numbers give numbers, arrays arrays
    """Weights of four nodes at 0, 1, 2, 3 in the cubic through them at d, a number or an array (Lagrange)."""
    return (
        -(d - 1) * (d - 2) * (d - 3) / 6,
        d * (d - 2) * (d - 3) / 2,
        -d * (d - 1) * (d - 3) / 2,
        d * (d - 1) * (d - 2) / 6,
    )


_cubic = numba.njit(cache=True, inline="always")(cubic)


@numba.njit(cache=True, inline="always")
def _net(x: FloatArray, i: int) -> Net:
    return Net(x[i, 0], x[i, 1], x[i, 2], x[i, 3], x[i, 4], x[i, 5], x[i, 6], x[i, 7], x[i, 8])


@numba.njit(cache=True)
def _cut(table: Table, bigs: Nets, b: int) -> Big:
    """Interpolate the table over mu_B, once for all little nets of this big net."""
    at, levels = bigs.node[b], len(table.node)
    out = Big(b, _net(bigs.figures, b), bigs.ops[b], np.zeros((MU_NODES, U_NODES)), np.zeros(MU_NODES),
              np.zeros((MU_NODES, levels)))  # fmt: skip
    for node in range(MU_NODES):
        for w in range(4):
            out.best[node] += bigs.weight[b, w] * table.best[at + w, node]
        for i in range(U_NODES):
            for w in range(4):
                out.gain[node, i] += bigs.weight[b, w] * table.gain[at + w, node, i]
        for v in range(levels):
            for w in range(4):
                out.levels[node, v] += table.weight[v, w] * out.gain[node, table.node[v] + w]
    return out


@numba.njit(cache=True, inline="always")
def _sram(little: Net, big: Net, in_arena: bool) -> float:
    sram = little.persistent + big.persistent
    if not in_arena:
        return sram + (max(little.arena, big.arena) + big.input)
    if little.input == big.input:
        return sram + max(little.holding, big.arena)
    return sram + max(little.arena + big.input, big.arena)


@numba.njit(cache=True, inline="always", error_model="numpy")
def _highest_rate(latency: float, energy: float, big: Net, terms: Terms) -> float:
    """The highest escalation rate inside the limits, given what the little net and the decision take."""
    per_ms, per_mj = 1.0 / big.latency, 1.0 / big.energy
    p = min(terms.escalation, 1.0 - latency * per_ms)
    # Shaved, so that latency + p * big.latency cannot end one rounding above the limit.
    p = min(p, (terms.latency - latency) * per_ms * SHAVED)
    return min(p, (terms.energy - energy) * per_mj * SHAVED)


@numba.njit(cache=True, inline="always")
def _best_u(best: FloatArray, m: np.uint64, w: Weights) -> float:
    """The table's coordinate of the escalation rate of highest accuracy, cubic over mu_L."""
    m1, m2, m3 = m + np.uint64(1), m + np.uint64(2), m + np.uint64(3)
    u: float = w[0] * best[m] + w[1] * best[m1] + w[2] * best[m2] + w[3] * best[m3]
    return min(1.0, max(0.0, u))


@numba.njit(cache=True, inline="always", error_model="numpy")
def _gain_at(gain: FloatArray, m: np.uint64, w: Weights, u: float, accuracy: float) -> float:
    """An accuracy plus the gain at a coordinate of the table, cubic over mu_L and u, never across u = 1/2."""
    half = 0 if u <= 0.5 else U_HALF
    first = min(max(int(u * (U_NODES - 1)) - 1, half), half + U_HALF - 3)
    v0, v1, v2, v3 = _cubic(u * (U_NODES - 1) - first)
    j = np.uint64(first)
    j1, j2, j3 = j + np.uint64(1), j + np.uint64(2), j + np.uint64(3)
    for i in range(4):
        k = m + np.uint64(i)
        accuracy += w[i] * (v0 * gain[k, j] + v1 * gain[k, j1] + v2 * gain[k, j2] + v3 * gain[k, j3])
    return accuracy


# In the loops below arrays are taken out of their tuples first: inside, every use would count its references.


@numba.njit(cache=True, error_model="numpy")
def _rate(littles: Nets, big: Big, terms: Terms, room: Feasible) -> Feasible:
    """The pairs of one big net that count, and their best escalation rates; written into `room`."""
    figures, ops, node, weight = littles
    net, ops_b, gain, best, runtime = big.net, big.ops, big.gain, big.best, terms.runtime
    number, rate, accuracy, flashes, srams = room
    n = 0
    for a in range(len(ops)):
        little = _net(figures, a)
        latency, energy = little.latency + terms.policy_latency, little.energy + terms.policy_energy
        # The littles come by rising latency: the rest are too slow as well.
        if latency >= net.latency or latency + net.latency > terms.worst_latency or latency > terms.latency:
            break
        flash = little.flash + net.flash + runtime[ops[a] | ops_b]
        sram = _sram(little, net, terms.input_in_arena)
        if little.accuracy >= net.accuracy or flash > terms.flash or sram > terms.sram:
            continue
        p = _highest_rate(latency, energy, net, terms)
        if p < MIN_RATE:
            continue
        m = np.uint64(node[a])  # unsigned: no test for negative indices in the innermost lines
        w = (weight[a, 0], weight[a, 1], weight[a, 2], weight[a, 3])
        u = min(rate_to_u(p), _best_u(best, m, w))
        p = min(p, u_to_rate(u))
        if p < MIN_RATE:
            continue
        number[n], rate[n], flashes[n], srams[n] = a, p, flash, sram
        accuracy[n] = _gain_at(gain, m, w, u, little.accuracy)
        n += 1
    return Feasible(number[:n], rate[:n], accuracy[:n], flashes[:n], srams[:n])


@numba.njit(cache=True)
def _list(littles: Nets, big: Big, terms: Terms, found: Feasible, best: Best, row: int) -> None:
    """Keep the best pairs of a big net: by accuracy, of equal ones the faster first."""
    figures, net, policy = littles.figures, big.net, terms.policy_latency
    numbers, rates, accuracies, _, _ = found
    accuracy, latency, little, p = best.accuracy[row], best.latency[row], best.little[row], best.p[row]
    last = len(p) - 1
    for i in range(len(numbers)):
        reached, k = accuracies[i], last
        if reached < accuracy[k]:
            continue
        expected = figures[numbers[i], 0] + policy + rates[i] * net.latency
        if reached == accuracy[k] and expected >= latency[k]:
            continue
        while k > 0 and (reached > accuracy[k - 1] or (reached == accuracy[k - 1] and expected < latency[k - 1])):
            accuracy[k], latency[k], little[k], p[k] = accuracy[k - 1], latency[k - 1], little[k - 1], p[k - 1]
            k -= 1
        accuracy[k], latency[k], little[k], p[k] = reached, expected, numbers[i], rates[i]


@numba.njit(cache=True)
def _offer(littles: Nets, big: Big, terms: Terms, found: Feasible, front: Front, n_front: int) -> tuple[Front, int]:
    """Offer the points of the pairs of a big net to the front, each pair's by rising escalation rate.

    No point of a pair is better than its accuracy at p. Where that is reached for less already, the rest of its points
    are dominated: nearly all pairs end within two looks at the front.
    """
    figures, _, nodes, weights = littles
    net, gains, levels, codes = big.net, big.levels, terms.levels, terms.codes
    numbers, rates, accuracies, flashes, srams = found
    n_levels, objectives = len(levels), len(codes)
    point = np.empty(objectives)
    points, pair, rate = front
    for i in range(len(numbers)):
        a, p = numbers[i], rates[i]
        little = _net(figures, a)
        latency, energy = little.latency + terms.policy_latency, little.energy + terms.policy_energy
        ceiling = accuracies[i] + SLACK
        for v in range(n_levels + 1):
            last = v == n_levels
            r = p if last else levels[v]
            if r >= p and not last:
                continue
            costs = (
                -ceiling, latency + r * net.latency, energy + r * net.energy, little.macs + r * net.macs,
                latency + net.latency, flashes[i], srams[i],
            )  # fmt: skip
            for o in range(objectives):
                point[o] = costs[codes[o]]
            known = -np.inf
            if objectives == 2:
                known = reached(point[0], points, n_front)
                if known >= ceiling:
                    break
            elif dominated(point, points, pair, rate, n_front):
                break
            value = accuracies[i]
            if not last:
                value = little.accuracy
                for w in range(4):
                    value += weights[a, w] * gains[nodes[a] + w, v]
                value = min(value, ceiling)
            if known >= value:
                continue
            point[objectives - 1] = -value
            if objectives == 2 or not dominated(point, points, pair, rate, n_front):
                (points, pair, rate), n_front = insert(point, a, big.number, r, Front(points, pair, rate), n_front)
    return Front(points, pair, rate), n_front


@numba.njit(cache=True, nogil=True)
def scan_kernel(littles: Nets, bigs: Nets, table: Table, terms: Terms, top: int, part: tuple[int, int]) -> Part:
    """Scan some of the big nets with all little nets.

    Args:
        littles: By rising latency.
        bigs: The big nets.
        table: The copula's.
        terms: What is asked of a pair.
        top: Pairs to keep of each big net.
        part: The first of the big nets to scan, and the one after the last.
    """
    low, high = part
    n, shape = len(littles.ops), (high - low, top)
    little_fits, big_fits, n_feasible = np.zeros(n, np.bool_), np.zeros(high - low, np.bool_), 0
    room = Feasible(np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(n), np.empty(n))
    best = Best(np.full(shape, -np.inf), np.full(shape, np.inf), np.zeros(shape, np.int64), np.zeros(shape))
    front, n_front = empty_front(ROOM, len(terms.codes)), 0
    for b in range(low, high):
        big = _cut(table, bigs, b)
        found = _rate(littles, big, terms, room)
        _list(littles, big, terms, found, best, b - low)
        front, n_front = _offer(littles, big, terms, found, front, n_front)
        n_feasible += len(found.little)
        big_fits[b - low] = len(found.little) > 0
        for a in found.little:
            little_fits[a] = True
    kept = Front(front.points[:n_front], front.pair[:n_front], front.rate[:n_front])
    return Part(n_feasible, little_fits, big_fits, best, kept)
