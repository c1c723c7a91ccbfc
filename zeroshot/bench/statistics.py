"""Rank statistics of one score against the truth, with bootstrap intervals over nets.

Correlations are signed and never made positive. A resample is a row of whole-number weights, how often each net was
drawn, so that no statistic has to copy nets: `spearman` and `kendall` of a row of weights are those of the sample with
every net repeated as often. A statistic without meaning is NaN; `reason_undefined` says why.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeroshot.bench._kendall import kendall_kernel
from zeroshot.bench._spearman import moments_kernel
from zeroshot.errors import UsageError
from zeroshot.types import FloatArray, Int32Array, Int64Array

FEWEST = 5  # nets below which no correlation is given


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95 % percentile bootstrap interval.

    Attributes:
        value: The statistic, NaN if undefined.
        low: Lower end; NaN if no interval was asked for, or the statistic is undefined, or it is in some resamples.
        high: Upper end.
        n: Nets that it stands on.
        note: Why it is undefined; empty if it is not.
    """

    value: float
    low: float
    high: float
    n: int
    note: str = ""


def resamples(groups: npt.ArrayLike, count: int, seed: int) -> Int32Array:
    """Bootstrap weights: rows of one group, which are the same net, are drawn together.

    Args:
        groups: (n,) labels; all different where every row is a net of its own.
        count: Number of resamples.
        seed: Of the draw.

    Returns:
        (count, n) int32; each row's weights are those of as many draws, with replacement, as there are groups.
    """
    _, inverse = np.unique(np.asarray(groups), return_inverse=True)
    n = int(inverse.max()) + 1 if len(inverse) else 0
    rng = np.random.default_rng(seed)
    drawn = np.zeros((count, n), np.int32)
    for row in drawn if n else ():
        row += np.bincount(rng.integers(0, n, n), minlength=n).astype(np.int32)
    return np.asarray(drawn[:, inverse], np.int32)


def rank_correlations(
    scores: FloatArray, y: FloatArray, controls: FloatArray, weights: Int32Array | None = None
) -> tuple[FloatArray, FloatArray]:
    """Signed Spearman correlation of scores with the truth, plain and given the controls, of every resample.

    Args:
        scores: (p, n), finite.
        y: (n,) truth, finite.
        controls: (c, n), finite; they may follow from each other.
        weights: (m, n) from `resamples`; None for each net once.

    Returns:
        Twice (p, m) float64. NaN where a side is constant, or follows from the controls; without controls the two
        are the same.
    """
    weights = np.ones((1, len(y)), np.int32) if weights is None else np.ascontiguousarray(weights)
    return _rank_correlations(_dense(scores), _dense(np.stack([y, *controls])), weights)


def _rank_correlations(scores: Int32Array, others: Int32Array, weights: Int32Array) -> tuple[FloatArray, FloatArray]:
    """Of dense ranks from 0; the first of the others is the truth."""
    if not scores.shape[1]:
        return (np.full((len(scores), len(weights)), np.nan),) * 2
    own, crossed, between = (np.asarray(each, np.float64) for each in moments_kernel(scores, others, weights))
    truth = between[:, :1, 0]
    plain = _correlation(own, crossed[:, :, 0], truth, own, truth)
    if len(others) == 1:
        return plain.T, plain.T
    inverse = np.linalg.pinv(between[:, 1:, 1:], rcond=1e-9, hermitian=True)
    told = crossed[:, :, 1:] @ inverse  # what the controls say of each score: (m, p, c)
    known = between[:, :1, 1:] @ inverse  # and of the truth: (m, 1, c)
    left = own - (told * crossed[:, :, 1:]).sum(axis=2)
    left_y = truth - (known * between[:, :1, 1:]).sum(axis=2)
    met = crossed[:, :, 0] - (told * between[:, :1, 1:]).sum(axis=2)
    partial = _correlation(left, met, left_y, own, truth)
    return plain.T, partial.T


def _dense(columns: FloatArray) -> Int32Array:
    """Dense ranks from 0 of every row: (c, n) int32."""
    found = [np.unique(column, return_inverse=True)[1] for column in columns]
    return np.array(found, np.int32).reshape(np.shape(columns))


def spearman(x: FloatArray, y: FloatArray, weights: Int32Array | None = None) -> FloatArray:
    """Signed Spearman correlation, ties averaged, of every resample; NaN where a side is constant.

    Args:
        x: (n,) scores, finite.
        y: (n,) truth, finite.
        weights: (m, n) from `resamples`; None for each net once.

    Returns:
        (m,) float64, m = 1 without weights.
    """
    return np.asarray(rank_correlations(x[None], y, np.zeros((0, len(x))), weights)[0][0])


