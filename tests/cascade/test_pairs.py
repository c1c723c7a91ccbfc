"""The scan over all pairs against plain NumPy over the whole matrix (reference.all_pairs) and its invariants.

The scan reads accuracies and best escalation rates from the copula's table, the reference computes them: where two
pairs differ by less than ACCURACY, either order is right. All else is exact.
"""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cascade.copula import PRIOR_COUPLING, Coupling, cascade_table
from zeroshot.cascade.pairs import LEVELS, LIMITS, OBJECTIVES, Budgets, Pairs, check_objectives, rank_pairs
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.errors import UsageError

from .. import reference
from ..strategies import examples

# Interpolation errors at the accuracies and rates of these populations: of a pair's accuracy (largest where nearly
# everything is escalated), and of its best escalation rate (where accuracy is flat, hence the loss is far smaller).
ACCURACY = 1e-4
RATE = 0.025
# Rounding of one float operation, relative: a rate that just uses up a budget, times the big net's cost again.
ROUNDING = 1e-12

RUNTIME = 3000 + sum((np.arange(64) >> bit & 1) * size for bit, size in enumerate((1100, 900, 500, 400, 250, 250)))
PLATFORM = Platform(None, None, RUNTIME, policy_latency=0.05, policy_energy=0.02)

BUDGETS = {
    "none": Budgets(),
    "flash": Budgets(flash=90_000),
    "sram": Budgets(sram=50_000),
    "latency": Budgets(latency=60.0),
    "energy": Budgets(energy=45.0),
    "worst_latency": Budgets(worst_latency=120.0),
    "escalation": Budgets(escalation=0.25),
    "all": Budgets(150_000, 80_000, 90.0, 90.0, 300.0, 0.5),
    "tight": Budgets(flash=40_000, latency=25.0),
    "infeasible": Budgets(flash=3000),
}
budgets_cases = pytest.mark.parametrize("budgets", BUDGETS.values(), ids=BUDGETS.keys())


def population(rng, n, fastest, slowest, low, high):
    """Random costs, and accuracies that rise with latency but for noise."""
    latency = np.exp(rng.uniform(np.log(fastest), np.log(slowest), n))
    rank = np.argsort(np.argsort(latency)) / max(n - 1, 1)
    costs = NetCosts(
        latency=latency,
        energy=latency * rng.uniform(0.7, 1.4, n),
        macs=(latency * rng.uniform(5e4, 2e5, n)).astype(np.int64),
        flash=rng.integers(4000, 80_000, n),
        arena=rng.integers(4000, 80_000, n),
        persistent=rng.integers(0, 5000, n),
        input=rng.choice([768, 1728, 3072], n),
        holding=np.zeros(n, np.int64),
        ops=rng.integers(1, 64, n),
    )
    costs = replace(costs, holding=costs.arena + rng.integers(0, costs.input + 1))
    return costs, low + (high - low) * np.clip(0.7 * rank + 0.3 * rng.uniform(0, 1, n), 0, 1)


def populations(seed, n_little=30, n_big=40, fastest_big=15):
    rng = np.random.default_rng(seed)
    return *population(rng, n_little, 1, 40, 0.45, 0.8), *population(rng, n_big, fastest_big, 400, 0.55, 0.92)


def ranked(parts, budgets=BUDGETS["none"], platform=PLATFORM, **options):
    littles, a_l, bigs, a_b = parts
    return rank_pairs(littles, a_l, bigs, a_b, platform, budgets, **options)


def expected(parts, budgets=BUDGETS["none"], coupling=PRIOR_COUPLING, platform=PLATFORM):
    return reference.all_pairs(*parts, platform, budgets, coupling)


def listed(pairs: Pairs):
    return list(zip(pairs.little.tolist(), pairs.big.tolist(), strict=True))


def same(a, b):
    """Equal in every bit, field by field."""
    return all(np.array_equal(x, getattr(b, name)) for name, x in vars(a).items())


# --- Against the reference ------------------------------------------------------------------------------------------


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


