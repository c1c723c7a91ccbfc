"""What no pair of some little and some big nets can beat: the bounds of the search over pairs.

Costs are easy: each is a sum or a maximum that never falls when a cost of either net rises, and floats round
monotonically, so that the formula at the least costs is a lower bound to the bit.

Accuracy is not. At one escalation rate it rises with mu_B under the shipped coupling (kappa_2 < 0: kappa falls), but it
need not rise with mu_L, because kappa does: a better little net leaves the harder errors to the big one. Between 40 and
95 % it falls by up to .05 points where the big net is hardly better; below 10 %, by points. Under another coupling it
may fall with mu_B too. And which rates a pair may have depends on both nets: a better little net may no longer be worse
than the big one, a cheaper big net leaves less room below break-even, and each pair has its own best rate.

So dominated nets cannot be left out beforehand, and nothing is presumed here: over a box a function is at most its
highest corner, plus w^2/8 of its greatest downward second derivative in each direction, plus w/4 of each bend that
cubics have where they meet. All of these are measured on the table in use, for any coupling.
"""

from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np
from scipy.special import ndtr

from zeroshot.cascade._front import Front, no_better
from zeroshot.cascade._scan import (
    SHAVED,
    SLACK,
    TINY,
    Weights,
    best_u,
    compiled_cubic,
    cubic,
    gain_at,
    net_at,
    rate_of_energy,
)
from zeroshot.cascade._scan_types import Big, Box, Nets, Table, Terms, Tree
from zeroshot.cascade.copula import (
    MU_LOW,
    MU_NODES,
    MU_STEP,
    U_HALF,
    U_NODES,
    Coupling,
    cascade_table,
    rate_to_u,
    u_to_rate,
)
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.types import FloatArray, Int64Array

MARGIN = 1.5  # on what is measured at nodes, for what lies between them
STEEP = 1e9
MANY = 64  # big nets of which nothing is known of best rates
LOWEST = float(ndtr(MU_LOW))  # accuracies below share one mu


class Bends(NamedTuple):
    """How far the table may rise above what its nodes say.

    Attributes:
        slack: Of an accuracy at any rate up to some u above that at the lesser of u and the best rate.
        bend: The greatest downward second derivative of accuracy in mu_L or mu_B.
        kink: The greatest difference of slopes where two cubics meet.
    """

    slack: float
    bend: float
    kink: float


@lru_cache(maxsize=64)
def bends(coupling: Coupling, first: int, last: int) -> Bends:
    """Measure a table between two nodes of both mu, the last not included; at least four."""
    table = cascade_table(coupling)
    part = slice(first, last)
    mu = MU_LOW + MU_STEP * np.arange(first, last)
    accuracy = table.gain[part, part] + ndtr(mu)[:, None]
    bend = kink = 0.0
    for axis in (0, 1):
        second = np.moveaxis(np.diff(accuracy, 2, axis=axis), axis, 0)
        ends = 2 * second[[0, -1]] - second[[1, -2]]  # of the outermost cubics, at the table's edges
        bend = max(bend, -second.min(), -ends.min())
        if last - first > 4:
            kink = max(kink, np.abs(np.diff(accuracy, 4, axis=axis)).max() / 6)
    return Bends(MARGIN * _slack(accuracy, table.best[part, part]), MARGIN * bend / MU_STEP**2, MARGIN * kink / MU_STEP)


def _slack(accuracy: FloatArray, best: FloatArray) -> float:
    """The slack of `Bends` at the nodes and halfway, and how far a cubic over u rises between its nodes."""
    half = np.kron(np.eye(len(best)), [[1.0], [0.0]])[:-1]
    for i in range(len(best) - 1):
        at = min(max(i - 1, 0), len(best) - 4)
        half[2 * i + 1, at : at + 4] = cubic(i + 0.5 - at)
    accuracy = np.einsum("xb,yl,blu->xyu", half, half, accuracy, optimize=True)
    u = np.clip(half @ best @ half.T, 0, 1) * (U_NODES - 1)
    at = np.where(
        u <= U_HALF, np.clip(u.astype(int) - 1, 0, U_HALF - 3), np.clip(u.astype(int) - 1, U_HALF, U_NODES - 4)
    )
    nodes = np.take_along_axis(accuracy, at[..., None] + np.arange(4), axis=2)
    reached = (np.stack(cubic(u - at), axis=2) * nodes).sum(axis=2)
    highest = np.maximum.accumulate(accuracy, axis=2)
    rising = np.where(np.arange(U_NODES) <= u[..., None], highest - accuracy, 0).max()
    halves = accuracy[..., : U_HALF + 1], accuracy[..., U_HALF:]
    return float(
        max(rising, (highest[..., -1] - reached).max()) + max(-np.diff(x, 2, axis=2).min() for x in halves) / 8
    )


@numba.njit(cache=True, inline="always")
def _bow(width: float, table: Table) -> float:
    """How far accuracy may rise above both ends of so much mu."""
    return width * (table.bend * width / 8 + table.kink * (width / MU_STEP + 1) / 4)


