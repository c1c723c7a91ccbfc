"""Types that many modules speak of: arrays by what they hold, a proxy's score, how progress is reported."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]
Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

# What is being done, how many steps are done, of how many.
Progress = Callable[[str, int, int], None]


class CallablePackage(ModuleType):
    """A package that, called, lists what is in it: `zeroshot.spaces()`, as `zeroshot.catalogue.spaces()` does."""

    def __call__(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the function in the catalogue
        """What the catalogue's function of this name gives."""
        return getattr(import_module("zeroshot.catalogue"), self.__name__.rpartition(".")[2])(*args, **options)


@dataclass(frozen=True)
class Score:
    """A proxy's answer for one net.

    Attributes:
        value: The score, NaN where it is undefined.
        status: "ok", or the reason why there is no value.
    """

    value: float
    status: str = "ok"
