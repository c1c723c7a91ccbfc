"""Searches for the other net of one that is there already, and what a pair is worth."""

import re
from dataclasses import replace

import numpy as np
import pytest

from zeroshot.cascade.rank_pairs import Budgets, rank_pairs
from zeroshot.errors import InfeasibleError, RunError, UsageError
from zeroshot.net import NetSpec, spec_of
from zeroshot.searching.plan import plan
from zeroshot.searching.population import single_fits
from zeroshot.searching.roles import Roles
from zeroshot.searching.search import search
from zeroshot.searching.strategies import STRATEGIES
from zeroshot.searching.strategies.archive import Archive

from .searches import STATIC
from .test_strategies import BUDGETS, PLATFORM, TINY, cost_of, goal

# Of 8x8 images: 0.86 ms and 58 KiB, 12.5 ms and 193 KiB; of 32x32: 9 ms and 46 KiB, 40 ms and 50 KiB.
LITTLE, BIG = "r8-s8/2-m3e2w24x1/2-b3w16x1", "r8-s32-d3w64x1-d3w128x1/2-h128"
LITTLE32, BIG32 = "r16-s8-d3w16x1/2-d3w24x1/2", "r32-s16/2-d3w32x2-d3w64x1/2"
QUICK = STATIC | {"latency": "4ms", "strategy": "uniform", "scored": 200}
NEED = re.compile(r"needs ([\d.,]+) (?:bytes|ms|mJ)")


def fixed(little=None, big=None, budgets=BUDGETS):
    nets = (None if net is None else NetSpec.parse(net) for net in (little, big))
    return Roles.of(goal().space, cost_of, PLATFORM, budgets, *nets)