# --- Determinism, ties ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objectives", [("accuracy", "latency"), ("accuracy", "energy", "flash")], ids="-".join)
@pytest.mark.parametrize("name", ["none", "all", "infeasible"])
def test_threads_change_nothing(objectives, name):
    parts = populations(10)
    littles, a_l, bigs, a_b = parts
    twins = NetCosts.join([littles, littles]), np.tile(a_l, 2), NetCosts.join([bigs, bigs]), np.tile(a_b, 2)
    for chosen in (parts, twins):
        one = ranked(chosen, BUDGETS[name], objectives=objectives, threads=1)
        for threads in (2, 3, 1000, 0):
            many = ranked(chosen, BUDGETS[name], objectives=objectives, threads=threads)
            assert same(one.top, many.top)
            assert same(one.front, many.front)
            assert (one.n_pairs, one.n_feasible) == (many.n_pairs, many.n_feasible)
            assert np.array_equal(one.little_fits, many.little_fits)
            assert np.array_equal(one.big_fits, many.big_fits)


def test_the_order_of_the_nets_changes_nothing_but_their_numbers():
    parts = littles, a_l, bigs, a_b = populations(11)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(a_l)), rng.permutation(len(a_b))
    plain = ranked(parts, BUDGETS["all"])
    mixed = ranked((littles.take(rows), a_l[rows], bigs.take(columns), a_b[columns]), BUDGETS["all"])
    for a, b in ((plain.top, mixed.top), (plain.front, mixed.front)):
        assert same(a, replace(b, little=rows[b.little], big=columns[b.big]))
    assert np.array_equal(plain.little_fits[rows], mixed.little_fits)
    assert np.array_equal(plain.big_fits[columns], mixed.big_fits)


def test_twins_stand_once_on_the_front_and_first_come_first_in_the_list():
    littles, a_l, bigs, a_b = populations(12)
    plain = ranked((littles, a_l, bigs, a_b), top=4, per_net=2)
    doubled = ranked(
        (NetCosts.join([littles] * 2), np.tile(a_l, 2), NetCosts.join([bigs] * 2), np.tile(a_b, 2)), top=16, per_net=4
    )
    assert same(doubled.front, plain.front)
    assert doubled.n_feasible == 4 * plain.n_feasible
    # Each pair comes four times, the lower numbers first.
    assert listed(doubled.top)[:4] == [(a, b) for a, b in
        ((plain.top.little[0] + i * 30, plain.top.big[0] + j * 40) for i in (0, 1) for j in (0, 1))]  # fmt: skip


def test_of_equal_accuracies_the_faster_pair_comes_first():
    littles, a_l, bigs, a_b = (part for part in populations(13, 3, 1))
    littles = replace(littles, latency=np.array([3.0, 1.0, 2.0]))
    ranking = ranked((littles, np.full(3, 0.6), bigs, np.array([0.9])), Budgets(escalation=0.2), top=3, per_net=3)
    assert ranking.top.accuracy.tolist() == [ranking.top.accuracy[0]] * 3
    assert ranking.top.little.tolist() == [1, 2, 0]
    assert set(ranking.front.little) == {1}


# --- The rules, one by one ------------------------------------------------------------------------------------------


def one_pair(budgets=BUDGETS["none"], a_l=0.7, a_b=0.85, latency=(10.0, 100.0), **options):
    """One little and one big net with round figures: (ranking, its only listed pair or None)."""

    def net(ms, flash, arena, persistent, image, ops):
        costs = {
            "latency": ms, "energy": ms / 2, "macs": int(ms * 1e5), "flash": flash, "arena": arena,
            "persistent": persistent, "input": image, "holding": arena, "ops": ops,
        }  # fmt: skip
        return NetCosts(**{name: np.array([value]) for name, value in costs.items()})

    parts = net(latency[0], 1000, 500, 10, 48, 0b000001), np.array([a_l])
    parts += net(latency[1], 9000, 700, 30, 192, 0b000011), np.array([a_b])
    ranking = ranked(parts, budgets, **options)
    return ranking, ranking.top if len(ranking.top) else None


def test_figures_by_hand():
    _, pair = one_pair(Budgets(escalation=0.2))
    assert pair.p[0] == pytest.approx(0.2, rel=1e-12)
    assert pair.latency[0] == pytest.approx(10.05 + 20)
    assert pair.energy[0] == pytest.approx(5.02 + 10)
    assert pair.macs[0] == pytest.approx(1e6 + 2e6)
    assert pair.worst_latency[0] == pytest.approx(110.05)
    assert pair.worst_energy[0] == pytest.approx(55.02)
    assert pair.flash[0] == 1000 + 9000 + 3000 + 1100 + 900  # the shared convolution kernel once
    assert pair.sram[0] == 700 + 10 + 30 + 192
    # Better than escalating at random, worse than the big net.
    assert 0.7 + 0.2 * 0.15 < pair.accuracy[0] < 0.85


