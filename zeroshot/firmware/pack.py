"""An int8 net as the C kernels want it: weights in their order, parameters padded to their blocks.

`c/kernels.c` says why the orders are what they are. Nothing here changes a result.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from zeroshot.int8.arithmetic import (
    ADD_SHIFT,
    HIGHEST,
    INT32_MAX,
    LOWEST,
    WIDEST,
    multiply_by_quantized_multiplier,
    requantisation,
)
from zeroshot.int8.net import Int8Net
from zeroshot.net import ADD, DEPTHWISE
from zeroshot.types import Int8Array, Int32Array

# The fast requantisation adds the zero point before a shift of at most so many bits to the right, at least one.
FAST_SHIFTS = range(1, 24)
_HALF = 2**30  # the multiplier of a factor of one half
# Of channels that hardly vary: outputs of up to 255 in size stay inside 32 bits, and so does their zero point.
FLAT_SHIFT = 21


@dataclass(frozen=True, eq=False)
class PackedLayer:
    """What a kernel reads from flash for one row; arrays are empty where it reads none.

    Attributes:
        weights: (bytes,) int8, in the kernel's order.
        bias: int32, one a filter, padded to a multiple of two (convolutions) or four (depthwise) with zeros.
        multiplier: int32, as many as biases. Of an addition (2,): of the second operand, of the sum.
        shift: int8, as many as biases, positive to the left. Of an addition (3,): bits to the left before the second
            operand's multiplier, shifts after it and after the sum's.
        low: Smallest output.
        swapped: Whether an addition's operands change places, so that the one with the larger scale comes first.
        fast: Whether the fast requantisation serves.
    """

    weights: Int8Array = field(repr=False)
    bias: Int32Array = field(repr=False)
    multiplier: Int32Array = field(repr=False)
    shift: Int8Array = field(repr=False)
    low: int
    swapped: bool = False
    fast: bool = True

    @property
    def bytes(self) -> int:
        """Bytes in flash."""
        return self.weights.nbytes + self.bias.nbytes + self.multiplier.nbytes + self.shift.nbytes


def pack(net: Int8Net) -> list[PackedLayer]:
    """The rows of a net for the C kernels.

    Raises:
        UsageError: As `zeroshot.int8.arithmetic.requantisation`.
    """
    out = []
    for row, op in enumerate(net.table.column("op").tolist()):
        weights, bias = net.weights[row], net.bias[row]
        if op == ADD:
            out.append(_addition(net, row))
        elif weights is None or bias is None:
            out.append(_pooling(net, row))
        else:
            out.append(_weighted(net, row, weights, bias, depthwise=op == DEPTHWISE))
    return out


def convolution_weights(weights: Int8Array) -> Int8Array:
    """Weights of a convolution, (out, kernel_h, kernel_w, in) int8, for `zs_convolve`: (bytes,) int8.

    A filter's values are ordered as `zs_gather` copies a patch: of every row of kernel_w x in values first those that
    come in fours, after all rows the rest; then zeros up to a multiple of four. Two filters f and g are interleaved so
    that one instruction spreads a word over two registers: f0 g0 f2 g2, f1 g1 f3 g3.
    """
    out, high = weights.shape[:2]
    rows = weights.reshape(out, high, -1)
    fours = rows.shape[2] // 4 * 4
    values = np.concatenate([rows[..., :fours].reshape(out, -1), rows[..., fours:].reshape(out, -1)], axis=1)
    values = np.pad(values, ((0, out % 2), (0, -values.shape[1] % 4)))
    pairs = values.reshape(len(values) // 2, 2, -1, 2, 2)  # (pairs of filters, filter, fours, 0 or 2, 0 or 1)
    return np.ascontiguousarray(pairs.transpose(0, 2, 4, 3, 1)).reshape(-1)


def depthwise_weights(weights: Int8Array) -> Int8Array:
    """Weights of a depthwise layer, (channels, kernel_h, kernel_w, 1) int8, for `zs_depthwise`: (bytes,) int8.

    Four channels at a time, the taps column after column, the four channels of a tap side by side.
    """
    channels, high, wide, _ = weights.shape
    padded = np.pad(weights[..., 0], ((0, -channels % 4), (0, 0), (0, 0)))
    return np.ascontiguousarray(padded.reshape(-1, 4, high, wide).transpose(0, 3, 2, 1)).reshape(-1)


def _weighted(net: Int8Net, row: int, weights: Int8Array, bias: Int32Array, *, depthwise: bool) -> PackedLayer:
    made = requantisation(net, row)
    bias, multiplier, shift = bias.copy(), made.multiplier.copy(), made.shift.copy()
    _fold_flat_channels(weights, bias, multiplier, shift, int(net.zero[row + 1]), made.low)
    block = -len(bias) % (4 if depthwise else 2)
    return PackedLayer(
        depthwise_weights(weights) if depthwise else convolution_weights(weights),
        np.pad(bias, (0, block)),
        np.pad(multiplier, (0, block), constant_values=_HALF),
        np.pad(shift, (0, block), constant_values=-1).astype(np.int8),
        made.low,
        fast=bool(_served(shift, multiplier, largest_sums(weights, bias)).all()),
    )


def largest_sums(weights: Int8Array, bias: Int32Array) -> npt.NDArray[np.int64]:
    """What no accumulator of a channel can exceed in size, whatever the image: (out,) int64."""
    sums = np.abs(weights.reshape(len(weights), -1).astype(np.int64)).sum(axis=1)
    return np.asarray(np.abs(bias.astype(np.int64)) + WIDEST * sums)


def _fold_flat_channels(
    weights: Int8Array, bias: Int32Array, multiplier: Int32Array, shift: Int32Array, zero: int, low: int
) -> None:
    """Give channels whose output takes one value or two, whatever the image, parameters that the fast form serves.

    Training leaves such channels: weights next to nothing, so that the scale of a sum is too small for the fast form.
    With multiplier 2^30 and a shift of `FLAT_SHIFT` the output rises by one where the sum passes
    2 (a + 1/2) 2^FLAT_SHIFT - 1 (one more rounding step for a < 0, which rounds away from zero); the bias moves the
    channel's own step there, or keeps its sums below that.
    """
    reach = WIDEST * np.abs(weights.reshape(len(weights), -1).astype(np.int64)).sum(axis=1)
    for c in np.flatnonzero(~_served(shift, multiplier, largest_sums(weights, bias))).tolist():
        first, last = int(bias[c]) - int(reach[c]), int(bias[c]) + int(reach[c])

        def output(total: int, c: int = c) -> int:
            value = multiply_by_quantized_multiplier(np.int64(total), np.int64(multiplier[c]), np.int64(shift[c]))
            return min(max(int(value) + zero, low), HIGHEST) - zero

        lower = output(first)
        if output(last) > lower + 1 or last - first >= 2**FLAT_SHIFT:
            continue
        rises, beyond = first, last + 1  # the first sum of the higher output; `last + 1` where there is none
        while beyond - rises > 1:
            middle = (rises + beyond) // 2
            rises, beyond = (rises, middle) if output(middle) > lower else (middle, beyond)
        step = (2 * lower + 1) * 2 ** (FLAT_SHIFT - 1) + (lower < 0)
        bias[c] += 2 * step - 1 - beyond
        multiplier[c], shift[c] = _HALF, -FLAT_SHIFT


def _served(shift: Int32Array, multiplier: Int32Array, largest: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Where the shift is in range and no sum of a scaled value, a shifted zero point and a half overflows."""
    in_range = (-shift >= FAST_SHIFTS.start) & (-shift < FAST_SHIFTS.stop)
    scaled = largest.astype(np.float64) * multiplier / 2**31 + 1
    return np.asarray(in_range & (scaled + 129 * 2.0**-shift < INT32_MAX))


