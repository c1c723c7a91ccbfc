"""MACs and weights of every layer and net of a LayerTable: exact integers, one multiply-accumulate is one MAC."""

import numpy as np

from zeroshot.net import ADD, AVGPOOL, CONV, DEPTHWISE, LINEAR, POINTWISE, LayerTable
from zeroshot.types import Int64Array


def per_net(table: LayerTable, values: Int64Array) -> Int64Array:
    """Sum a value per row over each net: (n_rows,) -> (n_nets,)."""
    return np.add.reduceat(values, table.ptr[:-1]) if len(table) else np.zeros(0, values.dtype)


def layer_weights(table: LayerTable) -> Int64Array:
    """Weights of each layer's kernel, without biases: (n_rows,) int64; additions and poolings have none."""
    op = table.column("op")
    fan_in = (table.column("in_channels") // table.column("groups")).astype(np.int64)
    count = fan_in * table.column("out_channels") * table.column("kernel_h") * table.column("kernel_w")
    return np.where((op == ADD) | (op == AVGPOOL), 0, count)


def layer_outputs(table: LayerTable) -> Int64Array:
    """Elements of each layer's output tensor: (n_rows,) int64, bytes at int8."""
    return _pixels(table) * table.column("out_channels")


def _pixels(table: LayerTable) -> Int64Array:
    return table.column("out_height").astype(np.int64) * table.column("out_width")


def layer_macs(table: LayerTable) -> Int64Array:
    """Multiply-accumulates of each layer: (n_rows,) int64; padding counts, additions and poolings do not.

    Convolutions and fully connected layers only, as torch.utils.flop_counter counts them (it reports two a MAC).
    """
    return layer_weights(table) * _pixels(table)


def macs(table: LayerTable) -> Int64Array:
    """Multiply-accumulates of one inference: (n_nets,) int64."""
    return per_net(table, layer_macs(table))


def weights(table: LayerTable) -> Int64Array:
    """Kernel weights, without biases and batch norm: (n_nets,) int64, bytes at int8."""
    return per_net(table, layer_weights(table))


def macs_and_weights(table: LayerTable) -> tuple[Int64Array, Int64Array]:
    """`macs` and `weights`, which have most of their way in common."""
    kernels = layer_weights(table)
    return per_net(table, kernels * _pixels(table)), per_net(table, kernels)


def layer_params(table: LayerTable) -> Int64Array:
    """Trainable parameters of each layer of the float net: (n_rows,) int64.

    Kernel weights, two batch-norm parameters a channel after every convolution (which has no bias of its own), and
    the bias of the fully connected layer.
    """
    op = table.column("op")
    out = table.column("out_channels").astype(np.int64)
    normed = (op == CONV) | (op == DEPTHWISE) | (op == POINTWISE)
    return layer_weights(table) + np.where(normed, 2 * out, np.where(op == LINEAR, out, 0))


def params(table: LayerTable) -> Int64Array:
    """Trainable parameters of the float net: (n_nets,) int64; see `layer_params`."""
    return per_net(table, layer_params(table))
