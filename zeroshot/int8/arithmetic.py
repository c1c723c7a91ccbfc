"""The integer arithmetic between two layers: fixed-point multipliers as TFLite Micro makes and applies them.

A real factor r > 0 is kept as a 31-bit multiplier m and a shift s, r = m / 2^31 x 2^s. Applying it rounds twice, as
TFLite Micro's reference kernels do: the doubled high half of the product (half up), then the right shift (half away
from zero). The one-rounding variant (TFLITE_SINGLE_ROUNDING) differs by 1 now and then and is not meant here.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from zeroshot.errors import UsageError
from zeroshot.int8.net import Int8Net
from zeroshot.net import ADD, OPS
from zeroshot.types import Int32Array

ADD_SHIFT = 20  # bits that an addition's inputs are shifted to the left before they are scaled
LOWEST, HIGHEST = -128, 127
INT32_MAX = 2**31 - 1
# |integer - zero point| is 255 at most; with the zero point folded into the bias a product is 128 |w| at most, and
# what was folded in 128 |w| too. So this bound holds for the sums of both, in any order.
WIDEST = 256


@dataclass(frozen=True, eq=False)
class Requantisation:
    """How a row's accumulators become int8.

    Attributes:
        multiplier: int32. One an output channel, (out,), of a layer with weights. Of an addition (3,): of its source,
            of its residual, of the sum. Of a pooling (0,): it keeps its input's scale.
        shift: int32, of the same shape; positive is to the left.
        low: Smallest output: -128, or the output's zero point where the row ends in a ReLU.
        high: Largest output, 127.
    """

    multiplier: Int32Array
    shift: Int32Array
    low: int
    high: int


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A real factor as multiplier and shift: real is about multiplier / 2^31 x 2^shift.

    The mantissa is rounded to 31 bits, half away from zero; factors under 2^-32 become 0.

    Raises:
        UsageError: The factor is negative or not finite, or so large that its shift exceeds 30.

    >>> quantize_multiplier(0.5), quantize_multiplier(3.0), quantize_multiplier(1 - 2.0**-40)
    ((1073741824, 0), (1610612736, 2), (1073741824, 1))
    """
    if not (math.isfinite(real) and real >= 0):
        raise UsageError(f"A requantisation factor must be finite and not negative, not {real}.")
    mantissa, shift = math.frexp(real)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    if multiplier == 0 or shift < -31:
        return 0, 0
    if shift > 30:
        raise UsageError(f"A requantisation factor of {real} has no fixed-point form.", "Scales are far out of range.")
    return multiplier, shift


def multiply_by_quantized_multiplier(x: Any, multiplier: Any, shift: Any) -> Any:  # noqa: ANN401
    """Scale integers: x times multiplier / 2^31 x 2^shift, rounded twice (see the module).

    Only operators and `np.maximum`, so that it serves arrays here and scalars in the compiled kernels.

    Args:
        x: int64 array or scalar; shifted to the left by a positive `shift` it must still fit into 32 bits.
        multiplier: int64 in [0, 2^31), broadcasting.
        shift: int64 in [-31, 30], broadcasting.

    Returns:
        int64, within the range of int32.

    >>> multiply_by_quantized_multiplier(np.array([5, -5]), np.int64(2**30), np.int64(0)).tolist()  # -2.5: half up
    [3, -2]
    >>> multiply_by_quantized_multiplier(np.array([10, -10]), np.int64(2**30), np.int64(-1)).tolist()  # half away
    [3, -3]
    """
    high = ((x << np.maximum(shift, 0)) * multiplier + (1 << 30)) >> 31
    right = np.maximum(-shift, 0)
    mask = (1 << right) - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))


def requantisation(net: Int8Net, row: int) -> Requantisation:
    """The fixed-point parameters of one row.

    A layer with weights has the factor double(input scale) x double(weight scale) / double(output scale), the scales
    being float32. An addition shifts its inputs left by 20 bits and scales both to twice the larger of the two scales,
    then their sum to the output: three factors.

    Raises:
        UsageError: A factor has no fixed-point form, or an accumulator might not fit into 32 bits.
    """
    op = int(net.table.column("op")[row])
    factors = _addition_factors(net, row) if op == ADD else _factors(net, row)
    pairs = np.array([quantize_multiplier(factor) for factor in factors], np.int32).reshape(-1, 2)
    low = max(LOWEST, int(net.zero[row + 1])) if net.relu[row] else LOWEST
    out = Requantisation(pairs[:, 0].copy(), pairs[:, 1].copy(), low, HIGHEST)
    _check_accumulators(net, row, out)
    return out


def _factors(net: Int8Net, row: int) -> list[float]:
    source = int(net.table.column("source")[row])
    scales = net.weight_scale[row]
    if scales is None:  # a pooling
        return []
    return [float(net.scale[source + 1]) * float(scale) / float(net.scale[row + 1]) for scale in scales]


def _addition_factors(net: Int8Net, row: int) -> list[float]:
    source, residual = (int(net.table.column(name)[row]) for name in ("source", "residual"))
    first, second, out = (float(net.scale[t + 1]) for t in (source, residual, row))
    twice = 2 * max(first, second)
    last = twice / (2**ADD_SHIFT * out)
    if last >= 1:
        raise UsageError(f"Row {row} (add) of an int8 net has an output scale too far below its inputs'.")
    return [first / twice, second / twice, last]


def _check_accumulators(net: Int8Net, row: int, made: Requantisation) -> None:
    """Prove that no image can overflow 32 bits, whatever the order in which products are summed."""
    weights, bias = net.weights[row], net.bias[row]
    if weights is None or bias is None:
        return
    sums = np.abs(weights.reshape(len(weights), -1).astype(np.int64)).sum(axis=1)
    largest = (np.abs(bias.astype(np.int64)) + WIDEST * sums) << np.maximum(made.shift, 0).astype(np.int64)
    if largest.max() > INT32_MAX:
        channel = int(largest.argmax())
        name = OPS[net.table.column("op")[row]]
        raise UsageError(
            f"Channel {channel} of row {row} ({name}) of an int8 net may overflow its 32-bit accumulator.",
            "Give the channel a larger weight scale (its weights are far smaller than its bias).",
        )
