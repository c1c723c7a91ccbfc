"""What a front end takes at each look, against the counts of instructions that were measured of its C."""

from dataclasses import replace

import pytest

from zeroshot.cost.boards import load_board
from zeroshot.daily.sensing import sensing
from zeroshot.errors import UsageError
from zeroshot.frontend.cost import front_end_cost
from zeroshot.frontend.motion import Motion
from zeroshot.frontend.options import FrontEnd, ScaledMotion, Scaling

SOUND = FrontEnd()  # a second of 16 kHz, frames of 32 ms every 20 ms
MOTION = ScaledMotion(Motion(axes=1, sample_rate=26.0, window_ms=2000, hop_ms=500), Scaling((1,), (0,)), ("x",), (1.0,))
BOARD = load_board("nucleo-l4r5zi")


def taken(front_end, every):
    return sensing(front_end, every, lambda: BOARD, "c99")


def test_images_have_no_front_end_and_ask_for_no_board():
    found = sensing(None, 7.0, lambda: pytest.fail("asked"), "c99")
    assert (found.hops, found.ms) == (0, 0.0)


@pytest.mark.parametrize(("every", "hops", "frames"), [(20, 1, 1), (100, 5, 5), (980, 49, 49), (60_000, 50, 49)])
def test_each_hop_of_sound_is_a_frame_and_far_looks_need_one_picture_each(every, hops, frames):
    found = taken(SOUND, every)
    instructions = frames * front_end_cost(SOUND).instructions
    assert found.hops == hops
    assert found.ms == pytest.approx(instructions * 1.64 / 120_000)


def test_relative_levels_are_made_once_a_look():
    relative = FrontEnd(relative=True)
    more = taken(relative, 100).ms - taken(SOUND, 100).ms
    own = 5 * (front_end_cost(relative).instructions - front_end_cost(SOUND).instructions)
    assert more == pytest.approx((own + 17 * 49 * 40) * 1.64 / 120_000)


def test_a_frame_takes_as_long_as_its_instructions_on_a_board():
    """33,366 instructions a frame and 38,854 with all that a hop moves were counted on an emulated core."""
    assert taken(SOUND, 20).ms == pytest.approx(38_854 * 1.64 / 120_000, rel=0.05)


def test_motion_costs_nothing_and_asks_for_no_board():
    assert sensing(MOTION, 1000, lambda: pytest.fail("asked"), "c99").hops == 2
    assert sensing(MOTION, 1000, lambda: pytest.fail("asked"), "c99").ms == 0


@pytest.mark.parametrize(("front_end", "every", "hint"), [
    (SOUND, 5, "20 ms"), (SOUND, 110, "100 ms or 120 ms"), (MOTION, 100, "500 ms"),
])  # fmt: skip
def test_looks_between_pictures_are_refused(front_end, every, hint):
    with pytest.raises(UsageError, match="a new picture is there every") as caught:
        taken(front_end, every)
    assert hint in caught.value.hint


def test_a_board_without_the_generated_c_takes_the_engine_of_the_run():
    other = replace(BOARD, cycles_per_instruction={"tflm-cmsis-nn": 2.0})
    found = sensing(SOUND, 20, lambda: other, "tflm-cmsis-nn")
    assert found.ms == pytest.approx(taken(SOUND, 20).ms * 2.0 / 1.64)
