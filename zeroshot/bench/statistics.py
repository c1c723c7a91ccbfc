"""Rank statistics of one score against the truth, with bootstrap intervals over nets.

Correlations are signed and never made positive. A resample is a row of whole-number weights, how often each net was
drawn, so that no statistic has to copy nets: `spearman` and `kendall` of a row of weights are those of the sample with
every net repeated as often. A statistic without meaning is NaN; `reason_undefined` says why.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeroshot.bench._kendall import kendall_kernel
from zeroshot.errors import UsageError
from zeroshot.types import FloatArray, Int64Array

FEWEST = 5  # nets below which no correlation is given
_CHUNK = 2_000_000  # numbers a temporary array may have


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


def resamples(groups: npt.ArrayLike, count: int, seed: int) -> Int64Array:
    """Bootstrap weights: rows of one group, which are the same net, are drawn together.

    Args:
        groups: (n,) labels; all different where every row is a net of its own.
        count: Number of resamples.
        seed: Of the draw.

    Returns:
        (count, n) int64; each row's weights are those of as many draws, with replacement, as there are groups.
    """
    _, inverse = np.unique(np.asarray(groups), return_inverse=True)
    n = int(inverse.max()) + 1 if len(inverse) else 0
    if not n:
        return np.zeros((count, 0), np.int64)
    rng = np.random.default_rng(seed)
    drawn = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(count)])
    return np.asarray(drawn[:, inverse], np.int64)


def midranks(x: FloatArray, weights: Int64Array) -> FloatArray:
    """Ranks from 1, ties averaged, of every net in every resample: (n,), (m, n) -> (m, n) float64."""
    values, inverse = np.unique(x, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(len(values)))
    drawn = np.add.reduceat(weights[:, order], starts, axis=1).astype(np.float64)
    return np.asarray((np.cumsum(drawn, axis=1) - drawn / 2 + 0.5)[:, inverse])


class Ranked:
    """Truth and controls of some nets, ranked once in every resample for any number of scores.

    Args:
        y: (n,) truth, finite.
        controls: (c, n), finite; they may follow from each other.
        weights: (m, n) from `resamples`; None for each net once.
    """

    def __init__(self, y: FloatArray, controls: FloatArray, weights: Int64Array | None = None) -> None:
        self.weights = np.ones((1, len(y)), np.int64) if weights is None else weights
        self._middle = (self.weights.sum(axis=1)[:, None] + 1) / 2
        self._ranks = np.stack([midranks(row, self.weights) - self._middle for row in (y, *controls)], axis=1)
        weighted = self._ranks * self.weights[:, None, :]
        self._cov = weighted @ self._ranks.transpose(0, 2, 1)

    def correlations(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Signed Spearman correlation of scores with the truth, plain and given the controls, of every resample.

        Args:
            x: (n,) scores, finite.

        Returns:
            Twice (m,) float64. NaN where a side is constant, or follows from the controls; without controls the two
            are the same.
        """
        step = max(1, _CHUNK // max(1, len(x)))
        parts = [self._correlated(x, slice(i, i + step)) for i in range(0, len(self.weights), step)]
        plain, partial = zip(*parts, strict=True) if parts else ([np.zeros(0)], [np.zeros(0)])
        return np.concatenate(plain), np.concatenate(partial)

    def _correlated(self, x: FloatArray, some: slice) -> tuple[FloatArray, FloatArray]:
        weights, others = self.weights[some], self._ranks[some]
        if not len(x):
            return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
        ranks = midranks(x, weights) - self._middle[some]
        cov = np.empty((len(weights), 1 + others.shape[1], 1 + others.shape[1]))
        cov[:, 1:, 1:] = self._cov[some]
        weighted = ranks * weights
        cov[:, 0, 0] = (weighted * ranks).sum(axis=1)
        cov[:, 0, 1:] = cov[:, 1:, 0] = (others @ weighted[:, :, None])[:, :, 0]
        plain = _correlation(cov[:, :2, :2], cov)
        if others.shape[1] == 1:
            return plain, plain
        inverse = np.linalg.pinv(cov[:, 2:, 2:], rcond=1e-9, hermitian=True)
        return plain, _correlation(cov[:, :2, :2] - cov[:, :2, 2:] @ inverse @ cov[:, 2:, :2], cov)


def spearman(x: FloatArray, y: FloatArray, weights: Int64Array | None = None) -> FloatArray:
    """Signed Spearman correlation, ties averaged, of every resample; NaN where a side is constant.

    Args:
        x: (n,) scores, finite.
        y: (n,) truth, finite.
        weights: (m, n) from `resamples`; None for each net once.

    Returns:
        (m,) float64, m = 1 without weights.
    """
    return Ranked(y, np.zeros((0, len(x))), weights).correlations(x)[0]


def _correlation(free: FloatArray, cov: FloatArray) -> FloatArray:
    """Of what is left of two covariances; NaN where nothing is left."""
    own = np.stack([free[:, 0, 0], free[:, 1, 1]])
    known = (own > 1e-9 * np.maximum(1.0, np.stack([cov[:, 0, 0], cov[:, 1, 1]]))).all(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = free[:, 0, 1] / np.sqrt(np.where(known, own[0] * own[1], np.nan))
    return np.asarray(np.clip(found, -1.0, 1.0))


def kendall(x: FloatArray, y: FloatArray, weights: Int64Array | None = None) -> FloatArray:
    """Signed Kendall tau-b of every resample: (m,) float64; NaN where a side is constant.

    A net drawn twice is tied with itself on both sides, as in a table with the row repeated.

    Args:
        x: (n,) scores, finite.
        y: (n,) truth, finite.
        weights: (m, n); None for each net once.
    """
    weights = np.ones((1, len(x)), np.int64) if weights is None else weights
    _, i = np.unique(x, return_inverse=True)
    _, j = np.unique(y, return_inverse=True)
    order = np.lexsort((j, i))
    return np.asarray(kendall_kernel(i[order], j[order], np.ascontiguousarray(weights[:, order])))


def reason_undefined(x: FloatArray, y: FloatArray) -> str:
    """Why a correlation of these has no meaning; empty if it has one."""
    if len(x) < FEWEST:
        return f"undefined: {len(x)} nets, at least {FEWEST} are needed"
    if len(np.unique(x)) < 2:
        return "undefined: the score is constant"
    return "undefined: the truth is constant" if len(np.unique(y)) < 2 else ""


def undefined(n: int, note: str) -> Estimate:
    """A statistic of n nets without meaning; `note` says why."""
    return Estimate(np.nan, np.nan, np.nan, n, note)


def estimate(value: FloatArray, drawn: FloatArray | None, n: int) -> Estimate:
    """A statistic and its interval.

    Args:
        value: (1,) of each net once, NaN where it is undefined given the controls.
        drawn: (m,) of every resample; None for no interval.
        n: Nets.
    """
    if not np.isfinite(value[0]):
        return undefined(n, "undefined: the score follows from the controls")
    # Without the resamples in which it has no meaning an interval would be a conditional one.
    low, high = np.nan, np.nan
    if drawn is not None and len(drawn) and np.isfinite(drawn).all():
        low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return Estimate(float(value[0]), low, high, n)


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
