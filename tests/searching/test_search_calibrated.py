"""`search --calibrate N`: a few trained nets anchor what is expected of all others."""

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from zeroshot.accuracy.calibration import SHARED_NOISE
from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import PROBED, gained, likest
from zeroshot.accuracy.task import TaskTraits, class_weights
from zeroshot.constants import shipped
from zeroshot.data import Dataset, load
from zeroshot.errors import DataError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.searching import anchors as _anchor_nets
from zeroshot.searching.anchors import MINUTE, MOST_NETS, Trainings, anchor_split, short_epochs
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.plan import plan
from zeroshot.searching.problem import resolve
from zeroshot.searching.search import search
from zeroshot.searching.task import traits_of
from zeroshot.training.batches import Split
from zeroshot.training.recipe import Recipe
from zeroshot.training.train import train_net

SMALL = {
    "nets": 40, "strategy": "random", "top": 3, "shortlist": 3, "seed": 1, "latency": "5ms", "batch": 16, "jobs": 1,
}  # fmt: skip
OPTIONS = SMALL | {"calibrate": 3, "calibrate_epochs": 1}
IMAGES = 143  # validation images of digits


@pytest.fixture(scope="module")
def free():
    return search("digits", **SMALL)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tmp_path_factory.mktemp("calibrated") / "run"


@pytest.fixture(scope="module")
def anchored(run):
    return search("digits", run=run, **OPTIONS)


def shown_accuracies(result):
    """Net -> expected accuracy, of the nets that the fronts list."""
    found = {row.net: row.accuracy for row in result.singles}
    for pair in result.front:
        found |= {pair.little: pair.little_accuracy, pair.big: pair.big_accuracy}
    return found


def test_a_row_says_of_each_training_what_was_expected_and_measured(anchored, run):
    with (run / "calibration.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{key: str(value) for key, value in vars(row).items()} for row in anchored.trained] == rows
    assert len(rows) == len({row["net"] for row in rows}) == 3
    assert [row["chosen"] for row in rows] == ["little", "big", "single"]
    split = anchor_split(load("digits", 1), 1)
    labels, data = split.labels("validation"), split.dataset
    weights = class_weights(labels, data.y_test, data.classes)
    prior = PROBED.on(traits_of(data, 1, 30))
    for row in anchored.trained:
        assert (row.validation_images, row.epochs) == (IMAGES, 1)
        assert row.expected_before != row.expected
        outputs = train_net(row.net, split, Recipe(epochs=1, patience=0), 1).outputs["validation"]
        alone = weights @ (outputs.argmax(axis=1) == labels)
        images = round(1 / np.square(weights).sum())
        known = features(layer_table(spec_array([NetSpec.parse(row.net)]), 1, 10))
        more = gained(known, prior, 30)[0]  # thirty times as many steps
        assert row.measured == pytest.approx(ndtr(ndtri((alone * images + 0.5) / (images + 1)) + more), abs=1e-12)


def test_untrained_nets_are_predicted_by_an_anchored_line(free, anchored):
    """Before and after are one straight line apart on the probit scale: offset and factor, no more."""
    lines = []
    for result in (free, anchored):
        lines.append(shown_accuracies(result))
    skip = {row.net for row in anchored.trained}
    both = sorted(lines[0].keys() & lines[1].keys() - skip)
    assert len(both) >= 2  # a line; the three trained nets below are on it too
    before, after = (ndtri([line[net] for net in both]) for line in lines)
    slope, level = np.polyfit(before, after, 1)
    assert after == pytest.approx(slope * before + level, abs=1e-9)
    rows = anchored.trained
    assert ndtri([r.expected for r in rows]) == pytest.approx(
        slope * ndtri([r.expected_before for r in rows]) + level, abs=1e-9
    )
    told = ndtri([r.measured for r in rows]) - ndtri([r.expected_before for r in rows])
    assert (np.sign(after - before) == np.sign(told.mean())).all()


def test_trained_nets_are_moved_towards_what_was_measured_of_each(anchored):
    """But for what the images may have done to all of them: differences count, and less than they were measured."""
    shown = shown_accuracies(anchored)
    seen = [row for row in anchored.trained if row.net in shown]
    assert len(seen) >= 2
    expected, measured, found = (
        ndtri(values) for values in zip(*((r.expected, r.measured, shown[r.net]) for r in seen), strict=True)
    )
    wrong, moved = measured - expected, found - expected
    share = (moved - moved.mean()) / (wrong - wrong.mean())
    assert share == pytest.approx(np.full(len(seen), share[0]))
    assert 0 < share[0] < 1


def test_the_model_is_named_with_its_trainings(free, anchored):
    assert (free.accuracy_model, anchored.accuracy_model) == (PROBED.name, f"{PROBED.name} + 3 trained")
    assert anchored.summary()["accuracy_model"] == anchored.accuracy_model
    assert anchored.config["accuracy_model"] == shipped()["accuracy"]["probed"]["name"]
    assert not free.trained


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_nothing_depends_on_the_run_folder_or_the_processes(anchored, jobs):
    again = search("digits", **OPTIONS | {"jobs": jobs})
    for name in ("pairs", "front", "singles", "trained"):
        assert getattr(again, name) == getattr(anchored, name)


def test_static_proxies_alone_can_be_anchored_too():
    result = search("digits", **OPTIONS | {"shortlist": 0, "calibrate": 2})
    assert [row.chosen for row in result.trained] == ["little", "big"]
    assert result.n_probed == 0
    assert result.pairs


def test_a_resumed_search_reads_what_was_trained(run, anchored, monkeypatch):
    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr("zeroshot.training.trainer.Trainer.epoch", never)
    again = search("digits", run=run, resume=True, **OPTIONS)
    assert (again.pairs, again.trained) == (anchored.pairs, anchored.trained)


def test_test_images_change_nothing():
    data = load("digits", 1)
    other = replace(data, x_test=data.x_test[::-1].copy(), y_test=np.roll(data.y_test, 1))  # the same shares
    a, b = (search(each, **OPTIONS | {"shortlist": 0}) for each in (data, other))
    assert [row.measured for row in a.trained] == [row.measured for row in b.trained]
    assert [row.accuracy for row in a.pairs] == [row.accuracy for row in b.pairs]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"calibrate": -1}, "`calibrate`"), ({"calibrate": 41}, "`calibrate`"), ({"calibrate": 0}, "`calibrate_epochs`"),
     ({"calibrate_epochs": 0}, "`calibrate_epochs`"), ({"calibrate_epochs": -1}, "`calibrate_epochs`")],
)  # fmt: skip
def test_bad_numbers_are_refused_and_leave_nothing(options, words, tmp_path):
    with pytest.raises(UsageError, match=words):
        search("digits", run=tmp_path / "run", **OPTIONS | options)
    assert not (tmp_path / "run").exists()


