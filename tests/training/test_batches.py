"""What a net trains on: the split, the batches of an epoch, what a recipe leaves open."""

import math

import numpy as np
import pytest
import torch

from zeroshot.data import Dataset, resized
from zeroshot.errors import DataError, UsageError
from zeroshot.net import NetSpec
from zeroshot.training.batches import TrainingBatches
from zeroshot.training.learning_rate import learning_rate
from zeroshot.training.recipe import fast_precision
from zeroshot.training.train import Recipe, hold_out, train_net

from .trainings import NET, tiny


def test_every_class_is_held_out_in_proportion_and_nothing_is_lost(digits):
    split = hold_out(digits, seed=3, share=0.1)
    rows = np.concatenate([split.train, split.validation])
    assert sorted(rows) == list(range(len(digits.y_train)))
    held, all_of = (np.bincount(digits.y_train[r], minlength=10) for r in (split.validation, rows))
    assert (abs(held - 0.1 * all_of) <= 0.5).all()
    assert np.array_equal(split.validation, hold_out(digits, 3).validation)
    assert not np.array_equal(split.validation, hold_out(digits, 4).validation)
    assert split.labels("test") is digits.y_test


def test_a_class_with_one_image_cannot_be_held_out():
    data = tiny(3)
    with pytest.raises(DataError, match="1 image"):
        train_net(NET, Dataset("x", data.x_train, np.array([0, 0, 1]), data.x_test, data.y_test, ("a", "b")))


def epoch(data, recipe, seed=0, number=0, resolution=8):
    split = hold_out(data, 0)
    return split, list(TrainingBatches(split, resolution, recipe).epoch(seed, number))


def test_without_augmentation_an_epoch_is_a_permutation_of_the_training_images(digits):
    split, found = epoch(digits, Recipe(batch=100, crop=0.0, flip=False))
    assert len(found) == len(split.train) // 100
    x, y = torch.cat([x for x, _ in found]), torch.cat([y for _, y in found])
    mean, std = digits._stats
    known = {
        (image.tobytes(), int(label)) for image, label in zip(split.images("train"), split.labels("train"), strict=True)
    }
    pixels = np.rint((x.permute(0, 2, 3, 1).numpy() * std + mean) * 255).astype(np.uint8)
    assert all((image.tobytes(), int(label)) in known for image, label in zip(pixels, y, strict=True))
    assert len({image.tobytes() for image in pixels}) > 0.95 * len(pixels)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert x.dtype == torch.float32


@pytest.mark.parametrize("channels", [1, 3])
def test_augmented_images_are_crops_mirrored_and_cut(channels):
    """Each is looked for among all shifts and mirrors of its original, pixels outside its square."""
    data = tiny(60, channels=channels)
    recipe = Recipe(batch=16, crop=0.25, flip=True, cutout=0.25)
    split = hold_out(data, 0)
    batches = TrainingBatches(split, 8, recipe)
    images = split.images("train")
    padded = np.pad(images.astype(int), ((0, 0), (2, 2), (2, 2), (0, 0)))
    grey = np.rint(255 * data._stats[0]).astype(int)
    padded[:, :2] = padded[:, -2:] = padded[:, :, :2] = padded[:, :, -2:] = grey
    rows, mirrored, shifts = np.arange(16), 0, set()
    for image, original in zip(
        batches._augmented(batches._draw(rows, np.random.default_rng(1))).astype(int), padded[:16], strict=True
    ):
        fits = []
        for top in range(5):
            for left in range(5):
                window = original[top : top + 8, left : left + 8]
                for flip in (False, True):
                    expected = window[:, ::-1] if flip else window
                    changed = np.argwhere((expected != image).any(axis=2))
                    box = changed.max(axis=0) - changed.min(axis=0) if len(changed) else np.zeros(2)
                    if (box < 2).all() and (image[tuple(changed.T)] == grey).all():
                        fits.append((flip, top, left))
        assert len(fits) == 1
        mirrored += fits[0][0]
        shifts.add(fits[0][1:])
    assert 3 <= mirrored <= 13
    assert len(shifts) > 5


