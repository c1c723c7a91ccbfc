"""Levels below the loudest of a picture: against the obvious computation, under gain, and in C."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import ToolchainError, UsageError
from zeroshot.firmware.emulate import DATA, Core
from zeroshot.firmware.toolchain import build_firmware, build_host, find_toolchain, has_host_compiler
from zeroshot.frontend.c_source import frontend_c
from zeroshot.frontend.cost import front_end_cost
from zeroshot.frontend.features import features, frame_features, pictures, seen
from zeroshot.frontend.options import FrontEnd

from ..sounds import run
from ..strategies import examples

SMALL = FrontEnd(sample_rate=8000, frame_ms=25, hop_ms=10, bands=20, window_ms=100, relative=True, span_db=45)
FRONT_ENDS = {"uint8": SMALL, "int8": replace(SMALL, output="int8", span_db=60), "narrow": replace(SMALL, bands=9)}
# What a program does with the map: one pass for the loudest, one for the levels below it.
PICTURE = """
#include "frontend.h"

void picture(const frontend_stream *stream, %(type)s *out)
{
    const %(type)s *map = frontend_map(stream), loudest = frontend_loudest(stream);
    uint32_t i;
    for (i = 0; i < FRONTEND_MAP_BYTES; i++) {
        out[i] = frontend_relative(map[i], loudest);
    }
}
"""
MAIN = """
#include "frontend.h"
#include <stdio.h>

void picture(const frontend_stream *stream, %(type)s *out);

int main(void)
{
    static frontend_stream stream;
    static %(type)s out[FRONTEND_MAP_BYTES];
    while (fread(stream.map, 1, FRONTEND_MAP_BYTES, stdin) == FRONTEND_MAP_BYTES) {
        picture(&stream, out);
        fwrite(out, 1, FRONTEND_MAP_BYTES, stdout);
    }
    return 0;
}
"""
OUT, STREAM = DATA + 2**18, DATA + 2**19


def naive(front_end, stored):
    """Value by value, in Python's integers."""
    low = -128 if front_end.output == "int8" else 0
    span = round(front_end.span_db / ((front_end.top_db - front_end.lowest_db) / 255))
    values = [int(value) for value in stored.ravel()]
    top = max(values)
    return [min(max(value - top + low + span, low), low + span) for value in values]


def sounds(front_end, n=8, seed=0):
    """Noise of levels 24 dB apart, with silence before it."""
    rng = np.random.default_rng(seed)
    loud = rng.normal(0, 1, (n, front_end.window)) * np.geomspace(30, 8000, n)[:, None]
    loud[:, : front_end.window // 3] = 0
    return np.clip(np.rint(loud), -32768, 32767).astype(np.int16)


def maps(front_end, n=30, seed=1):
    """Any outputs, pictures of one value and the ends of the range among them."""
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, 256, (n, 2)), axis=1)
    ends[:4] = (0, 0), (255, 255), (0, 255), (7, 7)
    drawn = [rng.integers(low, high + 1, front_end.shape) for low, high in ends.tolist()]
    return (np.array(drawn) + front_end.smallest).astype(front_end.output)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_pictures_are_the_obvious_ones(name):
    front_end, windows = FRONT_ENDS[name], sounds(FRONT_ENDS[name])
    found = pictures(front_end, windows)
    assert found.dtype == front_end.output
    for window, picture in zip(windows, found, strict=True):
        assert picture.ravel().tolist() == naive(front_end, frame_features(front_end, window))
        assert features(front_end, window).tolist() == picture.tolist()
        assert picture.max() == front_end.zero_point == front_end.smallest + front_end.span
    assert len(np.unique(found)) > 60
    some = maps(front_end)
    assert [each.ravel().tolist() for each in seen(front_end, some)] == [naive(front_end, each) for each in some]


def test_rows_are_kept_as_they_are():
    """A frame alone does not know the loudest of its picture."""
    absolute = replace(SMALL, relative=False, span_db=60.0, highest_db=5.0)
    for window in sounds(SMALL):
        assert frame_features(SMALL, window).tolist() == frame_features(absolute, window).tolist()
        assert features(absolute, window)[:, :, 0].tolist() == frame_features(absolute, window).tolist()


