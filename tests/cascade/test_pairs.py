"""The scan over all pairs against plain NumPy over the whole matrix (reference.all_pairs) and its invariants.

The scan reads accuracies and best escalation rates from the copula's table, the reference computes them: where two
pairs differ by less than ACCURACY, either order is right. All else is exact.
"""

from dataclasses import replace

import numpy as np
import pytest

from zeroshot.cascade.copula import PRIOR_COUPLING, Coupling
from zeroshot.cascade.rank_pairs import LEVELS, Budgets

from .. import reference
from .populations import ACCURACY, BUDGETS, PLATFORM, RATE, budgets_cases, expected, listed, populations, ranked


@budgets_cases
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_pairs_that_count_are_exact(budgets, seed):
    parts = populations(seed)
    ranking, pairs = ranked(parts, budgets), expected(parts, budgets)
    assert ranking.n_pairs == 30 * 40
    assert ranking.n_feasible == pairs["counts"].sum()
    assert np.array_equal(ranking.little_fits, pairs["counts"].any(axis=1))
    assert np.array_equal(ranking.big_fits, pairs["counts"].any(axis=0))


@pytest.mark.parametrize("seed", [0, 1])
def test_an_image_that_waits_in_the_arena_lets_more_pairs_fit(seed):
    parts, budgets = populations(seed), BUDGETS["sram"]
    inside = replace(PLATFORM, input_in_arena=True)
    ranking, pairs = ranked(parts, budgets, inside), expected(parts, budgets, platform=inside)
    assert ranking.n_feasible == pairs["counts"].sum() > ranked(parts, budgets).n_feasible
    for found in (ranking.top, ranking.front):
        assert np.array_equal(found.sram, pairs["sram"][found.little, found.big])


def test_the_cases_are_worth_their_name():
    counts = {name: ranked(populations(0), budgets).n_feasible for name, budgets in BUDGETS.items()}
    assert counts["infeasible"] == 0 < counts["tight"] < 40
    free = counts["none"]
    assert free < 30 * 40
    # A limit on expected costs alone lowers p rather than drop a pair, unless the little net breaks it.
    for name in ("flash", "sram", "worst_latency", "all"):
        assert 0 < counts[name] < 0.8 * free
    assert counts["escalation"] == free


@budgets_cases
@pytest.mark.parametrize("seed", [3, 4])
def test_figures_of_listed_pairs_are_those_of_the_formulas(budgets, seed):
    parts = populations(seed)
    littles, a_l, bigs, a_b = parts
    ranking, pairs = ranked(parts, budgets), expected(parts, budgets)
    for found in (ranking.top, ranking.front):
        chosen = found.little, found.big
        assert pairs["counts"][chosen].all()
        a = {name: column[found.little] for name, column in vars(littles).items()}
        b = {name: column[found.big] for name, column in vars(bigs).items()}
        for name, column in reference.figures(a, b, found.p, PLATFORM).items():
            np.testing.assert_allclose(getattr(found, name), column, rtol=1e-14, err_msg=name)
        exact = reference.cascade_accuracy(a_l[found.little], a_b[found.big], found.p, PRIOR_COUPLING)
        np.testing.assert_allclose(found.accuracy, exact, atol=1e-10)
    chosen = ranking.top.little, ranking.top.big
    np.testing.assert_allclose(ranking.top.p, pairs["p"][chosen], atol=RATE)
    bound = pairs["cap"][chosen] < pairs["p"][chosen] - RATE  # by a budget: no table comes in
    np.testing.assert_allclose(ranking.top.p[bound], pairs["p"][chosen][bound], rtol=1e-12)
    np.testing.assert_allclose(ranking.top.accuracy, pairs["accuracy"][chosen], atol=1e-5)


@budgets_cases
@pytest.mark.parametrize(("top", "per_net"), [(10, 2), (1, 1), (6, 1), (25, 3), (2000, 5), (40, 1000)])
def test_the_list_is_the_greedy_choice_from_all_pairs(budgets, top, per_net):
    """Each pair left out is worse than the last one listed, or one of its nets is used up by better pairs."""
    parts = populations(5)
    best, pairs = ranked(parts, budgets, top=top, per_net=per_net).top, expected(parts, budgets)
    assert len(best) == len(set(listed(best))) <= top
    assert max(np.bincount(best.little, minlength=1), default=0) <= per_net
    assert max(np.bincount(best.big, minlength=1), default=0) <= per_net
    assert (np.diff(best.accuracy) <= ACCURACY).all()
    chosen = set(listed(best))
    for i, j in zip(*np.nonzero(pairs["counts"]), strict=True):
        if (i, j) in chosen:
            continue
        better = best.accuracy >= pairs["accuracy"][i, j] - ACCURACY
        used_up = max((best.little[better] == i).sum(), (best.big[better] == j).sum()) >= per_net
        assert used_up or better.sum() == top


