"""Whether test images come from elsewhere than the training images: more than counting them can explain."""

from collections.abc import Mapping
from math import sqrt

import numpy as np

from zeroshot.training.batches import Split
from zeroshot.types import FloatArray

ERRORS = 4.0  # standard errors of a difference; by chance one of 16,000 is larger
SHARE = 0.05  # images whose class would have to change for equal shares; less matters to nobody


def shifted(data: Split, accuracies: Mapping[str, tuple[float, float]]) -> list[str]:
    """What a user should know of test images that differ from the training's: one remark, or none.

    Args:
        data: The split.
        accuracies: Name of a net -> its accuracy on validation and on test images, fractions.
    """
    found = [*_nets(data, accuracies), *_classes(data)]
    if not found:
        return []
    return [
        f"Test and training images differ by more than chance: {'; '.join(found)}. They may come from other sources: "
        "other speakers, another site, another time. Thresholds and rivals were chosen on images like the training's; "
        "what nets do elsewhere only the test figures tell."
    ]


def _nets(data: Split, accuracies: Mapping[str, tuple[float, float]]) -> list[str]:
    """The net that differs most, in words."""
    counts = len(data.labels("validation")), len(data.labels("test"))
    errors = {name: _errors(*both, *counts) for name, both in accuracies.items()}
    beyond = [name for name, error in errors.items() if abs(error) > ERRORS]
    if not beyond:
        return []
    worst = max(beyond, key=lambda name: abs(errors[name]))
    validation, test = (100 * each for each in accuracies[worst])
    return [
        f"{len(beyond)} of {len(accuracies)} nets have another accuracy on test images, most of all {worst}, with "
        f"{validation:.1f} % of the {counts[0]:,} validation images right and {test:.1f} % of the {counts[1]:,} test "
        "images"
    ]


def _classes(data: Split) -> list[str]:
    """The class whose share differs most, in words; none where few images would have to change class."""
    whole = data.dataset
    train, test = (np.bincount(labels, minlength=whole.classes) for labels in (whole.y_train, whole.y_test))
    shares: list[FloatArray] = [counts / counts.sum() for counts in (train, test)]
    if np.abs(shares[0] - shares[1]).sum() / 2 < SHARE:
        return []
    errors = [abs(_errors(a, b, int(train.sum()), int(test.sum()))) for a, b in zip(*shares, strict=True)]
    worst = int(np.argmax(errors))
    if errors[worst] <= ERRORS:
        return []
    before, after = (100 * share[worst] for share in shares)
    return [
        f"class {whole.class_names[worst]!r} has {before:.1f} % of the {train.sum():,} training images and "
        f"{after:.1f} % of the {test.sum():,} test images"
    ]


def _errors(a: float, b: float, n_a: int, n_b: int) -> float:
    """The difference of two shares in its standard errors, as if both were of one kind of images."""
    common = (a * n_a + b * n_b) / (n_a + n_b)
    spread = sqrt(max(common * (1 - common), 0.0) * (1 / n_a + 1 / n_b))
    return (a - b) / spread if spread > 0 else 0.0
