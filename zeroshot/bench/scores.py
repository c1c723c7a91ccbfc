"""Scores of NAS-Bench-201 cells by the probed proxies: computed cell by cell, kept in one small file.

Cells of one network are scored once: the draw holds one cell of every function, in a seeded order, then the further
networks of these functions. What is scored is the network without its dead operations.
"""

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from zeroshot.errors import DataError, UsageError
from zeroshot.plugins import load_proxies
from zeroshot.probe import Probe, Proxy, evaluate
from zeroshot.scoring import Batches, default_jobs, net_seed, one_thread
from zeroshot.spaces import nasbench201

Int64Array = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
DRAW = 0
# What a shared set of passes gives beside the rest; grasp differentiates twice and comes after it.
LATE = ("grasp",)
FORMAT = 1
# Where a cell's scores come from.
OWN, SAME, LAST, NONE = range(4)
WORTH_PROCESSES = 4  # cells, of seconds each; a process imports torch for 4 s before its first


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

    def _has(self, proxy: Proxy, row: int, cell: int) -> bool:
        if self.versions.get(proxy.name) != proxy.version:
            return False
        return bool(np.isfinite(self.columns[proxy.name][row])) or cell in self.undefined.get(proxy.name, {})


def networks() -> Int64Array:
    """Number of each cell's network, -1 without a path from input to output: (15625,) int64.

    Two cells are one network if they compute the same function with as many weights. A function that adds one
    convolution twice is that of a cell which adds two convolutions, yet the two networks have other scores.
    """
    cells = nasbench201.live(nasbench201.decode(np.arange(nasbench201.COUNT)))
    pairs = np.column_stack([nasbench201.canonical_classes(), nasbench201.params(cells)])
    _, labels = np.unique(pairs, axis=0, return_inverse=True)
    return np.where((cells != 0).any(axis=1), labels.reshape(-1), -1).astype(np.int64)


def drawn_cells(seed: int = DRAW) -> Int64Array:
    """One cell of every network, in a seeded order: (n,) int64 indices.

    First one of every canonical class with a path from input to output, 4,929; then those of other networks that
    compute the same functions.
    """
    rng, labels = np.random.default_rng(seed), networks()
    _, first = np.unique(nasbench201.canonical_classes(), return_index=True)
    first = first[labels[first] >= 0]
    _, each = np.unique(labels, return_index=True)
    others = each[(labels[each] >= 0) & ~np.isin(labels[each], labels[first])]
    return np.concatenate([rng.permutation(first), rng.permutation(others)]).astype(np.int64)


def probed_proxies(dear: bool = False) -> tuple[Proxy, ...]:
    """The proxies that are scored: forward and backward ones, the per-sample ones only if `dear`.

    Without those that read many images: a cell would take twice as long for each of them.
    """
    costs = ("forward", "backward", "per-sample") if dear else ("forward", "backward")
    found = [p for p in load_proxies() if p.cost in costs and not p.readout]
    return tuple(sorted(found, key=lambda p: p.name in LATE))


def score_cell(
    cell: int, proxies: Sequence[Proxy], images: Batches, protocol: Protocol
) -> dict[str, tuple[float, str]]:
    """Scores of one cell without its dead operations: proxy -> (value, "ok" or the reason why it is NaN)."""
    import torch

    from zeroshot.build import initialise

    digits = nasbench201.live(nasbench201.decode([cell]))[0].tolist()
    seed = net_seed(protocol.seed, nasbench201.to_string(digits))
    with one_thread():
        module = nasbench201.network(digits)
        initialise(module, torch.Generator().manual_seed(seed))
        found = evaluate(list(proxies), Probe(module, images, seed))
    return {name: (score.value, score.status) for name, score in found.items()}


def extended(
    scores: CellScores, cells: Int64Array, proxies: Sequence[Proxy], images: Batches, more: Callable[[], bool],
    jobs: int = 1,
) -> CellScores:  # fmt: skip
    """Add what is missing, cell by cell, as long as `more()` says so; other proxies' columns stay.

    Args:
        scores: What is there; it is not changed.
        cells: Cells to score, in this order, none twice.
        proxies: Proxies to have on each of them.
        images: The batches of `scores.protocol`.
        more: Asked before each cell is begun.
        jobs: Worker processes; 1 works in this process. The scores do not depend on it.
    """
    work = _Work(scores, proxies)
    missing = ((cell, work.scores.missing(cell, proxies)) for cell in cells.tolist())
    wanted = [(cell, some) for cell, some in missing if some]
    tasks = ((cell, some, images, scores.protocol) for cell, some in takewhile(lambda _: more(), wanted))
    for cell, found in _scored(tasks, jobs):
        work.add(cell, found)
    return work.scores


def _scored(tasks: Iterator[tuple[Any, ...]], jobs: int) -> Iterator[tuple[int, dict[str, tuple[float, str]]]]:
    """Each cell with its scores, in the order of the tasks."""
    if jobs == 1:
        yield from (_with_cell(*task) for task in tasks)
        return
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", inner_max_num_threads=1):
        yield from Parallel(n_jobs=jobs, return_as="generator", pre_dispatch=jobs)(
            delayed(_with_cell)(*task) for task in tasks
        )


def _with_cell(
    cell: int, proxies: Sequence[Proxy], images: Batches, protocol: Protocol
) -> tuple[int, dict[str, tuple[float, str]]]:
    return cell, score_cell(cell, proxies, images, protocol)


