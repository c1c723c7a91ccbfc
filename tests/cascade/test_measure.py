"""Cascade figures against brute force over every input and every threshold."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cascade.measure import Outcome, curve, expected_cost, hits, measure, outcome, verdict
from zeroshot.cascade.thresholds import threshold_for_accuracy, threshold_for_rate
from zeroshot.errors import InfeasibleError, UsageError


@st.composite
def outcomes(draw, most=30):
    """Few distinct scores, so that ties are common."""
    rows = draw(st.lists(st.tuples(st.integers(-3, 6), st.booleans(), st.booleans()), min_size=1, max_size=most))
    score, little, big = zip(*rows, strict=True)
    return Outcome(np.array(score, float) / 2, np.array(little), np.array(big))


def run(found, threshold):
    """The cascade, input by input: escalated, right."""
    rows = zip(found.score.tolist(), found.little.tolist(), found.big.tolist(), strict=True)
    return [(s < threshold, big if s < threshold else little) for s, little, big in rows]


def share(flags):
    return sum(flags) / len(flags)


@given(found=outcomes())
def test_the_curve_is_every_cascade_there_is(found):
    points = curve(found)
    assert points.threshold.tolist() == [*sorted(set(found.score.tolist())), math.inf]
    for threshold, p, accuracy in zip(points.threshold, points.p, points.accuracy, strict=True):
        ran = run(found, threshold)
        assert p == share([up for up, _ in ran])
        assert accuracy == share([right for _, right in ran])
    assert (points.p[0], points.p[-1]) == (0, 1)
    assert (points.accuracy[0], points.accuracy[-1]) == (found.little.mean(), found.big.mean())


@given(found=outcomes(), threshold=st.integers(-8, 14).map(lambda i: i / 4))
def test_figures_at_a_threshold(found, threshold):
    told, ran = measure(found, threshold), run(found, threshold)
    up = [escalated for escalated, _ in ran]
    assert (told.n, told.threshold, told.p) == (len(found), threshold, share(up))
    assert told.accuracy == share([right for _, right in ran])
    assert (told.little_accuracy, told.big_accuracy) == (found.little.mean(), found.big.mean())
    for name in ("little", "big"):
        right = getattr(found, name)[np.array(up)]
        value = getattr(told, f"{name}_escalated")
        assert value is None if not len(right) else value == right.mean()
    assert told.both_wrong == share((~found.little & ~found.big).tolist())
    # The identity that the cost model of pairs rests on.
    if told.little_escalated is not None:
        gain = told.p * (told.big_escalated - told.little_escalated)
        assert told.accuracy == pytest.approx(told.little_accuracy + gain)
    spread = found.little.std() * found.big.std()
    if spread > 1e-9:
        assert told.error_correlation == pytest.approx(np.corrcoef(found.little, found.big)[0, 1])
    else:
        assert told.error_correlation is None


@given(found=outcomes(), percent=st.integers(0, 100))
def test_a_threshold_for_a_rate_is_the_highest_that_keeps_it(found, percent):
    threshold = threshold_for_rate(found.score, percent / 100)
    allowed = percent * len(found) / 100
    fits = [t for t in [*found.score.tolist(), math.inf] if (found.score < t).sum() <= allowed + 1e-9]
    assert threshold == max(fits)


def test_a_rate_that_floats_cannot_write_is_met():
    assert threshold_for_rate(np.arange(100.0), 0.29) == 29.0


@given(found=outcomes(), percent=st.integers(0, 100))
def test_a_threshold_for_an_accuracy_escalates_least(found, percent):
    tried = [(t, run(found, t)) for t in [*sorted(set(found.score.tolist())), math.inf]]
    good = [(share([up for up, _ in ran]), t) for t, ran in tried if share([hit for _, hit in ran]) >= percent / 100]
    if good:
        assert threshold_for_accuracy(found, percent / 100) == min(good)[1]
    else:
        with pytest.raises(InfeasibleError, match="best is"):
            threshold_for_accuracy(found, percent / 100)


@given(found=outcomes(), seed=st.integers(0, 99))
def test_the_verdict_is_the_difference_on_the_same_inputs(found, seed):
    alone = np.random.default_rng(seed).random(len(found)) < 0.6
    told = verdict(found, 0.5, alone, seed=seed)
    assert told.gain == pytest.approx(share([right for _, right in run(found, 0.5)]) - alone.mean(), abs=1e-12)
    low, high = told.interval
    assert low <= high
    assert told.words == ("does not pay" if told.gain <= 0 else "pays" if low > 0 else "may pay")


def test_a_pair_that_is_always_better_pays_and_one_that_is_equal_does_not():
    right, wrong = np.ones(50, bool), np.zeros(50, bool)
    found = Outcome(np.arange(50.0), right, right)
    assert verdict(found, 25.0, wrong).words == "pays"
    same = verdict(found, 25.0, right)
    assert (same.gain, same.interval, same.words) == (0.0, (0.0, 0.0), "does not pay")


def test_intervals_are_those_of_resampling_inputs():
    """The oracle draws inputs one by one; the means' exact spread is known too."""
    rng = np.random.default_rng(3)
    n = 200
    found = Outcome(rng.random(n), rng.random(n) < 0.7, rng.random(n) < 0.85)
    told = measure(found, 0.3)
    right = np.array([right for _, right in run(found, 0.3)])
    means = right[np.random.default_rng(7).integers(0, n, (20000, n))].mean(axis=1)
    np.testing.assert_allclose(told.accuracy_interval, np.quantile(means, [0.1, 0.9]), atol=0.006)
    half = 1.2816 * math.sqrt(told.p * (1 - told.p) / n)
    np.testing.assert_allclose(told.p_interval, [told.p - half, told.p + half], atol=0.008)
    wider = measure(found, 0.3, level=0.95).accuracy_interval
    assert wider[0] < told.accuracy_interval[0] < told.accuracy < told.accuracy_interval[1] < wider[1]
    assert measure(found, 0.3) == told


