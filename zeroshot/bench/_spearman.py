"""Products of ranks in many weighted samples, in steps that grow with the nets alone."""

import numba
import numpy as np


@numba.njit(cache=True)
def moments_kernel(scores, others, weights):  # type: ignore[no-untyped-def]
    """Rank every column in every sample, ties averaged, and sum the products.

    Args:
        scores: (p, n) int32 dense ranks from 0; n is at least 1.
        others: (k, n) int32 dense ranks from 0.
        weights: (m, n) int32, how often each net counts.

    Returns:
        (m, p) float64 sum of squares of each score's centred ranks, (m, p, k) products with the others', and
        (m, k, k) products of these with each other.
    """
    m, n = weights.shape
    p, k = len(scores), len(others)
    own, crossed, between = np.zeros((m, p)), np.zeros((m, p, k)), np.zeros((m, k, k))
    middles, ranks, weighted, others_ranks = np.zeros(n), np.zeros(n), np.zeros((k, n)), np.zeros((k, n))
    for row in range(m):
        w = weights[row]
        for b in range(k):
            _rank(others[b], w, middles, others_ranks[b])
            for i in range(n):
                weighted[b, i] = w[i] * others_ranks[b, i]
        between[row] = np.dot(weighted, others_ranks.T)
        for a in range(p):
            own[row, a] = _rank(scores[a], w, middles, ranks)
            crossed[row, a] = np.dot(weighted, ranks)
    return own, crossed, between


@numba.njit(cache=True)
def _rank(dense, w, middles, ranks):  # type: ignore[no-untyped-def]
    """Fill in the centred rank of every net; returns the sum of their squares over the sample."""
    middles[:] = 0.0
    total = 0.0
    for i in range(len(dense)):
        middles[dense[i]] += w[i]
        total += w[i]
    before = 0.0
    squares = 0.0
    for value in range(len(middles)):
        drawn = middles[value]
        rank = before + 0.5 * drawn - 0.5 * total
        before += drawn
        middles[value] = rank
        squares += drawn * rank * rank
    for i in range(len(dense)):
        ranks[i] = middles[dense[i]]
    return squares