def _addition(net: Int8Net, row: int) -> PackedLayer:
    made = requantisation(net, row)
    multiplier, shift = made.multiplier.tolist(), made.shift.tolist()
    swapped = (multiplier[0], shift[0]) != (_HALF, 0)
    second = 0 if swapped else 1
    left, right, factor = ADD_SHIFT, shift[second], multiplier[second]
    if factor == 0:  # the second operand is too small to count: a shift that leaves nothing of it
        left, right, factor = 0, -31, _HALF
    elif right == 0:  # both operands have one scale: shifted one bit further, the rounding shift has nothing to round
        left, right = ADD_SHIFT + 1, -1
    return PackedLayer(
        np.zeros(0, np.int8), np.zeros(0, np.int32),
        np.array([factor, multiplier[2]], np.int32),
        np.array([left, right, shift[2]], np.int8),
        made.low, swapped, bool(_served(made.shift[2:], made.multiplier[2:], np.array([2**30])).all()),
    )  # fmt: skip


def _pooling(net: Int8Net, row: int) -> PackedLayer:
    nothing = np.zeros(0, np.int32)
    low = max(LOWEST, int(net.zero[row + 1])) if net.relu[row] else LOWEST
    return PackedLayer(np.zeros(0, np.int8), nothing, nothing, np.zeros(0, np.int8), low)
