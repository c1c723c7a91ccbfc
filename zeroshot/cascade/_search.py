"""The compiled search over pairs: boxes of nets whose bound is no good are left out, all others are looked at."""

import numba
import numpy as np

from zeroshot.cascade._bounds import least_best, peak, sift
from zeroshot.cascade._front import WIDE, Front
from zeroshot.cascade._scan import cut, net_at, offer, rate
from zeroshot.cascade._scan_types import Big, Box, Feasible, Nets, Row, Table, Terms, Tree
from zeroshot.types import BoolArray, FloatArray, Int64Array


@numba.njit(cache=True)
def _room(n: int) -> Feasible:
    return Feasible(np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(n), np.empty(n))


@numba.njit(cache=True, inline="always")
def _box(tree: Tree, k: int) -> Box:
    return Box(net_at(tree.low, k), net_at(tree.high, k), tree.ops[k])


@numba.njit(cache=True)
def _around(nets: Nets, start: int, stop: int) -> Box:
    """The box around a run of nets."""
    figures = nets.figures
    low, high, ops = figures[start : start + 1].copy(), figures[start : start + 1].copy(), nets.ops[start]
    for i in range(start + 1, stop):
        ops &= nets.ops[i]
        for d in range(figures.shape[1]):
            low[0, d], high[0, d] = min(low[0, d], figures[i, d]), max(high[0, d], figures[i, d])
    return Box(net_at(low, 0), net_at(high, 0), ops)


@numba.njit(cache=True)
def _ends(table: Table, bigs: Nets, start: int, stop: int) -> tuple[Big, Big]:
    """The least and the most accurate net of a run."""
    low = high = start
    for b in range(start + 1, stop):
        if bigs.figures[b, 8] < bigs.figures[low, 8]:
            low = b
        if bigs.figures[b, 8] > bigs.figures[high, 8]:
            high = b
    first = cut(table, bigs, low)
    return first, first if high == low else cut(table, bigs, high)


@numba.njit(cache=True, nogil=True)
def front_search(
    littles: Nets, tree: Tree, bigs: Nets, grove: Tree, turns: Int64Array, table: Table, terms: Terms, front: Front
) -> tuple[Front, int]:
    """Offer to a front every pair that may stand on it.

    A node of the one tree meets nodes of the other of about the same depth; halves of it meet halves of those that it
    may make points with, down to single big nets.

    Args:
        littles: In the order of their tree.
        tree: Around them.
        bigs: In the order of theirs.
        grove: Around these.
        turns: Nodes of it to look at, in this order.
        table: The copula's.
        terms: What is asked of a pair.
        front: Points that are known; changed.

    Returns:
        The front, and the pairs looked at.
    """
    leaves, last, visited = len(tree.start) - 1, len(grove.start) - 1, 0
    point, rates, none = np.zeros(WIDE), np.empty(leaves, np.int64), np.empty(0, np.int64)
    waiting, todo, near = np.empty((64, 2), np.int64), np.empty(leaves + 64, np.int64), np.empty((64, leaves), np.int64)
    counts = np.empty(64, np.int64)
    room = _room(np.max(np.diff(tree.start)))
    for turn in turns:
        n, waiting[0, 0], waiting[0, 1], near[0, 0], counts[0] = 1, turn, 0, 1, 1
        while n > 0:
            n -= 1
            k, depth = waiting[n]
            start, stop = k, k + 1
            while start < last:
                start, stop = 2 * start, 2 * stop
            start, stop = grove.start[start - last], grove.start[stop - last]
            ends, box, least = _ends(table, bigs, start, stop), _box(grove, k), least_best(table, bigs, start, stop)
            for i in range(counts[depth]):
                todo[i] = near[depth, i]
            coarse = 1
            while coarse < leaves and 2 * coarse <= k:
                coarse *= 2
            found_near, size = near[depth + 1], counts[depth]
            size = sift(todo, size, found_near, none, coarse, tree, box, ends, least, table, terms, front, point)
            counts[depth + 1] = size
            if size == 0:
                continue
            if k < last:
                waiting[n, 0], waiting[n, 1], waiting[n + 1, 0], waiting[n + 1, 1] = (
                    2 * k,
                    depth + 1,
                    2 * k + 1,
                    depth + 1,
                )
                n += 2
                continue
            for b in range(start, stop):
                big, box, least = cut(table, bigs, b), _around(bigs, b, b + 1), least_best(table, bigs, b, b + 1)
                for i in range(size):
                    todo[i] = found_near[i]
                nearer = near[depth + 2]
                count = sift(
                    todo, size, nearer, rates, leaves, tree, box, (big, big), least, table, terms, front, point
                )
                for i in range(count):
                    first, end = tree.start[nearer[i] - leaves], tree.start[nearer[i] - leaves + 1]
                    found = rate(littles, first, end, big, terms, room)
                    front = offer(littles, big, terms, found, rates[i], front)
                    visited += end - first
    return front, visited


