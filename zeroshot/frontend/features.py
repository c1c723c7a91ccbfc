"""Sound to pictures of log-mel bands or cepstral coefficients, in integers alone.

A frame goes through these steps; `zeroshot.frontend.spectrum` says the widths of the first two.

1. Hann window, FFT.
2. Power spectrum, 22 bits of fraction.
3. Sums of the mel bands, 12 more, below 2^62.
4. log2 of the sum, 10 bits of fraction, below 2^16: the place of its highest bit, and of the 16 bits behind that a
   straight line between two of 65 stored values, at most 5e-5 off. A sum of 0 (digital silence) counts as 1.
5. Level: steps of the output above `lowest_db`, 7 bits of fraction, cut off at 0 and 255 steps; the product before its
   shift is below 2^16 x 2^15.
6. Without coefficients: rounded to steps. With them: their DCT-II. Coefficient k is 128 steps plus the mean over all
   bands of lifter x cosine x (level - 128 steps). Levels minus 128 steps are 2^14 in size at most and factors 2^15, so
   their sum is taken in 64 bits, and rounded to bands x 2^14; times 12 x 2^12 / bands that is below 2^30.

Where levels are relative, a picture of such rows is moved as a whole: its loudest output becomes `span` steps, and what
would be below 0 is 0. Nothing else is rounded.
"""

import numpy as np
import numpy.typing as npt

from zeroshot.errors import DataError
from zeroshot.frontend.options import FrontEnd
from zeroshot.frontend.spectrum import power_spectrum
from zeroshot.frontend.tables import (
    GAIN_BITS,
    LEVEL_BITS,
    LOG_BITS,
    SEGMENTS,
    TOP,
    WEIGHT_BITS,
    Tables,
    tables_of,
)
from zeroshot.types import Int64Array

CHUNK = 256  # frames at a time: what lies in the processor's caches
MIDDLE = 128 << LEVEL_BITS  # a level


def features(front_end: FrontEnd, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.integer]:
    """The picture of one window of sound.

    Args:
        front_end: How.
        samples: (window,) int16, `front_end.window` of them.

    Returns:
        (frames, width, 1), uint8 or int8 as `front_end.output` says.

    Raises:
        DataError: The samples are of another type, shape or number.
    """
    if _checked(samples).shape != (front_end.window,):
        raise DataError(
            f"A picture needs {front_end.window} samples, not {len(samples)}.",
            "Cut the sound into windows, or pad it with zeros.",
        )
    return seen(front_end, frame_features(front_end, samples)[:, :, None])


