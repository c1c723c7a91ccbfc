"""Candidates: inside the budgets, spread over latency, reproducible; and the error when there are none."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from zeroshot.cascade.rank_pairs import Budgets
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import NetCosts, net_costs, platform
from zeroshot.errors import InfeasibleError
from zeroshot.net import layer_table, spec_of
from zeroshot.searching.candidates import STRATA, draw
from zeroshot.searching.roles import Roles
from zeroshot.spaces import McuSpace

BOARD, ENGINE = load_board("nucleo-l4r5zi"), load_engine("tflm-cmsis-nn")
PLATFORM = platform(BOARD, ENGINE, 10)
SPACE = McuSpace.for_images(8)


def cost_of(values):
    return net_costs(layer_table(values, 1, 10), BOARD, ENGINE)


def drawn(budgets, n=50, seed=0):
    return draw(SPACE, cost_of, Roles.of(SPACE, cost_of, PLATFORM, budgets), n, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def free():
    return drawn(Budgets(), n=200)


def columns(found):
    return [found.values, found.littles, found.bigs, *vars(found.costs).values()]


def test_costs_belong_to_the_values_and_each_net_is_there_once_for_a_role(free):
    """The oracle recomputes the costs from the spec array, net by net for some."""
    again = cost_of(free.values)
    assert all(np.array_equal(getattr(again, name), column) for name, column in vars(free.costs).items())
    specs = [spec_of(row) for row in free.values]
    assert len(set(specs)) == len(specs)
    assert all(spec in SPACE for spec in specs[::17])
    assert len(free.littles) == len(free.bigs) == 200
    for role in (free.littles, free.bigs):
        assert len(set(role.tolist())) == 200
    assert set(free.littles) | set(free.bigs) == set(range(len(specs)))
    assert free.drawn > len(specs)


def test_littles_are_the_faster_two_thirds_and_bigs_the_slower_two(free):
    latency = np.log(free.costs.latency)
    low, high = latency.min(), latency.max()
    assert latency[free.littles].max() <= low + (high - low) * 0.7
    assert latency[free.bigs].min() >= low + (high - low) * 0.3
    assert latency[free.littles].min() == low
    assert latency[free.bigs].max() == high


@pytest.mark.parametrize("role", ["littles", "bigs"])
def test_candidates_are_spread_evenly_over_log_latency(free, role):
    """200 nets over 32 strata are 6 each; a uniform draw from the space crowds the middle."""
    latency = np.log(free.costs.latency[getattr(free, role)])
    counts, _ = np.histogram(latency, STRATA)
    assert (counts > 0).mean() > 0.9
    assert np.median(counts) >= 5
    uniform = np.log(cost_of(SPACE.sample(200, np.random.default_rng(0))).latency)
    crowded, _ = np.histogram(uniform, STRATA, (uniform.min(), uniform.max()))
    assert counts.std() < 0.7 * crowded.std()
    assert counts.max() < crowded.max()


def test_the_same_seed_draws_the_same_nets_and_another_seed_others():
    one, same, other = drawn(Budgets(latency=9)), drawn(Budgets(latency=9)), drawn(Budgets(latency=9), seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(columns(one), columns(same), strict=True))
    assert not np.array_equal(one.values, other.values)


@pytest.mark.parametrize(
    ("limits", "little_at_most", "big_at_most"),
    [
        ({"latency": 5.0}, {"latency": 5.0}, {}),
        ({"worst_latency": 12.0}, {"latency": 12.0}, {"latency": 12.0}),
        ({"energy": 0.3}, {"energy": 0.3}, {}),
        ({"flash": 130_000}, {"flash": 130_000}, {"flash": 130_000}),
        ({"sram": 8000}, {"ram": 8000}, {"ram": 8000}),
    ],
)
def test_candidates_are_inside_the_budgets(limits, little_at_most, big_at_most):
    """What a net needs alone never exceeds what the pair may have."""
    found = drawn(Budgets(**limits))
    costs = found.costs
    alone = {
        "latency": costs.latency, "energy": costs.energy, "ram": costs.arena + costs.persistent,
        "flash": costs.flash + PLATFORM.runtime[costs.ops],
    }  # fmt: skip
    for rows, at_most in ((found.littles, little_at_most), (found.bigs, big_at_most)):
        assert len(rows)
        assert all(alone[name][rows].max() <= limit for name, limit in at_most.items())
    unlimited = cost_of(SPACE.sample(2000, np.random.default_rng(0)))
    share = np.mean([
        (unlimited.latency > limits.get("worst_latency", limits.get("latency", math.inf)))
        | (unlimited.energy > limits.get("energy", math.inf))
        | (unlimited.flash + PLATFORM.runtime[unlimited.ops] > limits.get("flash", math.inf))
        | (unlimited.arena + unlimited.persistent > limits.get("sram", math.inf))
    ])  # fmt: skip
    assert share > 0.3  # each of these budgets excludes many nets


@pytest.mark.parametrize("limits", [{"latency": 0.65}, {"flash": 98_000}, {"sram": 3600}, {"worst_latency": 1.4}])
def test_tight_budgets_give_fewer_nets_but_some(limits):
    found = drawn(Budgets(**limits), n=300)
    assert 0 < len(found.littles) < 300
    assert 0 < len(found.bigs) <= 300


@pytest.mark.parametrize(
    ("name", "limit"), [("flash", 20_000), ("sram", 500), ("latency", 0.2), ("energy", 0.01), ("worst_latency", 0.4)]
)
def test_a_budget_under_every_net_is_named(name, limit):
    with pytest.raises(InfeasibleError) as caught:
        drawn(Budgets(**{name: limit}))
    option = f"`{name}`"
    assert option in caught.value.message
    assert option in caught.value.hint
    assert caught.value.exit_code == 3


# Two nets, by hand: 1 ms and 3 ms, one operator each.
TWO = NetCosts(
    latency=np.array([1.0, 3.0]), energy=np.array([0.5, 1.5]), macs=np.array([10, 30]), flash=np.array([1000, 3000]),
    arena=np.array([100, 400]), persistent=np.array([20, 30]), input=np.array([5, 7]), ops=np.array([1, 2]),
    holding=np.array([100, 400]),
)  # fmt: skip
BARE = replace(
    PLATFORM,
    runtime=np.arange(64, dtype=np.int64) * 100,
    policy_latency=0.25,
    policy_energy=0.125,
    input_in_arena=False,
)  # runtime of {conv, depthwise}: mask 3, 300 bytes
# The one legal pair is little = net 0, big = net 1.
NEEDS = {
    "flash": 1000 + 3000 + 300,
    "sram": 400 + 20 + 30 + 7,
    "worst_latency": 1.0 + 0.25 + 3.0,
}


@pytest.mark.parametrize("name", list(NEEDS))
def test_the_stated_need_is_that_of_the_smallest_legal_pair(name):
    """By hand, over the only pair whose little net is the faster one: a net is never its own big net."""
    error = Roles(BARE, Budgets(**{name: NEEDS[name] / 2}), TWO).infeasible()
    stated = float(re.search(r"needs ([\d.,e+]+)", error.message)[1].replace(",", ""))
    assert stated == pytest.approx(NEEDS[name], rel=1e-3)


@pytest.mark.parametrize(("name", "base", "slope"), [("latency", 1.25, 3.0), ("energy", 0.625, 1.5)])
def test_the_stated_expected_cost_is_the_little_net_and_a_rare_big_one(name, base, slope):
    error = Roles(BARE, Budgets(**{name: base / 2}), TWO).infeasible()
    stated = float(re.search(r"needs ([\d.,e+]+)", error.message)[1].replace(",", ""))
    assert base * 0.999 <= stated <= base + 0.1 * slope


def test_bytes_are_whole_numbers_in_the_message():
    """What is printed can be typed back: no exponent, never rounded below the need."""
    big = replace(TWO, flash=np.array([95_236, 123_457]))
    text = str(Roles(BARE, Budgets(flash=1000), big).infeasible())
    assert "e+" not in text
    assert float(re.search(r"needs ([\d,]+) bytes", text)[1].replace(",", "")) >= 95_236


def test_budgets_that_each_alone_can_be_met_are_told_so():
    """The fast pair is not the small pair: together they are impossible, neither is alone."""
    three = NetCosts(**{name: np.concatenate([c, c[:1]]) for name, c in vars(TWO).items()})
    three = replace(
        three, macs=np.array([10, 30, 40]), flash=np.array([9000, 9000, 100]), latency=np.array([1.0, 1.5, 3.0])
    )
    error = Roles(BARE, Budgets(worst_latency=3.0, flash=9500), three).infeasible()
    assert "together" in error.message
    assert "`flash` is the tightest (9,500 bytes" in error.message
    assert error.hint == "Raise `flash` first."
