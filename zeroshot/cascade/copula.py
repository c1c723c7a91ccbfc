"""A pair's accuracy from two accuracies: a Gaussian copula between confidence and correctness.

With t = Phi^-1(p), mu = Phi^-1(accuracy) and Phi2 the bivariate normal distribution function,

    acc(p) = a_L - Phi2(t, mu_L; -gamma) + Phi2(t, mu_B; -kappa)

where p is the escalation rate, gamma couples the little net's confidence with its own correctness and kappa with the
big net's. kappa = 0 says that the two nets err independently, which is always too hopeful.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import asin, cos, erfc, exp, inf, pi, sin, sqrt, tanh
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from zeroshot.constants import FILE, RESTORE, shipped
from zeroshot.runs.schema import Finite, read_as
from zeroshot.types import FloatArray

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


@numba.njit(cache=True)
def normal_cdf(x: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * erfc(-x / sqrt(2.0))


@numba.njit(cache=True)
def bivariate_normal_cdf(h: float, k: float, r: float) -> float:
    """P(X <= h, Y <= k) of standard normal X and Y with correlation r in [-1, 1].

    Sheppard's integral over the correlation's angle,

        Phi(h) Phi(k) + 1/(2 pi) int_0^asin(r) exp(-(h^2 - 2 h k sin(a) + k^2) / (2 cos(a)^2)) da,

    by Gauss-Legendre on panels that halve towards pi/2, where the integrand may turn sharp.
    """
    if h == -inf or k == -inf:
        return 0.0
    if h == inf:
        return normal_cdf(k)
    if k == inf:
        return normal_cdf(h)
    if r >= 1.0:
        return normal_cdf(min(h, k))
    if r <= -1.0:
        return max(0.0, normal_cdf(h) + normal_cdf(k) - 1.0)
    end = asin(abs(r))
    sign = 1.0 if r > 0 else -1.0
    total = 0.0
    low = 0.0
    while low < end:
        high = min(end, 0.5 * (low + 0.5 * pi))
        half = 0.5 * (high - low)
        for i in range(len(_NODES)):
            a = low + half * (1.0 + _NODES[i])
            c = cos(a)
            total += half * _WEIGHTS[i] * exp(-(h * h - 2.0 * h * k * sign * sin(a) + k * k) / (2.0 * c * c))
        low = high
    return min(1.0, max(0.0, normal_cdf(h) * normal_cdf(k) + sign * total / (2.0 * pi)))


@dataclass(frozen=True)
class Coupling:
    """gamma and kappa as functions of the two accuracies, and where the constants come from.

    gamma = tanh(gamma_0 + gamma_1 mu_L) and kappa = tanh(kappa_0 + kappa_1 mu_L + kappa_2 (mu_B - mu_L)), so that
    both stay correlations however far the accuracies lie from those that were measured.
    """

    name: str
    source: str
    gamma: tuple[Finite, Finite]
    kappa: tuple[Finite, Finite, Finite]


def coupling_of(values: Mapping[str, Any], where: str = FILE) -> Coupling:
    """The coupling of a file's part [cascade].

    Args:
        values: As read.
        where: The file, for the error.

    Raises:
        UsageError: A constant is missing, unknown or no finite number.
    """
    return read_as(Coupling, values, f"the coupling of {where}", RESTORE)


PRIOR_COUPLING = coupling_of(shipped()["cascade"])


@numba.njit(cache=True)
def _couple(mu_l: float, mu_b: float, gamma, kappa):  # type: ignore[no-untyped-def]
    return tanh(gamma[0] + gamma[1] * mu_l), tanh(kappa[0] + kappa[1] * mu_l + kappa[2] * (mu_b - mu_l))


@numba.njit(cache=True)
def _gain(t: float, mu_l: float, mu_b: float, gamma: float, kappa: float) -> float:
    return bivariate_normal_cdf(t, mu_b, -kappa) - bivariate_normal_cdf(t, mu_l, -gamma)


@numba.njit(cache=True)
def _best_threshold(mu_l: float, mu_b: float, gamma: float, kappa: float) -> float:
    """The t that maximises the gain: where the next escalated input is as likely right in either net."""
    s_l = sqrt(1.0 - gamma * gamma)
    s_b = sqrt(1.0 - kappa * kappa)
    slope = gamma / s_l - kappa / s_b
    lead = mu_b / s_b - mu_l / s_l
    if slope > 0.0:
        return lead / slope
    # The little net knows its own errors no better than the big net's: all or nothing.
    return inf if mu_b > mu_l else -inf


@numba.njit(cache=True)
def _cascade_kernel(a_l, a_b, p, t, mu_l, mu_b, gamma, kappa):  # type: ignore[no-untyped-def]
    out = np.empty(len(p))
    for i in range(len(p)):
        g, k = _couple(mu_l[i], mu_b[i], gamma, kappa)
        out[i] = a_l[i] + _gain(t[i], mu_l[i], mu_b[i], g, k)
    return out


def cascade_accuracy(
    a_l: npt.ArrayLike, a_b: npt.ArrayLike, p: npt.ArrayLike, coupling: Coupling = PRIOR_COUPLING
) -> FloatArray:
    """Accuracy of cascades, exactly (not from the table), broadcasting over all arguments.

    Args:
        a_l: Accuracy of the little nets, fractions in [0, 1].
        a_b: Accuracy of the big nets.
        p: Escalation rates, fractions in [0, 1]; 0 gives `a_l` and 1 gives `a_b`.
        coupling: gamma and kappa.

    Returns:
        float64 of the broadcast shape.
    """
    shape = np.broadcast_shapes(np.shape(a_l), np.shape(a_b), np.shape(p))
    little, big, rate = (np.broadcast_to(np.asarray(v, float), shape).ravel() for v in (a_l, a_b, p))
    mu_l, mu_b = ndtri(np.clip(little, 1e-9, 1 - 1e-9)), ndtri(np.clip(big, 1e-9, 1 - 1e-9))
    out = _cascade_kernel(little, big, rate, ndtri(rate), mu_l, mu_b, coupling.gamma, coupling.kappa)
    return np.asarray(out).reshape(shape)


# The table has mu = Phi^-1(accuracy) on 60 nodes and the escalation rate on 61, in a coordinate u that is fine at both
# ends: p = 2 u^2 up to one half, 1 - 2 (1 - u)^2 above. Cubic interpolation, never across u = 1/2, is then right to
# 3e-5 for accuracies from 30 to 99 % and to 3e-4 over the whole table (tests/test_copula.py).
MU_LOW, MU_STEP, MU_NODES = -2.4, 0.1, 60
U_NODES = 61
U_HALF = U_NODES // 2


@numba.njit(cache=True)
def rate_to_u(p: float) -> float:
    """The table's coordinate of an escalation rate."""
    return sqrt(0.5 * p) if p <= 0.5 else 1.0 - sqrt(0.5 * (1.0 - p))


