"""The list of the best pairs, best first: no pair is rated before something says that it may be the next one."""

import heapq
from dataclasses import dataclass

import numpy as np

from zeroshot.cascade._ranking import Chosen, Field
from zeroshot.cascade._scan_types import Row
from zeroshot.cascade._search import best_row, peaks
from zeroshot.types import FloatArray, Int64Array

WIDTH = 16  # little nets that are looked up at once for a big one
STEP = 8  # leaves of big nets that are judged at once
FIRST = np.inf, -np.inf, -1
RUN, BIG, PAIR = range(3)  # what waits in the heap


def best_pairs(field: Field, top: int, per_net: int) -> Chosen:
    """The best pairs under the cap per net.

    By accuracy, of equal ones the faster first, then by numbers: each next pair is the best of all whose two nets are
    not used up. Bounds of runs of big nets, bounds of big nets, and pairs wait in one heap; what comes out on top is
    replaced by what stands behind it, until that is a pair.
    """
    return _Search(field, top, per_net).run()


@dataclass
class _Waiting:
    """The next pairs of a big net: a row of them, and which comes next."""

    big: int
    row: Row
    n: int
    at: int = 0


class _Search:
    def __init__(self, field: Field, top: int, per_net: int) -> None:
        self.field, self.top, self.per_net = field, top, per_net
        n_littles, n_bigs = len(field.littles.ops), len(field.bigs.ops)
        self.used_l, self.used_b = np.zeros(n_littles, np.int64), np.zeros(n_bigs, np.int64)
        self.used_up = np.zeros(n_littles, np.bool_)
        self.heap: list[tuple[float, float, int, int, int, _Waiting | None]] = []
        self.visited = 0

    def run(self) -> Chosen:
        field = self.field
        chosen: list[tuple[int, int, float]] = []
        runs = field.grove.start[:: min(STEP, len(field.grove.start) - 1)].copy()
        self._expect(RUN, 0, runs)
        while self.heap and len(chosen) < self.top:
            _, _, _, number, kind, waiting = heapq.heappop(self.heap)
            if kind == RUN:
                start, stop = runs[number], runs[number + 1]
                self._expect(BIG, start, np.arange(start, stop + 1))
            elif waiting is None:
                self._look_up(number, FIRST)
            elif self._take(waiting):
                little = waiting.row.little[waiting.at]
                chosen.append((field.littles.number[little], number, waiting.row.p[waiting.at]))
                self._advance(waiting)
            else:
                self._advance(waiting)
        rows = list(zip(*chosen, strict=True)) or [(), (), ()]
        return np.array(rows[0], np.int64), np.array(rows[1], np.int64), np.array(rows[2], np.float64)

    def _expect(self, kind: int, first: int, runs: Int64Array) -> None:
        """Let bounds of runs of big nets wait."""
        field = self.field
        bounds: FloatArray = peaks(field.tree, field.bigs, runs, field.table, field.terms)
        for i in np.flatnonzero(bounds > -np.inf).tolist():
            heapq.heappush(self.heap, (-bounds[i], -np.inf, -1, int(first) + i, kind, None))

    def _look_up(self, big: int, after: tuple[float, float, int]) -> None:
        """Let the next pairs of a big net wait."""
        field = self.field
        row, n, visited = best_row(
            field.littles, field.tree, field.bigs, big, field.table, field.terms, self.used_up, after, WIDTH
        )
        self.visited += visited
        if n:
            self._wait(_Waiting(big, row, n))

    def _wait(self, waiting: _Waiting) -> None:
        row, at = waiting.row, waiting.at
        order = float(-row.accuracy[at]), float(row.latency[at]), int(row.number[at])
        heapq.heappush(self.heap, (*order, int(self.field.bigs.number[waiting.big]), PAIR, waiting))

    def _take(self, waiting: _Waiting) -> bool:
        """Whether the little net is not used up; if so both nets are used once more."""
        little = waiting.row.little[waiting.at]
        if self.used_up[little]:
            return False
        self.used_l[little] += 1
        self.used_b[waiting.big] += 1
        self.used_up[little] = self.used_l[little] == self.per_net
        return True

    def _advance(self, waiting: _Waiting) -> None:
        row, waiting.at = waiting.row, waiting.at + 1
        if self.used_b[waiting.big] == self.per_net:
            return
        while waiting.at < waiting.n and self.used_up[row.little[waiting.at]]:
            waiting.at += 1
        if waiting.at < waiting.n:
            self._wait(waiting)
        elif waiting.n == WIDTH:
            last = float(row.accuracy[-1]), float(row.latency[-1]), int(row.number[-1])
            self._look_up(waiting.big, last)
