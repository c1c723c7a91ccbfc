"""The table of a sensor log: comments, names of columns, and cells as numbers, from CSV or Parquet."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zeroshot.data.class_folders import safe
from zeroshot.data.memory import check_room
from zeroshot.errors import DataError, UsageError, pip_install
from zeroshot.types import FloatArray

MOST_BYTES = 512 << 20
COMMENTS = ("#", "%", "//")
CELL, UNFOLDS = 64, 10  # bytes of a cell as text of its own; of a file's text in memory, over those on disk
LARGEST = 1e30  # beyond it no sensor measures, and sums overflow
ABSENT = {"", "nan", "na", "n/a", "null", "none"}  # cells without a value, in lower case
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
UNIT = re.compile(r"\s*[\[(]([^\])]*)[\])]\s*$")  # acc_x[mg], time (s)


@dataclass(frozen=True)
class Table:
    """A log as it lies in its file.

    Attributes:
        path: Of the file.
        comments: Its comment lines, or the metadata of a Parquet file.
        header: Names of the columns, with their units.
        cells: Rows of texts.
        lines: Of each row, its line in the file; of Parquet its row; from 1.
        line: What `lines` count: line or row.
    """

    path: Path
    comments: tuple[str, ...]
    header: tuple[str, ...]
    cells: Sequence[Sequence[str]]
    lines: Sequence[int]
    line: str = "line"

    def at(self, row: int, column: str = "") -> str:
        """A place in the file, for a message."""
        where = f"{safe(self.path)}, {self.line} {self.lines[row]}"
        return f"{where}, column {column!r}" if column else where

    def find(self, name: str) -> int | None:
        """Which column has a name, with its unit or without."""
        if name in self.header:
            return self.header.index(name)
        bare = [UNIT.sub("", each) for each in self.header]
        return bare.index(name) if bare.count(name) == 1 else None

    def numbers(self, columns: Sequence[int]) -> FloatArray:
        """(rows, columns) float64, NaN where a cell is empty or says that there is no value.

        Raises:
            DataError: A cell is no number; the message has file, line and column.
        """
        try:
            cells = [[row[column] for column in columns] for row in self.cells]
            found = np.array(cells, np.float64)
            plain = bool((np.abs(found) <= LARGEST).all()) and not any("_" in cell for row in cells for cell in row)
        except ValueError:
            plain = False
        if plain:
            return found
        return np.array(
            [[self._number(row, column) for column in columns] for row in range(len(self.cells))], np.float64
        ).reshape(len(self.cells), len(columns))

    def _number(self, row: int, column: int) -> float:
        cell = self.cells[row][column].strip()
        if cell.lower() in ABSENT:
            return np.nan
        # As text, since Python takes 1_000 for a number.
        number = float(cell) if NUMBER.fullmatch(cell) else np.nan
        if not abs(number) <= LARGEST:
            comma = " Write decimal points, not commas." if NUMBER.fullmatch(cell.replace(",", ".")) else ""
            raise DataError(
                f"{self.at(row, self.header[column])}: {cell[:40]!r} is no number that a sensor gives.",
                f"Mend the cell, or leave it empty where nothing was measured; `columns` says which are read.{comma}",
            )
        return number


def read_table(path: Path) -> Table:
    """Read a log.

    Raises:
        DataError: It is no table with a header; the message names file and line.
        UsageError: It is Parquet, and pyarrow is not installed.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(f"{safe(path)} has {size / 2**20:,.0f} MiB, more than 512.", "Cut it into several logs.")
        check_room(size * UNFOLDS, safe(path), "Cut it into several logs.")
        table = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path, path.read_bytes())
    except OSError as error:
        raise DataError(f"{safe(path)} cannot be read: {error.strerror or error}.", "Check its permissions.") from error
    twice = sorted({name for name in table.header if table.header.count(name) > 1})
    if twice:
        raise DataError(f"{safe(path)} has two columns called {twice[0]!r}.", "Rename one.")
    if not table.cells:
        raise DataError(f"{safe(path)} has no rows below its header.", "Repair or remove it.")
    return table


def _csv(path: Path, raw: bytes) -> Table:
    if b"\0" in raw:
        raise DataError(f"{safe(path)} is no text in UTF-8.", "Save it as CSV in UTF-8.")
    text = raw.decode("utf-8-sig", "backslashreplace")  # a degree sign of another encoding is no reason to refuse
    comments, kept = [], []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        stripped = line.strip()
        if stripped.startswith(COMMENTS):
            comments.append(stripped)
        elif stripped:
            kept.append((number, stripped))
    if not kept:
        raise DataError(f"{safe(path)} has no header and no rows.", "Repair or remove it.")
    lines = [number for number, _ in kept]
    delimiter = _delimiter(kept[0][1])
    rows = [_cells(path, number, line, delimiter) for number, line in kept]
    header = tuple(cell.strip() for cell in rows[0])
    if all(NUMBER.fullmatch(cell) for cell in header):
        raise DataError(
            f"{safe(path)}, line {lines[0]}: numbers, where the names of the columns should be.",
            "Begin with a line like acc_x[mg],acc_y[mg],acc_z[mg].",
        )
    for number, row in zip(lines, rows, strict=True):
        if len(row) != len(header):
            raise DataError(
                f"{safe(path)}, line {number}: {len(row)} cells where the header has {len(header)}.",
                "Mend the line; the last one may have been cut off.",
            )
    return Table(path, tuple(comments), header, rows[1:], lines[1:])


def _cells(path: Path, number: int, line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{safe(path)}, line {number}: {error}.", "Repair or remove it.") from error


def _delimiter(header: str) -> str:
    return next((mark for mark in (",", ";", "\t") if mark in header), ",")


def _parquet(path: Path) -> Table:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError:
        raise UsageError("Reading Parquet needs pyarrow.", f"{pip_install('parquet')}; or write CSV files.") from None
    try:
        with path.open("rb") as raw:  # Arrow would want a name in UTF-8
            file = parquet.ParquetFile(raw)
            size = file.metadata.num_rows * file.metadata.num_columns
            if size > MOST_BYTES // 8:
                raise DataError(f"{safe(path)} claims {size:,} cells, too many for one log.", "Cut it into several.")
            check_room(float(size) * CELL, safe(path), "Cut it into several logs.")
            found = file.read()
        columns = [["" if value is None else str(value) for value in column.to_pylist()] for column in found.columns]
    except (OSError, ArrowException, ValueError, OverflowError) as error:  # texts that are none, dates beyond all years
        raise DataError(f"{safe(path)} cannot be read as Parquet: {error}.", "Repair or remove it.") from error
    about = tuple(
        f"{key!r}: {value!r}" for key, value in (found.schema.metadata or {}).items() if key != b"ARROW:schema"
    )
    rows = list(zip(*columns, strict=True))
    return Table(path, about, tuple(found.column_names), rows, range(1, len(rows) + 1), "row")
