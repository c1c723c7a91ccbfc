"""What front ends for sound and for motion are asked for, and the sizes that follow from it."""

from dataclasses import dataclass

from zeroshot.errors import UsageError
from zeroshot.options import Options, option

OUTPUTS = {"uint8": 0, "int8": -128}  # -> smallest value
SHORTEST, LONGEST = 32, 2048  # samples of an FFT
LEAST_RANGE = 20.0  # dB between the smallest output and the largest
# Of the largest output. A full-scale square wave has a sine of 2 dB, which spreads over bins that one band may add up.
# Levels below the loudest one need a loudest one that is not cut off.
HIGHEST, HIGHEST_RELATIVE = -20.0, 5.0


@dataclass(frozen=True)
class FrontEnd(Options):
    """Sound to a picture of log-mel bands, or of mel-frequency cepstral coefficients (MFCC).

    Training and firmware both see the integers that `zeroshot.frontend.features` computes.

    Attributes (beyond their help):
        frame_ms: Rounded to an even number of samples, as two samples are one complex value of the FFT.
        lowest_db: 0 dB is what a full-scale sine gives in the FFT bin of its own frequency. A band adds up its bins.
        coefficients: 0 leaves the bands as they are. Coefficient 0 is the mean of the bands, the others are their
            DCT-II, liftered as HTK does.
        relative: What nets see are levels below the loudest band of the whole picture: how loud a recording is says
            nothing. Rows are kept as they are, from `lowest_db` to `highest_db`, and moved where nets read them.
        span_db: What is further below the loudest is as if it were this far. It is rounded to whole steps.

    Raises:
        UsageError: A value is out of range, or values contradict each other.

    >>> front_end = FrontEnd()
    >>> front_end.frame, front_end.hop, front_end.fft, front_end.shape
    (512, 320, 512, (49, 40, 1))
    """

    sample_rate: int = option(16_000, "Samples a second.", least=1_000, most=96_000)
    frame_ms: float = option(32.0, "Length of a frame, ms.", above=0, most=2_000)
    hop_ms: float = option(20.0, "From one frame to the next, ms.", above=0, most=10_000)
    window_ms: float = option(1_000.0, "Sound of one picture, ms.", above=0, most=60_000)
    bands: int = option(40, "Mel bands.", least=8, most=128)
    lowest_hz: float = option(20.0, "Where the first band begins, Hz.", least=0)
    highest_hz: float | None = option(None, "Where the last band ends, Hz.", above=0, shown="half the sample rate")
    coefficients: int = option(0, "Cepstral coefficients; 0: the log-mel bands themselves.", least=0, most=64)
    lowest_db: float = option(-100.0, "Level of the smallest output, dB.", least=-120, most=0)
    highest_db: float | None = option(
        None, "Level of the largest output, dB.", least=-100, most=20, shown="-20, or 5 with relative levels"
    )  # fmt: skip
    relative: bool = option(False, "Take levels below the loudest of the picture.")
    span_db: float = option(60.0, "With relative levels: dB below the loudest that count.", least=20, most=140)
    output: str = option("uint8", "Type of an output, uint8 or int8.", names=lambda: OUTPUTS)

    def __post_init__(self) -> None:
        """Check the values together."""
        super().__post_init__()
        self._check_lengths()
        if not self.lowest_hz < self.top_hz <= self.sample_rate / 2:
            raise UsageError(
                f"Bands from {self.lowest_hz:g} to {self.top_hz:g} Hz do not fit {self.sample_rate} samples a second.",
                f"`lowest_hz` must be below `highest_hz`, and that at most {self.sample_rate / 2:g}.",
            )
        if self.coefficients > self.bands:
            raise UsageError(
                f"{self.bands} bands have no {self.coefficients} coefficients.",
                "Give no more `coefficients` than `bands`.",
            )
        if not self.top_db - self.lowest_db >= LEAST_RANGE:
            raise UsageError(
                f"Outputs from {self.lowest_db:g} to {self.top_db:g} dB cover too little.",
                f"`highest_db` must be {LEAST_RANGE:g} dB above `lowest_db` or more.",
            )
        self._check_relative()

    def _check_relative(self) -> None:
        if self.relative and self.coefficients:
            raise UsageError(
                "Relative levels are of bands. Of coefficients the first one alone would move: the mean of a frame's "
                "levels, not its loudest.",
                "Leave out `coefficients`, or `relative`.",
            )
        if not self.relative and self.span_db != type(self).span_db:
            raise UsageError(
                f"A span of {self.span_db:g} dB below the loudest is of relative levels.", "Leave out `span_db`."
            )
        if self.relative and self.span_db > self.top_db - self.lowest_db:
            raise UsageError(
                f"Outputs from {self.lowest_db:g} to {self.top_db:g} dB hold no {self.span_db:g} dB.",
                "Give a smaller `span_db`, or a lower `lowest_db`.",
            )

    def _check_lengths(self) -> None:
        if not SHORTEST // 2 < self.frame <= LONGEST:
            raise UsageError(
                f"A frame of {self.frame_ms:g} ms has {self.frame} samples.",
                f"Choose `frame_ms` so that there are {SHORTEST // 2 + 2} to {LONGEST}.",
            )
        if self.hop < 1:
            raise UsageError(f"A hop of {self.hop_ms:g} ms has no sample.", "Give a larger `hop_ms`.")
        if self.frames < 1:
            raise UsageError(
                f"A window of {self.window_ms:g} ms holds no frame of {self.frame_ms:g} ms.",
                "Give a larger `window_ms`.",
            )

    @property
    def top_hz(self) -> float:
        """Where the last band ends, Hz."""
        return self.sample_rate / 2 if self.highest_hz is None else self.highest_hz

    @property
    def top_db(self) -> float:
        """Level of the largest output, dB."""
        if self.highest_db is not None:
            return self.highest_db
        return HIGHEST_RELATIVE if self.relative else HIGHEST

    @property
    def frame(self) -> int:
        """Samples of a frame, an even number."""
        return 2 * round(self.frame_ms * self.sample_rate / 2000)

    @property
    def hop(self) -> int:
        """Samples from the start of a frame to that of the next."""
        return round(self.hop_ms * self.sample_rate / 1000)

    @property
    def fft(self) -> int:
        """Samples of the FFT: the smallest power of two that holds a frame, which is padded with zeros."""
        return max(SHORTEST, 1 << (self.frame - 1).bit_length())

    @property
    def frames(self) -> int:
        """Frames of a picture."""
        return 1 + (round(self.window_ms * self.sample_rate / 1000) - self.frame) // self.hop

    @property
    def window(self) -> int:
        """Samples that a picture is made of: those of its frames; what `window_ms` has beyond them is not used."""
        return self.frame + (self.frames - 1) * self.hop

    @property
    def width(self) -> int:
        """Values of a frame: coefficients, or else bands."""
        return self.coefficients or self.bands

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the picture: frames x values x 1, the oldest frame first."""
        return self.frames, self.width, 1

    @property
    def smallest(self) -> int:
        """Smallest output; the largest is 255 above it."""
        return OUTPUTS[self.output]

    @property
    def step_db(self) -> float:
        """Decibels of one step of a log-mel output, and of coefficient 0."""
        return (self.top_db - self.lowest_db) / 255

    @property
    def span(self) -> int:
        """Of relative levels: steps from the smallest to the loudest, at most 255."""
        return round(self.span_db / self.step_db)

    @property
    def zero_point(self) -> int:
        """The output that stands for 0: of a coefficient, for bands that are alike; of log-mel, nearest to 0 dB.

        Of a relative level it is the loudest.

        A log-mel level is `step_db` (output - `zero_point`) dB, up to half a step; outside of `lowest_db` to
        `highest_db` the zero point is no value that an output can have.
        """
        if self.coefficients:
            return self.smallest + 128
        if self.relative:
            return self.smallest + self.span
        return self.smallest + round(-self.lowest_db / self.step_db)


@dataclass(frozen=True)
class Motion(Options):
    """Motion to a signal of 1 x samples x axes: an axis is a channel, so that kernels see all axes at once.

    Attributes (beyond their help):
        covered: What is larger in size is cut off. Without the last thousandth, one blow does not make all else small.

    Raises:
        UsageError: A value is out of range, or the window holds no hop.

    >>> Motion(sample_rate=26.0, window_ms=2000).shape
    (1, 52, 3)
    """

    axes: int = option(3, "Values of a sample.", least=1, most=64)
    sample_rate: float = option(50.0, "Samples a second.", above=0, most=100_000)
    window_ms: float = option(2_000.0, "Motion of one picture, ms.", above=0, most=600_000)
    hop_ms: float = option(500.0, "From one picture to the next, ms.", above=0, most=600_000)
    covered: float = option(0.999, "Share of training samples that the 8 bits cover.", above=0.5, most=1)
    output: str = option("int8", "Type of an output, uint8 or int8.", names=lambda: OUTPUTS)

    def __post_init__(self) -> None:
        """Check the values together."""
        super().__post_init__()
        if not 1 <= self.hop <= self.window:
            raise UsageError(
                f"A hop of {self.hop_ms:g} ms is {self.hop} samples, a window of {self.window_ms:g} ms {self.window}.",
                "Give a hop of one sample or more that is no longer than the window.",
            )

    @property
    def window(self) -> int:
        """Samples of a picture."""
        return round(self.window_ms * self.sample_rate / 1000)

    @property
    def hop(self) -> int:
        """Samples from one picture to the next."""
        return round(self.hop_ms * self.sample_rate / 1000)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the picture: 1 x samples x axes, the oldest sample first."""
        return 1, self.window, self.axes

    @property
    def smallest(self) -> int:
        """Smallest output; the largest is 255 above it."""
        return OUTPUTS[self.output]

    @property
    def zero_point(self) -> int:
        """The output that stands for 0."""
        return self.smallest + 128

    @property
    def bytes(self) -> int:
        """Bytes of RAM that the C code keeps."""
        return -(-self.window * self.axes // 4) * 4


@dataclass(frozen=True)
class Scaling:
    """Factors of the axes: multiplier / 2^shift steps for a unit of a sample."""

    multipliers: tuple[int, ...]
    shifts: tuple[int, ...]


@dataclass(frozen=True)
class ScaledMotion:
    """A front end for motion, whole: what `calibrate` found, and what its samples are.

    Attributes:
        motion: How windows are made.
        scaling: Factors of the axes.
        axes: Names of the axes, with their units.
        step: What a sample of 1 is of each axis' unit: a device divides by it what it measured.
    """

    motion: Motion
    scaling: Scaling
    axes: tuple[str, ...]
    step: tuple[float, ...]


AnyFrontEnd = FrontEnd | ScaledMotion
