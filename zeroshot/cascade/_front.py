"""A Pareto front that grows point by point; every objective is minimised, and of equal points the first stays."""

from typing import NamedTuple

import numba
import numpy as np

from zeroshot.types import FloatArray, Int64Array


class Front(NamedTuple):
    """Room for the points that no other dominates; how many rows are in use is counted beside it.

    Attributes:
        points: (room, objectives) float64; of two objectives sorted by the first.
        pair: (room, 2) int64, whose point it is: little and big net.
        rate: (room,) float64, at which escalation rate.
    """

    points: FloatArray
    pair: Int64Array
    rate: FloatArray


@numba.njit(cache=True)
def empty_front(room: int, objectives: int) -> Front:
    """A front without points."""
    return Front(np.empty((room, objectives)), np.empty((room, 2), np.int64), np.empty(room))


@numba.njit(cache=True, inline="always")
def reached(cost: float, points: FloatArray, n: int) -> float:
    """Highest accuracy on a front of two objectives, sorted by cost, at this cost or less."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if points[middle, 0] <= cost:
            low = middle + 1
        else:
            high = middle
    return -points[low - 1, 1] if low > 0 else -np.inf


@numba.njit(cache=True, inline="always")
def dominated(point: FloatArray, points: FloatArray, pair: Int64Array, rate: FloatArray, n: int) -> bool:
    """Whether a kept point is at least as good in every objective; if so it moves forward, to be found sooner."""
    for i in range(n):
        worse = False
        for d in range(len(point)):
            if points[i, d] > point[d]:
                worse = True
                break
        if not worse:
            j = i // 2
            for d in range(len(point)):
                points[i, d], points[j, d] = points[j, d], points[i, d]
            for d in range(2):
                pair[i, d], pair[j, d] = pair[j, d], pair[i, d]
            rate[i], rate[j] = rate[j], rate[i]
            return True
    return False


@numba.njit(cache=True, inline="always")
def _move(points: FloatArray, pair: Int64Array, rate: FloatArray, source: int, target: int) -> None:
    """Element by element: assigning rows would triple the compile time of this module."""
    for d in range(points.shape[1]):
        points[target, d] = points[source, d]
    pair[target, 0] = pair[source, 0]
    pair[target, 1] = pair[source, 1]
    rate[target] = rate[source]


@numba.njit(cache=True)
def _wider(front: Front) -> Front:
    """The same points in twice the room."""
    n, objectives = front.points.shape
    wider = empty_front(2 * n, objectives)
    for i in range(n):
        for d in range(objectives):
            wider.points[i, d] = front.points[i, d]
        wider.pair[i, 0] = front.pair[i, 0]
        wider.pair[i, 1] = front.pair[i, 1]
        wider.rate[i] = front.rate[i]
    return wider


@numba.njit(cache=True)
def insert(point: FloatArray, little: int, big: int, p: float, front: Front, n: int) -> tuple[Front, int]:
    """Add a point that no kept one dominates and drop those it dominates: the front, with more room if it was full."""
    points, pair, rate = front
    kept = 0
    for i in range(n):
        beaten = True
        for d in range(len(point)):
            if points[i, d] < point[d]:
                beaten = False
                break
        if not beaten:
            _move(points, pair, rate, i, kept)
            kept += 1
    if kept == len(rate):
        points, pair, rate = _wider(front)
    at = kept
    while len(point) == 2 and at > 0 and points[at - 1, 0] > point[0]:
        _move(points, pair, rate, at - 1, at)
        at -= 1
    for d in range(len(point)):
        points[at, d] = point[d]
    pair[at, 0] = little
    pair[at, 1] = big
    rate[at] = p
    return Front(points, pair, rate), kept + 1


@numba.njit(cache=True)
def front_kernel(points: FloatArray) -> Int64Array:
    """Indices of the points that no other dominates, in no order; of equal points the first."""
    front, n = empty_front(len(points), points.shape[1]), 0
    for i in range(len(points)):
        if points.shape[1] == 2:
            known = reached(points[i, 0], front.points, n) >= -points[i, 1]
        else:
            known = dominated(points[i], front.points, front.pair, front.rate, n)
        if not known:
            front, n = insert(points[i], i, 0, 0.0, front, n)
    return front.pair[:n, 0].copy()
