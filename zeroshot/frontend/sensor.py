"""What a stream of samples needs of a front end, alike for sound and motion: its sizes, its pictures, its C."""

import math
from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from zeroshot.errors import UsageError
from zeroshot.frontend.c_source import frontend_sources
from zeroshot.frontend.cost import front_end_cost
from zeroshot.frontend.features import frame_features, seen
from zeroshot.frontend.motion import Motion, motion_features, motion_sources
from zeroshot.frontend.options import AnyFrontEnd, FrontEnd, ScaledMotion
from zeroshot.types import ByteArray


class Sensor(ABC):
    """A front end as what feeds a net.

    Attributes:
        kind: `sound` or `motion`.
        asked: The options that it was made from.
        axes: Values of a sample.
        steps: Of each axis of motion its name, and what a value of 1 is in its unit.
        renewed: Values of the picture that a hop makes anew, its last ones.
        kept: Bytes of RAM that outlive a hop: the picture, and the newest samples behind it.
        scratch: Bytes of RAM that are used only while samples are taken.
        tables: Bytes of constants in flash.
        relative: Whether nets see another picture than the one that is kept, made of it for each decision.
    """

    kind: str
    asked: FrontEnd | Motion
    axes: int
    steps: tuple[tuple[str, float], ...] = ()
    renewed: int
    kept: int
    scratch: int
    tables: int
    relative: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the picture."""
        return self.asked.shape

    @property
    def hop(self) -> int:
        """Samples from one picture to the next."""
        return self.asked.hop

    @property
    def first(self) -> int:
        """Hops until a picture is full."""
        return -(-self.asked.window // self.asked.hop)

    def pictures(self, samples: npt.NDArray[np.int16]) -> ByteArray:
        """The picture after each hop, from the first full one on.

        Args:
            samples: (n,) int16 of sound, (n, axes) int16 of motion.

        Returns:
            (pictures, *shape) uint8, what the net was trained on; outputs of int8 count from 0, too.

        Raises:
            DataError: The samples are of another type or shape.
        """
        made, step = self._rows(samples)
        height = math.prod(self.shape) // made.shape[1]
        if len(made) < height:
            return np.zeros((0, *self.shape), np.uint8)
        pixels = (made.astype(np.int64) - self.asked.smallest).astype(np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(pixels, height, axis=0)[::step]
        return self._seen(np.ascontiguousarray(windows.transpose(0, 2, 1)).reshape(-1, *self.shape))

    def _seen(self, pictures: ByteArray) -> ByteArray:
        """What nets see of pictures whose outputs count from 0."""
        return pictures

    @abstractmethod
    def _rows(self, samples: npt.NDArray[np.int16]) -> tuple[npt.NDArray[np.integer], int]:
        """Frames of sound or samples of motion, as the picture has them, from the first full picture on.

        Returns:
            (n, values of each), and how many of them are between two pictures.
        """

    @abstractmethod
    def sources(self, name: str, dsp: str) -> dict[str, str]:
        """C files; arguments as `zeroshot.frontend.c_source.frontend_sources`."""

    @property
    def _skipped(self) -> int:
        """Samples before the first full picture."""
        return self.first * self.hop - self.asked.window


class Sound(Sensor):
    """A microphone."""

    kind, axes = "sound", 1

    def __init__(self, front_end: FrontEnd) -> None:
        self.asked = self._front_end = front_end
        self.renewed = front_end.width
        cost = front_end_cost(front_end)
        self.kept, self.scratch, self.tables = cost.kept, cost.scratch, cost.tables
        self.relative = front_end.relative

    def _rows(self, samples: npt.NDArray[np.int16]) -> tuple[npt.NDArray[np.integer], int]:
        return frame_features(self._front_end, samples[self._skipped :]), 1

    def _seen(self, pictures: ByteArray) -> ByteArray:
        return seen(replace(self._front_end, output="uint8"), pictures).astype(np.uint8)

    def sources(self, name: str, dsp: str) -> dict[str, str]:  # noqa: D102 - as of the base
        return frontend_sources(self._front_end, name, dsp)


class Movement(Sensor):
    """A sensor of motion, as its training samples scaled it."""

    kind, scratch = "motion", 0

    def __init__(self, front_end: ScaledMotion) -> None:
        motion, scaling = front_end.motion, front_end.scaling
        if not len(scaling.multipliers) == len(scaling.shifts) == motion.axes:
            raise UsageError(
                f"Motion of {motion.axes} axes has {len(scaling.multipliers)} factors.", "Calibrate it anew."
            )
        self.asked = self._motion = motion
        self._scaling = scaling
        self.steps = tuple(zip(front_end.axes, front_end.step, strict=True))
        self.axes, self.renewed = motion.axes, motion.hop * motion.axes
        self.kept, self.tables = motion.bytes, 5 * motion.axes

    def _rows(self, samples: npt.NDArray[np.int16]) -> tuple[npt.NDArray[np.integer], int]:
        scaled = motion_features(self._motion, self._scaling, samples)
        return scaled[0, self._skipped :], self.hop

    def sources(self, name: str, dsp: str) -> dict[str, str]:  # noqa: D102, ARG002 - no product of motion needs DSP
        return motion_sources(self._motion, self._scaling, name)


def sensor_of(front_end: AnyFrontEnd) -> Sensor:
    """The front end of a run as what feeds a net.

    Raises:
        UsageError: A scaling belongs to other axes, or as `zeroshot.frontend.tables.tables_of`.
    """
    if isinstance(front_end, FrontEnd):
        return Sound(front_end)
    return Movement(front_end)
