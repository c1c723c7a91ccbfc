"""Anchoring the accuracy model with a few trained nets: the posterior by brute force, the design by its properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import ndtr, ndtri
from scipy.stats import norm

from zeroshot.accuracy.calibration import ROUND, SHARED_NOISE, Calibration, calibrated, choose_design, updated
from zeroshot.accuracy.model import AccuracyModel, Level, Term, size
from zeroshot.errors import UsageError

MODEL = AccuracyModel(
    name="mine", source="made up", intercept=0.5, terms=(Term("log_macs", 6.0, 1.0, 0.4),), trust=0.0,
    level=Level(base=0.0, anchor=1.0, images=0.0, steps=0.0, factor=1.0, factor_images=0.0),
    sd_net=0.1, sd_task=0.3, sd_slope=0.2,
)  # fmt: skip
VALUES = hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-3, 3))


# --- The design ---------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(VALUES, st.data())
def test_a_design_is_spread_and_needs_only_the_order(values, data):
    n = data.draw(st.integers(0, len(values)))
    chosen = choose_design(values, n)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert len(chosen) == n
    # One net of each of n equal parts of the order.
    rank = np.empty(len(values))
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    parts = np.floor((rank[chosen] + 0.5) * n / len(values)) if n else np.zeros(0)
    assert sorted(parts.tolist()) == list(range(n))
    assert chosen.tolist() == choose_design(ndtr(values) if len(set(ndtr(values))) == len(set(values)) else values,
                                            n).tolist()  # fmt: skip


def test_a_design_leaves_the_ends_alone_where_it_can():
    values = np.random.default_rng(0).permutation(64).astype(float)
    chosen = values[choose_design(values, 8)]
    assert sorted(chosen) == [4, 12, 20, 28, 36, 44, 52, 60]


@pytest.mark.parametrize("n", [-1, 4])
def test_a_design_of_more_nets_than_there_are(n):
    with pytest.raises(UsageError, match="cannot be chosen"):
        choose_design(np.zeros(3), n)


# --- The posterior ------------------------------------------------------------------------------------------------


def brute_force(sizes, y, base):
    """Means and covariance of offset and factor on a fine grid."""
    o, g = np.meshgrid(np.linspace(-1.5, 1.5, 801), np.linspace(-1, 1, 801), indexing="ij")
    log_p = norm.logpdf(o, 0, MODEL.sd_task) + norm.logpdf(g, 0, MODEL.sd_slope)
    for s, each in zip(sizes, y, strict=True):
        log_p += norm.logpdf(each, base + o + (1 + g) * s, MODEL.sd_net)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    mean_o, mean_g = (p * o).sum(), (p * g).sum()
    return mean_o, mean_g, (p * (o - mean_o) ** 2).sum(), (p * (g - mean_g) ** 2).sum(), p, o, g


def test_the_posterior_is_that_of_a_grid():
    rng = np.random.default_rng(1)
    sizes = np.array([-0.4, -0.1, 0.2, 0.5])
    y = 0.5 + 0.25 + 0.7 * sizes + 0.1 * rng.normal(size=4)
    found = calibrated(MODEL, sizes, np.arange(4), ndtr(y))
    offset, factor, _, var_g, p, o, g = brute_force(sizes, y, 0.5)
    assert found.intercept == pytest.approx(0.5 + offset, abs=1e-4)
    assert found.terms[0].weight == pytest.approx(0.4 * (1 + factor), abs=1e-4)
    assert found.sd_slope == pytest.approx(np.sqrt(var_g), rel=1e-3)
    at_nets = [(p * (o + g * s) ** 2).sum() - ((p * (o + g * s)).sum()) ** 2 for s in sizes]
    assert found.sd_task == pytest.approx(np.sqrt(np.mean(at_nets)), rel=1e-3)


def test_without_a_training_the_model_stays():
    assert calibrated(MODEL, [0.1, 0.2], np.zeros(0, int), []) is MODEL


def test_a_known_task_is_recovered_from_many_nets():
    rng = np.random.default_rng(2)
    sizes = rng.uniform(-0.6, 0.6, 400)
    y = 0.9 + 1.3 * sizes + 0.15 * rng.normal(size=400)
    found = calibrated(MODEL, sizes, np.arange(400), ndtr(y))
    assert found.intercept == pytest.approx(0.9, abs=0.03)
    assert found.terms[0].weight == pytest.approx(0.4 * 1.3, abs=0.03)
    assert found.sd_net == pytest.approx(0.15, abs=0.01)
    assert found.sd_task < 0.02
    assert "400" in found.name


def test_intervals_hold_what_they_say():
    """Tasks and nets drawn from the model itself: 80 % of new nets are inside, whatever the number trained."""
    rng = np.random.default_rng(3)
    for n in (1, 4, 8):
        inside = []
        for _ in range(400):
            offset, factor = MODEL.sd_task * rng.normal(), MODEL.sd_slope * rng.normal()
            sizes = rng.uniform(-0.6, 0.6, n + 20)
            y = 0.5 + offset + (1 + factor) * sizes + MODEL.sd_net * rng.normal(size=n + 20)
            found = calibrated(MODEL, sizes, np.arange(n), ndtr(y[:n]))
            predicted = found.intercept + size({"log_macs": 6 + sizes[n:] / 0.4}, found)
            inside.append(np.abs(predicted - y[n:]) <= 1.2816 * np.hypot(found.sd_net, found.sd_task))
        assert np.mean(inside) == pytest.approx(0.8, abs=0.04)


def test_noise_that_the_images_share_does_not_average_out():
    sizes = np.linspace(-0.5, 0.5, 200)
    found = calibrated(MODEL, sizes, np.arange(200), ndtr(0.5 + sizes), images=500)
    # At 69 % of 500 images one accuracy is off by 2.07 points, .0586 mu.
    floor = np.sqrt(SHARED_NOISE) * 0.0586
    assert floor * 0.95 < found.sd_task < floor * 1.3
    assert calibrated(MODEL, sizes, np.arange(200), ndtr(0.5 + sizes)).sd_task < 0.5 * floor


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.05, 0.95)), min_size=1, max_size=12))
def test_more_is_known_after_training(nets):
    sizes, accuracy = np.array(nets).T
    found = calibrated(MODEL, sizes, np.arange(len(sizes)), accuracy)
    assert found.sd_slope <= MODEL.sd_slope
    before = np.sqrt(np.mean(MODEL.sd_task**2 + (MODEL.sd_slope * sizes) ** 2))
    assert found.sd_task <= before + 1e-12
    assert found.sd_net > 0


@pytest.mark.parametrize(("rows", "accuracy"), [([0], [0.5, 0.6]), ([0], [1.0]), ([0], [0.0]), ([[0]], [[0.5]])])
def test_measurements_that_say_nothing(rows, accuracy):
    with pytest.raises(UsageError, match="one accuracy between"):
        calibrated(MODEL, [0.1, 0.2], rows, accuracy, 0.5)


# --- Choosing, training, learning ---------------------------------------------------------------------------------


class Task:
    """Forty nets on the line, but for one that it overrates; every net's accuracy is what training would find."""

    def __init__(self, dud=30, wrong=-0.8):
        self.sizes = np.linspace(-1, 1, 40)
        self.mu = 0.3 + self.sizes
        self.mu[dud] += wrong
        self.calls = []

    def expect(self, model):
        return model.intercept + self.sizes * model.terms[0].weight / MODEL.terms[0].weight

    def train(self, rows):
        self.calls.append(rows.tolist())
        return ndtr(self.mu[rows])

    def anchored(self, n, merit, images=5000):
        calibration = Calibration(MODEL, MODEL, self.sizes, n, images)
        batch = calibration.spread()
        while len(batch):
            calibration = calibration.told(batch, self.train(batch))
            batch = calibration.next_best(merit(calibration.hoped(self.expect(calibration.model))))
        return calibration

    def final(self, calibration):
        return calibration.posterior(self.expect(calibration.model))


