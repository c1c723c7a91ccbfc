"""Error bars, the single net beside a pair, and the fronts of single nets."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from zeroshot.accuracy.model import PROBED, Z80
from zeroshot.cascade.copula import PRIOR_COUPLING, cascade_accuracy
from zeroshot.cascade.rank_pairs import Budgets, describe_pairs
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import NetCosts, platform
from zeroshot.runs.rows import CANDIDATES, PAIRS, SINGLES
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.error_bars import gain_error, net_interval, pair_interval
from zeroshot.searching.layers import LayerScores
from zeroshot.searching.listing import ALONE, pair_rows, single_rows
from zeroshot.searching.population import Contenders, Population, single_fits, single_front
from zeroshot.searching.roles import Roles

PLATFORM = platform(load_board("nucleo-l4r5zi"), load_engine("tflm-cmsis-nn"), 10)
N = 9


def costs(n=N, seed=0):
    rng = np.random.default_rng(seed)
    latency = rng.uniform(1, 9, n)
    return NetCosts(
        latency=latency, energy=latency / 2, macs=rng.integers(1, 99, n), flash=rng.integers(10, 99, n),
        arena=rng.integers(10, 99, n), persistent=rng.integers(10, 99, n), input=rng.integers(10, 99, n),
        ops=rng.integers(1, 64, n), holding=rng.integers(10, 99, n),
    )  # fmt: skip


def population(n=N, seed=0):
    accuracy = np.random.default_rng(seed + 100).uniform(0.4, 0.9, n)
    return Population([f"net{i}" for i in range(n)], costs(n, seed), accuracy, np.full(n, PROBED.sd_net))


# Of a task, with enough images that counting does not matter.
MODEL = replace(PROBED, sd_task=0.15, counted=0)
NETS_ALONE = replace(MODEL, sd_task=0.0)


# ---- spreads


@pytest.mark.parametrize(("a_l", "a_b", "p"), [(0.7, 0.85, 0.3), (0.5, 0.9, 0.6), (0.8, 0.82, 0.1), (0.9, 0.95, 0.9)])
def test_the_spread_of_a_pair_is_that_of_sampled_probits(a_l, a_b, p):
    """Monte Carlo: two independent shifts of the nets, one that the task puts on both, and counting."""
    rng, images = np.random.default_rng(1), 2000
    own_l, own_b = rng.standard_normal((2, 4000)) * np.array([[0.07], [0.1]])
    task = rng.standard_normal(4000) * MODEL.sd_task

    def drawn(extra):
        little, big = ndtr(ndtri(a_l) + own_l + extra), ndtr(ndtri(a_b) + own_b + extra)
        return cascade_accuracy(little, big, p, PRIOR_COUPLING)

    known = (np.array([a_l]), np.array([0.07])), (np.array([a_b]), np.array([0.1]))
    low, high = pair_interval(*known, np.array([p]), NETS_ALONE, PRIOR_COUPLING)
    assert (high - low)[0] / 2 == pytest.approx(Z80 * drawn(0.0).std(), rel=0.15)
    counted = rng.binomial(images, drawn(task)) / images
    low, high = pair_interval(*known, np.array([p]), replace(MODEL, counted=images), PRIOR_COUPLING)
    assert ((low[0] <= counted) & (counted <= high[0])).mean() == pytest.approx(0.8, abs=0.03)
    assert (counted < low[0]).mean() == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.99])
def test_the_interval_of_a_net_holds_four_fifths_of_counted_accuracies_and_misses_equally_on_both_sides(accuracy):
    rng, images = np.random.default_rng(2), 500
    mu = ndtri(accuracy) + 0.1 * rng.standard_normal(20_000) + MODEL.sd_task * rng.standard_normal(20_000)
    counted = rng.binomial(images, ndtr(mu)) / images
    low, high = net_interval(np.array([accuracy]), np.array([0.1]), replace(MODEL, counted=images))
    assert ((low[0] <= counted) & (counted <= high[0])).mean() == pytest.approx(0.8, abs=0.04)
    assert (counted < low[0]).mean() == pytest.approx(0.1, abs=0.04)


def test_a_pair_that_escalates_everything_spreads_like_its_big_net_and_nothing_like_its_little():
    a_l, a_b, sd = np.array([0.6, 0.6]), np.array([0.8, 0.8]), np.full(2, 0.1)
    low, high = pair_interval((a_l, sd), (a_b, sd), np.array([0.0, 1.0]), NETS_ALONE, PRIOR_COUPLING)
    for end, side in ((low, -1), (high, 1)):
        assert end.tolist() == pytest.approx([ndtr(ndtri(a[0]) + side * Z80 * 0.1) for a in (a_l, a_b)], abs=1e-9)


# ---- single nets


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 5), st.booleans()), min_size=1, max_size=12
    )  # few values: many ties
)
def test_the_front_of_single_nets_is_the_naive_one(nets):
    """Kept: fitting nets such that no other fitting net is as fast and more accurate, or faster and as accurate."""
    latency, accuracy, fits = (np.array(column) for column in zip(*nets, strict=True))
    these = Population([""] * len(nets), replace(costs(len(nets)), latency=latency), accuracy / 10, np.zeros(len(nets)))
    front = single_front(these, fits).tolist()
    fitting = np.flatnonzero(fits).tolist()
    best = {
        (latency[i], accuracy[i])
        for i in fitting
        if not any(
            latency[j] <= latency[i]
            and accuracy[j] >= accuracy[i]
            and (latency[j], accuracy[j]) != (latency[i], accuracy[i])
            for j in fitting
        )
    }
    assert {(latency[i], accuracy[i]) for i in front} == best
    assert len(front) == len(best)
    assert set(front) <= set(fitting)
    assert latency[front].tolist() == sorted(latency[front])


@pytest.mark.parametrize(
    ("name", "need"),
    [
        ("flash", lambda c: c.flash + PLATFORM.runtime[c.ops]),
        ("sram", lambda c: c.arena + c.persistent),
        ("latency", lambda c: c.latency),
        ("worst_latency", lambda c: c.latency),
        ("energy", lambda c: c.energy),
    ],
)
def test_a_net_alone_fits_up_to_its_own_need(name, need):
    """Each net's need as the budget lets in that net and all that need no more."""
    c = costs()
    for limit in need(c):
        assert single_fits(c, PLATFORM, Budgets(**{name: limit})).tolist() == (need(c) <= limit).tolist()
    assert single_fits(c, PLATFORM, Budgets()).all()
    assert not single_fits(c, PLATFORM, Budgets(**{name: need(c).min() * 0.999})).any()


