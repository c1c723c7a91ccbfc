"""Ground truth: a table of trained nets with their accuracy, their costs and scores of proxies."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zeroshot.errors import DataError, UsageError, pip_install, unknown
from zeroshot.types import FloatArray, Int64Array

# Costs that every proxy has to beat, where the table has them.
BASELINES = ("params", "macs", "depth")
RANDOM_SEED = 0


@dataclass(frozen=True)
class Truth:
    """Trained nets, one a row.

    Attributes:
        name: What the tables call it.
        nets: Names of the nets.
        accuracy: Task -> (n,) float64, percent; complete.
        costs: Cost -> (n,) float64, lower is better; NaN where it was not measured.
        scores: Proxy -> (n,) float64, higher is better; NaN where undefined.
        groups: (n,) int64; rows with equal numbers are the same net, and a bootstrap draws them together.
    """

    name: str
    nets: tuple[str, ...]
    accuracy: Mapping[str, FloatArray]
    costs: Mapping[str, FloatArray]
    scores: Mapping[str, FloatArray]
    groups: Int64Array

    def __len__(self) -> int:
        return len(self.nets)

    def rows(self, chosen: npt.NDArray[np.bool_] | Int64Array, name: str = "") -> "Truth":
        """The table of some of the rows."""
        return Truth(
            name or self.name,
            tuple(np.array(self.nets, dtype=object)[chosen]),
            {key: values[chosen] for key, values in self.accuracy.items()},
            {key: values[chosen] for key, values in self.costs.items()},
            {key: values[chosen] for key, values in self.scores.items()},
            self.groups[chosen],
        )

    def with_scores(self, more: Mapping[str, FloatArray]) -> "Truth":
        """The table with further proxies."""
        return replace(self, scores={**self.scores, **more})

    def duplicates(self) -> str:
        """How many rows are the same net as another, in words."""
        distinct = len(np.unique(self.groups))
        return f"{len(self):,} rows, {distinct:,} distinct nets"


def random_scores(n: int, seed: int = RANDOM_SEED) -> FloatArray:
    """Scores that know nothing, the baseline of all baselines: (n,) float64."""
    return np.random.default_rng(seed).random(n)


def read_table(
    path: Path,
    accuracy: Sequence[str] = ("accuracy",),
    costs: Sequence[str] = (),
    proxies: Sequence[str] | None = None,
    net: str = "net",
) -> Truth:
    """Read a CSV or Parquet file: one row a net, a header, columns in any order.

    Accuracies and costs must be numbers in every row. A score may be empty or `nan` where its proxy is undefined.
    Accuracies that are all within [0, 1] are taken for fractions and become percent.

    Args:
        path: The file.
        accuracy: Columns of accuracies, one a task.
        costs: Columns of costs. `params`, `macs` and `depth`, if the table has them, are costs and baselines.
        proxies: Columns of scores, higher is better; None for all other columns of numbers.
        net: Column of the nets' names.

    Raises:
        UsageError: There is no such file, or a column that was named does not exist.
        DataError: A cell, a row or the file cannot be used; the message names row and column.
    """
    header, rows = _cells(path)
    for wanted in (net, *accuracy, *costs, *(proxies or ())):
        if wanted not in header:
            raise unknown("column", wanted, header, f"{path} has: {', '.join(header)}.")
    if not accuracy:
        raise UsageError("No column of accuracies was named.", "Name it with `accuracy`.")
    if "random" in header:
        raise UsageError(f"{path} has a column 'random', which is the name of the scores of chance.", "Rename it.")
    names = tuple(row[header.index(net)].strip() for row in rows)
    _check_names(path, names, net)
    truth = {name: _column(path, rows, header, name) for name in accuracy}
    implied = [name for name in BASELINES if name in header and name not in costs]
    cost = {name: _column(path, rows, header, name) for name in (*costs, *implied)}
    known = {net, *accuracy, *costs, *implied}
    others = [name for name in header if name not in known and _numeric(rows, header.index(name))]
    scores = {name: cost[name] for name in BASELINES if name in cost}
    scores |= {name: _column(path, rows, header, name, gaps=True) for name in (others if proxies is None else proxies)}
    scores["random"] = random_scores(len(rows))
    return Truth(
        path.name, names, {name: _percent(path, name, values) for name, values in truth.items()}, cost, scores,
        np.arange(len(rows)),
    )  # fmt: skip


def read_scores(path: Path, net: str = "net") -> tuple[tuple[str, ...], dict[str, FloatArray]]:
    """Read a CSV or Parquet file of scores without accuracies, for nets whose truth is known from elsewhere.

    Returns:
        The nets' names, and every column of numbers: name -> (n,) float64, NaN where it is empty or `nan`.

    Raises:
        UsageError: There is no such file, no column of names, or none of scores.
        DataError: A cell or a row cannot be used; the message names row and column.
    """
    header, rows = _cells(path)
    if net not in header:
        raise unknown("column", net, header, f"{path} has: {', '.join(header)}.")
    names = tuple(row[header.index(net)].strip() for row in rows)
    _check_names(path, names, net)
    wanted = [name for at, name in enumerate(header) if name != net and _numeric(rows, at)]
    if not wanted:
        raise UsageError(f"{path} has no column of scores.", "Add one a proxy, numbers, higher is better.")
    return names, {name: _column(path, rows, header, name, gaps=True) for name in wanted}


def _cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows as texts, from either kind of file, so that both are checked alike."""
    lines = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    if len(lines) < 2:
        raise DataError(f"{path} has no rows below its header.", "One row a net: its name, accuracy, scores.")
    header = [name.strip() for name in lines[0]]
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
        found = parquet.read_table(path)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.", "Name a CSV or Parquet file with `table`.") from None
    except (OSError, ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}.") from error
    columns = [["" if value is None else str(value) for value in column.to_pylist()] for column in found.columns]
    return [list(found.column_names), *(list(row) for row in zip(*columns, strict=True))]


