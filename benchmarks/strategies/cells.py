"""The strategies on NAS-Bench-201, where every cell was trained and timed: what their finds are worth in truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from time import process_time

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from benchmarks.journey.settings import BOARD, ENGINE
from benchmarks.script import data_folder
from benchmarks.stored import fitted
from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import CERTAIN, KNOWN_TASKS, STATIC, net_sd, size
from zeroshot.bench import nasbench201
from zeroshot.bench.table import Truth
from zeroshot.cascade.rank_pairs import Budgets, Ranking, rank_pairs
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.net import OPS
from zeroshot.runs.tables import Table
from zeroshot.searching.roles import Roles
from zeroshot.searching.strategies import STRATEGIES, Goal, Judged
from zeroshot.spaces import NasBench201
from zeroshot.spaces import nasbench201 as space
from zeroshot.types import FloatArray, Int32Array, Int64Array

TASK, CLASSES, RATE = "cifar10", 10, 0.5
STEPS = 78_200  # of the benchmark's 200 epochs of 50,000 images, 128 a step
ACTIVATIONS = 2 * 16 * 32**2  # bytes: input and output of a cell of the first stage, the same for all
DEVICES = ("raspi4", "eyeriss")
SHARE = 0.5  # of the cells that a budget of latency lets run alone
# What a strategy is told of a cell: what its layers promise, the same in the order of the multiply-accumulates, or what
# training gave.
TOLD = LAYERS, MACS, TRUTH = "layers", "macs", "truth"
COMPARED = ("uniform", "grid", "evolution", "metropolis", "nsga2")  # the others know how an `mcu` net is made
SCORED = (30, 100, 300, 1000)


@dataclass(frozen=True)
class CellWork:
    """One run.

    Attributes:
        device: Whose latencies count.
        told: One of `TOLD`.
        strategy: Its name.
        scored: Cells that it may score.
        seed: The one seed.
    """

    device: str
    told: str
    strategy: str
    scored: int
    seed: int


@dataclass(frozen=True)
class CellRun:
    """A run and its outcome.

    Attributes:
        device: Whose latencies count.
        told: One of `TOLD`.
        strategy: Its name.
        asked: Cells that it might score.
        seed: The one seed.
        scored: Cells that it scored.
        seconds: Of one core.
        pair: True accuracy of the pair that it likes best, percent.
        single: True accuracy of the single cell that it likes best, percent.
        truth: True accuracy of the best pair of all, percent.
        best_single: True accuracy of the best single cell of all, percent.
        constants: Date of the constants that expected accuracies.
    """

    device: str
    told: str
    strategy: str
    asked: int
    seed: int
    scored: int
    seconds: float
    pair: float
    single: float
    truth: float
    best_single: float
    constants: str


CELL_RUNS = Table(CellRun)


@dataclass(frozen=True, eq=False)
class Known:
    """What the benchmark says of all cells on one device; cells that compute the same share the mean of their figures.

    Attributes:
        accuracy: (15625,) fractions, of test images after 200 epochs.
        costs: Of the same length.
        expected: What layers say of them.
        budgets: Of a pair.
        distinct: One cell of each function, (n,) published indices.
        best: The best pair, by true accuracies.
        best_single: True accuracy of the best cell that meets the budgets alone.
    """

    accuracy: FloatArray
    costs: NetCosts
    expected: Judged
    budgets: Budgets
    distinct: Int64Array
    best: Ranking
    best_single: float

    def ranked(self, littles: Int64Array, bigs: Int64Array, accuracy: FloatArray) -> Ranking:
        """Rank pairs of cells by some accuracies of all cells."""
        return _ranked(self.costs, littles, bigs, accuracy, self.budgets)

    def worth(self, little: int, big: int) -> float:
        """True accuracy of a pair, percent, its threshold set once both are trained; of the little one if better."""
        found = self.ranked(np.array([little]), np.array([big]), self.accuracy)
        alone = float(self.accuracy[little])
        return 100 * max(float(found.top.accuracy[0]), alone) if len(found.top) else 100 * alone


def _ranked(
    costs: NetCosts, littles: Int64Array, bigs: Int64Array, accuracy: FloatArray, budgets: Budgets
) -> Ranking:  # fmt: skip
    return rank_pairs(
        costs.take(littles), accuracy[littles], costs.take(bigs), accuracy[bigs], _platform(), budgets, top=1, threads=1
    )


@cache
def _platform() -> Platform:
    """A device that runs what it is given: nothing is paid once, for HW-NAS-Bench tells whole nets' latencies alone."""
    runtime = np.zeros(2 ** len(OPS), np.int64)
    return Platform(load_board(BOARD), load_engine(ENGINE), runtime, policy_latency=0.0, policy_energy=0.0)


