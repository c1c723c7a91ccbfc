"""The cells of a table that somebody else wrote: CSV or Parquet, and what is commonly wrong with it."""

import csv
from pathlib import Path

from zeroshot.data.memory import check_room
from zeroshot.errors import DataError, UsageError, pip_install

CELL, UNFOLDS = 64, 10  # bytes of a cell as text of its own; of a file's text in memory, over those on disk
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def cells_of_file(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows as texts, from either kind of file, so that both are checked alike.

    Raises:
        UsageError: There is no such file, or Parquet cannot be read here.
        DataError: It is no table of named columns, of commas, with rows of equal length.
    """
    lines = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    if len(lines) < 2:
        raise DataError(f"{path} has no rows below its header.", "One row a net: its name, accuracy, scores.")
    header = [name.strip() for name in lines[0]]
    _check_separator(path, header)
    _check_index(path, header, lines[1:])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path} has two columns called {twice[0]!r}.", "Rename one.")
    for number, row in enumerate(lines[1:], 1):
        if len(row) != len(header):
            raise DataError(f"{path}, row {number}: {len(row)} cells where the header has {len(header)}.")
    return header, lines[1:]


def _parquet(path: Path) -> list[list[str]]:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError:
        raise UsageError("Reading Parquet needs pyarrow.", f"{pip_install('parquet')}; or write a CSV file.") from None
    try:
        with path.open("rb") as raw:  # Arrow would want a name in UTF-8
            file = parquet.ParquetFile(raw)
            about = file.metadata
            check_room(float(about.num_rows) * about.num_columns * CELL, str(path), "Cut it into several.")
            found = file.read()
        columns = [["" if value is None else str(value) for value in column.to_pylist()] for column in found.columns]
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.", "Name a CSV or Parquet file with `table`.") from None
    except (OSError, ArrowException, ValueError, OverflowError) as error:  # texts that are none, dates beyond all years
        raise DataError(f"{path} cannot be read as Parquet: {error}.") from error
    return [list(found.column_names), *(list(row) for row in zip(*columns, strict=True))]


def _csv(path: Path) -> list[list[str]]:
    try:
        check_room(path.stat().st_size * UNFOLDS, str(path), "Cut it into several.")
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.", "Name a CSV or Parquet file with `table`.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}.") from error


def _check_separator(path: Path, header: list[str]) -> None:
    """A file without commas is one column to a reader of commas."""
    for mark, name in SEPARATORS.items():
        if len(header) == 1 and mark in header[0]:
            raise DataError(
                f"{path} separates its columns by {name}, not by commas.",
                "Save it with commas, and numbers with decimal points.",
            )


def _check_index(path: Path, header: list[str], rows: list[list[str]]) -> None:
    """A column without a name is most often the index of a data frame, and would be judged as a proxy."""
    for at, name in enumerate(header):
        if not name or name.startswith("Unnamed: "):
            counted = all(len(row) > at and row[at].strip().isdigit() for row in rows)
            hint = "index=False" if counted else "index_label='net'"
            raise DataError(
                f"{path}: column {at + 1} has no name.",
                f"Name it, or if pandas wrote its index there, write the table with to_csv(..., {hint}).",
            )
