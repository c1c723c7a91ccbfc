"""Nets whose answers are made up, so that what is true of their pairs is known by hand."""

from dataclasses import dataclass

import numpy as np

from zeroshot.data import Dataset
from zeroshot.runs.rows import PairForecast, PairModels
from zeroshot.training.batches import Split
from zeroshot.training.costs import CostLimits
from zeroshot.training.pair_figures import Trial, pair_figures

from ..run_folders import listed_pair

MODELS = PairModels("small", "large", "other")


def two_classes(validation: int, test: int, train: int = 4) -> Split:
    """Images without content; classes take turns."""
    y = np.arange(train + validation) % 2
    x = np.zeros((len(y), 1, 1, 1), np.uint8)
    data = Dataset("made up", x, y, np.zeros((test, 1, 1, 1), np.uint8), np.arange(test) % 2, ("even", "odd"))
    return Split(data, np.arange(train), np.arange(train, train + validation))


@dataclass(frozen=True, eq=False)
class Answers:
    """A net with its outputs."""

    outputs: dict[str, np.ndarray]
    test_accuracy: float


def answering(split: Split, right, gap=None) -> Answers:
    """A net that gets some images right, at some logit gaps (by default 1).

    Args:
        split: Of which images.
        right: `validation` and `test` -> (n,) bool; or one for both.
        gap: The same, (n,) above 0.
    """
    outputs = {}
    for part in ("validation", "test"):
        hit, sure = (each[part] if isinstance(each, dict) else each for each in (right, gap))
        labels = split.labels(part)
        logits = np.zeros((len(labels), 2))
        logits[np.arange(len(labels)), np.where(hit, labels, 1 - labels)] = 1.0 if sure is None else sure
        outputs[part] = logits
    return Answers(outputs, float((outputs["test"].argmax(1) == split.labels("test")).mean()))


def forecast(rate=0.3, little_ms=1.0, big_ms=10.0, single_ms=3.5) -> PairForecast:
    """A pair of a search; energies are a tenth of latencies."""
    latency, worst = little_ms + rate * big_ms, little_ms + big_ms
    known = vars(listed_pair(1, "l", "b", "s")) | {
        "escalation_rate": rate, "latency_ms": latency, "worst_latency_ms": worst,
        "energy_mj": latency / 10, "worst_energy_mj": worst / 10, "single_latency_ms": single_ms,
    }  # fmt: skip
    return PairForecast(**{name: known[name] for name in PairForecast.__dataclass_fields__})


def judged(split, small, large, other=None, *, predicted=None, limits=None, rule=None):
    """What a pair of made-up nets does."""
    predicted, models = predicted or forecast(), MODELS if other else PairModels("small", "large", None)
    nets = {"small": small, "large": large} | ({"other": other} if other else {})
    trial = Trial.of([(predicted, models)], nets, split, "logit-gap", 0, limits or CostLimits())
    return pair_figures(predicted, models, trial, rule)
