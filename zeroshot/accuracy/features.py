"""What a net's layers say about its accuracy before anything is built: a few numbers that depend on that net alone.

Unlike ranks they mean the same in every population, so a line that was fitted to some nets holds for others. None of
them falls where a layer is added to the end of a net or made wider, all else equal, but `log_narrowest` and
`log_segment_macs`, by a layer that is narrower or, without a shortcut, cheaper than those before it. (Where a wider
layer costs a block its shortcut, the addition no longer counts in `log_depth`.)
"""

from collections.abc import Callable

import numba
import numpy as np
import numpy.typing as npt

from zeroshot.cost.counts import layer_macs, layer_outputs, layer_weights, macs, params, per_net
from zeroshot.net import (
    ADD,
    AVGPOOL,
    CONV,
    DEPTHWISE,
    HEIGHT,
    KERNEL_H,
    KERNEL_W,
    LINEAR,
    NO_TENSOR,
    OP,
    OUT_HEIGHT,
    OUT_WIDTH,
    POINTWISE,
    RESIDUAL,
    SOURCE,
    WIDTH,
    LayerTable,
)
from zeroshot.types import FloatArray

ENOUGH = 0.75  # of the image's side
MOST = 2**20  # channels: of a net without a convolution
CONVOLUTIONS = (CONV, DEPTHWISE, POINTWISE)


def log_macs(table: LayerTable) -> FloatArray:
    """log10 of the multiply-accumulates of one inference."""
    return _log10(macs(table))


def log_params(table: LayerTable) -> FloatArray:
    """log10 of the trainable parameters."""
    return _log10(params(table))


def log_outputs(table: LayerTable) -> FloatArray:
    """log10 of the activations that the convolutions behind the stem write.

    Not those of the stem: a wide one at full resolution is easily had and does little by itself.
    """
    written = np.where(np.isin(table.column("op"), CONVOLUTIONS), layer_outputs(table), 0)
    written[table.ptr[:-1]] = 0
    return _log10(per_net(table, written))


def log_stem_outputs(table: LayerTable) -> FloatArray:
    """log2 of the activations that the stem, the first layer, writes: all that the others see of the image."""
    return np.asarray(np.log2(layer_outputs(table)[table.ptr[:-1]]), np.float64)


def log_narrowest(table: LayerTable) -> FloatArray:
    """log2 of the fewest channels of any convolution: what every answer has to pass through."""
    channels = np.where(np.isin(table.column("op"), CONVOLUTIONS), table.column("out_channels"), MOST)
    if not len(table):
        return np.zeros(0)
    return np.asarray(np.log2(np.minimum.reduceat(channels, table.ptr[:-1])), np.float64)


def log_segment_macs(table: LayerTable) -> FloatArray:
    """Mean log10 of the multiply-accumulates of a net's segments, those of depthwise layers and of the head left out.

    A segment lies between two tensors that every path passes: a layer, or whatever a shortcut spans. Whatever a net
    knows of an image has to pass through each of them, so one that is much cheaper than the others holds them back;
    beside a shortcut a cheap layer holds nothing back.
    """
    return np.asarray(_segments(table.rows, table.ptr, layer_macs(table)), np.float64)


def log_balanced_macs(table: LayerTable) -> FloatArray:
    """log10 of the multiply-accumulates behind the stem, as they count if those on n sizes of map count n^2 times.

    (sum over sizes of map of its multiply-accumulates^1/3)^3, so evenly spread work counts in full, and a little work
    at one more resolution counts little. Nets that are narrow and fine first, wide and coarse later, are better than
    others with as many operations at one resolution. The stem's do not count: where all that is done at full
    resolution is the stem, nothing is learnt there.
    """
    done = layer_macs(table)
    done[table.ptr[:-1]] = 0
    return np.asarray(np.log10(np.maximum(_balanced(table.rows, table.ptr, done), 1.0)), np.float64)


def log_field(table: LayerTable) -> FloatArray:
    """log2 of the receptive field of the last map over the image's side: what an answer can see of it.

    At most that of `ENOUGH`: beyond three quarters of the side, more was worth nothing to the nets of the fit. Of a
    rectangle the geometric mean of both axes, each at most `ENOUGH`: to see more than all of the height makes up for
    nothing that is not seen along the width. Of a signal that of its axis.

    The longest path counts, (kernel - 1) times the pixels between two positions a layer (Araujo et al., Distill 2019);
    the global pooling, which sees everything but in no order, does not.
    """
    return np.asarray(np.log2(_fields(table.rows, table.ptr)), np.float64)


