"""What may be said of a folder of recordings or sensor logs that becomes a data set: one list for both kinds.

What an option is, is declared where it is used: `RecordingOptions`, `LogOptions`, `FrontEnd`, `Motion`. Left open, it
is what it is by default there, or what the data say.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from zeroshot.errors import UsageError
from zeroshot.frontend.options import FrontEnd, Motion
from zeroshot.options import Options, left_open, option, taken_over
from zeroshot.signals.options import LogOptions, RecordingOptions, SplitOptions
from zeroshot.units import Quantity, to_ms

SIGNALS, PARTS, FEATURES = "Recordings and sensor logs", "Their parts", "Their features"
# Option here -> of `FrontEnd`: there `hop_ms` is from frame to frame, here `hop` is from window to window.
SOUND = {
    "bands": "bands", "coefficients": "coefficients", "frame": "frame_ms", "frame_hop": "hop_ms",
    "lowest_hz": "lowest_hz", "highest_hz": "highest_hz", "lowest_db": "lowest_db", "highest_db": "highest_db",
    "span_db": "span_db",
}  # fmt: skip
MOTION = ("covered",)
TIME: dict[str, Any] = {"metavar": "TIME", "unit": "time", "above": None, "most": None}  # there in milliseconds

S = TypeVar("S", bound=SplitOptions)


@dataclass(frozen=True, kw_only=True)
class SignalOptions(Options):
    """How a folder of recordings or of sensor logs becomes a data set; what is left open is up to the data.

    Attributes (beyond their help):
        validation: Of official lists and of train and test folders that have no validation part, it is drawn out of
            training, by group too.
        bands: Where a frame is too short for the default, as many as fit.
        covered: What is larger in size is cut off.

    Raises:
        UsageError: A value of the wrong type or out of its range.
    """

    rate: float | None = left_open(LogOptions, "rate", "the data's, of sound at most 16000", panel=SIGNALS)
    window: Quantity = left_open(LogOptions, "window", "of sound what 95 % fit in; of logs 2.56s", panel=SIGNALS)
    hop: Quantity = left_open(LogOptions, "hop", "of sound the window; of logs half of it", panel=SIGNALS)
    classes: tuple[str, ...] = taken_over(RecordingOptions, "classes", panel=SIGNALS)
    unknown: bool = taken_over(RecordingOptions, "unknown", panel=SIGNALS)
    silence: bool = taken_over(RecordingOptions, "silence", panel=SIGNALS)
    columns: tuple[str, ...] = taken_over(LogOptions, "columns", panel=SIGNALS)
    repair: str | None = left_open(LogOptions, "repair", panel=SIGNALS)
    longest_gap: Quantity = left_open(LogOptions, "longest_gap", panel=SIGNALS)

    groups: str | None = left_open(SplitOptions, "groups", panel=PARTS)
    parts: str | None = left_open(SplitOptions, "parts", panel=PARTS)
    validation: float | None = left_open(SplitOptions, "validation", panel=PARTS, above=0)
    test: float | None = left_open(SplitOptions, "test", panel=PARTS)

    bands: int | None = left_open(FrontEnd, "bands", panel=FEATURES, metavar="N")
    coefficients: int | None = left_open(FrontEnd, "coefficients", panel=FEATURES, metavar="N")
    frame: Quantity = left_open(FrontEnd, "frame_ms", "32ms", panel=FEATURES, help="Length of a frame.", **TIME)
    frame_hop: Quantity = left_open(
        FrontEnd, "hop_ms", "20ms", panel=FEATURES, help="From one frame to the next.", **TIME
    )  # fmt: skip
    lowest_hz: float | None = left_open(FrontEnd, "lowest_hz", panel=FEATURES, metavar="HZ")
    highest_hz: float | None = left_open(FrontEnd, "highest_hz", panel=FEATURES, metavar="HZ")
    lowest_db: float | None = left_open(FrontEnd, "lowest_db", panel=FEATURES, metavar="DB")
    highest_db: float | None = left_open(FrontEnd, "highest_db", panel=FEATURES, metavar="DB")
    span_db: float | None = left_open(
        FrontEnd, "span_db", panel=FEATURES, metavar="DB", help="dB below the loudest of a picture that count."
    )  # fmt: skip
    absolute: bool = option(
        False, "Levels of sound as they are; else below the loudest of each picture. Coefficients always are.",
        panel=FEATURES,
    )  # fmt: skip
    covered: float | None = left_open(Motion, "covered", panel=FEATURES, metavar="SHARE")

    def signals(self) -> "SignalOptions":
        """These alone, where they are among the options of a stage."""
        return SignalOptions(**{name: getattr(self, name) for name in SignalOptions.declared()})

    def given(self) -> dict[str, Any]:
        """Those that are not left open, as plain values for a stored config."""
        values = {name: _plain(getattr(self, name)) for name in SignalOptions.declared()}
        if self.parts is not None:  # later stages may run in another folder
            values["parts"] = str(Path(self.parts).expanduser().absolute())
        return {name: value for name, value in values.items() if value not in (None, False, [])}

    def reading(self, stage: type[S], seed: int) -> S:
        """What of these says how files are read, for `RecordingOptions` or `LogOptions`."""
        given = {name: value for name, value in self.given().items() if name in stage.declared()}
        if float(given.get("rate", 0.5)).is_integer():
            given["rate"] = int(given["rate"])  # of recordings it is a whole number
        return stage.of(given | {"seed": seed})

    def front_end(self, **known: Any) -> FrontEnd:  # noqa: ANN401 - of the front end
        """What of these says how sound becomes pictures, beside what the windows say.

        Args:
            known: Rate and window, as `FrontEnd` has them.

        Raises:
            UsageError: They contradict each other, or do not suit the windows.
        """
        given = {SOUND[name]: value for name, value in self.given().items() if name in SOUND}
        given |= {name: to_ms(value) for name, value in given.items() if name.endswith("_ms")}
        given["relative"] = not (self.absolute or self.coefficients)
        try:
            return FrontEnd.of(given | known)
        except UsageError as error:
            raise UsageError(renamed(error.message), renamed(error.hint)) from None


APPLY = {  # kind of data -> options that say something of it
    "recordings": frozenset(RecordingOptions.declared()) | frozenset(SOUND) | {"absolute"},
    "sensor logs": frozenset(LogOptions.declared()) | frozenset(MOTION),
    "images": frozenset[str](),
}


def check_given(options: SignalOptions, kind: str, name: str) -> None:
    """Insist that no option is given that says nothing of some data.

    Args:
        options: What is asked for.
        kind: What the data are, one of `APPLY`.
        name: Of the data, for the message.

    Raises:
        UsageError: One is; the message names it.
    """
    for each in options.given():
        if each not in APPLY[kind]:
            suited = " and ".join(other for other, known in APPLY.items() if each in known)
            raise UsageError(f"`{each}` is for {suited}, and {name} holds {kind}.", "Leave it out.")


def renamed(text: str) -> str:
    """A message of the front end with its options called as they are here."""
    for ours, theirs in (*SOUND.items(), ("window", "window_ms"), ("rate", "sample_rate")):
        text = text.replace(f"`{theirs}`", f"`{ours}`")
    return text


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
