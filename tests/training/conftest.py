"""The digits, and a training of them that nobody interrupted."""

import pytest

from zeroshot.data import load
from zeroshot.training.train import train_net

from .trainings import NET, SHORT


@pytest.fixture(scope="session")
def digits():
    return load("digits")


@pytest.fixture(scope="session")
def whole(digits):
    """A training that nobody interrupted, and that wrote nothing."""
    return train_net(NET, digits, SHORT)
