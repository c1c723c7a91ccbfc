"""Rank fusion: several proxies, one order."""

import numpy as np

from zeroshot.types import FloatArray


def fuse_ranks(scores: FloatArray) -> FloatArray:
    """Mean log-rank of each net over the proxies, as AZ-NAS (CVPR 2024) aggregates its components.

    A net's rank under one proxy is 1 for the worst of n and n for the best, ties averaged; the fused score is the
    mean of log(rank / n). The logarithm lets one bad rank weigh more than one good rank: a net must please all
    proxies. It depends on the population, so fused scores of two populations cannot be compared.

    Args:
        scores: (n_nets, n_proxies) float64, higher is better; NaN (undefined) ranks last.

    Returns:
        (n_nets,) float64, at most 0.
    """
    if not len(scores):
        return np.zeros(0)
    filled = np.where(np.isnan(scores), -np.inf, scores)
    ranks = np.column_stack([_ranks(column) for column in filled.T])
    return np.asarray(np.log(ranks / len(scores)).mean(axis=1))


def _ranks(values: FloatArray) -> FloatArray:
    """From 1 for the least, ties averaged; scipy.stats has the same and takes a second to import."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places])