@pytest.mark.parametrize(
    ("budgets", "p"),
    [
        (Budgets(latency=30.05), 0.2),
        (Budgets(energy=5.02 + 15), 0.3),
        (Budgets(latency=30.05, energy=5.02 + 5), 0.1),
        (Budgets(latency=30.05, escalation=0.15), 0.15),
    ],
)
def test_budgets_on_expected_costs_set_the_rate(budgets, p):
    _, pair = one_pair(budgets)
    assert pair.p[0] == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(
    ("field", "least"), [("flash", 15_000), ("sram", 932), ("worst_latency", 110.05), ("latency", 15.0501)]
)
def test_a_pair_counts_up_to_its_budget(field, least):
    inside, _ = one_pair(Budgets(**{field: least}))
    outside, _ = one_pair(Budgets(**{field: least * (1 - 1e-4)}))
    assert (inside.n_feasible, outside.n_feasible) == (1, 0)
    assert len(outside.top) == len(outside.front) == 0
    assert not outside.little_fits.any()
    assert not outside.big_fits.any()
    assert inside.little_fits.all()
    assert inside.big_fits.all()


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ({}, True),
        ({"a_l": 0.85}, False),  # no less accurate than the big net
        ({"a_l": 0.9}, False),
        ({"latency": (99.95, 100.0)}, False),  # with the policy no cheaper
        ({"latency": (120.0, 100.0)}, False),
        ({"latency": (94.9, 100.0)}, True),  # 1 - 94.95 / 100 = 5.05 %
        ({"latency": (95.0, 100.0)}, False),
        ({"a_l": 0.97, "a_b": 0.9712}, True),
        ({"a_l": 0.998, "a_b": 0.99801}, False),  # best rate 0.4 %
        ({"budgets": Budgets(escalation=0.0499)}, False),
        ({"budgets": Budgets(escalation=0.0501)}, True),
    ],
)
def test_which_pairs_count(options, counts):
    ranking, _ = one_pair(**options)
    assert ranking.n_feasible == counts


def test_a_rate_never_makes_the_big_net_alone_the_cheaper_one():
    _, pair = one_pair(latency=(60.0, 100.0), a_l=0.5, a_b=0.9)
    assert pair.p[0] == pytest.approx(1 - 60.05 / 100)
    assert pair.latency[0] == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"objectives": ("accuracy", "speed")}, "Unknown objective"),
        ({"objectives": ("latency", "energy")}, "needs accuracy"),
        ({"objectives": ("accuracy",)}, "at least one cost"),
        ({"objectives": ("accuracy", "latency", "latency")}, "each once"),
        ({"top": 0}, "positive top"),
        ({"per_net": 0}, "positive top"),
    ],
)
def test_bad_questions_are_refused(change, word):
    with pytest.raises(UsageError, match=word):
        ranked(populations(0, 2, 2), **change)


def test_accuracies_and_nets_must_match():
    littles, a_l, bigs, a_b = populations(0, 3, 3)
    with pytest.raises(UsageError, match="one expected accuracy"):
        ranked((littles, a_l[:2], bigs, a_b))
    with pytest.raises(UsageError, match="one expected accuracy"):
        ranked((littles, a_l, bigs, a_b[:2]))
    with pytest.raises(UsageError, match="at least one little net"):
        ranked((littles.take(np.zeros(0, int)), a_l[:0], bigs, a_b))


def test_every_known_objective_spans_a_front_with_accuracy():
    for name in OBJECTIVES[1:]:
        check_objectives(("accuracy", name))
    with pytest.raises(UsageError) as caught:
        check_objectives(("accuracy", "latncy"))
    assert "latency" in caught.value.hint


# --- Invariants -----------------------------------------------------------------------------------------------------

limits = st.fixed_dictionaries(
    {
        "flash": st.floats(2e4, 2e5),
        "sram": st.floats(1e4, 1e5),
        "latency": st.floats(3, 300),
        "energy": st.floats(3, 300),
        "worst_latency": st.floats(20, 500),
        "escalation": st.floats(0.02, 1),
    }
)
seeds = st.integers(0, 2**32 - 1)
objective_sets = st.lists(st.sampled_from(OBJECTIVES[1:]), min_size=1, max_size=3, unique=True).map(
    lambda costs: ("accuracy", *costs)
)


