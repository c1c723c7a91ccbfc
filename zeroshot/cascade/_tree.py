"""Nets that are alike stand together: an order of a population in which every run of nets lies in a small box."""

import numpy as np

from zeroshot.cascade._field import ACCURACY, FIGURES, LEAST, MOST, OPS, Nets, Tree
from zeroshot.types import FloatArray, Int64Array


def _starts(n: int, leaf: int) -> Int64Array:
    """(leaves + 1,) where leaves of at most so many of n nets begin; their number is a power of two."""
    depth = max(0, int(np.ceil(np.log2(n / leaf))))
    return (np.arange(2**depth + 1) * n) >> depth


def plant(nets: Nets, names: tuple[str, ...], leaf: int) -> Int64Array:
    """An order that halves a population, and each half again, at the median of what is spread widest.

    Args:
        nets: The population.
        names: Figures that count, `mu` as it is, costs by their logarithms.
        leaf: Nets in the smallest parts.

    Returns:
        (n,) rows.
    """
    keys = np.column_stack([_key(nets, name) for name in names])
    order, n = np.arange(len(keys)), len(keys)
    parts = 1
    while parts < len(_starts(n, leaf)) - 1:
        bounds = np.arange(parts + 1) * n // parts
        mine, ordered = np.repeat(np.arange(parts), np.diff(bounds)), keys[order]
        low, high = (ufunc.reduceat(ordered, bounds[:-1]) for ufunc in (np.minimum, np.maximum))
        widest = np.argmax(high - low, axis=1)
        rows = np.arange(n), widest[mine]
        place = (ordered[rows] - low[mine, rows[1]]) / np.maximum((high - low)[mine, rows[1]], 1e-300)
        order = order[np.argsort(mine + 0.999 * place, kind="stable")]
        parts *= 2
    return order


def _key(nets: Nets, name: str) -> FloatArray:
    column = nets.figures[:, FIGURES.index(name)]
    return column if name == "mu" else np.log(np.maximum(column, 1e-9))


def tree(nets: Nets, leaf: int) -> Tree:
    """The boxes around a population in such an order."""
    start, figures = _starts(len(nets), leaf), nets.figures[:, : len(FIGURES)]
    leaves = len(start) - 1
    some = np.flatnonzero(np.diff(start))
    low, high = np.full((2 * leaves, len(FIGURES)), np.inf), np.full((2 * leaves, len(FIGURES)), -np.inf)
    numbers = np.zeros((2 * leaves, 3), np.int64)
    numbers[:, OPS] = -1
    low[leaves + some] = np.minimum.reduceat(figures, start[some])
    high[leaves + some] = np.maximum.reduceat(figures, start[some])
    numbers[leaves + some, OPS] = np.bitwise_and.reduceat(nets.numbers[:, OPS], start[some])
    numbers[leaves + some, LEAST] = numbers[leaves + some, MOST] = start[some]
    while leaves > 1:
        at, left, right = slice(leaves // 2, leaves), slice(leaves, 2 * leaves, 2), slice(leaves + 1, 2 * leaves, 2)
        low[at], high[at] = np.minimum(low[left], low[right]), np.maximum(high[left], high[right])
        numbers[at, OPS] = numbers[left, OPS] & numbers[right, OPS]
        less, more = low[left, ACCURACY] <= low[right, ACCURACY], high[left, ACCURACY] > high[right, ACCURACY]
        numbers[at, LEAST] = np.where(less, numbers[left, LEAST], numbers[right, LEAST])
        numbers[at, MOST] = np.where(more, numbers[left, MOST], numbers[right, MOST])
        leaves //= 2
    return Tree(low, high, numbers)
