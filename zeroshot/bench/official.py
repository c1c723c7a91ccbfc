"""The files that the authors publish, converted to the plain tables of `nasbench201.load`, without running them.

NATS-Bench and HW-NAS-Bench come as pickles, NAS-Bench-201 as a `.pth`. A pickle is a program: it names functions and
calls them. Here a name is never looked up. The few that data need (ordered dictionaries and numbers of NumPy) stand
for harmless classes of ours, and any other ends the reading; a `.pth` goes through `torch.load(weights_only=True)`.
"""

import bz2
import csv
import gzip
import io
import os
import pickle
import pickletools
import re
import struct
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from zeroshot.bench.nasbench201 import DEVICES, TASKS
from zeroshot.data.memory import check_room
from zeroshot.errors import DataError, UsageError, ZeroshotError
from zeroshot.runs.files import write_file
from zeroshot.spaces import nasbench201 as space

# Ours -> (the authors' data set, the name of its test images there).
OFFICIAL = {
    "cifar10": ("cifar10", "ori-test"),
    "cifar100": ("cifar100", "x-test"),
    "imagenet16-120": ("ImageNet16-120", "x-test"),
}
MEMO = ("PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET")
UNFOLDS = 4  # objects of a pickle take so many times its bytes, about
MOST_BYTES = 32 << 30
LONG = ("full", "200")  # names of the training of 200 epochs, in NAS-Bench-201 and in NATS-Bench


class _Kind:
    """Stands for numpy.dtype: a kind of plain numbers."""

    def __init__(self, text: str, *_: object) -> None:
        if text[0] not in "biuf":
            raise pickle.UnpicklingError(f"numbers of kind {text!r}")
        self.text = text

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.text = ("<" if state[1] == "|" else str(state[1])) + self.text


def _number(kind: _Kind, raw: bytes) -> float:
    """Stands for numpy's scalar."""
    return float(np.frombuffer(raw, np.dtype(kind.text), 1)[0])


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {("collections", "OrderedDict"): OrderedDict}
_ALLOWED |= {("numpy", "dtype"): _Kind}
_ALLOWED |= {(f"numpy.{core}.multiarray", "scalar"): _number for core in ("core", "_core")}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        found = _ALLOWED.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"it calls for {module}.{name}, which is no plain data")
        return found


def read_pickle(path: Path) -> object:
    """Plain data of a pickle, `.pbz2` (compressed) or not; nothing that it names is looked up or run.

    Raises:
        DataError: It holds something else, or is damaged.
    """
    try:
        with _unfolded(path) as file:
            _check_claims(file, path)
            file.seek(0)
            return _Reader(file).load()
    except DataError:
        raise
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except (
        pickle.UnpicklingError, OSError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError,
        UnicodeDecodeError, struct.error, OverflowError, MemoryError, RecursionError,
    ) as error:  # fmt: skip
        raise DataError(f"{path} cannot be read as plain data: {error}.") from error


@contextmanager
def _unfolded(path: Path) -> Iterator[IO[bytes]]:
    """An official file, decompressed, whose length is known and within the ceiling."""
    if path.suffix != ".pbz2":
        with path.open("rb") as plain:
            yield plain
        return
    # On disk: a small archive may unfold to more than the memory.
    with tempfile.TemporaryFile() as whole, bz2.open(path, "rb") as folded:
        while piece := folded.read(1 << 20):
            whole.write(piece)
            if whole.tell() > MOST_BYTES:
                raise DataError(f"{path} unfolds to more than {MOST_BYTES >> 30} GiB; no official file does.")
        whole.flush()
        whole.seek(0)
        yield whole


def _check_claims(file: IO[bytes], path: Path) -> None:
    """Refuse a pickle that claims more than it holds, before the reader takes memory for it.

    A place in the memo beyond the number of operations is none that a pickler gives; the reader would make room for
    all places before it. Lengths beyond the end of the file are refused by `pickletools` itself.
    """
    size, count = os.fstat(file.fileno()).st_size, 0
    check_room(size * UNFOLDS, str(path), "It is not small enough for this machine.")
    for count, (operation, argument, _) in enumerate(pickletools.genops(cast(IO[bytes], _Bounded(file, size))), 1):  # noqa: B007
        if operation.name in MEMO and isinstance(argument, int) and argument > count:
            raise DataError(f"{path} cannot be read as plain data: it asks for place {argument:,} of a short memo.")


