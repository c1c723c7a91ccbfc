"""Quantisation of single nets: against PT2E's own conversion, repeated, stored, and everything that can be wrong."""

import json
import logging
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div

from zeroshot.data import load
from zeroshot.errors import DataError, RunError, TrainError, UsageError
from zeroshot.int8.arithmetic import requantisation
from zeroshot.int8.execute import quantize_input, tensors
from zeroshot.net import AVGPOOL
from zeroshot.quantization._float_net import FloatNet
from zeroshot.quantization._pt2e import fake_quantised
from zeroshot.quantization.observers import observe, qparams
from zeroshot.quantization.pixels_and_logits import dequantised, normalised_pixels
from zeroshot.quantization.qat import Finetuner
from zeroshot.quantization.quantize_net import quantize_net
from zeroshot.quantization.quantized_net import load_quantized
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.quantization.to_int8 import LARGEST_BIAS, layer
from zeroshot.runs import folder as runs
from zeroshot.runs.checkpoints import stem
from zeroshot.training.batches import inputs
from zeroshot.training.train import Recipe, Split, hold_out, train_net

NETS = {
    "plain": "r8-s8-c3w12x1-c3w16x1/2", "separable": "r8-s8-d3w12x1-d3w16x1/2",
    "bottleneck": "r8-s8-m3e2w8x1-m3e3w12x1/2", "residual": "r8-s8-b3w8x1-b3w12x1/2-h16",
}  # fmt: skip
PTQ, QAT = Int8Recipe(epochs=0), Int8Recipe(epochs=2)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def split(digits):
    return hold_out(digits, 0)


@pytest.fixture(scope="module")
def trained(split):
    """A function: a net of a block, trained once."""
    known = {}

    def get(block):
        if block not in known:
            known[block] = train_net(NETS[block], split, Recipe(epochs=5, precision="fp32"))
        return known[block]

    return get


@pytest.fixture(scope="module")
def finetuned(trained, split):
    """A function: the same, quantised."""
    known = {}

    def get(block):
        if block not in known:
            known[block] = quantize_net(trained(block), split, QAT)
        return known[block]

    return get


def same(a, b):
    assert (a.int8.scale == b.int8.scale).all()
    assert (a.int8.zero == b.int8.zero).all()
    for part in ("weights", "weight_scale", "bias"):
        for one, other in zip(getattr(a.int8, part), getattr(b.int8, part), strict=True):
            assert (one is None) == (other is None)
            assert one is None or np.array_equal(one, other)
    assert all(np.array_equal(a.outputs[part], b.outputs[part]) for part in ("validation", "test"))
    assert (a.pixels == b.pixels).all()
    assert (a.history, a.best_epoch, a.accuracy, a.ptq_accuracy) == (
        b.history, b.best_epoch, b.accuracy, b.ptq_accuracy,
    )  # fmt: skip
    return True


# ---- against PT2E


def converted(graph):
    """The same graph with PT2E's own integers: quantise and dequantise operators around float arithmetic."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return convert_pt2e(graph)


def prepared(trained, split, block, qat):
    """A float net, its int8 net, and what PT2E converts of it, calibrated or finetuned."""
    float_net = FloatNet(trained(block), split)
    net, table = float_net.folded(), float_net.table
    calibrated = qparams(
        observe(net, block, table, float_net.calibration(None, 0)), table, "mse", float_net.input_range
    )
    if qat:
        finetuner = Finetuner(float_net, net, calibrated, QAT, seed=0)
        finetuner.epoch(1)
        graph = finetuner.graph
    else:
        graph = fake_quantised(net, (1, float_net.spec.resolution, float_net.spec.resolution), calibrated)
    with torch.no_grad():
        graph(inputs(split, "validation", 8))  # the quantisers of weights see those of the last step
    return float_net, float_net.int8(net, calibrated), converted(graph)


class RowByRow(torch.fx.Interpreter):
    """Runs PT2E's graph on the integers of ours: each tensor is compared, then replaced by ours for the next row."""

    def __init__(self, graph, ours):
        super().__init__(graph)
        self.ours, self.off = ours, []

    def run_node(self, node):
        out = super().run_node(node)
        if node.target is not torch.ops.quantized_decomposed.quantize_per_tensor.default:
            return out
        ours = torch.from_numpy(self.ours[len(self.off)]).permute(0, 3, 1, 2).reshape(out.shape)
        self.off.append((out.int() - ours.int()).abs())
        return ours


