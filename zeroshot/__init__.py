"""zeroshot: rank big-little network pairs for microcontrollers without training them.

>>> import zeroshot
>>> result = zeroshot.search("digits", "nucleo-l4r5zi", latency="5ms", nets=100, shortlist=0)
>>> sorted(result.pairs[0])[:3]
['accuracy', 'accuracy_high', 'accuracy_low']
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zeroshot.data import Dataset, load
    from zeroshot.errors import ZeroshotError
    from zeroshot.net import NetSpec
    from zeroshot.pruning.compress import CompressedNet, compress
    from zeroshot.quantization.quantize import QuantizedRun, quantize
    from zeroshot.scoring.modules import score, score_many
    from zeroshot.searching.results import SearchResult
    from zeroshot.searching.search import search
    from zeroshot.training.train import TrainedRun, train

__version__ = "0.1.0"

# Loaded when first asked for: importing the package must not import torch or numba.
_HOMES = {
    "search": "zeroshot.searching.search",
    "SearchResult": "zeroshot.searching.results",
    "train": "zeroshot.training.train",
    "TrainedRun": "zeroshot.training.train",
    "quantize": "zeroshot.quantization.quantize",
    "QuantizedRun": "zeroshot.quantization.quantize",
    "compress": "zeroshot.pruning.compress",
    "CompressedNet": "zeroshot.pruning.compress",
    "Dataset": "zeroshot.data",
    "load": "zeroshot.data",
    "NetSpec": "zeroshot.net",
    "score": "zeroshot.scoring.modules",
    "score_many": "zeroshot.scoring.modules",
    "ZeroshotError": "zeroshot.errors",
}

__all__ = [
    "CompressedNet", "Dataset", "NetSpec", "QuantizedRun", "SearchResult", "TrainedRun", "ZeroshotError",
    "__version__", "compress", "load", "quantize", "score", "score_many", "search", "train",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'zeroshot' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