@examples(60)
@given(seeds, limits, st.sampled_from([*LIMITS, "escalation"]), st.floats(1, 4))
def test_a_looser_budget_never_lowers_the_best_accuracy(seed, limits, which, factor):
    parts = populations(seed, 10, 12)
    tight = Budgets(**limits)
    loose = replace(tight, **{which: limits[which] * factor})
    before, after = ranked(parts, tight), ranked(parts, loose)
    assert after.n_feasible >= before.n_feasible
    assert (after.little_fits >= before.little_fits).all()
    assert (after.big_fits >= before.big_fits).all()
    if len(before.top):
        assert after.top.accuracy[0] >= before.top.accuracy[0] - ACCURACY


@examples(60)
@given(seeds, limits, objective_sets)
def test_every_listed_pair_keeps_all_budgets(seed, limits, objectives):
    ranking = ranked(populations(seed, 10, 12), Budgets(**limits), objectives=objectives)
    for found in (ranking.top, ranking.front):
        for name in ("latency", "energy", "worst_latency", "flash", "sram"):
            assert (getattr(found, name) <= limits[name] * (1 + ROUNDING)).all(), name
        assert (found.p <= limits["escalation"]).all()
        assert (found.p >= reference.MIN_RATE).all()
        assert ranking.little_fits[found.little].all()
        assert ranking.big_fits[found.big].all()
    assert len(ranking.top) <= ranking.n_feasible <= ranking.n_pairs
    assert (len(ranking.front) == 0) == (ranking.n_feasible == 0)


@examples(60)
@given(seeds, limits, objective_sets)
def test_no_point_of_a_front_beats_another(seed, limits, objectives):
    front = ranked(populations(seed, 10, 12), Budgets(**limits), objectives=objectives).front
    costs = np.column_stack([getattr(front, name) for name in objectives[1:]])
    for i in range(len(front)):
        beaten = (costs <= costs[i] * (1 - ROUNDING)).all(axis=1) & (front.accuracy > front.accuracy[i] + ACCURACY)
        assert not beaten.any()
        equal = (costs == costs[i]).all(axis=1) & (front.accuracy == front.accuracy[i])
        assert equal.sum() == 1


@examples(60)
@given(seeds, st.floats(0.02, 0.3), objective_sets, st.sampled_from(["little", "big"]), st.integers(0, 9))
def test_a_dominated_net_changes_nothing(seed, escalation, objectives, side, which):
    """A net of the same accuracy and operators that costs half as much again in every respect.

    The least big net takes 60 ms and the slowest little one 40: up to p = .3 the cap is the same for all pairs.
    """
    littles, a_l, bigs, a_b = populations(seed, 10, 12, fastest_big=60)
    costs = littles if side == "little" else bigs
    worse = costs.take([which])
    dearer = {name: (column * 1.5).astype(column.dtype) for name, column in vars(worse).items() if name != "ops"}
    if side == "little":
        dearer["latency"] = np.minimum(dearer["latency"], worse.latency + 1)
    joined = NetCosts.join([costs, replace(worse, **dearer)])
    if side == "little":
        more = joined, np.append(a_l, a_l[which]), bigs, a_b
    else:
        more = littles, a_l, joined, np.append(a_b, a_b[which])
    budgets = Budgets(escalation=escalation)
    before = ranked((littles, a_l, bigs, a_b), budgets, objectives=objectives, top=1)
    after = ranked(more, budgets, objectives=objectives, top=1)
    assert (
        after.n_feasible > before.n_feasible or not (before.little_fits if side == "little" else before.big_fits)[which]
    )
    assert same(before.front, after.front)
    assert same(before.top, after.top)


# --- Processes ------------------------------------------------------------------------------------------------------

