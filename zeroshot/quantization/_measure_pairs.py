"""The pairs of a quantised run: what each does in float and in int8, at the threshold of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from zeroshot.cascade.measure import Outcome, curve
from zeroshot.cascade.thresholds import threshold_for_rate
from zeroshot.errors import InfeasibleError
from zeroshot.quantization._curves import PairCurves
from zeroshot.quantization.options import QuantizeOptions
from zeroshot.quantization.quantized_net import QuantizedNet
from zeroshot.quantization.thresholds import chooser, comparable, device_threshold
from zeroshot.runs.rows import MeasuredPair, PairModels, QuantizedPair
from zeroshot.training.batches import Split
from zeroshot.training.pair_figures import Judged, outcome_on, pair_figures
from zeroshot.training.trained import PARTS, TrainedNet

Roles = Mapping[str, Judged]


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
        curves: Of all pairs.
        remarks: One a pair that was left out.
    """

    pairs: list[QuantizedPair]
    curves: list[PairCurves]
    remarks: list[str]


def measure_pairs(
    pairs: Sequence[MeasuredPair], float_nets: Mapping[str, TrainedNet], int8_nets: Mapping[str, QuantizedNet],
    data: Split, options: QuantizeOptions, seed: int,
) -> Measurements:  # fmt: skip
    """Choose every pair's threshold and measure it on the test images.

    Args:
        pairs: As trained.
        float_nets: By name.
        int8_nets: By name.
        data: The split.
        options: Their rule says how thresholds are chosen.
        seed: Of the bootstrap.

    Raises:
        InfeasibleError: No pair has a threshold that the rule allows.
    """
    measured, curves, errors = [], [], []
    for pair in pairs:
        in_float = _by_role(pair.models, float_nets)
        int8 = {role: _judged(net, options.policy) for role, net in _by_role(pair.models, int8_nets).items()}
        scale = float(int8_nets[pair.models.little].int8.scale[-1])
        row = None
        try:
            row = _measured(pair, in_float, int8, scale, data, options, seed)
            measured.append(row)
        except InfeasibleError as error:
            errors.append(error)
        lines = [_curve(nets, data, options.policy) for nets in (in_float, int8)]
        curves.append(PairCurves(pair.predicted, row, *lines))
    if errors and not measured:
        raise errors[0]
    return Measurements(measured, curves, [f"{error.message} It was left out." for error in errors])


def _by_role(models: PairModels, nets: Mapping[str, Any]) -> dict[str, Any]:
    names = {"little": models.little, "big": models.big, "single": models.single}
    return {role: nets[name] for role, name in names.items() if name is not None}


def _judged(net: QuantizedNet, policy: str) -> _Int8Judged:
    outputs = {part: comparable(net.int8, net.outputs[part], policy) for part in PARTS}
    return _Int8Judged(outputs, net.test_accuracy)


def _curve(nets: Roles, data: Split, policy: str) -> Any:  # noqa: ANN401
    return curve(outcome_on(nets["little"], nets["big"], data, "test", policy))


def _measured(
    pair: MeasuredPair, float_nets: Roles, int8_nets: Roles, logit_scale: float, data: Split,
    options: QuantizeOptions, seed: int,
) -> QuantizedPair:  # fmt: skip
    predicted, policy = pair.predicted, options.policy
    choose = chooser(options, predicted, data.dataset.classes)
    int8 = pair_figures(predicted, int8_nets, data, policy, seed, choose)

    def at_the_same_rate(outcome: Outcome, answers: npt.NDArray[Any]) -> float:
        # Float nets may not reach a floor that the int8 nets reach on these few images.
        return threshold_for_rate(outcome.score, int8.escalation_rate_validation)

    choose_float = choose if options.accuracy_floor is None else at_the_same_rate
    return QuantizedPair(
        predicted=predicted, policy=policy,
        in_float=pair_figures(predicted, float_nets, data, policy, seed, choose_float),
        int8=replace(int8, threshold=device_threshold(int8.threshold, policy)), logit_scale=logit_scale,
        models=pair.models,
    )  # fmt: skip
