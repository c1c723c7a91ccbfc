"""Quantisation of single nets: against PT2E's own conversion, and layers by hand."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from zeroshot.int8.arithmetic import requantisation
from zeroshot.int8.execute import quantize_input, tensors
from zeroshot.net import AVGPOOL
from zeroshot.quantization._float_net import FloatNet
from zeroshot.quantization._pt2e import fake_quantised
from zeroshot.quantization.observers import observe, qparams
from zeroshot.quantization.pixels_and_logits import dequantised, normalised_pixels
from zeroshot.quantization.qat import Finetuner
from zeroshot.quantization.quantize_net import quantize_net
from zeroshot.quantization.to_int8 import LARGEST_BIAS, layer
from zeroshot.training.batches import inputs

from .int8_nets import NETS, PTQ, QAT


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
        graph = fake_quantised(net, (1, float_net.spec.height, float_net.spec.width), calibrated)
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


@pytest.mark.parametrize(
    ("block", "qat"),
    [(block, False) for block in NETS]
    + [("residual", True)]
    + [pytest.param(block, True, marks=pytest.mark.slow) for block in ("plain", "separable", "bottleneck")],
)
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


@pytest.mark.parametrize(
    "block", [pytest.param(b, marks=[] if b in ("plain", "residual") else [pytest.mark.slow]) for b in NETS]
)
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
