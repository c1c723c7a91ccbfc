"""Whether the same seconds are better spent on more nets for fewer epochs: few trainings to the end, many cut short.

From the histories of stored trainings: what is known of a net after some epochs of its schedule is the loss on
validation images there. Of the nets that were looked at, the deviation of a net's mu from their mean is predicted from
those of its size and of its loss, by weights that were fitted to the other populations; one of them is chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.pair_truth.market import MARKETS, market
from benchmarks.pair_truth.report import Lines, points, table
from benchmarks.tasks.calibrating import EVERY, Game, World, game
from zeroshot.accuracy.model import believed
from zeroshot.types import FloatArray, Int64Array


@dataclass(frozen=True)
class Spent:
    """What trainings are spent on.

    Attributes:
        nets: In the order in which a search without training would pick them.
        share: Of the epochs that each gets.
        finalists: Nets of the first choice and its rivals that are then trained to the end.
    """

    nets: int
    share: float
    finalists: int = 0

    @property
    def trainings(self) -> float:
        """In whole ones."""
        return self.nets * self.share + self.finalists * (1 - self.share)

    def __str__(self) -> str:
        cut = f"{self.nets} nets, {100 * self.share:.0f} % of the epochs"
        return f"{cut}, then {self.finalists} to the end" if self.finalists else cut


WAYS = (
    Spent(4, 1.0), Spent(10, 0.4), Spent(7, 0.4, 2),
    Spent(8, 1.0), Spent(13, 0.6), Spent(20, 0.4), Spent(15, 0.4, 3), Spent(10, 0.6, 5),
    Spent(16, 1.0), Spent(40, 0.4), Spent(30, 0.4, 6),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Known:
    """A population with what its nets' trainings showed on the way.

    Attributes:
        world: Its nets, and constants that never saw them.
        expected: (n,) mu without training.
        mu: (n,) the truth, on test images.
        games: Budgets with what can be had inside them.
    """

    world: World
    expected: FloatArray
    mu: FloatArray
    games: tuple[Game, ...]

    def loss(self, share: float) -> FloatArray:
        """(n,) lowest loss on validation images in so many of the epochs; a net without such a loss has the worst."""
        found = []
        for net in self.world.sample.zoo.nets:
            history = net.about["history"]
            seen = history[: max(1, round(share * len(history)))]
            found.append(min(epoch["validation_loss"] for epoch in seen))
        return np.asarray(found, np.float64)


def known(its: World) -> Known:
    """One population with its budgets."""
    sample = its.sample
    sizes = believed(sample.inputs.fused(), sample.inputs.everything, its.prior)
    games = [
        one for terms in MARKETS for on in [market(sample, terms)] for budget in on.budgets()[EVERY]
        if (one := game(on, float(budget))) is not None
    ]  # fmt: skip
    return Known(its, its.prior.intercept + sizes, sample.mu, tuple(games))


def weights(others: Sequence[Known], share: float) -> FloatArray:
    """Of the deviations of size and of loss, (2,), by least squares over all nets of these populations."""
    x = np.concatenate([_deviations(each.expected, each.loss(share)) for each in others])
    y = np.concatenate([each.mu - each.mu.mean() for each in others])
    return np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], np.float64)


def _deviations(expected: FloatArray, loss: FloatArray) -> FloatArray:
    """(n, 2) from their means; losses as logarithms, which tasks share better."""
    return np.column_stack([each - each.mean() for each in (expected, np.log(loss))])


def chosen(its: Known, one: Game, way: Spent, by: FloatArray, finally_by: FloatArray) -> int:
    """The choice of a game after so much training.

    Args:
        its: The population.
        one: The budget.
        way: What is trained.
        by: `weights` at its share.
        finally_by: The same at the end.
    """
    looked = np.array(list(dict.fromkeys(one.merit(its.expected, rival=True)))[: way.nets], np.int64)
    mu = _seen(its, looked, way.share, by)
    if way.finalists:
        among = set(looked.tolist())
        looked = np.array([net for net in dict.fromkeys(_merit(one, mu, looked)) if net in among][: way.finalists])
        mu = _seen(its, looked, 1.0, finally_by)
    return int(_values(one, mu, looked).argmax())


def _seen(its: Known, looked: Int64Array, share: float, by: FloatArray) -> FloatArray:
    """(n,) mu: of nets that were looked at, around what their mean was expected to be."""
    mu = its.expected.copy()
    deviations = _deviations(its.expected[looked], its.loss(share)[looked])
    mu[looked] = its.expected[looked].mean() + deviations @ by
    return mu


def _values(one: Game, mu: FloatArray, looked: Int64Array) -> FloatArray:
    """Of all choices, pairs first, those of nets that were not looked at out of the question."""
    there = np.zeros(len(mu), bool)
    there[looked] = True
    return np.where(np.concatenate([there[one.little] & there[one.big], there[one.alone]]), one.values(mu), -2.0)


def _merit(one: Game, mu: FloatArray, looked: Int64Array) -> list[int]:
    """Nets of the choices, best first."""
    n, nets = len(one.little), []
    for choice in np.argsort(-_values(one, mu, looked), kind="stable"):
        nets += [int(one.little[choice]), int(one.big[choice])] if choice < n else [int(one.alone[choice - n])]
        if len(nets) > 4 * len(looked):
            break
    return nets


def lines(worlds: Sequence[World]) -> Lines:
    """The table: regret by what the trainings are spent on."""
    everyone, rows = [known(each) for each in worlds], []
    for way in WAYS:
        lost = []
        for its in everyone:
            rest = [each for each in everyone if each is not its]
            by, finally_by = weights(rest, way.share), weights(rest, 1.0)
            picks = [(one, chosen(its, one, way, by, finally_by)) for one in its.games]
            lost.append(float(np.mean([one.truth.max() - one.truth[pick] for one, pick in picks])))
        rows.append([str(way), f"{way.trainings:.1f}", points(float(np.mean(lost))), points(max(lost))])
    return table(["trained", "as many whole trainings", "regret", "worst population"], rows)