def test_a_class_with_one_image_cannot_be_validated_on(tmp_path):
    data = load("digits", 1)
    keep = np.flatnonzero((data.y_train != 3) | (np.cumsum(data.y_train == 3) == 1) & (data.y_train == 3))
    few = replace(data, x_train=data.x_train[keep], y_train=data.y_train[keep])
    with pytest.raises(DataError, match="one"):
        search(few, run=tmp_path / "run", **OPTIONS)
    assert not (tmp_path / "run").exists()


def sized(train):
    """A split of so many training images of nothing."""
    n = int(train / 0.9)
    blank = np.zeros((n, 2, 2, 1), np.uint8)
    data = Dataset("blank", blank, np.arange(n) % 2, blank[:2], np.arange(2), ("a", "b"))
    return Split(data, np.arange(train), np.arange(train, n))


@pytest.mark.parametrize(("train", "epochs"), [(45_000, 5), (1_000_000, 5), (22_500, 11), (1294, 30), (50, 30)])
def test_small_data_get_more_epochs(train, epochs):
    assert short_epochs(sized(train)) == epochs


def of_digits(calibrate=1, **options):
    problem, data = resolve(SearchOptions("digits", **SMALL | {"calibrate": calibrate} | options))
    return problem, data, anchor_split(data, 0)


def trainings(problem, split, macs=(1e6,), longer=lambda _: np.zeros(100)):
    return Trainings.of(problem, split, np.array(macs), longer, None, lambda *_: None)


@pytest.mark.parametrize("right", [True, False])
def test_a_net_without_an_error_keeps_a_probit(right, monkeypatch):
    problem, _, split = of_digits()
    answers = np.eye(10)[(split.labels("validation") + (0 if right else 1)) % 10]
    monkeypatch.setattr(_anchor_nets, "train_all", lambda *_: None)
    monkeypatch.setattr(_anchor_nets, "load_net", lambda *_: SimpleNamespace(outputs={"validation": answers}))
    its = trainings(problem, split)
    assert its.images in range(135, 144)  # 143, whose classes have not quite the shares of the test half
    kept = 0.5 / (its.images + 1)
    assert its.measure([0], ["r8-s4-c3w4x1"]) == pytest.approx([1 - kept if right else kept])


def test_classes_count_with_their_shares_in_the_test_half(monkeypatch):
    """All of one class right, all others wrong: its share of the test half, however many were held out of it."""
    problem, data, _ = of_digits()
    keep = np.flatnonzero((data.y_train != 3) | (np.arange(len(data.y_train)) % 5 == 0))  # few threes
    split = anchor_split(replace(data, x_train=data.x_train[keep], y_train=data.y_train[keep]), 0)
    answers = np.tile(np.eye(10)[3], (len(split.validation), 1))
    monkeypatch.setattr(_anchor_nets, "train_all", lambda *_: None)
    monkeypatch.setattr(_anchor_nets, "load_net", lambda *_: SimpleNamespace(outputs={"validation": answers}))
    its = trainings(problem, split)
    share = (data.y_test == 3).mean()
    assert share > 2 * (split.labels("validation") == 3).mean()
    assert its.measure([0], ["r8-s4-c3w4x1"]) == pytest.approx([(share * its.images + 0.5) / (its.images + 1)])
    assert its.images < len(split.validation) - 15  # fewer threes tell less


