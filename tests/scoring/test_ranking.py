"""Rank fusion against counting by hand (reference.fuse_ranks) and its invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from zeroshot.scoring.ranking import fuse_ranks

from .. import reference

# Few different values, so that ties are frequent.
values = st.sampled_from([-np.inf, -2.0, -1.0, 0.0, 0.5, 1.0, 3.0, np.inf, np.nan])
tables = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=values)
finite = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(-4, 4).map(float))


@given(tables)
def test_fusion_is_that_of_counting(scores):
    assert fuse_ranks(scores) == pytest.approx(reference.fuse_ranks(scores.tolist()), abs=1e-12)


def test_fusion_by_hand():
    scores = np.array([[1.0, 30.0], [2.0, 20.0], [3.0, 20.0], [np.nan, 10.0]])
    ranks = np.array([[2, 4], [3, 2.5], [4, 2.5], [1, 1]])
    assert fuse_ranks(scores) == pytest.approx(np.log(ranks / 4).mean(axis=1))


@given(finite, st.data())
def test_monotone_transforms_of_a_column_change_nothing(scores, data):
    transform = data.draw(st.sampled_from([np.exp, np.arctan, lambda x: 3 * x - 7, lambda x: x**3]))
    column = data.draw(st.integers(0, scores.shape[1] - 1))
    other = scores.copy()
    other[:, column] = transform(other[:, column])
    assert np.array_equal(fuse_ranks(other), fuse_ranks(scores))


@given(tables, st.data())
def test_the_order_of_nets_and_proxies_does_not_matter(scores, data):
    rows = data.draw(st.permutations(range(scores.shape[0])))
    columns = data.draw(st.permutations(range(scores.shape[1])))
    shuffled = scores[np.ix_(rows, columns)]
    assert fuse_ranks(shuffled) == pytest.approx(fuse_ranks(scores)[rows], abs=1e-12)


@given(finite, st.data())
def test_a_missing_value_ranks_last(scores, data):
    row = data.draw(st.integers(0, scores.shape[0] - 1))
    column = data.draw(st.integers(0, scores.shape[1] - 1))
    missing, worst = scores.copy(), scores.copy()
    missing[row, column] = np.nan
    worst[row, column] = scores.min() - 1
    assert np.array_equal(fuse_ranks(missing), fuse_ranks(worst))
    assert fuse_ranks(missing)[row] <= fuse_ranks(scores)[row]


@given(tables)
def test_equal_nets_fuse_equal_and_no_score_is_above_zero(scores):
    fused = fuse_ranks(np.concatenate([scores, scores]))
    assert np.array_equal(fused[: len(scores)], fused[len(scores) :])
    assert (fused <= 0).all()


@given(finite, st.data())
def test_a_net_better_under_one_proxy_does_not_fall_behind(scores, data):
    row, column = (data.draw(st.integers(0, side - 1)) for side in scores.shape)
    raised = scores.copy()
    raised[row, column] += 1.5
    assert fuse_ranks(raised)[row] >= fuse_ranks(scores)[row] - 1e-12


def test_one_bad_rank_weighs_more_than_one_good_rank():
    scores = np.array([[0.0, 4.0], [2.0, 2.0], [1.0, 1.0], [3.0, 0.0], [4.0, 3.0]])
    assert fuse_ranks(scores)[1] > fuse_ranks(scores)[0]  # ranks 3 and 3 beat 1 and 5


def test_no_nets_and_one_net():
    assert fuse_ranks(np.zeros((0, 3))).shape == (0,)
    assert fuse_ranks(np.array([[2.0, np.nan]])).tolist() == [0.0]
