"""What a pair costs at an escalation rate, and the budgets that it was asked to keep; costs are the cost model's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Self

from zeroshot.cascade.measure import expected_cost
from zeroshot.runs.rows import PairForecast

COSTS = ("latency_ms", "energy_mj")
SLACK = 1 + 1e-9  # costs of single nets and budgets are compared with sums that were rounded on the way


@dataclass(frozen=True)
class CostLimits:
    """Budgets of expected cost; infinity for none.

    Attributes:
        latency_ms: Of an input on average, ms.
        energy_mj: The same, mJ.
    """

    latency_ms: float = inf
    energy_mj: float = inf

    @classmethod
    def asked(cls, config: Mapping[str, Any]) -> Self:
        """Those of a search's config."""
        latency, energy = config.get("latency_limit"), config.get("energy_limit")
        return cls(inf if latency is None else float(latency), inf if energy is None else float(energy))

    def broken(self, predicted: PairForecast, rate: float) -> Iterator[str]:
        """Which of `COSTS` a pair overdraws at an escalation rate."""
        for cost in COSTS:
            if cost_of(predicted, cost, rate) > getattr(self, cost) * SLACK:
                yield cost

    def rate_within(self, predicted: PairForecast) -> float | None:
        """The highest escalation rate at which a pair keeps all of them; None where there is no such rate."""
        rates = [highest_rate(predicted, cost, getattr(self, cost)) for cost in COSTS]
        known = [rate for rate in rates if rate is not None]
        return min(known) if len(known) == len(rates) else None


def cost_of(predicted: PairForecast, cost: str, rate: float) -> float:
    """What a pair costs at an escalation rate; NaN where the search let every input escalate and this rate does not.

    Args:
        predicted: The pair, with its costs at the rate that the search chose.
        cost: One of `COSTS`.
        rate: A fraction.
    """
    expected, worst, p = getattr(predicted, cost), getattr(predicted, f"worst_{cost}"), predicted.escalation_rate
    if p >= 1:  # expected and worst are one figure then, and do not say what the big net costs
        return float(expected) if rate >= 1 else float("nan")
    big = (worst - expected) / (1 - p)
    return expected_cost(worst - big, big, rate)


def highest_rate(predicted: PairForecast, cost: str, budget: float) -> float | None:
    """The highest escalation rate whose expected cost is within a budget.

    Args:
        predicted: The pair.
        cost: One of `COSTS`.
        budget: In its unit.

    Returns:
        A fraction; None where the little net alone costs more, or nobody knows what it costs.
    """
    base, worst = cost_of(predicted, cost, 0.0), float(getattr(predicted, f"worst_{cost}"))
    if worst <= budget:
        return 1.0
    if not base <= budget:
        return None
    return min(1.0, (budget - base) / (worst - base)) if worst > base else 1.0