@pytest.mark.parametrize("qat", [False, True], ids=["ptq", "qat"])
@pytest.mark.parametrize("block", NETS)
def test_integers_agree_with_what_pt2e_converts(trained, split, block, qat):
    """PT2E's conversion shares no code with ours: weights, scales and zero points are its own."""
    float_net, int8, graph = prepared(trained, split, block, qat)
    x = inputs(split, "test", float_net.spec.resolution)
    with torch.no_grad():
        expected = graph(x).numpy()
        rows = RowByRow(graph, tensors(int8, quantize_input(int8, x.permute(0, 2, 3, 1).numpy())))
        rows.run(x)
    assert len(rows.off) == len(int8.relu) + 1
    op = int8.table.column("op")
    for row, off in enumerate(rows.off[1:]):
        assert off.max() <= 1
        # Means of few integers are often exact halves, which the device rounds away from zero.
        assert off.float().mean() < (0.15 if op[row] == AVGPOOL else 0.02)
    whole = float_net.logits(int8, "test")
    off = np.abs(np.rint(expected / int8.scale[-1]) + int8.zero[-1] - whole)
    assert (off <= 2).mean() >= 0.97
    assert off.max() <= 6
    assert (expected.argmax(1) == whole.argmax(1)).mean() >= 0.99
    if not qat:
        float_logits = trained(block).outputs["test"]
        assert (float_logits.argmax(1) == whole.argmax(1)).mean() >= 0.97
        assert np.abs(dequantised(int8, whole) - float_logits).mean() < 0.06 * float_logits.std()


@pytest.mark.parametrize("block", NETS)
def test_int8_is_as_accurate_as_float(finetuned, block):
    found = finetuned(block)
    for accuracy in (found.ptq_accuracy, found.accuracy):
        for part in ("validation", "test"):
            assert accuracy[part] >= found.float_accuracy[part] - 0.025


def test_a_layers_integers_by_hand():
    part = torch.nn.Conv2d(2, 3, 3, groups=1)
    part.weight.data[2] = 0
    part.bias.data[:] = torch.tensor([0.3, -0.2, 0.0])
    found = layer(part, 0.05)
    for c in range(3):
        w = part.weight.data[c].permute(1, 2, 0).double().numpy()
        if c == 2:
            assert not found.weights[c].any()
            assert found.scale[c] > 0
            continue
        scale = np.abs(w).max() / 127
        assert found.scale[c] == np.float32(scale)
        np.testing.assert_array_equal(found.weights[c], np.round(w / np.float64(np.float32(scale))))
        assert np.abs(found.weights[c]).max() == 127
        assert found.bias[c] == np.round(part.bias[c].item() / (0.05 * np.float64(np.float32(scale))))


@pytest.mark.parametrize("weight", [1e-9, 1e-20, 0.0])
def test_a_channel_that_is_all_bias_does_not_saturate(weight):
    part = torch.nn.Linear(4, 1)
    part.weight.data[:], part.bias.data[:] = weight, -7.5
    found = layer(part, 0.01)
    assert abs(int(found.bias[0])) <= LARGEST_BIAS * 1.001
    assert int(found.bias[0]) * 0.01 * float(found.scale[0]) == pytest.approx(-7.5, rel=1e-6)


def test_dead_channels_and_a_dead_net_are_quantised(trained, split):
    """Channels without weights, then a tensor that is 0 everywhere: scales stay positive, sums within 32 bits."""
    weights = {name: tensor.clone() for name, tensor in trained("plain").weights.items()}
    weights["stem.1.weight"][:4] = 0
    some = quantize_net(replace(trained("plain"), weights=weights), split, PTQ)
    weights["stem.1.weight"][:], weights["stem.1.bias"][:] = 0, 0
    for net in (some, quantize_net(replace(trained("plain"), weights=weights), split, PTQ)):
        for row in range(len(net.int8.relu)):
            requantisation(net.int8, row)
        assert np.isfinite(net.int8.scale).all()


def test_pixels_are_looked_up_as_normalising_and_rounding_gives_them(finetuned, digits, split):
    net = finetuned("plain")
    mean, std = digits._stats
    for value in (0, 1, 100, 255):
        real = (value / 255 - mean[0]) / std[0]
        assert net.pixels[value, 0] == np.clip(np.round(real / net.int8.scale[0]) + net.int8.zero[0], -128, 127)
    assert (net.pixels[0, 0], net.pixels[255, 0]) == (-128, 127)
    assert normalised_pixels(digits).shape == (256, 1)


