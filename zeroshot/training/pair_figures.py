"""What the trained nets of a pair do: the threshold from validation images, the figures from test images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isinf
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.measure import Outcome, expected_cost, hits, measure, outcome, verdict
from zeroshot.cascade.thresholds import relative_to_class, threshold_for_rate
from zeroshot.runs.rows import MeasuredCascade, PairForecast, Threshold
from zeroshot.training.batches import Split
from zeroshot.types import FloatArray, Int64Array

Limit = float | FloatArray  # one threshold, or one for each class that the little net answers
Choose = Callable[[Outcome, Int64Array], Limit]


class Judged(Protocol):
    """A net whose outputs are known: a `TrainedNet`, or an int8 net."""

    @property
    def outputs(self) -> Mapping[str, npt.NDArray[Any]]:
        """`validation` and `test` -> logits (n, classes), of any one unit."""

    @property
    def test_accuracy(self) -> float:
        """A fraction."""


def pair_figures(
    predicted: PairForecast, nets: Mapping[str, Judged], data: Split, policy: str, seed: int,
    choose: Choose | None = None,
) -> MeasuredCascade:  # fmt: skip
    """Measure one pair: the threshold is chosen on the validation images, all other figures are of the test images.

    Args:
        predicted: What the search expected.
        nets: `little`, `big` and maybe `single` -> the trained net.
        data: The split that they were trained on.
        policy: Score that decides on escalation.
        seed: Of the bootstrap.
        choose: Threshold, or one a class, from the pair's outcome on the validation images and the little net's answers
            (n,) to them; by default the quantile of scores at the rate that the search had chosen, so that both
            columns speak of the same working point.
    """
    point = _working_point(predicted, nets["little"], nets["big"], data, policy, choose)
    done = measure(point.tested, point.threshold, seed=seed)
    rate = predicted.escalation_rate
    return MeasuredCascade(
        accuracy=done.accuracy, accuracy_low=done.accuracy_interval[0], accuracy_high=done.accuracy_interval[1],
        little_accuracy=done.little_accuracy, big_accuracy=done.big_accuracy,
        threshold=written(point.limit), escalation_rate_validation=point.rate,
        escalation_rate=done.p, escalation_rate_low=done.p_interval[0], escalation_rate_high=done.p_interval[1],
        little_escalated=done.little_escalated, big_escalated=done.big_escalated,
        both_wrong=done.both_wrong, error_correlation=done.error_correlation,
        latency_ms=cost_at(predicted.latency_ms, predicted.worst_latency_ms, rate, done.p),
        energy_mj=cost_at(predicted.energy_mj, predicted.worst_energy_mj, rate, done.p),
        **_against_single(nets.get("single"), point, data, seed),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _WorkingPoint:
    """Where a cascade works.

    Attributes:
        limit: The threshold, or one a class.
        threshold: Of the scores in `tested`, which are counted from their class's threshold where there are several.
        rate: Escalation rate on the validation images.
        tested: Outcome on the test images.
    """

    limit: Limit
    threshold: float
    rate: float
    tested: Outcome


def _working_point(
    predicted: PairForecast, little: Judged, big: Judged, data: Split, policy: str, choose: Choose | None
) -> _WorkingPoint:
    """Choose the threshold; arguments as `pair_figures`."""
    chosen, tested = (outcome_on(little, big, data, part, policy) for part in ("validation", "test"))
    answers, answers_on_test = (little.outputs[part].argmax(axis=1) for part in ("validation", "test"))
    limit: Limit = threshold_for_rate(chosen.score, predicted.escalation_rate)
    if choose is not None:
        limit = choose(chosen, answers)
    if not isinstance(limit, np.ndarray):
        return _WorkingPoint(limit, limit, float((chosen.score < limit).mean()), tested)
    relative = relative_to_class(chosen, answers, limit)
    rate = float((relative.score < 0.0).mean())
    return _WorkingPoint(limit, 0.0, rate, relative_to_class(tested, answers_on_test, limit))


def _against_single(single: Judged | None, point: _WorkingPoint, data: Split, seed: int) -> dict[str, Any]:
    """The columns that compare a pair with its single net; none where none was trained."""
    if single is None:
        return {}
    alone = hits(single.outputs["test"], data.labels("test"))
    against = verdict(point.tested, point.threshold, alone, seed=seed)
    low, high = against.interval
    return {
        "single_accuracy": single.test_accuracy, "gain": against.gain, "gain_low": low, "gain_high": high,
        "verdict": against.words,
    }  # fmt: skip


def written(limit: Limit) -> Threshold:
    """A threshold as tables hold it: a number, the word inf, or one for each class with spaces between."""
    if isinstance(limit, np.ndarray):
        return " ".join(f"{each:.9g}" for each in limit)
    return "inf" if isinf(limit) else limit


def outcome_on(little: Judged, big: Judged, data: Split, part: str, policy: str) -> Outcome:
    """What two nets did on the images of a part."""
    return outcome(little.outputs[part], big.outputs[part], data.labels(part), policy)


def cost_at(expected: float, worst: float, p: float, measured_p: float) -> float:
    """The expected cost at another escalation rate; costs are the cost model's, only the rate is measured."""
    if p >= 1:  # expected and worst are one figure then, and do not say what the big net costs
        return expected if measured_p >= 1 else float("nan")
    big = (worst - expected) / (1 - p)
    return expected_cost(worst - big, big, measured_p)
