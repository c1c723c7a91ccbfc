"""Rank statistics against scipy and counting by hand, and what must not change them."""

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.bench import statistics as s
from zeroshot.errors import UsageError

from ..strategies import examples

# Few values, so that ties are frequent.
briefly = examples(40)
columns = st.integers(5, 24).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(-3, 4), min_size=n, max_size=n) for _ in range(2)))
).map(lambda pair: [np.array(side, float) for side in pair])  # fmt: skip
varied = columns.filter(lambda pair: all(len(set(side.tolist())) > 1 for side in pair))


def close(a, b):
    return a == pytest.approx(b, abs=1e-9, nan_ok=True)


@briefly
@given(varied)
def test_spearman_and_kendall_are_scipys(pair):
    x, y = pair
    assert close(s.spearman(x, y)[0], scipy.stats.spearmanr(x, y).statistic)
    assert close(s.kendall(x, y)[0], scipy.stats.kendalltau(x, y).statistic)


@briefly
@given(columns, st.integers(0, 99))
def test_weights_are_repetitions(pair, seed):
    x, y = pair
    groups = np.arange(len(x)) // 2
    for w in s.resamples(groups, 3, seed):
        again = np.repeat(np.arange(len(x)), w)
        for ours in (s.spearman, s.kendall):
            assert close(ours(x, y, w[None])[0], ours(x[again], y[again])[0])


@briefly
@given(varied)
def test_correlations_turn_their_sign_and_ignore_monotone_transforms(pair):
    x, y = pair
    for ours in (s.spearman, s.kendall):
        value = ours(x, y)[0]
        assert -1 <= value <= 1
        assert close(ours(y, x)[0], value)
        assert close(ours(-x, y)[0], -value)
        assert close(ours(np.exp(x), y**3)[0], value)


def test_resamples_draw_groups_whole_and_by_seed():
    groups = np.array([7, 7, 3, 9, 9, 9])
    drawn = s.resamples(groups, 50, 1)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, 3] == drawn[:, 5]).all()
    assert (drawn[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert np.array_equal(drawn, s.resamples(groups, 50, 1))
    assert not np.array_equal(drawn, s.resamples(groups, 50, 2))
    assert s.resamples([], 4, 0).shape == (4, 0)


def residual_correlation(x, y, controls):
    """By the definition: ranks, least squares, Pearson of the residuals."""
    design = np.column_stack([np.ones(len(x)), *(scipy.stats.rankdata(c) for c in controls)])
    left = []
    for side in (x, y):
        ranks = scipy.stats.rankdata(side)
        left.append(ranks - design @ np.linalg.lstsq(design, ranks)[0])
    return np.corrcoef(*left)[0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_partial_correlation_is_that_of_residuals_in_every_resample(seed):
    rng = np.random.default_rng(seed)
    size, depth = rng.integers(0, 20, 60).astype(float), rng.normal(size=60)
    x, y = size + rng.normal(size=60), size + depth + rng.normal(size=60)
    controls = np.stack([size, depth, 2 * size + 1])  # the third says nothing new
    assert close(s.rank_correlations(x[None], y, controls)[1][0, 0], residual_correlation(x, y, [size, depth]))
    weights = s.resamples(np.arange(60), 4, seed)
    plain, partial = s.rank_correlations(np.stack([depth, x]), y, controls, weights)
    assert np.array_equal(plain, [s.spearman(column, y, weights) for column in (depth, x)])
    assert np.isnan(partial[0]).all()  # a control itself
    for w, found in zip(weights, partial[1], strict=True):
        rows = np.repeat(np.arange(60), w)
        assert close(found, residual_correlation(x[rows], y[rows], [size[rows], depth[rows]]))


def test_a_score_that_follows_from_the_controls_has_no_partial_correlation():
    x = np.arange(30.0)
    y = np.random.default_rng(0).normal(size=30)
    plain, partial = s.rank_correlations(x[None], y, x[None], s.resamples(np.arange(30), 9, 0))
    assert np.isfinite(plain).all()
    found = s.estimate(partial[0, :1], partial[0], 30)
    assert np.isnan(found.value)
    assert "follows from the controls" in found.note


def test_an_interval_needs_every_resample():
    assert np.isnan(s.estimate(np.array([0.5]), np.array([0.4, np.nan, 0.6]), 9).low)
    x = np.zeros(30)
    x[0] = 1.0  # constant in every resample without this net
    found, _ = s.correlations(x, np.arange(30.0), np.arange(30), 50, 0)
    assert np.isfinite(found.value)
    assert np.isnan(found.low)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [([1, 2, 3], [1, 2, 3], "3 nets"), ([2] * 9, range(9), "score is constant"), (range(9), [1] * 9, "truth")],
)
def test_undefined_correlations_say_so(x, y, words):
    x, y = np.array(x, float), np.array(y, float)
    note = s.reason_undefined(x, y)
    assert words in note
    found = s.correlations(x, y, np.arange(len(x)), 5, 0)
    assert all(np.isnan(each.value) and each.note == note for each in found)
    if len(x) == 9:
        assert np.isnan(s.spearman(x, y)[0])
        assert np.isnan(s.kendall(x, y)[0])


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rho, covered = 0.6, 0
    expected = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's of a bivariate normal
    for seed in range(100):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=150)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=150)
        found, _ = s.correlations(x, y, np.arange(150), 200, seed)
        assert found.low <= found.value <= found.high
        covered += found.low <= expected <= found.high
    assert 86 <= covered <= 99