def test_what_a_longer_training_gains_is_added(monkeypatch):
    """To a net by its row, for the epochs that accuracies are expected of."""
    problem, _, split = of_digits(calibrate_epochs=3, epochs=60)
    answers = np.eye(10)[np.where(np.arange(143) % 2, split.labels("validation"), 0)]
    monkeypatch.setattr(_anchor_nets, "train_all", lambda *_: None)
    monkeypatch.setattr(_anchor_nets, "load_net", lambda *_: SimpleNamespace(outputs={"validation": answers}))
    plain, more = (
        trainings(problem, split, longer=lambda times, it=it: np.array([0.0, it * times])).measure(
            np.array([1]), ["r8-s4-c3w4x1"]
        )
        for it in (0.0, 0.01)
    )
    assert ndtri(more) - ndtri(plain) == pytest.approx([0.01 * 60 / 3])


# --- Trainings that nobody asked for --------------------------------------------------------------------------------


def test_a_minute_is_spent_on_what_would_be_named_first():
    problem, _, split = of_digits(calibrate=None)
    its = trainings(problem, split, macs=[3e6] * 40)
    assert (its.epochs, its.most) == (30, MOST_NETS)
    rows = np.arange(12)
    assert its.affordable(rows, np.zeros(0, int)).tolist() == list(range(int(MINUTE / its.seconds[0])))
    assert its.affordable(rows, rows[:3]).tolist() == list(range(int(MINUTE / its.seconds[0]) - 3))
    dear = trainings(problem, split, macs=[3e6, 3e9, 3e6])
    assert 2 <= dear.epochs < 30
    assert dear.affordable(np.array([1, 0]), np.zeros(0, int)).tolist() == []
    assert trainings(*of_digits(calibrate=2)[::2], macs=[3e9] * 5).affordable(np.arange(2), np.zeros(0, int)).size == 2


def test_data_unlike_all_that_is_known_call_for_trainings(monkeypatch):
    monkeypatch.setattr("zeroshot.searching.task.task_anchor", lambda *_: 0.8)
    monkeypatch.setattr("zeroshot.searching.task.likest", likest)
    monkeypatch.setattr(_anchor_nets, "MINUTE", 1.3 * PROBED.steps * 0.012)  # one net of 1,755 steps and a bit
    monkeypatch.setattr(_anchor_nets, "short_epochs", lambda split: 1)
    found = search("digits", **SMALL | {"shortlist": 0})
    assert 1 <= len(found.trained) <= MOST_NETS
    assert any("unlike" in text and "calibrate=0" in text for text in found.remarks)
    none = search("digits", **SMALL | {"shortlist": 0, "calibrate": 0})
    assert not none.trained
    assert any("unlike" in text for text in none.remarks)


def test_known_data_call_for_none(free):
    assert not free.trained
    assert not any("unlike" in text for text in free.remarks)
    assert likest(TaskTraits(0.46, 50_000, 1755))[0].name == "cifar10"
    assert likest(TaskTraits(0.46, 50_000, 1755))[1] < 0.01
    assert likest(TaskTraits(0.1, 100, 100))[1] > 1


def test_the_weight_of_a_measurement_is_that_of_its_precision():
    """Against the product of two normal densities, on a grid."""
    from zeroshot.accuracy.calibration import updated

    model, a, mu = replace(PROBED, sd_net=0.1), 0.7, 0.2
    grid = np.linspace(-1, 2, 300_001)
    y = ndtri(a)
    noise = np.sqrt(a * (1 - a) / 143) / (np.exp(-(y**2) / 2) / np.sqrt(2 * np.pi))
    density = np.exp(-(((grid - mu) / 0.1) ** 2) / 2 - ((grid - y) / noise) ** 2 / 2)
    want = (grid * density).sum() / density.sum()
    assert updated(np.array([mu]), model, np.array([a]), 143) == pytest.approx([want], abs=1e-6)
    assert ndtr(updated(np.array([mu]), model, np.array([a]))) == pytest.approx([a])
    assert 0 < SHARED_NOISE < 1


def test_the_plan_says_what_would_be_trained():
    assert plan(**OPTIONS).trained_nets == 3
    assert plan(**SMALL).trained_nets is None
    assert plan(**SMALL, calibrate=0).trained_nets == 0


def test_the_command_shows_the_trained_nets(cli, tmp_path):
    words = [f"--{name}={value}" for name, value in (OPTIONS | {"top": 1}).items()]
    words = ["search", *(word.replace("_", "-") for word in words), "--run", str(tmp_path / "r")]
    shown = cli(*words, "--dry-run")
    assert "3 nets for a few epochs" in shown.stdout
    assert "calibration.csv" in shown.stdout
    shown = cli(*words)
    assert shown.exit_code == 0, shown.output
    text = " ".join(shown.stdout.split())
    assert "3 nets trained for 1 epoch, measured on 143 validation images" in text
    assert "anchored by 3 nets that were trained" in text
    assert f"{PROBED.name} + 3 trained" in text
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert len(summary["trained"]) == 3
    assert all(row["net"] in shown.stdout for row in summary["trained"])