def test_the_escalation_limit_does_not_touch_single_nets():
    assert single_fits(costs(), PLATFORM, Budgets(escalation=0.01)).all()


def test_rows_of_single_nets_by_hand():
    nets = population()
    c = nets.costs
    (row,) = single_rows(nets.take(np.array([4])), PLATFORM, MODEL)
    mu, sd = ndtri(nets.accuracy[4]), np.hypot(nets.sd[4], MODEL.sd_task)
    assert SINGLES.plain(row) == {
        "net": "net4", "accuracy": nets.accuracy[4],
        "accuracy_low": pytest.approx(ndtr(mu - Z80 * sd)), "accuracy_high": pytest.approx(ndtr(mu + Z80 * sd)),
        "latency_ms": c.latency[4], "energy_mj": c.energy[4], "macs": c.macs[4],
        "flash_bytes": c.flash[4] + PLATFORM.runtime[c.ops[4]], "sram_bytes": c.arena[4] + c.persistent[4],
    }  # fmt: skip


# ---- pairs beside single nets


def rows_of_pairs(singles, p=0.3):
    """All pairs of two populations as rows."""
    littles, bigs = population(seed=1), population(seed=2)
    bigs = replace(bigs, costs=replace(bigs.costs, latency=bigs.costs.latency + 9))
    little, big = (index.ravel() for index in np.indices((N, N)))
    rate = np.full(N * N, p)
    accuracy = cascade_accuracy(littles.accuracy[little], bigs.accuracy[big], rate)
    pairs = describe_pairs(littles.costs, bigs.costs, little, big, rate, accuracy, PLATFORM)
    both = Population(
        littles.names + bigs.names, NetCosts.join([littles.costs, bigs.costs]),
        np.concatenate([littles.accuracy, bigs.accuracy]), np.concatenate([littles.sd, bigs.sd]),
    )  # fmt: skip
    contenders = Contenders(both, np.arange(N), np.arange(N, 2 * N))
    front = singles.take(single_front(singles, np.ones(len(singles.names), bool)))
    return pairs, pair_rows(pairs, contenders, front, MODEL, PRIOR_COUPLING)