@briefly
@given(columns, st.floats(0.01, 1))
def test_the_top_holds_the_best_and_their_equals(pair, share):
    y = pair[1]
    inside = s.top(y, share)
    assert inside.sum() >= share * len(y) - 1e-9
    assert inside.all() or y[inside].min() > y[~inside].max()
    assert (y > y[inside].min()).sum() < np.ceil(share * len(y))


def ways(x, k):
    """All choices of the best k by score."""
    last = sorted(x)[len(x) - k]
    sure = [i for i, v in enumerate(x) if v > last]
    tied = [i for i, v in enumerate(x) if v == last]
    return [sure + list(more) for more in itertools.combinations(tied, k - len(sure))]


small = st.integers(2, 5).flatmap(
    lambda n: st.tuples(
        *(st.lists(st.integers(0, 3), min_size=n, max_size=n) for _ in range(2)), st.integers(1, n)
    )
)  # fmt: skip


@briefly
@given(small)
def test_precision_and_best_rank_are_means_over_all_ways_to_break_ties(case):
    x, y, k = np.array(case[0], float), np.array(case[1], float), case[2]
    picks = ways(case[0], k)
    shared = [len(set(a) & set(b)) / k for a in picks for b in ways(case[1], k)]
    assert close(s.precision_at(x, y, k), np.mean(shared))
    best = [min(1 + sum(other > y[i] for other in y) for i in pick) for pick in picks]
    assert close(s.best_rank_at(x, y, k), np.mean(best))


@briefly
@given(small)
def test_gain_is_the_mean_over_all_orders(case):
    x, y, k = np.array(case[0], float), np.array(case[1], float), case[2]
    orders = [o for o in itertools.permutations(range(len(x))) if all(x[a] >= x[b] for a, b in itertools.pairwise(o))]

    def total(order):
        return sum(2 ** (y[i] - y.max()) / np.log2(place + 2) for place, i in enumerate(order[:k]))

    ideal = total(np.argsort(-y))
    assert close(s.ndcg_at(x, y, k), np.mean([total(o) for o in orders]) / ideal)
    assert close(s.ndcg_at(y, y, k), 1.0)


@pytest.mark.parametrize("statistic", [s.precision_at, s.best_rank_at, s.ndcg_at])
@pytest.mark.parametrize("k", [0, 4])
def test_fewer_nets_than_k_is_an_error(statistic, k):
    with pytest.raises(UsageError, match=f"best {k} .* 3 nets"):
        statistic(np.arange(3.0), np.arange(3.0), k)


@briefly
@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(1, 6))
def test_bands_are_in_order_and_keep_equal_costs_together(costs, count):
    cost = np.array(costs, float)
    found = s.bands(cost, count)
    assert set(found.tolist()) == set(range(found.max() + 1))
    assert found.max() < count
    for a, b in itertools.combinations(range(len(cost)), 2):
        assert (found[a] <= found[b]) if cost[a] <= cost[b] else (found[a] >= found[b])


def test_bands_of_different_costs_are_equally_full():
    assert np.bincount(s.bands(np.random.default_rng(0).permutation(np.arange(80.0)), 4)).tolist() == [20] * 4
