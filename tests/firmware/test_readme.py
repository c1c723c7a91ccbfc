"""The README of an export and the page on firmware: what they say of a pair is so, and their C compiles."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from zeroshot.cost.boards import load_board
from zeroshot.firmware.c_cascade import cascade_sources
from zeroshot.firmware.device import Needs
from zeroshot.firmware.facts import Facts, milliseconds
from zeroshot.firmware.readme import readme
from zeroshot.runs.rows import MeasuredCascade

from ..firmware_pairs import pair
from ..streams import fed

PAGE = Path(__file__).parent.parent.parent / "docs" / "firmware.md"
MEASURED = MeasuredCascade(
    accuracy=0.912, accuracy_low=0.9, accuracy_high=0.92, little_accuracy=0.871, big_accuracy=0.923, threshold=9,
    escalation_rate_validation=0.2, escalation_rate=0.25, escalation_rate_low=0.2, escalation_rate_high=0.3,
    little_escalated=None, big_escalated=None, both_wrong=0.05, error_correlation=None, latency_ms=1.0, energy_mj=1.0,
)  # fmt: skip
NEEDS = Needs(
    core="cortex-m4", little=(600_000, 100_000), big=(3_000_000,), decision=20_000, arena=1, touched=1, stack=1, code=1,
    constants=1, static=1,
)  # fmt: skip
KINDS = {
    "shared": lambda: replace(pair("r16-s4-c3w6x1/2", "r16-s4-c3w8x1/2", 1), frame=(28, 28)),
    "two": lambda: replace(pair("r8-s4-c3w6x1/2", "r12-s4-c3w8x1/2", shared=False), frame=(12, 12)),
    "sound": lambda: fed("sound", smooth=2),
}
# What a program has that calls what the README shows.
AROUND = """
#include "eye.h"
int main(void)
{
    static const uint8_t frame[64 * 64 * 3], pixels[64 * 64 * 3], small[64 * 64 * 3], large[64 * 64 * 3];
    static const int8_t image[64 * 64 * 3], little[64 * 64 * 3], big[64 * 64 * 3];
    static const int16_t samples[100];
    uint32_t pixel = 0x1234, red, green, blue, grey, count = 100;
    %s
    %s
    return 0;
}
"""


def facts(board="nucleo-f446re", needs=(NEEDS,), data="my `cats` | dogs"):
    return Facts(data, (28, 28, 1), 10_000, MEASURED, load_board(board) if board else None, needs)


def compiles(text, cascade, folder, around=AROUND):
    """All blocks of C of a text in one function, for an export named eye."""
    blocks = re.findall(r"^```(?:c|text)\n((?:(?!```).*\n)*?)```$", text, re.MULTILINE)
    blocks = [block.replace('#include "eye.h"\n', "") for block in blocks if "eye" in block or "red" in block]
    assert blocks
    given = "eye_result result;" if "eye_result result;" not in text else ""
    for path, source in cascade_sources(cascade, "eye").items():
        (folder / path).write_text(source)
    (folder / "use.c").write_text(around % (given, "\n".join(f"    {block}" for block in blocks)))
    done = subprocess.run(
        ["gcc", "-std=c99", "-Wall", "-Werror", "-Wno-unused", "-c", "use.c"], cwd=folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_its_c_compiles(kind, tmp_path):
    cascade = KINDS[kind]()
    compiles(readme(cascade, "eye", None), cascade, tmp_path)


def test_the_c_of_the_page_compiles(tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    compiles(
        text[text.index("### Inside a program") : text.index("## Samples as they come")], KINDS["shared"](), tmp_path
    )


def test_facts_of_the_run_and_the_board():
    text = readme(KINDS["shared"](), "eye", None, facts())
    assert "`my cats / dogs`, images of 28 x 28 x 1" in text
    assert "10,000 test images | 91.2 %; the little net alone 87.1 %, the big net alone 92.3 %" in text
    assert "25.0 % of these images" in text
    board = load_board("nucleo-f446re")
    assert f"{board.title}, {board.cpu} at 180 MHz" in text
    cycles = board.cycles_per_instruction["c99"]
    little, both = 720_000 * cycles / 180e3, 3_720_000 * cycles / 180e3
    assert milliseconds(board, NEEDS) == pytest.approx((little, both))
    for value in (little, both, little + 0.25 * (both - little)):
        assert f"{value:.3g} ms" in text
    assert "not measured" in text
    assert board.sources["cycles_per_instruction.c99"] in text


@pytest.mark.parametrize("missing", [{"board": None}, {"needs": ()}, {"needs": (replace(NEEDS, core="cortex-m33"),)}])
def test_no_latency_without_what_it_is_made_of(missing):
    text = readme(KINDS["shared"](), "eye", None, facts(**missing))
    assert "91.2 %" in text
    assert "latency" not in text


def test_frames_are_explained_as_they_are():
    shared, two, sound = (readme(make(), "eye", None) for make in KINDS.values())
    assert "A frame is 28 x 28" in shared
    assert "eye_frame(frame, eye_input());" in shared
    assert "grey =" in shared
    assert "eye_little_frame(frame, eye_little_input());" in two
    assert "eye_big_quantise(frame, eye_big_input());" in two
    assert "grey =" not in two
    assert "From a camera's frame" not in sound
    wide = replace(pair("r16-s4-c3w6x1/2", "r16-s4-c3w8x1/2"), frame=(30, 40))
    assert "the square in its middle" in readme(wide, "eye", None)
    assert "the square in its middle" not in shared
    own = readme(replace(wide, frame=(16, 16)), "eye", None)
    assert "has the size of the net's input and goes through `eye_quantise`" in own


def test_recipes_name_the_export():
    text = readme(KINDS["two"](), "front_door", None)
    for part in ("target_link_libraries(your_program front_door)", "CONFIG_FRONT_DOOR=y", "front_door-arduino.zip"):
        assert part in text
