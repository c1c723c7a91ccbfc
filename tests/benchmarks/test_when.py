"""The rule that looks for what says when, on signals that were put there."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pair_truth.couplings import curves, judge_pairs
from benchmarks.pair_truth.study import load_sample
from benchmarks.tasks.when import choose, inputs_of, shipped
from benchmarks.tasks.when_report import judge, pair_errors, resampled
from zeroshot.cascade.copula import PRIOR_COUPLING


@pytest.fixture(scope="module")
def sample():
    return load_sample()[0].of("calibration").take(np.arange(24))


@pytest.fixture(scope="module")
def found(sample):
    return curves(sample)


def z_of(sample, name):
    values = inputs_of(sample)[name]
    return (values - values.mean()) / values.std()


def with_gamma(sample, found, beyond):
    gamma, kappa = shipped(sample.mu, found.little, found.big)
    return replace(found, gamma=np.tanh(gamma + beyond), kappa=np.tanh(kappa + 0.5 * beyond[found.little]))


def test_what_was_put_into_gamma_is_found(sample, found):
    noise = np.random.default_rng(0).normal(0, 0.01, len(sample))
    planted = 0.1 * z_of(sample, "log_depth") - 0.05 * z_of(sample, "swap")
    rule = choose(sample, with_gamma(sample, found, planted + noise), ["log_side", "swap", "head", "log_depth"])
    assert rule.names == ("log_depth", "swap")
    assert rule.gamma == pytest.approx([0, 0.1, -0.05], abs=0.01)
    assert rule.kappa == pytest.approx([0, 0.05, -0.025], abs=0.01)
    assert rule.of(inputs_of(sample), rule.gamma) == pytest.approx(planted, abs=0.02)


def test_noise_finds_nothing_to_take(sample, found):
    noise = np.random.default_rng(0).normal(0, 0.02, len(sample))
    assert choose(sample, with_gamma(sample, found, noise), ["log_side"]).names == ()


def test_pairs_by_the_shipped_constants_err_as_everywhere(sample, found):
    gamma, kappa = shipped(sample.mu, found.little, found.big)
    oracle = judge_pairs(found, sample.accuracy, PRIOR_COUPLING, sample.zoo.macs())
    assert pair_errors(sample, found, gamma, kappa).mean() == pytest.approx(oracle.mae, abs=1e-9)
    told = judge("some", sample, choose(sample, found, []))
    assert (told.pairs, told.shipped) == (oracle.pairs, pytest.approx(oracle.mae))
    assert told.own < told.shipped


def test_the_same_gain_of_every_pair_is_certain(sample, found):
    assert resampled(found, len(sample), np.full(len(found), 0.25)) == pytest.approx((0.25, 0.25))
    low, high = resampled(found, len(sample), np.random.default_rng(0).normal(0, 1, len(found)))
    assert low < 0 < high
