"""One recording: what its header says, checked before anything is read, and its samples as one channel."""

from pathlib import Path

import numpy as np

from zeroshot.signals.flac import open_flac
from zeroshot.signals.options import HIGHEST_RATE, LOWEST_RATE
from zeroshot.signals.sound import Sound, bad
from zeroshot.signals.wav import open_wav
from zeroshot.types import FloatArray

MOST_BYTES = 512 << 20  # of a recording's samples, two bytes each
MOST_CHANNELS = 16
LOUDEST = 2.0  # of full scale; floats above it were not scaled to -1..1


def open_sound(path: Path) -> Sound:
    """What a recording's header says.

    Raises:
        DataError: The file cannot be used; the message names it.
        UsageError: It is FLAC, and soundfile is not installed.
    """
    try:
        sound = open_flac(path) if path.suffix.lower() == ".flac" else open_wav(path)
    except OSError as error:
        raise bad(path, f"cannot be read: {error.strerror or error}.", "Check its permissions.") from error
    if not LOWEST_RATE <= sound.rate <= HIGHEST_RATE:
        raise bad(path, f"claims {sound.rate:,} samples a second; {LOWEST_RATE:,} to {HIGHEST_RATE:,} are read.")
    if not 1 <= sound.channels <= MOST_CHANNELS:
        raise bad(path, f"claims {sound.channels} channels; 1 to {MOST_CHANNELS} are read.")
    if not sound.frames:
        raise bad(path, "has no samples.")
    if sound.frames * sound.channels * 2 > MOST_BYTES:
        raise bad(path, f"claims {sound.frames:,} samples, too many for one file.", "Cut it into shorter ones.")
    return sound


def mono(sound: Sound) -> tuple[FloatArray, bool]:
    """The mean of a recording's channels, and whether floats beyond full scale are in it.

    Returns:
        (frames,) float64 in units of an int16 sample, and the answer.

    Raises:
        DataError: The file is cut short or damaged, or holds floats that are no sound.
    """
    try:
        raw = sound.read()
    except OSError as error:
        raise bad(sound.path, f"cannot be read: {error.strerror or error}.", "Check its permissions.") from error
    if len(raw) != sound.frames:
        raise bad(sound.path, f"is cut short: it has {len(raw):,} of {sound.frames:,} samples.")
    beyond = False
    if raw.dtype.kind == "f":
        peak = float(np.abs(raw).max())
        if not np.isfinite(peak):
            first = int(np.argmin(np.isfinite(raw).all(axis=1)))
            raise bad(
                sound.path, f"holds a sample that is no number (NaN or infinity), the first is number {first + 1}."
            )
        if peak > LOUDEST:
            raise bad(
                sound.path, f"holds floats up to {peak:g}; full scale is 1.",
                "Divide them by their full scale first, or save whole numbers of 16 bits.",
            )  # fmt: skip
        beyond = peak > 1
    # Times a power of two, which is exact.
    scale = {"int16": 1.0, "int32": 2.0**-16}.get(str(raw.dtype), 2.0**15)
    samples = raw[:, 0].astype(np.float64) if raw.shape[1] == 1 else raw.mean(axis=1, dtype=np.float64)
    return samples * scale, beyond