def test_an_outcome_of_logits():
    little = [[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 3.0, 1.0]]
    big = np.eye(3)
    found = outcome(little, big, [0, 1, 2])
    assert found.score.tolist() == [1.0, 0.0, 2.0]
    assert found.little.tolist() == [True, False, False]  # of equal logits the first counts
    assert found.big.tolist() == [True, True, True]
    assert outcome(little, big, [0, 1, 2], "max-softmax").score.argmin() == 1


def test_expected_and_worst_cost():
    assert expected_cost(2.0, 10.0, 0.3) == pytest.approx(5.0)
    assert expected_cost(2.0, 10.0, 1.0) == 12.0


ONE = Outcome(np.zeros(1), np.ones(1, bool), np.ones(1, bool))
BAD = {
    "labels of another length": lambda: hits(np.zeros((3, 2)), [0, 1]),
    "labels that are no integers": lambda: hits(np.zeros((2, 2)), [0.0, 1.0]),
    "no inputs": lambda: hits(np.zeros((0, 2)), np.zeros(0, int)),
    "logits with one axis": lambda: hits(np.zeros(2), [0, 1]),
    "NaN of the big net": lambda: outcome([[0.0, 1.0]], [[0.0, math.nan]], [0]),
    "a rate above 1": lambda: threshold_for_rate([1.0], 1.1),
    "a rate that is NaN": lambda: threshold_for_rate([1.0], math.nan),
    "no scores": lambda: threshold_for_rate([], 0.5),
    "a threshold that is NaN": lambda: measure(ONE, math.nan),
    "a level of 1": lambda: measure(ONE, 0.0, level=1.0),
    "a single net on other inputs": lambda: verdict(ONE, 0.0, [True, False]),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_bad_input_is_refused(call):
    with pytest.raises(UsageError):
        call()


def test_one_input():
    for score, threshold in itertools.product([0.0], [0.0, 1.0]):
        told = measure(Outcome(np.array([score]), np.array([True]), np.array([False])), threshold)
        assert told.accuracy == float(threshold == 0.0)
        assert told.error_correlation is None
