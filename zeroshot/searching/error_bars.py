"""Error bars: from the spread of probits to 80 % intervals of accuracies, of nets and of pairs.

Far from a half an accuracy cannot rise by as much as it can fall, so both ends are computed on their own: by how much
the accuracy changes if one thing that is not known is at the end of its own interval, root of the sum of squares over
these things.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri

from zeroshot.accuracy.model import Z80, AccuracyModel
from zeroshot.cascade.copula import Coupling, cascade_accuracy
from zeroshot.types import FloatArray

Known = tuple[FloatArray, FloatArray]  # accuracies, and the standard deviations of their probits


def net_spread(accuracy: FloatArray, sd: FloatArray | float) -> FloatArray:
    """Standard deviation of an accuracy whose probit has standard deviation sd."""
    mu = ndtri(accuracy)
    return np.asarray((ndtr(mu + sd) - ndtr(mu - sd)) / 2, np.float64)


def pair_spread(little: Known, big: Known, p: FloatArray, coupling: Coupling) -> FloatArray:
    """Standard deviations of pair accuracies from what is not known of the two nets, which are independent.

    Args:
        little: Of the little nets.
        big: Of the big ones.
        p: Escalation rates.
        coupling: The copula's constants.
    """
    moved = _pair(little, big, p, coupling)
    own = (moved(little[1], 0.0) - moved(-little[1], 0.0)) / 2
    other = (moved(0.0, big[1]) - moved(0.0, -big[1])) / 2
    return np.asarray(np.hypot(own, other), np.float64)


def net_interval(accuracy: FloatArray, sd: FloatArray, model: AccuracyModel) -> tuple[FloatArray, FloatArray]:
    """Ends of the 80 % intervals of measured accuracies of nets: their own, the task's part, and what counting adds.

    Args:
        accuracy: Expected.
        sd: Standard deviations of their probits, what all nets share left out.
        model: Of the task.
    """
    mu, counting = ndtri(accuracy), Z80 * counting_spread(accuracy, model.counted)
    return _ends(accuracy, lambda side: [ndtr(mu + side * Z80 * np.hypot(sd, model.sd_task)) - accuracy, counting])


def pair_interval(
    little: Known, big: Known, p: FloatArray, model: AccuracyModel, coupling: Coupling
) -> tuple[FloatArray, FloatArray]:
    """The same of pairs; arguments as `pair_spread` and `net_interval`."""
    moved = _pair(little, big, p, coupling)
    accuracy, task = moved(0.0, 0.0), Z80 * model.sd_task
    counting = Z80 * counting_spread(accuracy, model.counted)
    return _ends(accuracy, lambda side: [
        moved(side * Z80 * little[1], 0.0) - accuracy, moved(0.0, side * Z80 * big[1]) - accuracy,
        moved(side * task, side * task) - accuracy, counting,
    ])  # fmt: skip


def counting_spread(accuracy: FloatArray, images: int) -> FloatArray:
    """Standard deviation of an accuracy counted on so many images; none for 0."""
    return np.asarray(np.sqrt(accuracy * (1 - accuracy) / images) if images else np.zeros_like(accuracy), np.float64)


def _pair(
    little: Known, big: Known, p: FloatArray, coupling: Coupling
) -> Callable[[FloatArray | float, FloatArray | float], FloatArray]:
    """Accuracies of pairs as a function of what is added to the probits of their nets."""
    mu_l, mu_b = ndtri(little[0]), ndtri(big[0])
    return lambda d_l, d_b: cascade_accuracy(ndtr(mu_l + d_l), ndtr(mu_b + d_b), p, coupling)


def _ends(accuracy: FloatArray, changes: Callable[[float], list[FloatArray]]) -> tuple[FloatArray, FloatArray]:
    down, up = (np.sqrt(np.sum(np.square(changes(side)), axis=0)) for side in (-1.0, 1.0))
    return np.maximum(accuracy - down, 0.0), np.minimum(accuracy + up, 1.0)
