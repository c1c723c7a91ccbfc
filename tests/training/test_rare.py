"""Lopsided classes in training: batches that draw them alike, the epoch that a metric chooses."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, recall_score

from zeroshot.data import Dataset
from zeroshot.errors import DataError, UsageError
from zeroshot.training.batches import Split, TrainingBatches, class_by_class, hold_out
from zeroshot.training.recipe import Recipe
from zeroshot.training.run_data import checked_metric, coarse
from zeroshot.training.train_net import train_net

from ..strategies import examples
from .trainings import NET, SHORT, tiny


@examples(25)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.integers(1, 80), st.integers(0, 99))
def test_classes_come_in_rounds_and_images_in_turns(counts, n, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    rows = class_by_class(labels, n, np.random.default_rng(seed))
    assert len(rows) == n
    classes = len(counts)
    for start in range(0, n - classes + 1, classes):
        assert sorted(labels[rows[start : start + classes]]) == list(range(classes))
    for each, count in enumerate(counts):
        mine = rows[labels[rows] == each]
        for start in range(0, len(mine), count):
            turn = mine[start : start + count]
            assert len(set(turn.tolist())) == len(turn)


def lopsided(digits, rare=8):
    """Digits: is it this one?"""
    y_train, y_test = ((y == rare).astype(np.int64) for y in (digits.y_train, digits.y_test))
    return Dataset("lopsided", digits.x_train, y_train, digits.x_test, y_test, ("other", "rare"))


def test_batches_are_balanced_where_that_is_asked_for(digits):
    data = hold_out(lopsided(digits), 0)
    own, alike = (TrainingBatches(data, 8, Recipe(batch=50, balance=each)) for each in (False, True))
    labels = data.labels("train")
    for drawn in alike.draws(0, 1):
        assert labels[drawn.rows].sum() == 25
    rows = [np.concatenate([drawn.rows for drawn in each.draws(0, 1)]) for each in (own, alike)]
    assert len(rows[0]) == len(rows[1])  # as many steps of as many images
    # What was drawn before there was this choice: one permutation, cut into batches.
    assert np.array_equal(rows[0], np.random.default_rng([0, 1]).permutation(len(labels))[: len(rows[0])])
    assert not np.array_equal(*([drawn.rows for drawn in alike.draws(0, n)][0] for n in (0, 1)))  # noqa: RUF015


@pytest.mark.parametrize("metric", ["balanced", "recall:rare"])
def test_the_metric_chooses_the_epoch(metric, digits):
    data = hold_out(lopsided(digits), 0)
    net = train_net(NET, data, replace(SHORT, metric=metric, balance=True))
    labels, answers = data.labels("validation"), net.outputs["validation"].argmax(1)
    best = max(net.history, key=lambda row: (row["validation_merit"], -row["validation_loss"]))
    assert best["epoch"] == net.best_epoch
    # With two classes a recall and that of the other count alike.
    assert best["validation_merit"] == pytest.approx(balanced_accuracy_score(labels, answers))
    assert net.validation_accuracy == (labels == answers).mean()


def test_a_rare_class_is_found_more_often_where_classes_come_alike(digits):
    data = hold_out(lopsided(digits), 0)
    found = [
        recall_score(data.labels("test"), train_net(NET, data, replace(SHORT, balance=each)).outputs["test"].argmax(1))
        for each in (False, True)
    ]
    assert found[1] > found[0] + 0.2


def test_what_nobody_asked_for_is_not_stored():
    """So runs of older versions go on, and name the same nets."""
    assert {"metric", "balance"}.isdisjoint(Recipe().values())
    asked = Recipe(metric="balanced", balance=True)
    assert Recipe(**asked.values()) == asked


def without(part):
    """A split of two classes whose part lacks the second one."""
    data = tiny(40)
    if part == "test":
        data = replace(data, y_test=np.zeros_like(data.y_test))
    rows = np.arange(40)
    held = rows[:8:2] if part == "validation" else rows[:8]
    return Split(data, np.setdiff1d(rows, held), held)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_recall_needs_images_to_choose_and_to_tell(part):
    data = without(part)
    with pytest.raises(DataError, match=part):
        checked_metric("recall:1", data)
    assert checked_metric("balanced", data).name == "balanced"
    assert ("'1' has no validation" in " ".join(coarse(data))) == (part == "validation")
    with pytest.raises(UsageError, match="'2'"):
        checked_metric("recall:2", data)


def test_two_classes_of_one_image_are_refused_as_ever():
    data = tiny(3)
    both = Dataset("x", data.x_train[:2], np.array([0, 1]), data.x_test, data.y_test, ("a", "b"))
    with pytest.raises(DataError, match="too few"):
        train_net(NET, both, replace(SHORT, balance=True, metric="balanced"))
