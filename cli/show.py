"""`zeroshot proxies`, `boards` and `spaces`: what can be chosen."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ._output import aligned, emit, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from zeroshot.cost.boards import Board

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def proxies(json: Json = False) -> None:
    """List the proxies: built-in ones and those of installed plug-ins."""
    from zeroshot.scoring.plugins import listed_proxies as listed

    rows = listed()

    def human(screen: "Console") -> None:
        shown = table("proxy", "cost", "what it is", "paper", "provider")
        for row in rows:
            shown.add_row(f"{row.name}@{row.version}", row.cost, row.summary, row.paper, str(row.provider))
        screen.print(shown, soft_wrap=False)
        screen.print("\nCost, from cheap to dear: static (no pass), forward, backward, per-sample.", style="dim")
        screen.print("An aggregate ranks several nets by the scores of its parts.", style="dim")

    emit({"proxies": [asdict(row) for row in rows]}, human, json=json)


def boards(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show one board, or a .toml file.")] = None,
    json: Json = False,
) -> None:
    """List the boards; with a name, every figure of that board and its source."""
    from zeroshot.cost.boards import boards as listed
    from zeroshot.cost.boards import load_board

    if name is not None:
        board = load_board(name)
        emit(asdict(board), lambda screen: _print_board(screen, board), json=json)
        return
    rows = listed()
    emit({"boards": [asdict(row) for row in rows]}, lambda screen: _print_boards(screen, rows), json=json)


def _print_boards(screen: "Console", rows: "Sequence[Board]") -> None:
    engines = list(dict.fromkeys(engine for row in rows for engine in row.cycles_per_instruction))
    lines: list[tuple[str, ...]] = [
        ("", "", "flash", "SRAM", "", "power", "asleep", "latency"),
        ("board", "MHz", "KiB", "KiB", "CPI", "mW", "mW", "± %"),
    ]
    for row in rows:
        cycles = " / ".join(f"{row.cycles_per_instruction.get(engine, '-')}" for engine in engines)
        kib = [f"{size / 1024:g}" for size in (row.flash_bytes, row.sram_bytes)]
        asleep = "-" if row.sleep_mw is None else f"{row.sleep_mw:g}"
        lines.append(
            (row.name, f"{row.clock_mhz:g}", *kib, cycles, f"{row.power_mw:g}", asleep, f"{100 * row.latency_error:g}")
        )  # fmt: skip
    texts = aligned(lines, screen.width, left=1)
    screen.print("\n".join(texts[:2]), style="dim")
    for row, text in zip(rows, texts[2:], strict=True):
        screen.print(text)
        screen.print(f"  {row.title}, {row.cpu}", style="dim")
    screen.print(f"\nCPI: cycles for each instruction of the model, with {' / '.join(engines)}.", style="dim")
    screen.print("zeroshot boards NAME shows where each figure comes from.", style="dim")


def _print_board(screen: "Console", board: "Board") -> None:
    from zeroshot.cost.engines import figures

    screen.print(f"{board.name}: {board.title}, {board.cpu}", style="bold")
    shown = table("figure", "value", "source")
    for figure in figures(asdict(board)):
        name, _, key = figure.partition(".")
        value = getattr(board, name)[key] if key else getattr(board, name)
        told = "unknown" if value is None else f"{value:,}"
        shown.add_row(figure, told, board.sources.get(figure, board.sources.get(name, "")))
    screen.print(shown, soft_wrap=False)


def spaces(
    side: Annotated[int, typer.Option("--side", metavar="PIXELS", help="Side of the images to search for.")] = 32,
    length: Annotated[
        int, typer.Option("--length", metavar="SAMPLES", help="Length of the signals to search for.")
    ] = 128,
    json: Json = False,
) -> None:
    """List the spaces, how many nets each has, and what varies in it."""
    from zeroshot.spaces import listed_spaces as listed

    rows = listed(side, length)

    def human(screen: "Console") -> None:
        for row in rows:
            size = f"signals of {length} samples" if row.name == "mcu1d" else f"{side}x{side} images"
            what = f"nets for {size}" if row.searched else "published cells, for judging proxies"
            screen.print(f"{row.name}: {row.count:,} {what}", style="bold")
            shown = table("field", "choices")
            for field, choices in row.fields.items():
                shown.add_row(field, _choices(choices))
            screen.print(shown, soft_wrap=False)

    emit({"spaces": [asdict(row) for row in rows]}, human, json=json)


def _choices(choices: object) -> str:
    if not isinstance(choices, tuple):
        return str(choices)
    return ", ".join(_choice(each) for each in choices)


def _choice(choice: object) -> str:
    """A size as 1x128, a block with its expansion as m4."""
    if not isinstance(choice, tuple):
        return str(choice)
    return ("x" if all(isinstance(part, int) for part in choice) else "").join(map(str, choice))
