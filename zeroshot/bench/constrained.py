"""Search under a limit on latency or energy: what a proxy's favourite loses against the true best net."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zeroshot.bench.table import Truth
from zeroshot.errors import DataError, unknown
from zeroshot.types import FloatArray

LIMITS = 20


@dataclass(frozen=True)
class Sweep:
    """One proxy over a sweep of limits on one cost.

    Attributes:
        cost: Name of the cost.
        proxy: Name of the proxy.
        limits: (m,) ascending, in the cost's unit.
        best: (m,) accuracy of the best net within the limit, percent.
        picked: (m,) accuracy of the net with the best score within it, the mean over nets of equal best score.
    """

    cost: str
    proxy: str
    limits: FloatArray
    best: FloatArray
    picked: FloatArray

    @property
    def regret(self) -> FloatArray:
        """(m,) points of accuracy lost, at least 0."""
        return self.best - self.picked


def limits_of(cost: FloatArray, count: int = LIMITS) -> FloatArray:
    """Limits at even quantiles of the cost: (count,), the last one admits every net."""
    return np.asarray(np.quantile(cost, np.arange(1, count + 1) / count))


def sweep(truth: Truth, task: str, cost: str, proxy: str, limits: FloatArray | None = None) -> Sweep:
    """The net that a proxy picks under each limit, and the true best.

    Nets whose cost was not measured do not take part, nor do nets on which the proxy is undefined get picked.

    Args:
        truth: The nets.
        task: Of `truth.accuracy`.
        cost: Of `truth.costs`.
        proxy: Of `truth.scores`.
        limits: Ascending; by default `limits_of` the cost.

    Raises:
        UsageError: A name is unknown.
        DataError: No net has this cost and score, or none is within the first limit.
    """
    for kind, name, known in (
        ("task", task, truth.accuracy),
        ("cost", cost, truth.costs),
        ("proxy", proxy, truth.scores),
    ):
        if name not in known:
            raise unknown(kind, name, known)
    measured = np.isfinite(truth.costs[cost])
    costs, accuracy = truth.costs[cost][measured], truth.accuracy[task][measured]
    scores = np.where(np.isfinite(truth.scores[proxy][measured]), truth.scores[proxy][measured], -np.inf)
    if not np.isfinite(scores).any():
        raise DataError(f"No net has both {cost!r} and a score of {proxy!r}.")
    limits = limits_of(costs) if limits is None else np.asarray(limits, np.float64)
    if costs[np.isfinite(scores)].min() > limits[0]:
        raise DataError(f"No net with a score of {proxy!r} keeps {cost!r} at {limits[0]:g}.", "Raise the lowest limit.")
    rows = [_pick(scores, accuracy, costs, limit) for limit in limits.tolist()]
    best, picked = (np.array(column) for column in zip(*rows, strict=True))
    return Sweep(cost, proxy, limits, best, picked)


def _pick(scores: FloatArray, accuracy: FloatArray, costs: FloatArray, limit: float) -> tuple[float, float]:
    inside = costs <= limit
    chosen = inside & (scores == scores[inside].max())
    return float(accuracy[inside].max()), float(accuracy[chosen].mean())


def random_sweep(truth: Truth, task: str, cost: str, limits: FloatArray | None = None) -> Sweep:
    """What a net drawn at random within each limit gives on average."""
    measured = truth.rows(np.isfinite(truth.costs[cost]))
    return sweep(measured.with_scores({"random": np.zeros(len(measured))}), task, cost, "random", limits)


class MeanRegret(NamedTuple):
    """What a proxy's favourite loses on average over the default sweep of limits on one cost, points of accuracy."""

    nets: str
    task: str
    proxy: str
    cost: str
    points: float


def mean_regrets(truth: Truth, task: str, costs: Sequence[str], proxies: Sequence[str]) -> list[MeanRegret]:
    """One a proxy and cost; `random` is the mean over all nets within a limit, not one draw."""
    found = []
    for proxy in proxies:
        for cost in costs:
            each = random_sweep(truth, task, cost) if proxy == "random" else sweep(truth, task, cost, proxy)
            found.append(MeanRegret(truth.name, task, proxy, cost, float(each.regret.mean())))
    return found


def pareto_front(cost: FloatArray, accuracy: FloatArray) -> npt.NDArray[np.int64]:
    """Rows of the nets that no other beats on both, from cheap to dear."""
    order = np.lexsort((-accuracy, cost))
    before = np.concatenate([[-np.inf], np.maximum.accumulate(accuracy[order])[:-1]])
    return np.asarray(order[accuracy[order] > before], np.int64)
