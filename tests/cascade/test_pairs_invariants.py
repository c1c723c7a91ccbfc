"""What holds for the ranking of any nets under any budgets."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cascade.rank_pairs import LIMITS, OBJECTIVES, Budgets
from zeroshot.cost.nets import NetCosts

from .. import reference
from ..strategies import examples
from .populations import ACCURACY, ROUNDING, populations, ranked, same

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


def test_more_than_all_images_cannot_escalate():
    parts = populations(189, 10, 12)
    all_of_them = Budgets(flash=28063, sram=70941, latency=3, energy=28, worst_latency=20)
    found, more = ranked(parts, all_of_them), ranked(parts, replace(all_of_them, escalation=2.0))
    assert found.n_feasible == more.n_feasible == 1
    assert found.little_fits.tolist() == more.little_fits.tolist()
    assert found.big_fits.tolist() == more.big_fits.tolist()
    assert same(found.top, more.top)


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
