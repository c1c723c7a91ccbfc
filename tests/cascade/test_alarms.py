"""False alarms an hour, against scipy's exact binomial intervals and sums by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from zeroshot.cascade.alarms import false_alarms
from zeroshot.errors import UsageError

from ..strategies import examples

COUNTS = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_one_percent_of_what_is_seen_each_second():
    found = false_alarms({"noise": (1, 100)}, {"noise": 0.999}, 3600)
    assert found.expected == pytest.approx(0.01 * 0.999 * 3600)
    assert found.low < found.expected < found.high


@examples(25)
@given(COUNTS, COUNTS, st.floats(0, 0.5), st.floats(0, 0.5))
def test_the_ends_are_sums_of_exact_intervals(a, b, share_a, share_b):
    found = false_alarms({"a": a, "b": b}, {"a": share_a, "b": share_b}, 60, level=0.9)
    exact = [binomtest(*each).proportion_ci(0.9, method="exact") for each in (a, b)]
    shares = (share_a, share_b)
    assert found.low == pytest.approx(60 * sum(s * e.low for s, e in zip(shares, exact, strict=True)), abs=1e-9)
    assert found.high == pytest.approx(60 * sum(s * e.high for s, e in zip(shares, exact, strict=True)), abs=1e-9)
    assert found.low - 1e-9 <= found.expected <= found.high + 1e-9


def test_none_wrong_is_not_none_ever():
    found = false_alarms({"noise": (0, 100)}, {"noise": 1.0}, 3600)
    assert (found.expected, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(82, abs=0.5)  # as docs/rare-classes.md has it


def test_what_is_never_seen_raises_none():
    assert false_alarms({"a": (5, 10)}, {"a": 0.0, "b": 0.0}, 100).high == 0.0
    assert false_alarms({"a": (5, 10)}, {"a": 1.0}, 0).high == 0.0


@pytest.mark.parametrize(
    ("taken", "shares", "looks"),
    [
        ({"a": (1, 10)}, {"b": 0.5}, 60), ({"a": (0, 0)}, {"a": 0.5}, 60), ({"a": (11, 10)}, {"a": 0.5}, 60),
        ({"a": (1, 10)}, {"a": 1.5}, 60), ({"a": (1, 10)}, {"a": -0.1}, 60), ({"a": (1, 10)}, {"a": 0.5}, -1),
        ({"a": (1, 10)}, {"a": float("nan")}, 60), ({"a": (1, 10)}, {"a": 0.5}, float("inf")),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(taken, shares, looks):
    with pytest.raises(UsageError):
        false_alarms(taken, shares, looks)
