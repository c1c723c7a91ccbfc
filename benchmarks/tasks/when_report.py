"""The rule of what says when on pairs that had no part in it, and how much of a net's gamma there is to be told."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from benchmarks.pair_truth.contest import Regret, regret_of, whatever_the_budget
from benchmarks.pair_truth.couplings import LEVELS, Curves, curves
from benchmarks.pair_truth.market import GRID, MARKETS, market
from benchmarks.pair_truth.report import Lines, number, points, table
from benchmarks.pair_truth.study import Sample
from benchmarks.tasks.levels import TaskNets
from benchmarks.tasks.when import Rule, choose, inputs_of, shipped
from zeroshot.bench.pair_truth import LEVELS as ALL
from zeroshot.bench.pair_truth import Zoo
from zeroshot.cascade.copula import bivariate_normal_cdf, fit_correlation
from zeroshot.types import FloatArray, Int64Array

RESAMPLES = 400

_phi2 = np.vectorize(bivariate_normal_cdf, otypes=[np.float64])


@dataclass(frozen=True)
class Told:
    """Mean absolute errors of pair accuracies, fractions, the accuracies of the nets given.

    Attributes:
        population: Name of the nets.
        pairs: How many.
        shipped: gamma and kappa of the accuracies alone.
        gamma: The rule's gamma.
        gain: Shipped less that, ends of its 80 % interval over resampled nets.
        both: The rule's gamma and kappa.
        own_gamma: Each net's own measured gamma, the shipped kappa.
        own: Each net's own gamma and each pair's own kappa.
    """

    population: str
    pairs: int
    shipped: float
    gamma: float
    gain: tuple[float, float]
    both: float
    own_gamma: float
    own: float


def judge(population: str, sample: Sample, rule: Rule) -> Told:
    """Pairs of one population."""
    found = curves(sample)
    gamma, kappa = shipped(sample.mu, found.little, found.big)
    told, along = told_by(rule, sample, gamma, kappa, found.little)
    own, own_kappa = np.arctanh(found.gamma), np.arctanh(found.kappa)
    pairs = ((gamma, kappa), (told, kappa), (told, along), (own, kappa), (own, own_kappa))
    errors = [pair_errors(sample, found, *each) for each in pairs]
    means = [float(each.mean()) for each in errors]
    gain = resampled(found, len(sample), errors[0] - errors[1])
    return Told(population, len(found), means[0], means[1], gain, *means[2:])


def told_by(
    rule: Rule, sample: Sample, gamma: FloatArray, kappa: FloatArray, little: Int64Array
) -> tuple[FloatArray, FloatArray]:
    """What the rule makes of the shipped ones."""
    known = inputs_of(sample)
    return gamma + rule.of(known, rule.gamma), kappa + rule.of(known, rule.kappa)[little]


def cascades(
    sample: Sample, pairs: tuple[Int64Array, Int64Array], p: FloatArray, gamma: FloatArray, kappa: FloatArray
) -> FloatArray:
    """Accuracies of cascades from the measured ones of their nets, (n_pairs, rates).

    Args:
        sample: The nets.
        pairs: Rows of the little nets and of the big ones.
        p: (n_pairs, rates) or (rates,) escalation rates in [0, 1].
        gamma: (n_nets,) atanh of it.
        kappa: (n_pairs,) atanh of it.
    """
    (little, big), t, mu = pairs, ndtri(p), sample.mu
    lost = _phi2(t, mu[little, None], -np.tanh(gamma)[little, None])
    return np.asarray(
        sample.accuracy[little, None] - lost + _phi2(t, mu[big, None], -np.tanh(kappa)[:, None]), np.float64
    )


def pair_errors(sample: Sample, found: Curves, gamma: FloatArray, kappa: FloatArray) -> FloatArray:
    """Mean absolute error of each pair over the rates, (n_pairs,); arguments as `cascades`."""
    predicted = cascades(sample, (found.little, found.big), found.p, gamma, kappa)
    return np.asarray(np.abs(predicted - found.accuracy).mean(axis=1), np.float64)


def resampled(found: Curves, nets: int, gain: FloatArray) -> tuple[float, float]:
    """80 % interval of the mean of a gain of each pair, over draws of the nets with replacement."""
    rng, means = np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        times = np.bincount(rng.integers(0, nets, nets), minlength=nets)
        weight = times[found.little] * times[found.big]
        means.append(weight @ gain / weight.sum())
    low, high = np.quantile(means, [0.1, 0.9])
    return float(low), float(high)


def regrets(sample: Sample, rule: Rule) -> list[tuple[str, Regret, Regret]]:
    """Limit, and what the picks lose under it: by the shipped gamma and kappa, and by the rule's."""
    found = []
    for terms in MARKETS:
        on = market(sample, terms)
        pairs, rates = (on.little, on.big), GRID / ALL
        gamma, kappa = shipped(sample.mu, *pairs)
        values = [
            cascades(sample, pairs, rates, *each)
            for each in ((gamma, kappa), told_by(rule, sample, gamma, kappa, on.little))
        ]
        before, after = (regret_of(on, "", whatever_the_budget(each), on.budgets()) for each in values)
        found.append((terms.name, before, after))
    return found