PLAIN_PYTHON = """
import sys
import numpy as np
from zeroshot.cascade import _front, _ranking, copula, pairs
from zeroshot.cost.arena import arena_bytes
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.net import NetSpec, layer_table, spec_array

folder = sys.argv[1]
given = np.load(folder + "/given.npz")
if "gain" in given:  # without the compiler the table alone would take minutes
    _ranking.cascade_table = lambda coupling: copula.CascadeTable(given["gain"], given["best"])
columns = NetCosts.__dataclass_fields__
littles, bigs = (NetCosts(**{name: given[side + name] for name in columns}) for side in ("little_", "big_"))
out = {}
for objectives in (("accuracy", "latency"), ("accuracy", "energy", "flash"), ("accuracy", *pairs.OBJECTIVES[3:])):
    platform = Platform(None, None, given["runtime"], 0.05, 0.02, input_in_arena="flash" in objectives)
    ranking = pairs.rank_pairs(littles, given["a_l"], bigs, given["a_b"], platform, pairs.Budgets(latency=90.0),
                               top=3, per_net=3, objectives=objectives, threads=1 + len(objectives) % 2)
    for kind in ("top", "front"):
        for name, column in vars(getattr(ranking, kind)).items():
            out["-".join((*objectives, kind, name))] = column
points = np.random.default_rng(0).integers(0, 40, (300, 3)).astype(float)
points[:, 1] = 1600 - points[:, 0] ** 2  # every other figure stands on the front of the first two
for objectives in (2, 3):
    out[f"front of {objectives}"] = np.sort(_front.front_kernel(points[:, :objectives].copy()))
front, n = _front.empty_front(2, 2), 0
for i in range(20):  # each beside the others: the room grows
    front, n = _front.insert(np.array([float(-i), float(i)]), i, -i, i / 20, front, n)
out["grown"] = np.column_stack([front.points[:n], front.pair[:n], front.rate[:n]])
assert n == 20
table = layer_table(spec_array([NetSpec.parse("r16-s4-b3w8x1/2-m3e2w8x2-d3w8x1"), NetSpec.parse("r9-s3-c3w5x2")]), 3, 4)
out["rows"], out["greedy"], out["bound"] = table.rows, arena_bytes(table, "greedy"), arena_bytes(table, "bound")
out["phi"] = np.array([copula.bivariate_normal_cdf(h, k, r) for h, k, r in ((0.3, -0.4, 0.6), (1.0, 2.0, -0.999))])
np.savez(folder + "/out" + sys.argv[2] + ".npz", **out)
"""


def arrays_given(folder, n_little, n_big, with_table):
    littles, a_l, bigs, a_b = populations(14, n_little, n_big)
    given = {"little_" + name: column for name, column in vars(littles).items()}
    given |= {"big_" + name: column for name, column in vars(bigs).items()}
    if with_table:
        given |= vars(cascade_table(PRIOR_COUPLING))
    np.savez(folder / "given.npz", a_l=a_l, a_b=a_b, runtime=RUNTIME, **given)


def start(folder, number, **environment):
    command = [sys.executable, "-W", "error", "-c", PLAIN_PYTHON, str(folder), str(number)]
    return subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)


def results(folder, processes):
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    out = []
    for i in range(len(processes)):
        with np.load(folder / f"out{i}.npz") as arrays:
            out.append(dict(arrays))
    return out


def test_kernels_are_plain_python_too(tmp_path):
    """The same figures without the compiler; additions may be reordered by it, hence the last digits."""
    arrays_given(tmp_path, 5, 4, with_table=True)
    plain, compiled = results(tmp_path, [start(tmp_path, 0, NUMBA_DISABLE_JIT="1"), start(tmp_path, 1)])
    assert len(plain["accuracy-latency-top-p"]) >= 2
    assert plain.keys() == compiled.keys()
    for name, values in compiled.items():
        np.testing.assert_allclose(plain[name], values, rtol=1e-12, err_msg=name)


@pytest.mark.slow
def test_processes_share_an_empty_cache(tmp_path):
    """Four processes at once compile into one empty folder, and later ones read from it."""
    arrays_given(tmp_path, 6, 5, with_table=False)
    cache = tmp_path / "cache"
    cache.mkdir()
    found = results(tmp_path, [start(tmp_path, i, NUMBA_CACHE_DIR=str(cache)) for i in range(4)])
    assert list(cache.rglob("*.nbc"))
    found += results(tmp_path, [start(tmp_path, 0, NUMBA_CACHE_DIR=str(cache))])
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        assert all(np.array_equal(other[name], found[0][name]) for name in other)


def test_the_levels_are_those_of_the_reference():
    assert LEVELS == reference.LEVELS