def _correlation(
    left: FloatArray, met: FloatArray, left_y: FloatArray, own: FloatArray, own_y: FloatArray
) -> FloatArray:
    """Of what is left of two variances, and their covariance; NaN where nothing is left of the whole."""
    known = (left > 1e-9 * np.maximum(1.0, own)) & (left_y > 1e-9 * np.maximum(1.0, own_y))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = met / np.sqrt(np.where(known, left * left_y, np.nan))
    return np.asarray(np.clip(found, -1.0, 1.0), np.float64)


def kendall(x: FloatArray, y: FloatArray, weights: Int32Array | None = None) -> FloatArray:
    """Signed Kendall tau-b of every resample: (m,) float64; NaN where a side is constant.

    A net drawn twice is tied with itself on both sides, as in a table with the row repeated.

    Args:
        x: (n,) scores, finite.
        y: (n,) truth, finite.
        weights: (m, n); None for each net once.
    """
    weights = np.ones((1, len(x)), np.int32) if weights is None else weights
    _, i = np.unique(x, return_inverse=True)
    _, j = np.unique(y, return_inverse=True)
    order = np.lexsort((j, i))
    return _kendall(i[order].astype(np.int32), j[order].astype(np.int32), np.take(weights.T, order, axis=0))


def _kendall(*ranked: Int32Array) -> FloatArray:
    """Of dense ranks, the first ones ascending, and weights."""
    return np.asarray(kendall_kernel(*ranked), np.float64)


def reason_undefined(x: FloatArray, y: FloatArray) -> str:
    """Why a correlation of these has no meaning; empty if it has one."""
    if len(x) < FEWEST:
        return f"undefined: {len(x)} nets, at least {FEWEST} are needed"
    if not np.isfinite(x).any():
        return "undefined: no net has a score"
    if len(np.unique(x)) < 2:
        return "undefined: the score is constant"
    return "undefined: the truth is constant" if len(np.unique(y)) < 2 else ""


def undefined(n: int, note: str) -> Estimate:
    """A statistic of n nets without meaning; `note` says why."""
    return Estimate(np.nan, np.nan, np.nan, n, note)


def estimate(value: npt.ArrayLike, drawn: FloatArray | None, n: int) -> Estimate:
    """A statistic and its interval.

    Args:
        value: Of each net once, one number; NaN where it is undefined given the controls.
        drawn: (m,) of every resample; None for no interval.
        n: Nets.
    """
    known = float(np.asarray(value).reshape(-1)[0])
    if not np.isfinite(known):
        return undefined(n, "undefined: the score follows from the controls")
    # Without the resamples in which it has no meaning an interval would be a conditional one.
    low, high = np.nan, np.nan
    if drawn is not None and len(drawn) and np.isfinite(drawn).all():
        low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return Estimate(known, low, high, n)


def ranked_last(values: FloatArray) -> FloatArray:
    """NaN becomes a value just below the lowest; where all are NaN they stay."""
    known = np.isfinite(values)
    if not known.any():
        return values
    return np.where(known, values, np.nextafter(values[known].min(), -np.inf))


