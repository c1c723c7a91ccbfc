"""False alarms of what looks again and again: from how often examples of other classes are taken for the alarm.

A device that looks once a second at what is no alarm 99.9 % of the time, and is wrong on 1 % of that, raises 36 false
alarms an hour. Accuracy says nothing of it. Every look counts for itself: where windows overlap or a scene stays, one
cause may raise several.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from zeroshot.cascade.measure import LEVEL, exact_interval
from zeroshot.errors import UsageError

Taken = tuple[int, int]  # of so many examples of a class, so many were taken for the alarm: (taken, examples)


@dataclass(frozen=True)
class FalseAlarms:
    """How many there are in an hour.

    Attributes:
        expected: As many as the counts say.
        low: Where every class has the least rate that its counts allow at the level, see `false_alarms`.
        high: Where every class has the largest.
    """

    expected: float
    low: float
    high: float


def false_alarms(
    taken: Mapping[str, Taken], shares: Mapping[str, float], looks_an_hour: float, *, level: float = LEVEL
) -> FalseAlarms:
    """False alarms an hour: looks x sum over classes of share x rate.

    The ends are of Clopper and Pearson's exact interval of each class's rate, summed, so wide where there are several
    classes. No false alarm in 100 examples still allows 2.3 % at a level of 80 %.

    Args:
        taken: Class that is no alarm -> how many of its test examples were taken for the alarm, and how many there are.
        shares: Class -> share of the looks that see it; the rest sees what is an alarm, and raises no false one.
        looks_an_hour: Decisions an hour.
        level: Of the intervals.

    Raises:
        UsageError: A share or count makes no sense, or of a class that is seen there are no examples.
    """
    if not (isfinite(looks_an_hour) and looks_an_hour >= 0 and 0 < level < 1):
        raise UsageError(f"{looks_an_hour} looks an hour at a level of {level} make no sense.")
    if not all(share >= 0 for share in shares.values()) or not sum(shares.values()) <= 1 + 1e-9:
        raise UsageError(f"Shares of looks are 0 or more and 1 together at most, not {dict(shares)}.")
    sums = [0.0, 0.0, 0.0]
    for name, share in shares.items():
        if share > 0:
            rates = _rates(name, taken.get(name, (0, 0)), level)
            sums = [total + looks_an_hour * share * rate for total, rate in zip(sums, rates, strict=True)]
    return FalseAlarms(*sums)


def _rates(name: str, counts: Taken, level: float) -> tuple[float, float, float]:
    """Rate of a class, and the ends of its interval."""
    wrong, whole = counts
    if not 0 <= wrong <= whole or whole == 0:
        raise UsageError(f"Of {whole} examples of {name!r} {wrong} cannot have been taken for the alarm.")
    return wrong / whole, *exact_interval(wrong, whole, level)
