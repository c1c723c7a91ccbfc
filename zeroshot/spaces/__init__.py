"""Search spaces; each can count, sample, enumerate, mutate and encode its nets."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zeroshot.resolution import Resolution
from zeroshot.runs.tables import Rows, Table
from zeroshot.spaces.mcu import McuSpace
from zeroshot.spaces.nasbench201 import NasBench201
from zeroshot.types import make_callable

# Name -> the space for images of a size, or for signals.
SPACES: dict[str, Callable[[Resolution], McuSpace]] = {"mcu": McuSpace.for_images, "mcu1d": McuSpace.for_signals}
LENGTH = 128  # samples of a signal that is not known

# Spaces whose nets others have trained: proxies are judged on them, nothing for a device is searched in them.
PUBLISHED: dict[str, Callable[[], NasBench201]] = {"nasbench201": NasBench201}


@dataclass(frozen=True)
class ListedSpace:
    """A search space.

    Attributes:
        name: To ask for it by.
        searched: Whether nets for a device are searched in it; in the others, trained by others, proxies are judged.
        side: Of the images, pixels; of signals, whose height is 1, their length.
        count: Nets.
        fields: What varies -> its choices.
    """

    name: str
    searched: bool
    side: int
    count: int
    fields: Mapping[str, Any]


def listed_spaces(side: int = 32, length: int = LENGTH) -> Rows[ListedSpace]:
    """The search spaces for square images of a side, and for signals of a length.

    >>> [space.name for space in listed_spaces() if space.searched]
    ['mcu', 'mcu1d']
    """
    given = {"mcu": (side, side), "mcu1d": (1, length)}
    searched = [(name, given[name][1], make(given[name])) for name, make in SPACES.items()]
    published = [(name, make()) for name, make in PUBLISHED.items()]
    return Rows(Table(ListedSpace), [
        *(ListedSpace(name, True, wide, space.count(), asdict(space)) for name, wide, space in searched),
        *(ListedSpace(name, False, 32, space.count(), space.fields()) for name, space in published),
    ])  # fmt: skip


make_callable(__name__, listed_spaces)  # as `zeroshot.spaces()`

__all__ = ["PUBLISHED", "SPACES", "ListedSpace", "McuSpace", "NasBench201", "listed_spaces"]
