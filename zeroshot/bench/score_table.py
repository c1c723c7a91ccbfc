"""A table of scores of NAS-Bench-201 cells and the one small file that keeps it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import msgspec
import numpy as np

from zeroshot.data import Dataset
from zeroshot.data.memory import check_npz
from zeroshot.errors import DataError, UsageError
from zeroshot.probing.probe import Proxy
from zeroshot.runs.files import npz_bytes, write_file
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import ProbeImages, probe_images
from zeroshot.types import BoolArray, Float32Array, Int64Array

DRAW = 0
FORMAT = 1
SIDE = 32  # pixels of the images


@dataclass(frozen=True)
class Protocol:
    """What scores depend on beside the cell and the proxy; scores of two protocols are never mixed.

    Attributes:
        seed: Of the weights (Kaiming-normal, as a search starts its nets) and of noise.
        batch_seed: Of the images.
        images: Images a batch.
        batches: Number of batches.
        draw: Seed of the order of the cells.
        data: Name of the data set.
    """

    seed: int = 0
    batch_seed: int = 0
    images: int = 32
    batches: int = 2
    draw: int = DRAW
    data: str = "cifar10"

    def drawn(self, dataset: Dataset, proxies: Sequence[Proxy]) -> ProbeImages:
        """The images that the proxies want, of a data set that the protocol does not know but by name."""
        return probe_images(dataset, SIDE, self.images, self.batches, proxies, self.batch_seed)


@dataclass(frozen=True)
class CellScores:
    """Scores of the first cells of a draw.

    Attributes:
        protocol: How they were computed.
        cells: (n,) int64 published indices, in the order of the draw.
        columns: Proxy -> (n,) float32, NaN where undefined or not computed yet.
        versions: Proxy -> version of its protocol.
        undefined: Proxy -> cell -> why it has no score.
        machine: Processor and torch that computed them.
    """

    protocol: Protocol
    cells: Int64Array
    columns: Mapping[str, Float32Array]
    versions: Mapping[str, int]
    undefined: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    machine: str = ""

    def missing(self, cell: int, proxies: Sequence[Proxy]) -> list[Proxy]:
        """Those of the proxies that were never computed on this cell, in their present version."""
        rows = np.flatnonzero(self.cells == cell)
        if not len(rows):
            return list(proxies)
        return [p for p in proxies if not self._has(p, int(rows[0]), cell)]

    def known(self, name: str) -> BoolArray:
        """Where a proxy was computed, be it undefined: (n,) bool."""
        return np.asarray(np.isfinite(self.columns[name]) | np.isin(self.cells, list(self.undefined.get(name, {}))))

    def current(self) -> tuple["CellScores", tuple[str, ...]]:
        """Without the columns of other versions than the installed proxies', and the names of these."""
        installed = {proxy.name: proxy.version for proxy in load_proxies()}
        stale = tuple(n for n in self.columns if n in installed and self.versions.get(n) != installed[n])
        return replace(self, columns={name: v for name, v in self.columns.items() if name not in stale}), stale

    def _has(self, proxy: Proxy, row: int, cell: int) -> bool:
        if self.versions.get(proxy.name) != proxy.version:
            return False
        return bool(np.isfinite(self.columns[proxy.name][row])) or cell in self.undefined.get(proxy.name, {})


@dataclass(frozen=True)
class _About:
    """What a file says beside its arrays."""

    format: int
    protocol: Protocol
    versions: dict[str, int]
    undefined: dict[str, dict[int, str]]
    machine: str


def empty(protocol: Protocol, machine: str) -> CellScores:
    """A table without cells."""
    return CellScores(protocol, np.zeros(0, np.int64), {}, {}, {}, machine)


def write(scores: CellScores, path: Path) -> None:
    """Write the file whole or not at all: a compressed .npz of float32 columns and a text in JSON."""
    about = {
        "format": FORMAT, "protocol": vars(scores.protocol), "versions": dict(scores.versions),
        "undefined": {name: {str(k): v for k, v in each.items()} for name, each in scores.undefined.items()},
        "machine": scores.machine,
    }  # fmt: skip
    arrays: dict[str, Any] = {f"score_{name}": values for name, values in scores.columns.items()}
    text = np.array(json.dumps(about, sort_keys=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, npz_bytes({"about": text, "cells": scores.cells, **arrays}))


def read(path: Path) -> CellScores:
    """Read a file of `write`.

    Raises:
        UsageError: There is no such file.
        DataError: It is none of ours, or damaged.
    """
    if not path.is_file():
        raise UsageError(f"There are no stored scores at {path}.", "Name the file with `scores`.")
    try:
        with path.open("rb") as raw:
            check_npz(raw, str(path))
        with np.load(path, allow_pickle=False) as file:
            said = json.loads(str(file["about"]))
            about = msgspec.convert(said, _About, str_keys=True)
            cells = file["cells"]
            columns = {name.removeprefix("score_"): file[name] for name in file.files if name.startswith("score_")}
    except (OSError, ValueError, KeyError, TypeError, BadZipFile, msgspec.ValidationError) as error:
        raise DataError(f"{path} is not a file of stored scores: {error}.", "Score the cells anew.") from error
    wrong = [name for name, values in columns.items() if values.shape != cells.shape or name not in about.versions]
    wrong += sorted(said["protocol"].keys() - vars(about.protocol).keys())  # of a protocol that means more than ours
    if about.format != FORMAT or wrong or len(np.unique(cells)) != len(cells):
        raise DataError(f"{path} is damaged or of another format: {wrong or about.format}.", "Score the cells anew.")
    return CellScores(about.protocol, cells, columns, about.versions, about.undefined, about.machine)
