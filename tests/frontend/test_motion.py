"""Motion in 8 bits: against exact fractions, on this machine in C, calibrated on training data."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import DataError, UsageError
from zeroshot.firmware.toolchain import build_host, has_host_compiler
from zeroshot.frontend.motion import Motion, Scaling, calibrate, motion_c, motion_features

from ..sounds import run
from ..strategies import examples

MAIN = """
#include "motion.h"
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words)
{
    uint32_t before, part;
    static motion_stream stream;
    static int16_t samples[MOTION_HOP * MOTION_AXES];
    motion_reset(&stream);
    while (fread(samples, 2, MOTION_HOP * MOTION_AXES, stdin) == MOTION_HOP * MOTION_AXES) {
        if (count == 1) {
            motion_push(&stream, samples);
        }
        for (before = 0; count > 1 && before < MOTION_HOP; before += part) { /* in pieces of so many samples */
            part = (uint32_t)atoi(words[1]);
            part = MOTION_HOP - before < part ? MOTION_HOP - before : part;
            motion_add(&stream, samples + before * MOTION_AXES, part, before);
        }
        fwrite(motion_map(&stream), 1, MOTION_MAP_BYTES, stdout);
    }
    return 0;
}
"""


def samples_of(n, axes=3, seed=0):
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(0, 900, (n, axes)) * np.array([1, 40, 0.01][:axes]), -32768, 32767).astype(np.int16)


def test_training_samples_fill_the_range():
    """Up to the covered share of them; the largest of an axis that hardly moves becomes 127 too."""
    motion, samples = Motion(covered=0.99), samples_of(10_000)
    scaling = calibrate(motion, samples)
    found = motion_features(motion, scaling, samples)[0].astype(int)
    for axis in range(3):
        edge = np.sort(np.abs(samples[:, axis].astype(int)))[int(np.ceil(0.99 * 9_999))]
        assert np.abs(found[np.abs(samples[:, axis].astype(int)) == edge, axis]).max() == 127
        exact = samples[:, axis].astype(int) * 127 / edge
        assert np.abs(found[:, axis] - np.clip(exact, -128, 127)).max() < 0.51
    assert min(scaling.multipliers) >= 2**14


@given(
    st.integers(-32768, 32767), st.integers(2**14, 2**15 - 1), st.integers(8, 23), st.sampled_from(["int8", "uint8"])
)
@examples(300)
def test_rounding(sample, multiplier, shift, output):
    """Half up, then cut off."""
    motion = Motion(axes=1, output=output)
    found = motion_features(motion, Scaling((multiplier,), (shift,)), np.array([[sample]], np.int16)).item()
    exact = Fraction(sample * multiplier, 2**shift) + Fraction(1, 2)
    assert found - motion.zero_point == min(127, max(-128, exact.__floor__()))


@pytest.mark.parametrize("largest", [0, 1, 5, 127, 128, 20_000, 32_768])
def test_factors_of_any_range(largest):
    motion = Motion(axes=1, covered=1.0)
    samples = np.array([[0], [-largest]], np.int64).astype(np.int16)
    scaling = calibrate(motion, samples)
    assert scaling.multipliers[0] / 2 ** scaling.shifts[0] == pytest.approx(127 / max(largest, 1), rel=2**-14)
    assert scaling.multipliers[0] * 2**15 + (1 << scaling.shifts[0] - 1) < 2**31
    assert 8 <= scaling.shifts[0] <= 23
    assert motion_features(motion, scaling, samples)[0, 1].item() == (-127 if largest else 0)


@pytest.mark.parametrize(
    ("axes", "window_ms", "hop_ms", "output"),
    [(3, 2000, 500, "int8"), (1, 500, 20, "uint8"), (2, 400, 400, "int8"), (3, 340, 100, "uint8")],
)
def test_a_stream_in_c(axes, window_ms, hop_ms, output, tmp_path):
    if not has_host_compiler():
        pytest.skip("no C compiler")
    motion = Motion(axes=axes, window_ms=window_ms, hop_ms=hop_ms, output=output)
    scaling = calibrate(motion, samples_of(1000, axes))
    build_host(motion_c(motion, scaling) | {"main.c": MAIN}, tmp_path / "program")
    samples = samples_of(motion.window + 9 * motion.hop, axes, seed=1)
    samples[:20] = -32768
    samples[20:40] = 32767
    maps = np.frombuffer(run(tmp_path / "program", samples), output).reshape(-1, *motion.shape)
    rest = np.zeros((motion.window, axes), np.int16)
    expected = motion_features(motion, scaling, np.concatenate([rest, samples]))
    assert len(maps) == len(samples) // motion.hop
    for hop, found in enumerate(maps, 1):
        assert np.array_equal(found, expected[:, hop * motion.hop : hop * motion.hop + motion.window])
    assert motion.bytes == -(-maps[0].size // 4) * 4
    for piece in ("1", "3"):
        assert run(tmp_path / "program", samples, piece) == maps.tobytes()


def test_what_is_refused():
    with pytest.raises(UsageError, match="is 200 samples, a window of 2000 ms 100"):
        Motion(hop_ms=4000)
    with pytest.raises(UsageError, match="cannot be the prefix of C functions"):
        motion_c(Motion(), Scaling((2**14,) * 3, (8,) * 3), "My")
    for samples in (np.zeros((5, 2), np.int16), np.zeros(5, np.int16), np.zeros((5, 3))):
        with pytest.raises(DataError, match=r"\(samples, 3\) int16"):
            calibrate(Motion(), samples)
    with pytest.raises(DataError, match="no samples"):
        calibrate(Motion(), np.zeros((0, 3), np.int16))
