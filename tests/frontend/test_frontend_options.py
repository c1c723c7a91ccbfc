"""What a front end accepts, and the sizes that follow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import UsageError
from zeroshot.frontend.options import FrontEnd
from zeroshot.frontend.tables import tables_of

from ..strategies import examples


def test_sizes_of_a_second():
    front_end = FrontEnd(frame_ms=25, hop_ms=10)
    assert (front_end.frame, front_end.hop, front_end.fft) == (400, 160, 512)
    assert (front_end.frames, front_end.window, front_end.shape) == (98, 15920, (98, 40, 1))
    assert FrontEnd(frame_ms=30, hop_ms=20, coefficients=10).shape == (49, 10, 1)


@given(
    st.integers(1_000, 96_000), st.floats(1, 100), st.floats(1, 200), st.floats(1, 3_000),
)  # fmt: skip
@examples(200)
def test_sizes_hold_together(rate, frame_ms, hop_ms, window_ms):
    try:
        made = FrontEnd(sample_rate=rate, frame_ms=frame_ms, hop_ms=hop_ms, window_ms=window_ms)
    except UsageError:
        return
    assert made.frame % 2 == 0
    assert abs(made.frame - frame_ms * rate / 1000) <= 1
    assert made.fft / 2 < made.frame <= made.fft or made.fft == 32
    assert made.fft & (made.fft - 1) == 0
    rest = round(window_ms * rate / 1000) - made.window
    assert 0 <= rest < made.hop
    assert made.shape == (made.frames, 40, 1)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"frame_ms": 0.5}, "frame of 0.5 ms has 8 samples"),
        ({"frame_ms": 200}, "has 3200 samples"),
        ({"hop_ms": 0.01}, "has no sample"),
        ({"window_ms": 20}, "holds no frame"),
        ({"lowest_hz": 8000}, "do not fit 16000"),
        ({"highest_hz": 8001}, "do not fit 16000"),
        ({"bands": 8, "coefficients": 9}, "no 9 coefficients"),
        ({"lowest_db": -30, "highest_db": -20}, "cover too little"),
        ({"output": "int16"}, "Unknown output"),
        ({"bands": 4}, "at least 8"),
        ({"lowest_db": float("nan")}, "must be at least"),
    ],
)
def test_what_is_refused(values, words):
    with pytest.raises(UsageError, match=words):
        FrontEnd(**values)


def test_a_band_without_a_bin_is_refused_when_tables_are_made():
    with pytest.raises(UsageError, match="Band 0 of 100 is so narrow"):
        tables_of(FrontEnd(bands=100, frame_ms=16))


def test_zero_points():
    assert FrontEnd(lowest_db=-100, highest_db=0).zero_point == 255
    assert FrontEnd(lowest_db=-100, highest_db=0, output="int8").zero_point == 127
    assert FrontEnd(coefficients=5).zero_point == 128
    assert FrontEnd(coefficients=5, output="int8").zero_point == 0


def test_it_is_stored_and_read_back():
    front_end = FrontEnd(frame_ms=25, coefficients=10)
    assert FrontEnd.of(front_end.values()) == front_end
