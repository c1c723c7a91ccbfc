"""Which operations of a cell work, and which cells are the same function."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from zeroshot.spaces._nb201_cells import COUNT, EDGES, NONE, OPERATIONS, SKIP, check, decode
from zeroshot.types import Int32Array, Int64Array


def live(cells: npt.ArrayLike) -> Int32Array:
    """The cells with `none` in place of dead operations: those on no path from the input to the output.

    What a deployed network computes; a cell without any path becomes six nones. Dead operations with batch norm
    are not quite without effect in a trained network: one that reads zeros gives its bias.

    Args:
        cells: (n, 6) digits.

    Returns:
        (n, 6) int32 digits; `(live(cells) != 0).sum(axis=1)` counts the live operations.

    >>> live([[4, 0, 0, 1, 0, 3]]).tolist()
    [[0, 0, 0, 1, 0, 0]]
    """
    values = check(cells)
    used = values != NONE
    reached, useful = np.zeros((2, len(values), 4), np.bool_)
    reached[:, 0] = useful[:, 3] = True
    for edge, (start, end) in enumerate(EDGES):
        reached[:, end] |= used[:, edge] & reached[:, start]
    for edge, (start, end) in reversed(list(enumerate(EDGES))):
        useful[:, start] |= used[:, edge] & useful[:, end]
    starts, ends = np.array(EDGES).T
    return np.where(used & reached[:, starts] & useful[:, ends], values, np.int32(NONE))


@cache
def canonical_classes() -> Int64Array:
    """Class of each cell under full canonical form, numbered in the order of first appearance: (15625,) int64.

    A node is the multiset of what its edges bring. A skip brings the terms of its start node, so that nested sums
    are flattened; `none`, and any operation on a node without terms, bring nothing. Two cells with equal output
    nodes compute the same sums of the same compositions: 4,930 classes. Read-only.
    """
    labels = _labels(_canonical)
    labels.setflags(write=False)
    return labels


def published_classes() -> Int64Array:
    """Class of each cell under the benchmark's own unique string: (15625,) int64, 6,466 classes.

    The string keeps a mark for every zero edge, takes a sum of two zeros for a term of its own, and puts a skipped
    node's terms between the others as one text, so it tells apart cells that compute the same; use
    `canonical_classes` to count functions.
    """
    return _labels(_published)


def _labels(form: Callable[[Sequence[int]], str]) -> Int64Array:
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(form(cell), len(seen)) for cell in decode(np.arange(COUNT)).tolist()], np.int64)


def _canonical(digits: Sequence[int]) -> str:
    nodes: list[list[str]] = [["x"], [], [], []]
    for code, (start, end) in zip(digits, EDGES, strict=True):
        if code == SKIP:
            nodes[end] += nodes[start]
        elif code != NONE and nodes[start]:
            nodes[end].append(f"{code}({'+'.join(sorted(nodes[start]))})")
    return "+".join(sorted(nodes[3]))


def _published(digits: Sequence[int]) -> str:
    # The spelling matters: where an unsorted sum lands among the other terms depends on how it is written.
    nodes: list[list[str]] = [["0"], [], [], []]
    for code, (start, end) in zip(digits, EDGES, strict=True):
        value = "+".join(sorted(nodes[start]))
        if code == NONE or value == "#":
            nodes[end].append("#")
        else:
            nodes[end].append(value if code == SKIP else f"({value})@{OPERATIONS[code]}")
    return "+".join(sorted(nodes[3]))
