"""A recording that is not read yet, and the error of one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from zeroshot.data.class_folders import safe
from zeroshot.errors import DataError

RECODE = "Convert it: ffmpeg -i OLD -c:a pcm_s16le NEW.wav"

Raw = npt.NDArray[Any]  # (frames, channels): int16 or int32 to full scale, or floats


@dataclass(frozen=True)
class Sound:
    """A recording that is not read yet.

    Attributes:
        path: Of the file.
        rate: Hz.
        channels: How many.
        frames: Samples of each.
        read: Gives the samples.
    """

    path: Path
    rate: int
    channels: int
    frames: int
    read: Callable[[], Raw]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.rate


def bad(path: Path, what: str, hint: str = "Repair or remove it.") -> DataError:
    """The error of a file."""
    return DataError(f"{safe(path)} {what}", hint)
