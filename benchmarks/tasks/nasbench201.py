"""NAS-Bench-201's cells as one more space: their stored scores, and features counted from the cell's graph."""

from dataclasses import dataclass, field
from itertools import pairwise, product
from pathlib import Path

import numpy as np

from benchmarks.pair_truth.study import Inputs
from benchmarks.script import RESULTS, data_folder
from zeroshot.accuracy.features import ENOUGH, FEATURES
from zeroshot.bench import nasbench201
from zeroshot.bench.graph import WAYS, graph_features
from zeroshot.scoring.defaults import DEFAULT_PROXIES
from zeroshot.spaces import nasbench201 as space
from zeroshot.types import BoolArray, FloatArray, Int32Array

SCORES = RESULTS / "proxy_scores.npz"
CONV1X1, CONV3X3, POOL = 2, 3, 4
SIDE, CELLS, CHANNELS = 32, 5, (16, 32, 64)  # of the image; of a stage; of the stages
CLASSES = 10
NODES, LAST = (1, 2), 3  # of a cell, between its input, 0, and its output
# What lies around the cells: a stem of 3x3, and before the second and third stage a residual block of two 3x3
# convolutions, the first with stride 2, beside a 1x1, as (channels in, channels out, side of the output, kernel).
AROUND = (
    (3, 16, 32, 3), (16, 32, 16, 3), (32, 32, 16, 3), (16, 32, 16, 1), (32, 64, 8, 3), (64, 64, 8, 3), (32, 64, 8, 1),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Cells:
    """Distinct cells with a path from input to output, drawn at random.

    Attributes:
        inputs: What is known of them; features that all cells share are 0.
        accuracy: (n,) on CIFAR-10 after 200 epochs, %.
    """

    inputs: Inputs = field(repr=False)
    accuracy: FloatArray


def load_cells(scores: Path = SCORES) -> Cells:
    """Read those on which every proxy of the default fusion was computed.

    Raises:
        DataError: ZEROSHOT_DATA has no NAS-Bench-201.
    """
    with np.load(scores, allow_pickle=False) as held:
        numbers = held["cells"]
        columns = {name[6:]: held[name].astype(np.float64) for name in held.files if name.startswith("score_")}
    live = space.live(space.decode(numbers))
    kept = (live != 0).any(axis=1)
    for name in set(DEFAULT_PROXIES) & set(columns):
        kept &= np.isfinite(columns[name])
    graph = graph_features(live[kept])
    truth = nasbench201.load(data_folder("nasbench201"), hardware=False)
    found = {name: values[kept] for name, values in columns.items()} | {
        "macs": graph["macs"], "params": graph["params"],
    }  # fmt: skip
    known = {
        "log_macs": np.log10(graph["macs"]), "log_params": np.log10(graph["params"]),
        "log_balanced_macs": np.log10((stage_macs(live[kept]) ** 0.25).sum(axis=1) ** 4),
        "log_field": np.minimum(np.log2(fields(live[kept])), np.log2(ENOUGH)),
        "log_segment_macs": segment_macs(live[kept]),
    }  # fmt: skip
    shared = dict.fromkeys(FEATURES, np.zeros(int(kept.sum())))
    return Cells(Inputs(shared | known, found), truth.accuracy["cifar10"][numbers[kept]])


def stage_macs(live: Int32Array) -> FloatArray:
    """Multiply-accumulates of the three stages, each at its own resolution, and of the classifier, (n, 4) float64."""
    counts = np.stack([(live == CONV1X1).sum(axis=1), 9 * (live == CONV3X3).sum(axis=1)]).sum(axis=0)
    found = [CELLS * c**2 * (SIDE >> i) ** 2 * counts for i, c in enumerate(CHANNELS)]
    for a, b, side, kernel in AROUND:
        found[CHANNELS.index(b)] = found[CHANNELS.index(b)] + kernel**2 * a * b * side**2
    return np.asarray(np.stack([*found, np.full(len(live), CHANNELS[-1] * CLASSES)], axis=1), np.float64)


def segment_macs(live: Int32Array) -> FloatArray:
    """Mean log10 of the multiply-accumulates between two tensors that every path passes, (n,) float64."""
    around = [kernel**2 * a * b * side**2 for a, b, side, kernel in AROUND]
    # A residual block is one segment, shortcut included.
    shared = np.log10([around[0], sum(around[1:4]), sum(around[4:7])])
    done = np.select([live == CONV1X1, live == CONV3X3], [1, 9], 0).astype(np.float64)
    meets = np.stack([_all_meet(live, node) for node in NODES], axis=1)
    total, count = np.full(len(live), shared.sum()), np.full(len(live), float(len(shared)))
    for parts in product((False, True), repeat=len(NODES)):
        rows = (meets == parts).all(axis=1)
        ends = [0, *(node for node, cut in zip(NODES, parts, strict=True) if cut), LAST]
        for first, last in pairwise(ends):
            inside = [i for i, (a, b) in enumerate(space.EDGES) if first <= a and b <= last]
            work = done[rows][:, inside].sum(axis=1)
            some = work > 0  # pooling and shortcuts alone are no segment
            scales = [c**2 * (SIDE >> i) ** 2 for i, c in enumerate(CHANNELS)]
            total[rows] += CELLS * np.where(some, sum(np.log10(np.maximum(work, 1) * s) for s in scales), 0.0)
            count[rows] += CELLS * len(CHANNELS) * some
    return np.asarray(total / count)


def _all_meet(live: Int32Array, node: int) -> BoolArray:
    """Whether every path through a cell passes a node, (n,) bool."""
    past = [i for i, (a, b) in enumerate(space.EDGES) if a < node < b]
    reached = [i for i, (_, b) in enumerate(space.EDGES) if b == node]
    return np.asarray((live[:, past] == 0).all(axis=1) & (live[:, reached] != 0).any(axis=1))


def fields(live: Int32Array) -> FloatArray:
    """Receptive field of the last map over the image's side, (n,) float64: by the way that sees most."""
    wide = np.isin(live, (CONV3X3, POOL))
    open_way = np.stack([(live[:, way] != 0).all(axis=1) for way in WAYS], axis=1)
    depth = np.where(open_way, np.stack([wide[:, way].sum(axis=1) for way in WAYS], axis=1), 0).max(axis=1)
    jumps = (1, 2, 4)
    inside = sum(2 * CELLS * depth * jump for jump in jumps)
    between = sum(2 * jump + 2 * 2 * jump for jump in jumps[:-1])
    return np.asarray((1 + 2 + between + inside) / SIDE, np.float64)
