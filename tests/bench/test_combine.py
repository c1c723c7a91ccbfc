"""Graph features by walking the graph, fusion and choice, and calibration that never sees what it is judged on."""

import itertools

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from sklearn.gaussian_process import GaussianProcessRegressor, kernels

from zeroshot.bench import _process as process
from zeroshot.bench import calibrate as c
from zeroshot.bench import combine
from zeroshot.bench.graph import graph_features, one_hot
from zeroshot.bench.table import Truth
from zeroshot.errors import UsageError
from zeroshot.scoring.ranking import fuse_ranks
from zeroshot.spaces import nasbench201 as space

CELLS = space.decode(np.random.default_rng(0).permutation(space.COUNT)[:150])


def paths(cell):
    """Operations of every way from node 0 to node 3, found by walking."""
    edges = dict(zip(space.EDGES, cell, strict=True))

    def walk(node):
        if node == 3:
            yield []
        for (start, end), code in edges.items():
            if start == node and code:
                yield from ([code, *rest] for rest in walk(end))

    return list(walk(0))


def test_graph_features_are_those_of_a_walk():
    found = graph_features(CELLS)
    for i, cell in enumerate(CELLS.tolist()):
        ways = paths(cell)
        convs = [sum(code in (2, 3) for code in way) for way in ways]
        pools = [way.count(4) for way in ways]
        pairs = list(zip(convs, pools, strict=True))
        expected = {
            "depth": max(convs, default=0),
            "mean_depth": sum(convs) / len(ways) if ways else 0,
            "depth3": max((way.count(3) for way in ways), default=0),
            "depths": len(set(convs)),
            "clear_convs3": sum(way.count(3) for way in ways if 4 not in way),
            "conv_paths": sum(n > 0 for n in convs),
            "clear_paths": sum(n > 0 and not p for n, p in pairs),
            "path_convs": sum(convs),
            "path_convs3": sum(way.count(3) for way in ways),
            "unpooled": 1 / (1 + sum(pools)) if ways else 0,
            "residual": float(any(n + p == 0 for n, p in pairs)),
            "direct": float(cell[3] in (1, 2, 3)),
        }
        assert {name: found[name][i] for name in expected} == pytest.approx(expected)


def test_dead_operations_do_not_count():
    live = space.live(CELLS)
    whole, clean = graph_features(CELLS), graph_features(live)
    assert all(np.array_equal(whole[name], clean[name]) for name in whole)
    assert np.array_equal(one_hot(CELLS), one_hot(live))
    assert graph_features([[4, 0, 0, 1, 0, 3]])["convs"] == 0  # node 2 has no input


@pytest.fixture(scope="module")
def truth():
    """Accuracy is the sum of two of four scores; every net twice."""
    rng = np.random.default_rng(1)
    n = 240
    a, b, noise = rng.random(n), rng.random(n), rng.random(n)
    accuracy = 40 * (np.log(a) + np.log(b)) + 400
    accuracy = 100 * (accuracy - accuracy.min()) / (accuracy.max() - accuracy.min())
    scores = {"a": a, "b": b, "noise": noise, "params": np.floor(4 * a)}
    net = np.repeat(np.arange(n), 2)
    truth = Truth("t", tuple(map(str, range(n))), {"x": accuracy, "y": accuracy}, {}, scores, np.arange(n))
    return truth.rows(net)


def test_fusion_is_the_mean_log_rank(truth):
    expected = fuse_ranks(np.column_stack([truth.scores["a"], truth.scores["b"]]))
    assert np.array_equal(combine.fused(truth, ["a", "b"]), expected)
    with pytest.raises(UsageError, match="at least one"):
        combine.fused(truth, [])
    with pytest.raises(UsageError, match="Unknown proxy 'q'"):
        combine.fused(truth, ["a", "q"])


def test_fixed_combinations_come_where_their_parts_are(truth):
    assert not set(combine.FIXED) & set(combine.with_fixed(truth).scores)
    more = combine.with_fixed(truth, {"jacob_cov": "a", "mean_depth": "b"})
    assert {name for name in more.scores if "fuse" in name} == {"fuse: size + depth", "fuse: size + a"}


def test_halves_keep_rows_of_a_net_together():
    groups = np.array([5, 5, 1, 1, 2, 3, 3])
    half = combine.halves(groups)
    assert len(set(groups[half])) == 2
    assert not set(groups[half]) & set(groups[~half])


