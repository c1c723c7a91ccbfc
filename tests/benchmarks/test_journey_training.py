"""What is stored of the journey's nets: names that no plan changes, and int8 answers made of kept weights."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.journey import quantise, train
from benchmarks.journey.plan import Pick
from benchmarks.journey.settings import trained_as
from benchmarks.tasks import data
from benchmarks.tasks import train as tasks
from benchmarks.tasks.plan import Training
from zeroshot.bench import pair_truth
from zeroshot.bench.truth_files import names
from zeroshot.cascade.policy import confidence
from zeroshot.errors import RunError
from zeroshot.quantization.quantize import quantize_net
from zeroshot.training.train import hold_out, train_net

NET, OTHER = "r8-s4/2-d3w8x1", "r8-s8-c3w8x1"


@pytest.fixture
def split(monkeypatch):
    """600 of the digits, whose training half a tenth is held out of."""
    whole = data.TASKS["digits"].make()
    few = replace(whole, x_train=whole.x_train[:600], y_train=whole.y_train[:600])
    made = hold_out(few, tasks.SPLIT_SEED, 0.1)
    for module in (tasks, quantise):
        monkeypatch.setattr(module, "split_of", lambda task: made)
    return made


def training(net=NET, seed=0):
    return Training(data.TASKS["digits"], net, seed, None, "other", "journey", "digits")


def trained(split, asked, zoo, weights):
    """Train a net for an epoch and keep it."""
    recipe = replace(asked.task.recipe, epochs=1)
    net = train_net(asked.net, split, recipe, asked.seed)
    values = {name: tensor.numpy() for name, tensor in net.weights.items()}
    quantise.save_weights(asked, values, weights)
    tasks.store(asked, net, {"device": "cpu"}, zoo)
    return net


def test_a_net_is_named_alike_whatever_else_is_planned():
    first = [Pick("words-25ms", "pair 1", NET, OTHER), Pick("words-25ms", "single", "r16-s8-c3w8x1")]
    found = {(each.net, each.seed): each.name for each in train.plan(first)}
    assert found[NET, 0] == "r8-s4_2-d3w8x1-s0"
    assert found[OTHER, 2] == "r8-s8-c3w8x1-s2"
    later = {(each.net, each.seed): each.name for each in train.plan(first[1:] + first[:1])}
    assert later == found


def test_stored_nets_are_named_by_their_specs():
    for folder in train.ZOO.iterdir():
        for net in pair_truth.load(folder).nets:
            task = net.about["task"]
            whose = folder.name.removesuffix(quantise.SUFFIX)
            assert trained_as(whose).name == task
            each = replace(training(net.net, net.seed), folder=whose)
            assert each.name in names(folder)


def test_a_kept_net_is_quantised_once_and_answers_as_the_packages_own_quantiser_does(split, tmp_path):
    zoo, weights, asked = tmp_path / "zoo", tmp_path / "weights", training()
    assert quantise.missing_int8([asked], zoo, weights) == []
    net = trained(split, asked, zoo, weights)
    assert quantise.missing_int8([asked], zoo, weights) == [asked]
    accuracy = quantise.quantise(asked, zoo, weights)
    assert quantise.missing_int8([asked], zoo, weights) == []

    (stored,) = pair_truth.load(quantise.int8_folder(zoo, "digits")).nets
    own = quantize_net(net, split, quantise.RECIPE, asked.seed)
    for part in ("validation", "test"):
        assert np.array_equal(stored.answers.predicted[part], own.outputs[part].argmax(axis=1))
    assert stored.test_accuracy == accuracy == own.test_accuracy
    assert stored.about["float_test_accuracy"] == net.test_accuracy
    # Levels order images as the margins of the integers do.
    margin, level = confidence(own.outputs["test"]), stored.answers.levels["logit-gap"]
    assert (np.diff(level[np.argsort(margin, kind="stable")].astype(int)) >= 0).all()


def test_nets_without_weights_are_left_alone(split, tmp_path):
    zoo, weights, asked = tmp_path / "zoo", tmp_path / "weights", training()
    trained(split, asked, zoo, weights)
    quantise.weights_file(asked, weights).unlink()
    assert quantise.missing_int8([asked], zoo, weights) == []


def test_weights_of_another_training_are_refused(split, tmp_path):
    zoo, weights, asked, again = tmp_path / "zoo", tmp_path / "weights", training(), training(seed=1)
    trained(split, asked, zoo, weights)
    trained(split, again, zoo, weights)
    quantise.weights_file(again, weights).replace(quantise.weights_file(asked, weights))
    with pytest.raises(RunError, match="of the test images as"):
        quantise.quantise(asked, zoo, weights)
    quantise.weights_file(asked, weights).write_bytes(b"PK nothing")
    with pytest.raises(RunError, match="cannot be read"):
        quantise.quantise(asked, zoo, weights)
    assert not quantise.int8_folder(zoo, "digits").exists()
