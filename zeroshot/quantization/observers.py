"""Observers: from calibration images to the quantisation parameters, scale and zero point, of each tensor."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from zeroshot.errors import TrainError, unknown
from zeroshot.net import AVGPOOL, LayerTable
from zeroshot.quantization.fold import tensors
from zeroshot.types import Float32Array, FloatArray, Int32Array

Range = tuple[float, float]

LOWEST, HIGHEST = -128, 127
LEVELS = HIGHEST - LOWEST  # steps between the smallest and the largest integer
BINS = 2048  # of a histogram; a bin is an eighth of a step of the widest range
TAIL = 1e-4  # share of the values that `percentile` leaves outside on either side
SHRINK = np.geomspace(0.02, 1.0, 81)  # shares of either end that `mse` tries, 5 % apart


@dataclass(frozen=True, eq=False)
class Observed:
    """What the observers saw of the calibration images; index t + 1 is tensor t, -1 the net's input.

    Attributes:
        low: (n_rows + 1,) float64, smallest values.
        high: (n_rows + 1,) float64, largest values.
        counts: (n_rows + 1, BINS) int64, histograms between `low` and `high`.
        peaks: One a tensor: (channels,) float64, the largest magnitude in each channel.
    """

    low: FloatArray
    high: FloatArray
    counts: npt.NDArray[np.int64] = field(repr=False)
    peaks: tuple[FloatArray, ...] = field(repr=False)


@dataclass(frozen=True, eq=False)
class QParams:
    """Quantisation parameters of tensors, as `Int8Net` has them.

    Attributes:
        scale: (n_rows + 1,) float32.
        zero: (n_rows + 1,) int32, zero points.
    """

    scale: Float32Array
    zero: Int32Array


def observe(net: nn.Module, name: str, table: LayerTable, x: torch.Tensor) -> Observed:
    """Run calibration images through a net, twice: for the extremes, then for the histograms between them.

    Args:
        net: Of `zeroshot.build`, folded.
        name: For messages.
        table: Of the net.
        x: (n, C, H, W) float32.

    Raises:
        TrainError: Some of its outputs are NaN or infinite.
    """
    n_tensors = len(table.rows) + 1
    low, high = np.full(n_tensors, np.inf), np.full(n_tensors, -np.inf)
    peaks: list[FloatArray] = [np.zeros(1)] * n_tensors
    counts = np.zeros((n_tensors, BINS), np.int64)

    def extremes(tensor: int, values: torch.Tensor) -> None:
        i = tensor + 1
        ends = values.aminmax()
        low[i], high[i] = np.minimum(low[i], float(ends.min)), np.maximum(high[i], float(ends.max))  # keep NaN
        most = values.abs().transpose(0, 1).flatten(1).amax(1).double().numpy()
        peaks[i] = np.maximum(peaks[i], most)

    def histogram(tensor: int, values: torch.Tensor) -> None:
        i = tensor + 1
        if high[i] > low[i]:
            bins = torch.histc(values, BINS, low[i], high[i])
            counts[i] += bins.numpy().astype(np.int64)
        else:
            counts[i, 0] += values.numel()

    tensors(net, x, extremes)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise TrainError(f"Outputs of {name} are NaN or infinite: it cannot be quantised.", "Train it again.")
    tensors(net, x, histogram)
    return Observed(low, high, counts, tuple(peaks))


def qparams(observed: Observed, table: LayerTable, ranges: str, input_range: Range) -> QParams:
    """Quantisation parameters of all tensors of a net.

    Every range holds 0, so that 0 is an integer: padding is exact, and a ReLU's output starts at integer -128. A
    pooling's output keeps its input's range, as the device's kernel has it.

    Args:
        observed: On calibration images.
        table: Of the net.
        ranges: A name of `RANGES`.
        input_range: Of the net's input; its extremes are known from the pixels.

    Raises:
        UsageError: An unknown name.
    """
    if ranges not in RANGES:
        raise unknown("ranges", ranges, RANGES)
    ends = [input_range]
    op, source = table.column("op"), table.column("source")
    for row in range(len(op)):
        if op[row] == AVGPOOL:
            ends.append(ends[int(source[row]) + 1])
        else:
            i = row + 1
            ends.append(RANGES[ranges](float(observed.low[i]), float(observed.high[i]), observed.counts[i]))
    pairs = [affine(*each) for each in ends]
    return QParams(np.array([s for s, _ in pairs], np.float32), np.array([z for _, z in pairs], np.int32))


def affine(low: float, high: float) -> tuple[np.float32, int]:
    """Scale and zero point whose 256 integers cover [low, high] and 0.

    >>> affine(0.0, 25.5)
    (np.float32(0.1), -128)
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / LEVELS)
    if not scale > 0:  # a tensor that is 0 everywhere, or of numbers too small for float32
        return np.float32(1.0), LOWEST
    return scale, int(np.clip(np.rint(LOWEST - low / float(scale)), LOWEST, HIGHEST))


def minmax(low: float, high: float, counts: npt.NDArray[np.int64]) -> Range:
    """All values that were observed."""
    return low, high


def percentile(low: float, high: float, counts: npt.NDArray[np.int64]) -> Range:
    """All but a share of `TAIL` of the values on either side, to a bin's width."""
    total, edges = np.cumsum(counts), np.linspace(low, high, BINS + 1)
    outside = TAIL * total[-1]
    first = int(np.searchsorted(total, outside, side="right"))
    last = int(np.searchsorted(total, total[-1] - outside, side="left"))
    return float(edges[first]), float(edges[last + 1])


def mse(low: float, high: float, counts: npt.NDArray[np.int64]) -> Range:
    """The range with the smallest mean squared error, of rounding and of clipping together.

    The ends are chosen in turn until neither moves: within 2 % of the best of all pairs where that was tried.
    """
    edges = np.linspace(low, high, BINS + 1)
    used = np.flatnonzero(counts)
    x, weights = (edges[used] + edges[used + 1]) / 2, counts[used].astype(np.float64)
    bottoms, tops = min(low, 0.0) * SHRINK[::-1], max(high, 0.0) * SHRINK[::-1]
    before: Range | None = None
    bottom, top = float(bottoms[0]), float(tops[0])
    while (bottom, top) != before:
        before = bottom, top
        errors = [_error(bottom, each, x, weights) for each in tops]
        top = float(tops[np.argmin(errors)])
        errors = [_error(each, top, x, weights) for each in bottoms]
        bottom = float(bottoms[np.argmin(errors)])
    return bottom, top


def _error(low: float, high: float, x: FloatArray, weights: FloatArray) -> float:
    scale, zero = affine(low, high)
    whole = np.clip(np.rint(x / float(scale)) + zero, LOWEST, HIGHEST)
    return float(weights @ ((whole - zero) * float(scale) - x) ** 2)


RANGES: dict[str, Callable[[float, float, npt.NDArray[np.int64]], Range]] = {
    "minmax": minmax,
    "percentile": percentile,
    "mse": mse,
}