class _Work:
    """A growing table: columns are lists until it is asked for, since arrays do not grow."""

    def __init__(self, scores: CellScores, proxies: Sequence[Proxy]) -> None:
        stale = {p.name for p in proxies if scores.versions.get(p.name) != p.version}
        columns = {name: values for name, values in scores.columns.items() if name not in stale}
        columns |= {name: np.full(len(scores.cells), np.nan, np.float32) for name in stale}
        undefined = {name: reasons for name, reasons in scores.undefined.items() if name not in stale}
        versions = {**scores.versions, **{p.name: p.version for p in proxies}}
        self.scores = replace(scores, columns=columns, versions=versions, undefined=undefined)

    def add(self, cell: int, found: Mapping[str, tuple[float, str]]) -> None:
        old = self.scores
        columns = {name: values.copy() for name, values in old.columns.items()}
        cells = old.cells
        rows = np.flatnonzero(cells == cell)
        if not len(rows):
            cells = np.append(cells, cell)
            columns = {name: np.append(values, np.float32(np.nan)) for name, values in columns.items()}
            rows = np.array([len(cells) - 1])
        undefined = {name: dict(reasons) for name, reasons in old.undefined.items()}
        for name, (value, status) in found.items():
            columns[name][rows[0]] = value
            if status != "ok" or not np.isfinite(np.float32(value)):
                undefined.setdefault(name, {})[cell] = status if status != "ok" else f"the score is {value}"
                columns[name][rows[0]] = np.nan
        self.scores = replace(old, cells=cells, columns=columns, undefined=undefined)


def on_all_rows(scores: CellScores) -> tuple[dict[str, Float64Array], Int64Array]:
    """Every published cell gets the scores of its network; see `networks`.

    Where its network was not scored, those of another network that computes the same function. A cell without a path
    from input to output ranks last, and so does a network on which a proxy is undefined: both get a value just below
    the lowest.

    Returns:
        Proxy -> (15625,) float64, NaN where the function was not scored; and where each cell's scores come from,
        (15625,) int64: `OWN` network, `SAME` function, `LAST` for want of a path, `NONE`.
    """
    labels, groups = networks(), nasbench201.canonical_classes()
    own, same = (_row_of(each, scores.cells) for each in (labels, groups))
    rows = np.where(own >= 0, own, same)
    source = np.where(labels < 0, LAST, np.where(own >= 0, OWN, np.where(same >= 0, SAME, NONE)))
    found = {}
    for name, values in scores.columns.items():
        if np.isfinite(values).any():
            last = np.nextafter(np.nanmin(values).astype(np.float64), -np.inf)
            undefined = np.isin(scores.cells, list(scores.undefined.get(name, {})))
            filled = np.where(undefined, last, values.astype(np.float64))
            found[name] = np.where(source == LAST, last, np.where(source == NONE, np.nan, filled[rows]))
    return found, source


def _row_of(labels: Int64Array, cells: Int64Array) -> Int64Array:
    """Row of the first of some cells with each cell's label, -1 where there is none: (15625,) int64."""
    rows = np.full(labels.max() + 1, -1)
    rows[labels[cells[::-1]]] = np.arange(len(cells))[::-1]
    return np.where(labels >= 0, rows[labels], -1)


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
    buffer = io.BytesIO()
    np.savez_compressed(buffer, about=np.array(json.dumps(about, sort_keys=True)), cells=scores.cells, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(buffer.getvalue())
    os.replace(partial, path)


def read(path: Path) -> CellScores:
    """Read a file of `write`.

    Raises:
        UsageError: There is no such file.
        DataError: It is none of ours, or damaged.
    """
    if not path.is_file():
        raise UsageError(f"There are no stored scores at {path}.", "Name the file with --scores.")
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            cells = file["cells"]
            columns = {name.removeprefix("score_"): file[name] for name in file.files if name.startswith("score_")}
        protocol = Protocol(**about["protocol"])
        undefined = {name: {int(k): v for k, v in each.items()} for name, each in about["undefined"].items()}
        versions, machine, version = dict(about["versions"]), str(about["machine"]), about["format"]
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise DataError(f"{path} is not a file of stored scores: {error}.") from error
    wrong = [name for name, values in columns.items() if values.shape != cells.shape or name not in versions]
    if version != FORMAT or wrong or len(np.unique(cells)) != len(cells):
        raise DataError(f"{path} is damaged or of another format: {wrong or version}.", "Score the cells anew.")
    return CellScores(protocol, cells, columns, versions, undefined, machine)


def rescored(count: int, images: str, report: Callable[[str, int, int], None], like: CellScores | None) -> CellScores:
    """Score the first cells of the draw from scratch.

    Args:
        count: How many.
        images: A data set as `zeroshot.data.load` understands it.
        report: Told what was done, how much of it, and of how much.
        like: Whose protocol and proxies to take; the defaults without.

    Raises:
        UsageError: There are not so many cells.
    """
    from zeroshot.data import batches, load
    from zeroshot.runs import processor

    protocol = like.protocol if like is not None and len(like.cells) else Protocol()
    cells = drawn_cells(protocol.draw)
    if not 1 <= count <= len(cells):
        raise UsageError(f"{count} cells were asked for; there are {len(cells):,} to score.")
    known = {name for name, values in like.columns.items() if np.isfinite(values).any()} if like is not None else set()
    proxies = [p for p in load_proxies() if p.name in known] or [p for p in probed_proxies() if p.name not in LATE]
    data = load(images)
    drawn = batches(data, 32, protocol.images, protocol.batches, protocol.batch_seed)
    done = iter(range(count))

    def more() -> bool:
        report("cells", next(done, count), count)
        return True

    jobs = default_jobs() if count >= WORTH_PROCESSES else 1
    return extended(empty(protocol, processor()), cells[:count], proxies, drawn, more, jobs)
