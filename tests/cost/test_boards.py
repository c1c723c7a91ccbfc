"""Boards and engines: shipped files are complete and sourced; broken ones are refused with the key's name."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from zeroshot.cost.arena import PLANNERS
from zeroshot.cost.boards import board_names, load_board
from zeroshot.cost.engines import CLASSES, ORIGINS, check_sources, engine_names, figures, load_engine
from zeroshot.errors import UsageError
from zeroshot.net import OPS

from ..strategies import examples

MINE = """
title = "Mine"
cpu = "Cortex-M4"
clock_mhz = 100
flash_bytes = 262144
sram_bytes = 65536
power_mw = 50.0
latency_error = 0.3
[cycles_per_instruction]
c99 = 1.5
[sources]
clock_mhz = "published: me"
flash_bytes = "published: me"
sram_bytes = "published: me"
power_mw = "guess: me"
latency_error = "guess: me"
cycles_per_instruction = "guess: me"
"""


@pytest.mark.parametrize("name", board_names())
def test_shipped_board_is_plausible_and_sourced(name):
    board = load_board(name)
    assert board.name == name
    assert set(board.cycles_per_instruction) == set(engine_names())
    assert 10 <= board.clock_mhz <= 1000
    assert board.sram_bytes < board.flash_bytes
    assert 0 < board.latency_error < 1
    assert 1 < board.power_mw < 1000
    assert 0 < board.sleep_mw < board.power_mw / 2
    assert {"published", "guess"} >= {board.sources["sleep_mw"].partition(":")[0]}
    assert all(source.startswith(ORIGINS) for source in board.sources.values())
    assert all(0.2 < cycles < 10 for cycles in board.cycles_per_instruction.values())


def test_boards_asked_for_are_there():
    wanted = "nucleo-f446re nucleo-l4r5zi nucleo-f746zg nucleo-h743zi2 arduino-nano-33-ble raspberry-pi-pico"
    assert set(wanted.split()) | {"esp32-s3", "esp32-c3", "stm32u575"} <= set(board_names())


def test_published_memory_and_clock():
    f446, pico = load_board("nucleo-f446re"), load_board("raspberry-pi-pico")
    assert (f446.flash_bytes, f446.sram_bytes, f446.clock_mhz) == (524288, 131072, 180)
    assert (pico.flash_bytes, pico.sram_bytes, pico.clock_mhz) == (2097152, 270336, 133)


def test_names_ignore_case():
    assert load_board("Nucleo-F446RE") == load_board("nucleo-f446re")
    assert load_engine("C99") == load_engine("c99")


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(UsageError, match="Unknown board 'nucleo-f446'") as board:
        load_board("nucleo-f446")
    assert "nucleo-f446re" in board.value.hint
    with pytest.raises(UsageError, match="Unknown engine 'cmsis-nn'") as engine:
        load_engine("cmsis-nn")
    assert "tflm-cmsis-nn" in engine.value.hint


@pytest.mark.parametrize("name", engine_names())
def test_engine_tables_are_complete(name):
    engine = load_engine(name)
    assert set(engine.instructions) == set(engine.stall) == set(CLASSES)
    assert set(engine.flash_kernel) == set(OPS)
    assert engine.planner in PLANNERS
    assert all(a >= 0 and b >= 0 and a + b > 0 for a, b in engine.instructions.values())


def test_flash_of_a_small_resnet():
    # Built images of a ResNet with 19,608 weights, 14 layers and 266 output channels.
    def image(name, kinds):
        e = load_engine(name)
        return e.flash_base + sum(e.flash_kernel[k] for k in kinds) + 14 * e.flash_layer + 266 * e.flash_channel

    kinds = ("conv", "pointwise", "add", "avgpool", "linear")
    assert 111 * 1024 <= 19608 + image("tflm-cmsis-nn", kinds) <= 157 * 1024
    assert 19608 + image("c99", kinds) == pytest.approx(26_000, rel=0.05)


def test_own_board_file(tmp_path):
    path = tmp_path / "My-Board.toml"
    path.write_text(MINE)
    board = load_board(str(path))
    assert (board.name, board.clock_mhz, board.cycles_per_instruction) == ("my-board", 100.0, {"c99": 1.5})
    assert isinstance(board.flash_bytes, int)
    assert board.sleep_mw is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clock_mhz = 100\n", "", "lacks the key clock_mhz"),
        ("clock_mhz = 100", "clock_mz = 100", "Unknown key 'clock_mz'"),
        ("clock_mhz = 100", 'clock_mhz = "fast"', "clock_mhz .* must be a number from"),
        ("clock_mhz = 100", "clock_mhz = -1", "clock_mhz .* must be a number from"),
        ("clock_mhz = 100", "clock_mhz = nan", "clock_mhz .* must be a number from"),
        ("clock_mhz = 100", "clock_mhz = true", "clock_mhz .* must be a number from"),
        ("flash_bytes = 262144", "flash_bytes = 0.5", "flash_bytes .* must be whole bytes"),
        ('title = "Mine"', "title = 1", "title .* must be text"),
        ("c99 = 1.5", "", "cycles_per_instruction .* at least one entry"),
        ("c99 = 1.5", "c90 = 1.5", "Unknown engine 'c90'"),
        ("c99 = 1.5", "c99 = 0", "cycles_per_instruction.c99 .* must be a number from"),
        ('power_mw = "guess: me"\n', "", "no source for power_mw"),
        ('power_mw = "guess: me"', 'power_mw = "me"', "source of power_mw"),
        ('power_mw = "guess: me"', "power_mw = 3", "sources.power_mw .* must be text"),
        ("flash_bytes = 262144", "flash_bytes = 0", "flash_bytes .* must be whole bytes"),
        ("clock_mhz = 100", "clock_mhz = inf", "clock_mhz .* must be a number from"),
        ("clock_mhz = 100", 'clock_mhz = 100\nname = "x"', "Unknown key 'name'"),
        ("[sources]", "[sources", "not valid TOML"),
        ("power_mw = 50.0", "power_mw = 50.0\nsleep_mw = 0.1", "no source for sleep_mw"),
        ("power_mw = 50.0", "power_mw = 50.0\nsleep_mw = 0", "sleep_mw .* must be a positive number"),
        ("power_mw = 50.0", 'power_mw = 50.0\nsleep_mw = "low"', "sleep_mw .* must be a positive number"),
    ],
)
def test_broken_board_file_names_the_key(tmp_path, old, new, message):
    assert old in MINE
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace(old, new, 1))
    with pytest.raises(UsageError, match=message):
        load_board(str(path))


def test_missing_or_binary_board_file(tmp_path):
    with pytest.raises(UsageError, match="Cannot read the board file"):
        load_board(str(tmp_path / "none.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="Cannot read the board file"):
        load_board(str(tmp_path / "binary.toml"))


@examples(30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clock=st.floats(1, 2000), flash=st.integers(1, 2**31))
def test_a_written_board_reads_back(tmp_path, clock, flash):
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace("clock_mhz = 100", f"clock_mhz = {clock!r}").replace("262144", str(flash)))
    board = load_board(str(path))
    assert (board.clock_mhz, board.flash_bytes) == (clock, flash)


def test_sources_of_tables():
    values = {"title": "x", "a": 1, "t": {"b": 2, "c": 3}, "sources": {"a": "guess: x"}}
    assert figures(values) == ["a", "t.b", "t.c"]
    check_sources(figures(values), {"a": "guess: x", "t": "fitted: y"}, "here")
    with pytest.raises(UsageError, match=r"no source for t\.c"):
        check_sources(figures(values), {"a": "guess: x", "t.b": "fitted: y"}, "here")
