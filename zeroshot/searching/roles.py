"""Who may be the little and who the big net of a pair inside the budgets, and the error where nobody may."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, floor, log10

import numpy as np

from zeroshot.cascade.policy import MIN_RATE
from zeroshot.cascade.rank_pairs import LIMITS, Budgets, Pairs, describe_pairs
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.errors import InfeasibleError
from zeroshot.net import NetSpec, spec_of
from zeroshot.spaces import McuSpace
from zeroshot.types import BoolArray, Int32Array

CostOf = Callable[[Int32Array], NetCosts]

UNITS = {"flash": "bytes", "sram": "bytes", "worst_latency": "ms", "latency": "ms", "energy": "mJ"}


@dataclass(frozen=True, eq=False)
class FixedNet:
    """The one net that may have a role.

    Attributes:
        values: (1, columns) int32 spec array.
        costs: Of length 1.
    """

    values: Int32Array
    costs: NetCosts

    def __str__(self) -> str:
        return str(spec_of(self.values[0]))


@dataclass(frozen=True, eq=False)
class Roles:
    """What makes a net fit for a role.

    Attributes:
        platform: What is paid once on the board.
        budgets: Limits of every pair.
        corner: Costs of the smallest nets of the space, one of which is the other net where none is fixed.
        little: The little net of all pairs, where the user fixed it.
        big: The big net of all pairs, where the user fixed it.
    """

    platform: Platform
    budgets: Budgets
    corner: NetCosts
    little: FixedNet | None = None
    big: FixedNet | None = None

    @classmethod
    def of(
        cls, space: McuSpace, cost_of: CostOf, platform: Platform, budgets: Budgets, little: NetSpec | None = None,
        big: NetSpec | None = None,
    ) -> "Roles":  # fmt: skip
        """The roles of a space's nets, of which the user may have fixed one or two."""

        def fixed(net: NetSpec | None) -> FixedNet | None:
            return None if net is None else FixedNet(space.array([net]), cost_of(space.array([net])))

        return cls(platform, budgets, cost_of(space.corner()), fixed(little), fixed(big))

    @property
    def fixed(self) -> tuple[FixedNet, ...]:
        """The nets that the user fixed."""
        return tuple(each for each in (self.little, self.big) if each is not None)

    def fitting(self, values: Int32Array, costs: NetCosts) -> tuple[BoolArray, BoolArray]:
        """Which nets could be the little, and which the big one of some pair inside the budgets.

        Args:
            values: (n, columns) int32 spec array; a fixed role is had by that net alone.
            costs: Of the nets.
        """
        if not self.fixed:
            return self._beside_the_smallest(costs)
        little, big = (
            np.zeros(len(costs), np.bool_) if each is None else np.asarray((values == each.values).all(axis=1))
            for each in (self.little, self.big)
        )
        if self.little is None and self.big is not None:
            little = self._pairs_fit(costs, self.big.costs)
        if self.big is None and self.little is not None:
            big = self._pairs_fit(self.little.costs, costs)
        return little, big

    def _pairs_fit(self, littles: NetCosts, bigs: NetCosts) -> BoolArray:
        """Which pairs of two populations, one of them a single net, meet the budgets where the big net runs rarely."""
        pairs = self._pairs(littles, bigs)
        inside = [getattr(pairs, name) <= getattr(self.budgets, name) for name in LIMITS]
        return np.asarray(np.all(inside, axis=0) & self._in_order(littles, bigs))

    def _in_order(self, littles: NetCosts, bigs: NetCosts) -> BoolArray:
        """Whether little nets are faster by so much that a big one may run at all, see `cascade.rank_pairs`."""
        return np.asarray(littles.latency + self.platform.policy_latency <= (1 - MIN_RATE) * bigs.latency)

    def _pairs(self, littles: NetCosts, bigs: NetCosts) -> Pairs:
        little, big = np.broadcast_arrays(np.arange(len(littles)), np.arange(len(bigs)))
        rate, unknown = np.full(len(little), MIN_RATE), np.zeros(len(little))
        return describe_pairs(littles, bigs, little, big, rate, unknown, self.platform)

    def _beside_the_smallest(self, costs: NetCosts) -> tuple[BoolArray, BoolArray]:
        corner, platform, budgets = self.corner, self.platform, self.budgets
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

    def check_fixed(self) -> None:
        """Insist that the fixed nets can stand in some pair.

        Raises:
            InfeasibleError: They cannot; the message names the tightest budget, or that no little net is faster.
        """
        if not self.fixed:
            return
        if self.big is not None:
            littles = self.corner if self.little is None else self.little.costs
            if not self._in_order(littles, self.big.costs).any():
                raise self._too_fast(self.big, float(littles.latency.min()))
        if tightest(self._needs(), self.budgets).ratio > 1:
            raise self.infeasible()

    def _too_fast(self, big: FixedNet, fastest: float) -> InfeasibleError:
        slow, other = float(big.costs.latency[0]), "the fastest net of the space" if self.little is None else "`little`"
        return InfeasibleError(
            f"`big` {big} takes {slow:.4g} ms, {other} {fastest:.4g} ms: a little net must be faster than its big one, "
            f"by {100 * MIN_RATE:g} % and a decision at least.",
            "Exchange the two, or name a faster little net." if self.little is not None else "Fix it as `little`.",
        )

    def infeasible(self) -> InfeasibleError:
        """The error for budgets that no pair meets, from the cheapest nets of the space."""
        found = tightest(self._needs(), self.budgets)
        option, limit, need = f"`{found.name}`", found.limit, found.need
        which = [f"`{role}` {net}" for role, net in (("little", self.little), ("big", self.big)) if net is not None]
        subject, smaller = "No pair", ""
        if which:
            subject, smaller = f"No pair with {' and '.join(which)}", "name a smaller net, "
        if found.ratio > 1:
            return InfeasibleError(
                f"{subject} fits: {option} allows {limit}, the smallest pair needs {need}.",
                f"Raise {option} above {need}, {smaller}or choose another board or engine.",
            )
        return InfeasibleError(
            f"{subject} meets all budgets together with a big net that promises more than the little one; {option} is "
            f"the tightest ({limit}, the smallest pair needs {need}).",
            f"Raise {option} first.",
        )

    def _needs(self) -> dict[str, float]:
        """Name of a budget -> what the cheapest pair takes of it, of all that might be a pair."""
        if self.fixed:
            littles, bigs = (self.corner if each is None else each.costs for each in (self.little, self.big))
            if self.big is None:
                bigs = self._slower(littles)
            pairs = self._pairs(littles, bigs)
        else:
            corner = self.corner
            little, big = (index.ravel() for index in np.indices((len(corner), len(corner))))
            legal = corner.latency[little] + self.platform.policy_latency < corner.latency[big]
            legal &= corner.macs[little] < corner.macs[big]  # else the big net would hardly be the better one
            pairs = self._pairs(corner.take(little[legal]), corner.take(big[legal]))
        return {name: float(getattr(pairs, name).min()) for name in LIMITS}

    def _slower(self, little: NetCosts) -> NetCosts:
        """The smallest nets, as slow as a big net beside this little one must be at least."""
        start = little.latency + self.platform.policy_latency
        latency = np.maximum(self.corner.latency, start / (1 - MIN_RATE))
        return replace(self.corner, latency=latency, energy=np.maximum(self.corner.energy, little.energy))


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
