"""The ranking of pairs by NumPy over the whole matrix, from the same table of the copula: equal to the last bit.

`pairs.py` computes accuracies instead, and can say nothing of ties.
"""

import numpy as np

from zeroshot.cascade.copula import MU_LOW, MU_NODES, MU_STEP, U_HALF, U_NODES, cascade_table, to_mu
from zeroshot.cascade.rank_pairs import LEVELS, describe_pairs

MIN_RATE = 0.05
SLACK = 4e-4
SHAVED = 1.0 - 1e-12


def _cubic(d):
    return (
        -(d - 1) * (d - 2) * (d - 3) / 6, d * (d - 2) * (d - 3) / 2, -d * (d - 1) * (d - 3) / 2,
        d * (d - 1) * (d - 2) / 6,
    )  # fmt: skip


def _around(x, low, high):
    """First of the four nodes among those from `low` to `high`, and the weights."""
    at = np.clip(np.floor(x).astype(int) - 1, low, high - 3)
    return at, _cubic(x - at)


def _to_u(p):
    return np.where(p <= 0.5, np.sqrt(0.5 * np.clip(p, 0, 1)), 1.0 - np.sqrt(0.5 * (1.0 - np.clip(p, 0, 1))))


def _to_rate(u):
    return np.where(u <= 0.5, 2.0 * u * u, 1.0 - 2.0 * (1.0 - u) * (1.0 - u))


def _mixed(weights, parts):
    total = 0.0
    for w, part in zip(weights, parts, strict=True):
        total = total + w * part
    return total


def _at_u(gain, m, w, u, accuracy):
    """Cubic over u and mu_L; all but `gain` (MU_NODES, U_NODES) as columns of little nets."""
    at = np.where(u <= 0.5, np.clip((u * 60).astype(int) - 1, 0, 27), np.clip((u * 60).astype(int) - 1, 30, 57))
    v = _cubic(u * (U_NODES - 1) - at)
    for i in range(4):
        rows = [gain[m + i, at + j] for j in range(4)]
        accuracy = accuracy + w[i] * (v[0] * rows[0] + v[1] * rows[1] + v[2] * rows[2] + v[3] * rows[3])
    return accuracy


def rated(littles, a_l, bigs, a_b, platform, budgets, coupling):
    """Every point of every pair that counts, as columns: little, big, p, last (whether at the best rate), accuracy."""
    table = cascade_table(coupling)
    m, w = _around((to_mu(a_l) - MU_LOW) / MU_STEP, 0, MU_NODES - 1)
    n, w_b = _around((to_mu(a_b) - MU_LOW) / MU_STEP, 0, MU_NODES - 1)
    latency, energy = littles.latency + platform.policy_latency, littles.energy + platform.policy_energy
    out = []
    for b in range(len(a_b)):
        own = [weight[b] for weight in w_b]
        gain = _mixed(own, [table.gain[n[b] + i] for i in range(4)])
        best = _mixed(own, [table.best[n[b] + i] for i in range(4)])
        per_ms, per_mj = 1.0 / bigs.latency[b], 1.0 / bigs.energy[b]
        p = np.minimum(budgets.escalation, 1.0 - latency * per_ms)
        p = np.minimum(p, (budgets.latency - latency) * per_ms * SHAVED)
        p = np.minimum(p, (budgets.energy - energy) * per_mj * SHAVED)
        pairs = describe_pairs(
            littles, bigs, np.arange(len(a_l)), np.full(len(a_l), b), np.maximum(p, 0), a_l, platform
        )
        counts = (latency < bigs.latency[b]) & (pairs.worst_latency <= budgets.worst_latency) & (a_l < a_b[b])
        counts &= (latency <= budgets.latency) & (pairs.flash <= budgets.flash) & (pairs.sram <= budgets.sram)
        counts &= p >= MIN_RATE
        u = np.minimum(_to_u(p), np.clip(_mixed(w, [best[m + i] for i in range(4)]), 0, 1))
        p = np.minimum(p, _to_rate(u))
        counts &= p >= MIN_RATE
        accuracy = _at_u(gain, m, w, u, a_l)
        for little in np.flatnonzero(counts):
            out.append((little, b, p[little], True, accuracy[little]))
        for level in LEVELS:
            half = U_HALF if level > 0.5 else 0
            at, v = _around(_to_u(np.float64(level)) * (U_NODES - 1), half, half + U_HALF)
            column = _mixed(v, [gain[:, at + j] for j in range(4)])
            value = a_l
            for i in range(4):
                value = value + w[i] * column[m + i]
            value = np.minimum(value, accuracy + SLACK)
            for little in np.flatnonzero(counts & (level < p)):
                out.append((little, b, level, False, value[little]))
    columns = list(zip(*out, strict=True)) or [()] * 5
    return tuple(np.array(c, t) for c, t in zip(columns, (int, int, float, bool, float), strict=True))


def top_pairs(points, latency, top, per_net):
    """Pairs by falling accuracy, ties by latency and numbers, each net at most so many times: (little, big, p)."""
    little, big, p, last, accuracy = points
    used, chosen = {}, []
    for i in np.lexsort((big, little, latency, -accuracy)):
        nets = ("l", little[i]), ("b", big[i])
        if last[i] and len(chosen) < top and max(used.get(net, 0) for net in nets) < per_net:
            chosen.append(i)
            used |= {net: used.get(net, 0) + 1 for net in nets}
    return little[chosen], big[chosen], p[chosen]


def front(costs, points, place):
    """Points that none is as good as in all respects and better in one; of equal ones the first."""
    little, big, p, _, accuracy = points
    order = np.lexsort((p, place[little], big))
    keep = order[not_dominated(np.column_stack([costs, -accuracy])[order])]
    return little[keep], big[keep], p[keep]


def not_dominated(values):
    """Ascending rows that no other row is as low as everywhere and lower somewhere, the first of equal ones."""
    left, at = np.arange(len(values)), 0
    while at < len(left):
        stays = ~(values[left[at]] <= values[left]).all(axis=1)
        stays[at] = True
        at = int(stays[:at].sum()) + 1
        left = left[stays]
    return left