@numba.njit(cache=True, inline="always")
def _stencil(mu: float) -> tuple[np.uint64, Weights]:
    x = (mu - MU_LOW) / MU_STEP
    m = min(max(int(x) - 1, 0), MU_NODES - 4)
    return np.uint64(m), compiled_cubic(x - m)


@numba.njit(cache=True, inline="always", error_model="numpy")
def _corners(little: Box, big: Box, table: Table) -> tuple[float, float, tuple[float, float], float]:
    """The ends of mu_L below the most accurate big net, their accuracies, and how far the box bows between corners."""
    high = min(little.high.mu, big.high.mu)
    low = min(little.low.mu, high)
    accuracies = (
        max(LOWEST, min(little.low.accuracy, big.high.accuracy)),
        max(LOWEST, min(little.high.accuracy, big.high.accuracy)),
    )
    return low, high, accuracies, _bow(high - low, table) + _bow(big.high.mu - big.low.mu, table)


@numba.njit(cache=True, inline="always", error_model="numpy")
def _rate_between(latency: float, energy: float, near: float, far: float, big_energy: float, terms: Terms) -> float:
    """As `_scan.rate`: break-even at the latency of one big net, `near`, the limit at that of another, `far`."""
    p = min(terms.escalation, 1.0 - latency * (1.0 / near))
    p = min(p, (terms.latency - latency) * (1.0 / far) * SHAVED)
    within: float = min(p, rate_of_energy(energy, big_energy, terms))
    return within


@numba.njit(cache=True, error_model="numpy")
def least_flash(little: Box, big: Box, terms: Terms) -> float:
    """A lower bound of the flash of any pair."""
    flash: float = little.low.flash + big.low.flash + terms.least_runtime[little.ops | big.ops]
    return flash


@numba.njit(cache=True, error_model="numpy")
def least_sram(little: Box, big: Box, terms: Terms) -> float:
    """A lower bound of the SRAM of any pair, whether or not both read the same input."""
    sram = little.low.persistent + big.low.persistent
    beside = little.low.arena + big.low.input
    if not terms.input_in_arena:
        return sram + max(beside, big.low.arena + big.low.input)
    return sram + max(min(little.low.holding, beside), big.low.arena)


@numba.njit(cache=True, error_model="numpy")
def peak(little: Box, big: Box, ends: tuple[Big, Big], table: Table, terms: Terms) -> tuple[float, float]:
    """An upper bound of the accuracy of any pair that counts, and of its rate; minus infinity if none can count.

    Args:
        little: Around the little nets.
        big: Around the big ones.
        ends: The least and the most accurate big net.
        table: The copula's.
        terms: What is asked of a pair.
    """
    latency, energy = little.low.latency + terms.policy_latency, little.low.energy + terms.policy_energy
    if latency >= big.high.latency or latency + big.low.latency > terms.worst_latency or latency > terms.latency:
        return -np.inf, 0.0
    if little.low.accuracy >= big.high.accuracy:
        return -np.inf, 0.0
    if least_flash(little, big, terms) > terms.flash or least_sram(little, big, terms) > terms.sram:
        return -np.inf, 0.0
    p = _rate_between(latency, energy, big.high.latency, big.low.latency, big.low.energy, terms)
    if p < MIN_RATE:
        return -np.inf, 0.0
    mu0, mu1, a, bow = _corners(little, big, table)
    (m0, w0), (m1, w1) = _stencil(mu0), _stencil(mu1)
    u = rate_to_u(p)
    low, high = ends
    best = max(
        gain_at(low.gain, m0, w0, min(u, best_u(low.best, m0, w0)), a[0]),
        gain_at(low.gain, m1, w1, min(u, best_u(low.best, m1, w1)), a[1]),
    )
    if low.number != high.number:
        best = max(
            best,
            gain_at(high.gain, m0, w0, min(u, best_u(high.best, m0, w0)), a[0]),
            gain_at(high.gain, m1, w1, min(u, best_u(high.best, m1, w1)), a[1]),
        )
    return best + bow + table.slack, p


@numba.njit(cache=True, inline="always", error_model="numpy")
def _least_rate(little: Box, big: Box, least: FloatArray, terms: Terms) -> float:
    """A lower bound of the best rates of the pairs that count."""
    latency, energy = little.high.latency + terms.policy_latency, little.high.energy + terms.policy_energy
    p = _rate_between(latency, energy, big.low.latency, big.high.latency, big.high.energy, terms)
    if p <= MIN_RATE:
        return MIN_RATE
    u = rate_to_u(p)
    m0, _ = _stencil(little.low.mu)
    m1, _ = _stencil(min(little.high.mu, big.high.mu))
    for m in range(m0, m1 + np.uint64(1)):
        u = min(u, least[m])
    return max(MIN_RATE, u_to_rate(u) * SHAVED)


