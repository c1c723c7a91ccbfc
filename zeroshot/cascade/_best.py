"""The list of the best pairs, best first: no pair is rated before something says that it may be the next one."""

import heapq

import numpy as np

from zeroshot.cascade._field import NUMBER, Field, room
from zeroshot.cascade._search import best_pair
from zeroshot.types import FloatArray, Int64Array

# Numbers of nets and escalation rates, each (n,): little, big, p.
Chosen = tuple[Int64Array, Int64Array, FloatArray]
FIRST = np.inf, -np.inf, -1  # before all pairs


def best_pairs(field: Field, top: int, per_net: int) -> Chosen:
    """The best pairs under the cap per net.

    By accuracy, of equal ones the faster first, then by numbers: each next pair is the best of all whose two nets are
    not used up. Bounds of runs of big nets, and the next pair of single ones, wait in one heap; what comes out on top
    is replaced by what stands behind it, until that is a pair.
    """
    return _List(field, per_net).first(top)


class _List:
    def __init__(self, field: Field, per_net: int) -> None:
        self.field, self.per_net, self.room = field, per_net, room(field)
        self.used_l, self.used_b = np.zeros(len(field.littles), np.int64), np.zeros(len(field.bigs), np.int64)
        self.used_up = np.zeros(len(field.littles), np.bool_)
        # What sorts a pair, its nodes and its rate: -accuracy, latency, numbers, node of the grove, little net, p.
        self.heap: list[tuple[float, float, int, int, int, int, float]] = []

    def first(self, top: int) -> Chosen:
        chosen: list[tuple[int, int, float]] = []
        n = len(self.field.boxes.grove.low) // 2
        self._wait(1, FIRST)
        while self.heap and len(chosen) < top:
            accuracy, latency, number, big, node, little, p = heapq.heappop(self.heap)
            if node < n:
                self._wait(2 * node, FIRST)
                self._wait(2 * node + 1, FIRST)
                continue
            if not self.used_up[little]:
                chosen.append((number, big, p))
                self.used_l[little] += 1
                self.used_b[big] += 1
                self.used_up[little] = self.used_l[little] == self.per_net
            if self.used_b[big] < self.per_net:
                self._wait(node, (-accuracy, latency, number))
        rows = list(zip(*chosen, strict=True)) or [(), (), ()]
        return np.array(rows[0], np.int64), np.array(rows[1], np.int64), np.array(rows[2], np.float64)

    def _wait(self, node: int, after: tuple[float, float, int]) -> None:
        """Let the next pair of a big net wait, or what those of a run of them reach at most."""
        accuracy, latency, number, little, p = best_pair(self.field, node, self.used_up, after, *self.room)
        if accuracy > -np.inf:
            n, bigs = len(self.field.boxes.grove.low) // 2, self.field.bigs
            if node < n:
                latency, number, big = -np.inf, -1, -1
            else:
                big = int(bigs.numbers[(node - n) * len(bigs) // n, NUMBER])
            heapq.heappush(self.heap, (-accuracy, latency, number, big, node, little, p))
