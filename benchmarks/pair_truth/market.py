"""What can be had for a budget: every pair of a sample at every threshold with its cost, and who picks what from it.

A threshold is chosen on validation images, so a pair at level k costs c_L + k/256 c_B here, whatever share of the test
images escalates; the truth is the cascade's accuracy on the test images at that threshold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

import numpy as np

from benchmarks.pair_truth.study import Sample
from zeroshot.bench.pair_truth import LEVELS, Zoo, ZooNet, costs_on, pair_table
from zeroshot.cascade.copula import Coupling, cascade_accuracy
from zeroshot.cascade.rank_pairs import describe_pairs
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import NetCosts, platform
from zeroshot.types import BoolArray, FloatArray, Int64Array

GRID = np.arange(0, LEVELS + 1, 4)
LOWEST_RATE = 0.05  # below it the big net is not worth its flash
BUDGETS = 12
BOARD, ENGINE = "nucleo-l4r5zi", "c99"
SHARES, PLANNED = (0.2, 0.35, 0.5, 0.65, 0.8), (0.1, 0.2, 0.3, 0.45, 0.65)


@dataclass(frozen=True)
class Pick:
    """A working point: a pair at a level, or a single net with no big one (-1).

    Attributes:
        little: Row of the sample.
        big: Row of the sample, or -1.
        level: Threshold.
    """

    little: int
    big: int = -1
    level: int = 0


@dataclass(frozen=True)
class Terms:
    """What is limited.

    Attributes:
        name: For people.
        unit: Of the budget.
        latency: Whether the budget is of the expected latency, ms on `BOARD`; else of expected MACs.
        flash: Bytes.
        sram: Bytes.
    """

    name: str
    unit: str
    latency: bool
    flash: float = inf
    sram: float = inf


MARKETS = (
    Terms("expected MACs", "M MACs", latency=False),
    Terms(f"expected latency on {BOARD}, {ENGINE}, 256 KiB flash, 64 KiB SRAM", "ms", latency=True,
          flash=256 << 10, sram=64 << 10),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Market:
    """All pairs of a sample with costs and limits; rows of pairs are in the order of `pair_table`.

    Attributes:
        sample: The nets.
        terms: Of the budget.
        little: (n_pairs,) int64 rows.
        big: (n_pairs,) int64 rows.
        cost: (n_pairs, levels) float64 at the levels of `GRID`; infinite where the pair or its rate is of no use.
        single_cost: (n_nets,) float64; infinite where a net alone exceeds a limit.
        net_cost: (n_nets,) float64, whatever the limits.
        flash: (n_nets,) float64, bytes alone, runtime included.
        truth: (n_pairs, levels) float64, accuracy on the test images.
    """

    sample: Sample
    terms: Terms
    little: Int64Array = field(repr=False)
    big: Int64Array = field(repr=False)
    cost: FloatArray = field(repr=False)
    single_cost: FloatArray = field(repr=False)
    net_cost: FloatArray = field(repr=False)
    flash: FloatArray = field(repr=False)
    truth: FloatArray = field(repr=False)

    def predicted(self, accuracy: FloatArray, coupling: Coupling, budget: float = inf) -> FloatArray:
        """The copula's accuracy of every pair at every level, (n_pairs, levels); -inf where it costs more or too much.

        Most levels of most pairs are of no use, and the copula is what takes time.
        """
        pair, level = np.nonzero((self.cost <= budget) & (self.cost < inf))
        found = np.full(self.cost.shape, -inf)
        little, big = accuracy[self.little[pair]], accuracy[self.big[pair]]
        found[pair, level] = cascade_accuracy(little, big, GRID[level] / LEVELS, coupling)
        return found

    def budgets(self) -> FloatArray:
        """The grid: evenly in logarithms from three times the cheapest net to three quarters of the dearest one."""
        low, high = 3 * self.net_cost.min(), 0.75 * self.net_cost.max()
        return np.geomspace(low, max(high, low), BUDGETS)


def market(sample: Sample, terms: Terms) -> Market:
    """Lay out all pairs of a sample."""
    board, engine = load_board(BOARD), load_engine(ENGINE)
    fixed, nets = platform(board, engine, 10), costs_on(sample.zoo, board, engine)
    table = pair_table(sample.zoo, thresholds=GRID.tolist())
    each, decision = (nets.latency, fixed.policy_latency) if terms.latency else (nets.macs.astype(np.float64), 0.0)
    flash = (nets.flash + fixed.runtime[nets.ops]).astype(np.float64)
    alone = (flash <= terms.flash) & (nets.arena + nets.persistent <= terms.sram)
    start, rate = each[table.little, None] + decision, GRID[None] / LEVELS
    cost = start + rate * each[table.big, None]
    useful = (rate >= LOWEST_RATE) & (rate <= 1 - start / each[table.big, None])
    useful &= _pairs_fit(nets, table.little, table.big, terms)[:, None]
    return Market(
        sample=sample,
        terms=terms,
        little=table.little,
        big=table.big,
        cost=np.where(useful, cost, inf),
        single_cost=np.where(alone, each, inf),
        net_cost=each,
        flash=flash,
        truth=table.accuracy,
    )


def _pairs_fit(nets: NetCosts, little: Int64Array, big: Int64Array, terms: Terms) -> BoolArray:
    fixed = platform(load_board(BOARD), load_engine(ENGINE), 10)
    zeros = np.zeros(len(little))
    pairs = describe_pairs(nets, nets, little, big, zeros, zeros, fixed)
    return np.asarray((pairs.flash <= terms.flash) & (pairs.sram <= terms.sram))


def on_images(sample: Sample, rows: Int64Array) -> Sample:
    """The same nets on some of the test images."""
    labels = {**sample.zoo.labels, "test": sample.zoo.labels["test"][rows]}

    def kept(net: ZooNet) -> ZooNet:
        predicted = {**net.answers.predicted, "test": net.answers.predicted["test"][rows]}
        answers = replace(net.answers, predicted=predicted, levels={k: v[rows] for k, v in net.answers.levels.items()})
        return replace(net, answers=answers, test_accuracy=float((predicted["test"] == labels["test"]).mean()))

    return replace(sample, zoo=Zoo(tuple(kept(net) for net in sample.zoo.nets), labels))


Chooser = Callable[[BoolArray], list[Pick | None]]


def best_levels(on: Market, values: FloatArray, budgets: FloatArray) -> tuple[FloatArray, Int64Array]:
    """Highest value of each pair inside each budget and its place in `GRID`, both (n_pairs, budgets); -inf for none."""
    best, at = np.full((len(on.little), len(budgets)), -inf), np.zeros((len(on.little), len(budgets)), np.int64)
    for i, budget in enumerate(budgets):
        inside = np.where(on.cost <= budget, values, -inf)
        at[:, i] = inside.argmax(axis=1)
        best[:, i] = inside[np.arange(len(at)), at[:, i]]
    return best, at


def joint(on: Market, values: FloatArray, budgets: FloatArray) -> Chooser:
    """The pair and threshold of highest value inside each budget, among the nets drawn."""
    best, at = best_levels(on, values, budgets)

    def choose(drawn: BoolArray) -> list[Pick | None]:
        there = np.where((drawn[on.little] & drawn[on.big])[:, None], best, -inf)
        if not len(there):
            return [None] * len(budgets)
        rows = there.argmax(axis=0)
        return [
            Pick(int(on.little[row]), int(on.big[row]), int(GRID[at[row, i]])) if there[row, i] > -inf else None
            for i, row in enumerate(rows)
        ]

    return choose


def single(on: Market, accuracy: FloatArray, budgets: FloatArray) -> Chooser:
    """The net of highest accuracy that fits alone."""

    def choose(drawn: BoolArray) -> list[Pick | None]:
        found = np.where(drawn[None] & (on.single_cost[None] <= budgets[:, None]), accuracy[None], -inf)
        return [Pick(int(row.argmax())) if row.max() > -inf else None for row in found]

    return choose


def separate(
    on: Market, accuracy: FloatArray, values: FloatArray, budgets: FloatArray, share: float, planned: float
) -> Chooser:
    """First the best little net for a share of the budget and the flash, then the best big net for the rest, merged.

    The merged pair gets the threshold of highest value inside the budget. Without a big net the little one stays alone.

    Args:
        on: The market.
        accuracy: (n_nets,), by which each net is chosen.
        values: (n_pairs, levels), by which the threshold is.
        budgets: (n,).
        share: Of the little net.
        planned: Escalation rate that the big net's cost is planned with.
    """
    best, at = best_levels(on, values, budgets)
    pair_of = np.full((len(accuracy), len(accuracy)), -1)
    pair_of[on.little, on.big] = np.arange(len(on.little))

    def one(drawn: BoolArray, i: int) -> Pick | None:
        fits = drawn & (on.net_cost <= share * budgets[i]) & (on.flash <= share * on.terms.flash)
        fits &= on.single_cost < inf
        if not fits.any():
            return None
        little = int(np.where(fits, accuracy, -inf).argmax())
        rows = pair_of[little]
        allowed = drawn & (rows >= 0) & (on.net_cost <= (1 - share) * budgets[i] / planned)
        allowed[rows >= 0] &= best[rows[rows >= 0], i] > -inf
        if not allowed.any():
            return Pick(little)
        big = int(np.where(allowed, accuracy, -inf).argmax())
        return Pick(little, big, int(GRID[at[rows[big], i]]))

    return lambda drawn: [one(drawn, i) for i in range(len(budgets))]


def tuned_shares(on: Market, accuracy: FloatArray, budgets: FloatArray) -> tuple[float, float]:
    """Share and planned rate with which the separate way is best on average, the truth given: its best case."""
    everyone = np.ones(len(accuracy), bool)
    answer = Answers(on.sample)

    def reached(share: float, planned: float) -> float:
        picks = separate(on, accuracy, on.truth, budgets, share, planned)(everyone)
        return float(np.mean([answer.of(pick).mean() if pick else 0.1 for pick in picks]))

    return max(((s, r) for s in SHARES for r in PLANNED), key=lambda pair: reached(*pair))


class Answers:
    """Answers of working points, each computed once."""

    def __init__(self, sample: Sample) -> None:
        self._right, self._levels = sample.zoo.right(), sample.zoo.levels()
        self._known: dict[Pick, BoolArray] = {}

    def of(self, pick: Pick) -> BoolArray:
        """Whether a working point is right on each test image, (images,) bool."""
        if pick not in self._known:
            little = self._right[pick.little]
            up = self._levels[pick.little] < pick.level
            self._known[pick] = little if pick.big < 0 else np.where(up, self._right[pick.big], little)
        return self._known[pick]


def reached(answers: Answers, picks: Sequence[Pick | None], weight: FloatArray) -> FloatArray:
    """Accuracy of each pick under weights of images, (picks,); NaN without a pick."""
    total = weight.sum()
    return np.array([answers.of(pick) @ weight / total if pick else np.nan for pick in picks])
