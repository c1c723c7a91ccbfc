"""What was predicted of a pair beside what its trained nets do: rows of a table."""

from collections.abc import Mapping
from typing import Any

from zeroshot._train_net import TrainedNet
from zeroshot._training_data import Split
from zeroshot.cascade.measure import Outcome, expected_cost, hits, measure, outcome, threshold_for_rate, verdict

Row = dict[str, Any]

TEXT = ("little", "big", "single")
NUMBERS = (
    "accuracy", "accuracy_low", "accuracy_high", "little_accuracy", "big_accuracy", "escalation_rate", "latency_ms",
    "worst_latency_ms", "energy_mj", "worst_energy_mj",
)  # fmt: skip
MAYBE = ("single_accuracy", "single_latency_ms", "gain", "gain_error")  # empty where no single net is as fast


def parsed(row: Mapping[str, str]) -> Row:
    """A row of a run's pairs.csv with numbers as numbers, and None where a cell is empty.

    Raises:
        KeyError: A column is missing.
        ValueError: A cell is no number.
    """
    found: Row = {"rank": int(row["rank"])}
    found |= {key: row[key] or None for key in TEXT}
    found |= {key: float(row[key]) for key in NUMBERS}
    return found | {key: float(row[key]) if row[key] else None for key in MAYBE}


def pair_figures(predicted: Row, trained: Mapping[str, TrainedNet], data: Split, policy: str, seed: int) -> Row:
    """One pair, predicted and measured; `_test` figures are of the test images and decided nothing.

    The threshold is the validation quantile at the rate that the search had chosen, so that both columns speak of the
    same working point.

    Args:
        predicted: A row as `parsed` gives.
        trained: Net -> its training; the single net may be missing.
        data: The split that they were trained on.
        policy: Score that decides on escalation.
        seed: Of the bootstrap.
    """
    little, big = trained[predicted["little"]], trained[predicted["big"]]
    chosen = _outcome(little, big, data, "validation", policy)
    threshold = threshold_for_rate(chosen.score, predicted["escalation_rate"])
    tested = _outcome(little, big, data, "test", policy)
    found = measure(tested, threshold, seed=seed)
    row: Row = {key: predicted[key] for key in ("rank", "little", "big")}
    row |= {
        "accuracy_predicted": predicted["accuracy"],
        "accuracy_predicted_low": predicted["accuracy_low"], "accuracy_predicted_high": predicted["accuracy_high"],
        "accuracy_test": found.accuracy,
        "accuracy_test_low": found.accuracy_interval[0], "accuracy_test_high": found.accuracy_interval[1],
        "little_accuracy_predicted": predicted["little_accuracy"], "little_accuracy_test": found.little_accuracy,
        "big_accuracy_predicted": predicted["big_accuracy"], "big_accuracy_test": found.big_accuracy,
        "policy": policy, "threshold": threshold,
        "escalation_rate_predicted": predicted["escalation_rate"],
        "escalation_rate_validation": float((chosen.score < threshold).mean()),
        "escalation_rate_test": found.p,
        "escalation_rate_test_low": found.p_interval[0], "escalation_rate_test_high": found.p_interval[1],
        "little_escalated_test": found.little_escalated, "big_escalated_test": found.big_escalated,
        "both_wrong_test": found.both_wrong, "error_correlation_test": found.error_correlation,
    }  # fmt: skip
    for cost, worst in (("latency_ms", "worst_latency_ms"), ("energy_mj", "worst_energy_mj")):
        row |= {
            f"{cost}_predicted": predicted[cost],
            f"{cost}_test": _cost_at(predicted[cost], predicted[worst], predicted["escalation_rate"], found.p),
            worst: predicted[worst],
        }
    return row | _against_single(predicted, trained, tested, threshold, data, seed)


def _outcome(little: TrainedNet, big: TrainedNet, data: Split, part: str, policy: str) -> Outcome:
    return outcome(little.outputs[part], big.outputs[part], data.labels(part), policy)


def _cost_at(expected: float, worst: float, p: float, measured_p: float) -> float:
    """The expected cost at another escalation rate; costs are the cost model's, only the rate is measured."""
    if p >= 1:  # expected and worst are one figure then, and do not say what the big net costs
        return expected if measured_p >= 1 else float("nan")
    big = (worst - expected) / (1 - p)
    return expected_cost(worst - big, big, measured_p)


def _against_single(
    predicted: Row, trained: Mapping[str, TrainedNet], tested: Outcome, threshold: float, data: Split, seed: int
) -> Row:
    name = predicted["single"]
    row: Row = {
        "single": name, "single_latency_ms": predicted["single_latency_ms"],
        "single_accuracy_predicted": predicted["single_accuracy"], "single_accuracy_test": None,
        "gain_predicted": predicted["gain"], "gain_predicted_error": predicted["gain_error"],
        "gain_test": None, "gain_test_low": None, "gain_test_high": None, "verdict": None,
    }  # fmt: skip
    if name is None or name not in trained:
        return row
    alone = hits(trained[name].outputs["test"], data.labels("test"))
    found = verdict(tested, threshold, alone, seed=seed)
    return row | {
        "single_accuracy_test": trained[name].test_accuracy, "gain_test": found.gain,
        "gain_test_low": found.interval[0], "gain_test_high": found.interval[1], "verdict": found.words,
    }  # fmt: skip
