"""What the front end of a run takes of a device between two looks."""

from collections.abc import Callable
from dataclasses import dataclass

from zeroshot.cost.boards import Board
from zeroshot.cost.engines import DEFAULT_ENGINE
from zeroshot.cost.latency import instructions_ms
from zeroshot.errors import UsageError
from zeroshot.frontend.cost import front_end_cost
from zeroshot.frontend.options import AnyFrontEnd, FrontEnd
from zeroshot.units import ms

CLOSE = 0.01  # an interval may be so far off a whole number of hops; rates are no round numbers


@dataclass(frozen=True)
class Sensing:
    """What a front end takes.

    Attributes:
        hops: That it takes between two looks; 0 where nets see images.
        ms: Time of computing on them, ms.
    """

    hops: int = 0
    ms: float = 0.0


def sensing(front_end: AnyFrontEnd | None, every_ms: float, board: Callable[[], Board], engine: str) -> Sensing:
    """What the front end of a run takes between two looks.

    Where looks are further apart than a picture is long, the device takes the samples of one picture for each look. Of
    motion only the samples' scaling is left to do, which costs nothing that counts.

    Args:
        front_end: Of the run; None where nets see images.
        every_ms: From one look to the next.
        board: Gives the board; asked where a time depends on it.
        engine: Of the run, for a board that does not know the generated C.

    Raises:
        UsageError: There is no new picture for each look, or as `instructions_ms`.
    """
    if front_end is None:
        return Sensing()
    asked = front_end if isinstance(front_end, FrontEnd) else front_end.motion
    hop, window = (1000 * each / asked.sample_rate for each in (asked.hop, asked.window))
    hops = _hops(hop, window, every_ms)
    if not isinstance(front_end, FrontEnd):
        return Sensing(hops)
    cost, known = front_end_cost(front_end), board()
    count = min(hops, front_end.frames) * cost.instructions + cost.decision
    code = DEFAULT_ENGINE if DEFAULT_ENGINE in known.cycles_per_instruction else engine
    return Sensing(hops, instructions_ms(count, known, code))


def _hops(hop: float, window: float, every_ms: float) -> int:
    """So many new hops are in the picture of the next look."""
    if every_ms >= window:
        return max(1, round(window / hop))
    hops = round(every_ms / hop)
    if hops < 1 or abs(hops * hop - every_ms) > CLOSE * every_ms:
        near = " or ".join(ms(n * hop) for n in sorted({max(1, int(every_ms // hop)), int(every_ms // hop) + 1}))
        raise UsageError(
            f"It looks every {ms(every_ms)}, but a new picture is there every {ms(hop)}.",
            f"Let it look every {near}, or another multiple.",
        )
    return hops