def simultaneous(values: FloatArray, drawn: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Intervals that hold for all of several statistics at once in 95 of 100 cases: the max-t bootstrap.

    How far the worst of them strays in a resample, in standard errors of its own, sets the width of all (Romano and
    Wolf, Econometrica 73, 2005, single step). It knows how statistics of the same nets go together, and needs no
    quantile further out than the 95th, where Bonferroni's correction would need that of one in thousands of resamples.

    Args:
        values: (s,) the statistics, finite.
        drawn: (s, m) of the same resamples; a statistic that never varies has an interval of width 0.

    Returns:
        Lower and upper ends, twice (s,) float64; NaN for a statistic that is undefined in a resample.
    """
    if drawn.shape[1] < 2:
        return np.full(len(values), np.nan), np.full(len(values), np.nan)
    error = drawn.std(axis=1, ddof=1)  # NaN where a resample is
    varied = error > 1e-12
    width = 0.0
    if varied.any():
        strayed = np.abs(drawn[varied] - values[varied, None]) / error[varied, None]
        width = float(np.quantile(strayed.max(axis=0), 0.95))
    return values - width * error, values + width * error


def chance(
    y: FloatArray, controls: FloatArray, groups: npt.ArrayLike, count: int, seed: int
) -> tuple[Estimate, Estimate, Estimate]:
    """What scores that know nothing get: Spearman's correlation, the same given the controls, and Kendall's.

    The value is the expectation, 0; the interval holds 95 % of random scores. Rows of one net share one.

    Args:
        y: (n,) truth, finite.
        controls: (c, n), finite.
        groups: (n,) labels of the nets.
        count: Random scores; 0 for no interval.
        seed: Of these.
    """
    n, (_, inverse) = len(y), np.unique(np.asarray(groups), return_inverse=True)
    note = reason_undefined(np.arange(n, dtype=np.float64), y)
    if note:
        return (undefined(n, note),) * 3
    # A stream of its own: somebody's table may hold a permutation that the plain seed draws.
    rng, distinct = np.random.default_rng([seed, 1]), int(inverse.max()) + 1
    drawn = np.array([rng.permutation(distinct) for _ in range(count)], np.int32).reshape(count, distinct)[:, inverse]
    others, once = _dense(np.stack([y, *controls])), np.ones((1, n), np.int32)
    found = _rank_correlations(drawn, others, once)
    order = np.argsort(y)
    tau = np.array([_kendall(others[0][order], x[order], once.T)[0] for x in drawn])
    rho, given, tau_b = (estimate(0.0, values.ravel(), n) for values in (*found, tau))
    return rho, given, tau_b


def correlations(
    x: FloatArray, y: FloatArray, groups: npt.ArrayLike, count: int, seed: int
) -> tuple[Estimate, Estimate]:
    """Spearman's and Kendall's correlation with their intervals.

    Args:
        x: (n,) scores, finite.
        y: (n,) truth, finite.
        groups: (n,) labels of the nets, as for `resamples`.
        count: Resamples; 0 for no intervals.
        seed: Of the resamples.
    """
    note, n = reason_undefined(x, y), len(x)
    if note:
        return undefined(n, note), undefined(n, note)
    weights = resamples(groups, count, seed) if count else None
    rho, tau = ((f(x, y), f(x, y, weights) if count else None) for f in (spearman, kendall))
    return estimate(*rho, n), estimate(*tau, n)


def top(y: FloatArray, share: float) -> npt.NDArray[np.bool_]:
    """The best share of the nets by truth, those equal to the last of them too: (n,) bool."""
    keep = int(np.ceil(share * len(y)))
    return y >= np.sort(y)[len(y) - keep] if keep else np.zeros(len(y), np.bool_)


def bands(cost: FloatArray, count: int) -> Int64Array:
    """Number of each net's band, from cheap to dear: (n,) int64.

    Bands are between the quantiles of the cost, so about equally full; nets of equal cost stay together, and where
    a cost is frequent there may be fewer bands.
    """
    edges = np.unique(np.quantile(cost, np.arange(1, count) / count))
    return np.unique(np.searchsorted(edges, cost, side="right"), return_inverse=True)[1].astype(np.int64)


def _first(x: FloatArray, k: int) -> tuple[Int64Array, Int64Array, int]:
    """Nets surely among the best k by score, those tied for the last places, and how many places these share."""
    if not 1 <= k <= len(x):
        raise UsageError(f"The best {k} were asked for; there are {len(x)} nets.", "Take a smaller k.")
    last = np.sort(x)[len(x) - k]
    sure, tied = np.flatnonzero(x > last), np.flatnonzero(x == last)
    return sure, tied, k - len(sure)


def precision_at(x: FloatArray, y: FloatArray, k: int) -> float:
    """Share of the k nets with the best score that are among the k best by truth.

    Ties for the last places, on either side, count with the chance that a net gets one.

    Raises:
        UsageError: There are fewer than k nets.
    """
    chances = []
    for values in (x, y):
        sure, tied, places = _first(values, k)
        chance = np.zeros(len(values))
        chance[sure], chance[tied] = 1.0, places / len(tied)
        chances.append(chance)
    return float((chances[0] * chances[1]).sum() / k)


def best_rank_at(x: FloatArray, y: FloatArray, k: int) -> float:
    """True rank (1 is the best net) of the best of the k nets with the best score.

    Where scores tie for the last places, the mean over all ways to fill them.

    Raises:
        UsageError: There are fewer than k nets.
    """
    sure, tied, places = _first(x, k)
    ranks = 1.0 + np.searchsorted(np.sort(-y), -y, side="left")
    best = ranks[sure].min() if len(sure) else np.inf
    ordered = np.minimum(np.sort(ranks[tied]), best)
    # The j-th of g ordered nets is the best of a random set of r with chance C(g-1-j, r-1) / C(g, r).
    left, total, expected = 1.0, len(tied), 0.0
    for j in range(total - places + 1):
        chance = places / (total - j)
        expected += left * chance * float(ordered[j])
        left *= 1.0 - chance
    return expected


def ndcg_at(x: FloatArray, y: FloatArray, k: int) -> float:
    """Normalised discounted cumulative gain of the k nets with the best score.

    A net's gain is 2^(accuracy - best accuracy) in points: one point below the best counts half, ten a thousandth.
    Position i from 1 is discounted by 1 / log2(1 + i); nets of equal score share their positions' discounts.

    Args:
        x: (n,) scores.
        y: (n,) accuracies in percent.
        k: Positions.

    Raises:
        UsageError: There are fewer than k nets.
    """
    _first(x, k)
    gain = np.exp2(y - y.max())
    discount = np.where(np.arange(len(x)) < k, 1 / np.log2(2.0 + np.arange(len(x))), 0.0)
    _, inverse = np.unique(-x, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    shared = np.bincount(inverse[order], discount) / np.bincount(inverse)
    return float((gain * shared[inverse]).sum() / (np.sort(gain)[::-1] * discount).sum())