@examples(60)
@given(st.integers(0, 2**32 - 1), st.floats(5, 13), st.sampled_from(sorted(FRONT_ENDS)))
def test_twice_as_loud_is_the_same_up_to_rounding(seed, bits, name):
    """Above the floor of what is stored: a level below `lowest_db` is lost, however loud the picture is shown."""
    front_end, rng = FRONT_ENDS[name], np.random.default_rng(seed)
    shaped = rng.normal(0, 1, front_end.window) * np.geomspace(1, rng.uniform(0.02, 50), front_end.window)
    soft = np.rint(shaped / np.abs(shaped).max() * 2**bits).astype(np.int16)
    kept = frame_features(front_end, soft)[:, :, None] > front_end.smallest
    before, after = (features(front_end, each).astype(int) for each in (soft, soft * np.int16(2)))
    assert np.abs(after - before)[kept].max() <= 1
    absolute = frame_features(front_end, soft * np.int16(2)).astype(int) - frame_features(front_end, soft)
    assert absolute.max() >= 14, "6 dB are 14.6 steps"


@pytest.mark.parametrize("hz", [100, 437, 1000, 3000, 7000])
def test_full_scale_is_not_cut_off(hz):
    """The loudest must be known to measure others against it."""
    front_end = FrontEnd(relative=True)
    wave = np.sin(2 * np.pi * hz / 16_000 * np.arange(front_end.window))
    for samples in (32767 * wave, np.where(wave >= 0, 32767, -32768)):
        rows = frame_features(front_end, np.rint(samples).astype(np.int16))
        assert 230 < rows.max() < 255


def test_a_window_of_zeros_is_as_loud_as_any():
    """All its levels are its loudest: nothing in it is softer than something else."""
    assert set(features(SMALL, np.zeros(SMALL.window, np.int16)).ravel().tolist()) == {SMALL.span}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"relative": True, "coefficients": 10}, "Relative levels are of bands"),
        ({"span_db": 40}, "is of relative levels"),
        ({"relative": True, "span_db": 110}, "hold no 110 dB"),
        ({"relative": True, "span_db": 19}, "at least 20"),
        ({"relative": True, "lowest_db": -90, "highest_db": -40}, "hold no 60 dB"),
    ],
)
def test_what_is_refused(values, words):
    with pytest.raises(UsageError, match=words):
        FrontEnd(**values)


def test_what_is_not_said_means_what_it_meant():
    """A front end that was stored before there were relative levels."""
    old = {"sample_rate": 16000, "bands": 40, "lowest_db": -100.0, "highest_db": -20.0, "output": "uint8"}
    assert not FrontEnd.of(old).relative
    assert FrontEnd.of(old).step_db == FrontEnd().step_db == 80 / 255
    assert FrontEnd(relative=True).step_db == 105 / 255
    assert FrontEnd(relative=True, highest_db=0.0).top_db == 0
    assert FrontEnd.of(SMALL.values()) == SMALL


def sources(front_end):
    return frontend_c(front_end) | {"picture.c": PICTURE % {"type": f"{front_end.output}_t"}}


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_c_makes_the_same_pictures(name, tmp_path):
    if not has_host_compiler():
        pytest.skip("no C compiler")
    front_end, some = FRONT_ENDS[name], maps(FRONT_ENDS[name])
    build_host(sources(front_end) | {"main.c": MAIN % {"type": f"{front_end.output}_t"}}, tmp_path / "program")
    found = np.frombuffer(run(tmp_path / "program", some), front_end.output).reshape(some.shape)
    assert [each.ravel().tolist() for each in found] == [naive(front_end, each) for each in some]


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_core_makes_them_too_and_leaves_what_is_kept(name, compiler):
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    try:
        toolchain = find_toolchain(compiler)
    except ToolchainError as error:
        pytest.skip(str(error))
    front_end = FRONT_ENDS[name]
    keep = ("picture", "frontend_features", "frontend_reset", "frontend_push")
    core = Core(build_firmware(sources(front_end), keep, "cortex-m4", toolchain), "cortex-m4")
    some = maps(front_end, 8)
    for each in some:
        core.write(STREAM, each.tobytes())
        core.call("picture", STREAM, OUT)
        found = np.frombuffer(core.read(OUT, each.size), front_end.output)
        assert found.tolist() == naive(front_end, each)
        assert core.read(STREAM, each.size) == each.tobytes()
    assert 0.7 < core.counted("picture", STREAM, OUT).total / front_end_cost(front_end).decision < 1.05
    assert front_end_cost(replace(front_end, relative=False, span_db=60.0)).decision == 0


def test_absolute_levels_have_no_code_for_it():
    texts = frontend_c(FrontEnd())
    assert not any("loudest" in text or "relative" in text for text in texts.values())
    assert "frontend_relative makes a net's picture" in frontend_c(SMALL)["frontend.h"]
