"""How recordings and sensor logs are read and divided, declared once for the call and the command line."""

from dataclasses import dataclass

from zeroshot.errors import UsageError
from zeroshot.options import Options, option
from zeroshot.units import Quantity

SPLIT, READING = "Training, validation, test", "Reading"
REPAIRS = ("none", "linear")
LOWEST_RATE, HIGHEST_RATE = 1000, 384_000  # Hz, of a recording


@dataclass(frozen=True)
class SplitOptions(Options):
    """Who is in which part: groups are, never windows.

    Attributes:
        groups: Regular expression with one named group, searched in a file's name without its suffix; what it finds
            there is the file's group: `(?P<speaker>[a-z]+)_`. None: each file is a group of its own.
        parts: CSV file of lines `file,part`; the file's path is relative to the folder, the part is train, validation
            or test. None: drawn.
        validation: Share of each class.
        test: Share of each class.
        seed: Of everything that is drawn.
    """

    groups: str | None = option(
        None, "Regular expression whose named group says who a file is of, like (?P<speaker>.+)_.",
        metavar="PATTERN", panel=SPLIT, shown="each file",
    )  # fmt: skip
    parts: str | None = option(
        None, "CSV of lines file,part: train, validation or test.", metavar="FILE", panel=SPLIT, shown="drawn"
    )  # fmt: skip
    validation: float = option(
        0.1, "Share of each class for validation.", metavar="SHARE", panel=SPLIT, least=0, most=0.4
    )  # fmt: skip
    test: float = option(0.2, "Share of each class for testing.", metavar="SHARE", panel=SPLIT, above=0, most=0.5)
    seed: int = option(0, "Of all that is drawn.", metavar="N", panel=SPLIT, least=0)

    def __post_init__(self) -> None:
        """Check each, and that classes are named once."""
        super().__post_init__()
        classes = getattr(self, "classes", ())
        twice = sorted({name for name in classes if classes.count(name) > 1})
        if twice:
            raise UsageError(f"`classes` names {twice[0]!r} twice.", "Name each class once.")


@dataclass(frozen=True)
class RecordingOptions(SplitOptions):
    """How recordings are read.

    Attributes:
        rate: Hz, of all windows; by default what most files have, at most 16,000.
        window: Length of a window; by default 95 % of the recordings fit, at most 2 s.
        hop: From one window of a long recording to the next; by default the window.
        classes: Which are wanted, in this order; by default all.
        unknown: Whether all other classes together are one more, `unknown`.
        silence: Whether windows of `_background_noise_` at low level are one more, `silence`.
    """

    rate: int | None = option(
        None, "Samples a second.", metavar="HZ", panel=READING, least=LOWEST_RATE, most=HIGHEST_RATE,
        shown="the commonest, at most 16000",
    )  # fmt: skip
    window: Quantity = option(
        None, "Length of a window, like 1s.", metavar="TIME", panel=READING, unit="time",
        shown="what 95 % of the recordings fit in, at most 2s",
    )  # fmt: skip
    hop: Quantity = option(
        None, "From one window of a long recording to the next.", metavar="TIME", panel=READING, unit="time",
        shown="the window",
    )  # fmt: skip
    classes: tuple[str, ...] = option((), "Only these classes.", metavar="NAMES", panel=READING, shown="all")
    unknown: bool = option(False, "Make one class of all others.", panel=READING)
    silence: bool = option(False, "Make a class of background noise at low level.", panel=READING)

    def __post_init__(self) -> None:
        """Check each, and what they mean together."""
        super().__post_init__()
        if self.unknown and not self.classes:
            raise UsageError(
                "`unknown` is what remains, but `classes` names none.", "Name the classes that are wanted."
            )


@dataclass(frozen=True)
class LogOptions(SplitOptions):
    """How sensor logs are read.

    Attributes:
        rate: Hz; by default as the files' time columns or comments have it.
        window: Length of a window; 2.56 s are those of UCI HAR (Anguita et al., 2013).
        hop: From one window to the next; by default half a window.
        columns: Which are channels, in this order; by default all but the time.
        classes: Which are wanted, in this order; by default all.
        repair: What is done about missing values: `none`, they are errors, or `linear`, a straight line across.
        longest_gap: That is mended.
    """

    rate: float | None = option(
        None, "Samples a second.", metavar="HZ", panel=READING, least=0.01, most=HIGHEST_RATE,
        shown="of the time column or a comment",
    )  # fmt: skip
    window: Quantity = option("2.56s", "Length of a window.", metavar="TIME", panel=READING, unit="time")
    hop: Quantity = option(
        None, "From one window to the next.", metavar="TIME", panel=READING, unit="time", shown="half a window"
    )  # fmt: skip
    columns: tuple[str, ...] = option(
        (), "Only these columns.", metavar="NAMES", panel=READING, shown="all but the time"
    )
    classes: tuple[str, ...] = option((), "Only these classes.", metavar="NAMES", panel=READING, shown="all")
    repair: str = option(
        "none", "What is done about short gaps: none (an error) or linear.", metavar="NAME", panel=READING,
        names=lambda: REPAIRS,
    )  # fmt: skip
    longest_gap: Quantity = option(
        "200ms", "The longest gap that is mended.", metavar="TIME", panel=READING, unit="time"
    )  # fmt: skip
