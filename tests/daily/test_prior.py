"""Shares of classes and the rates that follow, against counting in plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.daily.prior import class_rates, looks_by_class, rate_under
from zeroshot.errors import UsageError
from zeroshot.quantization.answers import Answers

from ..strategies import examples

NAMES = ("no", "yes", "noise")


def answers(labels, escalated):
    labels, up = np.asarray(labels), np.asarray(escalated, bool)
    return Answers(1, "int8", labels, labels, labels, np.zeros(len(labels)), up, None)


@pytest.mark.parametrize(
    ("prior", "shares"),
    [
        ({}, [0.2, 0.3, 0.5]),
        ({"noise": 0.9}, [0.04, 0.06, 0.9]),
        ({"yes": 0.0}, [2 / 7, 0, 5 / 7]),
        ({"no": 0.25, "yes": 0.25, "noise": 0.5}, [0.25, 0.25, 0.5]),
        ({"noise": 1.0}, [0, 0, 1]),
    ],
)
def test_the_rest_is_shared_as_in_the_test_data(prior, shares):
    assert looks_by_class(prior, NAMES, np.array([20, 30, 50])) == pytest.approx(shares)


@pytest.mark.parametrize(
    ("prior", "counts", "words"),
    [
        ({"noize": 0.5}, [2, 3, 5], "Unknown class 'noize'"),
        ({"no": 0.2, "yes": 0.2, "noise": 0.2}, [2, 3, 5], "no other class is left"),
        ({"yes": 0.5}, [2, 0, 5], "have no yes"),
        ({"noise": 0.5}, [0, 0, 5], "no other class is left"),
    ],
)
def test_a_prior_that_nothing_is_known_for_is_refused(prior, counts, words):
    with pytest.raises(UsageError, match=words):
        looks_by_class(prior, NAMES, np.array(counts))


def test_a_class_without_examples_may_have_no_share():
    assert looks_by_class({"yes": 0.0}, NAMES, np.array([2, 0, 6])) == pytest.approx([0.25, 0, 0.75])


@examples(30)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=40))
def test_rates_are_counted_on_each_class(rows):
    labels, up = zip(*rows, strict=True)
    found = class_rates(answers(labels, up), 3)
    for label in range(3):
        mine = [e for y, e in rows if y == label]
        assert found[label] == pytest.approx(sum(mine) / len(mine) if mine else float("nan"), nan_ok=True)


@examples(30)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=40))
def test_without_a_prior_the_rate_is_that_of_the_test_data(rows):
    labels, up = zip(*rows, strict=True)
    counts = np.bincount(labels, minlength=3)
    rate, error = rate_under(looks_by_class({}, NAMES, counts), class_rates(answers(labels, up), 3), counts)
    assert rate == pytest.approx(sum(up) / len(up))
    assert error > 0


def test_a_class_that_is_always_there_gives_its_own_rate():
    found = answers([0, 0, 0, 0, 1, 2, 2], [1, 0, 0, 0, 1, 0, 0])
    counts = np.array([4, 1, 2])
    shares = looks_by_class({"no": 1.0}, NAMES, counts)
    assert rate_under(shares, class_rates(found, 3), counts)[0] == pytest.approx(0.25)
    half = looks_by_class({"no": 0.5, "yes": 0.5}, NAMES, counts)
    assert rate_under(half, class_rates(found, 3), counts)[0] == pytest.approx(0.625)


def test_the_interval_holds_the_rate_about_four_times_of_five():
    """Drawn anew from known rates, with as many examples of each class."""
    rng, counts, true, shares = np.random.default_rng(0), np.array([30, 60]), np.array([0.2, 0.5]), np.array([0.9, 0.1])
    drawn = rng.binomial(counts, true, size=(2000, 2)) / counts
    held = [abs(rate - shares @ true) <= error for rate, error in (rate_under(shares, r, counts) for r in drawn)]
    assert 0.75 < np.mean(held) < 0.87
