"""Searching and training above 32 pixels, on nets with the layers that small images never have."""

import numpy as np
import pytest

from zeroshot.data import Dataset
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import probe_images, score_probed
from zeroshot.searching.search import search
from zeroshot.training.train import Recipe, train_net

SIZES = [64, *(pytest.param(side, marks=pytest.mark.slow) for side in (96, 160))]


def dataset(side, images=48):
    """Two classes that differ in brightness."""
    y = np.arange(images) % 2
    x = np.random.default_rng(0).integers(0, 128, (images, side, side, 3), dtype=np.uint8)
    x += (100 * y[:, None, None, None]).astype(np.uint8)
    return Dataset("large", x, y, x, y, ("dark", "bright"))


@pytest.mark.parametrize("side", SIZES)
def test_residual_nets_are_probed_and_trained(side):
    data, net = dataset(side), f"r{side}-s8-b3w12x1/2-b3w16x1/2"
    proxies = load_proxies(["grad_norm", "snip"])
    images = {side: probe_images(data, side, 16, 1, proxies, 0)}
    (found,) = score_probed([net], 2, images, proxies, 0, 1)
    assert all(score.status == "ok" and np.isfinite(score.value) for score in found.scores.values())
    trained = train_net(net, data, Recipe(epochs=1, batch=16))
    assert np.isfinite(trained.outputs["test"].astype(float)).all()


@pytest.mark.slow
@pytest.mark.parametrize("side", [64, 96, 160])
def test_a_search_on_large_images(side):
    found = search(dataset(side), latency="2s", nets=40, scored=200, shortlist=4, batch=16, jobs=1)
    assert found.pairs
