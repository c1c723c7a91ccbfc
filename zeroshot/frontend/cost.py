"""What a front end costs a microcontroller, from its settings alone: flash, RAM, multiplications, instructions."""

from dataclasses import dataclass

from zeroshot.frontend.options import FrontEnd
from zeroshot.frontend.tables import tables_of

# Instructions on a Cortex-M4, each for one unit of `work`. Fitted by `python -m benchmarks.frontend` to what an
# emulated core executes, built by zig.
INSTRUCTIONS = {
    "call": 691.0, "value": 43.7, "turned": 88.7, "plain": 26.9, "weight": 9.1, "level": 167.7, "product": 5.6,
    "coefficient": 24.8, "moved sample": 1.3, "moved piece": 3.7,
}  # fmt: skip
# For each value of a picture, counted in the same way: to find its loudest one, to make a net's input of it.
LOUDEST, RELATIVE = 6.0, 11.0


@dataclass(frozen=True)
class FrontEndCost:
    """Costs of a front end.

    Attributes:
        tables: Bytes of constants in flash; the code is beside them, less than 2 KiB.
        kept: Bytes of RAM for the map and the newest samples. The map is a net's input where it lies, but with relative
            levels: then it lies beside that.
        scratch: Bytes of RAM that are used only while a frame is computed.
        macs: Multiplications of a frame, nearly all of them added to something.
        instructions: Of a Cortex-M4 for each hop: one frame, and moving the map and the samples.
        decision: Instructions of a Cortex-M4 for each picture that a net sees: its relative levels, or none.
    """

    tables: int
    kept: int
    scratch: int
    macs: int
    instructions: float
    decision: float

    @property
    def ram(self) -> int:
        """Bytes of RAM, all in all but the stack."""
        return self.kept + self.scratch


def front_end_cost(front_end: FrontEnd) -> FrontEndCost:
    """Costs of a front end on a microcontroller.

    Raises:
        UsageError: As `zeroshot.frontend.tables.tables_of`.

    >>> cost = front_end_cost(FrontEnd())
    >>> cost.kept, cost.scratch
    (2984, 2048)
    """
    done = work(front_end)
    macs = (
        front_end.frame + 12 * done["turned"] + 4 * done["value"] + 2 * done["weight"] + 2 * done["level"]
        + done["product"] + done["coefficient"]
    )  # fmt: skip
    return FrontEndCost(
        tables=tables_of(front_end).bytes,
        kept=-(-front_end.frames * front_end.width // 4) * 4 + 2 * front_end.frame,
        scratch=4 * front_end.fft,
        macs=macs,
        instructions=sum(INSTRUCTIONS[each] * count for each, count in done.items()),
        decision=(LOUDEST + RELATIVE) * front_end.frames * front_end.width if front_end.relative else 0.0,
    )


def work(front_end: FrontEnd) -> dict[str, int]:
    """How often the C code does what, for each hop; the names are those of `INSTRUCTIONS`.

    `value`: complex values of the FFT, each windowed and turned into the power of a bin. `turned`, `plain`: butterflies
    of radix 4 with and without factors. `moved piece`: words of the map, or bytes where its rows are no whole words.
    """
    half = front_end.fft // 2
    radix = 4 if half.bit_length() % 2 else 2
    turned = plain = 0
    quarter = radix
    while quarter < half:
        blocks = half // (4 * quarter)
        plain, turned = plain + blocks, turned + blocks * (quarter - 1)
        quarter *= 4
    coefficients, bands = front_end.coefficients, front_end.bands
    return {
        "call": 1, "value": half, "turned": turned, "plain": plain, "weight": tables_of(front_end).weights.size,
        "level": bands, "product": coefficients * bands, "coefficient": coefficients, "moved sample": front_end.frame,
        "moved piece": (front_end.frames - 1) * front_end.width // (1 if front_end.width % 4 else 4),
    }  # fmt: skip