class _Bounded(io.RawIOBase):
    """A file that gives no room for more than it has."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file, self.size = file, size

    def read(self, size: int = -1) -> bytes:
        return self.file.read(min(size, self.size))

    def readline(self, size: int | None = -1) -> bytes:
        return self.file.readline()

    def tell(self) -> int:
        return self.file.tell()


def convert(source: Path, folder: Path) -> Path:
    """Write the plain table of an official file, and return its path.

    `accuracy.csv.gz` holds mean test accuracies over the trainings of 200 epochs; it comes from the folder
    `NATS-tss-v1_0-...-simple` of NATS-Bench, one small file a cell, from its one large `.pickle.pbz2` (which needs
    the memory for all of it), or from NAS-Bench-201's `.pth`. `hwnasbench.csv.gz` comes from HW-NAS-Bench's pickle.

    Args:
        source: The file or folder.
        folder: Gets the table.

    Raises:
        UsageError: There is no such file.
        DataError: It is no such file, or lacks a cell.
    """
    try:
        return _converted(source, folder)
    except ZeroshotError:
        raise
    except Exception as error:  # whatever data of another form bring up: keys of any type, numbers beyond all floats
        raise DataError(f"{source} is not laid out as published: {error!r}.") from error


def _converted(source: Path, folder: Path) -> Path:
    if source.is_dir():
        files = [source / f"{index:06d}.pickle.pbz2" for index in range(space.COUNT)]
        return _accuracies(source, ((index, read_pickle(path)) for index, path in enumerate(files)), folder)
    if not source.is_file():
        raise UsageError(f"There is no file {source}.")
    whole = _read_pth(source) if source.suffix == ".pth" else read_pickle(source)
    if isinstance(whole, dict) and isinstance(whole.get("nasbench201"), dict):
        return _hardware(source, whole["nasbench201"], folder)
    if isinstance(whole, dict) and isinstance(whole.get("arch2infos"), dict):
        return _accuracies(source, whole["arch2infos"].items(), folder)
    raise DataError(f"{source} has neither results of cells ('arch2infos') nor costs ('nasbench201').")


def _accuracies(source: Path, cells: Iterable[tuple[int, Any]], folder: Path) -> Path:
    rows: list[list[Any]] = []
    for index, infos in cells:
        try:
            runs = next(infos[name] for name in LONG if name in infos)
            rows.append([index, space.to_string(space.digits_of(index)), *(_mean(runs, task) for task in TASKS)])
        except (KeyError, TypeError, AttributeError, StopIteration, ZeroDivisionError, UsageError) as error:
            raise DataError(f"{source}, cell {index}: results are not laid out as published: {error!r}.") from error
    rows.sort()
    if [row[0] for row in rows] != list(range(space.COUNT)):
        raise DataError(f"{source} has {len(rows):,} cells; all 15,625 are needed, each once.")
    return _write(
        folder / "accuracy.csv.gz", ["index", "arch", *(f"{short}_test200" for short in TASKS.values())], rows
    )


def _read_pth(path: Path) -> object:
    import torch

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            check_room(sum(each.file_size for each in archive.infolist()), str(path), "No official file is so large.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
        # torch's own words advise to load it with its code
        named = re.search(r"GLOBAL (\S+)", str(error))
        why = f"it calls for {named[1]}" if named else type(error).__name__
        raise DataError(f"{path} cannot be read as plain data: {why}.") from error


def _mean(runs: Mapping[str, Any], task: str) -> float:
    """Mean over the seeds of one data set, percent."""
    data, images = OFFICIAL[task]
    found = [run["eval_acc1es"] for (name, _), run in runs["all_results"].items() if name == data]
    return round(float(sum(accuracies[f"{images}@199"] for accuracies in found)) / len(found), 4)


def _hardware(source: Path, costs: Mapping[str, Any], folder: Path) -> Path:
    columns = {}
    try:
        for task, short in TASKS.items():
            found = costs[OFFICIAL[task][0]]
            for device, kinds in DEVICES.items():
                for kind in kinds:
                    columns[f"{short}_{device}_{kind}"] = [float(value) for value in found[f"{device}_{kind}"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{source} is not laid out as published: {error!r}.") from error
    wrong = [name for name, values in columns.items() if len(values) != space.COUNT]
    if wrong:
        raise DataError(f"{source}: {wrong[0]} has {len(columns[wrong[0]]):,} values, not 15,625.")
    rows = zip(range(space.COUNT), *columns.values(), strict=True)
    return _write(folder / "hwnasbench.csv.gz", ["index", *columns], rows)


def _write(path: Path, header: list[str], rows: Iterable[Sequence[object]]) -> Path:
    """Write whole or not at all."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_file(path, gzip.compress(text.getvalue().encode(), mtime=0))