def best_of(rows):
    """A ranking that picks among some rows alone."""
    return lambda mu: sorted(rows, key=lambda row: -mu[row])


def test_a_quarter_is_spread_and_the_rest_is_what_would_be_picked():
    task = Task()
    found = task.anchored(8, best_of([28, 29, 30, 31, 32]))
    assert task.calls[0] == choose_design(task.sizes, 2).tolist() == found.rows[:2].tolist()
    assert found.n_spread == 2
    assert [len(rows) for rows in task.calls[:3]] == [2, ROUND, ROUND]
    assert task.calls[1] == [32, 31]
    assert sorted(found.rows.tolist()) == sorted({*task.calls[0], 28, 29, 30, 31, 32})
    assert ndtri(found.accuracy) == pytest.approx(task.mu[found.rows])
    its = calibrated(MODEL, task.sizes, found.rows, found.accuracy, 5000)
    assert (its.intercept, its.sd_net) == (found.model.intercept, found.model.sd_net)
    others = np.setdiff1d(np.arange(40), found.rows)
    mu = task.final(found)
    assert mu[others] == pytest.approx(task.expect(found.model)[others])
    assert mu[found.rows] == pytest.approx(
        updated(task.expect(found.model)[found.rows], found.model, found.accuracy, 5000)
    )


def test_an_overrated_net_is_found_out():
    """Net 30 is the favourite until it is trained."""
    picked = best_of([10, 20, 30])
    assert picked(Task().expect(MODEL))[0] == 30
    task = Task()
    assert picked(task.final(task.anchored(4, picked)))[0] == 20


def test_when_all_that_could_be_picked_is_trained_it_stops():
    task = Task()
    found = task.anchored(12, best_of([1, 2, 3]))
    assert found.rows[:3].tolist() == choose_design(task.sizes, 3).tolist()
    assert set(found.rows[3:].tolist()) == {1, 2, 3} - set(found.rows[:3].tolist())
    assert len(task.anchored(12, lambda mu: []).rows) == 3


@pytest.mark.parametrize(("n", "calls"), [(1, [1]), (2, [1, 1]), (3, [1, 2]), (8, [2, 2, 2, 2])])
def test_never_more_than_asked_for(n, calls):
    task = Task()
    assert len(task.anchored(n, best_of(range(40))).rows) == n
    assert [len(rows) for rows in task.calls] == calls


@pytest.mark.parametrize("n", [0, -1, 164])
def test_a_number_that_cannot_be_trained(n):
    with pytest.raises(UsageError):
        Task().anchored(n, best_of([1]))


def test_an_underrated_net_gets_a_chance():
    """Only the best counts: net 30 holds what it promised, and the upper end of 29, which is better, is above it."""
    task = Task()
    task.mu = task.expect(MODEL).copy()
    task.mu[29] = task.mu[30] + 0.05
    only_the_best = lambda mu: best_of([29, 30])(mu)[:1]  # noqa: E731
    assert only_the_best(task.expect(MODEL)) == [30]
    found = task.anchored(8, only_the_best)
    assert {29, 30} <= set(found.rows.tolist())
    assert only_the_best(task.final(found)) == [29]
