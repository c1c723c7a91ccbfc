"""Search spaces; each can count, sample, enumerate, mutate and encode its nets."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zeroshot.runs.tables import Rows, Table
from zeroshot.spaces.mcu import McuSpace
from zeroshot.spaces.nasbench201 import NasBench201
from zeroshot.types import make_callable

# Name -> the space for square images of a given side.
SPACES: dict[str, Callable[[int], McuSpace]] = {"mcu": McuSpace.for_images}

# Spaces whose nets others have trained: proxies are judged on them, nothing for a device is searched in them.
PUBLISHED: dict[str, Callable[[], NasBench201]] = {"nasbench201": NasBench201}


@dataclass(frozen=True)
class ListedSpace:
    """A search space.

    Attributes:
        name: To ask for it by.
        searched: Whether nets for a device are searched in it; in the others, trained by others, proxies are judged.
        side: Of the images, pixels.
        count: Nets.
        fields: What varies -> its choices.
    """

    name: str
    searched: bool
    side: int
    count: int
    fields: Mapping[str, Any]


def listed_spaces(side: int = 32) -> Rows[ListedSpace]:
    """The search spaces for square images of a side.

    >>> [space.name for space in listed_spaces() if space.searched]
    ['mcu']
    """
    searched = [(name, make(side)) for name, make in SPACES.items()]
    published = [(name, make()) for name, make in PUBLISHED.items()]
    return Rows(Table(ListedSpace), [
        *(ListedSpace(name, True, side, space.count(), asdict(space)) for name, space in searched),
        *(ListedSpace(name, False, 32, space.count(), space.fields()) for name, space in published),
    ])  # fmt: skip


make_callable(__name__, listed_spaces)  # as `zeroshot.spaces()`

__all__ = ["PUBLISHED", "SPACES", "ListedSpace", "McuSpace", "NasBench201", "listed_spaces"]
