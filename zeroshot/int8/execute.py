"""The reference executor: an int8 net on images, in integers alone, bit for bit what TFLite Micro computes.

Accumulators are int32 and never overflow: `zeroshot.int8.arithmetic.requantisation` has proved it from the weights.
Images and tensors are (n, height, width, channels) int8, channels last as on the device.
"""

from collections.abc import Iterator

import numpy as np

from zeroshot.errors import UsageError
from zeroshot.int8._kernels import add, convolve, convolve_depthwise, pool, requantise
from zeroshot.int8.arithmetic import HIGHEST, LOWEST, Requantisation, requantisation
from zeroshot.int8.net import Int8Net
from zeroshot.net import ADD, LayerTable, same_padding
from zeroshot.types import ByteArray, Float32Array, Int8Array, Int32Array

BATCH_BYTES = 2**20  # of all tensors of the images that run at once: they stay in the processor's second cache


def run(net: Int8Net, images: Int8Array) -> Int8Array:
    """Outputs of a net, exactly as a device computes them.

    Args:
        net: The net.
        images: (n, height, width, channels) int8, quantised by `quantize_input` or `quantize_pixels`.

    Returns:
        (n, classes) int8, to be read as `net.scale[-1] * (value - net.zero[-1])`.

    Raises:
        UsageError: The images do not fit the net, or its accumulators might overflow.
    """
    out = np.empty((len(images), net.classes), np.int8)
    for at, parts in _batches(net, images):
        out[at : at + len(parts[-1])] = parts[-1].reshape(len(parts[-1]), net.classes)
    return out


def tensors(net: Int8Net, images: Int8Array) -> list[Int8Array]:
    """Every tensor of a net, for comparisons; arguments and errors as `run`.

    Returns:
        One array (n, height, width, channels) int8 a tensor, index t + 1 for tensor t: the images come first, the
        output (n, 1, 1, classes) last.
    """
    out = [np.empty((len(images), *shape), np.int8) for shape in _shapes(net)]
    for at, parts in _batches(net, images):
        for whole, part in zip(out, parts, strict=True):
            whole[at : at + len(part)] = part
    return out


def quantize_input(net: Int8Net, x: Float32Array) -> Int8Array:
    """Real inputs as the net's int8: x / scale + zero point, rounded half to even, clamped to int8.

    Args:
        net: The net, of which only the input's scale and zero point are used.
        x: (..., channels) float32, any shape with the channels last.

    Raises:
        UsageError: A value is not finite.
    """
    if not np.isfinite(x).all():
        raise UsageError("The input of an int8 net must be finite.")
    scaled = np.rint(np.asarray(x, np.float64) / np.float64(net.scale[0])) + net.zero[0]
    return np.asarray(np.clip(scaled, LOWEST, HIGHEST), np.int8)


def quantize_pixels(table: Int8Array, pixels: ByteArray) -> Int8Array:
    """Raw pixels as int8, by a look-up that a device does with the same bytes: nothing is left to round there.

    Args:
        table: (256, channels) int8, `quantize_input` of what normalising makes of the pixel values 0 to 255.
        pixels: (n, height, width, channels) uint8.

    Raises:
        UsageError: Table and pixels do not fit each other.
    """
    if table.shape != (256, pixels.shape[-1]) or table.dtype != np.int8 or pixels.dtype != np.uint8:
        raise UsageError(
            f"A table of shape {table.shape} {table.dtype} does not fit pixels of shape {pixels.shape} {pixels.dtype}.",
            "The table is (256, channels) int8, pixels are (n, height, width, channels) uint8.",
        )
    return table[pixels, np.arange(pixels.shape[-1])]


def accumulators(x: Int8Array, zero: int, weights: Int8Array, bias: Int32Array, stride: int) -> Int32Array:
    """Sums of products of a convolution or fully connected layer, bias included, before they are scaled.

    Args:
        x: (n, height, width, channels) int8.
        zero: Zero point of `x`.
        weights: (out, kernel_h, kernel_w, channels) int8; (channels, kernel_h, kernel_w, 1) for a depthwise layer.
        bias: (out,) int32.
        stride: 1 or 2; padding is SAME.

    Returns:
        (n, height / stride, width / stride, out), rounded up, int32, wrapped around where 32 bits do not suffice.
    """
    sizes, kernels = x.shape[1:3], weights.shape[1:3]
    padding = tuple(same_padding(size, kernel, stride)[0] for size, kernel in zip(sizes, kernels, strict=True))
    out = np.empty((len(x), *(-(-size // stride) for size in sizes), len(weights)), np.int32)
    if weights.shape[3] != x.shape[3]:
        order = np.ascontiguousarray(weights[..., 0].transpose(1, 2, 0), np.int32)
        convolve_depthwise(x, out, order, bias, stride, padding, zero)
    else:
        order = np.ascontiguousarray(weights.transpose(1, 2, 3, 0), np.int32)
        convolve(x, out, order, bias, stride, padding, zero)
    return out


def _batches(net: Int8Net, images: Int8Array) -> Iterator[tuple[int, list[Int8Array]]]:
    """First image and all tensors of one batch after another."""
    if images.dtype != np.int8 or images.shape[1:] != net.input_shape:
        raise UsageError(
            f"Images of {net.spec} must be (n, {', '.join(map(str, net.input_shape))}) int8, "
            f"not {images.shape} {images.dtype}.",
            "quantize_input and quantize_pixels make them.",
        )
    table = net.table
    made = [requantisation(net, row) for row in range(len(table.rows))]
    step = max(1, BATCH_BYTES // sum(int(np.prod(shape)) for shape in _shapes(net)))
    for at in range(0, len(images), step):
        parts = [np.ascontiguousarray(images[at : at + step])]
        for row, how in enumerate(made):
            parts.append(_run_row(net, table, row, how, parts))
        yield at, parts


def _shapes(net: Int8Net) -> list[tuple[int, int, int]]:
    """Height, width and channels of every tensor."""
    columns = (net.table.column(name).tolist() for name in ("out_height", "out_width", "out_channels"))
    return [net.input_shape, *zip(*columns, strict=True)]


def _run_row(net: Int8Net, table: LayerTable, row: int, made: Requantisation, parts: list[Int8Array]) -> Int8Array:
    op, source, residual, stride = (int(table.column(name)[row]) for name in ("op", "source", "residual", "stride"))
    x, weights, bias = parts[source + 1], net.weights[row], net.bias[row]
    zero, zero_out = int(net.zero[source + 1]), int(net.zero[row + 1])
    multiplier, shift = made.multiplier.astype(np.int64), made.shift.astype(np.int64)
    if weights is not None and bias is not None:
        acc = accumulators(x, zero, weights, bias, stride)
        out = np.empty(acc.shape, np.int8)
        requantise(acc, out, multiplier, shift, zero_out, made.low, made.high)
    elif op == ADD:
        out = np.empty_like(x)
        zeros = (zero, int(net.zero[residual + 1]), zero_out)
        add(x, parts[residual + 1], out, zeros, multiplier, shift, made.low, made.high)
    else:
        out = np.empty((len(x), 1, 1, x.shape[3]), np.int8)
        pool(x, out, made.low, made.high)
    return out
