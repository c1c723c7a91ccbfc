"""What trainings leave to reach: against draws whose noise is known, and what a reader is told."""

import numpy as np
import pytest
import scipy.stats

from zeroshot.bench import zoo
from zeroshot.bench.ceiling import NEAREST, ceilings, spread
from zeroshot.bench.table import Truth


def truth(y, noise):
    n = len(y)
    return Truth("t", tuple(map(str, range(n))), {"a": y}, {}, {"p": y}, np.arange(n), noise)


def test_the_spread_between_trainings_is_found():
    rng = np.random.default_rng(0)
    expected = rng.uniform(50, 90, 400)
    nets = np.repeat(np.arange(400), 3)
    found = spread(expected[nets] + 0.7 * rng.normal(size=1200), nets, expected)
    assert found == pytest.approx(0.7, rel=0.15)
    for few in ([0, 0, 1], [5, 5, 2]):
        assert spread(np.array([1.0, 3.0, 9.0]), few, np.array([0.0, 99.0])).tolist() == pytest.approx([2**0.5] * 2)
    assert np.isnan(spread(np.arange(3.0), [0, 1, 2], np.arange(3.0))).all()


def test_nets_of_other_accuracies_may_spread_otherwise():
    """Bad nets by 5 points, good ones by 0.1."""
    rng = np.random.default_rng(1)
    expected = np.concatenate([rng.uniform(10, 20, 3 * NEAREST), rng.uniform(90, 91, 3 * NEAREST)])
    sd = np.where(expected < 50, 5, 0.1)
    nets = np.repeat(np.arange(len(expected)), 2)
    found = spread((expected + 0.0)[nets] + sd[nets] * rng.normal(size=len(nets)), nets, np.array([15.0, 90.5]))
    assert found == pytest.approx([5, 0.1], rel=0.25)


def test_the_ceiling_is_what_the_expected_accuracies_reach():
    rng = np.random.default_rng(2)
    expected = rng.normal(size=4000)
    measured = expected + 0.5 * rng.normal(size=4000)
    found = {each.share: each.spearman for each in ceilings(truth(measured, {"a": np.full(4000, 0.5)}), "a")}
    want = scipy.stats.spearmanr(expected, measured).statistic
    assert want < found["all"] < want + 0.03  # rather too high
    assert found["top 5 %"] < found["top 10 %"] < found["all"]
    assert [each.spearman for each in ceilings(truth(measured, {"a": np.zeros(4000)}), "a")] == [1.0] * 3


def test_without_a_second_training_there_is_none():
    assert ceilings(truth(np.arange(50.0), {}), "a") == []
    assert ceilings(truth(np.arange(50.0), {"a": np.full(50, np.nan)}), "a") == []


def test_the_zoo_says_how_far_its_trainings_differ():
    found = zoo.load()
    noise = found.noise["cifar10"]
    assert len(noise) == len(found)
    assert np.unique(noise.round(9)).size == 2  # nets of one training, and of three
    assert noise.max() / noise.min() == pytest.approx(np.sqrt(3))
    assert found.rows(np.arange(5)).noise["cifar10"].tolist() == noise[:5].tolist()
