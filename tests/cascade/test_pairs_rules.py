"""Which pairs count, at which rate, and which questions are refused: the rules of the ranking, one by one."""

import numpy as np
import pytest

from zeroshot.cascade.rank_pairs import OBJECTIVES, Budgets, check_objectives
from zeroshot.cost.nets import NetCosts
from zeroshot.errors import UsageError

from .populations import BUDGETS, populations, ranked


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
