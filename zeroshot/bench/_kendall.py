"""Kendall's tau-b of many weighted samples, in n log n steps each, a handful of samples side by side."""

import numba
import numpy as np

LANES = 16  # samples that go through one tree together: their nets and its paths are the same, their weights are not


@numba.njit(cache=True)
def kendall_kernel(x, y, weights):  # type: ignore[no-untyped-def]
    """Tau-b of every column of weights.

    Args:
        x: (n,) int32 dense ranks from 0, ascending.
        y: (n,) int32 dense ranks from 0.
        weights: (n, m) int32, how often each net counts.

    Returns:
        (m,) float64, NaN where all pairs tie on one side.
    """
    n, m = weights.shape
    out = np.full(m, np.nan)
    if n == 0 or m == 0:
        return out
    size = y.max() + 1
    lanes = min(LANES, m)
    tree = np.zeros((size + 1, lanes), np.int32)  # a Fenwick tree: weights of the nets with smaller x, by y
    drawn = np.zeros((size, lanes), np.int32)
    w = np.zeros((n, lanes), np.int32)
    for first in range(0, m, lanes):
        last = min(m, first + lanes)
        w[:] = 0
        w[:, : last - first] = weights[:, first:last]
        tree[:] = 0
        drawn[:] = 0
        order, before, tied_x = _counts(x, y, w, tree, drawn)
        for lane in range(last - first):
            pairs = before[lane] * (before[lane] - 1) // 2
            tied_y = np.int64(0)
            for value in range(size):
                tied_y += np.int64(drawn[value, lane]) * (drawn[value, lane] - 1) // 2
            if pairs > tied_x[lane] and pairs > tied_y:
                tau = order[lane] / (np.sqrt(float(pairs - tied_x[lane])) * np.sqrt(float(pairs - tied_y)))
                out[first + lane] = min(1.0, max(-1.0, tau))
    return out


@numba.njit(cache=True)
def _counts(x, y, w, tree, drawn):  # type: ignore[no-untyped-def]
    """Of each lane: concordant less discordant pairs, nets, and pairs tied in x; fills the tree and the nets by y."""
    n, lanes = w.shape
    order, before, tied_x = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
    below, group = np.zeros(lanes, np.int32), np.zeros(lanes, np.int64)
    start = 0
    while start < n:
        end = start
        group[:] = 0
        while end < n and x[end] == x[start]:
            below[:] = 0
            i = y[end]
            while i > 0:
                for k in range(lanes):
                    below[k] += tree[i, k]
                i &= i - 1
            for k in range(lanes):  # those below less those above
                order[k] += np.int64(w[end, k]) * (2 * np.int64(below[k]) + drawn[y[end], k] - before[k])
                group[k] += w[end, k]
            end += 1
        for net in range(start, end):
            i = y[net] + 1
            while i < len(tree):
                for k in range(lanes):
                    tree[i, k] += w[net, k]
                i += i & -i
            for k in range(lanes):
                drawn[y[net], k] += w[net, k]
        for k in range(lanes):
            before[k] += group[k]
            tied_x[k] += group[k] * (group[k] - 1) // 2
        start = end
    return order, before, tied_x