def test_epochs_differ_and_repeat(digits):
    first, again, second = (epoch(digits, Recipe(batch=64), number=n)[1][0][0] for n in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_a_net_is_trained_at_its_own_resolution(digits):
    split, found = epoch(digits, Recipe(batch=64), resolution=6)
    assert found[0][0].shape == (64, 1, 6, 6)
    assert resized(split.images("train"), 6).shape[1] == 6


@pytest.mark.parametrize(("height", "width", "margins"), [(8, 24, (2, 6)), (1, 40, (0, 10))])
def test_rectangles_are_cropped_in_proportion_and_seen_whole(height, width, margins):
    """Every crop is a window of its original, padded by a share of each side; a signal is shifted along its axis."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (24, height, width, 1)).astype(np.uint8)
    y = np.arange(24) % 2
    split = hold_out(Dataset("wide", x, y, x, y, ("a", "b")), 0)
    batches = TrainingBatches(split, (height, width), Recipe(batch=8, crop=0.25, flip=False))
    (down, right), grey = margins, int(batches.grey[0])
    padded = np.pad(split.images("train"), ((0, 0), (down,) * 2, (right,) * 2, (0, 0)), constant_values=grey)
    shifts = set()
    for draw in batches.draws(0, 0):
        for image, row, top, left in zip(batches._augmented(draw), draw.rows, *draw.shifts, strict=True):
            assert np.array_equal(image, padded[row, top : top + height, left : left + width])
            shifts.add((int(top), int(left)))
    tops, lefts = (set(each) for each in zip(*shifts, strict=True))
    assert tops <= set(range(2 * down + 1))
    assert lefts <= set(range(2 * right + 1))
    assert max(lefts) > 2 * down, "the width has a margin of its own"


def test_squares_of_grey_lie_in_rectangles_and_along_signals():
    rng = np.random.default_rng(0)
    for shape, covered in (((8, 16), {4}), ((1, 32), {16})):
        x = rng.integers(0, 255, (24, *shape, 1)).astype(np.uint8)
        y = np.arange(24) % 2
        split = hold_out(Dataset("wide", x, y, x, y, ("a", "b")), 0)
        batches = TrainingBatches(split, shape, Recipe(batch=20, crop=0.0, flip=False, cutout=0.5))
        (draw,) = batches.draws(0, 0)
        assert draw.grey.shape == (20, *shape)
        assert {int(grey.any(axis=0).sum()) for grey in draw.grey} & covered, "some lie wholly inside"
        assert all(0 < grey.any(axis=0).sum() <= max(covered) for grey in draw.grey)


# ---- the recipe


def test_what_a_recipe_leaves_open_is_decided_by_data_and_net(digits, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    plain = Recipe().resolved(NetSpec.parse("r32-s8-c3w8x1"), tiny(4000, name="cifar10"))
    assert (plain.flip, plain.crop, plain.batch, plain.precision) == (True, 0.125, 128, "bf16")
    small = Recipe().resolved(NetSpec.parse("r8-s8-d3w8x1"), digits)
    assert (small.flip, small.crop, small.precision) == (False, 0.0, "bf16")
    assert len(digits.y_train) * 0.9 / small.batch >= 16
    assert small.resolved(NetSpec.parse("r8-s8-d3w8x1"), digits) == small
    asked = Recipe(flip=True, crop=0.2, batch=7, precision="bf16", lr=0.1, weight_decay=0.0)
    assert asked.resolved(NetSpec.parse("r8-s8-d3w8x1"), digits) == asked
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    assert fast_precision() == "fp32"


@pytest.mark.parametrize(("schedule", "peak"), [("one-cycle", 0.3), ("cosine", 0.05)])
def test_the_learning_rate_rises_once_and_falls_to_nothing(schedule, peak):
    recipe = Recipe(schedule=schedule, lr=0.5)
    rates = [learning_rate(recipe, i / 1000) for i in range(1001)]
    top = rates.index(max(rates))
    assert top == round(1000 * peak)
    assert max(rates) == 0.5
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[0] < 0.03
    assert rates[-1] == pytest.approx(0)


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0}, {"batch": 1}, {"patience": -1}, {"optimizer": "adma"}, {"schedule": "step"},
        {"precision": "fp8"}, {"label_smoothing": 1.0}, {"ema": -0.1}, {"crop": 1.0}, {"cutout": -0.1},
        {"validation": 0.0}, {"validation": 0.5}, {"lr": 0.0}, {"lr": math.nan}, {"lr": math.inf},
        {"weight_decay": -1.0},
    ],
    ids=str,
)  # fmt: skip
def test_bad_recipes_are_refused(values):
    with pytest.raises(UsageError):
        Recipe(**values)