def test_a_choice_finds_the_parts_and_reports_on_other_nets(truth):
    found = combine.choose(truth, "x", ["a", "b", "noise"], weights=20)
    assert set(found.parts) == {"a", "b"}
    assert found.n_reported == 240
    others = truth.rows(~combine.halves(truth.groups))
    x, y = combine.fused(others, found.parts), others.accuracy["y"]
    assert found.reported["y"].value == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert found.reported["y"].low <= found.reported["y"].value <= found.reported["y"].high


def test_the_choice_does_not_see_the_nets_that_it_is_reported_on(truth):
    others = ~combine.halves(truth.groups)
    spoiled = {name: np.where(others, 100 - y, y) for name, y in truth.accuracy.items()}
    changed = Truth("t", truth.nets, spoiled, {}, truth.scores, truth.groups)
    before, after = (combine.choose(t, "x", ["a", "b", "noise"], weights=5) for t in (truth, changed))
    assert before.parts == after.parts
    assert after.reported["x"].value == pytest.approx(-before.reported["x"].value)


def test_frozen_weights_find_what_matters_and_are_judged_elsewhere(truth):
    found = combine.freeze(truth, "x", ["a", "b", "noise"], 60)
    assert found.weights["a"] == pytest.approx(found.weights["b"], abs=0.15)
    assert abs(found.weights["noise"]) < 0.15
    assert max(map(abs, found.weights.values())) == 1
    assert found.rows == len(truth) - 120
    own = c.draw_labels(truth.groups, 60, 0)
    rest = ~np.isin(truth.groups, truth.groups[own])
    x = sum(weight * combine.fused(truth, [name]) for name, weight in found.weights.items())
    for task, y in truth.accuracy.items():
        assert found.spearman[task] == pytest.approx(scipy.stats.spearmanr(x[rest], y[rest]).statistic)
        assert found.kendall[task] == pytest.approx(scipy.stats.kendalltau(x[rest], y[rest]).statistic)
    assert found.seen == pytest.approx(scipy.stats.spearmanr(x[own], truth.accuracy["x"][own]).statistic)
    assert found.seen > 0.97
    assert combine.freeze(truth, "x", ["a", "b", "noise"], 60) == found


def test_frozen_weights_see_the_labels_of_one_task_alone(truth):
    """Everything else is spoilt: the other task, and all nets that were not labelled."""
    own = np.isin(truth.groups, truth.groups[c.draw_labels(truth.groups, 60, 0)])
    x = truth.accuracy["x"]
    spoiled = Truth(
        "t", truth.nets, {"x": np.where(own, x, 100 - x), "y": 100 - x}, {}, truth.scores, truth.groups
    )  # fmt: skip
    before, after = (combine.freeze(t, "x", ["a", "b", "noise"], 60) for t in (truth, spoiled))
    assert before.weights == after.weights
    assert after.spearman == {task: pytest.approx(-value) for task, value in before.spearman.items()}


@pytest.mark.parametrize("labels", [4, 121])
def test_frozen_weights_need_labels_and_others(truth, labels):
    with pytest.raises(UsageError, match="labels of 240"):
        combine.freeze(truth, "x", ["a"], labels)


def test_labels_are_different_nets_and_repeat_by_seed(truth):
    drawn = c.draw_labels(truth.groups, 50, 3)
    assert len(set(truth.groups[drawn])) == 50
    assert np.array_equal(drawn, c.draw_labels(truth.groups, 50, 3))
    assert not np.array_equal(drawn, c.draw_labels(truth.groups, 50, 4))


def test_models_see_labels_only_and_are_judged_on_the_rest(truth):
    """A model that keeps what it is given: neither truths nor rows of labelled nets reach it or its figures."""
    seen = []

    def model(own, y, new, seed):
        seen.append((own.x[:, 0], y, new.x[:, 0]))
        return new.x[:, 0]

    inputs = c.Inputs(np.column_stack([truth.groups.astype(float), truth.scores["a"]]), 1)
    (found, blend) = c.calibrate(truth, "x", inputs, 30, {"m": model}, draws=2)
    assert [found.model, blend.model] == ["m", c.BLEND]
    for own, y, rest in seen:
        assert len(set(own)) == len(y) == 30
        assert not set(own) & set(rest)
        assert sorted([*own, *rest]) == list(range(240))  # the others once each, for all of their rows
        assert y.mean() == pytest.approx(0, abs=1e-9)
    assert found.rows.tolist() == [len(truth) - 60] * 2
    assert np.array_equal(found.spearman, blend.spearman)


