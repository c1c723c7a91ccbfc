"""Which specs are the same function: their nets have equal layers, joined in the same way."""

import numpy as np

from zeroshot.net import BOTTLENECK_BLOCK, CONV_BLOCK, LARGEST, NET_FIELDS, STAGE_FIELDS
from zeroshot.types import Int32Array, Int64Array

_ROOM = LARGEST + 1


def canonical(values: Int32Array) -> Int64Array:
    """A key for each net: rows are equal where the nets compute the same, whatever their weights, and only there.

    A net's blocks are written out one by one, so that it does not matter how they are told apart into stages:
    `c3w8x1-c3w8x1` is `c3w8x2`. A head is a plain 1x1 block. Expansions of blocks that have none do not count.

    An inverted bottleneck without expansion and without shortcut costs what a separable block costs, row for row of
    a `LayerTable`, but ends without ReLU: the keys of the two differ.

    Args:
        values: (n, 5 + 6 * stages) int32 spec array.

    Returns:
        (n, columns) int64, as many columns as the deepest net needs; zeros at the end do not count.

    >>> from zeroshot.net import NetSpec, spec_array
    >>> nets = map(NetSpec.parse, ("r8-s8-c3w8x2/2-d3w8x1", "r8-s8-c3w8x1/2-c3w8x1-d3w8x1"))
    >>> one, other = (canonical(spec_array([net]))[0].tolist() for net in nets)
    >>> one == other
    True
    """
    wide: Int64Array = np.asarray(values, np.int64)
    most = (wide.shape[1] - NET_FIELDS) // STAGE_FIELDS
    stages = wide[:, NET_FIELDS:].reshape(len(wide), most, STAGE_FIELDS)
    block, kernel, expansion, width, depth, stride = np.moveaxis(stages, 2, 0)
    depth = np.where(np.arange(most) < wide[:, 3, None], depth, 0)
    heads = (wide[:, 4] > 0).astype(np.int64)
    ends = np.cumsum(depth, axis=1)
    total = depth.sum(axis=1)
    out = np.zeros((len(wide), 3 + int((total + heads).max(initial=0))), np.int64)
    out[:, :3] = wide[:, :3]
    place = np.arange(out.shape[1] - 3)
    of = np.where(block == BOTTLENECK_BLOCK, expansion, 1)
    leading, following = _code(block, kernel, of, width, stride), _code(block, kernel, of, width, 1)
    for s in range(most):
        first, last = ends[:, s, None] - depth[:, s, None], ends[:, s, None]
        code = np.where(place == first, leading[:, s, None], following[:, s, None])
        out[:, 3:] += np.where((place >= first) & (place < last), code, 0)
    rows = np.flatnonzero(heads)
    out[rows, 3 + total[rows]] = _code(CONV_BLOCK, 1, 1, wide[rows, 4], 1)
    return out


def _code(
    block: Int64Array | int, kernel: Int64Array | int, expansion: Int64Array | int, width: Int64Array,
    stride: Int64Array | int,
) -> Int64Array:  # fmt: skip
    """Blocks as numbers above 0, one each."""
    return np.asarray(1 + stride + 3 * (block + 4 * (kernel + _ROOM * (expansion + _ROOM * width))), np.int64)
