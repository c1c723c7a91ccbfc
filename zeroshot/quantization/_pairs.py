"""The pairs of a quantised run: predicted, float and int8 figures beside each other."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy.typing as npt

from zeroshot.cascade.measure import Outcome, curve, threshold_for_rate
from zeroshot.errors import InfeasibleError
from zeroshot.quantization._curves import PairCurves
from zeroshot.quantization.quantize_net import QuantizedNet
from zeroshot.quantization.thresholds import Rule, device_threshold, scored
from zeroshot.runs.rows import (
    PAIRS,
    QUANTIZED_PAIRS,
    MeasuredCascade,
    PairForecast,
    PairModels,
    PredictedPair,
    QuantizedPair,
)
from zeroshot.training.batches import Split
from zeroshot.training.pair_figures import Judged, outcome_on, pair_figures
from zeroshot.training.trained import PARTS, TrainedNet

Row = dict[str, Any]
ROLES = ("little", "big", "single")


@dataclass(frozen=True, eq=False)
class Scored:
    """An int8 net's outputs in the unit in which its scores are compared, a `zeroshot.training.pair_figures.Judged`."""

    outputs: Mapping[str, npt.NDArray[Any]]
    test_accuracy: float


@dataclass(frozen=True, eq=False)
class Measured:
    """What came out.

    Attributes:
        pairs: Rows, those of `Rule` impossible left out.
        curves: Of all pairs.
        remarks: One a pair that was left out.
    """

    pairs: list[Row]
    curves: list[PairCurves]
    remarks: list[str]


def measure_pairs(
    pairs: Sequence[PredictedPair], models: Mapping[int, Row], trained: Mapping[str, TrainedNet],
    nets: Mapping[str, QuantizedNet], data: Split, rule: Rule, seed: int,
) -> Measured:  # fmt: skip
    """Choose every pair's threshold and measure it on the test images.

    Args:
        pairs: As predicted.
        models: Rank -> the names of the pair's nets by role; None for a single net that was not trained.
        trained: Name -> float net.
        nets: Name -> int8 net.
        data: The split.
        rule: How thresholds are chosen.
        seed: Of the bootstrap.

    Raises:
        InfeasibleError: No pair has a threshold that the rule allows.
    """
    whole = {name: _scored(net, rule.policy) for name, net in nets.items()}
    found, curves, errors = [], [], []
    for pair in pairs:
        roles = models[pair.rank]
        in_float, in_int8 = ({role: each[name] for role, name in roles.items() if name} for each in (trained, whole))
        row, measured = PAIRS.plain(pair), None
        try:
            measured = QUANTIZED_PAIRS.plain(
                QuantizedPair(
                    pair, rule.policy, *_pair(pair, in_float, in_int8, data, rule, seed),
                    logit_scale=float(nets[roles["little"]].int8.scale[-1]), models=PairModels(**roles),
                )
            )  # fmt: skip
            found.append(measured)
        except InfeasibleError as error:
            errors.append(error)
        lines = [
            curve(outcome_on(each["little"], each["big"], data, "test", rule.policy)) for each in (in_float, in_int8)
        ]
        curves.append(PairCurves(row, measured, *lines))
    if errors and not found:
        raise errors[0]
    return Measured(found, curves, [f"{error.message} It was left out." for error in errors])


def _scored(net: QuantizedNet, policy: str) -> Scored:
    outputs = {part: scored(net.int8, net.outputs[part], policy) for part in PARTS}
    return Scored(outputs, net.test_accuracy)


def _pair(
    pair: PairForecast, trained: Mapping[str, Judged], whole: Mapping[str, Judged], data: Split, rule: Rule, seed: int
) -> tuple[MeasuredCascade, MeasuredCascade]:
    """The pair in float and in int8."""
    choose = rule.chooser(asdict(pair), data.dataset.classes)
    int8 = pair_figures(pair, whole, data, rule.policy, seed, choose)

    def at_the_same_rate(found: Outcome, answers: npt.NDArray[Any]) -> float:
        # Float nets may not reach a floor that the int8 nets reach on these few images.
        return threshold_for_rate(found.score, int8.escalation_rate_validation)

    in_float = pair_figures(
        pair, trained, data, rule.policy, seed, choose if rule.accuracy is None else at_the_same_rate
    )  # fmt: skip
    return in_float, replace(int8, threshold=device_threshold(int8.threshold, rule.policy))
