"""What a NAS-Bench-201 cell's graph says without any pass: sizes, paths and depths of what works.

Everything is counted on `live(cells)`: operations on no path from input to output are removed first.
"""

import numpy as np
import numpy.typing as npt

from zeroshot.spaces import nasbench201 as space
from zeroshot.types import FloatArray, Int64Array

SKIP, CONV1X1, CONV3X3, POOL = 1, 2, 3, 4
# The four ways from node 0 to node 3, as positions in a cell's digits.
WAYS = ((3,), (0, 4), (1, 5), (0, 2, 5))


def graph_features(cells: npt.ArrayLike) -> dict[str, FloatArray]:
    """Name -> (n,) float64, of (n, 6) digits; higher is better by what is known of nets, 0 for a cell without a path.

    - `params`, `macs`: of the networks (10 classes, 32x32); the least there is for a cell without a path, not 0.
    - `depth`, `mean_depth`: convolutions on the path that has most, and on the mean path from input to output.
    - `depth3`: 3x3 convolutions on the path that has most of them.
    - `depths`: how many numbers of convolutions the paths have; a cell with short and long ones is an ensemble.
    - `conv_paths`, `clear_paths`: paths with a convolution, and those of them without pooling.
    - `path_convs`, `path_convs3`: convolutions and 3x3 ones on all paths, an operation once for each path it is on.
    - `clear_convs3`: 3x3 convolutions on all paths without pooling.
    - `convs`, `convs3`: the operations themselves.
    - `unpooled`: 1 / (1 + poolings on all paths). Pooling inside a cell blurs, and the space pools between its stages.
    - `direct`: the edge from input to output is a convolution or a skip, so that gradients pass a cell in one step.
    - `residual`: the input reaches the output unchanged.
    """
    live = space.live(cells)
    on, conv = _on(live), np.isin(live, (CONV1X1, CONV3X3))
    convs, convs3, pools = _sums(conv, on), _sums(live == CONV3X3, on), _sums(live == POOL, on)
    found = {
        "params": space.params(live),
        "macs": space.flops(live),
        "depth": convs.max(axis=1),
        "mean_depth": _mean(convs, on),
        "depth3": convs3.max(axis=1),
        "depths": np.stack([(on & (convs == n)).any(axis=1) for n in range(4)]).sum(axis=0),
        "conv_paths": (convs > 0).sum(axis=1),
        "clear_paths": ((convs > 0) & (pools == 0)).sum(axis=1),
        "path_convs": convs.sum(axis=1),
        "path_convs3": convs3.sum(axis=1),
        "clear_convs3": (convs3 * (pools == 0)).sum(axis=1),
        "convs": conv.sum(axis=1),
        "convs3": (live == CONV3X3).sum(axis=1),
        "unpooled": on.any(axis=1) / (1.0 + pools.sum(axis=1)),
        "direct": np.isin(live[:, 3], (SKIP, CONV1X1, CONV3X3)),
        "residual": (on & (convs + pools == 0)).any(axis=1),
    }
    return {name: np.asarray(values, np.float64) for name, values in found.items()}


def one_hot(cells: npt.ArrayLike) -> FloatArray:
    """Features for a calibrated model: (n, 6) digits -> (n, d), of live operations.

    For every operation its count, for every way whether it is open and how many of each operation it has, and what
    `graph_features` has besides.
    """
    live = space.live(cells)
    on = _on(live)
    columns = [(live == code).sum(axis=1) for code in range(1, 5)]
    columns += [(live == code)[:, edge] for code in range(1, 5) for edge in range(6)]
    columns += list(on.T)
    for code in range(1, 5):
        counts = _sums(live == code, on)
        columns += [*counts.T, *np.sort(counts, axis=1).T]
    features = graph_features(cells)
    features |= {name: np.log(features[name]) for name in ("params", "macs")}
    return np.column_stack([*columns, *features.values()]).astype(float)


def _on(live: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    return np.column_stack([(live[:, list(way)] != 0).all(axis=1) for way in WAYS])


def _sums(what: npt.NDArray[np.generic], on: npt.NDArray[np.bool_]) -> Int64Array:
    """Sum along every open way: (n, 6), (n, 4) -> (n, 4)."""
    return np.column_stack([what[:, list(way)].sum(axis=1) for way in WAYS]) * on


def _mean(values: Int64Array, on: npt.NDArray[np.bool_]) -> FloatArray:
    return np.asarray(values.sum(axis=1) / np.maximum(1, on.sum(axis=1)))
