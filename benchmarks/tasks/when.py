"""Whether anything known of an untrained net tells when it will be right, beyond how often.

A net's gamma couples its confidence with its correctness; a search takes it from the expected accuracy alone. The rule
that was written down before any net but the calibration half of the zoo was looked at: at most `MOST` more inputs, each
the one that lowers the cross-validated error of atanh gamma most, while it does. It is then judged on nets, and tasks,
that had no part in that; kappa may move along.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.pair_truth.couplings import Curves
from benchmarks.pair_truth.study import Sample
from zeroshot.cascade.copula import PRIOR_COUPLING
from zeroshot.net import NetSpec
from zeroshot.types import FloatArray, Int64Array

MOST = 2  # inputs beside the accuracy
FOLDS = 16
OUTLYING = 3.0  # standard deviations: no input counts for more
SPAN = 100.0  # times the least value: what reaches further is taken as its logarithm
Inputs = dict[str, FloatArray]


def inputs_of(sample: Sample) -> Inputs:
    """Everything that is defined on all of these nets, name -> (n_nets,): layers, widths, the head, proxies."""
    specs = [NetSpec.parse(net.net) for net in sample.zoo.nets]
    widths = {
        "head": [float(spec.head > 0) for spec in specs],
        "log_last": np.log2([spec.head or spec.stages[-1].width for spec in specs]),
        "log_stem": np.log2([spec.stem_width for spec in specs]),
    }
    known = {name: np.asarray(values, np.float64) for name, values in widths.items()} | sample.inputs.everything
    return {name: _even(values) for name, values in known.items() if np.isfinite(values).all()}


def _even(values: FloatArray) -> FloatArray:
    return np.log(values) if values.min() > 0 and values.max() > SPAN * values.min() else values


@dataclass(frozen=True, eq=False)
class Rule:
    """What is added to the shipped atanh gamma and atanh kappa: a constant and weights of a little net's inputs.

    Attributes:
        names: Of the inputs.
        tried: How many there were to choose from.
        centre: Of each, over the calibration nets.
        scale: Of each; z = (input - centre) / scale.
        gamma: (1 + inputs,) the constant, and a unit of z each.
        kappa: (1 + inputs,) likewise.
    """

    names: tuple[str, ...]
    tried: int
    centre: FloatArray
    scale: FloatArray
    gamma: FloatArray
    kappa: FloatArray

    def of(self, known: Inputs, weight: FloatArray) -> FloatArray:
        """What it adds for each net, (n_nets,); `weight` is its gamma or its kappa."""
        return _columns(known, self.names, self.centre, self.scale) @ weight


def _columns(known: Inputs, names: Sequence[str], centre: FloatArray, scale: FloatArray) -> FloatArray:
    """(n_nets, 1 + inputs): ones, and z."""
    z = [(known[name] - at) / unit for name, at, unit in zip(names, centre, scale, strict=True)]
    return np.column_stack([np.ones(len(next(iter(known.values())))), *np.clip(z, -OUTLYING, OUTLYING)])


def shipped(mu: FloatArray, little: Int64Array, big: Int64Array) -> tuple[FloatArray, FloatArray]:
    """Shipped atanh gamma of each net, (n_nets,), and atanh kappa of each pair, (n_pairs,).

    Args:
        mu: (n_nets,) of the measured accuracies.
        little: (n_pairs,) rows.
        big: (n_pairs,) rows.
    """
    g, k = PRIOR_COUPLING.gamma, PRIOR_COUPLING.kappa
    return g[0] + g[1] * mu, k[0] + k[1] * mu[little] + k[2] * (mu[big] - mu[little])


def cross_validated(columns: FloatArray, beyond: FloatArray) -> float:
    """Root mean square error of what is beyond the shipped gamma, each fold by a fit to the others."""
    fold, miss = np.arange(len(beyond)) % FOLDS, beyond.copy()
    for k in range(FOLDS):
        fit = fold != k
        miss[~fit] -= columns[~fit] @ np.linalg.lstsq(columns[fit], beyond[fit], rcond=None)[0]
    return float(np.sqrt(np.mean(miss**2)))


def choose(sample: Sample, found: Curves, names: Sequence[str]) -> Rule:
    """The rule, on calibration nets, from these inputs."""
    known, expected = inputs_of(sample), shipped(sample.mu, found.little, found.big)
    gamma, kappa = np.arctanh(found.gamma) - expected[0], np.arctanh(found.kappa) - expected[1]
    place = {name: (known[name].mean(), known[name].std()) for name in names if np.ptp(known[name]) > 0}

    def columns(picked: Sequence[str]) -> FloatArray:
        return _columns(known, picked, *np.array([place[name] for name in picked]).reshape(-1, 2).T)

    chosen: list[str] = []
    while len(chosen) < min(MOST, len(place)):
        tried = {name: cross_validated(columns([*chosen, name]), gamma) for name in place if name not in chosen}
        best = min(tried, key=lambda name: tried[name])
        if tried[best] >= cross_validated(columns(chosen), gamma):
            break
        chosen.append(best)
    x, at = columns(chosen), np.array([place[name] for name in chosen]).reshape(-1, 2)
    by_gamma, by_kappa = (
        np.asarray(np.linalg.lstsq(rows, y, rcond=None)[0], np.float64)
        for rows, y in ((x, gamma), (x[found.little], kappa))
    )
    return Rule(tuple(chosen), len(place), at[:, 0], at[:, 1], by_gamma, by_kappa)
