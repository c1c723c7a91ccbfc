"""What the trained nets of a pair do: the threshold from validation images, the figures from test images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isinf
from typing import Any, Self

import numpy as np

from zeroshot.cascade.measure import Measured, Outcome, measure, outcome, right_answers
from zeroshot.cascade.thresholds import Limit, Rule, relative_to_class
from zeroshot.runs.rows import MeasuredCascade, PairForecast, PairModels, Threshold
from zeroshot.training.batches import Split
from zeroshot.training.costs import COSTS, CostLimits, cost_of
from zeroshot.training.rivals import Alone, Judged, against, all_alone, rivals_of


@dataclass(frozen=True, eq=False)
class Trial:
    """What all pairs of a run are measured with.

    Attributes:
        nets: Name -> trained net.
        data: The split that they were trained on.
        policy: Score that decides on escalation.
        seed: Of the bootstrap.
        limits: Budgets that were asked for.
        alone: What each net does without a partner.
    """

    nets: Mapping[str, Judged]
    data: Split
    policy: str
    seed: int
    limits: CostLimits
    alone: list[Alone] = field(repr=False)

    @classmethod
    def of(
        cls, pairs: Iterable[tuple[PairForecast, PairModels]], nets: Mapping[str, Judged], data: Split, policy: str,
        seed: int, limits: CostLimits,
    ) -> Self:  # fmt: skip
        """The trial of some pairs, each given with the names of its trained nets."""
        return cls(nets, data, policy, seed, limits, all_alone(pairs, nets, data))


def pair_figures(
    predicted: PairForecast, models: PairModels, trial: Trial, rule: Rule | None = None
) -> MeasuredCascade:  # fmt: skip
    """Measure one pair: validation images choose its threshold and its rival, all other figures are of the test images.

    Args:
        predicted: What the search expected.
        models: Names of the trained nets.
        trial: What the pairs are measured with.
        rule: How the threshold is chosen; by default at the rate that the search had chosen, so that both columns
            speak of the same working point.
    """
    rule = rule or Rule(predicted.escalation_rate)
    point = _working_point(models, trial, rule)
    done = measure(point.tested, point.threshold, seed=trial.seed)
    # What was granted counts too: a threshold lands a little below its rate, and must not lose a rival by that.
    rates = {point.rate, done.p, *([rule.rate] if rule.floor is None else [])}
    latency = float(np.fmax.reduce([cost_of(predicted, "latency_ms", rate) for rate in rates]))
    rivals = rivals_of(models, trial.alone, latency, trial.limits)
    single = trial.nets[models.single].test_accuracy if models.single is not None else None
    return MeasuredCascade(
        accuracy=done.accuracy, accuracy_low=done.accuracy_interval[0], accuracy_high=done.accuracy_interval[1],
        little_accuracy=done.little_accuracy, big_accuracy=done.big_accuracy,
        threshold=written(point.limit), escalation_rate_validation=point.rate,
        escalation_rate=done.p, escalation_rate_low=done.p_interval[0], escalation_rate_high=done.p_interval[1],
        little_escalated=done.little_escalated, big_escalated=done.big_escalated,
        both_wrong=done.both_wrong, error_correlation=done.error_correlation,
        latency_ms=cost_of(predicted, "latency_ms", done.p), energy_mj=cost_of(predicted, "energy_mj", done.p),
        single_accuracy=single, **against(rivals, models, point.tested, point.threshold, trial.seed),
        **_budgets(predicted, models, trial, rule, point, done),
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


def _working_point(models: PairModels, trial: Trial, rule: Rule) -> _WorkingPoint:
    """Choose the threshold; arguments as `pair_figures`."""
    little, big = trial.nets[models.little], trial.nets[models.big]
    chosen, tested = (outcome_on(little, big, trial.data, part, trial.policy) for part in ("validation", "test"))
    answers, answers_on_test = (little.outputs[part].argmax(axis=1) for part in ("validation", "test"))
    limit = rule.limit(chosen, answers)
    if not isinstance(limit, np.ndarray):
        return _WorkingPoint(limit, limit, float((chosen.score < limit).mean()), tested)
    relative = relative_to_class(chosen, answers, limit)
    rate = float((relative.score < 0.0).mean())
    return _WorkingPoint(limit, 0.0, rate, relative_to_class(tested, answers_on_test, limit))


def _budgets(
    predicted: PairForecast, models: PairModels, trial: Trial, rule: Rule, point: _WorkingPoint, done: Measured
) -> dict[str, Any]:
    """The columns that tell which budgets a pair overdraws, and where it would keep them."""
    chosen = set(trial.limits.broken(predicted, point.rate))
    # The validation images chose a rate that keeps them all, and test images miss it by more than chance.
    tested = set(trial.limits.broken(predicted, done.p_interval[0]))
    over = " ".join(name.partition("_")[0] for name in COSTS if name in chosen | tested)
    rate = trial.limits.rate_within(predicted) if chosen else None
    if rate is None:
        return {"over_budget": over or None}
    inside = _working_point(models, trial, Rule(rate, classes=rule.classes))
    return {
        "over_budget": over, "budget_rate": inside.rate, "budget_threshold": written(inside.limit),
        "budget_accuracy": float(right_answers(inside.tested, inside.threshold).mean()),
    }  # fmt: skip


def written(limit: Limit) -> Threshold:
    """A threshold as tables hold it: a number, the word inf, or one for each class with spaces between."""
    if isinstance(limit, np.ndarray):
        return " ".join(f"{each:.9g}" for each in limit)
    return "inf" if isinf(limit) else limit


def outcome_on(little: Judged, big: Judged, data: Split, part: str, policy: str) -> Outcome:
    """What two nets did on the images of a part."""
    return outcome(little.outputs[part], big.outputs[part], data.labels(part), policy)
