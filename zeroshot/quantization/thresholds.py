"""Where a quantised cascade escalates: the rule that turns validation scores into one threshold a pair."""

from math import isinf
from typing import Any

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.policy import DEFAULT_POLICY
from zeroshot.cascade.thresholds import Rule
from zeroshot.errors import InfeasibleError
from zeroshot.int8.decision import Bias, biased
from zeroshot.int8.net import Int8Net
from zeroshot.quantization.options import QuantizeOptions
from zeroshot.quantization.pixels_and_logits import dequantised
from zeroshot.runs.rows import PairForecast, Threshold
from zeroshot.training.costs import cost_of, highest_rate
from zeroshot.types import Int8Array
from zeroshot.units import to_mj, to_ms

IN_INTEGERS = DEFAULT_POLICY  # the policy whose scores are integers: the gap between the two largest int8 logits
ALL = 256  # the threshold above every gap: int8 logits lie 255 apart at most


def rule_for(options: QuantizeOptions, predicted: PairForecast, classes: int) -> Rule:
    """The rule that gives one pair its threshold or thresholds.

    Args:
        options: Of the quantisation.
        predicted: The pair.
        classes: Of the data.

    Raises:
        InfeasibleError: The pair cannot keep a budget, whatever its threshold.
    """
    if options.accuracy_floor is not None:
        return Rule(floor=options.accuracy_floor)
    return Rule(_rate(options, predicted), classes=classes if options.per_class else None)


def _rate(options: QuantizeOptions, predicted: PairForecast) -> float:
    if options.rate is not None:
        return options.rate
    if options.latency is not None:
        return rate_within(predicted, "latency_ms", to_ms(options.latency), "ms")
    if options.energy is not None:
        return rate_within(predicted, "energy_mj", to_mj(options.energy), "mJ")
    return predicted.escalation_rate


def rate_within(predicted: PairForecast, cost: str, budget: float, unit: str) -> float:
    """The highest escalation rate whose expected cost is within a budget.

    Args:
        predicted: The pair.
        cost: `latency_ms` or `energy_mj`.
        budget: In the same unit.
        unit: For messages.

    Raises:
        InfeasibleError: The little net alone costs more, or nobody knows what the big net costs.
    """
    rate = highest_rate(predicted, cost, budget)
    if rate is None:
        base = cost_of(predicted, cost, 0.0)
        why = f"the little net alone takes {base:.3g} {unit}"
        if np.isnan(base):
            why = "the search let every input escalate, so that its costs are one figure"
        raise InfeasibleError(
            f"Pair {predicted.rank} cannot keep {budget:g} {unit}: {why}.", "Give a larger budget, or another rule."
        )
    return rate


def comparable(net: Int8Net, logits: Int8Array, policy: str, bias: Bias = ()) -> npt.NDArray[Any]:
    """Int8 logits in the unit in which a policy's score compares with its threshold.

    Args:
        net: That gave them.
        logits: (n, classes) int8.
        policy: With `logit-gap` the integers themselves, so that scores and threshold are integers; with the others,
            which need exponentials, the real numbers that they stand for.
        bias: Of each class, in steps of the logits, which is added; empty for none.
    """
    found = biased(logits, bias).astype(np.int16)
    return found if policy == IN_INTEGERS else dequantised(net, found)


def device_threshold(threshold: Threshold, policy: str) -> Threshold:
    """The threshold as a device compares it: an input escalates if and only if its score is below it.

    Args:
        threshold: As a `MeasuredCascade` has it: of several, all are translated.
        policy: Of the scores.

    The score of `logit-gap` is the largest int8 logit minus the second largest, an integer from 0 to 255, and its
    threshold an integer from 0 (nothing escalates) to 256 (everything does): the gap in steps of the logits' scale.
    """
    if policy != IN_INTEGERS:
        return threshold
    whole = [_integer(float(each)) for each in str(threshold).split()]
    return whole[0] if len(whole) == 1 else " ".join(map(str, whole))


def _integer(threshold: float) -> int:
    return (ALL if threshold > 0 else 0) if isinf(threshold) else int(threshold)
