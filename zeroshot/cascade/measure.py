"""What a cascade really does: exact figures from two trained models' outputs on the same labelled inputs.

An input escalates where the little net's score lies below the threshold t. Equal scores escalate together, so a
cascade has as many working points as there are distinct scores, plus one: every threshold lands on one of them.

Thresholds are chosen on validation outputs; figures that are reported are of test outputs with that threshold.
Intervals are percentile intervals of the bootstrap over inputs, the threshold and the models held fixed.
"""

from dataclasses import dataclass, field
from math import inf

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.metric import share
from zeroshot.cascade.policy import DEFAULT_POLICY, confidence
from zeroshot.errors import UsageError
from zeroshot.types import BoolArray, FloatArray

Interval = tuple[float, float]

LEVEL = 0.8  # of intervals, as everywhere in this package
RESAMPLES = 4000  # the ends of an 80 % interval are then right to about 3 % of its width


@dataclass(frozen=True, eq=False)
class Outcome:
    """What two models did on the same inputs.

    Attributes:
        score: (n,) float64, the little net's confidence.
        little: (n,) bool, whether its answer is right.
        big: (n,) bool, the same of the big net.
        weight: (n,) float64 of sum 1, what each input counts in a metric other than accuracy, see
            `zeroshot.cascade.metric`; None where all count the same.
    """

    score: FloatArray = field(repr=False)
    little: BoolArray = field(repr=False)
    big: BoolArray = field(repr=False)
    weight: FloatArray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, eq=False)
class Curve:
    """Every working point of a cascade, by rising escalation rate; each attribute (points,) float64.

    Attributes:
        threshold: Escalates the inputs whose score is below it.
        p: Escalation rate, from 0 to 1.
        accuracy: Of the cascade, from the little net's to the big net's; its metric where inputs have weights.
    """

    threshold: FloatArray
    p: FloatArray
    accuracy: FloatArray


@dataclass(frozen=True)
class Measured:
    """A cascade at one threshold. Accuracies and rates are fractions; intervals are of `LEVEL`.

    Attributes:
        n: Inputs.
        threshold: As it was given.
        p: Escalation rate.
        p_interval: Of p.
        accuracy: Of the cascade.
        accuracy_interval: Of accuracy.
        little_accuracy: Of the little net on all inputs.
        big_accuracy: Of the big net on all inputs.
        little_escalated: Of the little net on the inputs that escalate; None without any.
        big_escalated: Of the big net on these.
        both_wrong: Share of inputs that both nets get wrong.
        error_correlation: Of the two nets' errors (phi coefficient); None where a net is always or never right.
    """

    n: int
    threshold: float
    p: float
    p_interval: Interval
    accuracy: float
    accuracy_interval: Interval
    little_accuracy: float
    big_accuracy: float
    little_escalated: float | None
    big_escalated: float | None
    both_wrong: float
    error_correlation: float | None


@dataclass(frozen=True)
class Verdict:
    """A pair against a single net on the same inputs.

    Attributes:
        gain: Accuracy of the pair minus that of the single net, or metric where inputs have weights.
        interval: Of the gain, of `LEVEL`; inputs are resampled together, so what both get right cancels.
        words: "pays", "may pay" (the interval holds 0) or "does not pay".
    """

    gain: float
    interval: Interval
    words: str


def outcome(
    little_logits: npt.ArrayLike, big_logits: npt.ArrayLike, labels: npt.ArrayLike, policy: str = DEFAULT_POLICY,
    weight: FloatArray | None = None,
) -> Outcome:  # fmt: skip
    """Scores and hits of two models.

    Args:
        little_logits: (n, classes), of the little net.
        big_logits: (n, classes), of the big net on the same inputs.
        labels: (n,) integers.
        policy: A name of `zeroshot.cascade.policy.POLICIES`.
        weight: Of the inputs, as `Outcome` has it.

    Raises:
        UsageError: Shapes that do not fit, no inputs, NaN among the logits, or an unknown policy.
    """
    return Outcome(confidence(little_logits, policy), hits(little_logits, labels), hits(big_logits, labels), weight)


def hits(logits: npt.ArrayLike, labels: npt.ArrayLike) -> BoolArray:
    """Whether the largest logit (the first of equals) is the label's, (n,) bool; arguments as `outcome`."""
    values, truth = np.asarray(logits), np.asarray(labels)
    if values.ndim != 2 or truth.shape != values.shape[:1] or truth.dtype.kind not in "iu":
        raise UsageError(f"Logits (n, classes) need labels (n,) of integers, not {values.shape} and {truth.shape}.")
    if not len(truth):
        raise UsageError("There is no input to measure on.")
    if not np.isfinite(values).all():
        raise UsageError("Some logits are not finite.", "Did the net's training diverge?")
    return np.asarray(values.argmax(axis=1) == truth)


def curve(found: Outcome) -> Curve:
    """All working points; one sort, then sums."""
    order = np.argsort(found.score, kind="stable")
    score = found.score[order]
    gain = found.big[order].astype(np.int64) - found.little[order]
    # Before each first of equal scores, and after the last input: k inputs escalate at the k-th score.
    k = np.append(np.flatnonzero(np.diff(score, prepend=-inf)), len(score))
    threshold, rate = np.append(score, inf)[k], k / len(score)
    if found.weight is not None:
        won = np.concatenate([[0.0], np.cumsum(gain * found.weight[order])])
        return Curve(threshold, rate, share(found.little, found.weight) + won[k])
    correct = int(found.little.sum()) + np.concatenate([[0], np.cumsum(gain)])
    return Curve(threshold, rate, correct[k] / len(score))