def _csv(path: Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.", "Name a CSV or Parquet file with `table`.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}.") from error


def _check_names(path: Path, names: Sequence[str], column: str) -> None:
    seen: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if not name:
            raise DataError(f"{path}, row {number}, column {column!r}: the net has no name.")
        if name in seen:
            raise DataError(
                f"{path}, row {number}, column {column!r}: net {name!r} is that of row {seen[name]} again.",
                "Give each net one row, with the mean of its trainings.",
            )
        seen[name] = number


def _column(
    path: Path, rows: Sequence[Sequence[str]], header: Sequence[str], name: str, gaps: bool = False
) -> FloatArray:
    at = header.index(name)
    values = np.empty(len(rows))
    for i, row in enumerate(rows):
        text = row[at].strip()
        try:
            values[i] = math.nan if gaps and not text else float(text)
        except ValueError:
            raise DataError(f"{path}, row {i + 1}, column {name!r}: {text!r} is no number.") from None
        if math.isinf(values[i]) or (math.isnan(values[i]) and not gaps):
            raise DataError(
                f"{path}, row {i + 1}, column {name!r}: {text or 'nothing'} is no measurement.",
                "Accuracies and costs must be finite numbers in every row; leave the net out.",
            )
    return values


def _numeric(rows: Sequence[Sequence[str]], at: int) -> bool:
    """Whether a column is one of scores: its first filled cell is a number, so that a later typo is an error."""
    for row in rows:
        text = row[at].strip()
        if text:
            try:
                float(text)
            except ValueError:
                return False
            return True
    return False


def _percent(path: Path, name: str, values: FloatArray) -> FloatArray:
    if values.min() < 0 or values.max() > 100:
        row = int(np.flatnonzero((values < 0) | (values > 100))[0])
        raise DataError(f"{path}, row {row + 1}, column {name!r}: {values[row]:g} is no accuracy in percent.")
    return values * 100 if values.max() <= 1 else values
