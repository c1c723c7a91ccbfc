"""Metrics as weights of right answers, against scikit-learn's and against figures worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score

from zeroshot.cascade.measure import Outcome, curve, measure, metric_interval, right_answers, verdict
from zeroshot.cascade.metric import Metric, balanced_accuracy, metric_of, share
from zeroshot.cascade.thresholds import Rule, threshold_for_accuracy, thresholds_per_class
from zeroshot.errors import DataError, InfeasibleError, UsageError

NAMES = ("cat", "dog", "newt")
# Every class is there; two answers an image, and how sure the first one is.
ANSWERED = st.lists(
    st.tuples(*[st.integers(0, 2)] * 3, st.integers(0, 5)), min_size=1, max_size=30
).map(lambda rows: np.array([*((c, c, c, 3) for c in range(3)), *rows]))  # fmt: skip


@given(ANSWERED)
def test_weights_give_what_scikit_learn_counts(rows):
    labels, answers = rows[:, 0], rows[:, 1]
    right = answers == labels
    found = {name: share(right, metric_of(name, NAMES).told(labels)) for name in ("accuracy", "balanced", "recall:dog")}
    assert found == pytest.approx({
        "accuracy": accuracy_score(labels, answers), "balanced": balanced_accuracy_score(labels, answers),
        "recall:dog": recall_score(labels, answers, labels=[1], average="macro"),
    })  # fmt: skip
    assert balanced_accuracy(right, labels) == pytest.approx(balanced_accuracy_score(labels, answers))


@given(ANSWERED)
def test_choices_for_a_recall_count_the_other_classes_as_much(rows):
    labels, answers = rows[:, 0], rows[:, 1]
    own, *others = recall_score(labels, answers, labels=[1, 0, 2], average=None)
    found = share(answers == labels, metric_of("recall:dog", NAMES).chosen_by(labels))
    assert found == pytest.approx((own + np.mean(others)) / 2)
    always = share(labels == 1, metric_of("recall:dog", NAMES).chosen_by(labels))
    assert always == 0.5  # a net that always answers it has full recall, and is no good choice
    assert share(labels == 1, metric_of("recall:dog", NAMES).told(labels)) == 1.0


def test_classes_without_images_do_not_count():
    labels = np.array([0, 0, 2])
    assert balanced_accuracy([True, False, True], labels) == 0.75
    with pytest.raises(DataError, match="test images is of that class") as caught:
        metric_of("recall:dog", NAMES).told(labels, "test")
    assert "metric" in caught.value.hint
    only = np.array([1, 1])
    assert share([True, False], metric_of("recall:dog", NAMES).chosen_by(only)) == 0.5


@pytest.mark.parametrize(
    ("name", "hint"),
    [("recall:dgo", "dog"), ("recall:", "CLASS"), ("recall", "recall:CLASS"), ("balance", "balanced"), ("", "Known")],
)
def test_a_metric_that_is_none_is_refused(name, hint):
    with pytest.raises(UsageError) as caught:
        metric_of(name, NAMES)
    assert hint in caught.value.hint


def test_a_class_may_be_called_anything():
    assert metric_of("recall:recall:x y", ["balanced", "recall:x y"]).target == 1


def outcome_of(rows, name, chosen=False):
    metric, labels = metric_of(name, NAMES), rows[:, 0]
    weight = metric.chosen_by(labels) if chosen else metric.told(labels)
    return Outcome(rows[:, 3] / 2, rows[:, 1] == labels, rows[:, 2] == labels, weight)


@given(ANSWERED, st.sampled_from(["balanced", "recall:dog"]))
def test_the_curve_is_every_cascade_in_the_metric(rows, name):
    found = outcome_of(rows, name)
    points = curve(found)
    for threshold, rate, value in zip(points.threshold, points.p, points.accuracy, strict=True):
        answers = np.where(rows[:, 3] / 2 < threshold, rows[:, 2], rows[:, 1])
        recalls = recall_score(rows[:, 0], answers, labels=[0, 1, 2], average=None)
        assert value == pytest.approx(recalls[1] if name == "recall:dog" else recalls.mean())
        assert rate == (rows[:, 3] / 2 < threshold).mean()
    floor = float(points.accuracy[len(points.accuracy) // 2])
    chosen = threshold_for_accuracy(found, floor - 1e-9)
    assert share(right_answers(found, chosen), found.weight) >= floor - 1e-6
    with pytest.raises(InfeasibleError):
        threshold_for_accuracy(found, 1.01)


def test_thresholds_a_class_follow_the_metric():
    """Escalating the answer "dog" wins two cats of three images, the answer "cat" one newt of two, the only newt."""
    rows = np.array(  # label, little, big, score
        [[0, 0, 0, 9]] * 10 + [[1, 1, 1, 9]] * 3
        + [[0, 1, 0, 1], [0, 1, 0, 1], [0, 1, 1, 1], [2, 0, 2, 1], [0, 0, 0, 1]]
    )  # fmt: skip
    budget = 3 / len(rows)
    plain, balanced = (
        thresholds_per_class(outcome_of(rows, name, chosen=True), rows[:, 1], 3, budget)
        for name in ("accuracy", "balanced")
    )
    assert (plain > 0).tolist() == [False, True, False]
    assert (balanced > 0).tolist() == [True, False, False]
    rule = Rule(budget, classes=3)
    assert np.array_equal(rule.limit(outcome_of(rows, "balanced", chosen=True), rows[:, 1]), balanced)


@given(ANSWERED, st.integers(0, 3))
def test_a_verdict_is_about_the_metric(rows, seed):
    alone = np.random.default_rng(seed).random(len(rows)) < 0.5
    found = outcome_of(rows, "balanced")
    told = verdict(found, 1.0, alone, seed=seed)
    right = right_answers(found, 1.0)
    assert told.gain == pytest.approx(balanced_accuracy(right, rows[:, 0]) - balanced_accuracy(alone, rows[:, 0]))
    assert told.interval[0] - 1e-9 <= told.gain <= told.interval[1] + 1e-9 or len(rows) < 10
    assert verdict(found, 1.0, right, seed=seed).interval == (0.0, 0.0)
    figures = measure(found, 1.0)
    assert figures.accuracy == right.mean()  # figures that are called accuracies stay accuracies


def test_an_interval_has_the_spread_of_means_of_classes():
    """Standard error sqrt(sum of p (1 - p) / n) / classes, of classes that keep their numbers."""
    labels = np.repeat([0, 1], [400, 50])
    right = np.concatenate([np.arange(400) % 10 != 0, np.arange(50) % 2 == 0])
    low, high = metric_interval(right, Metric("balanced").told(labels))
    error = np.sqrt(0.9 * 0.1 / 400 + 0.25 / 50) / 2
    assert (high - low) / 2 == pytest.approx(1.2816 * error, rel=0.06)
    assert (low + high) / 2 == pytest.approx(0.7, abs=0.005)
