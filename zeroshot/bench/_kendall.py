"""Kendall's tau-b of many weighted samples, in n log n steps each."""

import numba
import numpy as np


@numba.njit(cache=True)
def kendall_kernel(x, y, weights):  # type: ignore[no-untyped-def]
    """Tau-b of every row of weights.

    Args:
        x: (n,) int32 dense ranks from 0, ascending.
        y: (n,) int32 dense ranks from 0.
        weights: (m, n) int32, how often each net counts.

    Returns:
        (m,) float64, NaN where all pairs tie on one side.
    """
    n = len(x)
    size = y.max() + 1 if n else 0
    out = np.full(len(weights), np.nan)
    tree = np.zeros(size + 1, np.int32)  # a Fenwick tree: weights of the nets with smaller x, by y
    drawn = np.zeros(size, np.int32)
    for row in range(len(weights)):
        w = weights[row]
        tree[:] = 0
        drawn[:] = 0
        before = np.int64(0)
        order = np.int64(0)  # concordant less discordant pairs
        tied_x = np.int64(0)
        start = 0
        while start < n:
            end = start
            group = np.int64(0)
            while end < n and x[end] == x[start]:
                count = np.int64(w[end])
                if count:
                    below = _below(tree, y[end])
                    order += count * (2 * below + drawn[y[end]] - before)  # those below less those above
                    group += count
                end += 1
            for i in range(start, end):
                if w[i]:
                    _add(tree, y[i], w[i])
                    drawn[y[i]] += w[i]
            before += group
            tied_x += group * (group - 1) // 2
            start = end
        pairs = before * (before - 1) // 2
        tied_y = np.int64(0)
        for same in drawn:
            tied_y += np.int64(same) * (same - 1) // 2
        if pairs > tied_x and pairs > tied_y:
            tau = order / (np.sqrt(float(pairs - tied_x)) * np.sqrt(float(pairs - tied_y)))
            out[row] = min(1.0, max(-1.0, tau))
    return out


@numba.njit(cache=True)
def _below(tree, end):  # type: ignore[no-untyped-def]
    total = 0
    while end > 0:
        total += tree[end]
        end &= end - 1
    return total


@numba.njit(cache=True)
def _add(tree, position, weight):  # type: ignore[no-untyped-def]
    i = position + 1
    while i < len(tree):
        tree[i] += weight
        i += i & -i
