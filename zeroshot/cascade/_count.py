"""How many pairs count, and which nets are in one: exact, without a look at each pair.

Once the big net is known, each test of a pair is a threshold on one figure of the little net: latency, energy,
accuracy, flash with the runtime for the big net's operators, persistent data with the activations, persistent data
alone. The little nets that pass it are the first ones in the order of that figure, and the pairs of a big net are what
these sets have in common: one bit a net, 64 nets at a time. Sets are kept for every `STEP`-th length.

One test is none: whether the rate of highest accuracy is high enough. It depends on both accuracies, by a cubic over
mu_L, whose bounds judge most nets by the cell of the table or by runs of similar accuracy, the rest one by one.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zeroshot.cascade._bounds import cell
from zeroshot.cascade._field import (
    ENERGY,
    FIGURES,
    INPUT,
    LATENCY,
    MU,
    NODE,
    OPS,
    PLACE,
    Nets,
    Table,
    Terms,
    inner,
    kernel,
)
from zeroshot.cascade._rating import best_of, best_u, highest_rate
from zeroshot.cascade.copula import MU_NODES, MU_STEP, rate_to_u, u_to_rate
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.types import BoolArray, FloatArray, Int64Array

STEP = 512
RUN = 32  # nets of similar accuracy that are judged at once
TINY = 1e-9
ZERO, ONE, TWO, FOUR = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(4)
BITS, ALL = np.uint64(63), np.uint64(2**64 - 1)
ODD, PAIRS, NIBBLES = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
BYTE, SHORT, WORD, SUM = np.uint64(8), np.uint64(16), np.uint64(32), np.uint64(127)
Bits = npt.NDArray[np.uint64]


class Orders(NamedTuple):
    """Little nets by several figures: by accuracy, by energy, and by those that a budget limits.

    Attributes:
        nets: By rising accuracy.
        cells: (MU_NODES - 2,) where the nets of each cell of the table begin.
        costs: (2, n) float64, latencies and energies, each rising.
        places: (orders, n) int64, their places by rising latency.
        sets: (orders, n // STEP + 1, n // 64 + 1) uint64, the first 0, STEP, 2 STEP, ... of an order as bits over these
            places.
    """

    nets: Nets
    cells: Int64Array
    costs: FloatArray
    places: Int64Array
    sets: Bits


@inner
def _set(line: Bits, a: int) -> None:
    line[a // 64] |= ONE << (np.uint64(a) & BITS)


@inner
def _ones(x: np.uint64) -> np.uint64:
    """How many bits are set."""
    x = x - ((x >> ONE) & ODD)
    x = (x & PAIRS) + ((x >> TWO) & PAIRS)
    x = (x + (x >> FOUR)) & NIBBLES
    x = x + (x >> BYTE)
    x = x + (x >> SHORT)
    return (x + (x >> WORD)) & SUM


@inner
def _cheap_enough(costs: FloatArray, kind: int, bigs: Nets, b: int, terms: Terms) -> int:
    """How many of the little nets pass every test of latency, or of energy: those of the lowest."""
    low, high, slow = 0, costs.shape[1], bigs.figures[b, LATENCY]
    while low < high:
        middle = (low + high) // 2
        latency, energy, fits = -np.inf, -np.inf, True
        if kind == LATENCY:
            latency = costs[kind, middle] + terms.policy_latency
            fits = latency < slow and latency + slow <= terms.worst_latency and latency <= terms.latency
        else:
            energy = costs[kind, middle] + terms.policy_energy
        p = highest_rate(latency, energy, slow, slow, bigs.figures[b, ENERGY], terms)
        # As `_rating.rate` asks: also after the way through the table's coordinate.
        if fits and p >= MIN_RATE and u_to_rate(rate_to_u(p)) >= MIN_RATE:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def _worth_it(orders: Orders, n: int, best: FloatArray, more: Int64Array) -> tuple[int, int]:
    """Which of the first n nets by accuracy have a best rate that is high enough: the first so many, and `more`.

    Args:
        orders: The little nets.
        n: Nets that are less accurate than the big one.
        best: The big net's.
        more: Room for the numbers of others beyond the first ones.
    """
    figures, cells, first, n_more = orders.nets.figures, orders.cells, 0, 0
    for m in range(MU_NODES - 3):
        start, stop = cells[m], min(cells[m + 1], n)
        if start >= stop:
            continue
        low, high, slope = cell(best, m)
        if u_to_rate(high) < MIN_RATE:
            continue
        run = stop - start if u_to_rate(low) >= MIN_RATE else RUN
        while start < stop:
            end = min(start + run, stop)
            u = best_u(best, m, figures, start)
            reach = slope * (figures[end - 1, MU] - figures[start, MU]) / MU_STEP + TINY
            sure = u_to_rate(max(low, u - reach)) >= MIN_RATE
            if sure and first == start:
                first = end
            elif sure or u_to_rate(min(high, u + reach)) >= MIN_RATE:
                for j in range(start, end):
                    if sure or u_to_rate(best_u(best, m, figures, j)) >= MIN_RATE:
                        more[n_more] = j
                        n_more += 1
            start = end
    return first, n_more


@inner
def _meet(line: Bits, words: int, orders: Orders, c: int, first: int, room: Int64Array) -> None:
    """Clear the bits of all but the first ones of an order."""
    places, sets, known, n = orders.places, orders.sets, first // STEP, 0
    for j in range(known * STEP, first):
        a = places[c, j]
        if a // 64 < words and (line[a // 64] >> (np.uint64(a) & BITS)) & ONE != ZERO:
            room[n] = a
            n += 1
    for i in range(words):
        line[i] &= sets[c, known, i]
    for j in range(n):
        _set(line, room[j])


@kernel
def count_kernel(
    orders: Orders, bigs: Nets, lengths: Int64Array, table: Table, terms: Terms, bits: Bits, room: Int64Array,
    best: FloatArray,
) -> None:  # fmt: skip
    """Count the pairs of some big nets.

    Args:
        orders: The little nets.
        bigs: The big nets.
        lengths: (n_bigs, 1 + orders), little nets that pass the test of each order; in the first column how many pairs
            count, written. That of energy is written too.
        table: The copula's.
        terms: What is asked of a pair.
        bits: (2, n_littles // 64 + 1) bits over places by latency: the little nets in any pair, written; and room.
        room: (2, n_littles + STEP) room.
        best: (MU_NODES,) room.
    """
    n, places, fits, line, more, free = orders.costs.shape[1], orders.places, bits[0], bits[1], room[0], room[1]
    for b in range(len(lengths)):
        for kind in range(2):
            lengths[b, 2 * kind] = _cheap_enough(orders.costs, kind, bigs, b, terms)
        cheap, lengths[b, 0] = lengths[b, 0], 0
        for c in range(len(places)):
            cheap *= int(lengths[b, 1 + c] > 0)
        if cheap == 0:
            continue
        words, n_more = (cheap + 63) // 64, 0
        for i in range(words):
            line[i] = ALL
        best_of(table, bigs, b, best)
        for c in range(len(places)):
            first = lengths[b, 1 + c]
            if c == 0:
                first, n_more = _worth_it(orders, first, best, more)
            if first < n:
                _meet(line, words, orders, c, first, free)
            if c == 0:
                for j in range(n_more):
                    if places[c, more[j]] // 64 < words:
                        _set(line, places[c, more[j]])
        if cheap < words * 64:
            line[words - 1] &= (ONE << (np.uint64(cheap) & BITS)) - ONE
        for i in range(words):
            fits[i] |= line[i]
            lengths[b, 0] += np.int64(_ones(line[i]))


class Count(NamedTuple):
    """Pairs that count, and which nets are in one.

    Attributes:
        n_feasible: How many pairs.
        little_fits: (n_littles,) by number.
        big_fits: (n_bigs,) by number.
    """

    n_feasible: int
    little_fits: BoolArray
    big_fits: BoolArray


def count(littles: Nets, bigs: Nets, table: Table, terms: Terms, threads: int) -> Count:
    """Count all pairs.

    Args:
        littles: In the order of their numbers.
        bigs: The same.
        table: The copula's.
        terms: What is asked of a pair.
        threads: The big nets are shared out among so many.
    """
    thresholds, n = _Thresholds(littles, terms), len(littles)

    def counted(rows: Int64Array) -> tuple[Int64Array, Int64Array, Bits]:
        part, bits = bigs.take(rows), np.zeros((2, n // 64 + 1), np.uint64)
        orders, lengths = thresholds.of(part)
        count_kernel(orders, part, lengths, table, terms, bits, np.empty((2, n + STEP), np.int64), np.zeros(MU_NODES))
        return rows, lengths[:, 0], bits[0]

    found, fits = np.zeros(len(bigs), np.int64), np.zeros(n // 64 + 1, np.uint64)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for rows, numbers, some in pool.map(counted, thresholds.alike(bigs, max(1, threads))):
            fits |= some
            found[rows] = numbers
    bits = np.unpackbits(fits.view(np.uint8), bitorder="little")
    return Count(int(found.sum()), bits[littles.numbers[:, PLACE]].astype(np.bool_), found > 0)


class _Thresholds:
    """The orders of the little nets that thresholds need, and the thresholds of big nets."""

    def __init__(self, littles: Nets, terms: Terms) -> None:
        self.nets, self.terms, self.places = littles, terms, littles.numbers[:, PLACE]
        little = dict(zip(FIGURES, littles.figures.T, strict=False))
        by_accuracy, by_energy = (np.argsort(little[name]) for name in ("accuracy", "energy"))
        self.accuracies, self.little, self.ordered = little["accuracy"][by_accuracy], little, littles.take(by_accuracy)
        self.cells = np.searchsorted(self.ordered.numbers[:, NODE], np.arange(MU_NODES - 2))
        self.costs = np.stack([np.sort(little["latency"]), little["energy"][by_energy]])
        self.fixed = [self._order(by_accuracy), self._order(by_energy)]

    def _order(self, rows: Int64Array) -> tuple[Int64Array, Bits]:
        """Places by latency, and the sets of an order."""
        places, n = self.places[rows], len(rows)
        sets = np.zeros((n // STEP + 2, n // 64 + 1), np.uint64)
        words = (np.arange(n) // STEP + 1) * sets.shape[1] + places // 64
        np.bitwise_or.at(sets.reshape(-1), words, ONE << (places % 64).astype(np.uint64))
        return places, np.bitwise_or.accumulate(sets[:-1], axis=0)

    def alike(self, bigs: Nets, threads: int) -> list[Int64Array]:
        """Big nets whose thresholds are on the same figures, each group in parts."""
        kinds = np.column_stack([
            bigs.numbers[:, OPS] * (self.terms.flash < np.inf), bigs.figures[:, INPUT] * (self.terms.sram < np.inf)
        ])  # fmt: skip
        _, group = np.unique(kinds, axis=0, return_inverse=True)
        groups = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
        parts = threads if len(groups) < threads else 1
        return [part for rows in groups for part in np.array_split(rows, parts) if len(part)]

    def of(self, bigs: Nets) -> tuple[Orders, Int64Array]:
        """The orders for some big nets that are alike, and how many little nets pass each test."""
        n, terms, little = len(self.nets), self.terms, self.little
        big, orders = dict(zip(FIGURES, bigs.figures.T, strict=False)), [*self.fixed]
        lengths = [np.zeros(len(bigs)), np.searchsorted(self.accuracies, big["accuracy"]), np.full(len(bigs), n)]

        def keep_within(figure: FloatArray, limit: FloatArray) -> None:
            order = np.argsort(figure)
            orders.append(self._order(order))
            lengths.append(np.searchsorted(figure[order], limit, side="right"))

        if terms.flash < np.inf:
            runtime = terms.runtime[0, self.nets.numbers[:, OPS] | bigs.numbers[0, OPS]]
            keep_within(little["flash"] + runtime, terms.flash - big["flash"])
        if terms.sram < np.inf:
            image, beside = big["input"][0], little["arena"] + big["input"][0]
            if terms.input_in_arena:
                beside = np.where(little["input"] == image, little["holding"], beside)
            kept = 0.0 if terms.input_in_arena else image
            keep_within(little["persistent"] + beside, terms.sram - big["persistent"])
            keep_within(little["persistent"], terms.sram - big["persistent"] - big["arena"] - kept)
        places, sets = (np.stack(parts) for parts in zip(*orders, strict=True))
        return Orders(self.ordered, self.cells, self.costs, places, sets), np.column_stack(lengths).astype(np.int64)
