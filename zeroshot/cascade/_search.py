"""The compiled search over pairs: boxes of nets whose bound is no good are left out, all others are looked at."""

import numpy as np

from zeroshot.cascade._bounds import bound_best, cut_ends, open_rates, peak
from zeroshot.cascade._field import LATENCY, NUMBER, Boxes, Cuts, Field, Stack, Terms, inner, kernel
from zeroshot.cascade._front import Front
from zeroshot.cascade._rating import offer, rate
from zeroshot.types import BoolArray, Int64Array

Found = tuple[float, float, int, int, float]  # accuracy, latency and number of the little net; its row, and p


@inner
def _sift(boxes: Boxes, g: int, depth: int, cuts: Cuts, stack: Stack, terms: Terms, front: Front) -> None:
    """Find the nodes of the tree with a pair that may count and may stand on the front.

    Args:
        boxes: The nodes'.
        g: Node of the grove.
        depth: Where in `Stack.near` the nodes are that are looked at; those that are found come after them.
        cuts: At the node of the grove.
        stack: Changed.
        terms: What is asked of a pair.
        front: Points that are known.
    """
    near, todo, count = stack.near, stack.little, 0
    leaves, single, stop = len(boxes.tree.low) // 2, 2 * g >= len(boxes.grove.low), 1
    while stop < leaves and (single or 2 * stop <= g):
        stop *= 2
    for i in range(stack.counts[depth]):
        n, todo[0] = 1, near[depth, i]
        while n > 0:
            n -= 1
            k = todo[n]
            rates = open_rates(boxes, k, g, single and k >= stop, cuts, terms, front)
            if rates == 0:
                continue
            if k >= stop:
                near[depth + 1, count], stack.rates[count] = k, rates
                count += 1
            else:
                todo[n], todo[n + 1] = 2 * k, 2 * k + 1
                n += 2
    stack.counts[depth + 1] = count


@kernel
def front_search(field: Field, turns: Int64Array, cuts: Cuts, stack: Stack, front: Front) -> tuple[int, int]:
    """Offer to a front every pair that may stand on it.

    A node of the one tree meets nodes of the other of about the same depth; halves of it meet halves of those that it
    may make points with, down to single big nets.

    Args:
        field: The populations.
        turns: Nodes of the grove to look at, in this order.
        cuts: Room.
        stack: Room.
        front: Points that are known; changed.

    Returns:
        How many turns are done, less than all if the front is full, and the pairs looked at.
    """
    littles, bigs, boxes, _, terms = field
    leaves, last, near, waiting = len(boxes.tree.low) // 2, len(boxes.grove.low) // 2, stack.near, stack.big
    visited = 0
    for turn in range(len(turns)):
        n, waiting[0, 0], waiting[0, 1], near[0, 0], stack.counts[0] = 1, turns[turn], 0, 1, 1
        while n > 0:
            n -= 1
            g, depth = waiting[n]
            cut_ends(field, g, cuts)
            bound_best(field, g, cuts)
            _sift(boxes, g, depth, cuts, stack, terms, front)
            count = stack.counts[depth + 1]
            if count > 0 and g < last:
                for half in range(2):
                    waiting[n + half, 0], waiting[n + half, 1] = 2 * g + half, depth + 1
                n += 2
            elif count > 0:
                b = (g - last) * len(bigs.figures) // last
                for i in range(count):
                    k = near[depth + 1, i] - leaves
                    for a in range(k * len(littles.figures) // leaves, (k + 1) * len(littles.figures) // leaves):
                        visited += 1
                        if not offer(littles, a, bigs, b, stack.rates[i], cuts, terms, front):
                            return turn, visited
    return len(turns), visited


@inner
def _before(accuracy: float, latency: float, number: int, other: tuple[float, float, int]) -> bool:
    """Whether a pair stands before another of the same big net in the list."""
    if accuracy != other[0]:
        return accuracy > other[0]
    return latency < other[1] or (latency == other[1] and number < other[2])


@kernel
def best_pair(
    field: Field, g: int, used_up: BoolArray, after: tuple[float, float, int], cuts: Cuts, stack: Stack
) -> Found:
    """The next best pair of a big net: by accuracy, of equal ones the faster first, then by the little net's number.

    Args:
        field: The populations.
        g: Node of the grove. Of more than one big net only an upper bound of the accuracy is found.
        used_up: (n_littles,) little nets to leave out.
        after: Accuracy, latency and number of the last one known: only pairs that come after it.
        cuts: Room.
        stack: Room.

    Returns:
        The pair; an accuracy of minus infinity if there is none.
    """
    littles, bigs, boxes, _, terms = field
    leaves, last, todo, bounds = len(boxes.tree.low) // 2, len(boxes.grove.low) // 2, stack.little, stack.bound
    cut_ends(field, g, cuts)
    accuracy, latency, number, row, p, b = -np.inf, np.inf, 0, 0, 0.0, (g - last) * len(bigs.figures) // last
    n, todo[0], bounds[0] = int(boxes.grove.low[g, LATENCY] < np.inf), 1, np.inf  # a node may be empty
    while n > 0:
        n -= 1
        k, bound = todo[n], bounds[n]
        if bound == -np.inf or bound < accuracy:
            continue
        if k < leaves:
            n = _halve(boxes, k, g, n, cuts, stack, terms)
        elif g < last:
            accuracy = bound
        else:
            k -= leaves
            for a in range(k * len(littles.figures) // leaves, (k + 1) * len(littles.figures) // leaves):
                own, reached, _, _ = rate(littles, a, bigs, b, cuts, terms)
                if own == 0.0 or used_up[a]:
                    continue
                expected = littles.figures[a, LATENCY] + terms.policy_latency + own * bigs.figures[b, LATENCY]
                known = (reached, expected, littles.numbers[a, NUMBER])
                if _before(after[0], after[1], after[2], known) and _before(*known, (accuracy, latency, number)):
                    accuracy, latency, number, row, p = reached, expected, known[2], a, own
    return accuracy, latency, number, row, p


@inner
def _halve(boxes: Boxes, k: int, g: int, n: int, cuts: Cuts, stack: Stack, terms: Terms) -> int:
    """Put the halves of a node of the tree on the stack, the better one last: how many are on it."""
    todo, bounds = stack.little, stack.bound
    for half in range(2):
        todo[n + half], bounds[n + half] = 2 * k + half, peak(boxes, 2 * k + half, g, cuts, terms)[0]
    if bounds[n] > bounds[n + 1]:
        todo[n], todo[n + 1], bounds[n], bounds[n + 1] = 2 * k + 1, 2 * k, bounds[n + 1], bounds[n]
    return n + 2
