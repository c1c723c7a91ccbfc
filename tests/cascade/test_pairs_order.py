"""What the ranking of pairs must not depend on: threads, the order of the nets, twins; and how ties are settled."""

from dataclasses import replace

import numpy as np
import pytest

from zeroshot.cascade.rank_pairs import Budgets
from zeroshot.cost.nets import NetCosts

from .populations import BUDGETS, listed, populations, ranked, same


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