@pytest.mark.parametrize("seed", range(4))
def test_the_single_beside_a_pair_is_the_best_that_is_no_slower(seed):
    """Plain search over all single nets; pairs faster than every single net have none beside them."""
    singles = population(seed=seed)
    singles = replace(singles, costs=replace(singles.costs, latency=singles.costs.latency * 1.5 + 2))
    _, rows = rows_of_pairs(singles)
    beside = 0
    for row in rows:
        no_slower = [i for i in range(N) if singles.costs.latency[i] <= row.latency_ms]
        if not no_slower:
            assert [getattr(row, name) for name in ALONE] == [None] * 6
            continue
        best = max(no_slower, key=lambda i: singles.accuracy[i])
        beside += 1
        assert row.single == singles.names[best]
        assert row.single_accuracy == singles.accuracy[best]
        assert row.single_latency_ms == singles.costs.latency[best] <= row.latency_ms
        assert row.gain == row.accuracy - singles.accuracy[best]
        assert row.pays is bool(row.gain > 0)
    assert 0 < beside <= len(rows)


def test_a_single_exactly_as_fast_as_the_pair_stands_beside_it():
    pairs, _ = rows_of_pairs(population())
    one = Population(["equal"], replace(costs(1), latency=pairs.latency[:1]), np.array([0.6]), np.array([0.1]))
    _, rows = rows_of_pairs(one)
    assert rows[0].single == "equal"


def test_without_any_single_net_the_columns_stay():
    _, rows = rows_of_pairs(Population([], costs(0), np.zeros(0), np.zeros(0)))
    assert {row.single for row in rows} == {None}
    assert len({tuple(PAIRS.plain(row)) for row in rows}) == 1


def test_the_interval_of_a_gain_covers_four_fifths_of_sampled_gains():
    """Monte Carlo over the three nets and the task, which moves all of them."""
    singles = population(seed=3)
    singles = replace(singles, costs=replace(singles.costs, latency=np.full(N, 0.1)))
    pairs, rows = rows_of_pairs(singles)
    a_l, a_b = population(seed=1).accuracy, population(seed=2).accuracy
    best = singles.accuracy.max()
    rng = np.random.default_rng(0)
    inside = []
    for i in range(0, len(rows), 9):
        shift = rng.standard_normal((3, 1000)) * PROBED.sd_net + rng.standard_normal(1000) * MODEL.sd_task
        little, big, single = (
            ndtr(ndtri(a) + s) for a, s in zip((a_l[pairs.little[i]], a_b[pairs.big[i]], best), shift, strict=True)
        )
        gain = cascade_accuracy(little, big, 0.3, PRIOR_COUPLING) - single
        inside.append((np.abs(gain - rows[i].gain) <= rows[i].gain_error).mean())
    assert np.mean(inside) == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(("same", "names"), [((True, False), "little"), ((False, True), "big"), ((False, False), "")])
