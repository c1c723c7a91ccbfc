"""Draw little and big candidates from a space: inside the budgets, spread over the whole range of latency."""

from dataclasses import dataclass, replace

import numpy as np

from zeroshot.cost.nets import NetCosts
from zeroshot.searching.population import single_fits
from zeroshot.searching.roles import CostOf, Roles
from zeroshot.spaces import McuSpace
from zeroshot.types import BoolArray, FloatArray, Int32Array, Int64Array

ROUND = 6144  # nets drawn at a time
POOL = 5  # nets inside the budgets to choose from, for each one wanted
MAX_ROUNDS = 40
STRATA = 32


@dataclass(frozen=True)
class Candidates:
    """Nets with their costs: `values` is a spec array, `costs` has its rows.

    Attributes:
        values: (n_nets, columns) int32.
        costs: Of length n_nets.
        littles: (n_littles,) rows of the little candidates.
        bigs: (n_bigs,) rows of the big ones; a net may be both.
        roles: Who may be what; says what would be needed.
        drawn: Nets drawn from the space in all.
        remarks: What the user should know of how they were found.
    """

    values: Int32Array
    costs: NetCosts
    littles: Int64Array
    bigs: Int64Array
    roles: Roles
    drawn: int
    remarks: tuple[str, ...] = ()


def draw(space: McuSpace, cost_of: CostOf, roles: Roles, n: int, rng: np.random.Generator) -> Candidates:
    """Draw up to n little and n big candidates; in the place of a fixed role nets that stand alone.

    The space is sampled uniformly within each number of stages, equally many nets of each; nets that fit in no pair
    are dropped; of the rest, where there are more than n, littles come evenly from the lower two thirds of log
    latency and bigs from the upper two thirds, or from all that there are beside a fixed net.

    Raises:
        InfeasibleError: No net fits; the message names the tightest budget and what the smallest pair needs.
    """
    corner = space.corner()
    parts, costs = [corner], [roles.corner]
    stages = range(space.min_stages, space.max_stages + 1)
    little_count = big_count = rounds = 0
    while min(little_count, big_count) < POOL * n and rounds < max(MAX_ROUNDS, POOL * n // 500):
        parts.append(np.concatenate([space.sample(ROUND // len(stages), rng, s) for s in stages]))
        costs.append(cost_of(parts[-1]))
        little, big = _sought(parts[-1], costs[-1], roles)
        little_count, big_count, rounds = little_count + little.sum(), big_count + big.sum(), rounds + 1
        if rounds == 4 and not (little_count and big_count):
            break
    values, first = np.unique(np.concatenate(parts), axis=0, return_index=True)
    pool = NetCosts.join(costs).take(first)
    little, big = _sought(values, pool, roles)
    if not (little.any() or roles.little) or not (big.any() or roles.big):
        raise roles.infeasible()
    latency = np.log(pool.latency)
    if not roles.fixed:
        low, high = latency[little | big].min(), latency[little | big].max()
        if little.sum() > n:
            little &= latency <= low + (high - low) * 2 / 3
        if big.sum() > n:
            big &= latency >= low + (high - low) / 3
    littles, bigs = (by_strata(latency, rng.permutation(np.flatnonzero(role)), n) for role in (little, big))
    kept = np.unique(np.concatenate([littles, bigs]))
    found = Candidates(
        values[kept], pool.take(kept), np.searchsorted(kept, littles), np.searchsorted(kept, bigs),
        roles=roles, drawn=sum(map(len, parts)),
    )  # fmt: skip
    return with_fixed(found)


def _sought(values: Int32Array, costs: NetCosts, roles: Roles) -> tuple[BoolArray, BoolArray]:
    """Which nets `draw` looks for: those of the free roles, and others that the best pair must beat."""
    little, big = roles.fitting(values, costs)
    alone = single_fits(costs, roles.platform, roles.budgets)
    return (little if roles.little is None else alone), (big if roles.big is None else alone)


def with_fixed(found: Candidates) -> Candidates:
    """The candidates where the fixed nets, and they alone, have their roles."""
    nowhere = np.zeros(0, np.int64)
    for little, net in ((True, found.roles.little), (False, found.roles.big)):
        if net is not None:
            free = replace(found, littles=nowhere) if little else replace(found, bigs=nowhere)
            found = with_nets(free, net.values, net.costs, np.array([little]), np.array([not little]))
    return found


def with_nets(found: Candidates, values: Int32Array, costs: NetCosts, little: BoolArray, big: BoolArray) -> Candidates:
    """The candidates and some more nets, which may be among them already.

    Args:
        found: The candidates.
        values: (n, columns) int32 spec array, without repetitions.
        costs: Of these nets.
        little: (n,) bool, whether each is a little candidate.
        big: (n,) bool, whether each is a big one.
    """
    there = {row.tobytes(): i for i, row in enumerate(found.values)}
    rows = np.array([there.get(row.tobytes(), -1) for row in values], np.int64)
    new = rows < 0
    rows[new] = len(found.values) + np.arange(new.sum())
    return replace(
        found,
        values=np.concatenate([found.values, values[new]]),
        costs=NetCosts.join([found.costs, costs.take(new)]),
        littles=np.union1d(found.littles, rows[little]),
        bigs=np.union1d(found.bigs, rows[big]),
    )


def by_strata(latency: FloatArray, rows: Int64Array, n: int) -> Int64Array:
    """Up to n of the rows, taken in turns from equal strata of latency, in each in the order in which they are given.

    Args:
        latency: (n_nets,) float64, of all nets, in logarithms.
        rows: To choose from.
        n: Places.

    Returns:
        (at most n,) int64, sorted.
    """
    if not len(rows):
        return rows
    low, high = latency[rows].min(), latency[rows].max()
    stratum = ((latency[rows] - low) / max(high - low, 1e-12) * (STRATA - 1e-9)).astype(int)
    turn = np.zeros(len(rows), int)
    for s in range(STRATA):
        members = np.flatnonzero(stratum == s)
        turn[members] = np.arange(len(members))
    return np.sort(rows[np.lexsort((stratum, turn))[:n]])