def right_answers(found: Outcome, threshold: float) -> BoolArray:
    """Which inputs a cascade gets right, (n,) bool: those below the threshold are the big net's to answer."""
    return np.where(found.score < threshold, found.big, found.little)


def measure(found: Outcome, threshold: float, *, seed: int = 0, level: float = LEVEL) -> Measured:
    """The exact figures of a cascade at one threshold.

    Args:
        found: On test inputs.
        threshold: Chosen on validation inputs.
        seed: Of the bootstrap.
        level: Of the intervals.

    Raises:
        UsageError: The level is not between 0 and 1, or the threshold is NaN.
    """
    _check(threshold, level)
    up, little, big = found.score < threshold, found.little, found.big
    n, escalated = len(found), int(up.sum())
    right = right_answers(found, threshold)
    p_interval, accuracy_interval = _intervals([up.astype(np.int64), right.astype(np.int64)], seed, level)
    return Measured(
        n=n, threshold=float(threshold), p=escalated / n, p_interval=p_interval,
        accuracy=float(right.mean()), accuracy_interval=accuracy_interval,
        little_accuracy=float(little.mean()), big_accuracy=float(big.mean()),
        little_escalated=float(little[up].mean()) if escalated else None,
        big_escalated=float(big[up].mean()) if escalated else None,
        both_wrong=float((~little & ~big).mean()), error_correlation=_phi(~little, ~big),
    )  # fmt: skip


def verdict(found: Outcome, threshold: float, single: npt.ArrayLike, *, seed: int = 0, level: float = LEVEL) -> Verdict:
    """Compare a pair with a single net, input by input, in the metric that the outcome's weights are of.

    Args:
        found: The pair on test inputs.
        threshold: Chosen on validation inputs.
        single: (n,) bool, whether the single net is right on the same inputs.
        seed: Of the bootstrap.
        level: Of the interval.

    Raises:
        UsageError: Lengths differ, or as `measure`.
    """
    _check(threshold, level)
    alone = np.asarray(single, bool)
    if alone.shape != found.score.shape:
        raise UsageError(f"The pair has {len(found)} inputs, the single net {alone.shape}.")
    difference = right_answers(found, threshold).astype(np.int64) - alone
    interval = _interval(difference, found.weight, seed, level)
    gain = _mean(difference, found.weight)
    words = "does not pay" if gain <= 0 else "pays" if interval[0] > 0 else "may pay"
    return Verdict(gain, interval, words)


def metric_interval(right: BoolArray, weight: FloatArray, *, seed: int = 0, level: float = LEVEL) -> Interval:
    """Interval of a weighted share of right answers; arguments as `measure` and `share` have them."""
    return _interval(right.astype(np.int64), weight, seed, level)


def exact_interval(hits: int, n: int, level: float = LEVEL) -> Interval:
    """Clopper and Pearson's interval of a share of independent inputs, `hits` of `n`; n is at least 1."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(hits, n - hits + 1, tail)) if hits else 0.0
    return low, float(betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0


def expected_cost(base: float, big: float, p: float) -> float:
    """The little net and the decision (base), plus p times the big net; p = 1 is the worst case. Any unit."""
    return base + p * big


def _check(threshold: float, level: float) -> None:
    if np.isnan(threshold) or not 0 < level < 1:
        raise UsageError(f"A threshold must be a number and a level in (0, 1), not {threshold} and {level}.")


def _phi(a: BoolArray, b: BoolArray) -> float | None:
    spread = a.var() * b.var()
    return float(((a & b).mean() - a.mean() * b.mean()) / np.sqrt(spread)) if spread > 0 else None


def _mean(values: npt.NDArray[np.int64], weight: FloatArray | None) -> float:
    return float(values.mean()) if weight is None else float(round(float(values @ weight), 12))


def _interval(values: npt.NDArray[np.int64], weight: FloatArray | None, seed: int, level: float) -> Interval:
    """Of a weighted mean: inputs of one weight, so classes, are drawn among themselves and keep their numbers."""
    if weight is None:
        return _intervals([values], seed, level)[0]
    rng, total = np.random.default_rng(seed), np.zeros(RESAMPLES)
    for each in np.unique(weight[weight > 0]):
        kinds, counts = np.unique(values[weight == each], return_counts=True)
        total += each * (rng.multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES) @ kinds)
    low, high = np.quantile(total, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _intervals(values: list[npt.NDArray[np.int64]], seed: int, level: float) -> list[Interval]:
    """Percentile intervals of the means of columns over the same inputs.

    Drawing n inputs with replacement only counts how often each distinct row is drawn: one multinomial draw over a
    handful of rows instead of n picks, equal in distribution.
    """
    rows, counts = np.unique(np.column_stack(values), axis=0, return_counts=True)
    n = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=RESAMPLES)
    ends = np.quantile(drawn @ rows / n, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return [(float(low), float(high)) for low, high in ends.T]
