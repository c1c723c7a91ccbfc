"""Thresholds a class: against every combination of thresholds, and against the single threshold."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cascade.measure import Outcome, curve, measure
from zeroshot.cascade.thresholds import _hull, relative_to_class, threshold_for_rate, thresholds_per_class
from zeroshot.errors import UsageError

from ..strategies import examples


def drawn(seed, n, classes, levels):
    rng = np.random.default_rng(seed)
    score = rng.integers(0, levels, n).astype(float)
    return Outcome(score, rng.random(n) < 0.5, rng.random(n) < 0.7), rng.integers(0, classes, n)


def right_answers(found, predicted, thresholds):
    up = [s < thresholds[c] for s, c in zip(found.score, predicted, strict=True)]
    right = sum(bool(found.big[i] if up[i] else found.little[i]) for i in range(len(up)))
    return sum(up), right


@examples(150)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 14), p=st.floats(0, 1))
def test_they_keep_the_budget_and_lose_less_than_one_corner(seed, n, p):
    """The corner that did not fit is all that a greedy choice may lose; with room for all, it loses nothing."""
    found, predicted = drawn(seed, n, 2, 5)
    budget = int(p * n + 1e-9)
    escalated, right = right_answers(found, predicted, thresholds_per_class(found, predicted, 2, p))
    assert escalated <= budget
    levels = [-np.inf, *range(6)]
    tried = [right_answers(found, predicted, pair) for pair in product(levels, levels)]
    best = max(won for count, won in tried if count <= budget)
    corners = [corner for c in (0, 1) for corner in _hull(found, predicted == c)]
    missing = [price * count for price, count, _ in corners if count > budget - escalated]
    everything, most = right_answers(found, predicted, thresholds_per_class(found, predicted, 2, 1.0))
    assert most == max(won for _, won in tried)
    if everything <= budget:
        assert right == best
    else:
        assert best - right < max(missing) + 1e-9


@examples(60)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), classes=st.integers(1, 5), p=st.floats(0, 1))
def test_measured_relative_to_the_class_is_what_the_thresholds_say(seed, n, classes, p):
    found, predicted = drawn(seed, n, classes, 20)
    chosen = thresholds_per_class(found, predicted, classes, p)
    got = measure(relative_to_class(found, predicted, chosen), 0.0)
    escalated, right = right_answers(found, predicted, chosen)
    assert (round(got.p * n), round(got.accuracy * n)) == (escalated, right)
    assert right >= int(found.little.sum())


def test_a_class_that_the_big_net_cannot_help_escalates_nothing():
    n = 4000
    rng = np.random.default_rng(0)
    predicted, score = rng.integers(0, 2, n), rng.random(n)
    little = rng.random(n) < score
    big = np.where(predicted == 0, little, rng.random(n) < 0.95)
    found = Outcome(score, little, big)
    chosen = thresholds_per_class(found, predicted, 2, 0.25)
    assert chosen[0] == -np.inf
    per_class = measure(relative_to_class(found, predicted, chosen), 0.0)
    shared = measure(found, threshold_for_rate(found.score, 0.25))
    assert per_class.p <= 0.25
    assert per_class.accuracy > shared.accuracy + 0.05


def test_one_class_follows_the_hull_of_the_curve():
    found, _ = drawn(3, 500, 1, 100)
    points = curve(found)
    for p in (0.1, 0.3, 0.6):
        chosen = thresholds_per_class(found, np.zeros(500, int), 1, p)
        got = measure(found, chosen[0])
        assert any(np.isclose(points.accuracy, got.accuracy) & np.isclose(points.p, got.p))
        reachable = points.accuracy[points.p <= got.p + 1e-12]
        assert got.accuracy == reachable.max()


def test_what_makes_no_sense_is_refused():
    found, predicted = drawn(0, 10, 3, 5)
    with pytest.raises(UsageError, match="rate"):
        thresholds_per_class(found, predicted, 3, 1.5)
    with pytest.raises(UsageError, match="no class"):
        thresholds_per_class(found, predicted + 3, 3, 0.5)
    with pytest.raises(UsageError, match="answers"):
        thresholds_per_class(found, predicted[:5], 3, 0.5)
    with pytest.raises(UsageError, match="answers"):
        relative_to_class(found, predicted.astype(float), np.zeros(3))
