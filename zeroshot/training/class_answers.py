"""What the nets of measured pairs answer to each class: confusion matrices as rows of a table."""

from collections.abc import Iterator

import numpy as np

from zeroshot.cascade.thresholds import Rule
from zeroshot.runs.class_rows import ClassAnswers
from zeroshot.runs.rows import PairForecast, PairModels
from zeroshot.training.pair_figures import Trial, working_point
from zeroshot.types import Int64Array


def class_answers(
    predicted: PairForecast, models: PairModels, trial: Trial, rule: Rule | None = None
) -> Iterator[ClassAnswers]:
    """Rows of the little net, of the big net and of the pair, on the test images.

    Args:
        predicted: The pair.
        models: Names of its nets.
        trial: What they are measured with.
        rule: How the threshold is chosen, as for `pair_figures`.
    """
    little, big = (trial.nets[name].outputs["test"].argmax(axis=1) for name in (models.little, models.big))
    up = working_point(models, trial, rule or Rule(predicted.escalation_rate)).escalated
    labels, names = trial.data.labels("test"), trial.data.dataset.class_names
    for who, answers in (("little", little), ("big", big), ("pair", np.where(up, big, little))):
        counts = confusion(labels, answers, len(names))
        for name, row, right in zip(names, counts.tolist(), counts.diagonal().tolist(), strict=True):
            recall = right / sum(row) if sum(row) else None
            yield ClassAnswers(predicted.rank, who, name, sum(row), recall, dict(zip(names, row, strict=True)))


def confusion(labels: Int64Array, answers: Int64Array, classes: int) -> Int64Array:
    """How many images of each class are taken for each, (classes, classes) int64: a row a true class."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, answers), 1)
    return counts
