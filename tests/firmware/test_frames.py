"""A frame as training resizes it: the integers against Pillow's, the C against both."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.data import resized
from zeroshot.errors import VerifyError
from zeroshot.firmware import frames as frames_module
from zeroshot.firmware.c_cascade import cascade_sources
from zeroshot.firmware.device import Device
from zeroshot.firmware.frames import cut_of, resize_of, taps
from zeroshot.firmware.toolchain import build_host, find_toolchain
from zeroshot.int8.execute import quantize_pixels

from ..firmware_pairs import pair
from ..strategies import examples

SIDES = st.integers(1, 70)


@examples(60)
@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from([1, 3]), st.integers(0, 9))
def test_the_integers_are_pillows(high, wide, height, width, channels, seed):
    frame = np.random.default_rng(seed).integers(0, 256, (high, wide, channels), np.uint8)
    resize = resize_of(frame.shape, (height, width, channels))
    assert np.array_equal(resize.applied(frame), resized(frame[None], (height, width))[0])


@pytest.mark.parametrize(("size", "outputs"), [(28, 16), (16, 28), (96, 7), (5, 5), (1, 4), (4, 1)])
def test_taps(size, outputs):
    found = taps(size, outputs)
    assert (found.first >= 0).all()
    assert (found.first + found.weights.shape[1] <= size).all()
    assert (abs(found.weights.sum(axis=1) - 2**22) <= found.weights.shape[1]).all()
    assert found.weights.min() >= 0
    assert 255 * found.weights.sum(axis=1).max() + 2**21 < 2**31
    if size == outputs:
        assert np.array_equal(found.applied(np.arange(size, dtype=np.uint8)), np.arange(size))


def test_what_is_seen_of_a_frame():
    assert cut_of((120, 160, 3), (32, 32, 3)) == (120, 120)
    assert cut_of((120, 160, 3), (24, 32, 3)) == (120, 160)


def test_another_way_of_resizing_has_no_c(monkeypatch):
    def nearest(x, resolution):
        return x[:, : resolution[0], : resolution[1]]

    monkeypatch.setattr(frames_module, "resized", nearest)
    assert resize_of((29, 27, 3), (13, 11, 3)) is None
    cascade = replace(pair("r13x11-s4-c3w6x1/2", "r13x11-s4-c3w6x1/2", 3), frame=(29, 27))
    assert "frame" not in cascade_sources(cascade, "cascade")["cascade.h"]


MAIN = """
#include <stdio.h>
#include "cascade.h"
int main(void)
{
    static uint8_t frame[CASCADE_FRAME_BYTES];
    static int8_t image[CASCADE_LITTLE_BYTES + CASCADE_BIG_BYTES];
    if (fread(frame, 1, sizeof frame, stdin) != sizeof frame || %s) {
        return 1;
    }
    fwrite(image, 1, sizeof image, stdout);
    return 0;
}
"""
SHARED = "cascade_frame(frame, image) || cascade_frame(NULL, image) != -1 || cascade_frame(frame, NULL) != -1"
TWO = "cascade_little_frame(frame, image) || cascade_big_frame(frame, image + CASCADE_LITTLE_BYTES)"


@pytest.mark.parametrize(
    ("nets", "channels", "frame", "call"),
    [
        (("r16-s4-c3w6x1/2", "r16-s4-c3w6x1/2"), 1, (28, 28), SHARED),
        (("r8-s4-c3w6x1/2", "r12-s6-c3w8x1/2"), 3, (30, 40), TWO),
        pytest.param(("r9x14-s3-c3w6x1/2", "r9x14-s4-c3w6x1/2"), 3, (90, 40), SHARED, marks=pytest.mark.slow),
        pytest.param(("r24-s4/2-c3w6x1", "r24-s4/2-c3w6x1"), 1, (11, 13), SHARED, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_c_makes_the_image_of_training(nets, channels, frame, call, tmp_path):
    cascade = replace(pair(*nets, channels, shared=call is SHARED), frame=frame)
    build_host(cascade_sources(cascade, "cascade") | {"main.c": MAIN % call}, tmp_path / "program")
    raw = np.random.default_rng(7).integers(0, 256, (*frame, channels), np.uint8)
    done = subprocess.run([tmp_path / "program"], input=raw.tobytes(), capture_output=True, timeout=60, check=True)
    expected = b"".join(
        quantize_pixels(table, resized(raw[None], net.input_shape[:2]))[0].tobytes()
        for _, table, net in cascade.pixel_tables
    )
    assert done.stdout[: len(expected)] == expected


def test_on_a_core_and_that_another_resize_is_found(monkeypatch):
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    cascade = replace(pair("r10-s4-c3w6x1/2", "r10-s4-c3w6x1/2", 3), frame=(20, 30))
    device = Device(cascade, "cortex-m0plus", find_toolchain("zig"))
    device.check_frames()
    device.cascade = replace(cascade, little_pixels=cascade.little_pixels ^ 1)
    with pytest.raises(VerifyError, match="makes other images than training"):
        device.check_frames()


def test_none_where_sizes_are_the_nets_own():
    cascade = pair("r8-s4-c3w6x1/2", "r8-s4-c3w6x1/2", 3)
    assert replace(cascade, frame=(8, 8)).resizes == []
    assert "cascade_frame" not in cascade_sources(replace(cascade, frame=(8, 8)), "cascade")["cascade.h"]
