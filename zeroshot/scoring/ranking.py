"""Rank fusion: several proxies, one order."""

import numpy as np
from scipy.stats import rankdata

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
    return np.asarray(np.log(rankdata(filled, axis=0) / len(scores)).mean(axis=1))
