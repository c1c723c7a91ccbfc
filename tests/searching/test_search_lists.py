"""What a search lists: ranked and capped pairs, fronts, singles, all within their budgets."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from zeroshot.cascade.copula import PRIOR_COUPLING, cascade_accuracy
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.searching.search import search

from .. import reference
from .searches import STATIC

COLUMN = {
    "flash": "flash_bytes", "sram": "sram_bytes", "latency": "latency_ms", "energy": "energy_mj",
    "worst_latency": "worst_latency_ms", "macs": "macs",
}  # fmt: skip
ULPS = 1 + 1e-12  # p = (limit - start) / c_B and back again is right but for rounding


def test_listed_pairs_are_in_order_and_capped(static):
    rows = static.pairs
    assert len(rows) == 30
    assert [row.rank for row in rows] == list(range(1, 31))
    accuracy = [row.accuracy for row in rows]
    assert all(a >= b - 1e-5 for a, b in itertools.pairwise(accuracy))  # ranked by a table right to 1e-5
    assert len({(row.little, row.big) for row in rows}) == 30
    for role in ("little", "big"):
        assert max(Counter(getattr(row, role) for row in rows).values()) == 2


@pytest.mark.parametrize("limits", [{}, {"latency": 8, "escalation": 0.4}, {"energy": 0.5, "worst_latency": 20}])
def test_no_pair_on_a_grid_of_rates_beats_the_first(limits, tmp_path):
    """Exhaustive: every little, every big, 60 rates, the copula without its table."""
    found = search("digits", run=tmp_path / "run", **STATIC | limits)
    nets = {key: np.array([getattr(net, key) for net in found.nets]) for key in vars(found.nets[0])}
    with np.load(tmp_path / "run" / "candidates.npz", allow_pickle=False) as arrays:
        littles, bigs = np.isin(np.arange(len(found.nets)), arrays["littles"]), arrays["bigs"]
    latency, energy, accuracy = nets["latency_ms"], nets["energy_mj"], nets["static_accuracy"]
    # The decision costs a millisecond's thousandth; leaving it out can only let more pairs in.
    p = np.linspace(MIN_RATE, limits.get("escalation", 1.0), 60)[:, None]
    best = 0.0
    for big in bigs:
        inside = littles & (latency < latency[big]) & (accuracy < accuracy[big])
        inside &= latency + latency[big] <= limits.get("worst_latency", math.inf)
        rate = np.broadcast_to(p, (60, len(latency)))
        legal = inside & (latency + rate * latency[big] <= limits.get("latency", math.inf))
        legal &= energy + rate * energy[big] <= limits.get("energy", math.inf)
        legal &= rate < 1 - latency / latency[big]
        # Where the best rate is lower still, the big net is not worth its flash: no pair, at any rate.
        legal &= reference.best_rate(accuracy, accuracy[big], PRIOR_COUPLING) >= MIN_RATE
        row, little = np.nonzero(legal)
        if len(row):
            best = max(best, cascade_accuracy(accuracy[little], accuracy[big], p[row, 0]).max())
    assert found.pairs[0].accuracy > best - 1e-4
    assert found.pairs[0].accuracy < best + 0.02


@pytest.mark.parametrize(
    "objectives",
    [
        ("accuracy", "latency"), ("energy", "accuracy"), ("accuracy", "flash"), ("accuracy", "sram"),
        ("accuracy", "worst_latency"), ("accuracy", "macs"), ("accuracy", "latency", "flash", "sram"),
    ],
)  # fmt: skip
def test_front_is_free_of_dominated_pairs_and_reaches_every_listed_one(objectives):
    found = search("digits", objectives=objectives, worst_latency="200ms", **STATIC)
    costs = [COLUMN[name] for name in objectives if name != "accuracy"]
    cost = np.array([[getattr(row, c) for c in costs] for row in found.front])
    accuracy = np.array([row.accuracy for row in found.front])
    assert len(cost) >= 3
    for mine, value in zip(cost, accuracy, strict=True):  # by more than the copula's table is wrong
        assert not ((cost <= mine).all(axis=1) & (accuracy > value + 1e-5)).any()
    assert (np.diff(cost[:, 0]) >= 0).all()
    for row in found.pairs:
        no_dearer = (cost <= np.array([getattr(row, c) for c in costs]) * ULPS).all(axis=1)
        assert accuracy[no_dearer].max() > row.accuracy - 1e-4
    assert found.config["objectives"] == list(objectives)


@pytest.mark.parametrize("name", ["flash", "sram", "latency", "energy", "worst_latency"])
def test_every_listed_pair_and_single_keeps_a_budget(static, name):
    column = COLUMN[name]
    limit = sorted(getattr(row, column) for row in static.front)[len(static.front) // 3]
    assert any(getattr(row, column) > limit for row in static.pairs)  # the budget binds
    found = search("digits", **STATIC, **{name: limit})
    assert found.pairs
    assert found.n_feasible < found.n_pairs or name in {"latency", "energy"}
    assert all(getattr(row, column) <= limit * ULPS for row in found.pairs + found.front)
    singles = {row.net: row for row in found.singles}
    alone = {"worst_latency": "latency_ms"}.get(name, column)
    assert all(getattr(row, alone) <= limit for row in found.singles)
    assert all(row.single is None or row.single in singles for row in found.pairs + found.front)


def test_escalation_limit_is_kept_and_reached(static):
    assert max(row.escalation_rate for row in static.pairs) > 0.1
    found = search("digits", **STATIC | {"escalation": 0.1})
    rates = [row.escalation_rate for row in found.pairs + found.front]
    assert max(rates) == pytest.approx(0.1)
    assert max(rates) <= 0.1


def test_singles_are_the_front_of_the_fitting_nets(static):
    """Against the definition: no other net is at least as fast and more accurate."""
    nets = [(row.latency_ms, -row.static_accuracy, row.net) for row in static.nets]
    want = [n for n in sorted(nets) if not any(o[0] <= n[0] and o[1] <= n[1] and o[:2] != n[:2] for o in nets)]
    assert [row.net for row in static.singles] == [net for _, _, net in want]
