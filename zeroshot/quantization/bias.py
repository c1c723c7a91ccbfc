"""A decision bias a class, chosen so that a net's answers to validation images are worth most in the metric.

Training makes a net answer common classes more readily than a metric such as balanced accuracy wants, and what images
it meets later may have other shares. A bias on the logits moves the decision without another training (the logit
adjustment of Menon et al., arXiv 2007.07314, with offsets that are searched instead of derived from class shares).

One class after the other gets the offset that wins most, all others held, until none wins any more. An offset counts
only where what it wins is more than its standard error: on a few images a search among many offsets always wins
something.
"""

import numpy as np

from zeroshot.int8.decision import MOST_BIAS, Bias
from zeroshot.types import FloatArray, Int8Array, Int64Array

ROUNDS = 10  # over all classes; two or three are enough
OFFSETS = 2 * MOST_BIAS + 1


def choose_bias(logits: Int8Array, labels: Int64Array, weight: FloatArray | None = None) -> Bias:
    """The bias of a net.

    Args:
        logits: (n, classes) int8, on validation images.
        labels: (n,) integers.
        weight: (n,) of sum 1, what each image counts, see `zeroshot.cascade.metric`; None for accuracy.

    Returns:
        A whole number a class, from -127 to 127, in steps of the logits; empty where none wins anything.
    """
    wide, n = logits.astype(np.int64), len(labels)
    weights = np.full(n, 1 / n) if weight is None else weight
    bias = np.zeros(wide.shape[1], np.int64)
    for _ in range(ROUNDS):
        before = bias.copy()
        for each in range(len(bias)):
            bias[each] = _best_offset(wide + bias, labels, weights, each, int(bias[each]))
        if (bias == before).all():
            break
    return tuple(bias.tolist()) if bias.any() else ()


def _best_offset(sums: Int64Array, labels: Int64Array, weight: FloatArray, each: int, now: int) -> int:
    """The offset of one class that wins most over the one that it has; of equals the nearest to 0.

    Args:
        sums: (n, classes), logits with the bias so far.
        labels: (n,).
        weight: (n,).
        each: The class.
        now: Its offset so far.
    """
    others = sums.copy()
    others[:, each] = np.iinfo(np.int64).min
    rival = others.argmax(axis=1)
    best = others[np.arange(len(sums)), rival]
    # The least offset at which an image is answered with this class: of equal sums the first one counts.
    least = best - (sums[:, each] - now) + (each > rival)
    gain = weight * ((labels == each).astype(np.int64) - (rival == labels))
    at = np.clip(least, -MOST_BIAS, MOST_BIAS + 1) + MOST_BIAS
    won, spread = (np.cumsum(np.bincount(at, each, OFFSETS + 1))[:OFFSETS] for each in (gain, gain**2))
    won, spread = won - won[now + MOST_BIAS], np.abs(spread - spread[now + MOST_BIAS])
    # Rounding must not make more than its error of what is just as much.
    won = np.where((won > 0) & (won**2 > spread * (1 + 1e-9)), won.round(12), 0.0)
    offsets = np.arange(OFFSETS) - MOST_BIAS
    nearest = np.lexsort((np.abs(offsets), -won))[0]
    return int(offsets[nearest]) if won[nearest] > 0 else now