# ---- finetuning


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
        trained("bottleneck"), split, QAT, folder=tmp_path, progress=lambda *report: reports.append(report)
    )  # fmt: skip
    assert same(again, finetuned("bottleneck"))
    assert reports == [(1, 3), (2, 3), (3, 3)]
    assert same(load_quantized(tmp_path, NETS["bottleneck"]), again)
    assert same(quantize_net(trained("bottleneck"), split, QAT, folder=tmp_path, resume=True), again)
    name = stem(NETS["bottleneck"])
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{name}.json", f"{name}.npz", f"{name}.outputs.npz"]
    with np.load(tmp_path / f"{name}.outputs.npz") as file:
        assert {key: (file[key].dtype, file[key].shape[1]) for key in ("validation", "test")} == {
            "validation": (np.int8, 10), "test": (np.int8, 10),
        }  # fmt: skip


def test_seeds_and_settings_matter(trained, split, finetuned):
    other = quantize_net(trained("bottleneck"), split, QAT, seed=1)
    assert other.history != finetuned("bottleneck").history
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


# ---- what cannot be


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


@pytest.fixture
def stored(trained, split, tmp_path):
    quantize_net(trained("plain"), split, PTQ, folder=tmp_path)
    return tmp_path


def test_a_net_that_is_there_is_not_made_again(trained, split, stored):
    with pytest.raises(RunError, match="holds .* already"):
        quantize_net(trained("plain"), split, PTQ, folder=stored)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"recipe": replace(PTQ, ranges="minmax")}, "ranges: 'mse' then"), ({"seed": 1}, "seed: 0 then, 1 now")],
    ids=["ranges", "seed"],
)
def test_a_net_that_was_made_otherwise_is_refused(trained, split, stored, change, words):
    with pytest.raises(RunError, match=words):
        quantize_net(trained("plain"), split, **({"recipe": PTQ, "folder": stored, "resume": True} | change))


def test_a_net_of_other_weights_is_refused(trained, split, stored):
    weights = {name: tensor.clone() for name, tensor in trained("plain").weights.items()}
    weights["classifier.bias"] += 1
    with pytest.raises(RunError, match="weights_sha256"):
        quantize_net(replace(trained("plain"), weights=weights), split, PTQ, folder=stored, resume=True)


@pytest.mark.parametrize("kind", ["npz", "outputs.npz", "json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_damaged_files_are_refused(stored, kind, damage):
    path = stored / f"{stem(NETS['plain'])}.{kind}"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"PK\3\4 something else")
    with pytest.raises(RunError) as caught:
        load_quantized(stored, NETS["plain"])
    assert caught.value.hint


def test_a_description_that_lies_is_refused(stored):
    path = stored / f"{stem(NETS['plain'])}.json"
    for key in ("history", "outputs_sha256", "recipe"):
        about = json.loads(path.read_text())
        path.write_text(json.dumps({name: value for name, value in about.items() if name != key}))
        with pytest.raises(RunError, match="do not belong together"):
            load_quantized(stored, NETS["plain"])
        path.write_text(json.dumps(about))
    assert load_quantized(stored, NETS["plain"]).best_epoch == 0


class Killed(BaseException):
    """As abrupt as a signal."""


@pytest.mark.parametrize("at", range(3))
def test_a_kill_before_any_write_leaves_nothing_that_counts(trained, split, tmp_path, monkeypatch, at):
    real, count = runs.os.replace, 0

    def replace_or_die(*args):
        nonlocal count
        count += 1
        if count == at + 1:
            raise Killed
        real(*args)

    monkeypatch.setattr(runs.os, "replace", replace_or_die)
    with pytest.raises(Killed):
        quantize_net(trained("plain"), split, PTQ, folder=tmp_path)
    monkeypatch.setattr(runs.os, "replace", real)
    expected = quantize_net(trained("plain"), split, PTQ)
    assert same(quantize_net(trained("plain"), split, PTQ, folder=tmp_path, resume=True), expected)


def test_a_full_disk(trained, split, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs.os, "replace", full)
    with pytest.raises(RunError, match="No space left") as caught:
        quantize_net(trained("plain"), split, PTQ, folder=tmp_path)
    assert "`resume=True`" in caught.value.hint
    assert not list(tmp_path.iterdir())
