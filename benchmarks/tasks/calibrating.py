"""What a few trainings are worth: a search that may train N nets of a task before it names its first choice.

Every net of these populations is trained already, so a "training" is a look at its validation accuracy; the choice that
follows is judged on test images. A choice is a pair at the highest rate that its budget allows, or a net alone.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field

import numpy as np
from scipy.special import ndtr

from benchmarks.pair_truth.evaluation import choose_design
from benchmarks.pair_truth.fitting import with_tasks
from benchmarks.pair_truth.market import GRID, MARKETS, Market, market
from benchmarks.pair_truth.report import Lines, points, table
from benchmarks.pair_truth.study import Sample
from benchmarks.tasks.levels import TaskNets, fit_level
from zeroshot.accuracy.calibration import Calibration
from zeroshot.accuracy.model import AccuracyModel, believed
from zeroshot.accuracy.task import class_weights
from zeroshot.bench.pair_truth import LEVELS
from zeroshot.cascade.copula import PRIOR_COUPLING, cascade_accuracy
from zeroshot.types import FloatArray, Int64Array

HIGHEST_RATE = 0.5
EVERY = slice(1, None, 3)  # of a market's budgets
TRAINED = (4, 8, 16)


@dataclass(frozen=True, eq=False)
class World:
    """A population with constants that never saw it.

    Attributes:
        name: Of it.
        sample: Its nets.
        prior: The model for its task.
        measured: (n,) accuracies on validation images, classes with their shares in the test half.
        images: So many validation images, equally weighted, would count as exactly as these do.
    """

    name: str
    sample: Sample
    prior: AccuracyModel
    measured: FloatArray = field(repr=False)
    images: int


def world(name: str, sample: Sample, prior: AccuracyModel) -> World:
    """One population."""
    labels, test = sample.zoo.labels["validation"].astype(np.int64), sample.zoo.labels["test"].astype(np.int64)
    weights = class_weights(labels, test, int(max(labels.max(), test.max())) + 1)
    n = round(1 / float(np.square(weights).sum()))  # smoothed as a search smooths what it measures
    right = [float(weights @ (net.answers.predicted["validation"] == labels)) for net in sample.zoo.nets]
    return World(name, sample, prior, (np.array(right) * n + 0.5) / (n + 1), n)


def worlds(tasks: Sequence[TaskNets], every: Sequence[TaskNets], model: AccuracyModel) -> list[World]:
    """Tasks whose test half is like their training half, each with levels that were fitted to the others."""
    found = []
    for task in tasks:
        if task.part == "test":
            rest = [each for each in every if each.name != task.name]
            prior = with_tasks(model, fit_level(rest, model)).on(task.traits)
            found.append(world(task.name, task.sample, prior))
    return found


@dataclass(frozen=True, eq=False)
class Game:
    """What can be had inside one budget.

    Attributes:
        little: (n_pairs,) rows of the sample.
        big: The same.
        rate: (n_pairs,) the highest one inside the budget.
        alone: (n_singles,) rows.
        truth: (n_pairs + n_singles,) accuracies on the test images, pairs first.
    """

    little: Int64Array
    big: Int64Array
    rate: FloatArray
    alone: Int64Array
    truth: FloatArray

    def values(self, mu: FloatArray) -> FloatArray:
        """Of all choices, pairs first; a pair whose big net is not the better one is none."""
        accuracy = np.clip(ndtr(mu), 1e-3, 1 - 1e-4)
        little, big = accuracy[self.little], accuracy[self.big]
        pairs = np.where(big > little, cascade_accuracy(little, big, self.rate, PRIOR_COUPLING), -1.0)
        return np.concatenate([pairs, accuracy[self.alone]])

    def merit(self, mu: FloatArray, rival: bool) -> list[int]:
        """Nets of the best pair, the best net alone if it counts as a rival, nets of the next pairs."""
        values, n = self.values(mu), len(self.little)
        order = np.argsort(-values[:n], kind="stable")
        nets = np.column_stack([self.little[order], self.big[order]])[values[order] > 0].ravel().tolist()
        single = [int(self.alone[values[n:].argmax()])] if rival or not nets else []
        return [*nets[:2], *single, *nets[2:]]


def game(on: Market, budget: float) -> Game | None:
    """One budget of a market; None where it holds no pair or no net."""
    inside = (on.cost <= budget) & (GRID[None] / LEVELS <= HIGHEST_RATE)
    rows, alone = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(on.single_cost <= budget)
    if not len(rows) or not len(alone):
        return None
    at = inside.shape[1] - 1 - inside[rows, ::-1].argmax(axis=1)
    truth = np.concatenate([on.truth[rows, at], on.sample.accuracy[alone]])
    return Game(on.little[rows], on.big[rows], GRID[at] / LEVELS, alone, truth)


@dataclass(frozen=True)
class Way:
    """How nets are chosen for training.

    Attributes:
        name: For people.
        spread: Of N trainings, spread by design before all others.
        rival: Whether the best net alone counts.
        hoped: Whether untrained nets count with more than is expected of them.
    """

    name: str
    spread: float = 0.0
    rival: bool = True
    hoped: bool = True


WAYS = (
    Way("as shipped"), Way("without the rival", rival=False), Way("by the mean alone", hoped=False),
    Way("a quarter spread", spread=0.25),
)  # fmt: skip


@dataclass(frozen=True)
class Played:
    """Means over the budgets of a world, fractions.

    Attributes:
        regret: Of the first choice.
        error: Expected less measured accuracy of the first choice, absolute.
        bias: The same, signed.
        others: Mean absolute error of the nets that were not trained.
    """

    regret: float
    error: float
    bias: float
    others: float


def play(its: World, games: Sequence[Game], n: int, way: Way) -> Played:
    """Choose in every budget, after n trainings each."""
    return Played(*np.mean([_choose(its, each, n, way) for each in games], axis=0).tolist())


def _choose(its: World, one: Game, n: int, way: Way) -> tuple[float, float, float, float]:
    inputs, sample = its.sample.inputs, its.sample
    fused, known = inputs.fused(), inputs.everything
    sizes = believed(fused, known, its.prior)
    found = Calibration(its.prior, sizes, max(n, 1), its.images)

    def expected() -> FloatArray:
        return found.model.intercept + believed(fused, known, found.model)

    batch = choose_design(sizes, int(way.spread * n)) if way.spread else np.zeros(0, np.int64)
    while n:
        if len(batch):
            found = found.told(batch, its.measured[batch])
        merit = one.merit((found.hoped if way.hoped else found.posterior)(expected()), way.rival)
        batch = found.next_best(merit)
        if not len(batch):
            break
    mu = found.posterior(expected())
    values = one.values(mu)
    first = int(values.argmax())
    rest = np.setdiff1d(np.arange(len(sample)), found.rows)
    miss = float(values[first] - one.truth[first])
    others = float(np.abs(ndtr(mu) - sample.accuracy)[rest].mean())
    return float(one.truth.max() - one.truth[first]), abs(miss), miss, others


def lines(found: Sequence[World]) -> Lines:
    """The table: what no training, and what some trainings in several ways, come to."""
    games = {
        each.name: [
            one for terms in MARKETS for on in [market(each.sample, terms)] for budget in on.budgets()[EVERY]
            if (one := game(on, float(budget))) is not None
        ]
        for each in found
    }  # fmt: skip
    rows = []
    for n, way in [(0, WAYS[0]), *((n, way) for way in WAYS for n in TRAINED)]:
        played = [play(each, games[each.name], n, way) for each in found]
        regret, error, bias, others = np.mean([astuple(each) for each in played], axis=0).tolist()
        worst = max(each.regret for each in played)
        name = f"{n} trained, {way.name}" if n else "no training"
        rows.append([name, points(regret), points(worst), points(error), points(bias, sign=True), points(others)])
    head = ["first choice", "regret", "worst population", "its error", "its bias", "error of untrained nets"]
    return table(head, rows)
