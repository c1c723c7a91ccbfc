"""NAS-Bench-201's cells as one more space: their stored scores, and what their layers say."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.pair_truth.study import Inputs
from benchmarks.script import RESULTS, data_folder
from zeroshot.accuracy.features import features
from zeroshot.bench import nasbench201
from zeroshot.bench.graph import graph_features
from zeroshot.scoring.defaults import DEFAULT_PROXIES
from zeroshot.spaces import nasbench201 as space
from zeroshot.types import FloatArray

SCORES = RESULTS / "proxy_scores.npz"


@dataclass(frozen=True, eq=False)
class Cells:
    """Distinct cells with a path from input to output, drawn at random.

    Attributes:
        inputs: What is known of them.
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
    known = features(space.layer_table(live[kept]))
    return Cells(Inputs(known, found), truth.accuracy["cifar10"][numbers[kept]])
