"""A Pareto front that grows point by point; every objective is minimised, and of equal points the first stays.

The first is that of the lowest big net, then of the lowest little net, then of the lowest escalation rate: in whatever
order points are offered, the front is the same.

Points of two objectives are sorted. Others stand in leaves of a tree of boxes, and a full leaf is halved. A point is
dominated if a box lies wholly below it, or a point of a box that does not lie above it; mostly by the one that
dominated the point before. Points that later ones dominate do no harm: they leave when their leaf is full, and at the
end.
"""

from typing import NamedTuple

import numba
import numpy as np

from zeroshot.types import FloatArray, Int64Array

LEAF = 16  # points in a leaf; there is room for one more
SLOTS = LEAF + 1
ROOM = 64  # leaves that there is room for at first
WIDE = 8  # columns of points, the last ones 0
NODES, LEAVES, LATEST, OBJECTIVES, TODO = range(5)  # places in `state`
CHILD, SIZE, AXIS = range(3)  # columns of `links`


class Front(NamedTuple):
    """Points of which none is better in no objective than one that was there before it.

    Attributes:
        points: (leaves * SLOTS, WIDE) float64.
        pair: (leaves * SLOTS, 2) int64, whose point it is: little and big net.
        rate: (leaves * SLOTS,) float64, at which escalation rate.
        boxes: (2, nodes, WIDE) float64, nothing in a node is lower than the first nor higher than the second.
        links: (nodes, 3) int64: the first of two nodes, or -1 less a leaf; the points of a leaf; the objective by
            which a node is halved.
        middle: (nodes,) float64, points below it go to the first half.
        state: (TODO + nodes,) int64: nodes and leaves in use, the row that dominated a point most lately, then room
            for nodes that are yet to be looked at.
    """

    points: FloatArray
    pair: Int64Array
    rate: FloatArray
    boxes: FloatArray
    links: Int64Array
    middle: FloatArray
    state: Int64Array


@numba.njit(cache=True)
def empty_front(objectives: int, leaves: int) -> Front:
    """A front without points, and room for so many leaves."""
    rows, nodes = leaves * SLOTS, 2 * leaves
    front = Front(
        np.zeros((rows, WIDE)), np.zeros((rows, 2), np.int64), np.zeros(rows), np.zeros((2, nodes, WIDE)),
        np.zeros((nodes, 3), np.int64), np.zeros(nodes), np.zeros(TODO + nodes, np.int64),
    )  # fmt: skip
    front.links[0, CHILD], front.state[NODES], front.state[LEAVES], front.state[OBJECTIVES] = -1, 1, 1, objectives
    return front


