"""A cascade that is fed samples as they come: how often it answers, and how answers are smoothed."""

from dataclasses import dataclass

from zeroshot.errors import UsageError, unknown
from zeroshot.firmware.smoothing import MOST_SMOOTHED, SMOOTHINGS
from zeroshot.frontend.sensor import Sensor
from zeroshot.int8.net import Int8Net

SCALE_BITS = 14  # of the larger of two nets' output scales


@dataclass(frozen=True, eq=False)
class Stream:
    """Samples to decisions.

    A decision falls after the first hop with a full window, and then after every `every` hops. Its scores are the
    logits of the net that answered, or, over the last `smooth` decisions (fewer at the start):

    - `mean`: the sum of their logits, each times its net's factor (`score_factors`), as the nets' logits have scales
      of their own;
    - `majority`: for each class how many answered it.

    The label is the first of the largest scores, the margin what the largest is above the second largest.

    Attributes:
        sensor: The front end.
        every: Hops from one decision to the next.
        smooth: Decisions that an answer is smoothed over, 1 to 255; 1 does not.
        smoothing: One of `SMOOTHINGS`.
    """

    sensor: Sensor
    every: int = 1
    smooth: int = 1
    smoothing: str = "mean"

    def __post_init__(self) -> None:
        if self.smoothing not in SMOOTHINGS:
            raise unknown("smoothing", self.smoothing, SMOOTHINGS)
        if not (1 <= self.smooth <= MOST_SMOOTHED and 1 <= self.every < 2**16):
            raise UsageError(
                f"A stream that answers every {self.every} hops, smoothed over {self.smooth} decisions.",
                f"`every` is 1 to 65535, `smooth` 1 to {MOST_SMOOTHED}.",
            )

    def samples_for(self, decided: int) -> int:
        """Samples that lead to so many decisions."""
        return (self.sensor.first + self.every * (decided - 1)) * self.sensor.hop

    def bytes_of_smoothing(self, classes: int) -> int:
        """Bytes of RAM that past decisions take."""
        if self.smooth == 1:
            return 4 * classes
        return 4 * classes + self.smooth * (classes + 1 if self.smoothing == "mean" else 2)


def score_factors(little: Int8Net, big: Int8Net) -> tuple[int, int]:
    """What brings int8 logits of both nets to one scale: the output scales, the larger one as 2^14.

    Times a logit and 255 decisions that stays below 2^29.
    """
    scales = float(little.scale[-1]), float(big.scale[-1])
    first, second = (max(1, round(each / max(scales) * 2**SCALE_BITS)) for each in scales)
    return first, second
