"""The pairs of a quantised run: predicted, float and int8 figures beside each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from zeroshot.cascade.measure import Outcome, curve, threshold_for_rate
from zeroshot.errors import InfeasibleError
from zeroshot.quantization._curves import PairCurves
from zeroshot.quantization.quantize_net import QuantizedNet
from zeroshot.quantization.thresholds import Rule, device_threshold, scored
from zeroshot.training.batches import Split
from zeroshot.training.pair_figures import outcome_on, pair_figures
from zeroshot.training.trained import PARTS, TrainedNet

Row = dict[str, Any]
ROLES = ("little", "big", "single")
ONCE = ("threshold", "verdict", "escalation_rate_validation")  # columns that are not of the test images


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
    rows: Sequence[Row], models: Mapping[int, Row], trained: Mapping[str, TrainedNet],
    nets: Mapping[str, QuantizedNet], data: Split, rule: Rule, seed: int,
) -> Measured:  # fmt: skip
    """Choose every pair's threshold and measure it on the test images.

    Args:
        rows: Pairs as predicted, as `zeroshot.training.pair_figures.parsed` gives.
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
    for row in rows:
        named = row | models[row["rank"]]
        try:
            measured = _pair(named, trained, whole, nets, data, rule, seed)
            found.append(measured | {role: row[role] for role in ROLES} | _names(models[row["rank"]]))
        except InfeasibleError as error:
            measured = None
            errors.append(error)
        pair = [{role: each[named[role]] for role in ("little", "big")} for each in (trained, whole)]
        lines = [curve(outcome_on(each["little"], each["big"], data, "test", rule.policy)) for each in pair]
        curves.append(PairCurves(row, measured, *lines))
    if errors and not found:
        raise errors[0]
    return Measured(found, curves, [f"{error.message} It was left out." for error in errors])


def _scored(net: QuantizedNet, policy: str) -> Scored:
    outputs = {part: scored(net.int8, net.outputs[part], policy) for part in PARTS}
    return Scored(outputs, net.test_accuracy)


def _names(models: Row) -> Row:
    return {f"{role}_model": models[role] for role in ROLES}


def _pair(
    row: Row, trained: Mapping[str, TrainedNet], whole: Mapping[str, Scored], nets: Mapping[str, QuantizedNet],
    data: Split, rule: Rule, seed: int,
) -> Row:  # fmt: skip
    choose = rule.chooser(row, data.dataset.classes)
    int8 = pair_figures(row, whole, data, rule.policy, seed, choose)

    def at_the_same_rate(found: Outcome, answers: npt.NDArray[Any]) -> float:
        # Float nets may not reach a floor that the int8 nets reach on these few images.
        return threshold_for_rate(found.score, int8["escalation_rate_validation"])

    in_float = pair_figures(
        row, trained, data, rule.policy, seed, choose if rule.accuracy is None else at_the_same_rate
    )  # fmt: skip
    return beside(in_float, int8) | {
        "threshold_int8": device_threshold(int8["threshold"], rule.policy),
        "logit_scale_int8": float(nets[row["little"]].int8.scale[-1]),
    }


def beside(in_float: Row, int8: Row) -> Row:
    """One row of two that `pair_figures` gave: columns in `_test` become `_float` and `_int8`, of the test images."""
    row: Row = {}
    for key, value in int8.items():
        if "_test" in key:
            row |= {key.replace("_test", "_float"): in_float[key], key.replace("_test", "_int8"): value}
        elif key in ONCE:
            row |= {f"{key}_float": in_float[key], f"{key}_int8": value}
        else:
            row[key] = value
    return row
