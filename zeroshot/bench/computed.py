"""Scores that the stored tables lack: those of anybody's installed proxy, computed as the stored ones were."""

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from zeroshot.bench import scores as cell_scores
from zeroshot.bench.score_table import CellScores
from zeroshot.cost.counts import macs
from zeroshot.data import load
from zeroshot.errors import DataError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.probing.probe import Proxy
from zeroshot.resolution import Resolution
from zeroshot.runs.folder import processor
from zeroshot.scoring.plugins import load_proxies, with_parts
from zeroshot.scoring.population import (
    WORTH_PROCESSES,
    ProbeImages,
    default_jobs,
    probe_images,
    probe_net,
    score_aggregate,
    score_probed,
    score_static,
)
from zeroshot.spaces import nasbench201
from zeroshot.types import FloatArray, Progress

CELLS = 300
CHANNELS = 3
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is to be computed, and how.

    Attributes:
        proxies: Names; those that are stored are not computed again.
        images: A data set as `zeroshot.data.load` understands it.
        cells: First cells of the draw that are scored, of NAS-Bench-201.
        tell: Told how long it will take before it is begun.
        report: Told what was done.
    """

    proxies: Sequence[str]
    images: str
    cells: int
    tell: Tell
    report: Progress


def _lacking(wanted: Wanted, stored: Container[str]) -> tuple[list[Proxy], list[Proxy]]:
    """Aggregates that are not stored, and further proxies to compute, parts of these among them.

    Raises:
        UsageError: A name is neither stored nor installed.
    """
    missing = load_proxies([name for name in wanted.proxies if name not in stored])
    return [p for p in missing if p.parts], [p for p in with_parts(missing) if p.name not in stored]


def on_zoo(
    nets: Sequence[str], stored: Mapping[str, FloatArray], folder: Path, wanted: Wanted
) -> dict[str, FloatArray]:
    """Scores of nets of the `mcu` space: proxy -> (n,) float64, NaN where it is undefined.

    Args:
        nets: Short specs.
        stored: Scores that are there.
        folder: The protocol of these is in its `scores.json`: seed, images a batch, batches.
        wanted: What is wanted.

    Raises:
        UsageError: A name is neither stored nor installed.
        DataError: The images are not those of the stored scores, or cannot be loaded.
    """
    aggregates, new = _lacking(wanted, stored)
    if not (aggregates or new):
        return {}
    found: dict[str, FloatArray] = {}
    probed = [p for p in new if p.cost != "static"]
    protocol, digest = _protocol(folder / "scores.json")
    if probed:
        dataset = load(wanted.images)
        if digest and dataset.digest != digest:
            raise DataError(
                f"The stored scores are of other images than {wanted.images}.", "Name the images with `images`."
            )
        specs = [NetSpec.parse(net) for net in nets]
        size, batches, seed = protocol["batch"], protocol["batches"], protocol["seed"]
        batches = max([batches, *(p.batches for p in probed)])
        images = {
            side: probe_images(dataset, side, size, batches, probed, seed) for side in {s.resolution for s in specs}
        }
        found |= _probed(nets, dataset.classes, images, probed, seed, wanted)
    table = layer_table(spec_array([NetSpec.parse(net) for net in nets]), CHANNELS, 10)
    found |= {p.name: score_static(table, [p])[:, 0] for p in new if p.cost == "static"}
    return found | {p.name: score_aggregate(p, {**stored, **found}) for p in aggregates}


def _probed(
    nets: Sequence[str], classes: int, images: Mapping[Resolution, ProbeImages], proxies: Sequence[Proxy], seed: int,
    wanted: Wanted,
) -> dict[str, FloatArray]:  # fmt: skip
    order = np.argsort(macs(layer_table(spec_array([NetSpec.parse(net) for net in nets]), CHANNELS, classes)))
    for at in (order[0], order[len(order) // 2]):  # the first one also loads what all need
        begun = perf_counter()
        probe_net(nets[at], classes, images[NetSpec.parse(nets[at]).resolution], proxies, seed)
    jobs = default_jobs() if len(nets) >= WORTH_PROCESSES else 1
    wanted.tell(_takes(proxies, f"{len(nets)} nets", (perf_counter() - begun) * len(nets) / jobs))
    rows = []
    with closing(score_probed(nets, classes, images, proxies, seed, jobs)) as results:
        for each in results:
            rows.append([each.scores[p.name].value for p in proxies])
            wanted.report("nets", len(rows), len(nets))
    return {p.name: np.array(column, np.float64) for p, column in zip(proxies, zip(*rows, strict=True), strict=True)}


def _protocol(path: Path) -> tuple[dict[str, int], str]:
    """Seed, images a batch and batches of the stored scores, and the hash of their images; ours without the file."""
    default = {"seed": 0, "batch": 32, "batches": 2}
    if not path.is_file():
        return default, ""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))["protocol"]
        return {name: int(said[name]) for name in default}, str(said["data_sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read: {error!r}.", "Restore it.") from error


def on_cells(
    own: CellScores | None, known: Iterable[str], wanted: Wanted
) -> tuple[CellScores | None, dict[str, FloatArray]]:
    """Stored scores with those of further proxies on the first cells of the draw.

    Args:
        own: What is stored.
        known: Names of scores that need no computing.
        wanted: What is wanted.

    Returns:
        The scores, and those of static proxies, which are computed on all cells: proxy -> (15625,) float64.

    Raises:
        UsageError: A name is neither stored nor installed, or there are not so many cells.
        DataError: The images cannot be loaded.
    """
    stored = own.current()[0].columns if own is not None else {}
    _, new = _lacking(wanted, {*stored, *known, "az_complexity"})  # for which `macs` stands
    static = [p for p in new if p.cost == "static"]
    cells = nasbench201.layer_table(nasbench201.live(nasbench201.decode(np.arange(nasbench201.COUNT))))
    columns = {p.name: score_static(cells, [p])[:, 0] for p in static}
    probed = [p for p in new if p.cost != "static"]
    if not probed:
        return own, columns
    own = own or cell_scores.empty(cell_scores.Protocol(), processor())
    draw = cell_scores.drawn_cells(own.protocol.draw)
    if not 1 <= wanted.cells <= len(draw):
        raise UsageError(f"{wanted.cells} cells were asked for; there are {len(draw):,} to score.")
    chosen = draw[: wanted.cells]
    images = own.protocol.drawn(load(wanted.images), probed)
    for cell in chosen[:2].tolist():  # the first one also loads what all need
        begun = perf_counter()
        cell_scores.score_cell(cell, probed, images, own.protocol)
    jobs = default_jobs() if len(chosen) >= cell_scores.WORTH_PROCESSES else 1
    wanted.tell(_takes(probed, f"{len(chosen)} cells", (perf_counter() - begun) * len(chosen) / jobs))
    done = iter(range(len(chosen)))

    def more() -> bool:
        wanted.report("cells", next(done, len(chosen)), len(chosen))
        return True

    return cell_scores.extended(own, chosen, probed, images, more, jobs), columns


def _takes(proxies: Sequence[Proxy], what: str, seconds: float) -> str:
    names = ", ".join(p.name for p in proxies)
    time = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    return f"Scoring {what} by {names} takes about {time}."
