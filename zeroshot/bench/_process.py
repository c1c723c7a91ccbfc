"""A Gaussian process over scores of proxies and features of the graph, its settings by marginal likelihood."""

from dataclasses import dataclass

import numpy as np

from zeroshot.types import FloatArray

# Logarithms of: variance and width of the Matern kernel over scores, the same of the exponential kernel over features
# of the graph, variance of the linear kernel over scores, variance of noise. Where the search starts, and the mean of
# a broad prior (a standard deviation of 2) that keeps settings of few labels sane.
START = np.log([0.33, 1.4, 0.33, 1.4, 0.33, 0.05])
SPREAD = 2.0
STEPS = 30
FITTED = 300  # labels that settings are searched on; the predictions come from all


@dataclass(frozen=True)
class Apart:
    """What the kernels see of two sets of nets, n and m of them.

    Attributes:
        scores: (n, m) mean squared difference of their scores.
        graph: (n, m) the same of their features.
        inner: (n, m) mean product of their scores.
    """

    scores: FloatArray
    graph: FloatArray
    inner: FloatArray


def apart(a: FloatArray, b: FloatArray, scores: int) -> Apart:
    """Of standardised inputs (n, d) and (m, d), of which the first columns are scores."""
    return Apart(
        _squares(a[:, :scores], b[:, :scores]), _squares(a[:, scores:], b[:, scores:]),
        a[:, :scores] @ b[:, :scores].T / max(1, scores),
    )  # fmt: skip


def _squares(a: FloatArray, b: FloatArray) -> FloatArray:
    found = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.maximum(found, 0) / max(1, a.shape[1]))


def kernels(theta: FloatArray, d: Apart) -> tuple[list[FloatArray], list[FloatArray]]:
    """The three kernels without noise, and the derivatives of all by `theta[:5]`."""
    r, s = np.sqrt(3 * d.scores) / np.exp(theta[1]), np.sqrt(d.graph) / np.exp(theta[3])
    matern = np.exp(theta[0] - r) * (1 + r)
    exponential = np.exp(theta[2] - s)
    linear = np.exp(theta[4]) * d.inner
    return [matern, exponential, linear], [matern, np.exp(theta[0] - r) * r * r, exponential, exponential * s, linear]


def loss(theta: FloatArray, d: Apart, y: FloatArray) -> tuple[float, FloatArray]:
    """Minus the log of marginal likelihood and prior, and its gradient (Rasmussen and Williams, 5.4.1).

    Args:
        theta: (6,) as `START`.
        d: Of the labelled nets with themselves.
        y: (n,) their labels, mean 0.
    """
    parts, slopes = kernels(theta, d)
    noise = np.exp(theta[5]) * np.eye(len(y))
    gram = np.sum(parts, axis=0) + noise
    inverse = np.linalg.inv(gram)
    weights = inverse @ y
    inner = (inverse - np.outer(weights, weights)) / 2
    off = (theta - START) / SPREAD
    value = 0.5 * y @ weights + 0.5 * np.linalg.slogdet(gram)[1] + 0.5 * off @ off
    gradient = np.array([(inner * slope).sum() for slope in (*slopes, noise)]) + off / SPREAD
    return float(value), gradient


def predict(own: FloatArray, y: FloatArray, new: FloatArray, scores: int) -> FloatArray:
    """Mean predictions for new nets: (n, d), (n,), (m, d) -> (m,); the first columns are scores."""
    from scipy.optimize import minimize

    mean, few = y.mean(), slice(FITTED)
    theta = minimize(
        loss, START, (apart(own[few], own[few], scores), y[few] - mean), "L-BFGS-B", jac=True,
        bounds=[(start - 6, start + 6) for start in START], options={"maxiter": STEPS},
    ).x  # fmt: skip
    gram = np.sum(kernels(theta, apart(own, own, scores))[0], axis=0) + np.exp(theta[5]) * np.eye(len(y))
    weights = np.linalg.solve(gram, y - mean)
    return np.asarray(mean + np.sum(kernels(theta, apart(new, own, scores))[0], axis=0) @ weights)
