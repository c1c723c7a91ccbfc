"""Nets that train in a moment, and what two trainings must share to be the same."""

import numpy as np
import torch

from zeroshot.data import Dataset
from zeroshot.training.train import Recipe

NET, OTHER = "r8-s4/2-c3w8x1", "r6-s4-d3w8x1-m3e2w8x1/2"
SHORT = Recipe(epochs=3)


def same(a, b):
    assert a.weights.keys() == b.weights.keys()
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)
    assert a.history == b.history
    assert (a.best_epoch, a.test_accuracy) == (b.best_epoch, b.test_accuracy)
    assert all(np.array_equal(a.outputs[part], b.outputs[part]) for part in ("validation", "test"))
    return True


def tiny(n=40, side=8, classes=2, channels=1, name="tiny"):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n, side, side, channels), dtype=np.uint8)
    y = np.arange(n) % classes
    return Dataset(name, x, y, x[: n // 2], y[: n // 2], tuple(map(str, range(classes))))