def log_side(table: LayerTable) -> FloatArray:
    """log2 of the input's side, pixels: of the square with as many pixels, or samples of a signal.

    So it says of any shape what it says of a square: how much there is to see, of which operations and activations are
    multiples.
    """
    height, width = (table.column(name)[table.ptr[:-1]].astype(np.float64) for name in ("height", "width"))
    return np.asarray(np.log2(np.sqrt(height * width)), np.float64)  # of a square the root is exact


def log_depth(table: LayerTable) -> FloatArray:
    """log2 of the number of layers with weights."""
    return np.asarray(np.log2(np.maximum(per_net(table, (layer_weights(table) > 0).astype(np.int64)), 1)), np.float64)


@numba.njit(cache=True)
def _balanced(rows, ptr, done):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """(sum over sizes of map of done^1/3)^3 of each net, (n_nets,) float64."""
    out = np.zeros(len(ptr) - 1)
    for net in range(len(ptr) - 1):
        first, last = ptr[net], ptr[net + 1]
        there = np.zeros(last - first, np.int64)  # what is done on maps of a size, at the first layer of that size
        for i in range(first, last):
            j = first
            while rows[j, OUT_HEIGHT] != rows[i, OUT_HEIGHT] or rows[j, OUT_WIDTH] != rows[i, OUT_WIDTH]:
                j += 1
            there[j - first] += done[i]
        roots = 0.0
        for work in there:
            roots += np.cbrt(work)
        out[net] = roots**3
    return out


@numba.njit(cache=True)
def _segments(rows, ptr, done):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Mean log10 of the work of each net's segments, (n_nets,) float64; 0 where there are none."""
    out = np.zeros(len(ptr) - 1)
    for net in range(len(ptr) - 1):
        layers, work = rows[ptr[net] : ptr[net + 1]], done[ptr[net] : ptr[net + 1]]
        needed = np.full(len(layers) + 1, len(layers))  # the first tensor that this layer or a later one reads
        for i in range(len(layers) - 1, -1, -1):
            needed[i] = min(needed[i + 1], layers[i, SOURCE])
            if layers[i, RESIDUAL] != NO_TENSOR:
                needed[i] = min(needed[i], layers[i, RESIDUAL])
        inside, count, total = 0.0, 0, 0.0
        for i in range(len(layers)):
            if layers[i, OP] == CONV or layers[i, OP] == POINTWISE:
                inside += work[i]
            if needed[i + 1] >= i and inside > 0:  # all paths meet in what this layer writes
                total += np.log10(inside)
                count, inside = count + 1, 0.0
        if count > 0:
            out[net] = total / count
    return out


@numba.njit(cache=True)
def _fields(rows, ptr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Share of its input that each net's last map sees, at most `ENOUGH` along an axis: (n_nets,) float64."""
    out = np.ones(len(ptr) - 1)
    for net in range(len(ptr) - 1):
        layers = rows[ptr[net] : ptr[net + 1]]
        down = min(_field(layers, HEIGHT, KERNEL_H), ENOUGH)
        right = min(_field(layers, WIDTH, KERNEL_W), ENOUGH)
        if layers[0, HEIGHT] == 1 or layers[0, WIDTH] == 1:
            out[net] = right if layers[0, HEIGHT] == 1 else down
        else:
            out[net] = np.sqrt(down * right)  # of two equal numbers exactly that number
    return out


@numba.njit(cache=True)
def _field(layers, size, kernels):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Receptive field of a net's last map along an axis over its input's size; the columns say along which."""
    side = float(layers[0, size])
    field = np.ones(len(layers))
    found = 1.0
    for i in range(len(layers)):
        op, kernel, source, residual = layers[i, OP], layers[i, kernels], layers[i, SOURCE], layers[i, RESIDUAL]
        reached = field[source] if source >= 0 else 1.0
        if op == ADD and residual >= 0:
            reached = max(reached, field[residual])
        # A pooling to one position is the global one.
        pooled = op == AVGPOOL and layers[i, OUT_HEIGHT] == 1 and layers[i, OUT_WIDTH] == 1
        if kernel > 1 and op != LINEAR and not pooled:
            reached += (kernel - 1) * side / layers[i, size]
        field[i] = reached
        found = reached / side
    return found


FEATURES: dict[str, Callable[[LayerTable], FloatArray]] = {
    feature.__name__: feature
    for feature in (
        log_macs, log_params, log_outputs, log_stem_outputs, log_narrowest, log_segment_macs, log_balanced_macs,
        log_field, log_side, log_depth,
    )
}  # fmt: skip


def features(table: LayerTable) -> dict[str, FloatArray]:
    """Every feature of a population: name -> (n_nets,) float64, finite."""
    return {name: function(table) for name, function in FEATURES.items()}


def _log10(count: npt.NDArray[np.int64]) -> FloatArray:
    return np.asarray(np.log10(np.maximum(count, 1).astype(np.float64)), np.float64)
