"""Population x proxies -> score table: static proxies in one vectorised call, probed ones net by net in parallel."""

import hashlib
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.data import Dataset, batches
from zeroshot.net import LayerTable, NetSpec
from zeroshot.probing.probe import Proxy, Score
from zeroshot.resolution import Resolution
from zeroshot.types import FloatArray
from zeroshot.workers import in_processes, in_threads, one_blas_thread, torch_threads

if TYPE_CHECKING:
    from torch import Tensor

Batches = list[tuple["Tensor", "Tensor"]]
# Below it, threads are done before processes have started: each imports torch anew, 4 s and 300 MB.
WORTH_PROCESSES = 300
OURS = "zeroshot.proxies."  # proxies of which we know that they share nothing between threads


@dataclass(frozen=True)
class NetScores:
    """Probed scores of one net.

    Attributes:
        net: Its short spec.
        scores: Proxy name -> value, or NaN with the reason as status.
    """

    net: str
    scores: Mapping[str, Score]


def score_static(table: LayerTable, proxies: Sequence[Proxy]) -> FloatArray:
    """Static proxies of a population: (n_nets, n_proxies) float64; proxies of other cost classes are left out."""
    columns = [np.asarray(p.function(table), np.float64) for p in proxies if p.cost == "static"]
    return np.column_stack(columns) if columns else np.zeros((len(table), 0))


def score_aggregate(proxy: Proxy, columns: Mapping[str, FloatArray]) -> FloatArray:
    """An aggregate of one population: (n_nets,) float64.

    Args:
        proxy: The aggregate.
        columns: Scores of at least its parts: name -> (n_nets,) float64, NaN where undefined.
    """
    return np.asarray(proxy.function(np.column_stack([columns[name] for name in proxy.parts])), np.float64)


def joined(tables: Sequence[LayerTable]) -> LayerTable:
    """The nets of several tables, in that order, as one population; at least one table."""
    sizes = np.concatenate([np.diff(table.ptr) for table in tables])
    return LayerTable(np.concatenate([table.rows for table in tables]), np.concatenate([[0], np.cumsum(sizes)]))


def net_seed(seed: int, net: str) -> int:
    """The seed of one net: depends on the run's seed and the net, never on the worker or the order."""
    digest = hashlib.sha256(f"{seed}:{net}".encode()).digest()
    return int.from_bytes(digest[:7], "little")


@dataclass(frozen=True)
class ProbeImages:
    """What nets of one resolution are probed on.

    Attributes:
        batches: Labelled batches.
        readout: Further ones for proxies that read many images; empty where none does.
    """

    batches: Batches
    readout: Batches = field(default_factory=list)


def probe_images(
    dataset: Dataset, resolution: Resolution, size: int, count: int, proxies: Sequence[Proxy], seed: int
) -> ProbeImages:
    """Draw what some proxies need; readout batches are as many as the training images allow, up to what is wanted.

    Args:
        dataset: Its training images are drawn from.
        resolution: Of the images, pixels.
        size: Images a batch.
        count: Batches.
        proxies: Of any cost; their readout images are drawn too.
        seed: Of the draw.

    Raises:
        DataError: There are too few training images for the batches.
        UsageError: Size, count, resolution or seed is out of range.
    """
    from zeroshot.probing.passes import channels_last

    def draw(n: int) -> Batches:  # laid out as a probe wants them, once and not for each net
        return [(channels_last(x), y) for x, y in batches(dataset, resolution, size, n, seed)]

    wanted = min(max((p.readout for p in proxies), default=0), len(dataset.y_train))
    return ProbeImages(draw(count), draw(wanted // size) if wanted >= size else [])


def probe_net(net: str, classes: int, images: ProbeImages, proxies: Sequence[Proxy], seed: int) -> NetScores:
    """Build one net, initialise it from its own seed and score it on one thread."""
    import torch

    from zeroshot.build import build, initialise
    from zeroshot.probing.probe import Probe, evaluate

    own_seed = net_seed(seed, net)
    with torch_threads(1):
        module = build(NetSpec.parse(net), images.batches[0][0].shape[1], classes)
        initialise(module, torch.Generator().manual_seed(own_seed))
        probe = Probe(module, images.batches, own_seed, images.readout)
        return NetScores(net, evaluate(proxies, probe))


def score_probed(
    nets: Sequence[str],
    classes: int,
    images: Mapping[Resolution, ProbeImages],
    proxies: Sequence[Proxy],
    seed: int,
    jobs: int | None,
) -> Generator[NetScores]:
    """Probe nets in parallel and yield their scores in the order given, each as soon as it is there.

    Args:
        nets: Short specs.
        classes: Number of classes.
        images: Resolution -> labelled images at that resolution.
        proxies: The probed proxies.
        seed: The run's seed.
        jobs: Worker processes; 1 works in this process, None decides by the amount of work: threads of this process
            where that suffices and no plug-in takes part. The scores do not depend on it.

    Raises:
        WorkerError: A worker died; the message has the nets that were being probed.
    """
    tasks = [(net, classes, images[NetSpec.parse(net).resolution], proxies, seed) for net in nets]
    n = default_jobs() if jobs is None else jobs
    few = jobs is None and len(nets) < WORTH_PROCESSES
    if n == 1 or len(nets) < 2 or (few and not all(p.function.__module__.startswith(OURS) for p in proxies)):
        results: Generator[NetScores] = (probe_net(*task) for task in tasks)
    else:
        results = in_threads(probe_net, tasks, n) if few else in_processes(probe_net, tasks, nets, n, threads=1)
    # Closed by name: an interrupt must stop the workers now, not when the garbage is collected.
    with one_blas_thread(), closing(results):
        yield from results


def default_jobs() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
