"""Nets that are alike stand together: an order of a population in which every run of nets lies in a small box."""

import numpy as np

from zeroshot.cascade._scan_types import Net, Nets, Tree
from zeroshot.types import FloatArray, Int64Array


def starts(n: int, leaf: int) -> Int64Array:
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
    while parts < len(starts(n, leaf)) - 1:
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
    column = nets.figures[:, Net._fields.index(name)]
    return column if name == "mu" else np.log(np.maximum(column, 1e-9))


def boxes(nets: Nets, leaf: int) -> Tree:
    """The boxes around a population in such an order."""
    start = starts(len(nets.ops), leaf)
    leaves = len(start) - 1
    low, high = (np.zeros((2 * leaves, nets.figures.shape[1])) for _ in range(2))
    ops = np.zeros(2 * leaves, np.int64)
    low[leaves:] = np.minimum.reduceat(nets.figures, start[:-1])
    high[leaves:] = np.maximum.reduceat(nets.figures, start[:-1])
    ops[leaves:] = np.bitwise_and.reduceat(nets.ops, start[:-1])
    while leaves > 1:
        at, half = slice(leaves, 2 * leaves), slice(leaves // 2, leaves)
        low[half] = low[at].reshape(-1, 2, low.shape[1]).min(axis=1)
        high[half] = high[at].reshape(-1, 2, high.shape[1]).max(axis=1)
        ops[half] = np.bitwise_and(ops[at][::2], ops[at][1::2])
        leaves //= 2
    return Tree(low, high, ops, start)
