"""What counts as good: accuracy, the mean recall of all classes, or the recall of one.

Each is a weighted share of right answers, and what an image weighs depends on its label alone: 1 / n for accuracy,
1 / (classes x images of its class) for balanced accuracy, 1 / images of the class for a recall, 0 for other images. So
whatever sums right answers sums weights instead.

A net that always answers one class has the full recall of it. Choices (of an epoch, a threshold, a bias) that are made
for a recall therefore follow the mean of it and of the other classes' mean recall; what is told is the recall itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeroshot.errors import DataError, UsageError, unknown
from zeroshot.runs.rows import ACCURACY
from zeroshot.types import FloatArray, Int64Array

BALANCED, RECALL = "balanced", "recall:"
FORMS = (ACCURACY, BALANCED, f"{RECALL}CLASS")


@dataclass(frozen=True)
class Metric:
    """A metric of answers to images of some classes.

    Attributes:
        name: As it is asked for.
        target: Number of the class whose recall it is; None for the others.
    """

    name: str = ACCURACY
    target: int | None = None

    def told(self, labels: npt.ArrayLike, part: str = "test") -> FloatArray | None:
        """Weights of images, (n,) float64 of sum 1; None where all weigh the same.

        Args:
            labels: (n,) integers.
            part: Which images they are, for the error.

        Raises:
            DataError: It is the recall of a class that none of them has.
        """
        if self.name == ACCURACY:
            return None
        truth = np.asarray(labels, np.int64)
        return _balanced(truth) if self.target is None else self._of_class(truth, part)

    def chosen_by(self, labels: npt.ArrayLike, part: str = "validation") -> FloatArray | None:
        """The weights that choices follow, see the head of this module; arguments and errors as `told`."""
        if self.target is None:
            return self.told(labels, part)
        truth = np.asarray(labels, np.int64)
        own, others = self._of_class(truth, part), truth != self.target
        if not others.any():
            return own
        out = own / 2
        out[others] += _balanced(truth[others]) / 2
        return out

    def _of_class(self, labels: Int64Array, part: str) -> FloatArray:
        mine = labels == self.target
        if not mine.any():
            raise DataError(
                f"`{self.name}`: none of the {len(labels)} {part} images is of that class.",
                f"Add some to the {part} part, or take another `metric`.",
            )
        return np.asarray(mine / mine.sum(), np.float64)


def metric_of(name: str, class_names: Sequence[str]) -> Metric:
    """The metric with this name, for these classes.

    >>> metric_of("recall:dog", ["cat", "dog"])
    Metric(name='recall:dog', target=1)

    Raises:
        UsageError: It is none of `FORMS`, or the recall of a class that there is not.
    """
    check_metric(name)
    if not name.startswith(RECALL):
        return Metric(name)
    wanted = name.removeprefix(RECALL)
    if wanted not in class_names:
        raise unknown("class", wanted, class_names, f"In `metric`, {name!r}.")
    return Metric(name, list(class_names).index(wanted))


def check_metric(name: str) -> None:
    """Insist that a name is one of `FORMS`, whatever the classes.

    Raises:
        UsageError: It is not.
    """
    if name == RECALL:
        raise UsageError("`metric` names no class.", f"Write {FORMS[-1]}, with the class for CLASS.")
    if name not in (ACCURACY, BALANCED) and not name.startswith(RECALL):
        raise unknown("metric", name, FORMS)


def share(right: npt.ArrayLike, weight: FloatArray | None) -> float:
    """The weighted share of right answers.

    Args:
        right: (n,) bool.
        weight: (n,) of sum 1; None for images that all weigh the same.
    """
    hits = np.asarray(right, bool)
    # Rounded: shares that are equal on paper must not differ by the order of a sum.
    return float(hits.mean()) if weight is None else float(round(weight[hits].sum(), 12))


def balanced_accuracy(right: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean recall of the classes that there are; arguments as `share`, and labels (n,) integers."""
    return share(right, _balanced(np.asarray(labels, np.int64)))


def _balanced(labels: Int64Array) -> FloatArray:
    counts = np.bincount(labels)
    return np.asarray(1 / ((counts > 0).sum() * counts[labels]), np.float64)
