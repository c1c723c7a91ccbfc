"""Figures of pairs in words."""

from dataclasses import replace

import pytest

from zeroshot.runs import words

from ..run_folders import listed_pair

PAIR = listed_pair(1, "a", "b", "c")


@pytest.mark.parametrize(
    ("gain", "error", "pays", "verdict"),
    [(0.05, 0.1, True, "may pay"), (0.05, 0.04, True, "pays"), (-0.01, 0.1, False, "does not pay"),
     (None, None, None, "does not pay")],
)  # fmt: skip
def test_a_pair_pays_where_its_gain_is_larger_than_its_error(gain, error, pays, verdict):
    assert words.verdict(replace(PAIR, gain=gain, gain_error=error, pays=pays)) == verdict


def test_gains_have_signs_and_none_is_less_than_zero():
    assert words.gain(PAIR) == "+5.0 ± 10.0"
    assert words.gain(replace(PAIR, gain=-0.0004)) == "+0.0 ± 10.0"
    assert words.gain(replace(PAIR, gain=None)) == "-"


def test_limits_that_were_not_given_are_left_out():
    config = {"escalation_limit": 1.0, "flash_limit": 1024, "sram_limit": 2048}
    assert words.budgets(config) == "flash 1.0 KiB, SRAM 2.0 KiB"
    asked = config | {"latency_limit": 5.0, "worst_latency_limit": 2000.0, "energy_limit": 1.5, "escalation_limit": 0.5}
    assert words.budgets(asked) == (
        "latency up to 5 ms, worst latency up to 2 s, energy up to 1.50 mJ, big runs up to 50 %, flash 1.0 KiB, "
        "SRAM 2.0 KiB"
    )
