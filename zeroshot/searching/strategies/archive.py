"""Every net that a strategy has judged, each function once, and which of them are worth keeping."""

import numpy as np

from zeroshot.cascade.rank_pairs import Ranking, rank_pairs
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.population import beats_all_before, single_fits
from zeroshot.searching.strategies.goal import Goal
from zeroshot.types import BoolArray, FloatArray, Int32Array, Int64Array

NOWHERE = -1  # row of a net that meets the budgets neither alone nor in a pair, or that was not judged
PATIENCE = 10  # rounds without a new net, after which a strategy has seen what it can reach
FEW = 160  # candidates of a role; of fewer, layers alone may hold no two nets that make a pair
LEAST_FLASH = 0.25  # share of the range of log flash that a limit leaves
ALONE = 4  # candidates of a role for each single net beside them
CHUNK = 10_000  # nets laid out at a time


class Archive:
    """Nets that a strategy has judged; grows.

    Attributes:
        goal: What they are judged by.
        values: (n, columns) int32 spec array of those that are of use.
        costs: Of the same length.
        mu: (n,) float64, cautious, see `Goal.cautious`.
        little: (n,) bool, whether it may be little.
        big: (n,) bool, whether it may be big.
        alone: (n,) bool, whether it meets the budgets alone.
        fixed: Rows of the nets that the user fixed.
        idle: Rounds since the last new net.
    """

    def __init__(self, goal: Goal) -> None:
        """Judge what is given: the nets that the user named, those of an earlier run, the smallest of the space."""
        given, roles = goal.given, goal.roles
        self.goal = goal
        self._rows: dict[bytes, int] = {}
        self.values, self.costs = given[:0], roles.corner.take(np.zeros(0, np.int64))
        self.mu = np.zeros(0)
        self.little = self.big = self.alone = np.zeros(0, np.bool_)
        self.idle, self._free = 0, len(given)
        self.fixed = self.add(given)[: len(roles.fixed)]

    @property
    def left(self) -> int:
        """Nets that may yet be judged; none once nothing new was found for long."""
        return 0 if self.idle >= PATIENCE else max(self.goal.scored + self._free - self.judged, 0)

    @property
    def judged(self) -> int:
        """Nets judged so far, the smallest ones included."""
        return len(self._rows)

    def add(self, values: Int32Array) -> Int64Array:
        """Judge what is new among some nets, as far as the goal allows.

        Args:
            values: (n, columns) int32 spec array.

        Returns:
            (n,) int64, the row of each net or of an equal one, or `NOWHERE`.
        """
        keys = [row.tobytes().rstrip(b"\0") for row in self.goal.space.canonical(values)]
        left, new = self.left, list[int]()
        for i, key in enumerate(keys):
            if len(new) < left and key not in self._rows:
                self._rows[key] = NOWHERE
                new.append(i)
        self.idle = 0 if new else self.idle + 1
        for start in range(0, len(new), CHUNK):
            some = new[start : start + CHUNK]
            self._judge(values[some], [keys[i] for i in some])
        return np.array([self._rows.get(key, NOWHERE) for key in keys], np.int64)

    def _judge(self, values: Int32Array, keys: list[bytes]) -> None:
        goal, judged, roles = self.goal, self.goal.judge(values), self.goal.roles
        little, big = roles.fitting(values, judged.costs)
        alone = single_fits(judged.costs, roles.platform, roles.budgets)
        kept = np.flatnonzero(little | big | alone)
        self._rows |= {keys[i]: row for row, i in enumerate(kept.tolist(), len(self.values))}
        self.values = np.concatenate([self.values, values[kept]])
        self.costs = NetCosts.join([self.costs, judged.costs.take(kept)])
        self.mu = np.concatenate([self.mu, goal.cautious(judged)[kept]])
        self.little = np.concatenate([self.little, little[kept]])
        self.big = np.concatenate([self.big, big[kept]])
        self.alone = np.concatenate([self.alone, alone[kept]])

    def needs(self) -> FloatArray:
        """What each net takes of what is short: (n, 3) float64, ms, bytes of flash, bytes of RAM."""
        return needs_of(self.costs, self.goal.roles.platform)

    def limits(self, latency: FloatArray, rng: np.random.Generator, least_flash: float = LEAST_FLASH) -> FloatArray:
        """Limits of what is short, for nets of many sizes: at shares of the logarithmic range of what the nets take.

        Args:
            latency: (n,) float64, shares of the range of latency.
            rng: Draws the shares of the range of flash; all of the memory is left.
            least_flash: The least of these.

        Returns:
            (n, 3) float64, ms, bytes of flash, bytes of RAM.
        """
        n, needs = len(latency), self.needs()
        shares = np.column_stack([latency, rng.uniform(least_flash, 1, n), np.ones(n)])
        low, high = np.log(needs.min(axis=0)), np.log(needs.max(axis=0))
        return np.asarray(np.exp(low + (high - low) * shares) * (1 + 1e-9), np.float64)

    def keep(self, rows: Int64Array) -> None:
        """Leave a role, and standing alone, to these rows; the others stay known."""
        others = np.setdiff1d(np.arange(len(self.mu)), rows)
        self.little[others] = self.big[others] = self.alone[others] = False

    def best(self, allowed: BoolArray, n: int) -> Int64Array:
        """Up to n rows that are worth most for what they take, sorted; see `by_layers`."""
        return by_layers(self.needs(), self.mu, np.flatnonzero(allowed), n)

    def rank(self, littles: Int64Array, bigs: Int64Array, top: int) -> Ranking | None:
        """Rank all pairs of some nets; its indices point into `littles` and `bigs`. None without a pair to rank."""
        if not len(littles) or not len(bigs):
            return None
        roles, accuracy = self.goal.roles, self.goal.accuracy(self.mu)
        return rank_pairs(
            self.costs.take(littles), accuracy[littles], self.costs.take(bigs), accuracy[bigs], roles.platform,
            roles.budgets, top=top, per_net=top if roles.fixed else 2, threads=self.goal.threads,
        )  # fmt: skip

    def candidates(self, littles: Int64Array, bigs: Int64Array) -> Candidates:
        """These nets, as a search takes them, and some that stand alone: a pair must beat the best of these.

        Raises:
            InfeasibleError: There are no little or no big ones.
        """
        goal = self.goal
        if not len(littles) or not len(bigs):
            raise goal.roles.infeasible()
        kept = np.unique(np.concatenate([littles, bigs, self.best(self.alone, goal.nets // ALONE + 1)]))
        remarks = (
            (f"The strategy found no new nets after {self.judged:,}: it looked at fewer than `scored` allows.",)
            if self.idle >= PATIENCE else ()
        )  # fmt: skip
        return Candidates(
            self.values[kept], self.costs.take(kept), np.searchsorted(kept, littles), np.searchsorted(kept, bigs),
            roles=goal.roles, drawn=self.judged, remarks=remarks,
        )  # fmt: skip

    def worthiest(self) -> Candidates:
        """As many candidates as the goal wants, see `best`; if few, half of them the nets of the best pairs."""
        n = self.goal.nets
        littles, bigs = self.best(self.little, max(n, FEW)), self.best(self.big, max(n, FEW))
        ranking = self.rank(littles, bigs, n) if n < FEW else None
        if ranking is None:
            return self.candidates(littles, bigs)
        paired = [littles[ranking.top.little], bigs[ranking.top.big]]
        return self.candidates(*(self._few(*each) for each in zip((littles, bigs), paired, strict=True)))

    def _few(self, rows: Int64Array, paired: Int64Array) -> Int64Array:
        n = self.goal.nets
        _, first = np.unique(paired, return_index=True)
        chosen = paired[np.sort(first)][: max(n // 2, 1)]
        rest = by_layers(self.needs(), self.mu, np.setdiff1d(rows, chosen), n - len(chosen))
        return np.union1d(chosen, rest)


def needs_of(costs: NetCosts, target: Platform) -> FloatArray:
    """What nets take of what is short: (n, 3) float64, ms, bytes of flash, bytes of RAM."""
    return np.column_stack([costs.latency, costs.flash + target.runtime[costs.ops], costs.arena + costs.persistent])


def by_layers(needs: FloatArray, mu: FloatArray, rows: Int64Array, n: int) -> Int64Array:
    """Up to n rows, by Pareto layers of mu against each need in turns, and against all of them together.

    Nets of a pair share flash and memory, so a good one may lie behind the front of mu against latency.

    Args:
        needs: (n_nets, kinds) float64, the less the better.
        mu: (n_nets,) float64, the more the better.
        rows: To choose from.
        n: Places.

    Returns:
        (at most n,) int64, sorted.
    """
    if len(rows) <= n:
        return np.sort(rows)
    logs = np.log(needs[rows])
    together = ((logs - logs.mean(axis=0)) / np.maximum(logs.std(axis=0), 1e-9)).sum(axis=1)
    layer = np.full(len(rows), len(rows))
    for cost in (*logs.T, together):
        layer = np.minimum(layer, _layers(cost, mu[rows], n))
    inner = np.flatnonzero(layer < np.sort(layer)[n])
    # Of the layer that there is no room for: evenly, from fast to slow.
    outer = np.flatnonzero(layer == np.sort(layer)[n])
    outer = outer[np.argsort(logs[outer, 0], kind="stable")]
    places = np.linspace(0, len(outer) - 1, n - len(inner)).astype(np.int64)
    return np.sort(rows[np.concatenate([inner, outer[places]])])


def _layers(cost: FloatArray, mu: FloatArray, n: int) -> Int64Array:
    """Number of the Pareto layer of each net, until n of them have one."""
    found = np.full(len(cost), len(cost))
    rest = np.lexsort((-mu, cost))
    for layer in range(len(cost)):
        if len(cost) - len(rest) >= n or not len(rest):
            break
        on_it = beats_all_before(mu[rest])
        found[rest[on_it]] = layer
        rest = rest[~on_it]
    return found
