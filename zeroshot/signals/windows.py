"""Windows of signals, and how they are cut."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zeroshot.data.arrays import digest, shared
from zeroshot.errors import DataError, UsageError
from zeroshot.types import FloatArray, Int8Array, Int64Array

Int16Array = npt.NDArray[np.int16]

SHORTEST = 2  # samples of a window
PARTS = ("train", "validation", "test")
FULL = 32_767  # the largest sample
MOST_BYTES = 4 << 30  # of all windows together


@dataclass(frozen=True, eq=False)
class Signals:
    """Labelled windows in three parts that have no group in common.

    Attributes:
        name: The folder's own.
        x: (n, length, channels) int16. Times `step` it is what was measured.
        labels: (n,) int64, 0..classes-1.
        groups: (n,) int64, 0..groups-1: windows of one group have a speaker, a log or a file in common.
        part: (n,) int8, index of `PARTS`.
        rate: Samples a second, Hz.
        step: (channels,) float64, what a sample of 1 stands for: 1 / 32768 of full scale in a recording, a power of two
            of the column's unit in a log.
        class_names: One name a class.
        channel_names: One name a channel.
        group_names: One name a group.
        noise: Recordings of background noise for training, each (m, channels) int16 at `rate`.
        remarks: What was done to the data, and what may spoil results, in plain English.
    """

    name: str
    x: Int16Array = field(repr=False)
    labels: Int64Array = field(repr=False)
    groups: Int64Array = field(repr=False)
    part: Int8Array = field(repr=False)
    rate: float
    step: FloatArray
    class_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    group_names: tuple[str, ...] = field(repr=False)
    noise: tuple[Int16Array, ...] = field(default=(), repr=False)
    remarks: tuple[str, ...] = ()

    def rows(self, part: str) -> Int64Array:
        """Numbers of the windows of a part of `PARTS`, ascending.

        Raises:
            UsageError: There is no such part.
        """
        if part not in PARTS:
            raise UsageError(f"Unknown part {part!r}.", f"Known: {', '.join(PARTS)}.")
        return np.flatnonzero(self.part == PARTS.index(part))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over shapes and bytes of all arrays, hex; computed once."""
        rate = np.array([self.rate])
        return digest(self.x, self.labels, self.groups, self.part, rate, self.step, *self.noise)


def samples_in(milliseconds: float, rate: float, what: str, least: int = 1) -> int:
    """Whole samples of a time.

    Raises:
        UsageError: They are fewer than `least`, or a window of them would not fit into memory.
    """
    count = round(milliseconds / 1000 * rate)
    if count < least:
        raise UsageError(
            f"`{what}` is {milliseconds:g} ms, less than {count_of(least, 'sample')} at {rate:g} Hz.",
            "Give a longer time.",
        )
    if count > MOST_BYTES:
        raise UsageError(f"`{what}` is {milliseconds:g} ms, {count:,} samples.", "Give a shorter time.")
    return count


def starts_of(length: int, window: int, hop: int) -> Int64Array:
    """First samples of the windows of a signal; what fills none is left off at both ends alike.

    >>> starts_of(10, 4, 2).tolist(), starts_of(11, 4, 4).tolist(), starts_of(3, 4, 4).tolist()
    ([0, 2, 4, 6], [1, 5], [])
    """
    if length < window:
        return np.zeros(0, np.int64)
    count = 1 + (length - window) // hop
    rest = length - window - (count - 1) * hop
    return rest // 2 + hop * np.arange(count)


def check_memory(count: int, window: int, channels: int) -> None:
    """Before they are made, see that windows fit into memory.

    Raises:
        DataError: They take more than 4 GiB.
    """
    taken = 2 * count * window * channels
    if taken > MOST_BYTES:
        raise DataError(
            f"{count:,} windows of {window:,} samples take {taken / 2**30:.1f} GiB, more than 4.",
            "Use fewer or shorter files, a lower rate, a shorter window, or a longer hop.",
        )


def to_int16(samples: FloatArray) -> Int16Array:
    """Round to whole numbers; what is beyond the range becomes its end."""
    return np.clip(np.rint(samples), -FULL - 1, FULL).astype(np.int16)


def shared_remarks(x: Int16Array, part: Int8Array) -> list[str]:
    """What occurs in training and in testing to the last bit, whatever the groups say."""
    twice = shared(x[part == 0], x[part == 2])
    return [f"{twice} of {(part == 2).sum()} test windows occur in the training part too."] if twice else []


def count_of(count: int, what: str) -> str:
    """A number and its noun.

    >>> count_of(1, "recording"), count_of(1200, "recording")
    ('1 recording', '1,200 recordings')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"
