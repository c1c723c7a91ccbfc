"""Rows of the tables of a run that speak of the classes of its data."""

from collections.abc import Mapping
from dataclasses import dataclass

from zeroshot.runs.tables import Table


@dataclass(frozen=True)
class ClassShare:
    """A class of the data and how many examples it has: classes.csv."""

    name: str
    train: int
    test: int


@dataclass(frozen=True)
class ClassAnswers:
    """What a net or a pair answers to the test images of one class: confusion.csv, of the trained and the int8 nets.

    Attributes:
        rank: Of the pair.
        who: `little`, `big` or `pair`.
        name: The class.
        images: How many there are.
        recall: Share that is answered right; None without any.
        answers: Class -> how many are taken for it.
    """

    rank: int
    who: str
    name: str
    images: int
    recall: float | None
    answers: Mapping[str, float]


CLASSES = Table(ClassShare, (("class", "name"), ("train", "train"), ("test", "test")))
CONFUSION = Table(
    ClassAnswers,
    (("rank", "rank"), ("who", "who"), ("class", "name"), ("images", "images"), ("recall", "recall"),
     ("answers", "answers")),
    prefix={"answers": "as_"},
)  # fmt: skip