def pictures(front_end: FrontEnd, windows: npt.NDArray[np.int16]) -> npt.NDArray[np.integer]:
    """The pictures of many windows of sound, as `features` makes each.

    Args:
        front_end: How.
        windows: (n, window) int16.

    Returns:
        (n, frames, width, 1), uint8 or int8.

    Raises:
        DataError: The windows are of another type or shape.
    """
    if windows.ndim != 2 or windows.dtype != np.int16 or windows.shape[1] != front_end.window:
        raise DataError(
            f"Windows are (n, {front_end.window}) int16, not {windows.dtype} of shape {windows.shape}.",
            "Cut the sound into windows, or pad it with zeros.",
        )
    some = max(1, CHUNK // front_end.frames)
    rows = [
        _outputs(front_end, _logs(front_end, _framed(front_end, windows[at : at + some]).reshape(-1, front_end.frame)))
        for at in range(0, len(windows), some)
    ]
    whole = np.concatenate([np.zeros((0, front_end.width), front_end.output), *rows]).reshape(-1, *front_end.shape)
    return seen(front_end, whole)


def seen(front_end: FrontEnd, stored: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Pictures as nets see them, of rows as frames give them.

    Args:
        front_end: How; where its levels are not relative, pictures stay as they are.
        stored: (..., frames, width, 1), outputs of `frame_features`.

    Returns:
        The same shape and type: the loudest output of each picture is `front_end.span` above the smallest.
    """
    if not front_end.relative:
        return stored
    wide = stored.astype(np.int64)
    below = wide.max(axis=(-3, -2, -1), keepdims=True) - wide
    moved = np.maximum(front_end.span - below, 0) + front_end.smallest
    return np.asarray(moved, front_end.output)


def frame_features(front_end: FrontEnd, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.integer]:
    """What each whole frame of a recording of any length gives, its levels as they are.

    Args:
        front_end: How.
        samples: (n,) int16.

    Returns:
        (frames, width), uint8 or int8; no row where there is no whole frame.

    Raises:
        DataError: The samples are of another type or shape.
    """
    return _outputs(front_end, log_mel(front_end, samples))


def _outputs(front_end: FrontEnd, logs: Int64Array) -> npt.NDArray[np.integer]:
    """(frames, width) of the logarithms of the bands."""
    tables = tables_of(front_end)
    levels = np.clip(((logs - tables.log_zero) * tables.log_gain + (1 << GAIN_BITS - 1)) >> GAIN_BITS, 0, TOP)
    steps = _cepstrum(levels, tables) if front_end.coefficients else (levels + (1 << LEVEL_BITS - 1)) >> LEVEL_BITS
    return (np.clip(steps, 0, 255) + front_end.smallest).astype(front_end.output)


def log_mel(front_end: FrontEnd, samples: npt.NDArray[np.int16]) -> Int64Array:
    """log2 of the power of each band of each whole frame, before it is cut off and scaled to 8 bits.

    Arguments and errors as `frame_features`.

    Returns:
        (frames, bands) int64, 10 bits of fraction; 34 are to be taken off for the fraction of the sum itself, so that
        2 ** (logs / 1024 - 34) is the sum of weight x |DFT / fft|^2.
    """
    return _logs(front_end, _framed(front_end, _checked(samples)))


def _logs(front_end: FrontEnd, framed: npt.NDArray[np.int16]) -> Int64Array:
    """(n, bands) of (n, frame) samples."""
    tables = tables_of(front_end)
    out = np.zeros((len(framed), front_end.bands), np.int64)
    for start in range(0, len(framed), CHUNK):
        chunk = framed[start : start + CHUNK].astype(np.int64)
        out[start : start + CHUNK] = _log2(_bands(power_spectrum(front_end, tables, chunk), tables), tables)
    return out


def _checked(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    if samples.ndim != 1 or samples.dtype != np.int16:
        raise DataError(
            f"Sound is a row of int16 samples, not {samples.dtype} of shape {samples.shape}.",
            "Give one channel, as whole numbers from -32768 to 32767.",
        )
    return samples


def _framed(front_end: FrontEnd, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """(..., samples) as (..., frames, frame), a view."""
    if samples.shape[-1] < front_end.frame:
        return np.zeros((*samples.shape[:-1], 0, front_end.frame), np.int16)
    return np.lib.stride_tricks.sliding_window_view(samples, front_end.frame, axis=-1)[..., :: front_end.hop, :]


def _bands(power: Int64Array, tables: Tables) -> Int64Array:
    """(n, bands) weighted sums."""
    starts = [tables.first_bin, *tables.ends[:-1].tolist()]
    out = np.zeros((len(power), len(tables.ends) + 1), np.int64)  # a band before the first, one behind the last
    for interval, (start, end) in enumerate(zip(starts, tables.ends.tolist(), strict=True)):
        bins, weights = power[:, start:end], tables.weights[start - tables.first_bin : end - tables.first_bin]
        out[:, interval + 1] += (bins * weights).sum(axis=1)
        out[:, interval] += (bins * ((1 << WEIGHT_BITS) - weights)).sum(axis=1)
    return out[:, 1:-1]


def _log2(sums: Int64Array, tables: Tables) -> Int64Array:
    """log2 of integers, 10 bits of fraction; of 0 as of 1."""
    rest, place = np.maximum(sums, 1), np.zeros_like(sums)
    for bits in (32, 16, 8, 4, 2, 1):
        large = rest >> bits > 0
        place += np.where(large, bits, 0)
        rest = np.where(large, rest >> bits, rest)
    one = np.maximum(sums, 1)
    behind = np.where(place >= 16, one >> np.maximum(place - 16, 0), one << np.maximum(16 - place, 0)) & 0xFFFF
    segment, along = behind // (2**16 // SEGMENTS), behind % (2**16 // SEGMENTS)
    low, high = tables.logarithms[segment], tables.logarithms[segment + 1]
    fraction = low + (((high - low) * along + 512) >> 10)
    return np.asarray((place << LOG_BITS) + ((fraction + 16) >> 15 - LOG_BITS))


def _cepstrum(levels: Int64Array, tables: Tables) -> Int64Array:
    """(n, coefficients) in steps around 128."""
    sums = ((levels - MIDDLE) @ tables.dct.T + (1 << 14)) >> 15
    shift = GAIN_BITS + LEVEL_BITS
    return np.asarray(128 + ((sums * tables.dct_gain + (1 << shift - 1)) >> shift))
