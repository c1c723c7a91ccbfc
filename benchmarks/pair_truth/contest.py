"""Joint search against the separate way and the best single net, and how much a prediction's picks lose.

Where the truth chooses, it chooses on one half of the test images and is judged on the other, both ways round: the
best of many on the images it is judged on looks better than it is. Intervals are of 80 %, from resampling nets (with
new choices) and test images at once.
"""

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.pair_truth.market import (
    Answers,
    Chooser,
    Market,
    Pick,
    best_levels,
    joint,
    market,
    on_images,
    reached,
    separate,
    single,
    tuned_shares,
)
from benchmarks.pair_truth.study import Sample
from zeroshot.cascade.copula import Coupling
from zeroshot.types import BoolArray, FloatArray

RESAMPLES = 200
PER_NET = 2  # listed pairs that a net stands in, as in a search
Judged = list[tuple[Chooser, BoolArray]]  # choosers, and the test images that each is judged on


@dataclass(frozen=True, eq=False)
class Contest:
    """Accuracies of several ways at several budgets.

    Attributes:
        budgets: (n,) in the market's unit.
        accuracy: Way -> (n,) float64, NaN where it finds nothing.
        resampled: Way -> (resamples, n).
        picks: Way -> its picks on all nets; of ways that choose twice, the first choice.
    """

    budgets: FloatArray
    accuracy: dict[str, FloatArray]
    resampled: dict[str, FloatArray] = field(repr=False)
    picks: dict[str, list[Pick | None]] = field(repr=False)

    def area(self, way: str) -> float:
        """Mean accuracy over the budgets that every way serves: hypervolume over log cost by its width."""
        return float(self.accuracy[way][self._served()].mean())

    def gain(self, way: str, other: str) -> tuple[float, float, float]:
        """Area of one way minus that of another, with its interval."""
        served = self._served()
        whole = (self.accuracy[way] - self.accuracy[other])[served].mean()
        with np.errstate(invalid="ignore"):
            each = np.array([row[np.isfinite(row)].mean() if np.isfinite(row).any() else np.nan
                             for row in (self.resampled[way] - self.resampled[other])[:, served]])  # fmt: skip
        low, high = np.nanquantile(each, [0.1, 0.9])
        return float(whole), float(low), float(high)

    def _served(self) -> BoolArray:
        return np.asarray(np.isfinite(np.stack(list(self.accuracy.values()))).all(axis=0))


def contest(sample: Sample, ways: dict[str, Judged], budgets: FloatArray, seed: int = 0) -> Contest:
    """Judge every way on the test images it is judged on, and resample."""
    n, images = len(sample), len(sample.zoo.labels["test"])
    answers, everyone, once = Answers(sample), np.ones(n, bool), np.ones(images)
    rng = np.random.default_rng(seed)

    def score(judged: Judged, drawn: BoolArray, weight: FloatArray) -> FloatArray:
        found = [reached(answers, choose(drawn), weight * seen) for choose, seen in judged]
        return np.asarray(np.mean(found, axis=0))

    resampled: dict[str, list[FloatArray]] = {name: [] for name in ways}
    for _ in range(RESAMPLES):
        drawn = np.zeros(n, bool)
        drawn[rng.integers(0, n, n)] = True
        weight = rng.multinomial(images, np.full(images, 1 / images)).astype(np.float64)
        for name, judged in ways.items():
            resampled[name].append(score(judged, drawn, weight))
    return Contest(
        budgets, {name: score(judged, everyone, once) for name, judged in ways.items()},
        {name: np.stack(rows) for name, rows in resampled.items()},
        {name: judged[0][0](everyone) for name, judged in ways.items()},
    )  # fmt: skip


def halves(images: int) -> tuple[BoolArray, BoolArray]:
    """Every other test image, and the rest."""
    even = np.arange(images) % 2 == 0
    return even, ~even


