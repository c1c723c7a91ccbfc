"""Axes of the page's charts: from values to pixels, and the round numbers beside them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, isfinite, log10

LEFT, RIGHT, TOP, BOTTOM = 52, 20, 28, 50  # pixels around the drawing


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        low: Smallest value.
        high: Largest value.
        start: Pixel of the smallest.
        end: Pixel of the largest.
        label: With its unit.
        log: Whether equal factors are equally far apart.
    """

    low: float
    high: float
    start: float
    end: float
    label: str
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value, to a tenth; values outside lie on the edge."""
        inside = min(max(value, self.low), self.high)
        low, high, mine = (log10(each) if self.log else each for each in (self.low, self.high, inside))
        return round(self.start + (mine - low) / (high - low) * (self.end - self.start), 1)

    @cached_property
    def ticks(self) -> list[tuple[float, str]]:
        """Pixel and text of the round numbers."""
        return [(self.at(value), f"{value:.6g}") for value in self._values()]

    def _values(self) -> list[float]:
        if self.log and self.high / self.low > 5:
            steps = (1, 2, 5) if self.high / self.low < 1000 else (1,)
            powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            return [s * 10.0**p for p in powers for s in steps if self.low <= s * 10.0**p <= self.high]
        return round_numbers(self.low, self.high)


@dataclass(frozen=True)
class Chart:
    """Two axes in a drawing of so many pixels."""

    x: Axis
    y: Axis
    width: int
    height: int

    def path(self, points: Iterable[tuple[float, float]]) -> str:
        """A line through values, as SVG has it."""
        return "M" + "L".join(f"{self.x.at(x)} {self.y.at(y)}" for x, y in points)


def chart(
    x: tuple[float, float], y: tuple[float, float], labels: tuple[str, str], *, log: bool = False,
    size: tuple[int, int] = (640, 380),
) -> Chart:  # fmt: skip
    """A chart of these ranges; ranges of one value are widened."""
    width, height = size
    x, y = _widened(x, 0.05 if log else 0.0), _widened(y, 0.0)
    return Chart(
        Axis(*x, LEFT, width - RIGHT, labels[0], log=log), Axis(*y, height - BOTTOM, TOP, labels[1]), width, height
    )


def _widened(ends: tuple[float, float], share: float) -> tuple[float, float]:
    low, high = ends
    if low == high:
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    return low * (1 - share), high * (1 + share)


def round_numbers(low: float, high: float, most: int = 6) -> list[float]:
    """At most about so many round numbers from low to high.

    >>> round_numbers(0.0, 100.0), round_numbers(91.2, 94.9)
    ([0.0, 20.0, 40.0, 60.0, 80.0, 100.0], [92.0, 93.0, 94.0])
    """
    if not (isfinite(low) and isfinite(high)) or high <= low:
        return []
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough)
    return [round(step * i, 12) for i in range(ceil(low / step), floor(high / step) + 1)]
