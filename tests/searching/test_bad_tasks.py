"""Searches of tasks that say little or nothing: a remark or an error, never a narrow bar, a traceback or a NaN."""

import json
import math

import numpy as np
import pytest
from scipy.stats import norm

from zeroshot.accuracy.task import task_anchor
from zeroshot.data import Dataset
from zeroshot.errors import DataError, RunError
from zeroshot.runs import layout
from zeroshot.runs.reading import read_search
from zeroshot.searching.search import search

from .searches import SMALL, STATIC

SMALL, STATIC = ({**each, "calibrate": 0} for each in (SMALL, STATIC))  # what is said without any training
UNREAD = "say nothing about their labels"


@pytest.fixture(autouse=True)
def _what_the_images_promise(monkeypatch):
    """The other tests' searches are told of a harder task."""
    monkeypatch.setattr("zeroshot.searching.task.task_anchor", task_anchor)


def made(n, classes, mixed=0.6, test=None, seed=0):
    """A prototype a class, with noise over it; `mixed` 1 is noise alone."""
    rng = np.random.default_rng(seed)
    prototypes = rng.integers(0, 256, (classes, 12, 12, 1))

    def part(count):
        y = np.arange(count) % classes
        noise = rng.integers(0, 256, (count, 12, 12, 1))
        return ((1 - mixed) * prototypes[y] + mixed * noise).astype(np.uint8), y.astype(np.int64)

    return Dataset(
        "made", *part(n), *part(test or classes * max(1, n // 4 // classes)), tuple(map(str, range(classes)))
    )


def changed(data, **arrays):
    fields = ("x_train", "y_train", "x_test", "y_test", "class_names")
    return Dataset("made", *(arrays.get(name, getattr(data, name)) for name in fields))


def figures(result):
    """Every number that is listed, all finite; each accuracy inside its bar."""
    for row in (*result.pairs, *result.front, *result.singles):
        assert all(math.isfinite(v) for v in vars(row).values() if isinstance(v, float))
        assert 0 <= row.accuracy_low <= row.accuracy <= row.accuracy_high <= 1
    json.dumps(result.summary(), allow_nan=False)
    return result


def at_chance(result, chance):
    """Nothing is expected but guessing, but a net may turn out far better; no pair pays."""
    assert any(UNREAD in remark for remark in result.remarks)
    assert figures(result).singles
    for single in result.singles:
        assert single.accuracy == pytest.approx(chance)
        assert norm.ppf(single.accuracy_high) > norm.ppf(chance) + 0.6
        assert single.accuracy_low < chance
    assert not any(row.pays for row in (*result.pairs, *result.front))
    assert [row.static_accuracy for row in result.nets] == pytest.approx([chance] * len(result.nets))


@pytest.mark.parametrize(("classes", "images"), [(2, 400), pytest.param(10, 1500, marks=pytest.mark.slow), (500, 1000)])
def test_labels_drawn_at_random_promise_nothing(classes, images):
    data = made(images, classes)
    y = np.random.default_rng(1).permutation(data.y_train)
    at_chance(search(changed(data, y_train=y), **STATIC), 1 / classes)


def test_labels_drawn_at_random_promise_nothing_after_probing():
    data = made(200, 4, mixed=1.0)
    result = search(data, **SMALL)
    at_chance(result, 0.25)
    assert result.n_probed > 3  # nets that are worth a look on other tasks, not the cheapest one alone


@pytest.mark.slow
def test_a_few_trainings_on_random_labels_find_chance():
    options = STATIC | {"latency": "1ms", "calibrate": 2, "calibrate_epochs": 1}
    result = figures(search(made(200, 4, mixed=1.0), **options))
    assert len(result.trained) == 2
    assert any(UNREAD in remark and "calibrate" not in remark for remark in result.remarks)
    assert max(single.accuracy for single in result.singles) < 0.5


@pytest.mark.parametrize("options", [STATIC, SMALL])
def test_equal_images_promise_nothing(options):
    data = made(160, 4)
    same = changed(data, x_train=np.full_like(data.x_train, 7), x_test=np.full_like(data.x_test, 7))
    result = search(same, **options)
    at_chance(result, 0.25)
    assert any("All training images are the same" in remark for remark in result.remarks)


def test_labels_equal_but_one_promise_the_commonest_class():
    data = made(300, 2, test=100)
    y_train, y_test = np.zeros(300, np.int64), np.zeros(100, np.int64)
    y_train[5] = y_test[5] = 1
    result = search(changed(data, y_train=y_train, y_test=y_test), **STATIC)
    at_chance(result, 0.99)
    assert any("'1' has 1" in remark for remark in result.remarks)


def test_a_class_with_one_image_is_said_to_be_untrainable():
    data = made(200, 4)
    kept = np.flatnonzero((data.y_train != 3) | (np.arange(200) == 3))
    lone = changed(data, x_train=data.x_train[kept], y_train=data.y_train[kept])
    result = figures(search(lone, **STATIC))
    assert any("one training image only, for example '3'" in remark for remark in result.remarks)
    narrowest = min(single.accuracy_high - single.accuracy_low for single in result.singles)
    whole = figures(search(data, **STATIC))
    assert narrowest > max(single.accuracy_high - single.accuracy_low for single in whole.singles)
    with pytest.raises(DataError, match="'3' has 1 image") as caught:
        search(lone, **STATIC | {"calibrate": 2})
    assert "leave the class out" in caught.value.hint


def test_two_easy_classes_need_one_net():
    result = figures(search(made(400, 2, mixed=0.3), **STATIC))
    assert not result.pairs
    assert any("use one net" in remark for remark in result.remarks)


def test_five_hundred_classes_are_searched():
    result = figures(search(made(1000, 500), **STATIC))
    assert any("500 of 500 classes" in remark for remark in result.remarks)
    assert result.singles


def test_sixty_four_images_have_wide_bars():
    hard = made(64, 4, mixed=0.7)
    result = figures(search(hard, **SMALL))
    anchor = task_anchor(hard)
    assert 0.5 < anchor < 0.9, anchor
    # The anchor itself is known to +- 1.28 sqrt(a (1 - a) / 64), about .07.
    assert min(row.accuracy_high - row.accuracy_low for row in result.singles) > 0.2
    with pytest.raises(DataError, match="need 64 training images, but there are 60") as caught:
        search(changed(hard, x_train=hard.x_train[:60], y_train=hard.y_train[:60]), **SMALL | {"batch": 32})
    assert "at most 30" in caught.value.hint


def test_the_run_folder_of_a_task_without_pairs_is_whole(tmp_path, plots):
    folder = tmp_path / "run"
    search(made(160, 4, mixed=1.0), **STATIC | {"run": str(folder)})
    assert (folder / layout.FRONT_PLOT).stat().st_size > 1000
    with pytest.raises(RunError, match="found no pairs"):
        read_search(folder)
    assert (folder / layout.SINGLES).read_text().count("\n") == 2
