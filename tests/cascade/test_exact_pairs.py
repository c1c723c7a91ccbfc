"""The search over boxes against NumPy over the whole matrix, to the bit: fronts, lists, counts, ties."""

from dataclasses import replace

import numpy as np
import pytest

from zeroshot.cascade import _front, _ranking
from zeroshot.cascade.copula import PRIOR_COUPLING, Coupling, cascade_accuracy
from zeroshot.cascade.rank_pairs import OBJECTIVES, Budgets, describe_pairs
from zeroshot.cost.nets import NetCosts

from ..reference import table_pairs
from .populations import PLATFORM, listed, population, populations, ranked, same

# No monotonicity at all: a little net that knows its errors the worse the better it is.
ODD = Coupling("odd", "made up", (0.9, -0.6), (-0.4, 0.5, 0.8))


def random_case(seed, sizes=(1, 14)):
    """Populations with ties and twins, budgets, and what is asked."""
    rng = np.random.default_rng(seed)
    parts = []
    for low, high, *spread in ((1, 40, 0.4, 0.8), (15, 400, 0.5, 0.95)):
        n = int(rng.integers(*sizes)) + 1
        costs, accuracy = population(rng, n, low, high, *spread)
        twins = rng.integers(0, n, n) if rng.random() < 0.4 else np.arange(n)
        accuracy = accuracy[twins].round(int(rng.integers(1, 4))) if rng.random() < 0.5 else accuracy[twins]
        parts += [costs.take(twins), accuracy]
    limits = {
        "flash": rng.uniform(2e4, 2e5), "sram": rng.uniform(1e4, 1e5), "latency": rng.uniform(10, 300),
        "energy": rng.uniform(10, 300), "worst_latency": rng.uniform(30, 500),
        "escalation": rng.choice([0.05, 0.2, 0.6]),
    }  # fmt: skip
    budgets = Budgets(**{name: float(limit) for name, limit in limits.items() if rng.random() < 0.3})
    objectives = ("accuracy", *rng.choice(OBJECTIVES[1:], int(rng.integers(1, 4)), replace=False).tolist())
    asked = {"top": int(rng.integers(1, 60)), "per_net": int(rng.integers(1, 4)), "objectives": objectives}
    coupling = PRIOR_COUPLING if rng.random() < 0.8 else ODD
    return tuple(parts), budgets, replace(PLATFORM, input_in_arena=bool(rng.integers(2))), coupling, asked


def brute_force(parts, budgets, platform, coupling, top, per_net, objectives):
    """(top, front, n_feasible, little_fits, big_fits), the exact accuracies coming in last as in the ranking."""
    littles, a_l, bigs, a_b = parts
    points = table_pairs.rated(*parts, platform, budgets, coupling)
    little, big, p, last, accuracy = points

    def described(little, big, p, accuracy):
        return describe_pairs(littles, bigs, little, big, p, accuracy, platform)

    def exact(chosen):
        little, big, p = chosen
        return described(little, big, p, cascade_accuracy(a_l[little], a_b[big], p, coupling))

    everything, costs = described(little, big, p, accuracy), [name for name in objectives if name != "accuracy"]
    best = exact(table_pairs.top_pairs(points, everything.latency, top, per_net))
    place = np.argsort(np.argsort(littles.latency, kind="stable"))
    front = exact(table_pairs.front(np.column_stack([getattr(everything, c) for c in costs]), points, place))
    front = front.take(np.lexsort((front.big, front.little, front.accuracy, getattr(front, costs[0]))))
    values = np.column_stack([*(getattr(front, c) for c in costs), -front.accuracy])
    return (
        best.take(np.lexsort((best.big, best.little, best.latency, -best.accuracy))),
        front.take(table_pairs.not_dominated(values)),
        int(last.sum()),
        np.isin(np.arange(len(a_l)), little),
        np.isin(np.arange(len(a_b)), big),
    )


def assert_exact(case):
    parts, budgets, platform, coupling, asked = case
    found = ranked(parts, budgets, platform, coupling=coupling, **asked)
    top, front, n, little_fits, big_fits = brute_force(*case[:4], **asked)
    assert found.n_feasible == n
    assert np.array_equal(found.little_fits, little_fits)
    assert np.array_equal(found.big_fits, big_fits)
    assert same(found.top, top)
    assert same(found.front, front)
    return n


@pytest.mark.parametrize(
    "first", [0, 25, 50, 75, *(pytest.param(first, marks=pytest.mark.slow) for first in range(100, 300, 25))]
)
def test_small_populations(first):
    counted = [assert_exact(random_case(seed)) for seed in range(first, first + 25)]
    assert sum(n > 0 for n in counted) > 10


@pytest.mark.parametrize("seed", range(1000, 1006))
def test_populations_of_many_leaves(seed):
    assert assert_exact(random_case(seed, (40, 60))) > 0


@pytest.mark.parametrize("coupling", [PRIOR_COUPLING, ODD], ids=["prior", "odd"])
def test_the_list_of_large_populations_ends_where_nets_are_used_up(coupling):
    parts = populations(20, 50, 40)
    case = (
        parts,
        Budgets(escalation=0.4),
        PLATFORM,
        coupling,
        {"top": 10**9, "per_net": 2, "objectives": ("accuracy", "macs")},
    )
    assert_exact(case)
    assert len(ranked(parts, Budgets(), top=10**9).top) <= 80


def test_a_list_that_is_longer_than_a_row_is_looked_up_again():
    """One big net, whose every pair is listed."""
    littles, a_l, bigs, a_b = populations(21, 80, 1, fastest_big=200)
    top = ranked((littles, a_l, bigs, np.array([0.93])), top=10**6, per_net=10**6).top
    assert len(top) > 40
    assert (np.diff(top.accuracy) <= 0).all()
    assert len(set(listed(top))) == len(top)


def test_a_front_without_room_grows(monkeypatch):
    case = random_case(1005, (40, 60))
    parts, budgets, platform, coupling, asked = case
    front = ranked(parts, budgets, platform, coupling=coupling, **asked).front
    monkeypatch.setattr(_ranking, "ROOM", 1)
    assert len(front) > 2 * _front.SLOTS
    assert same(ranked(parts, budgets, platform, coupling=coupling, **asked).front, front)


def test_twins_are_listed_by_number():
    littles, a_l, bigs, a_b = populations(22, 20, 20)
    doubled = NetCosts.join([littles, littles]), np.tile(a_l, 2), bigs, a_b
    case = doubled, Budgets(), PLATFORM, PRIOR_COUPLING, {"top": 50, "per_net": 3, "objectives": ("accuracy", "flash")}
    assert_exact(case)
