"""One sensor log: its channels by name, without gaps, at its own rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zeroshot.data.class_folders import safe
from zeroshot.errors import DataError, UsageError
from zeroshot.signals.gaps import without_gaps
from zeroshot.signals.groups import Source
from zeroshot.signals.options import LogOptions
from zeroshot.signals.resampling import factor, resampled
from zeroshot.signals.table import Table, read_table
from zeroshot.signals.timing import Timing, timing_of
from zeroshot.types import FloatArray
from zeroshot.units import to_ms

ALIKE = 0.01  # rates that differ by less are one rate that was measured differently


@dataclass(frozen=True)
class Log:
    """A log at its own rate, without gaps.

    Attributes:
        path: Of its file.
        values: (samples, channels) float64, finite.
        rate: Hz.
        mended: How many values are interpolated.
        unread: Columns that are no channels.
    """

    path: Path
    values: FloatArray
    rate: float
    mended: int
    unread: tuple[str, ...]


def logs_of(sources: Sequence[Source], options: LogOptions) -> tuple[list[Log], tuple[str, ...]]:
    """All logs, and the names of their channels, with units: the columns of the first, or those asked for.

    Raises:
        DataError: A log cannot be used; the message names file, line and column.
    """
    logs: list[Log] = []
    columns: tuple[str, ...] = ()
    for source in sources:
        table = read_table(source.path)
        timing = timing_of(table, options.rate)
        if not columns:
            columns = _columns(table, timing, options.columns)
        logs.append(_log(table, timing, columns, options))
    return logs, columns


def _columns(table: Table, timing: Timing, asked: Sequence[str]) -> tuple[str, ...]:
    every = [name for number, name in enumerate(table.header) if number != timing.column]
    found = tuple(table.header[_column(table, name)] for name in asked) if asked else tuple(every)
    if not found:
        raise DataError(f"{safe(table.path)} has no column beside its time.", "Repair or remove it.")
    if len(set(found)) < len(found):
        raise UsageError("`columns` names one column twice.", "Name each once.")
    return found


def _column(table: Table, name: str) -> int:
    found = table.find(name)
    if found is None:
        raise DataError(
            f"{safe(table.path)} has no column {name!r}; it has {', '.join(table.header)}.",
            "All logs need the same columns, in the same units; `columns` says which are read.",
        )
    return found


def _log(table: Table, timing: Timing, columns: Sequence[str], options: LogOptions) -> Log:
    rate = timing.rate or options.rate
    if rate is None:
        raise DataError(
            f"{safe(table.path)} does not say how many samples a second it has.",
            "Call a column time[s] or time[ms], write a comment like # 26 Hz above the header, or give the `rate`.",
        )
    values = table.numbers([_column(table, name) for name in columns])
    most = int(to_ms(options.longest_gap) / 1000 * rate + 1e-9) if options.repair == "linear" else 0
    whole, mended = without_gaps(table, columns, values, timing.place, most)
    unread = [name for at, name in enumerate(table.header) if name not in columns and at != timing.column]
    return Log(table.path, whole, rate, mended, tuple(unread))


def at_rate(log: Log, rate: float) -> FloatArray:
    """A log's values, resampled where its rate is another; (samples, channels) float64."""
    if abs(log.rate / rate - 1) <= ALIKE:
        return log.values
    return resampled(log.values, factor(log.path, len(log.values), log.rate, rate), "line")
