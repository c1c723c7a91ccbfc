"""Ground truth: a table of trained nets with their accuracy, their costs and scores of proxies."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zeroshot.bench._cells import cells_of_file
from zeroshot.data.class_folders import safe
from zeroshot.errors import DataError, UsageError, unknown
from zeroshot.types import FloatArray, Int64Array

# Costs that every proxy has to beat, where the table has them.
BASELINES = ("params", "macs", "depth")
RANDOM = "random"  # a proxy that prefers no net: its column is constant, and `judge` knows what it stands for


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
        noise: Task -> (n,) float64, how far another training would stray from each accuracy: a standard deviation in
            points. Without tasks on which no net was trained twice.
    """

    name: str
    nets: tuple[str, ...]
    accuracy: Mapping[str, FloatArray]
    costs: Mapping[str, FloatArray]
    scores: Mapping[str, FloatArray]
    groups: Int64Array
    noise: Mapping[str, FloatArray] = field(default_factory=dict)

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
            {key: values[chosen] for key, values in self.noise.items()},
        )

    def with_scores(self, more: Mapping[str, FloatArray]) -> "Truth":
        """The table with further proxies."""
        return replace(self, scores={**self.scores, **more})

    def duplicates(self) -> str:
        """How many rows are the same net as another, in words."""
        distinct = len(np.unique(self.groups))
        return f"{len(self):,} rows, {distinct:,} distinct nets"


def read_table(
    path: Path,
    accuracy: Sequence[str] = ("accuracy",),
    costs: Sequence[str] = (),
    proxies: Sequence[str] | None = None,
    net: str = "net",
) -> Truth:
    """Read a CSV or Parquet file: one row a net, a header, columns in any order.

    Accuracies, and `params`, `macs` and `depth`, must be numbers in every row. A score may be empty or `nan` where its
    proxy is undefined, and so may another cost where it was not measured. Accuracies that are all within [0, 1] are
    taken for fractions and become percent.

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
    header, rows = cells_of_file(path)
    _check_column_of_names(path, header, rows, net, "Name it with `net`, or add it.")
    for wanted in (*accuracy, *costs, *(proxies or ())):
        if wanted not in header:
            raise unknown("column", wanted, header, f"{path} has: {', '.join(header)}.")
    if not accuracy:
        raise UsageError("No column of accuracies was named.", "Name it with `accuracy`.")
    if RANDOM in header:
        raise UsageError(f"{path} has a column {RANDOM!r}, which is the name of the scores of chance.", "Rename it.")
    names = tuple(row[header.index(net)].strip() for row in rows)
    _check_names(path, names, net)
    truth = {name: _column(path, rows, header, name) for name in accuracy}
    implied = [name for name in BASELINES if name in header and name not in costs]
    cost = {name: _column(path, rows, header, name, gaps=name not in BASELINES) for name in (*costs, *implied)}
    for name, values in cost.items():
        _check_cost(path, name, values)
    known = {net, *accuracy, *costs, *implied}
    others = [name for name in header if name not in known and _numeric(rows, header.index(name))]
    scores = {name: cost[name] for name in BASELINES if name in cost}
    scores |= {name: _column(path, rows, header, name, gaps=True) for name in (others if proxies is None else proxies)}
    scores[RANDOM] = np.zeros(len(rows))
    return Truth(
        safe(path.name), names, {name: _percent(path, name, values) for name, values in truth.items()}, cost, scores,
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
    header, rows = cells_of_file(path)
    _check_column_of_names(path, header, rows, net, "Rename it so, or add it.")
    names = tuple(row[header.index(net)].strip() for row in rows)
    _check_names(path, names, net)
    wanted = [name for at, name in enumerate(header) if name != net and _numeric(rows, at)]
    if not wanted:
        raise UsageError(f"{path} has no column of scores.", "Add one a proxy, numbers, higher is better.")
    return names, {name: _column(path, rows, header, name, gaps=True) for name in wanted}


def _check_column_of_names(
    path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], net: str, hint: str
) -> None:
    if net in header:
        return
    texts = [
        name for at, name in enumerate(header) if not _numeric(rows, at) and len({row[at] for row in rows}) == len(rows)
    ]
    near = f"Is it {texts[0]!r}?" if texts else f"There are: {', '.join(header)}."
    raise UsageError(f"{path} has no column {net!r} with the nets' names.", f"{near} {hint}")


def _check_cost(path: Path, name: str, values: FloatArray) -> None:
    if (values < 0).any():
        row = int(np.flatnonzero(values < 0)[0])
        raise DataError(
            f"{path}, row {row + 1}, column {name!r}: {values[row]:g} is no cost.",
            "Costs count from 0, lower is better; leave the cell empty where it was not measured. A column of which "
            "higher is better is one of scores.",
        )


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
                "Infinity is none, and accuracies must be there in every row; leave the net out.",
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