@pytest.mark.parametrize("role", ["little", "big"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_any_strategy_finds_nets_that_go_with_the_fixed_one(name, role):
    """By the formulas of flash, worst latency and order at the head of `rank_pairs`, net by net."""
    net = LITTLE32 if role == "little" else BIG32
    roles = fixed(**{role: net}, budgets=Budgets(flash=100 * 1024, worst_latency=60.0, latency=25.0, escalation=0.5))
    found = STRATEGIES[name](replace(goal(), roles=roles, nets=20, scored=400), np.random.default_rng(0))
    own, free = (found.littles, found.bigs) if role == "little" else (found.bigs, found.littles)
    assert [str(spec_of(found.values[row])) for row in own] == [net]
    assert 5 < len(free) <= 20
    costs = found.costs
    for row in free.tolist():
        little, big = (own[0], row) if role == "little" else (row, own[0])
        start = costs.latency[little] + PLATFORM.policy_latency
        assert start < costs.latency[big]
        assert start + costs.latency[big] <= 60
        assert start + 0.05 * costs.latency[big] <= 25
        kernels = PLATFORM.runtime[costs.ops[little] | costs.ops[big]]
        assert costs.flash[little] + costs.flash[big] + kernels <= 100 * 1024
    alone = np.setdiff1d(np.flatnonzero(single_fits(costs, PLATFORM, roles.budgets)), own)
    assert len(alone) > 2  # candidates or not: the pair must beat the best of these


@pytest.mark.parametrize("name", STRATEGIES)
def test_beside_two_fixed_nets_any_strategy_finds_single_ones(name):
    found = STRATEGIES[name](
        replace(goal(), roles=fixed(LITTLE32, BIG32), nets=20, scored=64), np.random.default_rng(0)
    )
    little, big = (str(spec_of(found.values[rows[0]])) for rows in (found.littles, found.bigs))
    assert (little, big, len(found.littles), len(found.bigs)) == (LITTLE32, BIG32, 1, 1)
    rest = np.setdiff1d(np.arange(len(found.values)), [*found.littles, *found.bigs])
    assert len(rest) > 2
    assert single_fits(found.costs.take(rest), PLATFORM, BUDGETS).all()


def test_evolution_finds_what_looking_at_all_little_nets_finds():
    """All 216 nets of a small space beside the fixed big net; it scores a quarter of them."""
    big = "r16-s8-c3w16x1-b3w16x1"
    roles = Roles.of(TINY, cost_of, PLATFORM, Budgets(escalation=0.5), big=NetSpec.parse(big))
    known = replace(goal(space=TINY), roles=roles, nets=10, scored=10**6)
    everything = Archive(known)
    everything.add(TINY.decode(np.arange(TINY.count())))
    truth = everything.rank(np.flatnonzero(everything.little), everything.fixed, 1).top.accuracy[0]
    found = STRATEGIES["evolution"](replace(known, scored=50), np.random.default_rng(0))
    accuracy = known.accuracy(known.cautious(known.judge(found.values)))
    littles, bigs = found.littles, found.bigs
    ranking = rank_pairs(
        found.costs.take(littles), accuracy[littles], found.costs.take(bigs), accuracy[bigs], PLATFORM, roles.budgets
    )
    assert truth - 0.002 < ranking.top.accuracy[0] <= truth + 1e-9


@pytest.mark.parametrize("role", ["little", "big"])
def test_all_pairs_hold_the_fixed_net(role):
    net, other = (LITTLE, "big") if role == "little" else (BIG, "little")
    result = search("digits", **{role: net}, **QUICK)
    assert {getattr(pair, role) for pair in [*result.pairs, *result.front]} == {net}
    # Each of them another net: `per_net` is about the others.
    assert len({getattr(pair, other) for pair in result.pairs}) == len(result.pairs) == 10
    assert result.n_pairs <= STATIC["nets"]
    assert result.config[role] == net
    assert net in {row.net for row in result.nets}
    assert all(pair.latency_ms <= 4 for pair in result.pairs)
    again = search("digits", **{role: net}, **QUICK)
    assert again.pairs == result.pairs


def test_two_fixed_nets_are_judged_beside_single_nets():
    result = search("digits", little=LITTLE, big=BIG, **QUICK)
    assert (result.n_pairs, result.n_feasible) == (1, 1)
    (pair,) = result.pairs
    assert (pair.little, pair.big) == (LITTLE, BIG)
    assert pair.single not in (None, LITTLE, BIG)
    assert pair.gain == pytest.approx(pair.accuracy - pair.single_accuracy)


def test_two_fixed_nets_that_make_no_pair_say_what_is_expected_of_them():
    """The big net is the slower and the worse one."""
    slow = "r8-s12/2-b7w12x4-d5w24x2-d3w8x4-d5w16x4/2"
    probed = {"latency": "100ms", "shortlist": 1, "batch": 8, "proxies": ["macs", "naswot"]}
    result = search("digits", little=BIG, big=slow, **QUICK | probed)
    assert not result.pairs
    told = next(remark for remark in result.remarks if remark.startswith("Of the pair that was given"))
    little, big = map(float, re.findall(r"([\d.]+) %", told))
    assert little >= big


@pytest.mark.parametrize(
    ("nets", "limit"),
    [
        ({"big": BIG}, {"flash": "60KiB"}), ({"big": BIG}, {"sram": "4KiB"}), ({"big": BIG}, {"latency": "0.5ms"}),
        ({"big": BIG}, {"worst_latency": "10ms"}), ({"big": BIG}, {"energy": "0.01mJ"}),
        ({"little": BIG}, {"latency": "5ms"}), ({"little": BIG}, {"worst_latency": "15ms"}),
        ({"little": LITTLE}, {"flash": "40KiB"}), ({"little": LITTLE, "big": BIG}, {"worst_latency": "12ms"}),
    ],
)  # fmt: skip
def test_a_fixed_net_that_breaks_a_budget_names_it_and_what_would_suffice(nets, limit, tmp_path):
    (name,) = limit
    options = {key: value for key, value in QUICK.items() if key != "latency"}
    with pytest.raises(InfeasibleError) as caught:
        search("digits", run=tmp_path / "run", **nets, **limit, **options)
    assert all(f"`{role}` {net}" in caught.value.message for role, net in nets.items())
    assert f"`{name}` allows" in caught.value.message
    assert f"Raise `{name}` above" in caught.value.hint
    assert not (tmp_path / "run").exists()
    need = float(NEED.search(caught.value.message)[1].replace(",", ""))
    with pytest.raises(InfeasibleError):
        plan("digits", **nets, **{name: need * 0.99}, **options)
    assert plan("digits", **nets, **{name: need}, **options).config[f"{name}_limit"] == need


@pytest.mark.parametrize(
    ("nets", "error", "words"),
    [
        ({"little": BIG, "big": LITTLE}, InfeasibleError, ["must be faster", "Exchange the two"]),
        ({"little": BIG, "big": BIG}, InfeasibleError, ["must be faster"]),
        ({"big": "r8-s8/2-d3w8x1/2-d3w8x1"}, InfeasibleError, ["the fastest net of the space", "Fix it as `little`"]),
        ({"big": "r8-s8-c3w9x1-c3w8x1"}, UsageError, ["`big`", "width of stage 1", "`zeroshot.spaces()`"]),
        ({"little": "r32-s8-c3w8x1-c3w8x1"}, UsageError, ["`little`", "32 px"]),
        ({"little": "mine"}, UsageError, ["'mine' is not a net spec", "An example"]),
    ],
)
def test_a_net_that_cannot_be_fixed_is_refused(nets, error, words):
    with pytest.raises(error) as caught:
        plan("digits", shortlist=0, **nets)
    text = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in text] == []


def test_a_fixed_net_may_be_a_seed_too_and_seeds_must_go_with_it():
    result = search("digits", big=BIG, seeds=f"{BIG},{LITTLE}", **QUICK)
    assert LITTLE in {row.net for row in result.nets}
    with pytest.raises(InfeasibleError, match="`seeds`.*meets the budgets neither alone nor in a pair"):
        search("digits", big=BIG, seeds="r8-s32-m7e6w128x4-m7e6w128x4", **QUICK)


def test_the_fixed_net_is_probed_trained_and_kept_in_a_run_that_goes_on(tmp_path):
    """Whatever the shortlist is; the run that nobody interrupted is the oracle."""
    options = {
        "nets": 20, "shortlist": 1, "batch": 8, "jobs": 1, "latency": "4ms", "strategy": "uniform", "scored": 100,
        "proxies": ["macs", "naswot"], "big": BIG, "calibrate": 1, "calibrate_epochs": 1,
    }  # fmt: skip

    def stop(what, done, total):
        if what == "probing nets" and done == 1:
            raise KeyboardInterrupt

    whole = search("digits", run=tmp_path / "whole", **options)
    assert f"\n{BIG},naswot," in f"\n{(tmp_path / 'whole' / 'scores.csv').read_text()}"
    assert {pair.big for pair in whole.pairs} == {BIG}
    assert len(whole.trained) == 1
    with pytest.raises(KeyboardInterrupt):
        search("digits", run=tmp_path / "run", progress=stop, **options)
    with pytest.raises(RunError, match="big: .* then, 'unset' now"):
        search("digits", run=tmp_path / "run", resume=True, **options | {"big": None})
    search("digits", run=tmp_path / "run", resume=True, **options)
    for name in ("pairs.csv", "candidates.csv", "calibration.csv", "config.toml"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_plan_counts_the_free_role():
    one, both = (plan("digits", nets=50, shortlist=8, big=BIG, little=little) for little in (None, LITTLE))
    assert (one.candidates, one.pairs, one.probed_nets) == (51, 50, 17)
    assert (both.candidates, both.pairs, both.probed_nets) == (2, 1, 10)