@numba.njit(cache=True, inline="always", error_model="numpy")
def cell(best: FloatArray, m: int) -> tuple[float, float, float]:
    """Bounds of a big net's best u between the middle two of four nodes, and of its slope (Bernstein)."""
    if m == 0 or m == MU_NODES - 4:  # the outermost cubics serve more than the middle
        return 0.0, 1.0, STEEP
    f0, f1, f2, f3 = best[m], best[m + 1], best[m + 2], best[m + 3]
    second = f1 + (-2 * f0 - 3 * f1 + 6 * f2 - f3) / 18
    third = f2 - (f0 - 6 * f1 + 3 * f2 + 2 * f3) / 18
    low, high = min(min(f1, f2), min(second, third)), max(max(f1, f2), max(second, third))
    slope = 3 * max(abs(second - f1), abs(third - second), abs(f2 - third))
    return min(1.0, max(0.0, low - 1e-9)), min(1.0, max(0.0, high + 1e-9)), slope


@numba.njit(cache=True)
def best_of(table: Table, bigs: Nets, b: int, best: FloatArray) -> None:
    """`Table.best` at the mu of a big net, as `_scan.cut`, written into `best`."""
    at = bigs.node[b]
    for a in range(table.first, table.last):
        best[a] = 0.0
        for w in range(4):
            best[a] += bigs.weight[b, w] * table.best[at + w, a]


@numba.njit(cache=True)
def least_best(table: Table, bigs: Nets, start: int, stop: int) -> FloatArray:
    """(MU_NODES,) a lower bound of the best u of a run of big nets in each cell over mu_L, if it is short."""
    least, best = np.ones(MU_NODES), np.zeros(MU_NODES)
    if stop - start > MANY:
        return np.zeros(MU_NODES)
    for b in range(start, stop):
        best_of(table, bigs, b, best)
        for m in range(table.first, table.last - 3):
            least[m] = min(least[m], cell(best, m)[0])
    return least


@numba.njit(cache=True, error_model="numpy")
def sift(
    nodes: Int64Array, n: int, kept: Int64Array, rates: Int64Array, stop: int, tree: Tree, big: Box,
    ends: tuple[Big, Big], least: FloatArray, table: Table, terms: Terms, front: Front, point: FloatArray,
) -> int:  # fmt: skip
    """Find the nodes with a pair that may count and may stand on the front.

    Args:
        nodes: Of the tree: where to look; changed, with room for 64 more.
        n: How many.
        kept: What is found, written.
        rates: Which points of their pairs to look at, written: bit v for level v, the highest for the best rates. Has
            no room where that is not asked.
        stop: Nodes from this number on are not taken apart.
        tree: Around the little nets.
        big: The box around some big nets.
        ends: The least and the most accurate of these.
        least: As `least_best`.
        table: The copula's.
        terms: What is asked of a pair.
        front: Points that are known.
        point: Room for one.

    Returns:
        How many are kept.
    """
    points, boxes, links, state = front.points, front.boxes, front.links, front.state
    codes, levels, low, high = terms.codes, terms.levels, ends[0].levels, ends[1].levels
    n_levels, n_kept = len(levels), 0
    while n > 0:
        n -= 1
        k = nodes[n]
        little = Box(net_at(tree.low, k), net_at(tree.high, k), tree.ops[k])
        ceiling, p = peak(little, big, ends, table, terms)
        if ceiling == -np.inf:
            continue
        flash, sram = least_flash(little, big, terms), least_sram(little, big, terms)
        latency, energy = little.low.latency + terms.policy_latency, little.low.energy + terms.policy_energy
        mu0, mu1, a, bow = _corners(little, big, table)
        (m0, w0), (m1, w1) = _stencil(mu0), _stencil(mu1)
        open_rates = 0
        # First all points in one, then the levels one by one, then the best rates.
        for v in range(-1, n_levels + 1):
            r, accuracy = MIN_RATE, ceiling
            if v < 0:
                accuracy += SLACK
            elif v == n_levels:
                r = _least_rate(little, big, least, terms)
            else:
                r = levels[v]
                if r >= p:
                    continue
                low0, low1, high0, high1 = a[0], a[1], a[0], a[1]
                for i in range(4):
                    k0, k1 = m0 + np.uint64(i), m1 + np.uint64(i)
                    low0 += w0[i] * low[k0, v]
                    low1 += w1[i] * low[k1, v]
                    high0 += w0[i] * high[k0, v]
                    high1 += w1[i] * high[k1, v]
                accuracy = min(accuracy + SLACK, max(max(low0, low1), max(high0, high1)) + bow + TINY)
            costs = (
                -accuracy, latency + r * big.low.latency, energy + r * big.low.energy,
                little.low.macs + r * big.low.macs, latency + big.low.latency, flash, sram,
            )  # fmt: skip
            for o in range(len(codes)):
                point[o] = costs[codes[o]]
            if no_better(point, points, boxes, links, state) >= 0:
                if v < 0:
                    break
            elif v >= 0:
                open_rates |= 1 << v
                if len(rates) == 0:
                    break
        if open_rates == 0:
            continue
        if k >= stop:
            kept[n_kept] = k
            if len(rates) > 0:
                rates[n_kept] = open_rates
            n_kept += 1
        else:
            nodes[n], nodes[n + 1] = 2 * k, 2 * k + 1
            n += 2
    return n_kept
