"""What was predicted of a pair beside what its trained nets do: rows of a table."""

from collections.abc import Callable, Mapping
from math import isinf
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.measure import Outcome, expected_cost, hits, measure, outcome, threshold_for_rate, verdict
from zeroshot.cascade.per_class import relative_to_class
from zeroshot.training.batches import Split

Row = dict[str, Any]
Limit = float | npt.NDArray[np.float64]  # one threshold, or one for each class that the little net answers
Choose = Callable[[Outcome, npt.NDArray[np.int64]], Limit]

TEXT = ("little", "big", "single")
NUMBERS = (
    "accuracy", "accuracy_low", "accuracy_high", "little_accuracy", "big_accuracy", "escalation_rate", "latency_ms",
    "worst_latency_ms", "energy_mj", "worst_energy_mj",
)  # fmt: skip
MAYBE = ("single_accuracy", "single_latency_ms", "gain", "gain_error")  # empty where no single net is as fast


class Judged(Protocol):
    """A net whose outputs are known: a `TrainedNet`, or an int8 net."""

    @property
    def outputs(self) -> Mapping[str, npt.NDArray[Any]]:
        """`validation` and `test` -> logits (n, classes), of any one unit."""

    @property
    def test_accuracy(self) -> float:
        """A fraction."""


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


def pair_figures(
    predicted: Row, trained: Mapping[str, Judged], data: Split, policy: str, seed: int,
    choose: Choose | None = None,
) -> Row:  # fmt: skip
    """One pair, predicted and measured; `_test` figures are of the test images and decided nothing.

    Args:
        predicted: A row as `parsed` gives.
        trained: Net -> its training; the single net may be missing.
        data: The split that they were trained on.
        policy: Score that decides on escalation.
        seed: Of the bootstrap.
        choose: Threshold, or one a class, from the pair's outcome on the validation images and the little net's answers
            (n,) to them; by default the quantile of scores at the rate that the search had chosen, so that both
            columns speak of the same working point.
    """
    little, big = trained[predicted["little"]], trained[predicted["big"]]
    chosen, tested = (outcome_on(little, big, data, part, policy) for part in ("validation", "test"))
    answers = {part: little.outputs[part].argmax(axis=1) for part in ("validation", "test")}
    limit: Limit = threshold_for_rate(chosen.score, predicted["escalation_rate"])
    if choose:
        limit = choose(chosen, answers["validation"])
    threshold = 0.0 if isinstance(limit, np.ndarray) else limit
    if isinstance(limit, np.ndarray):  # scores are counted from their class's threshold then
        chosen, tested = (
            relative_to_class(found, answers[part], limit) for part, found in (("validation", chosen), ("test", tested))
        )
    found = measure(tested, threshold, seed=seed)
    row: Row = {key: predicted[key] for key in ("rank", "little", "big")}
    row |= {
        "accuracy_predicted": predicted["accuracy"],
        "accuracy_predicted_low": predicted["accuracy_low"], "accuracy_predicted_high": predicted["accuracy_high"],
        "accuracy_test": found.accuracy,
        "accuracy_test_low": found.accuracy_interval[0], "accuracy_test_high": found.accuracy_interval[1],
        "little_accuracy_predicted": predicted["little_accuracy"], "little_accuracy_test": found.little_accuracy,
        "big_accuracy_predicted": predicted["big_accuracy"], "big_accuracy_test": found.big_accuracy,
        "policy": policy, "threshold": written(limit),
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
            f"{cost}_test": cost_at(predicted[cost], predicted[worst], predicted["escalation_rate"], found.p),
            worst: predicted[worst],
        }
    return row | _against_single(predicted, trained, tested, threshold, data, seed)


def written(limit: Limit) -> float | str:
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


def _against_single(
    predicted: Row, trained: Mapping[str, Judged], tested: Outcome, threshold: float, data: Split, seed: int
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
