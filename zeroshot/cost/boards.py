"""Boards: memory, clock, cycles an instruction and power, each figure with its source in a TOML file.

A user's own board is a file like those in `zeroshot/cost/boards/`.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from zeroshot.cost.engines import check_sources, engine_names, figures
from zeroshot.errors import UsageError, unknown
from zeroshot.runs.schema import PositiveOrNone, between, parse_toml, read_as
from zeroshot.runs.tables import Rows, Table

DEFAULT_BOARD = "nucleo-l4r5zi"

# Wider than any board, and narrow enough that no cost of a net is zero or infinite.
MHZ = Annotated[float, between(1e-3, 1e5)]
MEMORY = Annotated[int, between(1, 2**40, "whole bytes")]
CYCLES = Annotated[float, between(1e-3, 1e6)]
MILLIWATTS = Annotated[float, between(1e-6, 1e9)]
ERROR = Annotated[float, between(1e-6, 10)]
_ENTRIES = Meta(min_length=1, description="a table with at least one entry")


@dataclass(frozen=True, kw_only=True)
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
        sleep_mw: Power asleep between two inferences, RAM kept and a timer running, mW; None where nobody said it.
    """

    name: str
    title: str
    cpu: str
    clock_mhz: MHZ
    flash_bytes: MEMORY
    sram_bytes: MEMORY
    cycles_per_instruction: Annotated[dict[str, CYCLES], _ENTRIES]
    power_mw: MILLIWATTS
    latency_error: ERROR
    sources: Annotated[dict[str, str], _ENTRIES]
    sleep_mw: PositiveOrNone = None


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
    except (OSError, ValueError) as error:  # bytes that are no text, a null byte in the path
        raise UsageError(f"Cannot read the board file {name}: {error}.", "Check the path.") from error
    return _parse(Path(name).stem.lower(), text, name)


def _parse(name: str, text: str, where: str) -> Board:
    values = parse_toml(text, where)
    board = read_as(Board, values, where, name=name)
    for engine in board.cycles_per_instruction:
        if engine not in engine_names():
            raise unknown("engine", engine, engine_names(), f"In cycles_per_instruction of {where}.")
    check_sources(figures(values), board.sources, where)
    return board


def boards() -> Rows[Board]:
    """The shipped boards, every figure with its source.

    >>> [board.clock_mhz for board in boards() if board.name == "nucleo-f446re"]
    [180.0]
    """
    return Rows(Table(Board), [load_board(name) for name in board_names()])
