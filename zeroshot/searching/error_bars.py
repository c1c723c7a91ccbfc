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
from zeroshot.types import BoolArray, FloatArray

Known = tuple[FloatArray, FloatArray]  # accuracies, and the standard deviations of their probits


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
    """The same of pairs, of whose two nets nothing is known jointly but the task's part.

    Args:
        little: Of the little nets.
        big: Of the big ones.
        p: Escalation rates.
        model: Of the task.
        coupling: The copula's constants.
    """
    moved = _pair(little, big, p, coupling)
    accuracy, task = moved(0.0, 0.0), Z80 * model.sd_task
    counting = Z80 * counting_spread(accuracy, model.counted)
    return _ends(accuracy, lambda side: [
        moved(side * Z80 * little[1], 0.0) - accuracy, moved(0.0, side * Z80 * big[1]) - accuracy,
        moved(side * task, side * task) - accuracy, counting,
    ])  # fmt: skip


def gain_error(
    pair: tuple[Known, Known], p: FloatArray, single: Known, same: tuple[BoolArray, BoolArray], model: AccuracyModel,
    coupling: Coupling,
) -> FloatArray:  # fmt: skip
    """Half widths of the 80 % intervals of what pairs gain over single nets.

    Each net by itself, the task's level, which moves both sides, and counting; both are counted on the same images, on
    most of which they agree: once, not twice.

    Args:
        pair: Of the little and of the big nets.
        p: Escalation rates.
        single: Of the nets beside them.
        same: Whether a single net is the little one of its pair, and whether it is the big one.
        model: Of the task.
        coupling: The copula's constants.
    """
    moved, mu, (little, big) = _pair(*pair, p, coupling), ndtri(single[0]), pair
    rival = ~(same[0] | same[1])

    def gain(d_little: FloatArray | float, d_big: FloatArray | float, d_single: FloatArray | float) -> FloatArray:
        return np.asarray(moved(d_little, d_big) - ndtr(mu + d_single), np.float64)

    def half(d_little: FloatArray | float, d_big: FloatArray | float, d_single: FloatArray | float) -> FloatArray:
        return (gain(d_little, d_big, d_single) - gain(-d_little, -d_big, -d_single)) / 2

    parts = [
        half(little[1], 0.0, same[0] * little[1]), half(0.0, big[1], same[1] * big[1]),
        half(0.0, 0.0, rival * single[1]), half(model.sd_task, model.sd_task, model.sd_task),
        counting_spread(single[0], model.counted),
    ]  # fmt: skip
    return np.asarray(Z80 * np.sqrt(np.sum(np.square(parts), axis=0)), np.float64)


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
