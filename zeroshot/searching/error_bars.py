"""Error bars: from the spread of probits to the spread of accuracies, of nets and of pairs."""

import numpy as np
from scipy.special import ndtr, ndtri

from zeroshot.accuracy.model import AccuracyModel
from zeroshot.cascade.copula import Coupling, cascade_accuracy
from zeroshot.types import FloatArray


def net_spread(accuracy: FloatArray, sd: float) -> FloatArray:
    """Standard deviation of an accuracy whose probit has standard deviation sd."""
    mu = ndtri(accuracy)
    return np.asarray((ndtr(mu + sd) - ndtr(mu - sd)) / 2, np.float64)


def pair_spread(
    a_l: FloatArray, a_b: FloatArray, p: FloatArray, model: AccuracyModel, coupling: Coupling
) -> tuple[FloatArray, FloatArray]:
    """Standard deviations of pair accuracies: from the two nets (independent), and with the task's part added."""
    mu_l, mu_b = ndtri(a_l), ndtri(a_b)

    def half_range(d_l: float, d_b: float) -> FloatArray:
        up = cascade_accuracy(ndtr(mu_l + d_l), ndtr(mu_b + d_b), p, coupling)
        return (up - cascade_accuracy(ndtr(mu_l - d_l), ndtr(mu_b - d_b), p, coupling)) / 2

    nets = np.hypot(half_range(model.sd_net, 0.0), half_range(0.0, model.sd_net))
    return nets, np.hypot(nets, half_range(model.sd_task, model.sd_task))
