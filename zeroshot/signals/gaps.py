"""Missing values of a log: mended where they are few in a row and it was asked for, else an error that says where."""

from collections.abc import Sequence

import numpy as np

from zeroshot.errors import DataError
from zeroshot.signals.table import Table
from zeroshot.types import FloatArray, Int64Array

MOST_VALUES = 1 << 27  # of one log; they take 1 GiB
CURE = "`repair='linear'` draws a straight line across gaps up to `longest_gap`; or cut the log into two there."


def without_gaps(
    table: Table, names: Sequence[str], values: FloatArray, place: Int64Array, most: int
) -> tuple[FloatArray, int]:
    """A value for each period and channel.

    Args:
        table: The log, for messages.
        names: Of the channels.
        values: (rows, channels) float64, NaN where nothing was measured.
        place: (rows,) int64, the period of each row, ascending from 0.
        most: Samples in a row that may be mended; 0 where none may.

    Returns:
        (periods, channels) float64, finite, and how many of these are mended.

    Raises:
        DataError: A gap is longer, or at an end of the log; the message names file, line and column.
    """
    missing = np.diff(place) - 1
    if missing.size and missing.max() > most:
        row = int(np.argmax(missing > most)) + 1
        raise DataError(f"{table.at(row)}: {missing[row - 1]:,} rows are missing before it.", CURE)
    if place[-1] * values.shape[1] > MOST_VALUES:
        raise DataError(f"{table.at(0)}: with its gaps the log has {place[-1]:,} rows.", "Cut it into several logs.")
    out = np.full((int(place[-1]) + 1, values.shape[1]), np.nan)
    out[place] = values
    mended = int(np.isnan(out).sum())
    if mended:
        row_of = np.searchsorted(place, np.arange(len(out)))  # of a period between rows the next row
        for channel, name in enumerate(names):
            _mend(table, name, out[:, channel], row_of, most)
    return out, mended


def _mend(table: Table, name: str, values: FloatArray, row_of: Int64Array, most: int) -> None:
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        raise DataError(f"{table.at(0, name)}: no row has a value.", "Leave the column out with `columns`.")
    if known[0] > 0 or known[-1] < len(values) - 1:
        row = 0 if known[0] > 0 else int(row_of[known[-1] + 1])
        end = "begins" if known[0] > 0 else "ends"
        raise DataError(
            f"{table.at(row, name)}: the log {end} without a value.", "Cut these rows off, or leave the column out."
        )
    gaps = np.diff(known) - 1
    if gaps.max(initial=0) > most:
        first = int(np.argmax(gaps > most))
        raise DataError(
            f"{table.at(int(row_of[known[first] + 1]), name)}: no value in {gaps[first]:,} samples on end.", CURE
        )
    holes = np.isnan(values)
    values[holes] = np.interp(np.flatnonzero(holes), known, values[known])
