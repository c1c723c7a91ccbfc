"""The compiled scan over all pairs of two populations, and the Pareto front that it keeps."""

import numba
import numpy as np

from zeroshot.cascade.copula import MU_NODES, U_HALF, U_NODES, rate_to_u, u_to_rate
from zeroshot.cascade.policy import MIN_RATE

# Above the errors of the copula's table, so that an upper bound stays one.
SLACK = 4e-4
SHAVED = 1.0 - 1e-12

# Columns of the matrices of little and big nets.
COST_COLUMNS = ("latency", "energy", "macs", "flash", "arena", "persistent", "input", "holding")
_LATENCY, _ENERGY, _MACS, _FLASH, _ARENA, _PERSISTENT, _INPUT, _HOLDING, _ACCURACY = range(len(COST_COLUMNS) + 1)


@numba.njit(cache=True, inline="always")
def _reached(cost, points, n):  # type: ignore[no-untyped-def]
    """Highest accuracy on a front of two objectives, sorted by cost, at this cost or less."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if points[middle, 0] <= cost:
            low = middle + 1
        else:
            high = middle
    return -points[low - 1, 1] if low > 0 else -np.inf


@numba.njit(cache=True, inline="always")
def _dominated(point, points, ids, rates, n):  # type: ignore[no-untyped-def]
    """Whether a kept point is at least as good in every objective; if so it moves forward, to be found sooner."""
    for i in range(n):
        worse = False
        for d in range(len(point)):
            if points[i, d] > point[d]:
                worse = True
                break
        if not worse:
            j = i // 2
            for d in range(len(point)):
                points[i, d], points[j, d] = points[j, d], points[i, d]
            for d in range(2):
                ids[i, d], ids[j, d] = ids[j, d], ids[i, d]
            rates[i], rates[j] = rates[j], rates[i]
            return True
    return False


@numba.njit(cache=True, inline="always")
def _move(points, ids, rates, source, target):  # type: ignore[no-untyped-def]
    for d in range(points.shape[1]):
        points[target, d] = points[source, d]
    ids[target, 0] = ids[source, 0]
    ids[target, 1] = ids[source, 1]
    rates[target] = rates[source]


@numba.njit(cache=True)
def _insert(point, little, big, p, points, ids, rates, n):  # type: ignore[no-untyped-def]
    """Add a point that no kept one dominates, drop those it dominates; grows the arrays when they are full.

    Element by element: assigning rows and concatenating would triple the compile time of this module.
    """
    kept = 0
    for i in range(n):
        dominated = True
        for d in range(len(point)):
            if points[i, d] < point[d]:
                dominated = False
                break
        if not dominated:
            _move(points, ids, rates, i, kept)
            kept += 1
    if kept == len(rates):
        more_points = np.empty((2 * kept, points.shape[1]))
        more_ids = np.empty((2 * kept, 2), np.int64)
        more_rates = np.empty(2 * kept)
        for i in range(kept):
            for d in range(points.shape[1]):
                more_points[i, d] = points[i, d]
            more_ids[i, 0] = ids[i, 0]
            more_ids[i, 1] = ids[i, 1]
            more_rates[i] = rates[i]
        points, ids, rates = more_points, more_ids, more_rates
    at = kept
    while len(point) == 2 and at > 0 and points[at - 1, 0] > point[0]:
        _move(points, ids, rates, at - 1, at)
        at -= 1
    for d in range(len(point)):
        points[at, d] = point[d]
    ids[at, 0] = little
    ids[at, 1] = big
    rates[at] = p
    return points, ids, rates, kept + 1


@numba.njit(cache=True)
def front_kernel(points):  # type: ignore[no-untyped-def]
    """Indices of the points that no other dominates, in no order; of equal points the first."""
    kept = np.empty_like(points)
    ids = np.empty((len(points), 2), np.int64)
    rates = np.empty(len(points))
    n = 0
    for i in range(len(points)):
        if points.shape[1] == 2:
            known = _reached(points[i, 0], kept, n) >= -points[i, 1]
        else:
            known = _dominated(points[i], kept, ids, rates, n)
        if not known:
            kept, ids, rates, n = _insert(points[i], i, 0, 0.0, kept, ids, rates, n)
    return ids[:n, 0].copy()


@numba.njit(cache=True, inline="always")
def _objective(code, accuracy, latency, energy, macs, worst, flash, sram):  # type: ignore[no-untyped-def]
    if code == 0:
        return -accuracy
    if code == 1:
        return latency
    if code == 2:
        return energy
    if code == 3:
        return macs
    if code == 4:
        return worst
    return flash if code == 5 else sram


@numba.njit(cache=True, nogil=True, error_model="numpy")
def scan_kernel(  # type: ignore[no-untyped-def]
    little, ops_l, at_l, weight_l, big, ops_b, at_b, weight_b, gain, best, levels, at_u, weight_u, runtime, in_arena,
    limits, policy, codes, top, low, high,
):  # fmt: skip
    n_little = little.shape[0]
    n_levels = len(levels)
    n_codes = len(codes)
    has_big = np.zeros(n_little, np.bool_)
    has_little = np.zeros(high - low, np.bool_)
    top_accuracy = np.full((high - low, top), -np.inf)
    top_little = np.zeros((high - low, top), np.int64)
    top_p = np.zeros((high - low, top))
    top_latency = np.full((high - low, top), np.inf)
    points = np.empty((256, n_codes))
    ids = np.empty((256, 2), np.int64)
    rates = np.empty(256)
    n_front = 0
    n_feasible = 0
    point = np.empty(n_codes)
    slab = np.empty((MU_NODES, U_NODES))
    slab_best = np.empty(MU_NODES)
    slab_levels = np.empty((MU_NODES, n_levels))
    for b in range(low, high):
        # One interpolation over mu_B serves all little nets of this big net.
        for node in range(MU_NODES):
            slab_best[node] = 0.0
            for w in range(4):
                slab_best[node] += weight_b[b, w] * best[at_b[b] + w, node]
            for i in range(U_NODES):
                slab[node, i] = 0.0
                for w in range(4):
                    slab[node, i] += weight_b[b, w] * gain[at_b[b] + w, node, i]
            for v in range(n_levels):
                slab_levels[node, v] = 0.0
                for w in range(4):
                    slab_levels[node, v] += weight_u[v, w] * slab[node, at_u[v] + w]
        c_b = big[b, _LATENCY]
        e_b = big[b, _ENERGY]
        macs_b = big[b, _MACS]
        accuracy_b = big[b, _ACCURACY]
        per_ms = 1.0 / c_b
        per_mj = 1.0 / e_b
        mine = b - low
        worst_of_top = -np.inf
        for a in range(n_little):
            start = little[a, _LATENCY] + policy[0]
            worst = start + c_b
            # The littles come by rising latency: the rest are too slow as well.
            if start >= c_b or worst > limits[2] or start > limits[3]:
                break
            if little[a, _ACCURACY] >= accuracy_b:
                continue
            flash = little[a, _FLASH] + big[b, _FLASH] + runtime[ops_l[a] | ops_b[b]]
            sram = little[a, _PERSISTENT] + big[b, _PERSISTENT]
            if not in_arena:
                sram += max(little[a, _ARENA], big[b, _ARENA]) + big[b, _INPUT]
            elif little[a, _INPUT] == big[b, _INPUT]:
                sram += max(little[a, _HOLDING], big[b, _ARENA])
            else:
                sram += max(little[a, _ARENA] + big[b, _INPUT], big[b, _ARENA])
            if flash > limits[0] or sram > limits[1]:
                continue
            start_energy = little[a, _ENERGY] + policy[1]
            p = min(limits[5], 1.0 - start * per_ms)
            # Shaved, so that start + p c_b cannot end one rounding above the limit.
            p = min(p, (limits[3] - start) * per_ms * SHAVED)
            p = min(p, (limits[4] - start_energy) * per_mj * SHAVED)
            if p < MIN_RATE:
                continue
            # Unsigned indices: no test for negative ones in the innermost lines.
            m = np.uint64(at_l[a])
            m1, m2, m3 = m + np.uint64(1), m + np.uint64(2), m + np.uint64(3)
            l0, l1, l2, l3 = weight_l[a, 0], weight_l[a, 1], weight_l[a, 2], weight_l[a, 3]
            u_best = l0 * slab_best[m] + l1 * slab_best[m1] + l2 * slab_best[m2] + l3 * slab_best[m3]
            u = min(rate_to_u(p), min(1.0, max(0.0, u_best)))
            p = min(p, u_to_rate(u))
            if p < MIN_RATE:
                continue
            n_feasible += 1
            has_big[a] = True
            has_little[mine] = True
            x = u * (U_NODES - 1)
            half = 0 if u <= 0.5 else U_HALF
            first = min(max(int(x) - 1, half), half + U_HALF - 3)
            d = x - first
            j = np.uint64(first)
            w0 = -(d - 1) * (d - 2) * (d - 3) / 6
            w1 = d * (d - 2) * (d - 3) / 2
            w2 = -d * (d - 1) * (d - 3) / 2
            w3 = d * (d - 1) * (d - 2) / 6
            j1, j2, j3 = j + np.uint64(1), j + np.uint64(2), j + np.uint64(3)
            accuracy = (
                little[a, _ACCURACY]
                + l0 * (w0 * slab[m, j] + w1 * slab[m, j1] + w2 * slab[m, j2] + w3 * slab[m, j3])
                + l1 * (w0 * slab[m1, j] + w1 * slab[m1, j1] + w2 * slab[m1, j2] + w3 * slab[m1, j3])
                + l2 * (w0 * slab[m2, j] + w1 * slab[m2, j1] + w2 * slab[m2, j2] + w3 * slab[m2, j3])
                + l3 * (w0 * slab[m3, j] + w1 * slab[m3, j1] + w2 * slab[m3, j2] + w3 * slab[m3, j3])
            )

            if accuracy >= worst_of_top:
                latency = start + p * c_b
                k = top - 1
                if accuracy > worst_of_top or latency < top_latency[mine, k]:
                    while k > 0 and (
                        accuracy > top_accuracy[mine, k - 1]
                        or (accuracy == top_accuracy[mine, k - 1] and latency < top_latency[mine, k - 1])
                    ):
                        top_accuracy[mine, k] = top_accuracy[mine, k - 1]
                        top_latency[mine, k] = top_latency[mine, k - 1]
                        top_little[mine, k] = top_little[mine, k - 1]
                        top_p[mine, k] = top_p[mine, k - 1]
                        k -= 1
                    top_accuracy[mine, k] = accuracy
                    top_latency[mine, k] = latency
                    top_little[mine, k] = a
                    top_p[mine, k] = p
                    worst_of_top = top_accuracy[mine, top - 1]

            # No point of this pair is better than its accuracy at p. Where that is reached for less already, the
            # rest of its points are dominated: nearly all pairs end within two looks at the front.
            macs_a = little[a, _MACS]
            ceiling = accuracy + SLACK
            for v in range(n_levels + 1):
                last = v == n_levels
                rate = p if last else levels[v]
                if rate >= p and not last:
                    continue
                for o in range(n_codes):
                    point[o] = _objective(
                        codes[o], ceiling, start + rate * c_b, start_energy + rate * e_b, macs_a + rate * macs_b,
                        worst, flash, sram,
                    )  # fmt: skip
                reached = -np.inf
                if n_codes == 2:
                    reached = _reached(point[0], points, n_front)
                    if reached >= ceiling:
                        break
                elif _dominated(point, points, ids, rates, n_front):
                    break
                value = accuracy
                if not last:
                    value = little[a, _ACCURACY]
                    for w in range(4):
                        value += weight_l[a, w] * slab_levels[at_l[a] + w, v]
                    value = min(value, ceiling)
                if reached >= value:
                    continue
                point[n_codes - 1] = -value
                if n_codes == 2 or not _dominated(point, points, ids, rates, n_front):
                    points, ids, rates, n_front = _insert(point, a, b, rate, points, ids, rates, n_front)
    return (
        n_feasible,
        has_big,
        has_little,
        top_accuracy,
        top_little,
        top_p,
        points[:n_front],
        ids[:n_front],
        rates[:n_front],
    )
