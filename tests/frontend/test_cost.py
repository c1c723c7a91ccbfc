"""What a front end is said to cost against the C that is built and emulated."""

import pytest

from benchmarks.frontend import SETTINGS, counted, own_fft, plain_fft
from zeroshot.errors import ToolchainError
from zeroshot.firmware.toolchain import build_firmware, find_toolchain
from zeroshot.frontend.c_source import frontend_c
from zeroshot.frontend.cost import INSTRUCTIONS, front_end_cost, work
from zeroshot.frontend.options import FrontEnd
from zeroshot.frontend.tables import tables_of

from ..sounds import FRONT_ENDS

SIZES = """
#include "frontend.h"
extern const unsigned stream_bytes, scratch_bytes;
const unsigned stream_bytes = sizeof(frontend_stream), scratch_bytes = FRONTEND_SCRATCH_WORDS * sizeof(int32_t);
"""


@pytest.fixture(scope="session")
def compiler():
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    try:
        return find_toolchain("zig")
    except ToolchainError as error:
        pytest.skip(str(error))


def test_a_second_at_16_khz_needs_12_kib_at_most():
    for front_end in (FrontEnd(), FrontEnd(frame_ms=25, hop_ms=10), FrontEnd(frame_ms=64, hop_ms=16, bands=64)):
        cost = front_end_cost(front_end)
        assert cost.ram == cost.kept + cost.scratch <= 12 * 1024
    assert front_end_cost(FrontEnd(frame_ms=25, hop_ms=10)).ram == 98 * 40 + 2 * 400 + 4 * 512


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_bytes_are_those_of_the_c(name, compiler):
    front_end = FRONT_ENDS[name]
    sources = frontend_c(front_end) | {"sizes.c": SIZES}
    keep = ("frontend_push", "frontend_reset", "frontend_map", "stream_bytes", "scratch_bytes")
    elf = build_firmware(sources, keep, "cortex-m4", compiler)
    cost, raw = front_end_cost(front_end), dict(elf.segments)

    def word(symbol):
        at = elf.symbols[symbol].address
        (found,) = (data[at - start : at - start + 4] for start, data in raw.items() if start <= at < start + len(data))
        return int.from_bytes(found, "little")

    assert (cost.kept, cost.scratch) == (word("stream_bytes"), word("scratch_bytes"))
    names = ("window", "twiddles", "turns", "ends", "weights", "logarithms", "dct")
    assert cost.tables == sum(elf.symbols[each].size for each in names if each in elf.symbols)
    assert elf.size(".text") < 2048
    assert elf.size(".data", ".bss") == 0


def test_work_by_hand():
    """256 complex values: a first step, then quarters of 4, 16 and 64 with 16, 4 and 1 blocks."""
    done = work(FrontEnd())
    assert (done["value"], done["plain"], done["turned"]) == (256, 16 + 4 + 1, 16 * 3 + 4 * 15 + 63)
    assert done["moved piece"] == 48 * 40 / 4
    assert work(FrontEnd(coefficients=13))["moved piece"] == 48 * 13
    assert work(FrontEnd(coefficients=13))["product"] == 13 * 40
    assert set(done) == set(INSTRUCTIONS)
    weights = len(tables_of(FrontEnd()).weights)
    assert front_end_cost(FrontEnd()).macs == 512 + 12 * done["turned"] + 4 * 256 + 2 * weights + 2 * 40


@pytest.mark.parametrize("number", [1, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, len(SETTINGS)))])
def test_instructions_of_a_hop(number, compiler):
    found = counted(SETTINGS[number], "cortex-m4", "zig", seed=5).hop
    assert front_end_cost(SETTINGS[number]).instructions == pytest.approx(found, rel=0.1)


@pytest.mark.parametrize("name", ["zig", "gcc"])
def test_a_frame_takes_less_than_a_plain_fft(name, compiler):
    """Of its length, complex; and at most 1.5 times its own real FFT."""
    try:
        find_toolchain(name)
    except ToolchainError as error:
        pytest.skip(str(error))
    frame = counted(FrontEnd(), "cortex-m4", name, seed=0).frame
    assert frame < 0.5 * plain_fft(512, "cortex-m4", name)
    assert own_fft(FrontEnd(), name) < frame < 1.5 * own_fft(FrontEnd(), name)
