"""The budget of escalations and the watch over them: the reference by its properties, the C by the reference."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import UsageError
from zeroshot.firmware.answers import reference_answers
from zeroshot.firmware.c_cascade import cascade_sources
from zeroshot.firmware.calls import uneven
from zeroshot.firmware.decisions import compare_decisions, decisions, newest
from zeroshot.firmware.device import NAME, Device
from zeroshot.firmware.emulate import DATA
from zeroshot.firmware.escalation import Budget, Escalation, Watch
from zeroshot.firmware.host import host_decisions
from zeroshot.firmware.readme import readme
from zeroshot.firmware.toolchain import build_host, find_toolchain

from ..firmware_pairs import images, pair
from ..strategies import examples
from ..streams import fed, samples_of

SMALL = ("r8-s4-c3w6x1/2", "r8-s6-c3w8x1/2")
WANTED = st.lists(st.booleans(), max_size=120)


@examples(100)
@given(WANTED, st.integers(1, 9), st.integers(1, 5), st.integers(0, 3))
def test_a_budget_is_kept_in_every_stretch(wanted, calls, burst, limit):
    state = Escalation(limit, Budget(calls, burst))
    ran = [state.step(each) for each in wanted]
    assert all(w or not r for w, r in zip(wanted, ran, strict=True))
    for start in range(0, len(ran), 7):
        for end in range(start, len(ran) + 1):
            assert sum(ran[start:end]) <= (end - start) / calls + burst
    assert max((len(run) for run in "".join("x" if r else " " for r in ran).split()), default=0) <= (limit or len(ran))


@examples(100)
@given(WANTED, st.integers(1, 9), st.integers(1, 5))
def test_a_budget_refuses_no_more_than_it_must(wanted, calls, burst):
    """By the time at which each escalation is paid off: an obvious queue of debts."""
    state, paid = Escalation(0, Budget(calls, burst)), 0.0
    for at, each in enumerate(wanted, 1):
        # Debts are paid off one after another, `calls` calls each; `burst` of them may stand at a time.
        debts = max(0.0, paid - at)
        possible = debts + calls <= burst * calls
        ran = state.step(each)
        assert ran == (each and possible)
        if ran:
            paid = max(paid, at) + calls


def test_without_either_all_that_is_wanted_runs():
    state = Escalation()
    assert [state.step(each) for each in (True, False, True, True)] == [True, False, True, True]
    assert (state.rate, state.tokens, state.drift) == (0, 0, 0)


@pytest.mark.parametrize("expected", [0.03, 0.3, 0.9])
def test_the_band_is_as_wide_as_chance(expected):
    """The moving rate of independent calls: mean and spread as the formula has them, and no alarm in 100,000 calls."""
    watch, rng = Watch.over(128, expected), np.random.default_rng(1)
    state, rates = Escalation(0, None, watch), []
    for wanted in rng.random(100_000) < expected:
        state.step(bool(wanted))
        rates.append(state.rate / 2**24)
        assert state.drift == 0
    error = np.sqrt(expected * (1 - expected) / (2 * 128 - 1))
    assert np.std(rates) == pytest.approx(error, rel=0.1)
    assert np.mean(rates) == pytest.approx(expected, abs=0.1 * error)
    low, high = watch.band
    assert 0 <= low < watch.start < high <= 2**24


@pytest.mark.parametrize(("before", "after", "drift"), [(0.1, 0.45, 1), (0.5, 0.1, -1), (0.0, 0.3, 1), (1.0, 0.6, -1)])
def test_drift_is_told_and_ends(before, after, drift):
    watch, rng = Watch.over(64, before), np.random.default_rng(2)
    state = Escalation(0, None, watch)
    for share, expected in ((before, 0), (after, drift), (before, 0)):
        for wanted in rng.random(600) < share:
            state.step(bool(wanted))
        assert state.drift == expected


def test_values_that_cannot_be():
    for calls, burst in ((0, 1), (1, 0), (2**16, 1), (1, 2**16)):
        with pytest.raises(UsageError, match="budget"):
            Budget(calls, burst)
    for expected, bits in ((-0.1, 4), (1.1, 4), (0.5, 0), (0.5, 17)):
        with pytest.raises(UsageError, match="watch"):
            Watch(expected, bits)
    assert [Watch.over(calls, 0.5).bits for calls in (1, 2, 3, 4, 5, 1000, 65_536)] == [1, 1, 2, 2, 3, 10, 16]


MAIN = """
#include <stdio.h>
#include "cascade.h"
int main(void)
{
    static int8_t image[CASCADE_LITTLE_BYTES];
    cascade_result result;
    while (fread(image, 1, sizeof image, stdin) == sizeof image) {
        cascade_predict(image, &result);
        printf("%d %d %ld %d\\n", result.escalated, result.capped, (long)cascade_rate(), cascade_drift());
    }
    cascade_init();
    printf("%ld %d %ld %d\\n", (long)cascade_rate(), cascade_drift(), (long)cascade_rate_r(NULL),
           cascade_drift_r(NULL));
    return 0;
}
"""


@pytest.fixture(scope="module")
def guarded():
    """A third of the images want the big net, of which fewer may have it and fewer still were expected to want it."""
    cascade = pair(*SMALL)
    threshold = int(np.quantile(reference_answers(cascade, images(cascade, 60)).gap, 0.33)) + 1
    return replace(
        cascade, thresholds=(threshold,) * 10, limit=2, budget=Budget(4, 2), watch=Watch.over(16, 0.02)
    )  # fmt: skip


def steps(cascade, given):
    """(escalated, capped, rate, drift) of each call, by the reference."""
    state, out = Escalation(cascade.limit, cascade.budget, cascade.watch), []
    for wanted in reference_answers(cascade, given).escalated.astype(bool).tolist():
        ran = state.step(wanted)
        out.append([int(ran), int(wanted and not ran), state.rate, state.drift])
    return out


def test_c_is_the_reference_call_by_call(guarded, tmp_path):
    build_host(cascade_sources(guarded, "cascade") | {"main.c": MAIN}, tmp_path / "program", sanitize=False)
    given = images(guarded, 60)
    raw = given.little.tobytes()
    done = subprocess.run([tmp_path / "program"], input=raw, capture_output=True, check=True, timeout=60)
    *found, last = [list(map(int, line.split())) for line in done.stdout.decode().splitlines()]
    expected = steps(guarded, given)
    assert found == expected
    assert last == [guarded.watch.start, 0, -1, 0]
    assert {row[3] for row in expected} == {0, 1}
    assert all(sum(column) > 3 for column in list(zip(*expected, strict=True))[:2])  # or nothing was capped


@pytest.mark.parametrize("core", ["cortex-m0plus", pytest.param("cortex-m4", marks=pytest.mark.slow)])
def test_a_core_is_the_reference_too(core, guarded):
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    device, given, found = Device(guarded, core, find_toolchain("zig")), images(guarded, 60), []
    device.core.call(f"{NAME}_init")
    for little, big in zip(given.little, given.big, strict=True):
        device.core.call(f"{NAME}_predict", *device.load(little, big))
        escalated, capped = device.core.read(DATA + 5, 2)
        drift = device.core.call(f"{NAME}_drift")
        found.append([escalated, capped, device.core.call(f"{NAME}_rate"), drift - 2**32 if drift >> 31 else drift])
    assert found == steps(guarded, given)
    needs = device.needs(given)  # both nets are counted, whatever the budget has left
    assert min(sum(needs.little), sum(needs.big)) > 1000


def test_streams_keep_a_budget_alike():
    cascade = replace(fed("motion", smooth=2, limit=3), budget=Budget(3, 2), watch=Watch.over(32, 0.5))
    samples = samples_of("motion", 600)
    sizes = uneven(cascade.stream, len(samples))
    said = decisions(cascade, samples)
    assert said != decisions(replace(cascade, budget=None), samples)
    assert any(each.capped for each in said)
    found, _ = host_decisions(cascade, samples, sizes, sanitize=False)
    compare_decisions("C", newest(cascade.stream, said, sizes), found)


def test_the_readme_tells_of_them(guarded):
    text = readme(guarded, "eye", None)
    assert "n / 4 + 2 escalations" in text
    assert "`eye_drift`" in text
    assert "moving over 16 calls" in text
    assert "drift" not in readme(replace(guarded, watch=None, budget=None), "eye", None)


def test_what_is_not_asked_for_costs_nothing():
    sources = "".join(cascade_sources(pair(*SMALL), "cascade").values())
    for word in ("tokens", "cascade_rate", "BUDGET", "drift"):
        assert word not in sources
