"""The accuracy of a cascade by exact distribution functions."""

import numpy as np
from scipy.special import ndtr, ndtri, owens_t


def bivariate_normal_cdf(h, k, r):
    """P(X <= h, Y <= k) by Owen's T function (Owen 1956), broadcasting; |r| < 1."""
    h, k, r = np.broadcast_arrays(*(np.asarray(v, float) for v in (h, k, r)))
    # T needs h and k apart from zero; a step of 1e-300 changes nothing that a float can hold.
    h, k = np.where(h == 0, 1e-300, h), np.where(k == 0, 1e-300, k)
    with np.errstate(invalid="ignore", over="ignore"):
        root = np.sqrt((1 - r) * (1 + r))
        both = owens_t(h, (k / h - r) / root) + owens_t(k, (h / k - r) / root)
    inside = 0.5 * (ndtr(h) + ndtr(k)) - both - np.where((h < 0) != (k < 0), 0.5, 0.0)
    inside = np.where(np.isposinf(h), ndtr(k), np.where(np.isposinf(k), ndtr(h), inside))
    return np.where(np.isneginf(h) | np.isneginf(k), 0.0, inside)


def couple(a_l, a_b, coupling):
    """gamma, kappa."""
    mu_l, mu_b = ndtri(a_l), ndtri(a_b)
    gamma = np.tanh(coupling.gamma[0] + coupling.gamma[1] * mu_l)
    return gamma, np.tanh(coupling.kappa[0] + coupling.kappa[1] * mu_l + coupling.kappa[2] * (mu_b - mu_l))


def cascade_accuracy(a_l, a_b, p, coupling):
    """acc(p) = a_L - Phi2(t, mu_L; -gamma) + Phi2(t, mu_B; -kappa), broadcasting."""
    gamma, kappa = couple(a_l, a_b, coupling)
    t = ndtri(p)
    return a_l - bivariate_normal_cdf(t, ndtri(a_l), -gamma) + bivariate_normal_cdf(t, ndtri(a_b), -kappa)


def best_rate(a_l, a_b, coupling):
    """The escalation rate of highest accuracy where a_b > a_l, broadcasting.

    P(B right | confidence at t) = Phi((mu_B + kappa t) / sqrt(1 - kappa^2)), and likewise for L: escalate while B is
    the likelier of the two to be right. That holds for all t below the crossing, or for all t.
    """
    gamma, kappa = couple(a_l, a_b, coupling)
    steep_l, steep_b = gamma / np.sqrt(1 - gamma**2), kappa / np.sqrt(1 - kappa**2)
    lead = ndtri(a_b) / np.sqrt(1 - kappa**2) - ndtri(a_l) / np.sqrt(1 - gamma**2)
    with np.errstate(divide="ignore"):
        return np.where(steep_l > steep_b, ndtr(lead / (steep_l - steep_b)), 1.0)