def known_ways(on: Market, budgets: FloatArray, shares: tuple[float, float]) -> dict[str, Judged]:
    """Joint, separate and single with the truth for a guide, chosen on half of the images, judged on the other."""
    ways: dict[str, Judged] = {"joint": [], "separate": [], "single": []}
    for seen, judged in (parts := halves(len(on.sample.zoo.labels["test"]))), parts[::-1]:
        half = on_images(on.sample, np.flatnonzero(seen))
        truth = market(half, on.terms).truth
        ways["joint"].append((joint(on, truth, budgets), judged))
        ways["separate"].append((separate(on, half.accuracy, truth, budgets, *shares), judged))
        ways["single"].append((single(on, half.accuracy, budgets), judged))
    return ways


def predicted_ways(
    on: Market, accuracy: FloatArray, coupling: Coupling, budgets: FloatArray, shares: tuple[float, float]
) -> dict[str, Judged]:
    """The same with a prediction for a guide, judged on all test images."""
    everything = np.ones(len(on.sample.zoo.labels["test"]), bool)
    values = on.predicted(accuracy, coupling)
    return {
        "joint": [(joint(on, values, budgets), everything)],
        "separate": [(separate(on, accuracy, values, budgets, *shares), everything)],
        "single": [(single(on, accuracy, budgets), everything)],
    }


@dataclass(frozen=True, eq=False)
class Regret:
    """What a prediction's picks lose against the best pair of the sample, both on all test images.

    Attributes:
        way: Who picked.
        loss: (budgets,) fractions; NaN where no pair fits.
    """

    way: str
    loss: FloatArray

    @property
    def mean(self) -> float:
        """Over the budgets."""
        return float(np.nanmean(self.loss))

    @property
    def worst(self) -> float:
        """Over the budgets."""
        return float(np.nanmax(self.loss))


def whatever_the_budget(values: FloatArray) -> Callable[[float], FloatArray]:
    """The same values for every budget, as `regret_of` asks for them."""
    return lambda _: values


def regrets(on: Market, values: dict[str, FloatArray], budgets: FloatArray) -> list[Regret]:
    """Regret of the joint pick by each way's values, and of a pair drawn at random.

    The random pair is any that fits, with the threshold that the first way would give it.
    """
    found = [regret_of(on, way, whatever_the_budget(value), budgets) for way, value in values.items()]
    best, _ = best_levels(on, on.truth, budgets)
    score, at = best_levels(on, next(iter(values.values())), budgets)
    fitting = np.where(score > -np.inf, on.truth[np.arange(len(at))[:, None], at], np.nan)
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a budget that no pair fits
        return [*found, Regret("random", best.max(axis=0) - np.nanmean(fitting, axis=0))]


def in_order(on: Market, values: FloatArray, budget: float) -> list[int]:
    """Nets of the pairs by value inside a budget, best pair first."""
    best, _ = best_levels(on, values, np.array([budget]))
    order = np.argsort(-best[:, 0], kind="stable")
    order = order[best[order, 0] > -np.inf]
    return np.column_stack([on.little[order], on.big[order]]).ravel().tolist()


def regret_of(
    on: Market, way: str, values: Callable[[float], FloatArray], budgets: FloatArray, picks: int = 1
) -> Regret:
    """Regret of the best of the first few pairs, by values that may depend on the budget.

    Args:
        on: The market.
        way: Who picks.
        values: Budget -> (n_pairs, levels).
        budgets: (n,).
        picks: Pairs that are trained and measured before one is taken; each net stands in two of them at most.
    """
    loss = []
    for budget in budgets:
        one = np.array([budget])
        top = best_levels(on, on.truth, one)[0].max()
        score, at = best_levels(on, values(float(budget)), one)
        order = np.argsort(-score[:, 0], kind="stable")
        taken: list[int] = []
        seen: Counter[int] = Counter()
        for row in order[score[order, 0] > -np.inf]:
            nets = (int(on.little[row]), int(on.big[row]))
            if len(taken) < picks and max(seen[net] for net in nets) < PER_NET:
                taken.append(int(row))
                seen.update(nets)
        reached = [on.truth[row, at[row, 0]] for row in taken]
        loss.append(top - max(reached) if reached else np.nan)
    return Regret(way, np.array(loss))


def shares_of(calibration: Sample, on: Market) -> tuple[float, float]:
    """Share and planned rate of the separate way, tuned on the calibration nets under the same terms."""
    own = market(calibration, on.terms)
    return tuned_shares(own, calibration.accuracy, own.budgets())
