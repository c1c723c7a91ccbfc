"""Confidence scores against obvious Python, and what a temperature does to the order of inputs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zeroshot.cascade.policy import POLICIES, confidence, logit_gap, max_softmax, negative_entropy, score_margin
from zeroshot.errors import UsageError


def probabilities(row):
    top = max(row)
    weights = [math.exp(v - top) for v in row]
    return [w / sum(weights) for w in weights]


def two_largest(row):
    first, second = sorted(row, reverse=True)[:2]
    return first - second


def entropy(row):
    return sum(p * math.log(p) if p > 0 else 0.0 for p in probabilities(row))


ORACLES = {
    "logit-gap": two_largest,
    "score-margin": lambda row: two_largest(probabilities(row)),
    "max-softmax": lambda row: max(probabilities(row)),
    "entropy": entropy,
}


def logits(fewest=2, most=6, high=30.0):
    shape = st.tuples(st.integers(1, 12), st.integers(fewest, most))
    return shape.flatmap(lambda s: arrays(np.float64, s, elements=st.floats(-high, high, width=32)))


@pytest.mark.parametrize("name", sorted(POLICIES))
@given(values=logits())
def test_scores_equal_their_definitions(name, values):
    expected = [ORACLES[name](row) for row in values.tolist()]
    np.testing.assert_allclose(confidence(values, name), expected, rtol=1e-9, atol=1e-12)


@given(values=logits(), power=st.integers(-3, 3))
def test_a_temperature_scales_the_logit_gap_and_keeps_every_order(values, power):
    # Powers of two scale floats without rounding.
    assert np.array_equal(logit_gap(values * 2.0**power), logit_gap(values) * 2.0**power)


def test_a_temperature_changes_the_order_under_the_other_scores():
    """So a threshold on them depends on calibration: the reason for the default."""
    values = np.array([[3.0, 2.0, -20.0], [2.0, 0.6, 0.6]])
    for score in (max_softmax, score_margin, negative_entropy):
        assert np.diff(score(values * 4)) * np.diff(score(values / 4)) < 0, score.__name__


@given(values=logits(most=2, high=8.0))
def test_two_classes_have_one_order(values):
    gap = logit_gap(values)
    for name in POLICIES:
        score = confidence(values, name)
        for i in range(len(gap)):
            surer = gap > gap[i] + 1e-5
            assert (score[surer] > score[i]).all(), name


def test_integers_of_any_width_do_not_overflow():
    values = np.array([[-128, 127, -128], [5, 4, 5]], np.int8)
    assert logit_gap(values).tolist() == [255.0, 0.0]


def test_huge_logits_stay_finite():
    values = np.array([[3e38, -3e38], [0.0, 0.0]])
    assert score_margin(values).tolist() == [1.0, 0.0]
    assert max_softmax(values).tolist() == [1.0, 0.5]
    assert negative_entropy(values)[1] == pytest.approx(-math.log(2))


@pytest.mark.parametrize("name", sorted(POLICIES))
@pytest.mark.parametrize(
    "values", [[1.0, 2.0], [[1.0], [2.0]], [["a", "b"]], [[1.0, math.nan]], [[1.0, math.inf]], np.zeros((2, 2, 2))],
    ids=["one axis", "one class", "text", "NaN", "infinity", "three axes"],
)  # fmt: skip
def test_bad_logits_are_refused(name, values):
    with pytest.raises(UsageError):
        confidence(values, name)


def test_an_unknown_policy_is_refused_with_a_guess():
    with pytest.raises(UsageError) as caught:
        confidence([[1.0, 2.0]], "logit-gab")
    assert "logit-gap" in caught.value.hint
