"""Recordings at one rate, to be cut into windows of one length, and what a user should know of that."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from zeroshot.data.class_folders import safe
from zeroshot.signals.listening import mono
from zeroshot.signals.resampling import factor, length_at, resampled
from zeroshot.signals.sound import Sound
from zeroshot.signals.windows import count_of
from zeroshot.types import FloatArray

FRAME = 0.03  # s, of which a spectrum is taken


@dataclass(frozen=True)
class Heard:
    """Recordings and what becomes of them.

    Attributes:
        sounds: The recordings.
        rate: Of all windows, Hz.
        window: Samples of each.
    """

    sounds: Sequence[Sound]
    rate: int
    window: int

    @cached_property
    def lengths(self) -> list[int]:
        """Samples of each recording at the common rate."""
        return [length_at(sound.frames, _factor(sound, self.rate)) for sound in self.sounds]


def samples_of(sound: Sound, rate: int) -> tuple[FloatArray, bool]:
    """A recording at a rate, (m,) float64 in units of an int16 sample, and whether it is beyond full scale."""
    at_rate = _factor(sound, rate)
    samples, beyond = mono(sound)
    return resampled(samples, at_rate), beyond


def _factor(sound: Sound, rate: int) -> Fraction:
    return factor(sound.path, sound.frames, sound.rate, rate)


def remarks_of(heard: Heard, beyond: int) -> list[str]:
    """What was done to recordings, in plain English.

    Args:
        heard: The recordings.
        beyond: How many had floats beyond full scale.
    """
    sounds, window = heard.sounds, heard.window
    shorter = sum(length < window for length in heard.lengths)
    longer = sum(length > window for length in heard.lengths)
    remarks = [
        f"{count_of(len(sounds), 'recording')}, {_spread([sound.seconds for sound in sounds])}. A window is "
        f"{window / heard.rate:.4g} s, {window:,} samples at {heard.rate:,} Hz. Shorter, in its middle with zeros "
        f"around them: {count_of(shorter, 'recording')}. Longer, cut into as many as they hold: "
        f"{count_of(longer, 'recording')}."
    ]
    other = Counter(sound.rate for sound in sounds if sound.rate != heard.rate)
    if other:
        rates = ", ".join(f"{count_of(count, 'recording')} of {rate:,} Hz" for rate, count in sorted(other.items()))
        remarks.append(f"Resampled to {heard.rate:,} Hz: {rates}.")
    mixed = [sound for sound in sounds if sound.channels > 1]
    if mixed:
        remarks.append(f"Averaged to one channel: {_first(mixed)}.")
    brief = [sound for sound in sounds if sound.seconds < FRAME]
    if brief:
        remarks.append(f"Shorter than {1000 * FRAME:g} ms, hardly a sound: {_first(brief)}.")
    if beyond:
        remarks.append(f"Floats beyond full scale, cut off there: {count_of(beyond, 'recording')}.")
    return remarks


def _spread(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.3g} to {max(seconds):.3g} s, half of them up to {np.median(seconds):.3g} s"


def _first(sounds: Sequence[Sound]) -> str:
    path = sounds[0].path
    return f"{count_of(len(sounds), 'recording')}, the first is {safe(path.parent.name)}/{safe(path.name)}"
