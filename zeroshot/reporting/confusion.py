"""Confusion matrices: which class is taken for which, by the little net, the big net and the pair."""

from dataclasses import dataclass

import numpy as np

from zeroshot.quantization.answers import Answers
from zeroshot.runs.words import percent
from zeroshot.training.class_answers import confusion
from zeroshot.types import Int64Array

LARGEST = 25  # classes of a matrix that is drawn
MISTAKES = 10  # that are listed instead
SHADES = 8


@dataclass(frozen=True)
class Cell:
    """How many images, a shade from 0 to 8, and what it says when asked."""

    count: int
    shade: int
    text: str


@dataclass(frozen=True)
class Matrix:
    """A net's answers.

    Attributes:
        who: `little`, `big` or `pair`.
        accuracy: Percent.
        rows: One a true class: its name and the cells; none where there are too many classes.
        mistakes: True class, answer and count, the most frequent first, where there are no rows.
    """

    who: str
    accuracy: str
    rows: list[tuple[str, list[Cell]]]
    mistakes: list[tuple[str, str, int]]


def matrices(answers: Answers, names: tuple[str, ...]) -> list[Matrix]:
    """The three matrices of a pair."""
    each = (("little", answers.little), ("big", answers.big), ("pair", answers.pair))
    return [_matrix(who, answers.labels, given, names) for who, given in each]


def _matrix(who: str, labels: Int64Array, given: Int64Array, names: tuple[str, ...]) -> Matrix:
    accuracy = percent(float((labels == given).mean()))
    if len(names) > LARGEST:
        return Matrix(who, accuracy, [], _mistakes(labels, given, names))
    counts = confusion(labels, given, len(names))
    whole = np.maximum(counts.sum(axis=1), 1)
    rows = [
        (name, [_cell(names, i, j, int(counts[i, j]), int(whole[i])) for j in range(len(names))])
        for i, name in enumerate(names)
    ]
    return Matrix(who, accuracy, rows, [])


def _cell(names: tuple[str, ...], i: int, j: int, count: int, whole: int) -> Cell:
    share = count / whole
    shade = 0 if not count else max(1, round(SHADES * share))
    return Cell(count, shade, f"{names[i]} taken for {names[j]}: {count} of {whole}, {percent(share)} %")


def _mistakes(labels: Int64Array, given: Int64Array, names: tuple[str, ...]) -> list[tuple[str, str, int]]:
    wrong = np.flatnonzero(labels != given)
    pairs, counts = np.unique(np.stack([labels[wrong], given[wrong]], axis=1), axis=0, return_counts=True)
    first = np.argsort(-counts, kind="stable")[:MISTAKES]
    return [(names[pairs[i, 0]], names[pairs[i, 1]], int(counts[i])) for i in first]
