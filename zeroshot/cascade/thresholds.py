"""From scores on validation images to a threshold: at a rate, for an accuracy, or one for each class.

With a threshold for each class that the little net may answer, more inputs escalate where the big net helps more.
Classes differ in how much a low score says (Daghero et al., arXiv 2204.03431, use thresholds a class for early exits).
Under a budget of escalations the best thresholds share a price: a class escalates further inputs as long as these win
more right answers an escalation than the price. The counts of right answers gained are noisy, so each class follows the
concave hull of its own, where the price falls from one corner to the next. Where inputs have weights these are summed
instead of right answers.

Which rule a pair gets, and which rate, is said in `zeroshot.quantization.thresholds`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.measure import Outcome, curve
from zeroshot.errors import InfeasibleError, UsageError
from zeroshot.types import FloatArray, Int64Array

Limit = float | FloatArray  # one threshold, or one for each class that the little net answers


@dataclass(frozen=True)
class Rule:
    """How the threshold of a cascade follows from what its nets do on validation inputs.

    Attributes:
        rate: Largest share of inputs that escalates, in [0, 1].
        floor: Least accuracy, or metric, a fraction, at the fewest escalations; where it is given no rate counts.
        classes: Number of classes where each has a threshold of its own; None for one threshold.
    """

    rate: float = 1.0
    floor: float | None = None
    classes: int | None = None

    def limit(self, found: Outcome, predicted: Int64Array) -> Limit:
        """The threshold, or one for each class.

        Args:
            found: On validation inputs.
            predicted: (n,) integers, the little net's answers.

        Raises:
            InfeasibleError: No threshold reaches the floor.
            UsageError: The rate is no rate, or as `thresholds_per_class`.
        """
        if self.floor is not None:
            return threshold_for_accuracy(found, self.floor)
        if self.classes is not None:
            return thresholds_per_class(found, predicted, self.classes, self.rate)
        return threshold_for_rate(found.score, self.rate)


def threshold_for_rate(score: npt.ArrayLike, p: float) -> float:
    """The highest threshold at which no more than a share p of these (validation) scores escalates.

    Args:
        score: (n,), n at least 1.
        p: Escalation rate in [0, 1].

    Returns:
        One of the scores, or infinity where all may escalate.

    Raises:
        UsageError: No scores, or p is no rate.
    """
    ordered = np.sort(np.asarray(score, np.float64))
    if ordered.ndim != 1 or not len(ordered) or not 0 <= p <= 1:
        raise UsageError(f"A threshold needs scores (n,) and a rate in [0, 1], not {ordered.shape} and {p}.")
    k = int(p * len(ordered) + 1e-9)  # 0.29 * 100 is 28.999999999999996
    return float(ordered[k]) if k < len(ordered) else inf


def threshold_for_accuracy(found: Outcome, floor: float) -> float:
    """The lowest threshold, so the fewest escalations, whose cascade is at least as good as the floor.

    Args:
        found: On validation inputs.
        floor: A fraction.

    Raises:
        InfeasibleError: No threshold reaches it.
    """
    points = curve(found)
    reached = np.flatnonzero(points.accuracy >= floor - 1e-12)
    if not len(reached):
        raise InfeasibleError(
            f"No threshold reaches {100 * floor:.2f} %: the cascade's best is {100 * points.accuracy.max():.2f} %.",
            "Lower the floor, or take a better big net.",
        )
    return float(points.threshold[reached[0]])


def thresholds_per_class(found: Outcome, predicted: npt.ArrayLike, classes: int, p: float) -> FloatArray:
    """Thresholds under which at most a share p of these inputs escalates, for the most right answers.

    Args:
        found: On validation inputs.
        predicted: (n,) integers, the little net's answers.
        classes: Number of classes.
        p: Escalation rate in [0, 1].

    Returns:
        (classes,) float64; a class escalates inputs whose score is below its own. Minus infinity for a class where
        escalating wins nothing.

    Raises:
        UsageError: Lengths differ, p is no rate, or an answer is no class.
    """
    answers = _answers(found, predicted, classes)
    if not 0 <= p <= 1:
        raise UsageError(f"An escalation rate is from 0 to 1, not {p}.")
    corners = [(*corner, c) for c in range(classes) for corner in _hull(found, answers == c)]
    # Dearest last; within a class the slopes fall, so no corner is taken before the one to its left.
    corners.sort(key=lambda corner: (-corner[0], corner[3]))
    out, left = np.full(classes, -inf), int(p * len(found) + 1e-9)
    closed = np.zeros(classes, bool)
    for _, count, threshold, c in corners:
        if closed[c]:
            continue
        if count > left:
            closed[c] = True
            continue
        out[c], left = threshold, left - count
    return out


def relative_to_class(found: Outcome, predicted: npt.ArrayLike, thresholds: npt.ArrayLike) -> Outcome:
    """The same inputs with scores counted from their class's threshold: what is below 0 escalates.

    So `measure(relative_to_class(...), 0.0)` measures a cascade with a threshold a class.

    Args:
        found: On any inputs.
        predicted: (n,) integers, the little net's answers.
        thresholds: (classes,), as `thresholds_per_class` gives.

    Raises:
        UsageError: Lengths differ, or an answer is no class.
    """
    limits = np.asarray(thresholds, np.float64)
    answers = _answers(found, predicted, len(limits))
    return Outcome(found.score - limits[answers], found.little, found.big, found.weight)


def _answers(found: Outcome, predicted: npt.ArrayLike, classes: int) -> Int64Array:
    answers = np.asarray(predicted)
    if answers.shape != found.score.shape or answers.dtype.kind not in "iu":
        raise UsageError(f"{len(found)} inputs need as many answers as whole numbers, not {answers.shape}.")
    if len(answers) and not 0 <= answers.min() <= answers.max() < classes:
        raise UsageError(f"An answer is no class: {answers.min()} to {answers.max()}, with {classes} classes.")
    return answers.astype(np.int64)


def _hull(found: Outcome, mine: npt.NDArray[np.bool_]) -> Iterator[tuple[float, int, float]]:
    """Corners of the concave hull of one class's right answers won over inputs escalated, from the left.

    Yields:
        Right answers won an input escalated, since the corner before (above 0); inputs escalated since then; and the
        threshold that escalates up to here.
    """
    order = np.argsort(found.score[mine], kind="stable")
    score = found.score[mine][order]
    gain = found.big[mine][order].astype(np.int64) - found.little[mine][order]
    won = np.concatenate([[0], np.cumsum(gain if found.weight is None else gain * found.weight[mine][order])])
    # Equal scores escalate together: the points before each first of equals, and after the last.
    k = np.append(np.flatnonzero(np.diff(score, prepend=-inf)), len(score))
    limits = np.append(score, inf)[k]
    at = 0
    while at < len(k) - 1:
        slopes = (won[k[at + 1 :]] - won[k[at]]) / (k[at + 1 :] - k[at])
        if slopes.max() <= 0:
            return
        best = at + 1 + int(np.flatnonzero(slopes == slopes.max())[-1])
        yield float(slopes.max()), int(k[best] - k[at]), float(limits[best])
        at = best
