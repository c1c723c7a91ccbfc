"""Scores of NAS-Bench-201 cells by the probed proxies: computed cell by cell, kept in one small file.

Cells of one network are scored once: the draw holds one cell of every function, in a seeded order, then the further
networks of these functions. What is scored is the network without its dead operations. Proxies that need passes of
their own may be there on the first cells of the draw alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

import numpy as np

from zeroshot.bench.score_table import DRAW, CellScores, Protocol, empty, read, write
from zeroshot.bench.statistics import ranked_last
from zeroshot.data import load
from zeroshot.errors import UsageError
from zeroshot.probing.probe import Probe, Proxy, evaluate
from zeroshot.runs.folder import processor
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import ProbeImages, default_jobs, net_seed
from zeroshot.spaces import nasbench201
from zeroshot.types import FloatArray, Int64Array, Progress
from zeroshot.workers import torch_threads

__all__ = [
    "DRAW", "TWICE", "CellScores", "Protocol", "drawn_cells", "empty", "extended", "networks", "on_all_rows",
    "probed_proxies", "read", "rescored", "score_cell", "sharing_passes", "write",
]  # fmt: skip

TWICE = ("grasp",)  # differentiates twice, in passes of its own
WORTH_PROCESSES = 4  # cells, of seconds each; a process imports torch for 4 s before its first


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


def probed_proxies() -> tuple[Proxy, ...]:
    """Every proxy that is computed net by net."""
    return tuple(p for p in load_proxies() if p.cost not in ("static", "aggregate"))


def sharing_passes() -> tuple[Proxy, ...]:
    """Those that one shared set of passes gives; each of the others costs as much as all of these together."""
    return tuple(p for p in probed_proxies() if p.cost != "per-sample" and not p.readout and p.name not in TWICE)


def score_cell(
    cell: int, proxies: Sequence[Proxy], images: ProbeImages, protocol: Protocol
) -> dict[str, tuple[float, str]]:
    """Scores of one cell without its dead operations: proxy -> (value, "ok" or the reason why it is NaN)."""
    import torch

    from zeroshot.build import initialise

    digits = nasbench201.live(nasbench201.decode([cell]))[0].tolist()
    seed = net_seed(protocol.seed, nasbench201.to_string(digits))
    with torch_threads(1):
        module = nasbench201.network(digits)
        initialise(module, torch.Generator().manual_seed(seed))
        found = evaluate(list(proxies), Probe(module, images.batches, seed, images.readout))
    return {name: (score.value, score.status) for name, score in found.items()}


def extended(
    scores: CellScores, cells: Int64Array, proxies: Sequence[Proxy], images: ProbeImages, more: Callable[[], bool],
    jobs: int = 1,
) -> CellScores:  # fmt: skip
    """Add what is missing, cell by cell, as long as `more()` says so; other proxies' columns stay.

    Args:
        scores: What is there; it is not changed.
        cells: Cells to score, in this order, none twice.
        proxies: Proxies to have on each of them.
        images: Those of `Protocol.drawn`.
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
    cell: int, proxies: Sequence[Proxy], images: ProbeImages, protocol: Protocol
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


def on_all_rows(scores: CellScores) -> dict[str, FloatArray]:
    """Every published cell gets the scores of its network; see `networks`.

    A cell without a path from input to output ranks last, and so does a network on which a proxy is undefined.

    Returns:
        Proxy -> (15625,) float64, finite; of the proxies that were computed on every network, and of none if a network
        was not scored.
    """
    labels = networks()
    row_of = np.full(labels.max() + 1, -1)
    row_of[labels[scores.cells]] = np.arange(len(scores.cells))
    rows = row_of[labels]
    if (rows[labels >= 0] < 0).any():
        return {}
    found = {}
    for name, values in scores.columns.items():
        if scores.known(name).all() and np.isfinite(values).any():
            found[name] = ranked_last(np.where(labels < 0, np.nan, values.astype(np.float64)[rows]))
    return found


def rescored(count: int, images: str, report: Progress, like: CellScores | None) -> CellScores:
    """Score the first cells of the draw from scratch.

    Args:
        count: How many.
        images: A data set as `zeroshot.data.load` understands it.
        report: Told what was done, how much of it, and of how much.
        like: Whose protocol and proxies to take; the defaults without.

    Raises:
        UsageError: There are not so many cells.
    """
    protocol = like.protocol if like is not None and len(like.cells) else Protocol()
    cells = drawn_cells(protocol.draw)
    if not 1 <= count <= len(cells):
        raise UsageError(f"{count} cells were asked for; there are {len(cells):,} to score.")
    known = {name for name in like.columns if like.known(name).any()} if like is not None else set()
    proxies = [p for p in probed_proxies() if p.name in known] or sharing_passes()
    drawn = protocol.drawn(load(images), proxies)
    done = iter(range(count))

    def more() -> bool:
        report("cells", next(done, count), count)
        return True

    jobs = default_jobs() if count >= WORTH_PROCESSES else 1
    return extended(empty(protocol, processor()), cells[:count], proxies, drawn, more, jobs)