@dataclass(frozen=True)
class Repeats:
    """How much of what gamma is beyond the accuracies would be seen again: correlations over nets.

    Attributes:
        nets: How many were counted twice.
        halves: Between the two halves of the test images, one training.
        twice: How many were trained twice.
        seeds: Between two trainings, the same test images.
    """

    nets: int
    halves: float
    twice: int
    seeds: float


def repeats(zoo: Zoo) -> Repeats:
    """Of a zoo with other seeds; a line over the accuracies of its own seed 0 is taken off."""
    images = np.arange(len(zoo.labels["test"]))
    row = {(net.net, net.seed): i for i, net in enumerate(zoo.nets)}
    first = np.array([i for (_, seed), i in row.items() if not seed])
    whole, even, odd = (_beyond(zoo, rows, first) for rows in (images, images[::2], images[1::2]))
    twice = np.array([[i, row[net, 1]] for (net, seed), i in row.items() if not seed and (net, 1) in row])
    return Repeats(
        len(first), float(np.corrcoef(even[first], odd[first])[0, 1]), len(twice),
        float(np.corrcoef(*whole[twice].T)[0, 1]),
    )  # fmt: skip


def _beyond(zoo: Zoo, images: Int64Array, first: Int64Array) -> FloatArray:
    right = zoo.right()[:, images]
    escalated = zoo.levels()[:, None, images] < np.array(LEVELS)[None, :, None]
    accuracy = np.clip(right.mean(axis=1), 0.5 / len(images), 1 - 0.5 / len(images))
    share, rate = (escalated & right[:, None, :]).mean(axis=2), np.clip(escalated.mean(axis=2), 1e-6, 1 - 1e-6)
    gamma, mu = np.arctanh(fit_correlation(accuracy, rate, share)), ndtri(accuracy)
    return gamma - np.polyval(np.polyfit(mu[first], gamma[first], 1), mu)


def chapter(calibration: Sample, held: Sample, others: TaskNets, whole: Zoo, tasks: Sequence[TaskNets]) -> Lines:
    """The section of the report.

    Args:
        calibration: Nets of the zoo that choose.
        held: Those that judge.
        others: Nets of other kinds on the same task.
        whole: The zoo with all seeds.
        tasks: Other tasks.
    """
    everywhere = [inputs_of(task.sample).keys() for task in (*tasks, others)]
    names = [name for name in inputs_of(calibration) if all(name in known for known in everywhere)]
    rule = choose(calibration, curves(calibration), names)
    judged = [judge("zoo, held-out half", held, rule), judge("other nets", others.sample, rule)]
    judged += [judge(task.name, task.sample, rule) for task in tasks]
    better = [each.population for each in judged if each.gain[0] > 0]
    worse = [each.population for each in judged if each.gain[1] < 0]
    again, also = repeats(whole), repeats(others.trainings or others.sample.zoo)
    loss = "; ".join(
        f"{name}: {points(before.mean)} by the shipped ones, {points(after.mean)} by the rule's"
        for name, before, after in regrets(held, rule)
    )
    return [
        "## What says when", "",
        "A little net is worth its confidence, which a search takes from the expected accuracy: gamma. Does anything "
        f"else tell more before training? Of {rule.tried} inputs (layers, widths, the head, the resolution, proxies) "
        f"the rule takes {' and '.join(rule.names) or 'none'}, by cross-validation on the zoo's calibration half. "
        "Mean error in points of pairs as above. `better by`: the rule's gamma than the shipped one, 80 % over "
        "resampled nets. `own` is measured on the trained nets: what could be told at most. Where the own gamma alone "
        "makes it worse, the shipped gamma and kappa err together, and cancel.", "",
        *_table(judged),
        f"The rule's gamma is better by its whole interval on {', '.join(better) or 'none of them'}, and worse by "
        f"all of it on {', '.join(worse) or 'none'}. Mean regret on the held-out half, points: {loss}. "
        "Gamma stays a function of the accuracy.", "",
        "There is little to be told. What a net's gamma lies beyond the line of its accuracy correlates by "
        f"{number(again.halves)} between the two halves of the test images ({again.nets} nets of the zoo) and by "
        f"{number(again.seeds)} between two trainings ({again.twice} nets); among the other nets by "
        f"{number(also.halves)} ({also.nets}) and {number(also.seeds)} ({also.twice}). Most of it is counting and "
        "chance.", "",
    ]  # fmt: skip


def _table(judged: Sequence[Told]) -> Lines:
    head = ["pairs of", "pairs", "shipped", "rule's gamma", "better by", "its kappa too", "own gamma", "and own kappa"]
    return table(head, [
        [each.population, f"{each.pairs:,}", points(each.shipped), points(each.gamma),
         " to ".join(f"{100 * end:+.3f}" for end in each.gain), points(each.both), points(each.own_gamma),
         points(each.own)]
        for each in judged
    ])  # fmt: skip
