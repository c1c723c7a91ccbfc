"""A run about a rare class: its metric goes from stage to stage, its nets decide with a bias, its firmware too."""

import json
import shutil

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score

from zeroshot.data import Dataset
from zeroshot.errors import RunError, UsageError
from zeroshot.firmware.answers import decide
from zeroshot.firmware.export import load_cascade
from zeroshot.quantization.quantize import quantize
from zeroshot.runs.layout import INT8, MODELS
from zeroshot.runs.reading import read_quantization
from zeroshot.runs.shown import show
from zeroshot.training.train import train

from ..run_folders import run_folder
from .int8_runs import LISTED

NAMES = ["other", "rare"]


@pytest.fixture(scope="module")
def data(digits):
    """Is it an eight? One in ten is."""
    y_train, y_test = ((y == 8).astype(np.int64) for y in (digits.y_train, digits.y_test))
    return Dataset("lopsided", digits.x_train, y_train, digits.x_test, y_test, tuple(NAMES))


@pytest.fixture(scope="module")
def searched(data, tmp_path_factory):
    known = {"data": data.name, "data_sha256": data.digest, "data_by_name": False, "metric": "balanced"}
    return run_folder(tmp_path_factory.mktemp("rare") / "run", LISTED, **known)


@pytest.fixture(scope="module")
def trained(searched, data):
    return train(searched, top=1, epochs=2, jobs=1, data=data)


@pytest.fixture(scope="module")
def quantised(trained, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroshot.quantization.quantize.QuantizedRun.plot", lambda *_: [])
        return quantize(trained.run, epochs=0, bias=True, data=data)


def test_the_metric_of_the_search_is_taken_over(trained, quantised, data):
    assert trained.recipe.metric == "balanced"
    assert json.loads((trained.folder / "train.json").read_text())["recipe"]["metric"] == "balanced"
    for pair, figures in ((trained.pairs[0], trained.pairs[0].test), (quantised.pairs[0], quantised.pairs[0].int8)):
        assert pair.metric == "balanced"
        assert figures.value == pytest.approx(figures.balanced)
        assert figures.value_low <= figures.value <= figures.value_high
        assert figures.gain == pytest.approx(figures.value - figures.rival_value)
    assert trained.summary()["metric"] == quantised.summary()["metric"] == "balanced"


def test_int8_figures_are_those_of_sums_by_hand(quantised, data):
    pair, nets = quantised.pairs[0], load_cascade(quantised.run, quantised.pairs[0])[1]
    biases = [np.array([int(each) for each in (text or "0 0").split()]) for text in (pair.little_bias, pair.big_bias)]
    assert any(each.any() for each in biases)
    assert any("bias" in each and "'rare'" in each for each in quantised.remarks)
    little, big = (net.outputs["test"].astype(int) + bias for net, bias in zip(nets, biases, strict=True))
    gaps = np.minimum(abs(little[:, 0] - little[:, 1]), 255)
    answers = np.where(gaps < pair.int8.threshold, big.argmax(1), little.argmax(1))
    labels = data.y_test
    assert pair.int8.accuracy == (answers == labels).mean()
    assert pair.int8.balanced == pytest.approx(balanced_accuracy_score(labels, answers))
    rows = [row for row in quantised.confusion if row.who == "pair"]
    assert [[row.answers[name] for name in NAMES] for row in rows] == confusion_matrix(labels, answers).tolist()
    assert [row.recall for row in rows] == recall_score(labels, answers, average=None).tolist()


def test_the_exported_cascade_decides_as_was_measured(quantised, data):
    (stored,) = read_quantization(quantised.run)
    assert stored == quantised.pairs[0]
    cascade, nets = load_cascade(quantised.run, stored)
    found = decide(cascade, *(net.outputs["test"] for net in nets))
    assert (found.label == data.y_test).mean() == stored.int8.accuracy
    assert found.escalated.mean() == stored.int8.escalation_rate
    assert (cascade.little_bias, cascade.big_bias) != ((), ())


def test_a_bias_wins_where_it_was_chosen_and_is_none_where_none_is_asked_for(trained, quantised, data, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    plain = quantize(run, resume=True, data=data)
    assert (plain.pairs[0].little_bias, plain.pairs[0].big_bias) == (None, None)
    assert load_cascade(run, plain.pairs[0])[0].little_bias == ()
    assert not any("bias" in each for each in plain.remarks)
    nets = load_cascade(run, quantised.pairs[0])[1]
    assert plain.pairs[0].int8.little_accuracy == nets[0].test_accuracy


def test_another_metric_for_thresholds_alone(trained, quantised, data, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    found = quantize(run, resume=True, bias=True, metric="recall:rare", data=data).pairs[0]
    row = next(row for row in show(run).answered if (row.kind, row.who) == ("int8", "pair"))
    assert found.int8.value == pytest.approx(row.plain()["recall"]["rare"])
    assert found.int8.value != pytest.approx(found.int8.balanced)
    floor = quantize(run, resume=True, bias=True, metric="recall:rare", accuracy_floor=0.1, data=data).pairs[0]
    assert floor.int8.escalation_rate <= found.int8.escalation_rate


def test_a_run_is_shown_class_by_class(quantised, data):
    shown = show(quantised.run)
    assert shown.metric == "balanced"
    told = shown.summary()
    assert told["majority"] == {"class": "other", "accuracy": (data.y_test == 0).mean()}
    assert [row["train"] for row in told["classes"]] == np.bincount(data.y_train).tolist()
    assert [(each["kind"], each["who"]) for each in told["answers"]] == [
        (kind, who) for kind in ("trained", "int8") for who in ("little", "big", "pair")
    ]
    figures = {each["who"]: each for each in told["answers"] if each["kind"] == "int8"}
    pair = quantised.pairs[0].int8
    assert figures["pair"]["accuracy"] == pytest.approx(pair.accuracy)
    assert figures["pair"]["balanced"] == pytest.approx(pair.balanced)
    assert figures["little"]["accuracy"] == pytest.approx(pair.little_accuracy)


@pytest.mark.parametrize("stage", [MODELS, INT8])
def test_a_damaged_matrix_is_refused(stage, quantised, tmp_path):
    run = shutil.copytree(quantised.run, tmp_path / "run")
    path = run / stage / "confusion.csv"
    text = path.read_text()
    path.write_text(text.replace("other,", "other,1", 1))
    with pytest.raises(RunError, match=r"confusion\.csv"):
        show(run)
    path.write_text(text.replace("rank", "place", 1))
    with pytest.raises(RunError, match=r"confusion\.csv"):
        show(run)


def test_a_class_that_there_is_not_is_told_before_any_work(searched, data, tmp_path):
    run = run_folder(
        tmp_path / "run", LISTED, data=data.name, data_sha256=data.digest, data_by_name=False, metric="recall:rar"
    )  # fmt: skip
    with pytest.raises(UsageError) as caught:
        train(run, top=1, epochs=1, data=data)
    assert "rare" in caught.value.hint
    assert not (run / MODELS).exists()
