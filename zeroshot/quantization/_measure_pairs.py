"""The pairs of a quantised run: what each does in float and in int8, at the threshold of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from zeroshot.cascade.measure import Curve, curve, hits
from zeroshot.cascade.metric import Metric
from zeroshot.cascade.thresholds import Rule
from zeroshot.errors import InfeasibleError
from zeroshot.int8.decision import Bias
from zeroshot.quantization._curves import PairCurves
from zeroshot.quantization.bias import choose_bias, on_bias
from zeroshot.quantization.options import QuantizeOptions
from zeroshot.quantization.quantized_net import QuantizedNet
from zeroshot.quantization.thresholds import comparable, device_threshold, rule_for
from zeroshot.runs.class_rows import ClassAnswers
from zeroshot.runs.rows import MeasuredCascade, MeasuredPair, PairModels, QuantizedPair
from zeroshot.training.batches import Split
from zeroshot.training.class_answers import class_answers
from zeroshot.training.costs import CostLimits
from zeroshot.training.pair_figures import Trial, outcome_on, pair_figures
from zeroshot.training.trained import PARTS, TrainedNet
from zeroshot.units import to_mj, to_ms


@dataclass(frozen=True, eq=False)
class _Int8Judged:
    """An int8 net with its outputs in the unit in which scores are compared."""

    outputs: Mapping[str, npt.NDArray[Any]]
    test_accuracy: float


@dataclass(frozen=True, eq=False)
class Measurements:
    """What the int8 cascades do.

    Attributes:
        pairs: Those that have a threshold under the rule.
        confusion: What the int8 nets of each, and the pair, answer to the test images of each class.
        curves: Of all pairs.
        remarks: One a pair that was left out, and what biases were chosen on.
    """

    pairs: list[QuantizedPair]
    confusion: list[ClassAnswers]
    curves: list[PairCurves]
    remarks: list[str]


def measure_pairs(
    pairs: Sequence[MeasuredPair], float_nets: Mapping[str, TrainedNet], int8_nets: Mapping[str, QuantizedNet],
    data: Split, options: QuantizeOptions, config: Mapping[str, Any], metric: Metric,
) -> Measurements:  # fmt: skip
    """Choose every pair's threshold and measure it on the test images.

    Args:
        pairs: As trained.
        float_nets: By name.
        int8_nets: By name.
        data: The split.
        options: Their rule says how thresholds are chosen.
        config: Of the run: its seed, and the budgets that the options do not replace.
        metric: What choices and verdicts go by.

    Raises:
        InfeasibleError: No pair has a threshold that the rule allows.
    """
    listed, limits = [(pair.predicted, pair.models) for pair in pairs], _limits(config, options)
    biases = _biases(int8_nets, data, metric) if options.bias else {}
    judged = {name: _judged(net, options.policy, biases.get(name, ()), data) for name, net in int8_nets.items()}
    in_float, in_int8 = (
        Trial.of(listed, nets, data, options.policy, int(config["seed"]), limits, metric)
        for nets in (float_nets, judged)
    )
    measured, curves, errors = [], [], []
    confusion: list[ClassAnswers] = []
    for pair in pairs:
        scale = float(int8_nets[pair.models.little].int8.scale[-1])
        row = None
        try:
            row = _measured(pair, in_float, in_int8, scale, options, biases)
            measured.append(row)
            rule = rule_for(options, pair.predicted, data.dataset.classes)
            confusion += class_answers(pair.predicted, pair.models, in_int8, rule)
        except InfeasibleError as error:
            errors.append(error)
        lines = [_curve(pair.models, trial) for trial in (in_float, in_int8)]
        curves.append(PairCurves(pair.predicted, row, *lines))
    if errors and not measured:
        raise errors[0]
    remarks = [f"{error.message} It was left out." for error in errors]
    if options.bias:
        remarks += on_bias(int8_nets, biases, data, metric)
    return Measurements(measured, confusion, curves, remarks)


def _limits(config: Mapping[str, Any], options: QuantizeOptions) -> CostLimits:
    """The budgets that were asked for last."""
    limits = CostLimits.asked(config)
    if options.latency is not None:
        limits = replace(limits, latency_ms=to_ms(options.latency))
    return limits if options.energy is None else replace(limits, energy_mj=to_mj(options.energy))


def _biases(nets: Mapping[str, QuantizedNet], data: Split, metric: Metric) -> dict[str, Bias]:
    """The bias of each net, whatever pair it stands in: a rival that answers alone has its own too."""
    labels = data.labels("validation")
    weight = metric.chosen_by(labels)
    return {name: choose_bias(net.outputs["validation"], labels, weight) for name, net in nets.items()}


def _judged(net: QuantizedNet, policy: str, bias: Bias, data: Split) -> _Int8Judged:
    outputs = {part: comparable(net.int8, net.outputs[part], policy, bias) for part in PARTS}
    return _Int8Judged(outputs, float(hits(outputs["test"], data.labels("test")).mean()))


def _curve(models: PairModels, trial: Trial) -> Curve:
    return curve(outcome_on(trial.nets[models.little], trial.nets[models.big], trial.data, "test", trial.policy))


def _measured(
    pair: MeasuredPair, in_float: Trial, in_int8: Trial, logit_scale: float, options: QuantizeOptions,
    biases: Mapping[str, Bias],
) -> QuantizedPair:  # fmt: skip
    predicted, policy = pair.predicted, options.policy
    rule = rule_for(options, predicted, in_int8.data.dataset.classes)
    int8 = pair_figures(predicted, pair.models, in_int8, rule)
    # Float nets may not reach a floor that the int8 nets reach on these few images.
    rule_float = rule if rule.floor is None else Rule(int8.escalation_rate_validation)
    return QuantizedPair(
        predicted=predicted, policy=policy, in_float=pair_figures(predicted, pair.models, in_float, rule_float),
        int8=_on_device(int8, policy), logit_scale=logit_scale, models=pair.models,
        metric=in_int8.metric.name, little_bias=_written(biases.get(pair.models.little)),
        big_bias=_written(biases.get(pair.models.big)),
    )  # fmt: skip


def _written(bias: Bias | None) -> str | None:
    return " ".join(map(str, bias)) if bias else None


def _on_device(int8: MeasuredCascade, policy: str) -> MeasuredCascade:
    """The same with thresholds as a device compares them."""
    inside = int8.budget_threshold
    return replace(
        int8, threshold=device_threshold(int8.threshold, policy),
        budget_threshold=None if inside is None else device_threshold(inside, policy),
    )  # fmt: skip
