"""The classes of a run's data: how many examples each has, and what always answering one of them would get."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from zeroshot.runs.class_rows import ClassShare
from zeroshot.runs.layout import CLASSES
from zeroshot.runs.words import percent

if TYPE_CHECKING:
    from zeroshot.data import Dataset

MOST = 6  # classes that are named one by one
ALIKE = 1.5  # as many examples at most as the rarest class has: nothing is told of each


def class_shares(dataset: "Dataset") -> Iterator[ClassShare]:
    """How many training and test examples each class has."""
    for number, name in enumerate(dataset.class_names):
        yield ClassShare(name, *(int((labels == number).sum()) for labels in (dataset.y_train, dataset.y_test)))


def majority(classes: Sequence[ClassShare]) -> tuple[str, float]:
    """The commonest training class, and the share of test examples that always answering it gets right."""
    most = max(classes, key=lambda each: each.train)
    return most.name, most.test / max(1, sum(each.test for each in classes))


def class_words(classes: Sequence[ClassShare]) -> str:
    """Shares of training and test examples, and the majority baseline, in two sentences."""
    name, right = majority(classes)
    return (
        f"{_shares(classes)} Always answering {name!r} is right on {percent(right)} % of the test half, at a balanced "
        f"accuracy of {percent(1 / sum(each.test > 0 for each in classes))} %."
    )


def _shares(classes: Sequence[ClassShare]) -> str:
    whole = [max(1, sum(getattr(each, part) for each in classes)) for part in ("train", "test")]

    def share(each: ClassShare) -> str:
        return f"{each.name!r} {percent(each.train / whole[0])} / {percent(each.test / whole[1])} %"

    ordered = sorted(classes, key=lambda each: -each.train)
    counts = [count for each in classes for count in (each.train / whole[0], each.test / whole[1])]
    start = f"{len(classes)} classes"
    if max(counts) <= ALIKE * min(counts):
        return f"{start} of like shares."
    if len(classes) <= MOST:
        return f"{start}, shares of training / test half: {', '.join(map(share, ordered))}."
    ends = f"from {share(ordered[0])} to {share(ordered[-1])}"
    return f"{start}, shares of training / test half {ends}; {CLASSES} has all."
