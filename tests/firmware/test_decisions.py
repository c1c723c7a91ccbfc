"""The reference of a stream against the obvious one, and what it refuses."""

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import DataError, UsageError, VerifyError
from zeroshot.firmware.decisions import Decision, compare_decisions, decisions, newest
from zeroshot.firmware.stream import Stream, score_factors
from zeroshot.frontend.features import frame_features
from zeroshot.frontend.options import FrontEnd, Motion, ScaledMotion, Scaling
from zeroshot.frontend.sensor import sensor_of

from ..firmware_pairs import pair
from ..strategies import examples
from ..streams import FRONT_ENDS, fed, obvious_decisions, pictures_by_window, samples_of


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_pictures_are_those_of_each_window(name):
    sensor, samples = sensor_of(FRONT_ENDS[name]), samples_of(name, 700)
    expected = pictures_by_window(FRONT_ENDS[name], samples)
    found = sensor.pictures(samples)
    assert len(found) == len(expected) > 10
    assert [hop for hop, _ in expected] == list(range(sensor.first, sensor.first + len(found)))
    assert all(np.array_equal(a, b) for a, (_, b) in zip(found, expected, strict=True))
    assert found.dtype == np.uint8
    before = sensor.first * sensor.hop - 1
    assert sensor.pictures(samples[:before]).shape == (0, *sensor.shape)
    assert len(sensor.pictures(samples[: before + 1])) == 1


def test_levels_are_relative_to_the_loudest_of_each_window():
    """Of the rows as they are, value by value; the table of pixels comes after it."""
    front_end, samples = FRONT_ENDS["relative"], samples_of("relative", 700)
    rows = frame_features(front_end, samples).astype(int)
    found = sensor_of(front_end).pictures(samples)
    assert len(found) == len(rows) - front_end.frames + 1 > 10
    for at, picture in enumerate(found):
        window = rows[at : at + front_end.frames]
        expected = [max(value - window.max() + front_end.span, 0) for value in window.ravel().tolist()]
        assert picture.ravel().tolist() == expected


@examples(25)
@given(
    st.sampled_from(sorted(FRONT_ENDS)), st.integers(0, 600), st.integers(1, 4), st.integers(1, 6),
    st.sampled_from(["mean", "majority"]), st.integers(0, 3), st.integers(0, 60), st.integers(0, 5), st.booleans(),
)  # fmt: skip
def test_decisions_are_the_obvious_ones(name, n, every, smooth, smoothing, limit, threshold, seed, bias):
    cascade = fed(
        name, seed=seed, limit=limit, threshold=threshold, bias=bias, every=every, smooth=smooth, smoothing=smoothing
    )
    samples = samples_of(name, n, seed)
    found = decisions(cascade, samples)
    assert [astuple(each) for each in found] == obvious_decisions(
        cascade, FRONT_ENDS[name], samples, every, smooth, smoothing
    )


def test_all_kinds_of_decisions_occur():
    """Else the property above would show little."""
    said = decisions(fed("sound", limit=2, smooth=3), samples_of("sound", 4000))
    assert {(each.escalated, each.capped) for each in said} == {(False, False), (True, False), (False, True)}
    assert any(each.label != each.answer for each in said)
    assert len({each.label for each in said}) > 1
    plain = decisions(fed("sound"), samples_of("sound", 4000))
    assert all(each.label == each.answer for each in plain)
    assert 0.1 < np.mean([each.escalated for each in plain]) < 0.9


def test_factors_bring_both_nets_to_the_larger_scale():
    cascade = fed("sound")
    scale = cascade.little.scale.copy()
    scale[-1] = cascade.big.scale[-1] * 4
    assert score_factors(replace(cascade.little, scale=scale), cascade.big) == (2**14, 2**12)
    scale[-1] = cascade.big.scale[-1] * 1e-9
    assert score_factors(replace(cascade.little, scale=scale), cascade.big) == (1, 2**14)


def test_the_newest_of_each_call():
    cascade = fed("axis")
    hop = cascade.stream.sensor.hop
    said = decisions(cascade, samples_of("axis", 5 * hop))
    assert newest(cascade.stream, said, [hop - 1, 1, 0, 3 * hop, hop]) == [
        (0, None), (1, said[0]), (0, None), (3, said[3]), (1, said[4]),
    ]  # fmt: skip


def test_a_difference_is_told():
    one, other = Decision(3, 1, 5, 1, False, False), Decision(3, 1, 6, 1, False, False)
    compare_decisions("C", [(0, None), (1, one)], [(0, None), (1, one)])
    with pytest.raises(VerifyError, match=r"C differs .* call 1 of a stream: .*margin=6"):
        compare_decisions("C", [(0, None), (1, one)], [(0, None), (1, other)])
    with pytest.raises(VerifyError, match="answered 1 calls of 2"):
        compare_decisions("C", [(0, None), (1, one)], [(0, None)])


def test_what_is_refused():
    sound = sensor_of(FRONT_ENDS["sound"])
    for wrong in ({"every": 0}, {"smooth": 0}, {"smooth": 256}, {"every": 65536}):
        with pytest.raises(UsageError, match="A stream that answers every"):
            Stream(sound, **wrong)
    with pytest.raises(UsageError, match="Unknown smoothing 'median'"):
        Stream(sound, smooth=2, smoothing="median")
    with pytest.raises(UsageError, match="3 axes has 2 factors"):
        sensor_of(ScaledMotion(Motion(), Scaling((20_000,) * 2, (16,) * 2), ("x", "y", "z"), (1.0,) * 3))
    cascade = fed("sound")
    with pytest.raises(UsageError, match="front end makes 12x8x1"):
        replace(cascade, stream=Stream(sensor_of(FrontEnd(
            sample_rate=4000, frame_ms=10, hop_ms=5, window_ms=65, bands=8, highest_hz=1990
        ))))  # fmt: skip
    with pytest.raises(UsageError, match="pixel statistics"):
        replace(cascade, little_pixels=None)
    with pytest.raises(UsageError, match="limit of -1"):
        replace(cascade, limit=-1)
    with pytest.raises(UsageError, match="takes pictures, no samples"):
        decisions(pair("r8-s4-c3w6x1", "r8-s4-c3w8x1"), np.zeros(9, np.int16))
    with pytest.raises(DataError, match="row of int16"):
        decisions(cascade, np.zeros(9000))
