"""Log-mel and cepstral coefficients against floating point, and what any sound gives."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.fft import dct

from benchmarks.speech import float_log_mel, levels, snr
from zeroshot.errors import DataError
from zeroshot.frontend.features import features, frame_features, log_mel
from zeroshot.frontend.options import FrontEnd

from ..sounds import FRONT_ENDS, hardest_frames, rows_of, speech  # noqa: F401 - a fixture
from ..strategies import examples

SMALL = FrontEnd(sample_rate=8000, frame_ms=25, hop_ms=10, bands=20, window_ms=100)


def tone(front_end, hz, amplitude, samples=None):
    at = np.arange(front_end.window if samples is None else samples)
    return np.round(amplitude * np.sin(2 * np.pi * hz * at / front_end.sample_rate)).astype(np.int16)


def test_golden_values_of_a_sine():
    """In floating point 65.0, 241.8, 230.7, 11.2 steps (later 11.3 and 10.6), and below 0 in the other bands."""
    front_end = FrontEnd(sample_rate=8000, frame_ms=32, hop_ms=16, bands=12, window_ms=64)
    sound = tone(front_end, 1090, 2_000)
    assert features(front_end, sound)[:, :, 0].tolist() == [[0, 0, 0, 0, 65, 242, 231, 11, 0, 0, 0, 0]] * 3
    cepstrum = replace(front_end, coefficients=6, output="int8")
    assert features(cepstrum, sound)[:, :, 0].tolist() == [[-82, 5, -128, -25, 127, 39]] * 3


def test_a_full_scale_sine_is_nothing_dB():  # noqa: N802
    """In its bin; the two beside it have a quarter each, and the weights of a bin add up to 1."""
    front_end = FrontEnd(frame_ms=32, bands=40, highest_db=10)
    found = levels(front_end, log_mel(front_end, tone(front_end, 6000, 32767)))
    assert 10 * np.log10((10 ** (found / 10)).sum(axis=1)) == pytest.approx(10 * np.log10(1.5), abs=0.01)


@pytest.mark.parametrize("name", ["default", "speech", "gaps", "long", "longest"])
def test_noise_against_floating_point(name):
    front_end, rng = FRONT_ENDS[name], np.random.default_rng(0)
    samples = np.round(rng.normal(0, 1000, front_end.window) * np.linspace(0.01, 4, front_end.window)).astype(np.int16)
    expected = float_log_mel(front_end, samples)
    found = levels(front_end, log_mel(front_end, samples))
    assert snr(expected, found) > 60
    assert np.abs(expected - found).max() < 0.1


def test_outputs_are_the_levels_in_steps():
    front_end, rng = FrontEnd(output="int8"), np.random.default_rng(1)
    samples = rng.integers(-9000, 9000, front_end.window).astype(np.int16)
    expected = (float_log_mel(front_end, samples) - front_end.lowest_db) / front_end.step_db - 128
    assert np.abs(frame_features(front_end, samples) - np.clip(expected, -128, 127)).max() < 0.6


@pytest.mark.parametrize("bands", [8, 40, 63])
def test_coefficients_against_scipy(bands):
    """DCT-II of clipped levels; the lifter as HTK has it."""
    front_end, rng = FrontEnd(bands=bands, frame_ms=64, coefficients=8), np.random.default_rng(2)
    colour = np.cumsum(rng.normal(0, 60, front_end.window))
    samples = np.clip(colour, -32768, 32767).astype(np.int16)
    steps = (float_log_mel(front_end, samples) - front_end.lowest_db) / front_end.step_db
    cepstrum = dct(np.clip(steps, 0, 255), type=2, axis=1)[:, :8] / (2 * bands)  # scipy's has a factor of 2
    lifter = 1 + 11 * np.sin(np.pi * np.arange(8) / 22)
    expected = np.clip(128 + cepstrum * lifter, 0, 255)
    expected[:, 0] = cepstrum[:, 0]
    found = frame_features(front_end, samples)
    assert found[:, 1:].std() > 5
    assert np.abs(found - expected).max() < 0.8


@pytest.mark.slow
def test_speech_against_floating_point(speech, capsys):  # noqa: F811
    """Every whole frame counts, pauses between words too; no frame is of zeros alone, whose level would be -inf."""
    for front_end in (FrontEnd(sample_rate=8000, bands=24), FRONT_ENDS["speech"]):
        sounds = [each for each in speech if len(each) >= front_end.frame]
        assert len(sounds) == 300
        expected = np.concatenate([float_log_mel(front_end, each) for each in sounds])
        found = np.concatenate([levels(front_end, log_mel(front_end, each)) for each in sounds])
        outputs = np.concatenate([frame_features(front_end, each) for each in sounds]).astype(float)
        inside = (expected > front_end.lowest_db) & (expected < front_end.top_db)
        steps = (outputs - front_end.zero_point) * front_end.step_db
        logs, eight = snr(expected, found), snr(expected[inside], steps[inside])
        with capsys.disabled():
            print(f"\n{len(expected)} frames of speech: log-mel {logs:.1f} dB, in 8 bits {eight:.1f} dB")
        assert logs > 75
        assert eight > 40
        assert inside.mean() > 0.97


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_extreme_frames_stay_in_range_and_silence_is_lowest(name):
    front_end = FRONT_ENDS[name]
    frames = hardest_frames(front_end)
    found = rows_of(front_end, frames).astype(int)
    assert found.shape == (len(frames), front_end.width)
    assert found.min() >= front_end.smallest
    assert found.max() <= front_end.smallest + 255
    silence = frame_features(front_end, np.zeros(front_end.frame, np.int16))[0].astype(int)
    assert silence[0] == front_end.smallest
    assert set(silence[1:]) == ({front_end.zero_point} if front_end.coefficients else {front_end.smallest})


@given(arrays(np.int16, SMALL.window, elements=st.sampled_from([-32768, 0, 32767]) | st.integers(-32768, 32767)))
@examples(60)
def test_any_sound_against_floating_point(samples):
    """Where a level is far below the loudest of its frame, the 16 bits of the factors limit it: 90 dB below."""
    expected = float_log_mel(SMALL, samples)
    found = levels(SMALL, log_mel(SMALL, samples))
    floor = np.maximum(expected.max(axis=1, keepdims=True) - 60, -90)
    assert np.abs(np.maximum(expected, floor) - np.maximum(found, floor)).max() < 0.5


def test_a_picture_is_made_of_frames():
    samples = np.random.default_rng(3).integers(-999, 999, SMALL.window + 37).astype(np.int16)
    picture = features(SMALL, samples[: SMALL.window])
    assert (picture.shape, picture.dtype) == (SMALL.shape, np.uint8)
    for t in range(SMALL.frames):
        alone = samples[t * SMALL.hop : t * SMALL.hop + SMALL.frame]
        assert picture[t, :, 0].tolist() == frame_features(SMALL, alone)[0].tolist()
    assert frame_features(SMALL, samples[: SMALL.frame - 1]).shape == (0, 20)
    assert frame_features(SMALL, samples).shape[0] == SMALL.frames


def test_many_frames_are_those_of_each_chunk():
    samples = np.random.default_rng(4).integers(-999, 999, 600 * SMALL.hop).astype(np.int16)
    found = frame_features(SMALL, samples)
    assert len(found) > 512
    assert found[300:].tolist() == frame_features(SMALL, samples[300 * SMALL.hop :]).tolist()


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(10, np.int16), "needs 760 samples, not 10"),
        (np.zeros(760, np.float32), "not float32"),
        (np.zeros((760, 1), np.int16), r"shape \(760, 1\)"),
    ],
)
def test_what_is_no_window(samples, words):
    with pytest.raises(DataError, match=words):
        features(SMALL, samples)