@budgets_cases
def test_the_list_is_that_of_the_naive_choice(budgets):
    """Pair by pair, on populations where no two accuracies in question are too close to tell apart."""
    parts = populations(8, 12, 14)
    pairs = expected(parts, budgets)
    naive = reference.top_pairs(pairs, 6, 2)
    found = listed(ranked(parts, budgets, top=6).top)
    assert len(found) == len(naive)
    for ours, theirs in zip(found, naive, strict=True):
        if ours != theirs:
            assert pairs["accuracy"][ours] == pytest.approx(pairs["accuracy"][theirs], abs=ACCURACY)


OBJECTIVE_CASES = [
    ("accuracy", "latency"),
    ("energy", "accuracy"),
    ("accuracy", "macs"),
    ("accuracy", "flash"),
    ("accuracy", "latency", "flash"),
    ("sram", "accuracy", "worst_latency"),
    ("accuracy", "energy", "flash", "sram"),
]


@pytest.mark.parametrize("objectives", OBJECTIVE_CASES, ids="-".join)
@pytest.mark.parametrize("name", ["none", "all", "escalation", "infeasible"])
def test_the_front_is_that_of_all_points(objectives, name):
    budgets = BUDGETS[name]
    parts = populations(6, 14, 16)
    littles, a_l, bigs, a_b = parts
    front = ranked(parts, budgets, objectives=objectives).front
    points = reference.front_candidates(expected(parts, budgets), littles, a_l, bigs, a_b, PLATFORM, PRIOR_COUPLING)
    costs = [objective for objective in objectives if objective != "accuracy"]
    ours = np.column_stack([getattr(front, cost) for cost in costs])
    theirs = np.column_stack([points[cost] for cost in costs])
    # Costs of the point with the best rate are as exact as that rate.
    rates = np.array(LEVELS)
    for i in range(len(front)):
        assert min(np.abs(rates - front.p[i])) < 1e-12 or np.any(
            (points["little"] == front.little[i])
            & (points["big"] == front.big[i])
            & (np.abs(points["p"] - front.p[i]) < RATE)
        )
        beaten = (theirs <= ours[i] * (1 - RATE)).all(axis=1) & (points["accuracy"] > front.accuracy[i] + ACCURACY)
        assert not beaten.any(), "a listed point is dominated"
    for i in reference.not_dominated(np.column_stack([theirs, -points["accuracy"]])):
        near = (ours <= theirs[i] * (1 + RATE)).all(axis=1) & (front.accuracy >= points["accuracy"][i] - ACCURACY)
        assert near.any(), "a point of the front is missing"
    assert (np.diff(getattr(front, costs[0])) >= 0).all()
    assert (len(front) == 0) == (name == "infeasible")


@pytest.mark.parametrize("objectives", [("accuracy", "latency"), ("accuracy", "macs"), ("accuracy", "latency", "sram")])
def test_the_front_is_exact_where_no_best_rate_is_looked_up(objectives):
    """With p capped below every best rate, the points are known exactly: the same pairs at the same rates."""
    parts = populations(7, 14, 16)
    littles, a_l, bigs, a_b = parts
    far_apart = littles, a_l - 0.2, bigs, np.maximum(a_b, 0.7)
    budgets = Budgets(escalation=0.3)
    pairs = expected(far_apart, budgets)
    assert (pairs["p"] == pairs["cap"])[pairs["counts"]].all()
    points = reference.front_candidates(pairs, littles, far_apart[1], bigs, far_apart[3], PLATFORM, PRIOR_COUPLING)
    keep = reference.not_dominated(
        np.column_stack([-points["accuracy"] if o == "accuracy" else points[o] for o in objectives])
    )
    front = ranked(far_apart, budgets, objectives=objectives).front
    naive = {(int(points["little"][i]), int(points["big"][i]), round(float(points["p"][i]), 9)) for i in keep}
    found = set(zip(front.little.tolist(), front.big.tolist(), front.p.round(9).tolist(), strict=True))
    # Points that the table cannot tell apart may stand for each other.
    assert len(found ^ naive) <= 0.1 * len(naive)
    assert len(found & naive) >= 8


def test_another_coupling_is_another_ranking():
    coupling = Coupling("mine", "made up", (0.2, 0.3), (0.1, 0.2, -0.2))
    parts = populations(9)
    budgets = BUDGETS["escalation"]
    pairs = expected(parts, budgets, coupling)
    top = ranked(parts, budgets, coupling=coupling, top=5).top
    chosen = top.little, top.big
    np.testing.assert_allclose(top.accuracy, pairs["accuracy"][chosen], atol=1e-5)
    assert top.accuracy[0] == pytest.approx(pairs["accuracy"][pairs["counts"]].max(), abs=ACCURACY)
    assert (np.abs(top.accuracy - ranked(parts, budgets, top=5).top.accuracy) > 1e-3).all()


def test_the_levels_are_those_of_the_reference():
    assert LEVELS == reference.LEVELS
