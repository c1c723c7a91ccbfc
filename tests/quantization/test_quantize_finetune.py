"""Finetuning of int8 nets: the best epoch is chosen, runs repeat, settings matter, and a loss of NaN stops it."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div

from zeroshot.errors import TrainError
from zeroshot.quantization._float_net import FloatNet
from zeroshot.quantization._pt2e import fake_quantised
from zeroshot.quantization.observers import observe, qparams
from zeroshot.quantization.pixels_and_logits import dequantised
from zeroshot.quantization.qat import Finetuner
from zeroshot.quantization.quantize_net import quantize_net
from zeroshot.quantization.quantized_net import load_quantized
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.runs.checkpoints import stem
from zeroshot.training.batches import inputs
from zeroshot.training.train import hold_out

from .int8_nets import NETS, PTQ, QAT, same


@pytest.mark.slow
def test_the_best_epoch_is_the_integers_best(finetuned, split):
    for block in NETS:
        found = finetuned(block)
        assert [row["epoch"] for row in found.history] == [0, 1, 2]
        merits = [(row["validation_accuracy"], -row["validation_loss"]) for row in found.history]
        assert found.best_epoch == merits.index(max(merits))
        labels = split.labels("validation")
        assert found.accuracy["validation"] == (found.outputs["validation"].argmax(1) == labels).mean()
        assert found.history[found.best_epoch]["validation_accuracy"] == found.accuracy["validation"]
        real = (found.outputs["validation"].astype(float) - found.int8.zero[-1]) * float(found.int8.scale[-1])
        loss = float(cross_entropy(torch.from_numpy(real), torch.from_numpy(labels)))
        assert found.history[found.best_epoch]["validation_loss"] == pytest.approx(loss, rel=1e-4)


def test_finetuning_brings_the_integers_closer_to_the_float_net(trained, split):
    """Coarse ranges hurt; with the float net as the only teacher the finetune makes good for some of it."""
    float_net = FloatNet(trained("separable"), split)
    net, table = float_net.folded(), float_net.table
    calibrated = qparams(
        observe(net, "net", table, float_net.calibration(None, 0)), table, "minmax", float_net.input_range
    )
    coarse = replace(calibrated, scale=(calibrated.scale * np.float32(10)).astype(np.float32))
    coarse.zero[1:][:] = np.where(calibrated.zero[1:] == -128, -128, 0)
    finetuner = Finetuner(float_net, net, coarse, Int8Recipe(epochs=3, lr=0.01, teacher=1.0), seed=0)
    expected = torch.from_numpy(trained("separable").outputs["test"]).log_softmax(1)

    def distance(int8):
        out = torch.from_numpy(dequantised(int8, float_net.logits(int8, "test")))
        return float(kl_div(out.log_softmax(1), expected, reduction="batchmean", log_target=True))

    before = distance(float_net.int8(net, coarse))
    after = [distance(finetuner.epoch(number).net) for number in (1, 2, 3)]
    assert after[-1] < 0.9 * before


def test_without_finetuning_there_is_one_row_and_one_accuracy(trained, split):
    found = quantize_net(trained("plain"), split, PTQ)
    assert (found.best_epoch, len(found.history)) == (0, 1)
    assert found.ptq_accuracy == found.accuracy


def test_repeated_and_resumed_the_integers_are_the_same(trained, split, finetuned, tmp_path):
    torch.manual_seed(99)  # nothing may depend on the global generators
    np.random.seed(99)  # noqa: NPY002
    reports = []
    again = quantize_net(
        trained("plain"), split, QAT, folder=tmp_path, progress=lambda *report: reports.append(report)
    )  # fmt: skip
    assert same(again, finetuned("plain"))
    assert reports == [(f"quantising {NETS['plain']}", done, 3) for done in (1, 2, 3)]
    assert same(load_quantized(tmp_path, NETS["plain"]), again)
    assert same(quantize_net(trained("plain"), split, QAT, folder=tmp_path, resume=True), again)
    name = stem(NETS["plain"])
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{name}.json", f"{name}.npz", f"{name}.outputs.npz"]
    with np.load(tmp_path / f"{name}.outputs.npz") as file:
        assert {key: (file[key].dtype, file[key].shape[1]) for key in ("validation", "test")} == {
            "validation": (np.int8, 10), "test": (np.int8, 10),
        }  # fmt: skip


def test_seeds_and_settings_matter(trained, split, finetuned):
    other = quantize_net(trained("plain"), split, QAT, seed=1)
    assert other.history != finetuned("plain").history
    plain = [quantize_net(trained("plain"), split, replace(PTQ, ranges=how)).int8.scale for how in ("minmax", "mse")]
    assert (plain[0] != plain[1]).any()
    even = quantize_net(trained("plain"), split, replace(PTQ, ranges="minmax", equalise=False)).int8.scale
    assert (plain[0] != even).any()


@pytest.mark.slow
def test_test_images_decide_nothing(trained, digits, split):
    changed = replace(digits, x_test=digits.x_test[::-1].copy(), y_test=(digits.y_test + 1) % 10)
    found, other = (quantize_net(trained("plain"), hold_out(data, 0), QAT) for data in (digits, changed))
    assert found.history == other.history
    assert (found.int8.scale == other.int8.scale).all()
    assert found.accuracy["test"] != other.accuracy["test"]


def test_calibration_images_are_training_images_as_they_are(trained, split):
    float_net = FloatNet(trained("plain"), split)
    x = float_net.calibration(100, seed=3)
    known = {image.numpy().tobytes() for image in inputs(split, "train", 8)}
    found = {image.numpy().tobytes() for image in x}
    assert len(x) == 100
    assert found <= known
    assert len(float_net.calibration(None, 0)) == 512
    assert torch.equal(x, float_net.calibration(100, seed=3))
    assert found != {image.numpy().tobytes() for image in float_net.calibration(100, seed=4)}


def test_logging_is_given_back(trained, split):
    """What torchao logs is kept from the user (a whole run's stderr is tested with the command), nothing else is."""
    float_net = FloatNet(trained("plain"), split)
    net, table = float_net.folded(), float_net.table
    observed = observe(net, "net", table, float_net.calibration(32, 0))
    calibrated = qparams(observed, table, "minmax", float_net.input_range)
    logging.disable(logging.INFO)
    try:
        fake_quantised(float_net.folded(), (1, 8, 8), calibrated)
        assert logging.root.manager.disable == logging.INFO
    finally:
        logging.disable(logging.NOTSET)


def test_a_loss_of_nan_stops(trained, split, monkeypatch, tmp_path):
    real = Finetuner._step

    def step(self, x, y, number):
        return real(self, x * float("nan") if number == 2 else x, y, number)

    monkeypatch.setattr(Finetuner, "_step", step)
    with pytest.raises(TrainError, match=rf"{NETS['plain']} is NaN or infinite in epoch 1, step 3 of") as caught:
        quantize_net(trained("plain"), split, QAT, folder=tmp_path)
    assert "`lr`" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_weights_of_nan_after_the_last_step_stop(trained, split, monkeypatch):
    real = Finetuner._step

    def step(self, x, y, number):
        value = real(self, x, y, number)
        if number == self.batches.count - 1:
            next(iter(self.graph.parameters())).data[:] = float("nan")
        return value

    monkeypatch.setattr(Finetuner, "_step", step)
    with pytest.raises(TrainError, match="epoch 1"):
        quantize_net(trained("plain"), split, QAT)


def test_a_finetune_that_betters_nothing_is_dropped(trained, split):
    found = quantize_net(trained("plain"), split, Int8Recipe(epochs=1, lr=900.0))
    assert found.best_epoch == 0
    assert found.history[1]["validation_accuracy"] < 0.5
    assert found.accuracy == found.ptq_accuracy
