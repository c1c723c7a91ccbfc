"""The copula against scipy's bivariate normal, Owen's T (tests.reference), simulation and its own limits."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal

import zeroshot.constants
from zeroshot.cascade.copula import (
    PRIOR_COUPLING,
    Coupling,
    bivariate_normal_cdf,
    cascade_accuracy,
    cascade_table,
    coupling_of,
    fit_correlation,
    fit_coupling,
    normal_cdf,
    rate_to_u,
    to_mu,
    u_to_rate,
)
from zeroshot.errors import UsageError

from .. import reference
from ..strategies import examples

INDEPENDENT = Coupling("independent", "no measurement", (0.0, 0.0), (0.0, 0.0, 0.0))
INF = float("inf")

fractions = st.floats(0.02, 0.98)


def scipy_cdf(h, k, r):
    return float(multivariate_normal.cdf([h, k], cov=[[1.0, r], [r, 1.0]], allow_singular=True))


# --- The bivariate normal distribution function -------------------------------------------------------------------


@examples(300)
@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(-0.9999, 0.9999))
@example(0.0, 0.0, 0.5)
@example(1.2, 1.2, 0.9999)
@example(1.2, -1.2, -0.9999)
@example(-8.0, 3.0, -0.99)
def test_bivariate_normal_is_that_of_scipy(h, k, r):
    assert bivariate_normal_cdf(h, k, r) == pytest.approx(scipy_cdf(h, k, r), abs=1e-10)


def test_close_to_full_correlation():
    rng = np.random.default_rng(0)
    for _ in range(300):
        h = rng.uniform(-4, 4)
        r = rng.choice([-1, 1]) * (1 - 10 ** rng.uniform(-9, -1))
        k = np.sign(r) * h + rng.normal() * 10 ** rng.uniform(-5, 0)  # where the integrand is sharpest
        assert bivariate_normal_cdf(h, k, r) == pytest.approx(scipy_cdf(h, k, r), abs=1e-10)


def test_the_reference_of_other_tests_is_that_of_scipy():
    rng = np.random.default_rng(1)
    for h, k, r in zip(*rng.uniform(-5, 5, (2, 200)), rng.uniform(-0.99, 0.99, 200), strict=True):
        assert reference.bivariate_normal_cdf(h, k, r) == pytest.approx(scipy_cdf(h, k, r), abs=1e-10)


@settings(deadline=None)
@given(st.floats(-40, 40), st.floats(-40, 40), st.floats(-1, 1))
def test_any_argument_gives_a_probability_within_frechet_bounds(h, k, r):
    value = bivariate_normal_cdf(h, k, r)
    assert max(0.0, ndtr(h) + ndtr(k) - 1) - 1e-12 <= value <= min(ndtr(h), ndtr(k)) + 1e-12
    assert value == pytest.approx(bivariate_normal_cdf(k, h, r), abs=1e-14)
    # P(X <= h) = P(X <= h, Y <= k) + P(X <= h, -Y <= -k)
    assert value + bivariate_normal_cdf(h, -k, -r) == pytest.approx(ndtr(h), abs=1e-12)


@settings(deadline=None)
@given(st.floats(-6, 6), st.floats(-1, 1))
def test_infinite_arguments(h, r):
    assert bivariate_normal_cdf(h, INF, r) == bivariate_normal_cdf(INF, h, r) == normal_cdf(h)
    assert bivariate_normal_cdf(h, -INF, r) == bivariate_normal_cdf(-INF, h, r) == 0
    assert bivariate_normal_cdf(INF, INF, r) == 1
    assert bivariate_normal_cdf(INF, -INF, r) == bivariate_normal_cdf(-INF, -INF, r) == 0


@settings(deadline=None)
@given(st.floats(-6, 6), st.floats(-6, 6))
def test_correlation_one_and_minus_one(h, k):
    # X = Y, and X = -Y.
    assert bivariate_normal_cdf(h, k, 1.0) == pytest.approx(ndtr(min(h, k)), abs=1e-15)
    assert bivariate_normal_cdf(h, k, -1.0) == pytest.approx(max(0.0, ndtr(h) - ndtr(-k)), abs=1e-15)


@settings(deadline=None)
@given(st.floats(-38, 38))
def test_normal_cdf_is_that_of_scipy(x):
    assert normal_cdf(x) == pytest.approx(ndtr(x), rel=1e-11, abs=1e-300)


# --- Accuracy of a cascade ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(fractions, fractions, st.floats(0.001, 0.999))
def test_accuracy_is_the_formula_with_owens_t(a_l, a_b, p):
    expected = reference.cascade_accuracy(a_l, a_b, p, PRIOR_COUPLING)
    assert cascade_accuracy(a_l, a_b, p) == pytest.approx(expected, abs=1e-10)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_never_escalating_is_the_little_net_and_always_the_big_one(a_l, a_b):
    assert cascade_accuracy(a_l, a_b, 0.0) == a_l
    assert cascade_accuracy(a_l, a_b, 1.0) == pytest.approx(a_b, abs=3e-9)


@settings(deadline=None)
@given(fractions, fractions, st.floats(0, 1))
def test_independence_is_a_straight_line(a_l, a_b, p):
    # Without any coupling, escalated inputs are a random share p: (1 - p) a_L + p a_B.
    assert cascade_accuracy(a_l, a_b, p, INDEPENDENT) == pytest.approx((1 - p) * a_l + p * a_b, abs=1e-12)


@settings(deadline=None)
@given(fractions, fractions, st.floats(0.01, 0.99))
def test_kappa_zero_gives_the_big_nets_mean_accuracy_on_what_is_escalated(a_l, a_b, p):
    known = replace(PRIOR_COUPLING, kappa=(0.0, 0.0, 0.0))
    gamma, _ = reference.couple(a_l, a_b, known)
    kept = a_l - scipy_cdf(ndtri(p), ndtri(a_l), -float(gamma))
    assert cascade_accuracy(a_l, a_b, p, known) == pytest.approx(kept + p * a_b, abs=1e-9)


@pytest.mark.parametrize(("a_l", "a_b", "p"), [(0.763, 0.821, 0.3), (0.5, 0.9, 0.6), (0.8, 0.85, 0.1)])
def test_accuracy_is_that_of_simulated_cascades(a_l, a_b, p):
    gamma, kappa = reference.couple(a_l, a_b, PRIOR_COUPLING)
    rng = np.random.default_rng(0)
    n = 400_000
    confidence = rng.normal(size=n)
    little = gamma * confidence + np.sqrt(1 - gamma**2) * rng.normal(size=n) > -ndtri(a_l)
    big = kappa * confidence + np.sqrt(1 - kappa**2) * rng.normal(size=n) > -ndtri(a_b)
    simulated = np.where(confidence < ndtri(p), big, little).mean()
    assert cascade_accuracy(a_l, a_b, p) == pytest.approx(simulated, abs=4 * 0.5 / n**0.5)


@pytest.mark.parametrize(("a_l", "a_b", "measured"), [(0.763, 0.821, 0.814), (0.815, 0.861, 0.860)])
def test_measured_cascades_on_cifar10(a_l, a_b, measured):
    # At p = 30 %: nets of other recipes than those that the shipped constants come from.
    assert cascade_accuracy(a_l, a_b, 0.3) == pytest.approx(measured, abs=0.005)


def test_arguments_broadcast():
    a_l, a_b, p = np.array([0.6, 0.7])[:, None, None], np.array([0.8, 0.9, 0.95])[:, None], np.linspace(0, 1, 4)
    out = cascade_accuracy(a_l, a_b, p)
    assert out.shape == (2, 3, 4)
    assert out[1, 2, 2] == cascade_accuracy(0.7, 0.95, p[2])
    assert cascade_accuracy(0.6, 0.8, 0.5).shape == ()


# --- The table ----------------------------------------------------------------------------------------------------

# Worst errors of the table on 400,000 random (a_L, a_B, p), rounded up.
TABLE_ERROR = {(0.3, 0.99, 1.0): 4e-5, (0.5, 0.95, 1.0): 2e-5, (0.0082, 0.9998, 1.0): 4e-4}


def lagrange(nodes, values, x):
    """The polynomial through (nodes, values) at x; points along the first axis."""
    total = 0.0
    for i in range(len(nodes)):
        others = np.delete(nodes, i)
        total = total + values[i] * np.prod((x - others) / (nodes[i] - others))
    return total


def nearest_four(grid, x):
    first = min(max(int(np.searchsorted(grid, x, side="right")) - 2, 0), len(grid) - 4)
    return np.arange(first, first + 4)


def coordinate(p):
    """u of the table: p = 2 u^2 up to one half, 1 - 2 (1 - u)^2 above."""
    return np.where(np.asarray(p) <= 0.5, np.sqrt(np.asarray(p) / 2), 1 - np.sqrt((1 - np.asarray(p)) / 2))


def interpolated(table, a_l, a_b, p):
    """Accuracy from the table by textbook Lagrange interpolation: over mu_B, then mu_L, then u within its half."""
    n_mu, _, n_u = table.gain.shape
    mu, u = -2.4 + 0.1 * np.arange(n_mu), np.linspace(0, 1, n_u)
    x = float(coordinate(p))
    half = u[: n_u // 2 + 1] if x <= 0.5 else u[n_u // 2 :]
    rate = nearest_four(half, x) + (0 if x <= 0.5 else n_u // 2)
    big, little = nearest_four(mu, ndtri(a_b)), nearest_four(mu, ndtri(a_l))
    cube = table.gain[np.ix_(big, little, rate)]
    return a_l + lagrange(u[rate], lagrange(mu[little], lagrange(mu[big], cube, ndtri(a_b)), ndtri(a_l)), x)


def test_nodes_of_the_table_are_the_copula():
    table = cascade_table(PRIOR_COUPLING)
    rng = np.random.default_rng(2)
    grid = np.linspace(0, 1, table.gain.shape[2])
    for b, a, u in zip(*rng.integers(0, table.gain.shape[0], (2, 300)), rng.integers(1, 60, 300), strict=True):
        a_l, a_b = ndtr(-2.4 + 0.1 * a), ndtr(-2.4 + 0.1 * b)
        p = 2 * grid[u] ** 2 if u <= 30 else 1 - 2 * (1 - grid[u]) ** 2
        expected = reference.cascade_accuracy(a_l, a_b, p, PRIOR_COUPLING)
        assert a_l + table.gain[b, a, u] == pytest.approx(expected, abs=1e-10)
    assert not table.gain[:, :, 0].any()


def test_coordinate_and_rate_are_inverse():
    for p in np.linspace(0, 1, 101):
        assert rate_to_u(p) == pytest.approx(coordinate(p), abs=1e-12)
        assert u_to_rate(rate_to_u(p)) == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize("n", [600, pytest.param(2500, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("low", "high", "most"), TABLE_ERROR)
def test_interpolation_error_is_bounded(low, high, most, n):
    rng = np.random.default_rng(3)
    a_l, a_b = ndtr(rng.uniform(ndtri(low), ndtri(high), (2, n)))
    p = most * rng.uniform(0, 1, n) ** rng.choice([0.1, 1, 2], n)  # more of them close to `most`
    table, exact = cascade_table(PRIOR_COUPLING), reference.cascade_accuracy(a_l, a_b, p, PRIOR_COUPLING)
    found = np.array([interpolated(table, *point) for point in zip(a_l, a_b, p, strict=True)])
    assert np.abs(found - exact).max() < TABLE_ERROR[low, high, most]
    assert np.sqrt(np.mean((found - exact) ** 2)) < TABLE_ERROR[low, high, most] / 4


def test_best_is_the_argmax_on_a_fine_grid():
    """Every fourth node of the table where the big net is the better one; and the accuracy rises up to it."""
    table = cascade_table(PRIOR_COUPLING)
    p = np.linspace(0, 1, 801)[1:-1] ** 2
    for b in range(2, table.best.shape[0], 4):
        for a in range(0, b, 4):
            a_l, a_b = ndtr(-2.4 + 0.1 * a), ndtr(-2.4 + 0.1 * b)
            accuracy = np.append(reference.cascade_accuracy(a_l, a_b, p, PRIOR_COUPLING), a_b)
            best = float(
                reference.cascade_accuracy(a_l, a_b, min(u_to_rate(table.best[b, a]), 1 - 1e-12), PRIOR_COUPLING)
            )
            assert best >= accuracy.max() - 1e-9
            if a_l > 0.15:  # below, the little net knows too little of its own errors (its gamma is near 0)
                rising = accuracy[: np.searchsorted(p, u_to_rate(table.best[b, a]))]
                assert (np.diff(rising) > -1e-12).all()
                falling = accuracy[np.searchsorted(p, u_to_rate(table.best[b, a])) :]
                assert (np.diff(falling) < 1e-12).all()


@pytest.mark.parametrize(("a_l", "a_b", "best"), [(0.9, 0.5, 0.0), (0.5, 0.9, 1.0)])
def test_a_net_blind_to_its_errors_escalates_all_or_nothing(a_l, a_b, best):
    table = cascade_table(INDEPENDENT)
    little, big = (round((ndtri(a) + 2.4) / 0.1) for a in (a_l, a_b))
    assert table.best[big, little] == best


def test_a_table_is_made_once_for_each_coupling():
    assert cascade_table(PRIOR_COUPLING) is cascade_table(replace(PRIOR_COUPLING))
    assert cascade_table(INDEPENDENT) is not cascade_table(PRIOR_COUPLING)


def test_mu_stays_inside_the_table():
    assert to_mu([0.0, 0.5, 1.0]) == pytest.approx([-2.4, 0.0, 3.5])
    assert to_mu(0.8) == pytest.approx(ndtri(0.8))


# --- The constants ------------------------------------------------------------------------------------------------


def test_a_coupling_is_fitted_by_least_squares():
    """Against numpy's, on constants with noise that makes a difference."""
    rng = np.random.default_rng(3)
    a = rng.uniform(0.5, 0.9, 12)
    gamma = np.tanh(0.4 + 0.5 * ndtri(a) + 0.05 * rng.normal(size=12))
    a_l, a_b = rng.uniform(0.5, 0.75, 40), rng.uniform(0.75, 0.95, 40)
    kappa = np.tanh(0.3 + 0.4 * ndtri(a_l) - 0.3 * (ndtri(a_b) - ndtri(a_l)) + 0.05 * rng.normal(size=40))
    fit = fit_coupling(a, gamma, np.column_stack([a_l, a_b, kappa]), "fit", "here")
    slope, offset = np.polyfit(ndtri(a), np.arctanh(gamma), 1)
    assert fit.gamma == pytest.approx((offset, slope))
    design = np.column_stack([np.ones(40), ndtri(a_l), ndtri(a_b) - ndtri(a_l)])
    assert fit.kappa == pytest.approx(np.linalg.lstsq(design, np.arctanh(kappa), rcond=None)[0])
    assert (fit.name, fit.source) == ("fit", "here")


