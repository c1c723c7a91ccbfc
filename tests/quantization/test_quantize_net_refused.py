"""Nets that cannot be quantised: bad weights, recipes, data and arguments."""

from dataclasses import replace

import pytest

from zeroshot.errors import DataError, TrainError, UsageError
from zeroshot.quantization.quantize_net import quantize_net
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.training.train import Split

from .int8_nets import PTQ


def test_a_float_net_of_nan(trained, split):
    weights = {name: tensor.clone() for name, tensor in trained("plain").weights.items()}
    weights["stem.1.weight"][0] = float("nan")
    with pytest.raises(TrainError, match="cannot be quantised"):
        quantize_net(replace(trained("plain"), weights=weights), split, PTQ)


@pytest.mark.parametrize(
    "values",
    [
        {"ranges": "mean"}, {"images": 31}, {"epochs": -1}, {"epochs": 1.5}, {"lr": 0.0}, {"lr": float("nan")},
        {"lr": "fast"}, {"teacher": 1.1}, {"teacher": -0.1}, {"equalise": 1},
    ],
    ids=str,
)  # fmt: skip
def test_bad_recipes_are_refused(values):
    with pytest.raises(UsageError) as caught:
        Int8Recipe(**values)
    assert caught.value.hint


def test_too_few_images_to_calibrate_on(trained, digits, split):
    with pytest.raises(DataError, match="Calibration needs 5000 training images; digits has 1295") as caught:
        quantize_net(trained("plain"), split, Int8Recipe(images=5000))
    assert "`images`" in caught.value.hint
    few = Split(digits, split.train[:20], split.validation)
    with pytest.raises(DataError, match="needs 32 training images; digits has 20"):
        quantize_net(trained("plain"), few, PTQ)


def test_data_of_other_images(trained, split):
    with pytest.raises(UsageError, match="trained on images of 3 channels"):
        quantize_net(replace(trained("plain"), channels=3), split, PTQ)


@pytest.mark.parametrize("more", [{"seed": -1}, {"threads": 0}], ids=str)
def test_bad_arguments(trained, split, more):
    with pytest.raises(UsageError):
        quantize_net(trained("plain"), split, PTQ, **more)