@pytest.mark.parametrize("name", c.MODELS)
def test_every_model_learns_a_sum(truth, name):
    inputs = c.features(truth, ["a", "b", "noise"])
    found = c.calibrate(truth, "x", inputs, 60, {name: c.MODELS[name]}, draws=1)[0]
    assert found.spearman[0] > 0.85
    again = c.calibrate(truth, "x", inputs, 60, {name: c.MODELS[name]}, draws=1)[0]
    assert np.array_equal(found.spearman, again.spearman)


@pytest.mark.parametrize("scores", [0, 3])
def test_the_process_is_that_of_scikit_learn(scores):
    """All columns scores, or none: then its kernels are a sum of kernels that scikit-learn has."""
    rng = np.random.default_rng(0)
    x, new, y = rng.normal(size=(20, 3)), rng.normal(size=(9, 3)), rng.normal(size=20)
    y -= y.mean()
    theta = process.START + rng.normal(size=6) * 0.3
    a, width, b, reach, c, noise = np.exp(theta)
    if scores:
        kernel = (
            a * kernels.Matern(width * 3**0.5, nu=1.5)
            + kernels.ConstantKernel(b)
            + c / 3 * kernels.DotProduct(0, "fixed")
        )
    else:
        kernel = b * kernels.Matern(reach * 3**0.5, nu=0.5) + kernels.ConstantKernel(a)
    oracle = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(x, y)
    value, _ = process.loss(theta, process.apart(x, x, scores), y)
    prior = np.sum(((theta - process.START) / process.SPREAD) ** 2) / 2
    assert -value + prior - 10 * np.log(2 * np.pi) == pytest.approx(oracle.log_marginal_likelihood_value_)
    gram = sum(process.kernels(theta, process.apart(x, x, scores))[0]) + noise * np.eye(20)
    guess = sum(process.kernels(theta, process.apart(new, x, scores))[0]) @ np.linalg.solve(gram, y)
    assert guess == pytest.approx(oracle.predict(new))


def test_the_process_descends_where_its_gradient_says():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(25, 5)), rng.normal(size=25)
    d = process.apart(x, x, 2)
    theta = process.START + rng.normal(size=6) * 0.3
    found = scipy.optimize.check_grad(lambda t: process.loss(t, d, y)[0], lambda t: process.loss(t, d, y)[1], theta)
    assert found < 1e-4 * np.abs(process.loss(theta, d, y)[1]).max()


def test_rows_of_one_net_have_one_row_of_inputs():
    groups = np.array([0, 0, 1, 2])
    truth = Truth("t", tuple("abcd"), {"x": np.arange(4.0)}, {}, {"p": np.array([1.0, 2, 3, 9])}, groups)
    found = c.features(truth, ["p"], np.array([[0.0], [4], [5], [1]])).x
    assert np.array_equal(found[0], found[1])
    assert (found[2, 1] - found[1, 1]) / (found[1, 1] - found[3, 1]) == pytest.approx((5 - 2) / (2 - 1))


def test_features_hold_no_constant_and_rank_undefined_scores_last():
    scores = {"p": np.array([1.0, np.nan, 3.0]), "same": np.ones(3)}
    truth = Truth("t", ("a", "b", "c"), {"x": np.arange(3.0)}, {}, scores, np.arange(3))
    found = c.features(truth, ["p", "same"])
    assert found.x.shape == (3, 1)
    assert found.scores == 1
    assert np.argsort(found.x[:, 0]).tolist() == [1, 0, 2]


@pytest.mark.parametrize("labels", [4, 121])
def test_too_few_or_too_many_labels_are_an_error(truth, labels):
    with pytest.raises(UsageError, match=f"{labels} labels of 240"):
        c.calibrate(truth, "x", c.Inputs(np.zeros((480, 1)), 0), labels)


def test_ranks_become_normal_quantiles():
    found = c.normal_scores(np.array([3.0, 1.0, 2.0]))
    assert found.tolist() == pytest.approx([0.9674, -0.9674, 0.0], abs=1e-4)
    assert all(a < b for a, b in itertools.pairwise(c.normal_scores(np.arange(9.0) ** 3)))
