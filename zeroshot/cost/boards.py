"""Boards: memory, clock, cycles an instruction and power, each figure with its source in a TOML file.

A user's own board is a file like those in `zeroshot/cost/boards/`.
"""

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from zeroshot.cost.engines import check_sources, engine_names, figures
from zeroshot.errors import UsageError, unknown

DEFAULT_BOARD = "nucleo-l4r5zi"

_NUMBERS = ("clock_mhz", "flash_bytes", "sram_bytes", "power_mw", "latency_error")
_KEYS = ("title", "cpu", *_NUMBERS, "cycles_per_instruction", "sources")


@dataclass(frozen=True)
class Board:
    """A microcontroller board.

    Attributes:
        name: Lower-case name, the file's stem.
        title: For people.
        cpu: Core.
        clock_mhz: Clock during inference, MHz.
        flash_bytes: Usable flash, bytes.
        sram_bytes: Usable RAM, bytes.
        cycles_per_instruction: Engine name -> cycles for each Cortex-M4 instruction of the engine's model.
            For other cores this is an equivalent that also covers their different instruction counts.
        power_mw: Power while computing, mW.
        latency_error: Expected relative error of a latency on this board, 0.25 for a quarter.
        sources: Figure -> `published: ...`, `fitted: ...` or `guess: ...`.
    """

    name: str
    title: str
    cpu: str
    clock_mhz: float
    flash_bytes: int
    sram_bytes: int
    cycles_per_instruction: dict[str, float]
    power_mw: float
    latency_error: float
    sources: dict[str, str]


@cache
def board_names() -> tuple[str, ...]:
    """Names of the shipped boards, sorted."""
    entries = files("zeroshot.cost").joinpath("boards").iterdir()
    return tuple(sorted(e.name.removesuffix(".toml") for e in entries if e.name.endswith(".toml")))


def load_board(name: str) -> Board:
    """Read a shipped board by name, or any board from a path that ends in `.toml`.

    >>> load_board("Nucleo-F446RE").clock_mhz
    180.0

    Raises:
        UsageError: No such board or file, or the file is broken; the message names the key.
    """
    if not name.lower().endswith(".toml"):
        if name.lower() not in board_names():
            raise unknown("board", name, board_names(), "Or give the path of a .toml file.")
        text = files("zeroshot.cost").joinpath("boards", f"{name.lower()}.toml").read_text(encoding="utf-8")
        return _parse(name.lower(), text, f"board {name.lower()}")
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read the board file {name}: {error}.", "Check the path.") from error
    return _parse(Path(name).stem.lower(), text, name)


def _parse(name: str, text: str, where: str) -> Board:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is not valid TOML: {error}.") from error
    for key in values:
        if key not in _KEYS:
            raise unknown("key", key, _KEYS, f"In {where}.")
    for key in _KEYS:
        if key not in values:
            raise UsageError(f"{where} lacks the key {key}.", f"A board file needs {', '.join(_KEYS)}.")
    for key in ("title", "cpu"):
        if not isinstance(values[key], str):
            raise UsageError(f"{key} in {where} must be text, not {values[key]!r}.")
    cycles = _table(values, "cycles_per_instruction", where)
    for engine in cycles:
        if engine not in engine_names():
            raise unknown("engine", engine, engine_names(), f"In cycles_per_instruction of {where}.")
    check_sources(figures(values), _table(values, "sources", where), where)
    numbers = {key: _positive(values[key], key, where) for key in _NUMBERS}
    cycles = {e: _positive(c, f"cycles_per_instruction.{e}", where) for e, c in cycles.items()}
    return Board(
        name=name, title=values["title"], cpu=values["cpu"], sources=values["sources"],
        clock_mhz=numbers["clock_mhz"], power_mw=numbers["power_mw"], latency_error=numbers["latency_error"],
        flash_bytes=_whole(numbers["flash_bytes"], "flash_bytes", where),
        sram_bytes=_whole(numbers["sram_bytes"], "sram_bytes", where),
        cycles_per_instruction=cycles,
    )  # fmt: skip


def _table(values: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    table = values[key]
    if not isinstance(table, dict) or not table:
        raise UsageError(f"{key} in {where} must be a table with at least one entry.")
    return table


def _positive(value: object, key: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise UsageError(f"{key} in {where} must be a positive number, not {value!r}.")
    return float(value)


def _whole(value: float, key: str, where: str) -> int:
    if not value.is_integer():
        raise UsageError(f"{key} in {where} must be whole bytes, not {value!r}.")
    return int(value)
