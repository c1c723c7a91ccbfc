"""The integer FFT against NumPy's, and no value outside of 32 bits on the way, whatever the samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zeroshot.frontend import spectrum as module
from zeroshot.frontend.options import FrontEnd
from zeroshot.frontend.spectrum import power_spectrum, spectrum
from zeroshot.frontend.tables import tables_of

from ..sounds import FRONT_ENDS, hardest_frames
from ..strategies import examples

LENGTHS = (64, 128, 256, 512, 1024, 2048)


def of_length(n):
    return FrontEnd(sample_rate=16_000, frame_ms=n / 16, hop_ms=10, bands=8)


def expected(front_end, frames):
    """DFT / fft in units of 2^-11, bins 1 to fft / 2 - 1, of frames under the rounded window."""
    windowed = frames * (tables_of(front_end).window / 2**15)
    return np.fft.rfft(windowed, front_end.fft)[:, 1:-1] / front_end.fft * 2**11


def found(front_end, frames):
    re, im = spectrum(front_end, tables_of(front_end), frames.astype(np.int64))
    return re[:, 1:] + 1j * im[:, 1:]


@pytest.mark.parametrize("n", LENGTHS)
def test_signal_to_noise(n, capsys):
    """92 dB for full-scale noise, as factors have 16 bits; 28 dB still for noise of one bit."""
    front_end, rng, said = of_length(n), np.random.default_rng(0), []
    for bits, least in ((15, 92), (10, 76), (5, 58), (0, 28)):
        frames = rng.integers(-(2**bits), 2**bits, (40, n))
        exact, got = expected(front_end, frames), found(front_end, frames)
        said.append(snr(exact, got))
        assert said[-1] > least, bits
        assert np.abs(exact - got).max() < 4 + 2e-4 * np.abs(exact).max()
    with capsys.disabled():
        print(f"\nFFT of {n}: {', '.join(f'{each:.1f}' for each in said)} dB for noise of 16, 11, 6 bits and 1 bit")


def snr(exact, got):
    return 10 * np.log10((np.abs(exact) ** 2).sum() / (np.abs(exact - got) ** 2).sum())


def test_a_sine_in_a_bin():
    front_end = of_length(512)
    sine = np.round(20_000 * np.cos(2 * np.pi * 37 * np.arange(512) / 512)).astype(np.int64)[None]
    power = power_spectrum(front_end, tables_of(front_end), sine)[0]
    # Amplitude / 2 in its bin under a window of mean 1/2, half as much in its neighbours.
    assert power[36:39] / (20_000 / 4 * 2**11) ** 2 == pytest.approx([0.25, 1, 0.25], rel=1e-3)
    assert power[40:].max() < 1e-7 * power[37]


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_nothing_leaves_its_bits(name, monkeypatch):
    """What goes into sums and products and comes out of them, on frames that make values large."""
    largest = {}

    def watch(function):
        real = getattr(module, function)

        def watched(*arguments):
            out = real(*arguments)
            for side, values in (("in", arguments), ("out", out if isinstance(out, tuple) else (out,))):
                size = max(int(np.abs(each).max()) for each in values if isinstance(each, np.ndarray))
                largest[function, side] = max(size, largest.get((function, side), 0))
            return out

        monkeypatch.setattr(module, function, watched)

    for function in ("_times", "_radix_2", "_radix_4", "_turned", "_complex_fft", "_packed"):
        watch(function)
    front_end = FRONT_ENDS[name]
    re, im = spectrum(front_end, tables_of(front_end), hardest_frames(front_end).astype(np.int64))
    assert largest["_packed", "out"] <= 2**24
    assert 2 * largest["_radix_4", "in"] < 2**31  # sums of two
    assert largest["_radix_4", "out"] < 2**30
    assert 2 * largest["_complex_fft", "out"] < 2**31  # sums and differences of two bins
    assert largest["_times", "in"] < 2**31
    assert 2 * largest["_times", "out"] < 2**31
    assert 2**23 < np.abs(re).max() <= 2**25
    assert np.abs(im).max() <= 2**25
    power = re * re + im * im
    assert power.max() < 2**50
    assert power.sum(axis=1).max() < 2**50


@given(arrays(np.int16, (1, 256), elements=st.sampled_from([-32768, -1, 0, 1, 32767]) | st.integers(-32768, 32767)))
@examples(100)
def test_any_frame(frame):
    front_end = of_length(256)
    error = np.abs(expected(front_end, frame) - found(front_end, frame))
    assert error.max() < 3 + 2**25 / 2**16


def test_places_are_reversed():
    assert module._reversed(16).tolist() == [int(f"{i:04b}"[::-1], 2) for i in range(16)]
