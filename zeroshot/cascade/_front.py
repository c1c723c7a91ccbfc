"""A Pareto front that grows point by point; every objective is minimised, and of equal points the first stays.

The first is that of the lowest big net, then of the lowest little net, then of the lowest escalation rate: in whatever
order points are offered, the front is the same.

Points stand in leaves of a tree of boxes, and a full leaf is halved. A point is dominated if a box lies wholly below
it, or a point of a box that does not lie above it; mostly by the one that dominated the point before. Points that later
ones dominate do no harm: they leave when their leaf is full, and at the end.
"""

from typing import NamedTuple

import numpy as np

from zeroshot.cascade._field import inner, kernel
from zeroshot.types import FloatArray, Int64Array

LEAF = 16  # points in a leaf; there is room for one more
SLOTS = LEAF + 1
ROOM = 256  # leaves that there is room for at first
WIDE = 8  # columns of points, the last ones 0
NODES, LEAVES, LATEST, TODO = range(4)  # places in `state`
CHILD, SIZE, AXIS = range(3)  # columns of `links`
NEW, FULL = -1, -2


class Front(NamedTuple):
    """Points of which none is better in no objective than one that was there before it.

    Attributes:
        points: (leaves * SLOTS, WIDE) float64.
        pair: (leaves * SLOTS, 2) int64, whose point it is: little and big net.
        rate: (leaves * SLOTS,) float64, at which escalation rate.
        boxes: (2, nodes, WIDE) float64, nothing in a node is lower than the first nor higher than the second.
        links: (nodes, 3) int64: the first of two nodes, or -1 less a leaf; the points of a leaf; the objective by
            which the node above is halved.
        state: (TODO + nodes,) int64: nodes and leaves in use, the row that dominated a point most lately, then room
            for nodes that are yet to be looked at.
        point: (WIDE,) float64, the next point.
    """

    points: FloatArray
    pair: Int64Array
    rate: FloatArray
    boxes: FloatArray
    links: Int64Array
    state: Int64Array
    point: FloatArray

    def wider(self) -> "Front":
        """The same points in twice the room."""
        wider = empty_front(2 * len(self.points) // SLOTS)
        for old, new in zip(self, wider, strict=True):
            new[tuple(slice(size) for size in old.shape)] = old
        return wider

    def copied(self) -> "Front":
        """The same front, to grow by itself."""
        points, pair, rate, boxes, links, state, point = self
        return Front(
            points.copy(), pair.copy(), rate.copy(), boxes.copy(), links.copy(), state.copy(), point.copy()
        )  # fmt: skip

    def rows(self) -> Int64Array:
        """Rows in use; later points may dominate some."""
        links = self.links[: self.state[NODES]]
        leaves = links[links[:, CHILD] < 0]
        first = (-1 - leaves[:, CHILD]) * SLOTS
        return np.concatenate([np.arange(at, at + n) for at, n in zip(first, leaves[:, SIZE], strict=True)])


def empty_front(leaves: int) -> Front:
    """A front without points, and room for so many leaves."""
    rows, nodes = leaves * SLOTS, 2 * leaves
    front = Front(
        np.zeros((rows, WIDE)), np.zeros((rows, 2), np.int64), np.zeros(rows), np.zeros((2, nodes, WIDE)),
        np.zeros((nodes, 3), np.int64), np.zeros(TODO + nodes, np.int64), np.zeros(WIDE),
    )  # fmt: skip
    front.links[0, CHILD], front.state[NODES], front.state[LEAVES] = -1, 1, 1
    front.points[0], front.boxes[0, 0], front.boxes[1, 0] = np.inf, np.inf, -np.inf
    return front


@inner
def _below(a: FloatArray, i: int, point: FloatArray) -> bool:
    """Whether row i of some points is higher in no objective."""
    below = True
    for d in range(WIDE):  # without a way out: the compiler compares four at a time
        below &= a[i, d] <= point[d]
    return below


@inner
def no_better(point: FloatArray, front: Front, but: int) -> int:
    """The row, other than `but`, of a point that this one beats in no objective, or `NEW`."""
    points, links, state = front.points, front.links, front.state
    latest: int = state[LATEST]
    if latest != but and _below(points, latest, point):
        return latest
    low, high = front.boxes[0], front.boxes[1]
    n, state[TODO] = 1, 0
    while n > 0:
        n -= 1
        k = state[TODO + n]
        if not _below(low, k, point):
            continue
        whole = _below(high, k, point)
        child = links[k, CHILD]
        if child < 0:
            first = (-1 - child) * SLOTS
            for i in range(first, first + links[k, SIZE]):
                if i != but and (whole or _below(points, i, point)):
                    state[LATEST] = i
                    return i
        else:
            state[TODO + n], state[TODO + n + 1] = child, child + 1
            n += 2
    return NEW


@inner
def insert(little: int, big: int, p: float, front: Front) -> int:
    """Add `Front.point` unless a kept one is better in no objective.

    Returns:
        The row of that one, or `NEW`; `FULL` if there is no room.
    """
    points, pair, rate, links, state, point = (
        front.points,
        front.pair,
        front.rate,
        front.links,
        front.state,
        front.point,
    )
    known: int = no_better(point, front, len(points))
    if known >= 0:
        equal = True
        for d in range(WIDE):
            equal &= points[known, d] == point[d]
        earlier = big < pair[known, 1]
        if big == pair[known, 1]:
            earlier = little < pair[known, 0] or (little == pair[known, 0] and p < rate[known])
        if equal and earlier:
            pair[known, 0], pair[known, 1], rate[known] = little, big, p
        return known
    if state[LEAVES] * SLOTS == len(points):
        return FULL
    k = 0
    while True:
        _widen(front, k, point)
        if links[k, CHILD] < 0:
            break
        k = links[k, CHILD]
        axis = links[k, AXIS]
        k += int(point[axis] >= front.boxes[0, k + 1, axis])
    row = (-1 - links[k, CHILD]) * SLOTS + links[k, SIZE]
    for d in range(WIDE):
        points[row, d] = point[d]
    pair[row, 0], pair[row, 1], rate[row] = little, big, p
    links[k, SIZE] += 1
    if links[k, SIZE] > LEAF:
        _clean(front, k)
        if links[k, SIZE] > LEAF // 2:
            _halve(front, k)
    return NEW


@inner
def _move(front: Front, i: int, j: int) -> None:
    """Put the point of row i in the place of row j, and the other way around."""
    points, pair, rate = front.points, front.pair, front.rate
    for d in range(WIDE):
        points[i, d], points[j, d] = points[j, d], points[i, d]
    pair[i, 0], pair[j, 0], pair[i, 1], pair[j, 1] = pair[j, 0], pair[i, 0], pair[j, 1], pair[i, 1]
    rate[i], rate[j] = rate[j], rate[i]


@inner
def _widen(front: Front, k: int, point: FloatArray) -> None:
    boxes = front.boxes
    for d in range(WIDE):
        boxes[0, k, d], boxes[1, k, d] = min(boxes[0, k, d], point[d]), max(boxes[1, k, d], point[d])


@inner
def _clean(front: Front, k: int) -> None:
    """Drop the points of a leaf that others dominate."""
    links = front.links
    first = (-1 - links[k, CHILD]) * SLOTS
    i = first
    while i < first + links[k, SIZE]:
        if no_better(front.points[i], front, i) >= 0:
            links[k, SIZE] -= 1
            _move(front, first + links[k, SIZE], i)
        else:
            i += 1
    front.state[LATEST] = first


@inner
def _halve(front: Front, k: int) -> None:
    """Share the points of a leaf out to two, along the objective in which they lie widest apart."""
    points, boxes, links, state = front.points, front.boxes, front.links, front.state
    leaf, n = -1 - links[k, CHILD], links[k, SIZE]
    first, axis, widest = leaf * SLOTS, 0, -1.0
    for d in range(WIDE):
        width = (boxes[1, k, d] - boxes[0, k, d]) / max(1e-300, boxes[1, 0, d] - boxes[0, 0, d])
        if width > widest:
            axis, widest = d, width
    for i in range(first + 1, first + n):
        for j in range(i, first, -1):
            if points[j - 1, axis] <= points[j, axis]:
                break
            _move(front, j, j - 1)
    child, new, kept = state[NODES], state[LEAVES], n // 2
    for i in range(kept, n):
        _move(front, first + i, new * SLOTS + i - kept)
    links[k, CHILD] = child
    for half in range(2):
        part, size = (leaf, kept) if half == 0 else (new, n - kept)
        links[child + half, CHILD], links[child + half, SIZE], links[child + half, AXIS] = -1 - part, size, axis
        for d in range(WIDE):
            boxes[0, child + half, d], boxes[1, child + half, d] = np.inf, -np.inf
        for i in range(size):
            _widen(front, child + half, points[part * SLOTS + i])
    state[NODES], state[LEAVES], state[LATEST] = child + 2, new + 1, first


@kernel
def _front_kernel(points: FloatArray, kept: Int64Array) -> int:
    """Of points in lexicographic order, write the rows of those that no other dominates: how many."""
    n = 0
    for i in range(len(points)):
        stays = True
        for j in range(n):
            below = True
            for d in range(points.shape[1]):
                below &= points[kept[j], d] <= points[i, d]
            if below:
                stays = False
                break
        if stays:
            kept[n] = i
            n += 1
    return n


def not_dominated(points: FloatArray) -> Int64Array:
    """Ascending indices of the points that no other dominates; of equal points the first."""
    order, kept = np.lexsort(points.T[::-1]), np.empty(len(points), np.int64)
    n = _front_kernel(points[order], kept)
    return np.sort(order[kept[:n]])
