"""Types that many modules speak of: arrays by what they hold, a proxy's score, how progress is reported."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
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


def make_callable(package: str, function: Callable[..., Any]) -> None:
    """Let a package, called, do what a function in it does: `zeroshot.spaces()` beside `zeroshot.spaces.mcu`.

    Args:
        package: Its `__name__`; it is being imported.
        function: What a call of it calls.
    """

    class CallablePackage(ModuleType):
        def __call__(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the function
            return function(*args, **options)

    sys.modules[package].__class__ = CallablePackage


@dataclass(frozen=True)
class Score:
    """A proxy's answer for one net.

    Attributes:
        value: The score, NaN where it is undefined.
        status: "ok", or the reason why there is no value.
    """

    value: float
    status: str = "ok"
