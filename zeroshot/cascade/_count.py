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

import numba
import numpy as np
import numpy.typing as npt

from zeroshot.cascade._bounds import best_of, cell
from zeroshot.cascade._scan import best_u, rate_of_energy, rate_of_latency
from zeroshot.cascade._scan_types import Net, Nets, Table, Terms
from zeroshot.cascade.copula import MU_NODES, MU_STEP, rate_to_u, u_to_rate
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.types import BoolArray, FloatArray, Int64Array

STEP = 512
RUN = 32  # nets of similar accuracy that are judged at once
TINY = 1e-9
ZERO, ONE, TWO, FOUR = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(4)
BITS = np.uint64(63)
ODD, PAIRS, NIBBLES = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
BYTE, SHORT, WORD, SUM = np.uint64(8), np.uint64(16), np.uint64(32), np.uint64(127)
Bits = npt.NDArray[np.uint64]


class Order(NamedTuple):
    """Little nets by one figure.

    Attributes:
        places: (n,) int64, their places by rising latency.
        sets: (n // STEP + 1, n // 64 + 1) uint64, the first 0, STEP, 2 STEP, ... of them as bits over these places.
    """

    places: Int64Array
    sets: Bits


@numba.njit(cache=True, nogil=True)
def order_of(places: Int64Array) -> Order:
    """The sets of an order."""
    n = len(places)
    sets = np.zeros((n // STEP + 1, n // 64 + 1), np.uint64)
    for i in range(1, len(sets)):
        for w in range(sets.shape[1]):
            sets[i, w] = sets[i - 1, w]
        for j in range((i - 1) * STEP, i * STEP):
            _set(sets[i], places[j])
    return Order(places, sets)


@numba.njit(cache=True, inline="always")
def _set(line: Bits, a: int) -> None:
    line[a // 64] |= ONE << (np.uint64(a) & BITS)


@numba.njit(cache=True, inline="always")
def _ones(x: np.uint64) -> np.uint64:
    """How many bits are set."""
    x = x - ((x >> ONE) & ODD)
    x = (x & PAIRS) + ((x >> TWO) & PAIRS)
    x = (x + (x >> FOUR)) & NIBBLES
    x = x + (x >> BYTE)
    x = x + (x >> SHORT)
    return (x + (x >> WORD)) & SUM


@numba.njit(cache=True, inline="always")
def _enough(p: float) -> bool:
    """As `_scan.rate` asks: also after the way through the table's coordinate."""
    return p >= MIN_RATE and u_to_rate(rate_to_u(min(p, 1.0))) >= MIN_RATE


@numba.njit(cache=True)
def _cheap_enough(latencies: FloatArray, big_latency: float, terms: Terms) -> int:
    """How many of the little nets by rising latency pass every test of latency."""
    low, high = 0, len(latencies)
    while low < high:
        middle = (low + high) // 2
        latency = latencies[middle] + terms.policy_latency
        fits = latency < big_latency and latency + big_latency <= terms.worst_latency and latency <= terms.latency
        if fits and _enough(rate_of_latency(latency, big_latency, terms)):
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True)
def _frugal_enough(energies: FloatArray, big_energy: float, terms: Terms) -> int:
    """The same for rising energies."""
    low, high = 0, len(energies)
    while low < high:
        middle = (low + high) // 2
        if _enough(rate_of_energy(energies[middle] + terms.policy_energy, big_energy, terms)):
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True)
def _worth_it(nets: Nets, cells: Int64Array, n: int, best: FloatArray, more: Int64Array) -> tuple[int, int]:
    """Which of the first n nets by accuracy have a best rate that is high enough: the first so many, and `more`.

    Args:
        nets: By rising accuracy.
        cells: (MU_NODES - 2,) where the nets of each cell of the table begin.
        n: Nets that are less accurate than the big one.
        best: The big net's.
        more: Room for the numbers of others beyond the first ones.
    """
    weight, mu, first, n_more = nets.weight, nets.figures[:, 9], 0, 0
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
            w = (weight[start, 0], weight[start, 1], weight[start, 2], weight[start, 3])
            u = best_u(best, np.uint64(m), w)
            reach = slope * (mu[end - 1] - mu[start]) / MU_STEP + TINY
            sure = u_to_rate(max(low, u - reach)) >= MIN_RATE
            if sure or u_to_rate(min(high, u + reach)) >= MIN_RATE:
                for j in range(start, end):
                    w = (weight[j, 0], weight[j, 1], weight[j, 2], weight[j, 3])
                    if sure and first == start:
                        first = end
                        break
                    if sure or u_to_rate(best_u(best, np.uint64(m), w)) >= MIN_RATE:
                        more[n_more] = j
                        n_more += 1
            start = end
    return first, n_more


@numba.njit(cache=True)
def _begin(line: Bits, words: int, order: Order, first: int, more: Int64Array) -> None:
    """Set the bits of the first ones of an order and of some more of them."""
    places, known = order.places, order.sets[first // STEP]
    for i in range(words):
        line[i] = known[i]
    for j in range(first // STEP * STEP, first):
        if places[j] // 64 < words:
            _set(line, places[j])
    for j in more:
        if places[j] // 64 < words:
            _set(line, places[j])


@numba.njit(cache=True)
def _meet(line: Bits, words: int, order: Order, first: int, more: Int64Array) -> None:
    """Clear the bits of all but the first ones of an order."""
    places, known, n_more = order.places, order.sets[first // STEP], 0
    for j in range(first // STEP * STEP, first):
        a = places[j]
        if a // 64 < words and (line[a // 64] >> (np.uint64(a) & BITS)) & ONE != ZERO:
            more[n_more] = a
            n_more += 1
    for i in range(words):
        line[i] &= known[i]
    for j in range(n_more):
        _set(line, more[j])


@numba.njit(cache=True, nogil=True)
def count_kernel(
    littles: Nets, cells: Int64Array, latencies: FloatArray, energies: FloatArray, orders: tuple[Order, ...],
    bigs: Nets, lengths: Int64Array, table: Table, terms: Terms,
) -> tuple[int, Bits, BoolArray]:  # fmt: skip
    """Count the pairs of some big nets.

    Args:
        littles: By rising accuracy.
        cells: As `_worth_it`.
        latencies: (n_littles,) rising.
        energies: (n_littles,) rising.
        orders: By accuracy, by energy, and by other figures.
        bigs: The big nets.
        lengths: (n_bigs, orders), little nets that pass the test of each order; that of energy is not yet known.
        table: The copula's.
        terms: What is asked of a pair.

    Returns:
        Pairs that count; the little nets in any of them, as bits over the places by latency; (n_bigs,) the big nets.
    """
    n, total = len(latencies), 0
    line, fits, big_fits = (
        np.zeros(n // 64 + 1, np.uint64),
        np.zeros(n // 64 + 1, np.uint64),
        np.zeros(len(bigs.ops), np.bool_),
    )
    more, best = np.empty(max(n, STEP), np.int64), np.zeros(MU_NODES)
    for b in range(len(bigs.ops)):
        cheap = _cheap_enough(latencies, bigs.figures[b, 0], terms)
        if cheap == 0 or lengths[b].min() == 0:
            continue
        words = (cheap + 63) // 64
        best_of(table, bigs, b, best)
        first, n_more = _worth_it(littles, cells, lengths[b, 0], best, more)
        _begin(line, words, orders[0], first, more[:n_more])
        if cheap < words * 64:
            line[words - 1] &= (ONE << (np.uint64(cheap) & BITS)) - ONE
        lengths[b, 1] = _frugal_enough(energies, bigs.figures[b, 1], terms)
        for c in range(1, len(orders)):
            if lengths[b, c] < n:
                _meet(line, words, orders[c], lengths[b, c], more)
        found = ZERO
        for i in range(words):
            fits[i] |= line[i]
            found += _ones(line[i])
        total += int(found)
        big_fits[b] = found > ZERO
    return total, fits, big_fits


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
    orders = _Orders(littles, terms)

    def counted(rows: Int64Array) -> tuple[Int64Array, int, Bits, BoolArray]:
        part = bigs.take(rows)
        return rows, *count_kernel(*orders.littles, *orders.of(part), table, terms)

    big_fits, fits, total = np.zeros(len(bigs.ops), np.bool_), np.zeros(len(littles.ops) // 64 + 1, np.uint64), 0
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for rows, n, some, part in pool.map(counted, orders.alike(bigs, max(1, threads))):
            total += n
            fits |= some
            big_fits[rows] = part
    bits = np.unpackbits(fits.view(np.uint8), bitorder="little")
    return Count(total, bits[littles.place].astype(np.bool_), big_fits)


class _Orders:
    """The orders of the little nets that thresholds need, and the thresholds of big nets."""

    def __init__(self, littles: Nets, terms: Terms) -> None:
        self.nets, self.terms = littles, terms
        by_accuracy = np.argsort(littles.figures[:, 8], kind="stable")
        self.accuracy = self._figure("accuracy")[by_accuracy]
        ordered = littles.take(by_accuracy)
        cells = np.searchsorted(ordered.node, np.arange(MU_NODES - 2))
        energy = self._figure("energy")
        self.littles = ordered, cells, np.sort(self._figure("latency")), np.sort(energy)
        by_energy = np.argsort(energy, kind="stable") if terms.energy < np.inf else by_accuracy
        self.fixed = order_of(ordered.place), order_of(littles.place[by_energy])

    def _figure(self, name: str) -> FloatArray:
        return self.nets.figures[:, Net._fields.index(name)]

    def alike(self, bigs: Nets, threads: int) -> list[Int64Array]:
        """Big nets whose thresholds are on the same figures, each group in parts."""
        kinds = np.column_stack([
            bigs.ops if self.terms.flash < np.inf else np.zeros(len(bigs.ops), np.int64),
            bigs.figures[:, Net._fields.index("input")] if self.terms.sram < np.inf else np.zeros(len(bigs.ops)),
        ])  # fmt: skip
        _, group = np.unique(kinds, axis=0, return_inverse=True)
        groups = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
        return [part for rows in groups for part in np.array_split(rows, threads) if len(part)]

    def of(self, bigs: Nets) -> tuple[tuple[Order, ...], Nets, Int64Array]:
        """The orders for some big nets that are alike, these nets, and how many little nets pass each test."""
        n, terms = len(self.nets.ops), self.terms
        big = {name: bigs.figures[:, i] for i, name in enumerate(Net._fields)}
        lengths, orders = [np.searchsorted(self.accuracy, big["accuracy"]), np.full(len(bigs.ops), n)], [*self.fixed]
        if terms.flash < np.inf:
            figure = self._figure("flash") + terms.runtime[self.nets.ops | bigs.ops[0]]
            lengths.append(self._within(orders, figure, terms.flash - big["flash"]))
        if terms.sram < np.inf:
            own, image = self._figure("persistent"), big["input"][0]
            beside = self._figure("arena") + image
            if terms.input_in_arena:
                beside = np.where(self._figure("input") == image, self._figure("holding"), beside)
            kept = 0.0 if terms.input_in_arena else image
            lengths.append(self._within(orders, own + beside, terms.sram - big["persistent"]))
            lengths.append(self._within(orders, own, terms.sram - big["persistent"] - big["arena"] - kept))
        return tuple(orders), bigs, np.column_stack(lengths)

    def _within(self, orders: list[Order], figure: FloatArray, limit: FloatArray) -> Int64Array:
        order = np.argsort(figure, kind="stable")
        orders.append(order_of(self.nets.place[order]))
        return np.searchsorted(figure[order], limit, side="right")
