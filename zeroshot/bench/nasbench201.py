"""NAS-Bench-201 with HW-NAS-Bench: trained accuracies, measured latencies and energies of all 15,625 cells.

The files are plain tables (`nasbench201/accuracy.csv.gz` and `hwnasbench.csv.gz`, one row a cell). Those that the
authors publish are pickles, which are programs; `official.convert` makes the tables of them and runs nothing.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zeroshot.bench.ceiling import spread
from zeroshot.bench.graph import graph_features
from zeroshot.bench.table import RANDOM, Truth
from zeroshot.errors import DataError, UsageError, unknown
from zeroshot.spaces import nasbench201 as space
from zeroshot.types import FloatArray, Int64Array

TASKS = {"cifar10": "c10", "cifar100": "c100", "imagenet16-120": "in16"}
DEVICES = {
    "edgegpu": ("latency", "energy"), "raspi4": ("latency",), "edgetpu": ("latency",), "pixel3": ("latency",),
    "eyeriss": ("latency", "energy"), "fpga": ("latency", "energy"),
}  # fmt: skip
UNITS = {"latency": "ms", "energy": "mJ"}
NOT_MEASURED = -1.0
FAILED = -1e7  # NAS-Bench-Suite-Zero writes -1e8 where a score could not be computed
MOST_BYTES = 512 << 20  # of a table, unfolded


def load(folder: Path, hardware: bool = True) -> Truth:
    """All cells by published index: accuracies after 200 epochs, costs, static proxies and random scores.

    Costs are called `cifar10/edgegpu/latency` and so on. The static proxies are counted without dead operations.

    Args:
        folder: Holds `accuracy.csv.gz` and `hwnasbench.csv.gz`, or a folder `nasbench201` with them.
        hardware: Whether to read the second file.

    Raises:
        UsageError: A file is not there.
        DataError: A file cannot be used.
    """
    folder = tables_of(folder)
    found = _read(folder / "accuracy.csv.gz", [f"{short}_test200" for short in TASKS.values()])
    accuracy = {task: found[f"{short}_test200"] for task, short in TASKS.items()}
    costs: dict[str, FloatArray] = {}
    if hardware:
        names = {
            f"{task}/{device}/{kind}": f"{short}_{device}_{kind}"
            for task, short in TASKS.items()
            for device, kinds in DEVICES.items()
            for kind in kinds
        }
        measured = _read(folder / "hwnasbench.csv.gz", list(names.values()))
        for name, column in names.items():
            values = measured[column]
            costs[name] = np.where(values == NOT_MEASURED, np.nan, values)
    cells = space.decode(np.arange(space.COUNT))
    scores = {**graph_features(cells), RANDOM: np.zeros(space.COUNT)}
    nets = tuple(space.to_string(cell) for cell in cells.tolist())
    groups = space.canonical_classes()
    # Rows of one function differ by their trainings alone.
    noise = {task: spread(values, groups, values) for task, values in accuracy.items()}
    return Truth("NAS-Bench-201", nets, accuracy, costs, scores, groups, noise)


def tables_of(folder: Path) -> Path:
    """Where the tables lie: in the folder, or in `nasbench201` inside it."""
    return folder / "nasbench201" if (folder / "nasbench201").is_dir() else folder


def suite_zero(folder: Path) -> dict[str, FloatArray]:
    """NAS-Bench-Suite-Zero's published scores: name -> (15625,) float64, NaN where there is none.

    It covers the 9,445 cells without dead operations.
    """
    folder = tables_of(folder)
    found = _read(folder / "suite_zero_cifar10.csv.gz", None, whole=False)
    return {f"sz_{name}": np.where(values > FAILED, values, np.nan) for name, values in found.items()}


def cells_of(nets: Sequence[str]) -> Int64Array:
    """Published indices of cells named by index, digits or published string.

    Raises:
        DataError: A name is no cell; the message gives the row, counted from 1.
    """
    found = []
    for row, net in enumerate(nets, 1):
        try:
            number = net.isascii() and net.isdigit() and len(net) <= 9  # "²" is a digit, too
            digits = tuple(map(int, net)) if len(net) == 6 and number else None
            found.append(int(space.encode([digits or space.digits_of(int(net) if number else net)])[0]))
        except UsageError as error:
            raise DataError(f"Row {row}, column 'net': {net!r} is no cell of NAS-Bench-201.", error.hint) from error
    return np.array(found, np.int64)


def join(truth: Truth, cells: Int64Array, columns: Mapping[str, FloatArray]) -> Truth:
    """A user's scores of some cells beside ours: the table of these cells.

    Raises:
        DataError: A cell is there twice.
        UsageError: A column has the name of a score that the table has.
    """
    values, counts = np.unique(cells, return_counts=True)
    if (counts > 1).any():
        cell = values[counts > 1][0]
        rows = (np.flatnonzero(cells == cell) + 1).tolist()
        raise DataError(f"Rows {rows}, column 'net': these are one cell, {truth.nets[cell]}.", "Keep one row.")
    taken = sorted(set(columns) & set(truth.scores))
    if taken:
        raise UsageError(f"There is a score {taken[0]!r} already.", "Rename the column of your table.")
    return truth.rows(cells).with_scores(columns)


def task_of(name: str) -> str:
    """Check the name of a data set.

    Raises:
        UsageError: It is unknown.
    """
    if name not in TASKS:
        raise unknown("data set", name, TASKS)
    return name


def _read(path: Path, columns: Sequence[str] | None, whole: bool = True) -> dict[str, FloatArray]:
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", "Name the folder with `data`, or set ZEROSHOT_DATA.")
    try:
        with gzip.open(path) as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise DataError(f"{path} unfolds to more than {MOST_BYTES >> 20} MiB; no table of these cells does.")
        lines = list(csv.reader(io.StringIO(raw.decode("utf-8"))))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    header = lines[0] if lines else []
    for name in ("index", *(columns or ())):
        if name not in header:
            raise DataError(f"{path} has no column {name!r}.", f"It has: {', '.join(header)}.")
    at = {name: header.index(name) for name in (columns or [name for name in header if name != "index"])}
    out = {name: np.full(space.COUNT, np.nan) for name in at}
    seen = np.zeros(space.COUNT, np.bool_)
    for number, row in enumerate(lines[1:], 1):
        _fill(path, number, row, header, at, out, seen)
    if whole and not seen.all():
        raise DataError(f"{path} lacks cell {int(np.flatnonzero(~seen)[0])}.", "It must have all 15,625.")
    return out


def _fill(
    path: Path, number: int, row: Sequence[str], header: Sequence[str], at: Mapping[str, int],
    out: Mapping[str, FloatArray], seen: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    if len(row) != len(header):
        raise DataError(f"{path}, row {number}: {len(row)} cells where the header has {len(header)}.")
    text = row[header.index("index")]
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) >= space.COUNT:
        raise DataError(f"{path}, row {number}, column 'index': {text!r} is no cell.")
    cell = int(text)
    if seen[cell]:
        raise DataError(f"{path}, row {number}, column 'index': cell {cell} is there twice.")
    seen[cell] = True
    for name, column in at.items():
        try:
            out[name][cell] = float(row[column])
        except ValueError:
            raise DataError(f"{path}, row {number}, column {name!r}: {row[column]!r} is no number.") from None
        if not np.isfinite(out[name][cell]):
            raise DataError(f"{path}, row {number}, column {name!r}: {row[column]} is no measurement.")
