"""The accuracy prior: order from the ranks, reach from the MACs, shift from the task."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.neighbors import KNeighborsClassifier

from zeroshot.accuracy import PRIOR, expected_accuracy, task_anchor
from zeroshot.data import load

NORMAL = NormalDist()
N = 12
RANKS = hnp.arrays(np.float64, N, elements=st.floats(-5, 0), unique=True)
TIED = hnp.arrays(np.float64, N, elements=st.sampled_from([-3.0, -2.0, -1.0, 0.0]))
MACS = hnp.arrays(np.int64, N, elements=st.integers(0, 10**8))


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@settings(deadline=None)
@given(RANKS, MACS, st.floats(0.02, 0.98))
def test_accuracies_keep_the_order_of_the_ranks(fused, macs, anchor):
    accuracy = expected_accuracy(fused, macs, anchor, 10)
    assert (np.diff(accuracy[np.argsort(fused)]) >= 0).all()


@settings(deadline=None)
@given(RANKS, RANKS, MACS, st.randoms(use_true_random=False))
def test_the_multiset_of_accuracies_depends_only_on_that_of_the_macs(fused, other, macs, random):
    shuffled = np.array(random.sample(macs.tolist(), N))
    one, two = expected_accuracy(fused, macs, 0.5, 10), expected_accuracy(other, shuffled, 0.5, 10)
    assert np.sort(one).tolist() == np.sort(two).tolist()


@settings(deadline=None)
@given(TIED, MACS)
def test_ties_are_equal_and_share_the_mean_capacity_of_their_places(fused, macs):
    """Plain Python: sort the log MACs, average them over each run of equal ranks."""
    accuracy = expected_accuracy(fused, macs, PRIOR.reference, 10)
    capacity = sorted(math.log10(max(m, 1)) for m in macs.tolist())
    order = sorted(fused.tolist())
    for score, got in zip(fused.tolist(), accuracy.tolist(), strict=True):
        shared = [c for c, s in zip(capacity, order, strict=True) if s == score]
        mu = PRIOR.intercept + PRIOR.slope * (sum(shared) / len(shared) - 6)
        assert got == pytest.approx(max(NORMAL.cdf(mu), 0.1), abs=1e-12)


@settings(deadline=None)
@given(RANKS, MACS, st.floats(0.02, 0.98), st.integers(2, 200))
def test_nothing_is_under_chance_or_certain(fused, macs, anchor, classes):
    accuracy = expected_accuracy(fused, macs, anchor, classes)
    assert accuracy.min() >= 1 / classes
    assert accuracy.max() <= 0.999


def test_chance_is_reached_on_a_hopeless_task():
    assert expected_accuracy(np.zeros(3), np.ones(3, np.int64), 0.02, 2).tolist() == [0.5] * 3


@settings(deadline=None)
@given(RANKS, MACS, st.floats(0.02, 0.97), st.floats(0.001, 0.5))
def test_an_easier_task_never_lowers_an_accuracy(fused, macs, anchor, more):
    hard = expected_accuracy(fused, macs, anchor, 10)
    easy = expected_accuracy(fused, macs, min(anchor + more, 0.98), 10)
    assert (easy >= hard).all()


def test_the_line_by_hand():
    """1 M MACs on the reference task sit on the intercept; ten times as many one slope further."""
    line = replace(PRIOR, intercept=0.3, slope=0.5, task_slope=2.0, reference=0.5)
    got = expected_accuracy(np.array([-1.0, 0.0]), np.array([10**7, 10**6]), 0.5, 10, line)
    assert got.tolist() == pytest.approx([NORMAL.cdf(0.3), NORMAL.cdf(0.8)])
    shifted = expected_accuracy(np.array([0.0]), np.array([10**6]), 0.6, 10, line)
    assert shifted[0] == pytest.approx(NORMAL.cdf(0.3 + 2 * NORMAL.inv_cdf(0.6)))


def test_the_anchor_of_digits_is_high_and_the_classifiers_own(digits):
    """scikit-learn on hand-picked rows is the oracle: 8x8 images need no resizing."""
    anchor = task_anchor(digits, 3)
    assert anchor > 0.9
    rows = np.random.default_rng(3).permutation(len(digits.y_train))[:2000]
    half = len(rows) // 2
    x = digits.x_train.reshape(len(digits.x_train), -1).astype(float)
    model = KNeighborsClassifier(5).fit(x[rows[:half]], digits.y_train[rows[:half]])
    right = (model.predict(x[rows[half:]]) == digits.y_train[rows[half:]]).mean()
    assert anchor == pytest.approx(min(right, 0.99))


def test_the_anchor_of_random_labels_is_near_chance(digits):
    labels = np.random.default_rng(0).permutation(digits.y_train)
    anchor = task_anchor(replace(digits, y_train=labels))
    assert 0.05 < anchor < 0.16  # ten classes; 4 standard deviations of 718 guesses are 0.045


def test_the_anchor_never_looks_at_the_test_half(digits):
    spoilt = replace(digits, x_test=255 - digits.x_test, y_test=np.roll(digits.y_test, 1))
    assert task_anchor(spoilt) == task_anchor(digits)
    assert task_anchor(replace(digits, x_train=np.zeros_like(digits.x_train))) != task_anchor(digits)


def test_the_anchor_repeats_and_uses_its_seed(digits):
    few = replace(digits, x_train=digits.x_train[:90], y_train=digits.y_train[:90])
    found = {seed: task_anchor(few, seed) for seed in range(6)}
    assert found == {seed: task_anchor(few, seed) for seed in range(6)}
    assert len(set(found.values())) > 1


@pytest.mark.parametrize("images", [2, 3, 9])
def test_the_anchor_of_a_handful_of_images_stays_inside_its_range(digits, images):
    few = replace(digits, x_train=digits.x_train[:images], y_train=digits.y_train[:images])
    assert 0.01 <= task_anchor(few) <= 0.99