@numba.njit(cache=True)
def _wider(front: Front) -> Front:
    """The same points in twice the room."""
    points, pair, rate, boxes, links, middle, state = front
    wider = empty_front(state[OBJECTIVES], len(points) // SLOTS * 2)
    for i in range(len(points)):
        _move(points, pair, rate, i, wider.points, wider.pair, wider.rate, i)
    for k in range(len(links)):
        wider.middle[k] = middle[k]
        for c in range(3):
            wider.links[k, c] = links[k, c]
        for d in range(WIDE):
            wider.boxes[0, k, d], wider.boxes[1, k, d] = boxes[0, k, d], boxes[1, k, d]
    for i in range(TODO):
        wider.state[i] = state[i]
    return wider


@numba.njit(cache=True, inline="always")
def _move(
    points: FloatArray, pair: Int64Array, rate: FloatArray, i: int,
    to_points: FloatArray, to_pair: Int64Array, to_rate: FloatArray, j: int,
) -> None:  # fmt: skip
    """Element by element: assigning rows would triple the compile time of this module."""
    for d in range(WIDE):
        to_points[j, d] = points[i, d]
    to_pair[j, 0], to_pair[j, 1], to_rate[j] = pair[i, 0], pair[i, 1], rate[i]


@numba.njit(cache=True, inline="always")
def _below(a: FloatArray, i: int, point: FloatArray) -> bool:
    """Whether row i of some points is higher in no objective."""
    below = True
    for d in range(WIDE):  # without a way out: the compiler compares four at a time
        below &= a[i, d] <= point[d]
    return below


@numba.njit(cache=True, inline="always")
def _equal(a: FloatArray, i: int, point: FloatArray) -> bool:
    equal = True
    for d in range(WIDE):
        equal &= a[i, d] == point[d]
    return equal


@numba.njit(cache=True, inline="always")
def _reached(point: FloatArray, points: FloatArray, n: int) -> int:
    """As `no_better`, of points that are sorted by the first of two objectives."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if points[middle, 0] <= point[0]:
            low = middle + 1
        else:
            high = middle
    return low - 1 if low > 0 and points[low - 1, 1] <= point[1] else -1


@numba.njit(cache=True)
def no_better(point: FloatArray, points: FloatArray, boxes: FloatArray, links: Int64Array, state: Int64Array) -> int:
    """The row of a point that this one beats in no objective, or -1; the arrays are those of a `Front`."""
    if state[OBJECTIVES] == 2:
        return _reached(point, points, links[0, SIZE])
    latest: int = state[LATEST]
    if links[0, CHILD] == -1 and links[0, SIZE] == 0:
        return -1
    if _below(points, latest, point):
        return latest
    low, high = boxes[0], boxes[1]
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
                if whole or _below(points, i, point):
                    state[LATEST] = i
                    return i
        elif whole:
            n, state[TODO] = 1, child  # any point below will do
        else:
            state[TODO + n], state[TODO + n + 1] = child, child + 1
            n += 2
    return -1


@numba.njit(cache=True)
def _dominated(row: int, front: Front) -> bool:
    """Whether another point dominates a kept one."""
    points, _, _, boxes, links, _, state = front
    point, low, n = points[row], boxes[0], 1
    state[TODO] = 0
    while n > 0:
        n -= 1
        k = state[TODO + n]
        if not _below(low, k, point):
            continue
        child = links[k, CHILD]
        if child < 0:
            first = (-1 - child) * SLOTS
            for i in range(first, first + links[k, SIZE]):
                if _below(points, i, point) and not _equal(points, i, point):
                    return True
        else:
            state[TODO + n], state[TODO + n + 1] = child, child + 1
            n += 2
    return False


@numba.njit(cache=True)
def insert(point: FloatArray, little: int, big: int, p: float, front: Front) -> Front:
    """Add a point unless a kept one is better in no objective: the front, wider if it was full."""
    points, pair, rate, boxes, links, middle, state = front
    known = no_better(point, points, boxes, links, state)
    if known >= 0:
        if _equal(points, known, point):
            earlier = big < pair[known, 1]
            if big == pair[known, 1]:
                earlier = little < pair[known, 0] or (little == pair[known, 0] and p < rate[known])
            if earlier:
                pair[known, 0], pair[known, 1], rate[known] = little, big, p
        return front
    if state[OBJECTIVES] == 2:
        return _between(point, little, big, p, front)
    k = 0
    _widen(boxes, k, point, links[0, CHILD] == -1 and links[0, SIZE] == 0)
    while links[k, CHILD] >= 0:
        k = links[k, CHILD] + int(point[links[k, AXIS]] >= middle[k])
        _widen(boxes, k, point, False)
    leaf = -1 - links[k, CHILD]
    row = leaf * SLOTS + links[k, SIZE]
    for d in range(WIDE):
        points[row, d] = point[d]
    pair[row, 0], pair[row, 1], rate[row] = little, big, p
    links[k, SIZE] += 1
    if links[k, SIZE] > LEAF:
        _clean(front, k)
        if links[k, SIZE] > LEAF // 2:
            if state[LEAVES] * SLOTS == len(points):
                front = _wider(front)
            _halve(front, k)
    return front


@numba.njit(cache=True)
def _between(point: FloatArray, little: int, big: int, p: float, front: Front) -> Front:
    """Of two objectives, put a point in its place and drop those it dominates, which come next."""
    points, pair, rate, _, links, _, _ = front
    n, at = links[0, SIZE], 0
    while at < n and points[at, 0] < point[0]:
        at += 1
    stop = at
    while stop < n and points[stop, 1] >= point[1]:
        stop += 1
    if stop == at and n == len(points):
        front = _wider(front)
        points, pair, rate, _, links, _, _ = front
    if stop == at:
        for i in range(n, at, -1):
            _move(points, pair, rate, i - 1, points, pair, rate, i)
    elif stop > at + 1:
        for i in range(stop, n):
            _move(points, pair, rate, i, points, pair, rate, i - stop + at + 1)
    links[0, SIZE] = n + 1 - (stop - at)
    points[at, 0], points[at, 1], pair[at, 0], pair[at, 1], rate[at] = point[0], point[1], little, big, p
    return front


@numba.njit(cache=True, inline="always")
def _widen(boxes: FloatArray, k: int, point: FloatArray, fresh: bool) -> None:
    for d in range(WIDE):
        boxes[0, k, d] = point[d] if fresh else min(boxes[0, k, d], point[d])
        boxes[1, k, d] = point[d] if fresh else max(boxes[1, k, d], point[d])


@numba.njit(cache=True)
def _clean(front: Front, k: int) -> None:
    """Drop the points of a leaf that others dominate."""
    points, pair, rate, _, links, _, state = front
    first = (-1 - links[k, CHILD]) * SLOTS
    i = first
    while i < first + links[k, SIZE]:
        if _dominated(i, front):
            links[k, SIZE] -= 1
            _move(points, pair, rate, first + links[k, SIZE], points, pair, rate, i)
        else:
            i += 1
    state[LATEST] = first


@numba.njit(cache=True)
def _halve(front: Front, k: int) -> None:
    """Share the points of a leaf out to two, along the objective in which they lie widest apart."""
    points, pair, rate, boxes, links, middle, state = front
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
            for d in range(WIDE):
                points[j, d], points[j - 1, d] = points[j - 1, d], points[j, d]
            pair[j, 0], pair[j - 1, 0] = pair[j - 1, 0], pair[j, 0]
            pair[j, 1], pair[j - 1, 1] = pair[j - 1, 1], pair[j, 1]
            rate[j], rate[j - 1] = rate[j - 1], rate[j]
    child, new, kept = state[NODES], state[LEAVES], n // 2
    for i in range(kept, n):
        _move(points, pair, rate, first + i, points, pair, rate, new * SLOTS + i - kept)
    links[k, CHILD], links[k, AXIS], middle[k] = child, axis, points[first + kept, axis]
    for half in range(2):
        part, size = (leaf, kept) if half == 0 else (new, n - kept)
        links[child + half, CHILD], links[child + half, SIZE] = -1 - part, size
        for i in range(size):
            _widen(boxes, child + half, points[part * SLOTS + i], i == 0)
    state[NODES], state[LEAVES], state[LATEST] = child + 2, new + 1, first


@numba.njit(cache=True)
def kept_rows(front: Front) -> Int64Array:
    """Rows of the points that no other dominates."""
    rows, n, links = np.arange(len(front.rate)), 0, front.links
    if front.state[OBJECTIVES] == 2:
        return rows[: links[0, SIZE]]
    for k in range(front.state[NODES]):
        if links[k, CHILD] < 0:
            first = (-1 - links[k, CHILD]) * SLOTS
            for i in range(first, first + links[k, SIZE]):
                if not _dominated(i, front):
                    rows[n] = i
                    n += 1
    return rows[:n]


@numba.njit(cache=True)
def front_kernel(points: FloatArray, objectives: int, order: Int64Array) -> Int64Array:
    """Indices of the points that no other dominates, in no order; of equal points the first.

    Args:
        points: (n, WIDE).
        objectives: Columns that count, the others are 0.
        order: (n,) in which they are looked at: a random one keeps the tree balanced.
    """
    front = empty_front(objectives, ROOM)
    for i in order:
        front = insert(points[i], i, i, 0.0, front)  # a literal number would compile it once more
    rows = kept_rows(front)
    for i in range(len(rows)):
        rows[i] = front.pair[rows[i], 0]
    return rows


def copied(front: Front) -> Front:
    """The same front, to grow by itself."""
    points, pair, rate, boxes, links, middle, state = front
    return Front(
        points.copy(), pair.copy(), rate.copy(), boxes.copy(), links.copy(), middle.copy(), state.copy()
    )  # fmt: skip


def not_dominated(points: FloatArray) -> Int64Array:
    """Ascending indices of the points that no other dominates; of equal points the first."""
    wide = np.zeros((len(points), WIDE))
    wide[:, : points.shape[1]] = points
    return np.sort(front_kernel(wide, points.shape[1], np.random.default_rng(0).permutation(len(points))))
