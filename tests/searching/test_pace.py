"""Searches for so many seconds: a number of nets, counted once."""

import re
import tomllib
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import RunError, UsageError
from zeroshot.searching import pace
from zeroshot.searching.pace import FIRST, affordable
from zeroshot.searching.plan import plan
from zeroshot.searching.search import search

from .searches import STATIC

QUICK = STATIC | {"nets": 20, "latency": "4ms", "strategy": "uniform"}
AGAIN = re.compile(r"`scored=(\d+)` gives the same again")


class Strategy:
    """One that takes a start and so much for each net, by a clock of its own, and can find only so many."""

    def __init__(self, patch, start, each, reach=10**9):
        self.now, self.start, self.each, self.reach = 0.0, start, each, reach
        self.looks: list[int] = []
        patch.setattr(pace, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def __call__(self, scored):
        found = min(scored, self.reach)
        self.looks.append(scored)
        self.now += self.start + self.each * found
        return found >= scored / 2


@given(st.floats(0, 0.05), st.floats(1e-6, 1e-3), st.floats(2, 600))
def test_the_trials_and_the_search_together_take_about_the_time(share, each, seconds):
    start = share * seconds
    with pytest.MonkeyPatch.context() as patch:
        strategy = Strategy(patch, start, each)
        scored = affordable(strategy, seconds, 10**9)
        strategy.now -= start + each * FIRST  # the first look is for the compiler
        strategy(scored)
        assert strategy.now <= seconds * 1.01
        assert strategy.now >= seconds * 0.9


def test_a_strategy_that_has_seen_all_is_not_tried_for_longer(monkeypatch):
    strategy = Strategy(monkeypatch, 0.01, 1e-5, reach=300)
    assert affordable(strategy, 60, 10**9) == 2048
    assert strategy.looks == [FIRST, FIRST, 512, 2048]
    assert affordable(Strategy(monkeypatch, 0.01, 1e-5), 60, 216) == 216


def test_too_short_a_time_says_what_a_look_takes(monkeypatch):
    with pytest.raises(UsageError) as caught:
        affordable(Strategy(monkeypatch, 0.25, 1e-9), 0.1, 10**9)
    assert "`seconds` 0.1 is too short" in caught.value.message
    assert "takes 0.25 s here" in caught.value.message
    assert "scored=128" in caught.value.hint


def test_a_search_for_some_seconds_is_the_one_for_the_nets_that_it_scored(tmp_path):
    timed = search("digits", seconds=1, run=tmp_path / "timed", **QUICK)
    (scored,) = (int(match[1]) for remark in timed.remarks if (match := AGAIN.search(remark)))
    assert scored >= 1
    again = search("digits", scored=scored, run=tmp_path / "again", **QUICK)
    for name in ("pairs.csv", "candidates.csv"):
        assert (tmp_path / "timed" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert timed.n_scored == again.n_scored >= scored
    config = tomllib.loads((tmp_path / "timed" / "config.toml").read_text())
    assert (config["seconds"], config["scored"]) == (1.0, timed.config["scored"]) == (1.0, scored)


def test_a_search_that_goes_on_has_the_nets_that_were_counted_first(tmp_path, monkeypatch):
    options = QUICK | {"seconds": 30, "run": tmp_path / "run"}
    monkeypatch.setattr(pace, "affordable", lambda *_: 150)
    first = search("digits", **options)

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(pace, "affordable", never)
    assert search("digits", resume=True, **options).pairs == first.pairs
    assert plan("digits", resume=True, **options).config["scored"] == 150
    with pytest.raises(RunError, match=r"seconds: 30\.0 then, 10\.0 now"):
        search("digits", resume=True, **options | {"seconds": 10})
    with pytest.raises(RunError, match="no run to resume"):
        search("digits", resume=True, **options | {"run": tmp_path / "none"})


def test_a_strategy_that_stalls_ends_with_a_remark():
    found = search("digits", seconds=600, **QUICK | {"strategy": "scaling"})
    assert [remark for remark in found.remarks if "and no others long before 600 s were over" in remark]
    assert found.seconds < 60


def test_the_plan_has_the_seconds():
    quick, slow = (plan("digits", shortlist=0, seconds=seconds).seconds_about for seconds in (1, 101))
    assert slow == quick + 100
