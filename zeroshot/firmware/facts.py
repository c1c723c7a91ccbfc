"""What is known of an exported pair beside its C: its data, how often it is right, how long it takes on the board."""

from dataclasses import dataclass, field

from zeroshot.cost.boards import Board
from zeroshot.firmware.device import Needs
from zeroshot.runs.rows import MeasuredCascade
from zeroshot.runs.words import percent
from zeroshot.units import three

ENGINE = "c99"
COUNTED = "cortex-m4"  # whose instructions the cycles of a board file are for


@dataclass(frozen=True, eq=False)
class Facts:
    """Of one pair of a run.

    Attributes:
        data: Name of the data.
        shape: Height, width and channels of an image of theirs.
        tested: How many images accuracies are of.
        measured: The pair in int8 on them.
        board: Whose firmware it is, or None.
        needs: What was counted on each core; empty without a verification.
    """

    data: str
    shape: tuple[int, int, int]
    tested: int
    measured: MeasuredCascade
    board: Board | None = field(repr=False)
    needs: tuple[Needs, ...] = field(default=(), repr=False)


def milliseconds(board: Board | None, needs: Needs) -> tuple[float, float] | None:
    """Little net alone and both nets on a board, by its cycles an instruction; None without a board that has them."""
    if board is None or ENGINE not in board.cycles_per_instruction:
        return None
    per_ms = board.clock_mhz * 1000 / board.cycles_per_instruction[ENGINE]
    little = (sum(needs.little) + needs.decision) / per_ms
    return little, little + sum(needs.big) / per_ms


def facts_words(facts: Facts) -> str:
    """The README's section."""
    m = facts.measured
    rows = [
        ("data", f"{_plain(facts.data)}, images of {' x '.join(map(str, facts.shape))}"),
        (
            f"right answers, int8, of {facts.tested:,} test images",
            f"{percent(m.accuracy)} %; the little net alone {percent(m.little_accuracy)} %, the big net alone "
            f"{percent(m.big_accuracy)} %",
        ),
        ("the big net answers", f"{percent(m.escalation_rate)} % of these images"),
    ]
    board = facts.board
    if board is not None:
        rows.append(("board", f"{board.title}, {board.cpu} at {board.clock_mhz:g} MHz"))
    counted = next((each for each in facts.needs if each.core == COUNTED), None)
    times = milliseconds(board, counted) if counted else None
    note = ""
    if board is not None and times is not None:
        little, both = times
        mean = little + m.escalation_rate * (both - little)
        rows.append((
            "latency there",
            f"{three(little)} ms where the little net answers, {three(both)} ms where both run, {three(mean)} ms on "
            f"average",
        ))  # fmt: skip
        key = f"cycles_per_instruction.{ENGINE}"
        note = (
            f"\nThe latency was not measured: it is counted instructions of a {COUNTED} times "
            f"{board.cycles_per_instruction[ENGINE]:g} cycles each ({board.sources.get(key, 'guess')}). "
            f"Making an image of a frame is not in it.\n"
        )
    table = "".join(f"| {what} | {words} |\n" for what, words in rows)
    return f"## What it does\n\n| | |\n|---|---|\n{table}{note}"


def _plain(name: str) -> str:
    """A name in one cell of a table of Markdown, as code."""
    return f"`{' '.join(name.replace('`', '').replace('|', '/').split())}`"