def test_a_net_on_both_sides_of_a_gain_is_uncertain_once(same, names):
    """Monte Carlo with the rival tied to the little net, to the big one, or to neither."""
    rng, p = np.random.default_rng(4), 0.3
    little, big, task = rng.standard_normal((3, 40_000)) * np.array([[0.1], [0.12], [MODEL.sd_task]])
    mu = {"little": 0.3, "big": 0.6, "": 0.5}[names]
    own = {"little": little, "big": big, "": 0.08 * rng.standard_normal(40_000)}[names]
    pair = cascade_accuracy(ndtr(0.3 + little + task), ndtr(0.6 + big + task), p, PRIOR_COUPLING)
    gain = pair - ndtr(mu + own + task)
    known = (ndtr(np.array([0.3])), np.array([0.1])), (ndtr(np.array([0.6])), np.array([0.12]))
    rival = ndtr(np.array([mu])), np.array([{"little": 0.1, "big": 0.12, "": 0.08}[names]])
    which = tuple(np.array([each]) for each in same)
    error = gain_error(known, np.array([p]), rival, which, MODEL, PRIOR_COUPLING)
    assert error == pytest.approx([Z80 * gain.std()], rel=0.1)


def test_intervals_hold_the_accuracy_and_stay_fractions():
    _, rows = rows_of_pairs(population(), p=0.01)
    for row in rows:
        assert 0 <= row.accuracy_low < row.accuracy < row.accuracy_high <= 1
    nets = replace(population(), accuracy=np.full(N, 0.985))
    (row,) = single_rows(nets.take(np.array([0])), PLATFORM, replace(MODEL, counted=5))
    assert row.accuracy_high == 1.0
    low = replace(nets, accuracy=np.full(N, 0.01))
    (row,) = single_rows(low.take(np.array([0])), PLATFORM, replace(MODEL, counted=5))
    assert row.accuracy_low == 0.0


def test_rows_hold_plain_values_that_csv_and_json_write_exactly():
    _, rows = rows_of_pairs(population())
    everyone = np.arange(2)
    contenders = Contenders(Population(["a", "b"], costs(2), np.array([0.5, 0.6]), np.zeros(2)), everyone, everyone)
    drawn = Candidates(
        np.zeros((2, 1), np.int32), costs(2), everyone, everyone, Roles(PLATFORM, Budgets(), costs(1)), drawn=2
    )
    nets = LayerScores(drawn, contenders, contenders.nets.accuracy, {}, {"x": np.array([1.5, 2.5])}).rows()
    for row in [*map(PAIRS.plain, rows), *map(CANDIDATES.plain, nets)]:
        assert {type(value) for value in row.values()} <= {int, float, str, bool, type(None)}
    back = list(csv.DictReader(io.StringIO(CANDIDATES.to_csv(nets))))
    assert [float(row["latency_ms"]) for row in back] == costs(2).latency.tolist()
    assert [row["score_x"] for row in back] == ["1.5", "2.5"]
    assert list(back[0]) == [
        "net", "latency_ms", "energy_mj", "macs", "model_flash_bytes", "arena_bytes", "persistent_bytes",
        "input_bytes", "holding_bytes", "score_x", "static_accuracy",
    ]  # fmt: skip


def test_a_gain_that_few_test_images_cannot_show_has_a_wide_interval():
    """Counting adds the standard deviation of the single net's accuracy on so many images."""
    singles = population(seed=3)
    singles = replace(singles, costs=replace(singles.costs, latency=np.full(N, 0.1)))
    rows = {}
    for images in (0, 400):
        nets = population(seed=1)
        nets = replace(nets, costs=replace(nets.costs, latency=np.sort(nets.costs.latency)))
        everyone = np.arange(N)
        pairs = describe_pairs(
            nets.costs, nets.costs, np.array([0]), np.array([N - 1]), np.array([0.3]), np.array([0.8]), PLATFORM
        )
        front = singles.take(single_front(singles, np.ones(N, bool)))
        (rows[images],) = pair_rows(
            pairs, Contenders(nets, everyone, everyone), front, replace(MODEL, counted=images), PRIOR_COUPLING
        )
    alone = rows[0].single_accuracy
    added = Z80 * np.sqrt(alone * (1 - alone) / 400)
    assert rows[400].gain_error == pytest.approx(np.hypot(rows[0].gain_error, added))
