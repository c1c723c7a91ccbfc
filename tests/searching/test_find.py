"""Searches with a strategy and with nets that the user named."""

import re

import numpy as np
import pytest

from zeroshot.errors import InfeasibleError
from zeroshot.net import spec_of
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import score_probed
from zeroshot.searching.find import find_candidates, goal_of
from zeroshot.searching.options import DEFAULT_STRATEGY, STRATEGY_NAMES, SearchOptions
from zeroshot.searching.plan import plan
from zeroshot.searching.problem import resolve
from zeroshot.searching.search import search
from zeroshot.searching.strategies import STRATEGIES
from zeroshot.searching.task import sample_task

from .searches import STATIC

BIG = "r8-s32-m7e6w128x4-m7e6w128x4"  # meets none of the budgets below alone
SEED = "r8-s12-d3w16x2-d3w24x1/2"


def candidates(result):
    return {row.net for row in result.nets}


def test_the_names_of_strategies_are_those_of_the_functions():
    assert tuple(STRATEGIES) == STRATEGY_NAMES
    assert DEFAULT_STRATEGY in STRATEGY_NAMES


@pytest.mark.parametrize("strategy", STRATEGY_NAMES)
def test_a_search_with_any_strategy_has_its_seeds_among_the_candidates(strategy):
    few = {} if strategy == "random" else {"scored": 400}
    result = search("digits", latency="4ms", seeds=[SEED], **STATIC | {"strategy": strategy} | few)
    assert SEED in candidates(result)
    assert result.pairs
    assert (result.config["strategy"], result.config["seeds"]) == (strategy, [SEED])
    assert len(candidates(result)) <= 2 * STATIC["nets"] + STATIC["nets"] // 4 + 2


def test_the_same_options_find_the_same_and_another_seed_others():
    options = STATIC | {"latency": "4ms", "strategy": "evolution", "scored": 400}
    one, same, other = search("digits", **options), search("digits", **options), search("digits", seed=1, **options)
    assert one.pairs == same.pairs
    assert candidates(one) == candidates(same) != candidates(other)


def test_seeds_do_not_change_what_is_drawn():
    options = STATIC | {"latency": "4ms"}
    plain, seeded = search("digits", **options), search("digits", seeds=SEED, **options)
    assert candidates(seeded) == candidates(plain) | {SEED}
    again = search("digits", seeds=min(candidates(plain)), **options)
    assert [row.net for row in again.nets] == [row.net for row in plain.nets]


@pytest.mark.slow
def test_evolution_finds_better_pairs_than_drawing():
    drawn = search("digits", latency="2ms", **STATIC)
    evolved = search("digits", latency="2ms", **STATIC | {"strategy": DEFAULT_STRATEGY})
    assert evolved.pairs[0].accuracy > drawn.pairs[0].accuracy


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"flash": "150KiB"}, "flash"), ({"latency": "1ms", "flash": "2MiB"}, "latency"),
        *(
            pytest.param({name: limit}, name, marks=pytest.mark.slow)
            for name, limit in (
                ("sram", "20KiB"), ("worst_latency", "30ms"), ("latency", "1ms"), ("energy", "0.1mJ"),
            )
        ),
    ],
)  # fmt: skip
def test_a_seed_that_breaks_the_budgets_alone_names_the_tightest(limits, named, tmp_path):
    with pytest.raises(InfeasibleError) as caught:
        search("digits", seeds=f"{SEED},{BIG}", run=tmp_path / "run", **limits, **STATIC)
    assert BIG in caught.value.message
    assert f"`{named}` is the tightest" in caught.value.message
    assert f"Raise `{named}`" in caught.value.hint
    allows, takes = (
        float(x.replace(",", "")) for x in re.findall(r"(?:allows|takes) ([\d.,]+) ", caught.value.message)
    )
    assert takes > allows
    assert not (tmp_path / "run").exists()


def test_a_seed_may_be_big_that_is_too_slow_alone():
    slow = "r8-s32-c3w48x1-c3w48x1"
    result = search("digits", latency="4ms", seeds=slow, **STATIC)
    found = {row.net: row.latency_ms for row in result.nets}
    assert found[slow] > 4


def test_how_many_nets_are_scored_follows_the_candidates():
    def scored(**given):
        problem, dataset = resolve(SearchOptions("digits", shortlist=0, **given))
        return goal_of(problem, sample_task(problem, dataset)).scored

    assert scored() == scored(nets=1000) == 10_000
    assert scored(nets=50) == 1000
    assert scored(nets=5000) == 50_000
    assert scored(strategy="grid", scored=77) == 77


@pytest.mark.slow
def test_strategies_may_probe_where_the_search_does_and_jobs_do_not_matter():
    given = {"data": "digits", "latency": "4ms", "strategy": "halving", "scored": 60, "nets": 20, "batch": 8}

    def tried(**more):
        problem, dataset = resolve(SearchOptions(**given | more))
        task = sample_task(problem, dataset)
        return goal_of(problem, task), find_candidates(problem, task)

    goal, one = tried(shortlist=2, jobs=1)
    _, same = tried(shortlist=2)
    assert np.array_equal(one.values, same.values)
    scores = goal.probe(one.values[:3])
    nets = [str(spec_of(row)) for row in one.values[:3]]
    problem, dataset = resolve(SearchOptions(**given, shortlist=2))
    images = sample_task(problem, dataset).images
    probed = score_probed(nets, 10, images, load_proxies(["naswot"]), 0, 1)
    assert scores.tolist() == [each.scores["naswot"].value for each in probed]
    without, _ = tried(shortlist=0)
    assert without.probe is None


def test_a_strategy_that_looks_at_few_nets_says_how_few_it_found():
    result = search("digits", latency="4ms", scored=50, **STATIC | {"nets": 400, "strategy": "uniform"})
    assert [remark for remark in result.remarks if re.match(r"Only \d+ little and \d+ big nets", remark)]


def test_a_task_of_which_all_is_known_still_has_candidates(monkeypatch):
    """All nets are expected at the highest accuracy that there is: their sizes make the order."""
    monkeypatch.setattr("zeroshot.searching.task.task_anchor", lambda dataset, seed=0: 0.99999999)
    options = SearchOptions("digits", latency="4ms", scored=400, **STATIC | {"strategy": "evolution"})
    problem, dataset = resolve(options)
    found = find_candidates(problem, sample_task(problem, dataset))
    assert len(found.littles) == len(found.bigs) == STATIC["nets"]


def test_the_plan_counts_what_a_strategy_scores():
    quick, slow = (plan("digits", strategy="evolution", scored=n) for n in (1000, 200_000))
    assert slow.seconds_about > quick.seconds_about + 10
    assert plan("digits", strategy="random").seconds_about <= quick.seconds_about + 1
    assert plan("digits", strategy="tpe", scored=10_000).seconds_about > quick.seconds_about + 10
