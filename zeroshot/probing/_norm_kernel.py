"""Batch norm, ReLU and the mean over positions in one sweep, compiled: arrays (images, positions, channels) float32.

Loops run over a few whole positions at a time, as if these were channels: over eight channels alone a vector unit would
hardly start.
"""

import numba
import numpy as np

LANES = 256  # numbers that a loop takes at least, where a map has so many


@numba.njit(cache=True, nogil=True)
def norm_kernel(x, batch, weight, bias, eps, relu, means):  # type: ignore[no-untyped-def]
    """Normalise each `batch` images over themselves, in place, and clip at 0 if `relu`.

    Args:
        x: (images, positions, channels) float32; as many images as batches have.
        batch: Images of a batch.
        weight: (channels,) float32.
        bias: (channels,) float32.
        eps: Added to variances.
        relu: Whether numbers below 0 become 0.
        means: (images, channels) float32; takes the mean over positions of each image's result.
    """
    images, positions, channels = x.shape
    at_once = _positions_at_once(positions, channels)
    rows = x.reshape(images, positions // at_once, at_once * channels)
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for start in range(0, images, batch):
        some = rows[start : start + batch]
        mean, variance = _moments(some, channels)
        for c in range(channels):
            rate = weight[c] / np.sqrt(variance[c] + eps)
            scale[c], shift[c] = rate, bias[c] - mean[c] * rate
        _apply(some, _tiled(scale, at_once), _tiled(shift, at_once), relu, means[start : start + batch])


@numba.njit(cache=True)
def _positions_at_once(positions, channels):  # type: ignore[no-untyped-def]
    found = 1
    while found * channels < LANES and positions % (2 * found) == 0:
        found *= 2
    return found


@numba.njit(cache=True)
def _tiled(values, times):  # type: ignore[no-untyped-def]
    out = np.empty(times * len(values), values.dtype)
    for i in range(times):
        for j in range(len(values)):
            out[i * len(values) + j] = values[j]
    return out


@numba.njit(cache=True, nogil=True)
def _fold(sums, out):  # type: ignore[no-untyped-def]
    """Sums of several positions side by side to `out`, sums of channels."""
    channels = len(out)
    for c in range(channels):
        out[c] = sums[c]
    for start in range(channels, len(sums), channels):
        for c in range(channels):
            out[c] += sums[start + c]


@numba.njit(cache=True, nogil=True)
def _moments(rows, channels):  # type: ignore[no-untyped-def]
    """Mean and variance (biased) of each channel, (channels,) float64.

    Sums are those of deviations from the first image's mean, in float32 within an image and float64 beyond: squares of
    the numbers themselves would lose a variance that is small against them.
    """
    images, steps, lanes = rows.shape
    values = images * steps * (lanes // channels)
    sums, squares = np.zeros(lanes, np.float32), np.zeros(lanes, np.float32)
    for i in range(steps):
        row = rows[0, i]
        for j in range(lanes):
            sums[j] += row[j]
    near = np.empty(channels, np.float32)
    _fold(sums, near)
    share = np.float32(values // images)
    for c in range(channels):
        near[c] /= share
    centre = _tiled(near, lanes // channels)
    all_sums, all_squares = np.zeros(lanes), np.zeros(lanes)
    for image in range(images):
        for j in range(lanes):
            sums[j] = squares[j] = 0
        for i in range(steps):
            row = rows[image, i]
            for j in range(lanes):
                away = row[j] - centre[j]
                sums[j] += away
                squares[j] += away * away
        for j in range(lanes):
            all_sums[j] += sums[j]
            all_squares[j] += squares[j]
    offset, square = np.empty(channels), np.empty(channels)
    _fold(all_sums, offset)
    _fold(all_squares, square)
    for c in range(channels):
        offset[c] /= values
        spread = square[c] / values - offset[c] * offset[c]
        square[c] = 0.0 if spread < 0.0 else spread
        offset[c] += near[c]
    return offset, square


@numba.njit(cache=True, nogil=True)
def _apply(rows, scale, shift, relu, means):  # type: ignore[no-untyped-def]
    """Scale, shift and clip each row in place, and average each image."""
    images, steps, lanes = rows.shape
    channels = means.shape[1]
    sums = np.empty(lanes, np.float32)
    floor = np.float32(0 if relu else -np.inf)
    share = np.float32(1 / (steps * (lanes // channels)))
    for image in range(images):
        for j in range(lanes):
            sums[j] = 0
        for i in range(steps):
            row = rows[image, i]
            for j in range(lanes):
                value = row[j] * scale[j] + shift[j]
                value = floor if value < floor else value  # not max, which would hide what is not a number
                row[j] = value
                sums[j] += value
        _fold(sums, means[image])
        for c in range(channels):
            means[image, c] *= share
