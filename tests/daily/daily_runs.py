"""Run folders and board files for battery lives."""

from pathlib import Path

from zeroshot.runs.folder import to_toml

from ..run_folders import listed_pair, run_folder

LITTLE, BIG, ALONE = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2", "r8-s8/2-d3w8x1"
LISTED = [listed_pair(1, LITTLE, BIG, ALONE), listed_pair(2, ALONE, BIG)]
MINE = """
title = "Mine"
cpu = "Cortex-M4"
clock_mhz = 100
flash_bytes = 262144
sram_bytes = 65536
power_mw = 100.0
latency_error = 0.3
{asleep}
[cycles_per_instruction]
c99 = 1.5
[sources]
clock_mhz = "guess: me"
flash_bytes = "guess: me"
sram_bytes = "guess: me"
power_mw = "guess: me"
latency_error = "guess: me"
cycles_per_instruction = "guess: me"
sleep_mw = "guess: me"
"""


def searched(path: Path, **config: object) -> Path:
    """A finished search; the little net takes 1 ms, the big one 10 ms, at 100 mW."""
    return run_folder(path, LISTED, **({"board": "mine", "engine": "c99", "data_by_name": True} | config))


def board_file(path: Path, sleep_mw: float | None) -> Path:
    """The file of the run's board, which draws so much asleep, or does not say it."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(MINE.format(asleep="" if sleep_mw is None else f"sleep_mw = {sleep_mw}"))
    return path


def with_front_end(run: Path, table: dict[str, object]) -> Path:
    """The run, as if its data were recordings."""
    path = run / "config.toml"
    path.write_text(path.read_text() + to_toml({"front_end": table}))
    return run