@numba.njit(cache=True)
def u_to_rate(u: float) -> float:
    """The escalation rate at a coordinate of the table."""
    return 2.0 * u * u if u <= 0.5 else 1.0 - 2.0 * (1.0 - u) * (1.0 - u)


@dataclass(frozen=True)
class CascadeTable:
    """The copula on a grid, for kernels that need it millions of times.

    Attributes:
        gain: (MU_NODES, MU_NODES, U_NODES) float64, acc(p) - a_L over [mu_B, mu_L, u].
        best: (MU_NODES, MU_NODES) float64, u of the escalation rate of highest accuracy over [mu_B, mu_L].
    """

    gain: FloatArray
    best: FloatArray


@lru_cache(maxsize=4)
def cascade_table(coupling: Coupling) -> CascadeTable:
    """Tabulate the copula once per coupling (about 0.1 s)."""
    t = ndtri([u_to_rate(u) for u in np.linspace(0, 1, U_NODES)])
    return CascadeTable(*_table_kernel(t, coupling.gamma, coupling.kappa))


@numba.njit(cache=True)
def _table_kernel(t, gamma, kappa):  # type: ignore[no-untyped-def]
    gain = np.empty((MU_NODES, MU_NODES, U_NODES))
    best = np.empty((MU_NODES, MU_NODES))
    for b in range(MU_NODES):
        for a in range(MU_NODES):
            mu_l = MU_LOW + MU_STEP * a
            mu_b = MU_LOW + MU_STEP * b
            g, k = _couple(mu_l, mu_b, gamma, kappa)
            for j in range(U_NODES):
                gain[b, a, j] = _gain(t[j], mu_l, mu_b, g, k)
            best[b, a] = rate_to_u(normal_cdf(_best_threshold(mu_l, mu_b, g, k)))
    return gain, best


