"""Spoken digits, and log-mel of them in floating point: what the integer front end is measured against."""

import tarfile
import wave
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from zeroshot.frontend.options import FrontEnd
from zeroshot.types import FloatArray

Sound = npt.NDArray[np.int16]
RATE = 8_000
TEST = range(5)  # indices of the official test split


@cache
def spoken_digits(archive: Path) -> list[Sound]:
    """Recordings of the test split of the Free Spoken Digit Dataset, (n,) int16 each.

    Args:
        archive: `fsdd.tar.xz`, which holds `fsdd/<digit>/<digit>_<speaker>_<index>.wav`.
    """
    found = {}
    with tarfile.open(archive) as files:
        for member in files:
            path = Path(member.name)
            raw = files.extractfile(member)
            if raw is None or path.suffix != ".wav" or int(path.stem.rsplit("_", 1)[1]) not in TEST:
                continue
            with wave.open(raw) as sound:
                form = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
                if form != (RATE, 1, 2):
                    raise ValueError(f"{member.name} has rate, channels and bytes {form}")
                found[member.name] = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.int16)
    return [found[name] for name in sorted(found)]


def float_log_mel(front_end: FrontEnd, samples: Sound) -> FloatArray:
    """Levels of bands in dB, 0 for a full-scale sine in its bin: (frames, bands) in double precision throughout."""
    n = front_end.fft
    window = signal.get_window("hann", front_end.frame)  # periodic
    starts = np.arange(0, len(samples) - front_end.frame + 1, front_end.hop)
    frames = samples[starts[:, None] + np.arange(front_end.frame)] * window
    power = np.abs(fft.rfft(frames, n)) ** 2 @ _triangles(front_end).T
    full_scale = (2**15 / 2 * window.sum()) ** 2
    return np.asarray(10 * np.log10(np.maximum(power, 1e-9) / full_scale))


def _triangles(front_end: FrontEnd) -> FloatArray:
    """(bands, fft / 2 + 1), each band by itself: HTK's mel scale, triangles on it."""
    hz = np.arange(front_end.fft // 2 + 1) * front_end.sample_rate / front_end.fft
    mel = 1127 * np.log1p(hz / 700)
    low, high = (float(1127 * np.log1p(end / 700)) for end in (front_end.lowest_hz, front_end.top_hz))
    edges = np.linspace(low, high, front_end.bands + 2)
    left, top, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.asarray(np.maximum(np.minimum((mel - left) / (top - left), (right - mel) / (right - top)), 0.0))


def snr(expected: FloatArray, found: FloatArray) -> float:
    """Signal to noise, dB: the variance of what is expected against the mean square error."""
    return float(10 * np.log10(expected.var() / ((expected - found) ** 2).mean()))


def levels(front_end: FrontEnd, logs: npt.NDArray[np.int64]) -> FloatArray:
    """What `zeroshot.frontend.features.log_mel` gives, in dB."""
    full_scale = 20 * np.log10(2**14 * front_end.frame / 2 / front_end.fft)
    return np.asarray(10 * np.log10(2) * (logs / 1024 - 34) - full_scale)
