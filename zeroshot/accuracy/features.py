"""What a net's layers say about its accuracy before anything is built: a few numbers that depend on that net alone.

Unlike ranks they mean the same in every population, so a line that was fitted to some nets holds for others.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from zeroshot.cost.counts import layer_macs, layer_outputs, layer_weights, macs, params, per_net
from zeroshot.net import ADD, AVGPOOL, CONV, DEPTHWISE, LINEAR, LayerTable
from zeroshot.types import FloatArray


def log_macs(table: LayerTable) -> FloatArray:
    """log10 of the multiply-accumulates of one inference."""
    return _log10(macs(table))


def log_params(table: LayerTable) -> FloatArray:
    """log10 of the trainable parameters."""
    return _log10(params(table))


def log_outputs(table: LayerTable) -> FloatArray:
    """log10 of the activations that all layers write."""
    return _log10(per_net(table, layer_outputs(table)))


def log_stem_outputs(table: LayerTable) -> FloatArray:
    """log2 of the activations that the stem, the first layer, writes: all that the others see of the image."""
    return np.asarray(np.log2(layer_outputs(table)[table.ptr[:-1]]), np.float64)


def log_narrowest(table: LayerTable) -> FloatArray:
    """log2 of the activations of the smallest map before the global pooling: what every answer has to pass through."""
    before = ~np.isin(table.column("op"), (AVGPOOL, LINEAR))
    outputs = np.where(before, layer_outputs(table), np.iinfo(np.int64).max)
    if not len(table):
        return np.zeros(0)
    return np.asarray(np.log2(np.minimum.reduceat(outputs, table.ptr[:-1])), np.float64)


def mean_log_macs(table: LayerTable) -> FloatArray:
    """Mean over layers with weights of log10 of their multiply-accumulates: more where the work is spread evenly."""
    return _mean_log_macs(table, layer_weights(table) > 0)


def mean_log_spatial_macs(table: LayerTable) -> FloatArray:
    """As `mean_log_macs`, of the layers that look beyond one position (kernels over 1x1); 0 without such a layer."""
    return _mean_log_macs(table, (table.column("kernel_h") > 1) & np.isin(table.column("op"), (CONV, DEPTHWISE)))


def wide_kernel_share(table: LayerTable) -> FloatArray:
    """Share of the multiply-accumulates in kernels of 5x5 and more, 0 to 1."""
    work = layer_macs(table)
    part = per_net(table, np.where(table.column("kernel_h") >= 5, work, 0))
    return np.asarray(part / np.maximum(per_net(table, work), 1), np.float64)


def log_side(table: LayerTable) -> FloatArray:
    """log2 of the input's side, pixels."""
    return np.asarray(np.log2(table.column("height")[table.ptr[:-1]]), np.float64)


def log_last_side(table: LayerTable) -> FloatArray:
    """log2 of the side of the map that the global pooling averages, pixels; without one 0."""
    pooled = table.column("op") == AVGPOOL
    return np.asarray(np.log2(np.maximum(per_net(table, np.where(pooled, table.column("height"), 0)), 1)), np.float64)


def log_last_width(table: LayerTable) -> FloatArray:
    """log2 of the inputs of the classifier, its last layer."""
    return np.asarray(np.log2(table.column("in_channels")[table.ptr[1:] - 1]), np.float64)


def log_depth(table: LayerTable) -> FloatArray:
    """log2 of the number of layers with weights."""
    return np.asarray(np.log2(np.maximum(per_net(table, (layer_weights(table) > 0).astype(np.int64)), 1)), np.float64)


def depthwise_share(table: LayerTable) -> FloatArray:
    """Share of the multiply-accumulates that depthwise layers do, 0 to 1."""
    return _share(table, DEPTHWISE)


def dense_share(table: LayerTable) -> FloatArray:
    """Share of the multiply-accumulates that dense layers with kernels over 1x1 do, 0 to 1."""
    return _share(table, CONV)


def skip_share(table: LayerTable) -> FloatArray:
    """Additions of a skip over layers with weights; 0 without skips."""
    skips = per_net(table, (table.column("op") == ADD).astype(np.int64))
    layers = per_net(table, (layer_weights(table) > 0).astype(np.int64))
    return np.asarray(skips / np.maximum(layers, 1), np.float64)


FEATURES: dict[str, Callable[[LayerTable], FloatArray]] = {
    feature.__name__: feature
    for feature in (
        log_macs, log_params, log_outputs, log_stem_outputs, log_narrowest, mean_log_macs, mean_log_spatial_macs,
        wide_kernel_share, log_side,
        log_last_side, log_last_width, log_depth, depthwise_share, dense_share, skip_share,
    )
}  # fmt: skip


def features(table: LayerTable) -> dict[str, FloatArray]:
    """Every feature of a population: name -> (n_nets,) float64, finite."""
    return {name: function(table) for name, function in FEATURES.items()}


def _log10(count: npt.NDArray[np.int64]) -> FloatArray:
    return np.asarray(np.log10(np.maximum(count, 1).astype(np.float64)), np.float64)


def _mean_log_macs(table: LayerTable, chosen: npt.NDArray[np.bool_]) -> FloatArray:
    """Mean of log10 of the multiply-accumulates over each net's chosen layers; 0 without one."""
    logs = np.where(chosen, np.log10(np.maximum(layer_macs(table), 1)), 0.0)
    layers = np.maximum(per_net(table, chosen.astype(np.int64)), 1)
    if not len(table):
        return np.zeros(0)
    return np.asarray(np.add.reduceat(logs, table.ptr[:-1]) / layers, np.float64)


def _share(table: LayerTable, op: int) -> FloatArray:
    work = layer_macs(table)
    part = per_net(table, np.where(table.column("op") == op, work, 0))
    return np.asarray(part / np.maximum(per_net(table, work), 1), np.float64)
