"""The anchor of a task: what a readout of random patches learns from the training images, against naive readings."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from zeroshot.accuracy.task import (
    LEAST,
    MOST,
    PATCH,
    PATCHES,
    SIDE,
    STRIDE,
    TaskTraits,
    class_weights,
    cross_validated,
    guessing,
    patch_answers,
    task_anchor,
)
from zeroshot.data import Dataset, load


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def test_digits_are_easy_and_random_labels_are_not(digits):
    assert task_anchor(digits) > 0.95
    shuffled = replace(digits, y_train=np.random.default_rng(0).permutation(digits.y_train))
    assert task_anchor(shuffled) < 0.16  # ten classes; 4 standard deviations of 1,438 guesses are 0.03


def test_the_test_half_counts_by_the_shares_of_its_classes_alone(digits):
    mixed = np.random.default_rng(1).permutation(len(digits.y_test))
    spoilt = replace(digits, x_test=255 - digits.x_test[mixed], y_test=digits.y_test[mixed])
    assert task_anchor(spoilt) == task_anchor(digits)
    assert task_anchor(replace(digits, x_train=np.zeros_like(digits.x_train))) < 0.2


def test_the_anchor_repeats_and_uses_its_seed(digits):
    few = replace(digits, x_train=digits.x_train[:90], y_train=digits.y_train[:90])
    found = {seed: task_anchor(few, seed) for seed in range(4)}
    assert found == {seed: task_anchor(few, seed) for seed in range(4)}
    assert len(set(found.values())) > 1


@pytest.mark.parametrize("images", [2, 3, 9])
def test_the_anchor_of_a_handful_of_images_stays_inside_its_range(digits, images):
    few = replace(digits, x_train=digits.x_train[:images], y_train=digits.y_train[:images])
    assert LEAST <= task_anchor(few) <= MOST


SLOW = [pytest.param(size, marks=pytest.mark.slow) for size in ((12, 20), (1, 50), (8, 300))]


@pytest.mark.parametrize("size", [(40, 9), (1, 700), *SLOW])
def test_rectangles_and_signals_are_read_whole(size, digits):
    """What tells the classes apart lies at an end that a square in the middle does not have."""
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 200)
    x = rng.integers(0, 100, (200, *size, 1)).astype(np.uint8)
    lying = size[1] >= size[0]
    end = max(size) // 6
    # A ramp to one end or the other: contrasts alone, without the level, tell them apart.
    ramp = np.linspace(0, 150, end).astype(np.uint8)
    for image, label in zip(x, y, strict=True):
        along = image if lying else image.transpose(1, 0, 2)
        along[:, slice(-end, None) if label else slice(0, end)] += ramp[:, None]
    data = replace(digits, x_train=x, y_train=y, x_test=x[:4], y_test=y[:4], class_names=("a", "b"))
    assert task_anchor(data) > 0.9
    assert task_anchor(replace(data, y_train=rng.permutation(y))) < 0.7


def test_colours_count_too():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 200)
    x = rng.integers(0, 100, (200, 12, 12, 3)).astype(np.uint8)
    x[y == 1, :, :, 0] += 100
    data = replace(load("digits"), x_train=x, y_train=y, x_test=x[:4], y_test=y[:4], class_names=("a", "b"))
    assert task_anchor(data) > 0.95
    assert task_anchor(replace(data, x_train=x[..., 1:2], x_test=x[:4, ..., 1:2])) < 0.65


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_classes_count_as_often_as_in_the_test_half(labels, test):
    weight = class_weights(np.array(labels), np.array(test), 4)
    assert weight.sum() == pytest.approx(1)
    both = set(labels) & set(test)
    for k in both:
        share = test.count(k) / sum(test.count(other) for other in both)
        assert weight[np.array(labels) == k].sum() == pytest.approx(share)


def test_guessing_is_the_commonest_training_class_on_the_test_half(digits):
    lopsided = replace(
        digits, x_train=digits.x_train[:8], y_train=np.array([2, 2, 2, 2, 2, 0, 0, 1]), x_test=digits.x_test[:4],
        y_test=np.array([0, 0, 1, 2]), class_names=("a", "b", "c"),
    )  # fmt: skip
    guessed, images = guessing(lopsided)
    assert guessed == pytest.approx(1 / 3)  # chance: a quarter of the test half is class 2
    weight = class_weights(lopsided.y_train, lopsided.y_test, 3)
    assert images == pytest.approx(1 / np.square(weight).sum())
    assert guessing(replace(lopsided, y_test=np.array([2, 2, 2, 0])))[0] == pytest.approx(0.75)
    assert guessing(replace(lopsided, y_test=np.array([2, 2, 2, 2])))[0] == MOST


@pytest.mark.parametrize(("guessed", "anchor", "read"), [(0.1, 0.119, False), (0.1, 0.121, True), (0.5, 0.46, False)])
def test_an_anchor_within_three_deviations_of_guessing_has_read_nothing(guessed, anchor, read):
    """Of 2,025 guesses at ten classes .0067 is one."""
    assert TaskTraits(anchor, 2025, 100, guessed=guessed, read_on=2025).read is read


def test_an_anchor_at_its_lower_end_has_read_nothing():
    assert not TaskTraits(LEAST, 2000, 100, guessed=0.002, read_on=2000).read
    assert TaskTraits(LEAST, 2000, 100).read  # of a task of which nothing else is known


def test_random_labels_are_not_read(digits):
    """Whatever the draw; and the digits are."""
    for seed in range(2):
        few = np.random.default_rng(seed).permutation(len(digits.y_train))[:300]
        some = replace(digits, x_train=digits.x_train[few], y_train=digits.y_train[few])
        mixed = replace(some, y_train=np.random.default_rng(seed).permutation(some.y_train))
        for data, read in ((some, True), (mixed, False)):
            assert TaskTraits(task_anchor(data, seed), 300, 100, 0, *guessing(data)).read is read


def test_patches_answer_what_a_loop_over_positions_says():
    """One patch in the first quarter: its whitened direction, less that of the mean patch, where it is positive."""
    x = np.random.default_rng(0).normal(size=(30, SIDE, SIDE, 2)).astype(np.float32)
    found = patch_answers(x, np.random.default_rng(3))
    assert found.shape == (30, 8 * PATCHES)
    assert np.abs(found.mean(axis=0)).max() < 1e-6
    assert found.std(axis=0) == pytest.approx(np.ones(8 * PATCHES))
    rng, n = np.random.default_rng(3), 20 * PATCHES
    image, top, left = rng.integers(0, 30, n), *rng.integers(0, SIDE - PATCH + 1, (2, n))

    def seen(i, t, k):
        return x[i, t : t + PATCH, k : k + PATCH].transpose(2, 0, 1).ravel().astype(np.float64)

    drawn = np.stack([seen(i, t, k) for i, t, k in zip(image, top, left, strict=True)])
    mean = drawn.mean(axis=0)
    value, vector = np.linalg.eigh(np.cov(drawn.T))
    inverse = vector @ np.diag(1 / (value + 0.01 * value.max())) @ vector.T
    root = vector @ np.diag((value + 0.01 * value.max()) ** -0.5) @ vector.T
    patch = drawn[5] - mean
    direction = inverse @ patch / np.linalg.norm(root @ patch)
    quarter = range(0, SIDE // 2 - STRIDE, STRIDE)
    answers = np.array([[[direction @ (seen(i, t, k) - mean) for k in quarter] for t in quarter] for i in range(30)])
    positive = np.maximum(answers, 0).mean(axis=(1, 2))
    column = found.reshape(30, 2, 2, PATCHES, 2)[:, 0, 0, 5, 0]
    assert column == pytest.approx((positive - positive.mean()) / positive.std(), abs=1e-4)


def test_the_readout_is_a_ridge_regression_of_the_other_folds():
    rng = np.random.default_rng(4)
    labels, folds = rng.integers(0, 3, 60), np.arange(60) % 5
    x = rng.normal(size=(60, 8)) + labels[:, None] * 0.8
    x -= x.mean(axis=0)
    _, found = cross_validated(x, labels, folds, 3, (30.0, 0.1))
    for fold in range(5):
        rows = folds != fold
        target = np.where(labels[rows][:, None] == np.arange(3), 1.0, -1.0)
        # scikit-learn centres the columns; the readout's are centred over all images, which here is nearly the same.
        model = Ridge(alpha=0.1 * rows.sum() * 8 / 1000, fit_intercept=False).fit(x[rows], target - target.mean(axis=0))
        said = (model.predict(x[~rows]) + target.mean(axis=0)).argmax(axis=1)
        assert found[~rows].tolist() == (said == labels[~rows]).tolist()


def test_data_that_are_divided_by_group_are_read_by_group():
    """Each speaker has a picture of his own, and his words' order says nothing of another's."""
    rng = np.random.default_rng(0)
    speaker, word = np.repeat(np.arange(40), 20), np.tile(np.arange(2), 400)
    looks = rng.integers(0, 255, (40, 2, 16, 16, 1))
    x = np.clip(looks[speaker, word] + rng.normal(0, 8, (800, 16, 16, 1)), 0, 255).astype(np.uint8)
    whole = Dataset("words", x, word, x[:40], word[:40], ("no", "yes"))
    held = replace(whole, validation=np.flatnonzero(speaker < 12))
    assert task_anchor(whole) > 0.9, "by chance every speaker is in every fold"
    assert task_anchor(held) < 0.65
    assert guessing(held)[1] == pytest.approx(240)
    assert task_anchor(replace(whole, validation=np.array([799]))) in (0.01, 0.995), "one window is right or wrong"
