"""Test images from elsewhere are remarked, once a run; what counting explains is not."""

import numpy as np
import pytest

from zeroshot.data import Dataset
from zeroshot.training.batches import Split
from zeroshot.training.shift import shifted

NAMES = ("normal", "pneumonia")


def split(train, test, validation=500, names=NAMES):
    """Images without content, so many of each class."""
    labels = [np.repeat(np.arange(len(names)), counts) for counts in (train, test)]
    images = [np.zeros((len(y), 1, 1, 1), np.uint8) for y in labels]
    rows = np.arange(len(labels[0]))
    data = Dataset("made up", images[0], labels[0], images[1], labels[1], names)
    return Split(data, rows[validation:], rows[:validation])


def test_x_rays_of_other_patients():
    """PneumoniaMNIST: 99 % on validation images, 84 % on test images, of which fewer show pneumonia."""
    (text,) = shifted(split([1349, 3883], [234, 390]), {"a": (0.99, 0.84), "b": (0.985, 0.861)})
    assert "2 of 2 nets" in text
    assert "a, with 99.0 % of the 500 validation images right and 84.0 % of the 624 test images" in text
    assert "class 'normal' has 25.8 % of the 5,232 training images and 37.5 % of the 624 test images" in text
    assert "another site" in text


def test_nets_alone_and_classes_alone():
    (text,) = shifted(split([500, 500], [300, 300]), {"a": (0.99, 0.84), "b": (0.9, 0.89)})
    assert "1 of 2 nets" in text
    assert "class '" not in text
    (text,) = shifted(split([500, 500], [200, 400]), {"a": (0.9, 0.9)})
    assert "class 'normal'" in text
    assert "validation images right" not in text


def test_test_images_that_are_easier_differ_too():
    assert len(shifted(split([500, 500], [300, 300]), {"a": (0.8, 0.95)})) == 1


@pytest.mark.parametrize(
    ("train", "test", "accuracies"),
    [
        ([500, 500], [300, 300], (0.9, 0.84)),  # 3 standard errors
        ([500, 500], [20, 20], (0.99, 0.92)),  # few test images
        ([500, 500], [25, 15], (0.9, 0.9)),
        ([50000, 50000], [10400, 9600], (0.9, 0.9)),  # many images: certain, and small
        ([500, 500], [300, 300], (1.0, 1.0)),
    ],
)
def test_what_counting_explains_or_nobody_minds_is_not_remarked(train, test, accuracies):
    assert shifted(split(train, test), {"a": accuracies}) == []


def test_equal_sources_are_hardly_ever_remarked():
    """Right answers and classes of both halves drawn alike: 4 standard errors come once in 16,000 times."""
    rng, remarked = np.random.default_rng(0), 0
    for chance in rng.uniform(0.05, 0.99, 2000):
        train, test = rng.multinomial(2000, [0.3, 0.7]), rng.multinomial(700, [0.3, 0.7])
        accuracies = tuple(rng.binomial(n, chance) / n for n in (500, 700))
        remarked += len(shifted(split(train, test), {"a": accuracies}))
    assert remarked <= 2
