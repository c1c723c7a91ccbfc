"""Draw little and big candidates from a space: inside the budgets, spread over the whole range of latency."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np

from zeroshot.cascade.policy import MIN_RATE
from zeroshot.cascade.rank_pairs import LIMITS, Budgets, describe_pairs
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.errors import InfeasibleError
from zeroshot.spaces import McuSpace
from zeroshot.types import BoolArray, FloatArray, Int32Array, Int64Array

CostOf = Callable[[Int32Array], NetCosts]

ROUND = 6144  # nets drawn at a time
POOL = 5  # nets inside the budgets to choose from, for each one wanted
MAX_ROUNDS = 40
STRATA = 32
UNITS = {"flash": "bytes", "sram": "bytes", "worst_latency": "ms", "latency": "ms", "energy": "mJ"}


@dataclass(frozen=True)
class Candidates:
    """Nets with their costs: `values` is a spec array, `costs` has its rows.

    Attributes:
        values: (n_nets, columns) int32.
        costs: Of length n_nets.
        littles: (n_littles,) rows of the little candidates.
        bigs: (n_bigs,) rows of the big ones; a net may be both.
        corner: Costs of the smallest nets of the space, to say what would be needed.
        drawn: Nets drawn from the space in all.
        remarks: What the user should know of how they were found.
    """

    values: Int32Array
    costs: NetCosts
    littles: Int64Array
    bigs: Int64Array
    corner: NetCosts
    drawn: int
    remarks: tuple[str, ...] = ()


def draw(
    space: McuSpace, cost_of: CostOf, platform: Platform, budgets: Budgets, n: int, rng: np.random.Generator
) -> Candidates:
    """Draw up to n little and n big candidates.

    The space is sampled uniformly within each number of stages, equally many nets of each; nets that fit in no pair
    are dropped; of the rest, where there are more than n, littles come evenly from the lower two thirds of log
    latency and bigs from the upper two thirds.

    Raises:
        InfeasibleError: No net fits; the message names the tightest budget and what the smallest pair needs.
    """
    corner = corner_of(space)
    parts, costs = [corner], [cost_of(corner)]
    stages = range(space.min_stages, space.max_stages + 1)
    little_count = big_count = rounds = 0
    while min(little_count, big_count) < POOL * n and rounds < max(MAX_ROUNDS, POOL * n // 500):
        parts.append(np.concatenate([space.sample(ROUND // len(stages), rng, s) for s in stages]))
        costs.append(cost_of(parts[-1]))
        little, big = fitting(costs[-1], costs[0], platform, budgets)
        little_count, big_count, rounds = little_count + little.sum(), big_count + big.sum(), rounds + 1
        if rounds == 4 and not (little_count and big_count):
            break
    values, first = np.unique(np.concatenate(parts), axis=0, return_index=True)
    pool = NetCosts.join(costs).take(first)
    little, big = fitting(pool, costs[0], platform, budgets)
    if not little.any() or not big.any():
        raise infeasible(costs[0], platform, budgets)
    latency = np.log(pool.latency)
    low, high = latency[little | big].min(), latency[little | big].max()
    if little.sum() > n:
        little &= latency <= low + (high - low) * 2 / 3
    if big.sum() > n:
        big &= latency >= low + (high - low) / 3
    littles, bigs = (by_strata(latency, rng.permutation(np.flatnonzero(role)), n) for role in (little, big))
    kept = np.unique(np.concatenate([littles, bigs]))
    return Candidates(
        values[kept], pool.take(kept), np.searchsorted(kept, littles), np.searchsorted(kept, bigs),
        corner=costs[0], drawn=sum(map(len, parts)),
    )  # fmt: skip


def corner_of(space: McuSpace) -> Int32Array:
    """The smallest nets of a space, a spec array."""
    smallest = space.smallest()
    values = smallest.decode(np.arange(smallest.count()))
    return np.pad(values, ((0, 0), (0, 6 * (space.max_stages - smallest.max_stages))))


def fitting(costs: NetCosts, corner: NetCosts, platform: Platform, budgets: Budgets) -> tuple[BoolArray, BoolArray]:
    """Which nets could be the little, and which the big one of some pair inside the budgets.

    Args:
        costs: Of the nets.
        corner: Of the smallest nets of the space, one of which would be the other net.
        platform: What is paid once on the board.
        budgets: Limits.
    """
    flash = costs.flash + corner.flash.min() + platform.runtime[costs.ops]
    ram = costs.arena + costs.persistent + corner.persistent.min()
    least, own = (0, 0) if platform.input_in_arena else (corner.input.min(), costs.input)
    start = costs.latency + platform.policy_latency
    first = corner.latency.min() + platform.policy_latency
    fits = flash <= budgets.flash
    little = fits & (ram + least <= budgets.sram) & (costs.energy < budgets.energy)
    little &= (start < budgets.latency) & (2 * start < budgets.worst_latency)  # the big net is slower yet
    big = fits & (ram + own <= budgets.sram) & (MIN_RATE * costs.energy < budgets.energy)
    big &= (first + costs.latency <= budgets.worst_latency) & (first + MIN_RATE * costs.latency <= budgets.latency)
    return little, big


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


def infeasible(corner: NetCosts, platform: Platform, budgets: Budgets) -> InfeasibleError:
    """The error for budgets that no pair meets, from the cheapest nets of the space."""
    little, big = (index.ravel() for index in np.indices((len(corner), len(corner))))
    legal = corner.latency[little] + platform.policy_latency < corner.latency[big]
    legal &= corner.macs[little] < corner.macs[big]  # else the big net would hardly be the better one
    little, big = little[legal], big[legal]
    p, unknown = np.full(len(little), MIN_RATE), np.zeros(len(little))
    pairs = describe_pairs(corner, corner, little, big, p, unknown, platform)
    needs = {name: float(getattr(pairs, name).min()) for name in LIMITS}
    found = tightest(needs, budgets)
    option, limit, need = f"`{found.name}`", found.limit, found.need
    if found.ratio > 1:
        return InfeasibleError(
            f"No pair fits: {option} allows {limit}, the smallest pair needs {need}.",
            f"Raise {option} above {need}, or choose another board or engine.",
        )
    return InfeasibleError(
        f"No pair meets all budgets together with a big net that promises more than the little one; {option} is the "
        f"tightest ({limit}, the smallest pair needs {need}).",
        f"Raise {option} first.",
    )


@dataclass(frozen=True)
class Tightest:
    """The budget that is exceeded most, or kept by least.

    Attributes:
        name: Of the budget.
        ratio: Need over limit.
        limit: With its unit.
        need: With its unit, rounded up.
    """

    name: str
    ratio: float
    limit: str
    need: str


def tightest(needs: Mapping[str, float], budgets: Budgets) -> Tightest:
    """The tightest budget for something that needs so much: name of a budget -> in its unit."""
    ratios = {name: need / getattr(budgets, name) for name, need in needs.items()}
    name = max(ratios, key=lambda name: ratios[name])
    unit = UNITS[name]
    limit, need = f"{getattr(budgets, name):,.10g} {unit}", f"{_rounded_up(needs[name], unit)} {unit}"
    return Tightest(name, ratios[name], limit, need)


def _rounded_up(need: float, unit: str) -> str:
    """So that the printed figure, typed back, suffices."""
    step = 1.0 if unit == "bytes" else 10.0 ** (floor(log10(need)) - 3)
    return f"{ceil(need / step) * step:,.10g}"
