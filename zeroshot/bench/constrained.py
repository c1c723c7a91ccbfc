"""Search under a limit on latency or energy: what a proxy's favourite loses against the true best net."""

from collections.abc import Sequence
from dataclasses import dataclass

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
        nets: Name of the table.
        task: Of its accuracies.
        cost: Name of the cost.
        proxy: Name of the proxy.
        limits: (m,) ascending, in the cost's unit.
        best: (m,) accuracy of the best net within the limit, percent.
        picked: (m,) accuracy of the net with the best score within it, the mean over nets of equal best score.
    """

    nets: str
    task: str
    cost: str
    proxy: str
    limits: FloatArray
    best: FloatArray
    picked: FloatArray

    @property
    def regret(self) -> FloatArray:
        """(m,) points of accuracy lost, at least 0."""
        return self.best - self.picked

    @property
    def points(self) -> float:
        """Mean regret over the limits."""
        return float(self.regret.mean())


def limits_of(cost: FloatArray, count: int = LIMITS) -> FloatArray:
    """Limits at even quantiles of the cost: (count,), the last one admits every net."""
    return np.asarray(np.quantile(cost, np.arange(1, count + 1) / count))


def sweep(truth: Truth, task: str, cost: str, proxy: str, limits: FloatArray | None = None) -> Sweep:
    """The net that a proxy picks under each limit, and the true best.

    Nets whose cost was not measured do not take part. A net on which the proxy is undefined is picked where it is
    defined on none within the limit: all nets there are then equally good to it, as they are to `random`.

    Args:
        truth: The nets.
        task: Of `truth.accuracy`.
        cost: Of `truth.costs`.
        proxy: Of `truth.scores`.
        limits: Ascending; by default `limits_of` the cost.

    Raises:
        UsageError: A name is unknown.
        DataError: No net has this cost, or none is within the first limit.
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
    if not len(costs):
        raise DataError(f"The cost {cost!r} was measured on no net.")
    limits = limits_of(costs) if limits is None else np.asarray(limits, np.float64)
    if costs.min() > limits[0]:
        raise DataError(f"No net keeps {cost!r} at {limits[0]:g}.", "Raise the lowest limit.")
    rows = [_pick(scores, accuracy, costs, limit) for limit in limits.tolist()]
    best, picked = (np.array(column) for column in zip(*rows, strict=True))
    return Sweep(truth.name, task, cost, proxy, limits, best, picked)


def _pick(scores: FloatArray, accuracy: FloatArray, costs: FloatArray, limit: float) -> tuple[float, float]:
    inside = costs <= limit
    chosen = inside & (scores == scores[inside].max())
    return float(accuracy[inside].max()), float(accuracy[chosen].mean())


def sweeps(truth: Truth, task: str, costs: Sequence[str], proxies: Sequence[str]) -> list[Sweep]:
    """The default sweep, one a proxy and cost."""
    return [sweep(truth, task, cost, proxy) for proxy in proxies for cost in costs]


def pareto_front(cost: FloatArray, accuracy: FloatArray) -> npt.NDArray[np.int64]:
    """Rows of the nets that no other beats on both, from cheap to dear."""
    order = np.lexsort((-accuracy, cost))
    before = np.concatenate([[-np.inf], np.maximum.accumulate(accuracy[order])[:-1]])
    return np.asarray(order[accuracy[order] > before], np.int64)
