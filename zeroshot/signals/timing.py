"""When the rows of a log were measured: its rate, and where rows are missing."""

import re
from dataclasses import dataclass

import numpy as np

from zeroshot.data.class_folders import safe
from zeroshot.errors import DataError
from zeroshot.signals.options import HIGHEST_RATE
from zeroshot.signals.table import NUMBER, UNIT, Table
from zeroshot.types import FloatArray, Int64Array

LOWEST = 0.01  # Hz
TIMES = re.compile(r"(time_?stamps?|times?|seconds?|milliseconds?|millis)(_(s|ms|us|sec|seconds))?", re.IGNORECASE)
SECONDS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6,
}  # fmt: skip
RATE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*(k?)hz\b", re.IGNORECASE)
NAMED_RATE = re.compile(
    r"\b(?:sampl\w*[ _-]?(?:rate|frequency)|rate|odr|fs)\b\W{1,3}(\d+(?:\.\d+)?)(?!\S*\s*k?hz)", re.IGNORECASE
)


@dataclass(frozen=True)
class Timing:
    """When rows were measured.

    Attributes:
        rate: Hz; None where the file does not say.
        place: (rows,) int64, how many periods each row is after the first; gaps are where it jumps.
        column: Which column told, if one did.
    """

    rate: float | None
    place: Int64Array
    column: int | None


def timing_of(table: Table, given: float | None) -> Timing:
    """When the rows of a log were measured, by its time column, else by its comments.

    Args:
        table: The log.
        given: The rate that the user gave, which holds where the file does not say one.

    Raises:
        DataError: Time is no number, stands still or runs back, or comments name two rates and none was given.
    """
    column = next((number for number, name in enumerate(table.header) if TIMES.fullmatch(UNIT.sub("", name))), None)
    if column is None or len(table.cells) < 2:
        return Timing(_of_comments(table, given), np.arange(len(table.cells)), column)
    place, period = _placed(table, column, np.diff(_times(table, column)))
    seconds = _seconds(table.header[column])
    rate = _of_comments(table, given) if seconds is None else 1 / (period * seconds)
    if rate is not None and not LOWEST <= rate <= HIGHEST_RATE:
        raise DataError(
            f"{table.at(0, table.header[column])}: by its steps and unit the log has {rate:g} samples a second.",
            "Write the unit that the times are in behind the name: time[s], time[ms] or time[us].",
        )
    return Timing(rate, place, column)


def _times(table: Table, column: int) -> FloatArray:
    for row, cells in enumerate(table.cells):
        if not NUMBER.fullmatch(cells[column].strip()):
            raise DataError(
                f"{table.at(row, table.header[column])}: {cells[column][:40]!r} is no time in numbers.",
                "Write seconds or milliseconds; or rename the column, name others with `columns`, and give `rate`.",
            )
    return table.numbers([column])[:, 0]


def _seconds(name: str) -> float | None:
    """Seconds in a unit of the time column: in brackets, behind an underscore, or its whole name."""
    bracket = UNIT.search(name)
    words = [bracket[1]] if bracket else [name.rpartition("_")[2], name]
    return next((SECONDS[word.strip().lower()] for word in words if word.strip().lower() in SECONDS), None)


def _placed(table: Table, column: int, steps: FloatArray) -> tuple[Int64Array, float]:
    """Place of each row in periods, and the period: the mean of steps that are one period long."""
    back = np.flatnonzero(steps <= 0)
    if len(back):
        raise DataError(
            f"{table.at(int(back[0]) + 1, table.header[column])}: time stands still or runs back.",
            "Sort the rows by time, and remove those that are there twice.",
        )
    typical = float(np.median(steps))
    single = steps[(steps > typical / 2) & (steps < 1.5 * typical)]
    period = float(single.mean())
    counted = np.rint(steps / period)
    close = np.flatnonzero(counted < 1)
    if len(close):
        raise DataError(
            f"{table.at(int(close[0]) + 1, table.header[column])}: less than half a period after the row before it; "
            f"most are {period:.6g} apart.",
            "Bring the log to even steps first.",
        )
    if counted.max() > 2**31:
        raise DataError(
            f"{table.at(int(counted.argmax()) + 1, table.header[column])}: time jumps by {steps.max():.6g}.",
            "Mend the time, or cut the log into two there.",
        )
    return np.concatenate([[0], np.cumsum(counted.astype(np.int64))]), period


def _of_comments(table: Table, given: float | None) -> float | None:
    found = set()
    for line in table.comments:
        found |= {float(number) * (1000 if kilo else 1) for number, kilo in RATE.findall(line)}
        found |= {float(number) for number in NAMED_RATE.findall(line)}
    found = {rate for rate in found if 0 < rate <= HIGHEST_RATE}
    if len(found) > 1 and given is None:
        several = ", ".join(f"{each:g}" for each in sorted(found))
        raise DataError(
            f"{safe(table.path)} names several rates in its comments: {several} Hz.",
            "Say which with `rate`.",
        )
    return found.pop() if len(found) == 1 else None
