"""What the trained nets of a pair do: the threshold from validation images, the figures from test images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isinf
from typing import Any, Self

import numpy as np

from zeroshot.cascade.measure import Measured, Outcome, measure, metric_interval, outcome, right_answers
from zeroshot.cascade.metric import Metric, balanced_accuracy, share
from zeroshot.cascade.thresholds import Limit, Rule, relative_to_class
from zeroshot.runs.rows import MeasuredCascade, PairForecast, PairModels, Threshold
from zeroshot.training.batches import Split
from zeroshot.training.costs import COSTS, CostLimits, cost_of
from zeroshot.training.rivals import Alone, Judged, against, all_alone, rivals_of
from zeroshot.types import BoolArray, FloatArray

PLAIN = Metric()  # accuracy


@dataclass(frozen=True, eq=False)
class Trial:
    """What all pairs of a run are measured with.

    Attributes:
        nets: Name -> trained net.
        data: The split that they were trained on.
        policy: Score that decides on escalation.
        seed: Of the bootstrap.
        limits: Budgets that were asked for.
        metric: What choices and verdicts go by.
        alone: What each net does without a partner.
    """

    nets: Mapping[str, Judged]
    data: Split
    policy: str
    seed: int
    limits: CostLimits
    metric: Metric
    alone: list[Alone] = field(repr=False)

    @classmethod
    def of(
        cls, pairs: Iterable[tuple[PairForecast, PairModels]], nets: Mapping[str, Judged], data: Split, policy: str,
        seed: int, limits: CostLimits, metric: Metric = PLAIN,
    ) -> Self:  # fmt: skip
        """The trial of some pairs, each given with the names of its trained nets."""
        return cls(nets, data, policy, seed, limits, metric, all_alone(pairs, nets, data))

    @property
    def weight(self) -> FloatArray | None:
        """Of the test images."""
        return self.metric.told(self.data.labels("test"), "test")


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
    point = working_point(models, trial, rule)
    done, labels = measure(point.tested, point.threshold, seed=trial.seed), trial.data.labels
    # What was granted counts too: a threshold lands a little below its rate, and must not lose a rival by that.
    rates = {point.rate, done.p, *([rule.rate] if rule.floor is None else [])}
    latency = float(np.fmax.reduce([cost_of(predicted, "latency_ms", rate) for rate in rates]))
    rivals = rivals_of(models, trial.alone, latency, trial.limits, trial.metric.chosen_by(labels("validation")))
    single = trial.nets[models.single].test_accuracy if models.single is not None else None
    right = right_answers(point.tested, point.threshold)
    return MeasuredCascade(
        accuracy=done.accuracy, accuracy_low=done.accuracy_interval[0], accuracy_high=done.accuracy_interval[1],
        little_accuracy=done.little_accuracy, big_accuracy=done.big_accuracy,
        threshold=written(point.limit), escalation_rate_validation=point.rate,
        escalation_rate=done.p, escalation_rate_low=done.p_interval[0], escalation_rate_high=done.p_interval[1],
        little_escalated=done.little_escalated, big_escalated=done.big_escalated,
        both_wrong=done.both_wrong, error_correlation=done.error_correlation,
        latency_ms=cost_of(predicted, "latency_ms", done.p), energy_mj=cost_of(predicted, "energy_mj", done.p),
        single_accuracy=single, **against(rivals, models, point.tested, point.threshold, trial.seed),
        **_budgets(predicted, models, trial, rule, point, done), balanced=balanced_accuracy(right, labels("test")),
        **_values(right, trial, done),
    )  # fmt: skip


def _values(right: BoolArray, trial: Trial, done: Measured) -> dict[str, Any]:
    """The columns of the pair's metric."""
    weight = trial.weight
    ends = done.accuracy_interval if weight is None else metric_interval(right, weight, seed=trial.seed)
    return {"value": share(right, weight), "value_low": ends[0], "value_high": ends[1]}


@dataclass(frozen=True, eq=False)
class WorkingPoint:
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

    @property
    def escalated(self) -> BoolArray:
        """Which test images the big net answers, (n,)."""
        return np.asarray(self.tested.score < self.threshold)


def working_point(models: PairModels, trial: Trial, rule: Rule) -> WorkingPoint:
    """Choose the threshold; arguments as `pair_figures`."""
    little, big, labels = trial.nets[models.little], trial.nets[models.big], trial.data.labels("validation")
    # A floor is one of the metric itself; thresholds a class are a choice, which a single class must not win alone.
    weight = (trial.metric.told if rule.floor is not None else trial.metric.chosen_by)(labels, "validation")
    chosen = outcome_on(little, big, trial.data, "validation", trial.policy, weight)
    tested = outcome_on(little, big, trial.data, "test", trial.policy, trial.weight)
    answers, answers_on_test = (little.outputs[part].argmax(axis=1) for part in ("validation", "test"))
    limit = rule.limit(chosen, answers)
    if not isinstance(limit, np.ndarray):
        return WorkingPoint(limit, limit, float((chosen.score < limit).mean()), tested)
    relative = relative_to_class(chosen, answers, limit)
    rate = float((relative.score < 0.0).mean())
    return WorkingPoint(limit, 0.0, rate, relative_to_class(tested, answers_on_test, limit))


def _budgets(
    predicted: PairForecast, models: PairModels, trial: Trial, rule: Rule, point: WorkingPoint, done: Measured
) -> dict[str, Any]:
    """The columns that tell which budgets a pair overdraws, and where it would keep them."""
    chosen = set(trial.limits.broken(predicted, point.rate))
    # The validation images chose a rate that keeps them all, and test images miss it by more than chance.
    tested = set(trial.limits.broken(predicted, done.p_interval[0]))
    over = " ".join(name.partition("_")[0] for name in COSTS if name in chosen | tested)
    rate = trial.limits.rate_within(predicted) if chosen else None
    if rate is None:
        return {"over_budget": over or None}
    inside = working_point(models, trial, Rule(rate, classes=rule.classes))
    return {
        "over_budget": over, "budget_rate": inside.rate, "budget_threshold": written(inside.limit),
        "budget_accuracy": float(right_answers(inside.tested, inside.threshold).mean()),
    }  # fmt: skip


def written(limit: Limit) -> Threshold:
    """A threshold as tables hold it: a number, the word inf, or one for each class with spaces between."""
    if isinstance(limit, np.ndarray):
        return " ".join(f"{each:.9g}" for each in limit)
    return "inf" if isinf(limit) else limit


def outcome_on(
    little: Judged, big: Judged, data: Split, part: str, policy: str, weight: FloatArray | None = None
) -> Outcome:
    """What two nets did on the images of a part; weights of these as `Outcome` has them."""
    return outcome(little.outputs[part], big.outputs[part], data.labels(part), policy, weight)
