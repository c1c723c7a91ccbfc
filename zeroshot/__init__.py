"""zeroshot: rank big-little network pairs for microcontrollers without training them.

>>> import zeroshot
>>> result = zeroshot.search("digits", "nucleo-l4r5zi", latency="5ms", nets=100, shortlist=0)
>>> [pair.rank for pair in result.pairs[:3]], result.pairs[0].latency_ms < 5
([1, 2, 3], True)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zeroshot.cost.boards import boards
    from zeroshot.daily.battery import BatteryLife, battery
    from zeroshot.daily.options import BatteryOptions
    from zeroshot.data import Dataset, load
    from zeroshot.errors import ZeroshotError
    from zeroshot.firmware.export import Firmware, export
    from zeroshot.firmware.options import ExportOptions
    from zeroshot.net import NetSpec
    from zeroshot.pruning.compress import CompressedNet, compress
    from zeroshot.pruning.options import CompressOptions
    from zeroshot.quantization.options import QuantizeOptions
    from zeroshot.quantization.quantize import QuantizedRun, quantize
    from zeroshot.reporting.report import report
    from zeroshot.scoring.modules import score, score_many
    from zeroshot.scoring.plugins import listed_proxies as proxies
    from zeroshot.searching.options import SearchOptions
    from zeroshot.searching.results import SearchResult
    from zeroshot.searching.search import search
    from zeroshot.searching.tune import tune_space
    from zeroshot.spaces import listed_spaces as spaces
    from zeroshot.training.options import TrainOptions
    from zeroshot.training.train import TrainedRun, train

__version__ = "0.2.0"

# Loaded when first asked for: importing the package must not import torch or numba.
_HOMES = {
    "search": "zeroshot.searching.search",
    "SearchOptions": "zeroshot.searching.options",
    "SearchResult": "zeroshot.searching.results",
    "train": "zeroshot.training.train",
    "TrainOptions": "zeroshot.training.options",
    "TrainedRun": "zeroshot.training.train",
    "quantize": "zeroshot.quantization.quantize",
    "QuantizeOptions": "zeroshot.quantization.options",
    "QuantizedRun": "zeroshot.quantization.quantize",
    "compress": "zeroshot.pruning.compress",
    "CompressOptions": "zeroshot.pruning.options",
    "CompressedNet": "zeroshot.pruning.compress",
    "export": "zeroshot.firmware.export",
    "ExportOptions": "zeroshot.firmware.options",
    "Firmware": "zeroshot.firmware.export",
    "battery": "zeroshot.daily.battery",
    "BatteryOptions": "zeroshot.daily.options",
    "BatteryLife": "zeroshot.daily.battery",
    "report": "zeroshot.reporting.report",
    "tune_space": "zeroshot.searching.tune",
    "boards": "zeroshot.cost.boards",
    "Dataset": "zeroshot.data",
    "load": "zeroshot.data",
    "NetSpec": "zeroshot.net",
    "score": "zeroshot.scoring.modules",
    "score_many": "zeroshot.scoring.modules",
    "ZeroshotError": "zeroshot.errors",
}
_LISTINGS = ("proxies", "spaces")  # packages that can be called, see `zeroshot.types.make_callable`

__all__ = [
    "BatteryLife", "BatteryOptions", "CompressOptions", "CompressedNet", "Dataset", "ExportOptions", "Firmware",
    "NetSpec", "QuantizeOptions", "QuantizedRun", "SearchOptions", "SearchResult", "TrainOptions", "TrainedRun",
    "ZeroshotError", "__version__", "battery", "boards", "compress", "export", "load", "proxies", "quantize",
    "report", "score", "score_many", "search", "spaces", "train", "tune_space",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _LISTINGS:
        return import_module(f"zeroshot.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'zeroshot' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
