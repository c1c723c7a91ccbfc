"""One rate for all: which, and how signals are brought to it."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from zeroshot.data.class_folders import safe
from zeroshot.errors import DataError
from zeroshot.types import FloatArray

MOST_RATE = 16_000  # Hz, unless asked for: words are told apart below 8 kHz
FARTHEST = 1000  # times one rate may be another
MOST_SAMPLES = 1 << 28  # of one file; as float64 they take 2 GiB


def commonest(rates: Sequence[int]) -> int:
    """The rate that most files have, of equals the lowest, at most 16 kHz.

    >>> commonest([44_100, 8_000, 8_000]), commonest([44_100])
    (8000, 16000)
    """
    counted = Counter(rates)
    return min(MOST_RATE, min(counted, key=lambda rate: (-counted[rate], rate)))


def factor(path: Path, frames: int, old: float, new: float) -> Fraction:
    """New rate over old: exact between whole rates, else within a thousandth.

    Args:
        path: Of the file, for a message.
        frames: Its samples.
        old: Its rate, Hz.
        new: Rate that it is brought to, Hz.

    Raises:
        DataError: The rates are too far apart, or the file would have too many samples.
    """
    exact = Fraction(new) / Fraction(old)
    if exact * FARTHEST < 1 or exact > FARTHEST or exact * frames > MOST_SAMPLES:
        raise DataError(
            f"{safe(path)} has {frames:,} samples at {old:g} Hz and cannot be brought to {new:g} Hz.",
            "Ask for another `rate`, or leave the file out.",
        )
    return exact if float(old).is_integer() and float(new).is_integer() else exact.limit_denominator(FARTHEST)


def length_at(frames: int, factor: Fraction) -> int:
    """Samples of a signal after it was resampled."""
    return -(-frames * factor.numerator // factor.denominator)


def resampled(x: FloatArray, factor: Fraction, ends: str = "constant") -> FloatArray:
    """Resample by a polyphase low-pass (scipy.signal.resample_poly).

    Args:
        x: (frames, ...) float64.
        factor: New rate over old.
        ends: What is before and behind the signal: `constant`, silence, or `line`, the level of a sensor goes on.

    Returns:
        (`length_at(frames, factor)`, ...) float64.
    """
    if factor == 1:
        return x
    from scipy.signal import resample_poly

    return np.asarray(resample_poly(x, factor.numerator, factor.denominator, axis=0, padtype=ends), np.float64)