def to_mu(accuracy: npt.ArrayLike) -> FloatArray:
    """Phi^-1 of accuracies, kept inside the table's range (.0082 to .9998)."""
    high = MU_LOW + MU_STEP * (MU_NODES - 1)
    return np.asarray(np.clip(ndtri(np.asarray(accuracy, float)), MU_LOW, high))


@numba.njit(cache=True)
def _misfit(r: float, t, mu, right):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(t)):
        total += (bivariate_normal_cdf(t[i], mu, -r) - right[i]) ** 2
    return total


@numba.njit(cache=True)
def _correlation_kernel(t, mu, right):  # type: ignore[no-untyped-def]
    """Least squares over r by golden section: Phi2 falls with r at every t, so the misfit has one valley."""
    out = np.empty(len(mu))
    shrink = 0.6180339887498949
    for i in range(len(mu)):
        low, high = -0.999, 0.999
        a, b = high - shrink * (high - low), low + shrink * (high - low)
        at_a, at_b = _misfit(a, t[i], mu[i], right[i]), _misfit(b, t[i], mu[i], right[i])
        while high - low > 1e-6:
            if at_a < at_b:
                high, b, at_b = b, a, at_a
                a = high - shrink * (high - low)
                at_a = _misfit(a, t[i], mu[i], right[i])
            else:
                low, a, at_a = a, b, at_b
                b = low + shrink * (high - low)
                at_b = _misfit(b, t[i], mu[i], right[i])
        out[i] = 0.5 * (low + high)
    return out


def fit_correlation(accuracy: npt.ArrayLike, p: npt.ArrayLike, right: npt.ArrayLike) -> FloatArray:
    """Gamma or kappa of nets from measured cascades: Phi2(Phi^-1(p), Phi^-1(accuracy); -r) as near `right` as can be.

    Args:
        accuracy: (n,) of the little nets for gamma, of the big ones for kappa, inside (0, 1).
        p: (n, rates) escalation rates inside (0, 1).
        right: (n, rates) share of all inputs that escalate and that this net gets right.

    Returns:
        (n,) float64, in [-0.999, 0.999].
    """
    mu, t, share = ndtri(np.asarray(accuracy, float)), ndtri(np.asarray(p, float)), np.asarray(right, float)
    return np.asarray(_correlation_kernel(t, mu, share), np.float64)


def fit_coupling(a_l: FloatArray, gamma: FloatArray, pairs: FloatArray, name: str, source: str) -> Coupling:
    """Least-squares constants from measured gammas and kappas.

    Args:
        a_l: (n,) accuracies of little nets.
        gamma: (n,) their measured gammas.
        pairs: (m, 3) little accuracy, big accuracy, measured kappa.
        name: Name shown beside every figure that uses the result.
        source: Where the measurements come from.
    """
    mu = ndtri(a_l)
    g = np.linalg.lstsq(np.column_stack([np.ones_like(mu), mu]), np.arctanh(gamma), rcond=None)[0]
    mu_l, mu_b = ndtri(pairs[:, 0]), ndtri(pairs[:, 1])
    design = np.column_stack([np.ones_like(mu_l), mu_l, mu_b - mu_l])
    k = np.linalg.lstsq(design, np.arctanh(pairs[:, 2]), rcond=None)[0]
    return Coupling(name, source, (float(g[0]), float(g[1])), (float(k[0]), float(k[1]), float(k[2])))