@cache
def _truth() -> Truth:
    return nasbench201.load(data_folder("nasbench201"))


@cache
def _live() -> Int32Array:
    """All cells without what does not work in them, (15625, 6)."""
    return space.live(space.decode(np.arange(space.COUNT)))


@cache
def _expected() -> tuple[FloatArray, FloatArray]:
    """What layers say of all cells: mu and its standard deviation, (15625,)."""
    model = STATIC.on(next(each for each in KNOWN_TASKS if each.name == TASK).traits(STEPS))
    layers = features(space.layer_table(_live()))
    return model.intercept + size(layers, model), net_sd(layers, model)


@cache
def known(device: str) -> Known:
    """Read the benchmark.

    Raises:
        DataError: ZEROSHOT_DATA has no NAS-Bench-201.
    """
    truth, live, of = _truth(), _live(), space.canonical_classes()

    def shared(values: FloatArray) -> FloatArray:
        return np.asarray((np.bincount(of, values) / np.bincount(of))[of], np.float64)

    accuracy = shared(truth.accuracy[TASK] / 100)
    latency = shared(truth.costs[f"{TASK}/{device}/latency"])
    zero = np.zeros(space.COUNT, np.int64)
    costs = NetCosts(
        latency=latency, energy=np.zeros(space.COUNT), macs=space.flops(live), flash=space.params(live),
        arena=zero + ACTIVATIONS, persistent=zero, input=zero, holding=zero + ACTIVATIONS, ops=zero,
    )  # fmt: skip
    expected = Judged(costs, *_expected())
    _, distinct = np.unique(of, return_index=True)
    budgets = Budgets(latency=float(np.quantile(latency[distinct], SHARE)), escalation=RATE)
    best = _ranked(costs, distinct, distinct, accuracy, budgets)
    alone = distinct[latency[distinct] <= budgets.latency]
    return Known(accuracy, costs, expected, budgets, distinct, best, float(100 * accuracy[alone].max()))


def goal(work: CellWork) -> Goal:
    """What a strategy is told."""
    all_of = known(work.device)
    mu, sd = all_of.expected.mu, all_of.expected.sd
    if work.told == MACS:
        mu = np.sort(mu)[rankdata(all_of.costs.macs, method="ordinal") - 1]
    if work.told == TRUTH:
        mu, sd = ndtri(np.clip(all_of.accuracy, 1 / CLASSES, CERTAIN)), np.full(space.COUNT, STATIC.sd_net)

    def cost_of(cells: Int32Array) -> NetCosts:
        return all_of.costs.take(space.encode(cells))

    def judge(cells: Int32Array) -> Judged:
        rows = space.encode(cells)
        return Judged(cost_of(cells), mu[rows], sd[rows])

    cells = NasBench201()
    return Goal(
        space=cells,
        judge=judge,
        cost_of=cost_of,
        roles=Roles(_platform(), all_of.budgets, cost_of(cells.corner())),
        nets=1000,
        scored=work.scored,
        seeds=cells.corner()[:0],
        start=cells.corner()[:0],
        least_sd=STATIC.sd_net,
        floor=1 / CLASSES,
    )


def measure_cells(work: CellWork) -> CellRun:
    """Run a strategy, and look up what its best pair and its best single cell are worth."""
    told, all_of = goal(work), known(work.device)
    started = process_time()
    found = STRATEGIES[work.strategy](told, np.random.default_rng(work.seed))
    seconds = process_time() - started
    cells, mu = space.encode(found.values), told.judge(found.values).mu
    accuracy = np.zeros(space.COUNT)
    accuracy[cells] = told.accuracy(mu)
    top = all_of.ranked(cells[found.littles], cells[found.bigs], accuracy).top
    fitting = np.flatnonzero(found.costs.latency <= all_of.budgets.latency)
    single = float(100 * all_of.accuracy[cells[fitting[np.argmax(mu[fitting])]]])
    pair = all_of.worth(int(cells[found.littles[top.little[0]]]), int(cells[found.bigs[top.big[0]]]))
    return CellRun(
        device=work.device,
        told=work.told,
        strategy=work.strategy,
        asked=work.scored,
        seed=work.seed,
        scored=found.drawn,
        seconds=round(seconds, 3),
        pair=pair,
        single=single,
        truth=float(100 * all_of.best.top.accuracy[0]),
        best_single=all_of.best_single,
        constants=fitted(),
    )


def plan_cells(seeds: int) -> Iterator[CellWork]:
    """All runs."""
    for device in DEVICES:
        for told in TOLD:
            for strategy in COMPARED:
                for scored in SCORED:
                    for seed in range(seeds):
                        yield CellWork(device, told, strategy, scored, seed)
