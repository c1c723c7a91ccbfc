"""Ranks counted out net by net."""

import math


def fuse_ranks(scores):
    """Mean over the columns of log(rank / n), the rank counted out net by net."""
    n = len(scores)
    fused = []
    for i in range(n):
        logs = []
        for column in zip(*scores, strict=True):
            key = [-math.inf if math.isnan(value) else value for value in column]
            below = sum(value < key[i] for value in key)
            equal = sum(value == key[i] for value in key)
            logs.append(math.log((below + (equal + 1) / 2) / n))
        fused.append(sum(logs) / len(logs))
    return fused
