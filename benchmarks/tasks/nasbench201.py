"""NAS-Bench-201's cells as one more space: their stored scores, and features counted from the cell's graph."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.pair_truth.study import Inputs
from benchmarks.script import RESULTS, data_folder
from zeroshot.accuracy.features import FEATURES
from zeroshot.bench import nasbench201
from zeroshot.bench.graph import WAYS, graph_features
from zeroshot.scoring.defaults import DEFAULT_PROXIES
from zeroshot.spaces import nasbench201 as space
from zeroshot.types import FloatArray, Int32Array

SCORES = RESULTS / "proxy_scores.npz"
CONV1X1, CONV3X3, POOL = 2, 3, 4
SIDE, CELLS, CHANNELS = 32, 5, (16, 32, 64)  # of the image; of a stage; of the stages
CLASSES = 10
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
        "log_field": np.minimum(np.log2(fields(live[kept])), 0),
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


def fields(live: Int32Array) -> FloatArray:
    """Receptive field of the last map over the image's side, (n,) float64: by the way that sees most."""
    wide = np.isin(live, (CONV3X3, POOL))
    open_way = np.stack([(live[:, way] != 0).all(axis=1) for way in WAYS], axis=1)
    depth = np.where(open_way, np.stack([wide[:, way].sum(axis=1) for way in WAYS], axis=1), 0).max(axis=1)
    jumps = (1, 2, 4)
    inside = sum(2 * CELLS * depth * jump for jump in jumps)
    between = sum(2 * jump + 2 * 2 * jump for jump in jumps[:-1])
    return np.asarray((1 + 2 + between + inside) / SIDE, np.float64)
