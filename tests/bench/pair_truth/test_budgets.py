"""What a budget buys, by brute force."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from scipy.special import ndtri

from benchmarks.pair_truth import contest, evaluation, market
from zeroshot.accuracy.model import PROBED
from zeroshot.bench.pair_truth import outcome
from zeroshot.cascade import measure


@pytest.fixture(scope="module")
def markets(sample):
    """Eight held-out nets under both terms."""
    few = sample.of("held-out").take(np.arange(8))
    return [market.market(few, terms) for terms in market.MARKETS]


@pytest.mark.parametrize("which", [0, 1])
def test_joint_picks_are_the_best_of_a_loop(markets, which):
    on = markets[which]
    budgets = on.budgets()
    drawn = np.array([True] * 6 + [False] * 2)
    for budget, pick in zip(budgets, market.joint(on, on.truth, budgets)(drawn), strict=True):
        best = -inf
        for row, (a, b) in enumerate(zip(on.little, on.big, strict=True)):
            for column, level in enumerate(market.GRID):
                rate = level / 256
                cost = on.net_cost[a] + rate * on.net_cost[b]
                # The decision's own cost is microseconds.
                if drawn[a] and drawn[b] and on.cost[row, column] <= budget:
                    assert cost <= budget
                    assert 0.05 <= rate <= 1 - on.net_cost[a] / on.net_cost[b]
                    best = max(best, on.truth[row, column])
        if best == -inf:
            assert pick is None
        else:
            assert market.Answers(on.sample).of(pick).mean() == pytest.approx(best)
            assert drawn[[pick.little, pick.big]].all()


def test_the_truth_of_a_pair_is_its_measured_cascade(markets):
    on = markets[0]
    for row in (0, len(on.little) // 2, len(on.little) - 1):
        pair = outcome(on.sample.zoo, on.little[row], on.big[row])
        for column in (0, 10, 40):
            pick = market.Pick(int(on.little[row]), int(on.big[row]), int(market.GRID[column]))
            exact = measure.measure(pair, float(pick.level)).accuracy
            assert on.truth[row, column] == pytest.approx(exact)
            assert market.Answers(on.sample).of(pick).mean() == pytest.approx(exact)


def test_limits_are_kept(sample):
    """Tight terms: every pair that counts fits them by the formulas of a search."""
    few = sample.of("held-out").take(np.arange(8))
    loose, tight = (
        market.market(few, replace(market.MARKETS[1], flash=f, sram=s)) for f, s in ((inf, inf), (6e4, 3e4))
    )
    assert np.isfinite(tight.cost).sum() < np.isfinite(loose.cost).sum()
    assert (tight.flash[np.isfinite(tight.single_cost)] <= 6e4).all()
    for row in np.flatnonzero(np.isfinite(tight.cost).any(axis=1)):
        assert max(tight.flash[[tight.little[row], tight.big[row]]]) <= 6e4


def test_the_separate_way_plans_and_the_single_net_is_the_best_that_fits(markets):
    on = markets[0]
    budgets, accuracy, everyone = on.budgets(), on.sample.accuracy, np.ones(8, bool)
    for budget, pick in zip(budgets, market.single(on, accuracy, budgets)(everyone), strict=True):
        fits = [i for i in range(8) if on.net_cost[i] <= budget]
        assert (pick is None and not fits) or accuracy[pick.little] == max(accuracy[i] for i in fits)
    chosen = market.separate(on, accuracy, on.truth, budgets, 0.5, 0.3)(everyone)
    best = market.joint(on, on.truth, budgets)(everyone)
    for budget, pick, rival in zip(budgets, chosen, best, strict=True):
        if pick is None or pick.big < 0:
            continue
        cheap = [i for i in range(8) if on.net_cost[i] <= 0.5 * budget]
        assert accuracy[pick.little] == max(accuracy[i] for i in cheap)
        assert on.net_cost[pick.big] <= 0.5 * budget / 0.3
        assert on.net_cost[pick.little] + pick.level / 256 * on.net_cost[pick.big] <= budget
        assert market.Answers(on.sample).of(pick).mean() <= market.Answers(on.sample).of(rival).mean()


def test_regret_is_nought_for_the_truth_and_positive_by_chance(markets):
    on = markets[0]
    noise = np.random.default_rng(0).normal(size=on.truth.shape)
    true, blind, chance = contest.regrets(on, {"truth": on.truth, "noise": noise}, on.budgets())
    assert np.nanmax(np.abs(true.loss)) == 0
    assert blind.mean > 0
    assert (chance.way, chance.mean > 0) == ("random", True)
    assert np.nanmin([blind.loss, chance.loss]) >= -1e-12


def test_more_pairs_to_choose_from_lose_less(markets):
    on = markets[0]
    budgets, noise = on.budgets(), np.random.default_rng(0).normal(size=on.truth.shape)
    one, three = (contest.regret_of(on, "noise", lambda _: noise, budgets, picks) for picks in (1, 3))
    assert one.loss == pytest.approx(contest.regrets(on, {"noise": noise}, budgets)[0].loss, nan_ok=True)
    assert (np.nan_to_num(three.loss) <= np.nan_to_num(one.loss)).all()
    assert three.mean < one.mean
    # The first three by hand, no net in more than two.
    budget = budgets[5]
    inside = np.where(on.cost <= budget, noise, -np.inf)
    order, taken = np.argsort(-inside.max(axis=1)), []
    for row in order:
        used = [net for other in taken for net in (on.little[other], on.big[other])]
        if len(taken) < 3 and max(used.count(on.little[row]), used.count(on.big[row])) < 2:
            taken.append(row)
    reached = max(on.truth[row, inside[row].argmax()] for row in taken)
    assert three.loss[5] == pytest.approx(np.where(on.cost <= budget, on.truth, -1).max() - reached)
    nets = contest.in_order(on, noise, budget)
    assert nets[:4] == [on.little[order[0]], on.big[order[0]], on.little[order[1]], on.big[order[1]]]
    assert len(nets) == 2 * np.isfinite(inside).any(axis=1).sum()


def test_a_search_that_trains_learns_the_nets_it_would_pick(sample, calibration):
    seen = []

    def merit(accuracy):
        seen.append(accuracy)
        return [3, 5, 7, 9]

    found = evaluation.searched(calibration, PROBED, 6, merit)
    assert np.flatnonzero(found.trained).tolist() == [3, 5, 7, 9]
    errors = np.abs(found.mu - ndtri(calibration.validation))
    assert errors[found.trained].max() < errors[~found.trained].max()
    assert len(seen) >= 2


def test_a_way_against_itself_gains_nothing(markets, monkeypatch):
    on = markets[0]
    monkeypatch.setattr(contest, "RESAMPLES", 10)
    budgets = on.budgets()
    known = contest.known_ways(on, budgets, (0.5, 0.3))
    found = contest.contest(on.sample, known | {"again": known["joint"]}, budgets)
    assert found.gain("joint", "again") == (0, 0, 0)
    whole, low, high = found.gain("joint", "single")
    assert low <= high
    assert whole == pytest.approx(found.area("joint") - found.area("single"))