@numba.njit(cache=True, nogil=True)
def peaks(tree: Tree, bigs: Nets, runs: Int64Array, table: Table, terms: Terms) -> FloatArray:
    """(runs,) upper bounds of the accuracies of any pairs of runs of big nets; minus infinity where none can count."""
    out, todo = np.full(len(runs) - 1, -np.inf), np.empty(64, np.int64)
    bounds = np.empty(64)
    for g in range(len(out)):
        ends, box = _ends(table, bigs, runs[g], runs[g + 1]), _around(bigs, runs[g], runs[g + 1])
        n, todo[0], bounds[0] = 1, 1, peak(_box(tree, 1), box, ends, table, terms)[0]
        while n > 0:
            n -= 1
            if bounds[n] <= out[g]:
                continue
            if 2 * todo[n] >= len(tree.ops):
                out[g] = bounds[n]
            else:
                n = _children(todo, bounds, n, tree, box, ends, table, terms)
    return out


@numba.njit(cache=True)
def _children(
    todo: Int64Array, bounds: FloatArray, n: int, tree: Tree, big: Box, ends: tuple[Big, Big], table: Table,
    terms: Terms,
) -> int:  # fmt: skip
    """Put the halves of node `todo[n]` in its place, the better one last."""
    k = todo[n]
    a, _ = peak(_box(tree, 2 * k), big, ends, table, terms)
    b, _ = peak(_box(tree, 2 * k + 1), big, ends, table, terms)
    better = 2 * k + int(a < b)
    todo[n], bounds[n], todo[n + 1], bounds[n + 1] = 4 * k + 1 - better, min(a, b), better, max(a, b)
    return n + 2


@numba.njit(cache=True, inline="always")
def _before(accuracy: float, latency: float, number: int, other: tuple[float, float, int]) -> bool:
    """Whether a pair stands before another of the same big net in the list."""
    if accuracy != other[0]:
        return accuracy > other[0]
    return latency < other[1] or (latency == other[1] and number < other[2])


@numba.njit(cache=True, nogil=True)
def best_row(
    littles: Nets, tree: Tree, bigs: Nets, b: int, table: Table, terms: Terms, used_up: BoolArray,
    after: tuple[float, float, int], width: int,
) -> tuple[Row, int, int]:  # fmt: skip
    """The next best little nets of a big net: by accuracy, of equal ones the faster pair first, then the lower number.

    Args:
        littles: In the order of the tree.
        tree: Around them.
        bigs: The big nets.
        b: Which of them.
        table: The copula's.
        terms: What is asked of a pair.
        used_up: (n_littles,) little nets to leave out.
        after: Accuracy, latency and number of the last one known: only pairs that come after it.
        width: How many.

    Returns:
        The row, how much of it is in use, and the pairs looked at.
    """
    leaves, todo, bounds, n, visited = len(tree.start) - 1, np.empty(64, np.int64), np.empty(64), 0, 0
    big, box = cut(table, bigs, b), _around(bigs, b, b + 1)
    room = _room(np.max(np.diff(tree.start)))
    accuracy, latency, number = np.full(width, -np.inf), np.full(width, np.inf), np.zeros(width, np.int64)
    rates, rows = np.zeros(width), np.zeros(width, np.int64)
    n_todo, todo[0], bounds[0] = 1, 1, peak(_box(tree, 1), box, (big, big), table, terms)[0]
    while n_todo > 0:
        n_todo -= 1
        k = todo[n_todo]
        if bounds[n_todo] == -np.inf or bounds[n_todo] < accuracy[width - 1]:
            continue
        if k < leaves:
            n_todo = _children(todo, bounds, n_todo, tree, box, (big, big), table, terms)
            continue
        found = rate(littles, tree.start[k - leaves], tree.start[k - leaves + 1], big, terms, room)
        visited += tree.start[k - leaves + 1] - tree.start[k - leaves]
        for i in range(len(found.little)):
            a, reached = found.little[i], found.accuracy[i]
            expected = littles.figures[a, 0] + terms.policy_latency + found.p[i] * big.net.latency
            own = (reached, expected, littles.number[a])
            if used_up[a] or not _before(after[0], after[1], after[2], own):
                continue
            j = width - 1
            if n == width and not _before(reached, expected, own[2], (accuracy[j], latency[j], number[j])):
                continue
            j = min(n, j)
            while j > 0 and _before(reached, expected, own[2], (accuracy[j - 1], latency[j - 1], number[j - 1])):
                accuracy[j], latency[j], number[j] = accuracy[j - 1], latency[j - 1], number[j - 1]
                rates[j], rows[j] = rates[j - 1], rows[j - 1]
                j -= 1
            accuracy[j], latency[j], number[j], rates[j], rows[j] = reached, expected, own[2], found.p[i], a
            n = min(n + 1, width)
    return Row(accuracy, latency, number, rates, rows), n, visited
