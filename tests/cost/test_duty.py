"""Average power and battery life against a clock that walks through an interval, and against worked examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cost.duty import MONTH, average_power_mw, life_hours
from zeroshot.errors import UsageError

POWER = st.floats(0.001, 500)


def walked(active_ms, active_mw, every_ms, sleep_mw, steps=10_000):
    """Mean of the power at so many moments of an interval."""
    moments = [(i + 0.5) * every_ms / steps for i in range(steps)]
    return sum(active_mw if at < active_ms else sleep_mw for at in moments) / steps


@pytest.mark.parametrize(
    ("active", "power", "every", "sleep"),
    [(10, 50, 100, 1), (100, 50, 100, 1), (0, 50, 100, 1), (3.3, 51.8, 1000, 0.015), (1, 5, 60_000, 28.5)],
)
def test_average_power_is_the_mean_over_an_interval(active, power, every, sleep):
    found = average_power_mw(active, active * power / 1000, every, sleep)
    assert found == pytest.approx(walked(active, power, every, sleep), rel=1e-3)


def test_a_device_that_never_sleeps_draws_what_it_draws_awake():
    """Sleeping power counts for the rest of the time alone, not once more while it is awake."""
    assert average_power_mw(100.0, 100 * 50 / 1000, 100.0, sleep_mw=7.0) == pytest.approx(50.0)


@given(POWER, POWER, st.floats(0, 1), st.floats(1, 1e6))
def test_average_power_lies_between_asleep_and_awake(awake, asleep, share, every):
    found = average_power_mw(share * every, share * every * awake / 1000, every, asleep)
    low, high = sorted((awake, asleep))
    assert low * (1 - 1e-9) <= found <= high * (1 + 1e-9)


def test_a_look_longer_than_the_interval_is_refused():
    with pytest.raises(UsageError, match=r"every 100 ms, but needs 135 ms"):
        average_power_mw(135.0, 1.0, 100.0, 0.1)
    with pytest.raises(UsageError):
        average_power_mw(float("nan"), 1.0, 100.0, 0.1)


def test_worked_examples_of_battery_life():
    assert life_hours(660.0, 0.5) == pytest.approx(1320.0)
    assert life_hours(1.0, 2.0) == pytest.approx(0.5)


def test_self_discharge_alone_empties_a_battery_in_its_months():
    """A hundredth a month, nothing drawn: a hundred months."""
    assert life_hours(660.0, 0.0, 0.01) == pytest.approx(100 * 365.25 * 24 / 12)


@given(st.floats(1, 1e5), POWER, st.floats(0, 1))
def test_a_battery_is_empty_when_all_of_it_is_drawn_or_lost(capacity, power, lost):
    hours = life_hours(capacity, power, lost)
    assert hours * power + hours / MONTH * lost * capacity == pytest.approx(capacity)