def test_the_shipped_coupling_is_that_of_the_file():
    values = tomllib.loads(Path(zeroshot.constants.__file__).with_suffix(".toml").read_text())
    assert vars(PRIOR_COUPLING) == {k: tuple(v) if isinstance(v, list) else v for k, v in values["cascade"].items()}
    assert values["provenance"]["nets"] >= 40


@pytest.mark.parametrize(
    "change", [{"gamma": [0.1]}, {"kappa": [0.1, 0.2, "x"]}, {"gamma": [INF, 0.0]}, {"name": None}]
)
def test_a_file_without_a_coupling_is_refused(change):
    values = {"name": "x", "source": "y", "gamma": [0.1, 0.2], "kappa": [0.1, 0.2, 0.3]} | change
    with pytest.raises(UsageError, match="coupling"):
        coupling_of({key: value for key, value in values.items() if value is not None})


@examples(30)
@given(fractions, st.floats(-0.95, 0.95))
def test_a_correlation_is_found_again_from_its_curve(a, r):
    p = np.arange(0.05, 0.61, 0.05)
    right = np.array([scipy_cdf(ndtri(x), ndtri(a), -r) for x in p])
    assert fit_correlation([a], p[None], right[None])[0] == pytest.approx(r, abs=1e-4)


def test_correlations_of_simulated_nets_are_found():
    """Confidence and correctness drawn with known correlations; curves counted, nothing integrated."""
    rng = np.random.default_rng(5)
    n, p = 200_000, np.arange(0.05, 0.61, 0.05)
    score = rng.normal(size=n)
    right = [r * score + np.sqrt(1 - r * r) * rng.normal(size=n) > -ndtri(a) for a, r in ((0.7, 0.6), (0.85, 0.35))]
    up = score[None] < np.quantile(score, p)[:, None]
    shares = np.stack([(up & each).mean(axis=1) for each in right])
    found = fit_correlation([each.mean() for each in right], np.stack([p, p]), shares)
    assert found == pytest.approx([0.6, 0.35], abs=0.01)


def test_a_fit_gets_its_own_constants_back():
    rng = np.random.default_rng(4)
    truth = Coupling("mine", "made up", (0.3, 0.4), (0.2, 0.3, -0.1))
    a_l, a_b = rng.uniform(0.4, 0.9, (2, 12))
    gamma, kappa = reference.couple(a_l, a_b, truth)
    fit = fit_coupling(a_l, gamma, np.column_stack([a_l, a_b, kappa]), "mine", "made up")
    assert fit.gamma == pytest.approx(truth.gamma)
    assert fit.kappa == pytest.approx(truth.kappa)
    assert (fit.name, fit.source) == ("mine", "made up")
    assert hash(fit) == hash(replace(fit))
