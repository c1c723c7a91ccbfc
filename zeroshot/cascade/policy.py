"""How sure a net is of its answer, from its own logits; where the score is below a threshold, the big net runs.

Every score is higher for a surer answer. For two classes all four order inputs alike.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from zeroshot.errors import UsageError, unknown
from zeroshot.types import FloatArray

# A big net that would run less often than this is not worth its flash.
MIN_RATE = 0.05


def logit_gap(logits: npt.ArrayLike) -> FloatArray:
    """The largest logit minus the second largest.

    It needs no softmax, and a temperature scales it without changing the order of inputs. On int8 logits it is a
    whole number of steps of their scale, so a device compares integers.

    Args:
        logits: (n, classes), floats or integers, two classes or more.

    Returns:
        (n,) float64, 0 for a tie.

    Raises:
        UsageError: `logits` is no such array, or holds NaN or infinity. So do the other scores.

    >>> logit_gap([[1.0, 4.0, 2.5], [0.0, 0.0, -1.0]])
    array([1.5, 0. ])
    """
    top = np.partition(_checked(logits), -2, axis=1)
    return np.asarray(top[:, -1] - top[:, -2], np.float64)


def score_margin(logits: npt.ArrayLike) -> FloatArray:
    """The largest probability minus the second largest, in [0, 1]; arguments as `logit_gap`."""
    top = np.partition(_softmax(_checked(logits)), -2, axis=1)
    return np.asarray(top[:, -1] - top[:, -2], np.float64)


def max_softmax(logits: npt.ArrayLike) -> FloatArray:
    """The largest probability, in [1 / classes, 1]; arguments as `logit_gap`."""
    return np.asarray(_softmax(_checked(logits)).max(axis=1), np.float64)


def negative_entropy(logits: npt.ArrayLike) -> FloatArray:
    """Sum of P log P over the classes, nats, in [-log(classes), 0]; arguments as `logit_gap`."""
    shifted = _shifted(_checked(logits))
    # log P = x - log sum exp: no logarithm of a probability that was rounded to 0.
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return np.asarray((np.exp(log_p) * log_p).sum(axis=1), np.float64)


DEFAULT_POLICY = "logit-gap"
POLICIES: dict[str, Callable[[npt.ArrayLike], FloatArray]] = {
    "logit-gap": logit_gap,
    "score-margin": score_margin,
    "max-softmax": max_softmax,
    "entropy": negative_entropy,
}


def confidence(logits: npt.ArrayLike, policy: str = DEFAULT_POLICY) -> FloatArray:
    """Scores under a policy of `POLICIES`; arguments as `logit_gap`.

    Raises:
        UsageError: Unknown policy, besides.
    """
    if policy not in POLICIES:
        raise unknown("escalation policy", policy, POLICIES)
    return POLICIES[policy](logits)


def _checked(logits: npt.ArrayLike) -> FloatArray:
    values = np.asarray(logits)
    if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "iuf":
        raise UsageError(f"Logits must be numbers (n, classes) of 2 classes or more, not {values.shape}.")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).all(axis=1)))
        raise UsageError(f"The logits of input {row} are not finite.", "Did the net's training diverge?")
    return values.astype(np.float64)


def _shifted(logits: FloatArray) -> FloatArray:
    return np.asarray(logits - logits.max(axis=1, keepdims=True), np.float64)  # exp cannot overflow


def _softmax(logits: FloatArray) -> FloatArray:
    weights = np.exp(_shifted(logits))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)
