"""Where a quantised cascade escalates: a rule that turns validation scores into one threshold a pair."""

from dataclasses import dataclass
from math import isinf
from typing import Any

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.measure import threshold_for_accuracy, threshold_for_rate
from zeroshot.cascade.per_class import thresholds_per_class
from zeroshot.cascade.policy import DEFAULT_POLICY, POLICIES
from zeroshot.errors import InfeasibleError, UsageError, unknown
from zeroshot.int8.net import Int8Net
from zeroshot.quantization._subject import real_logits
from zeroshot.training.pair_figures import Choose, cost_at
from zeroshot.types import Int8Array
from zeroshot.units import Quantity, to_mj, to_ms

Row = dict[str, Any]
WHOLE = DEFAULT_POLICY  # the policy whose scores are integers: the gap between the two largest int8 logits
ALL = 256  # the threshold above every gap: int8 logits lie 255 apart at most


@dataclass(frozen=True)
class Rule:
    """How the threshold of each pair is chosen, on the validation images; at most one of the four is given.

    Without any of them, inputs escalate at the rate that the search had chosen for the pair.

    Attributes:
        rate: Largest share of inputs that escalate, in [0, 1].
        accuracy: Accuracy that the cascade has at least, a fraction, at the fewest escalations.
        latency: Largest expected latency, such as 50ms, by the cost model of the search.
        energy: Largest expected energy, such as 2mJ, by the same.
        policy: Score of the little net that decides.
        per_class: A threshold for each class that the little net answers instead of one, for the most right answers on
            the validation images at the same rate.
    """

    rate: float | None = None
    accuracy: float | None = None
    latency: Quantity = None
    energy: Quantity = None
    policy: str = DEFAULT_POLICY
    per_class: bool = False

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise unknown("escalation policy", self.policy, POLICIES)
        given = [name for name in ("rate", "accuracy", "latency", "energy") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"A threshold follows one rule, not {len(given)}: {', '.join(given)}.", "Give one.")
        for name in ("rate", "accuracy"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise UsageError(f"{name} must be from 0 to 1, not {share}.", "0.3 is 30 %.")
        if self.per_class and self.accuracy is not None:
            raise UsageError(
                "Thresholds a class share out a rate of escalations; an accuracy floor names none.",
                "Give `rate`, `latency` or `energy` with `per_class=True`.",
            )
        to_ms(self.latency, "Latency")
        to_mj(self.energy, "Energy")

    def chooser(self, predicted: Row, classes: int) -> Choose:
        """The rule for one pair: from its outcome on the validation images to its threshold or thresholds.

        Args:
            predicted: The pair's row, as `zeroshot.training.pair_figures.parsed` gives.
            classes: Of the data.

        Returns:
            A function that raises InfeasibleError where no threshold does what is asked for.
        """
        if self.accuracy is not None:
            floor = self.accuracy
            return lambda found, answers: threshold_for_accuracy(found, floor)
        if self.rate is not None:
            share = self.rate
        elif self.latency is not None:
            share = rate_within(predicted, "latency_ms", to_ms(self.latency), "ms")
        elif self.energy is not None:
            share = rate_within(predicted, "energy_mj", to_mj(self.energy), "mJ")
        else:
            share = predicted["escalation_rate"]
        if self.per_class:
            return lambda found, answers: thresholds_per_class(found, answers, classes, share)
        return lambda found, answers: threshold_for_rate(found.score, share)

    def values(self) -> Row:
        """As a mapping of plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def rate_within(predicted: Row, cost: str, budget: float, unit: str) -> float:
    """The highest escalation rate whose expected cost is within a budget.

    Args:
        predicted: Row of a pair.
        cost: `latency_ms` or `energy_mj`.
        budget: In the same unit.
        unit: For messages.

    Raises:
        InfeasibleError: The little net alone costs more, or the row does not say what the big net costs.
    """
    expected, worst = predicted[cost], predicted[f"worst_{cost}"]
    base = cost_at(expected, worst, predicted["escalation_rate"], 0.0)
    if not base <= budget:
        why = f"the little net alone takes {base:.3g} {unit}"
        if np.isnan(base):
            why = "the search let every input escalate, so that its costs are one figure"
        raise InfeasibleError(
            f"Pair {predicted['rank']} cannot keep {budget:g} {unit}: {why}.", "Give a larger budget, or another rule."
        )
    return min(1.0, (budget - base) / (worst - base)) if worst > base else 1.0


def scored(net: Int8Net, whole: Int8Array, policy: str) -> npt.NDArray[Any]:
    """Int8 logits in the unit in which a policy's score compares with its threshold.

    Args:
        net: That gave them.
        whole: (n, classes) int8.
        policy: With `logit-gap` the integers themselves, so that scores and threshold are integers; with the others,
            which need exponentials, the real numbers that they stand for.
    """
    return whole.astype(np.int16) if policy == WHOLE else real_logits(net, whole)


def device_threshold(threshold: float | str, policy: str) -> float | int | str:
    """The threshold as a device compares it: an input escalates if and only if its score is below it.

    Args:
        threshold: As `zeroshot.training.pair_figures.written` gives: of several, all are translated.
        policy: Of the scores.

    The score of `logit-gap` is the largest int8 logit minus the second largest, an integer from 0 to 255, and its
    threshold an integer from 0 (nothing escalates) to 256 (everything does): the gap in steps of the logits' scale.
    """
    if policy != WHOLE:
        return threshold
    whole = [_whole(float(each)) for each in str(threshold).split()]
    return whole[0] if len(whole) == 1 else " ".join(map(str, whole))


def _whole(threshold: float) -> int:
    return (ALL if threshold > 0 else 0) if isinf(threshold) else int(threshold)
