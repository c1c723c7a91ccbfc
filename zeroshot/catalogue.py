"""What can be chosen: boards, proxies and spaces, as tables."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zeroshot.cost.boards import Board, board_names, load_board
from zeroshot.runs.tables import Rows, Table
from zeroshot.scoring.plugins import Provider, load_proxies, providers
from zeroshot.spaces import PUBLISHED, SPACES


@dataclass(frozen=True)
class ListedProxy:
    """An installed proxy.

    Attributes:
        name: To ask for it by.
        cost: What it needs, from cheap to dear: static, forward, backward, per-sample; an aggregate ranks several nets.
        paper: Where it was published.
        summary: What it is.
        version: Of its protocol.
        provider: Who provides it.
        needs_labels: Whether it needs the images' labels.
        batches: Of images.
        readout: Images that it needs beside its batches.
        parts: Proxies that an aggregate is made of.
    """

    name: str
    cost: str
    paper: str
    summary: str
    version: int
    provider: Provider
    needs_labels: bool
    batches: int
    readout: int
    parts: tuple[str, ...]


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


def boards() -> Rows[Board]:
    """The shipped boards, every figure with its source.

    >>> [board.clock_mhz for board in boards() if board.name == "nucleo-f446re"]
    [180.0]
    """
    return Rows(Table(Board), [load_board(name) for name in board_names()])


def proxies() -> Rows[ListedProxy]:
    """The installed proxies, those of plug-ins too.

    >>> [proxy.paper for proxy in proxies() if proxy.name == "zico"]
    ['Li et al., ICLR 2023']

    Raises:
        UsageError: A plug-in cannot be used.
    """
    sources = providers()
    return Rows(Table(ListedProxy), [
        ListedProxy(
            each.name, each.cost, each.paper, each.summary, each.version, sources[each.name],
            needs_labels=each.needs_labels, batches=each.batches, readout=each.readout, parts=each.parts,
        )
        for each in load_proxies()
    ])  # fmt: skip


def spaces(side: int = 32) -> Rows[ListedSpace]:
    """The search spaces for square images of a side.

    >>> [space.name for space in spaces() if space.searched]
    ['mcu']
    """
    searched = [(name, make(side)) for name, make in SPACES.items()]
    published = [(name, make()) for name, make in PUBLISHED.items()]
    return Rows(Table(ListedSpace), [
        *(ListedSpace(name, True, side, space.count(), asdict(space)) for name, space in searched),
        *(ListedSpace(name, False, 32, space.count(), space.fields()) for name, space in published),
    ])  # fmt: skip
