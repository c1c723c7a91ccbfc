"""Every newer proxy against an obvious reimplementation, and the views of a net that several of them share."""

import numpy as np
import pytest
import torch
from torch import nn

from zeroshot.build import initialise
from zeroshot.probing import _jets, _views
from zeroshot.probing._alone import _norm_alone
from zeroshot.probing.probe import Probe, evaluate

from ..proxy_nets import NETS, PROBED, make, twin_of, values, weighted
from .oracles import ORACLES, backward, input_gradients, naive_grasp

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")
BOTTLENECK_LAST = "r8-s4-m3e3w4x2-m5e1w6x2/2"
# test_proxies.py, test_readout.py
ELSEWHERE = {"naswot", "zico", "grad_norm", "snip", "synflow", "linear_readout"}


def test_every_proxy_has_an_oracle():
    assert set(ORACLES) | ELSEWHERE == {proxy.name for proxy in PROBED}


# A net whose last batch norm feeds global pooling: what is summed over the normalised values is constant.
CANCELLED = {"synflow_bn", "jacob_cov", "epe_nas", "ntk_cond", "gradsign", "vkdnw"}


# An image of ones that is a signal has two borders alone, by which `synflow_bn` lives: in float32 rounding shows.
FLAT = {"synflow_bn"}


# Every block, a rectangle that is a signal, a last batch norm that cancels; cells.
QUICK = ("r8-s4-c3w6x2", BOTTLENECK_LAST, "r1x24-s4/2-m5e2w4x1-d3w6x1/2-b3w8x1/2-c5w8x1", "cells")


@pytest.mark.parametrize(
    "text", [text if text in QUICK else pytest.param(text, marks=pytest.mark.slow) for text in NETS]
)
def test_proxies_against_obvious_loops(text):
    net, batches = make(text)
    names = set(ORACLES) - (CANCELLED if text == BOTTLENECK_LAST else FLAT if text.startswith("r1x") else set())
    found = values(net, batches, [proxy for proxy in PROBED if proxy.name in names])
    expected = {name: ORACLES[name](net, batches) for name in names}
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_batch_norm_cancels_is_undefined_and_not_rounding(dtype):
    net, batches = make(BOTTLENECK_LAST, dtype=dtype)
    scores = evaluate(PROBED, Probe(net, batches))
    assert {name for name, score in scores.items() if score.status != "ok"} == CANCELLED
    assert {scores[name].status for name in CANCELLED} == {
        "the last batch norm cancels the gradient: only rounding is left",
        "the tangent kernel is singular",
    }


def test_epe_nas_with_more_than_a_hundred_classes():
    """Two hundred classes: s_c averages over rows, and the score compares classes."""
    net, batches = make("r8-s4-c3w6x2")
    net.classifier = nn.Linear(6, 200).double()
    x, y = batches[0]
    found = values(net, [(x, y * 40)], [proxy for proxy in PROBED if proxy.name == "epe_nas"])["epe_nas"]
    rows = input_gradients(net, [(x, y)])
    means = []
    for c in sorted(set(y.tolist())):
        matrix = np.atleast_2d(np.corrcoef(rows[y.numpy() == c]))
        means.append(np.log(np.abs(matrix) + 1e-5).sum() / len(matrix))
    assert found == pytest.approx(sum(abs(a - b) for a in means for b in means) / len(means), rel=1e-6)


def test_second_derivatives_agree_with_a_backward_pass_of_a_backward_pass():
    """Jets, with a direction that is not the gradient, on every net; and the road taken where they do not serve."""
    for text in NETS:
        net, batches = make(text)
        probe = Probe(net, batches)
        runner, (x, y) = probe._runner, probe.batches[0]
        g = torch.Generator().manual_seed(3)
        direction = [torch.randn(w.shape, generator=g).double() for w in probe.weights]
        with runner.isolated(training=True):
            jet = _jets.mixed_derivative(runner, x, y, direction)
        assert jet == pytest.approx(_views._second_backward(runner, x, y, direction), rel=1e-9), text


class Strange(nn.Module):
    """A net with one operation of the caller's in the middle."""

    def __init__(self, operation):
        super().__init__()
        self.conv, self.out, self.operation = nn.Conv2d(3, 4, 3), nn.Linear(4, 5), operation

    def forward(self, x):
        return self.out(self.operation(self.conv(x)).mean((2, 3)))


OPERATIONS = {
    "sigmoid": torch.sigmoid,
    "functional relu": nn.functional.relu,
    "square": lambda x: x * x,
    "constant": lambda x: x + 1.0,
    "stop": lambda x: x + x.detach(),
    "data": lambda x: x + x.data,
    "swapped": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "max pool": nn.MaxPool2d(2),
    "layer norm": nn.LayerNorm(6),
    "fixed batch": lambda x: x.view(8, 4, 6, 6),
    "relu6": nn.ReLU6(),
    "sum": lambda x: x + x,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_grasp_of_a_strange_net(name):
    net = Strange(OPERATIONS[name])
    initialise(net, torch.Generator().manual_seed(0))
    net, (_, batches) = net.double(), make("r8-s4-c3w6x2")
    with torch.no_grad():
        net.conv.weight.mul_(8)  # so that ReLU6 has something to cut
    found = values(net, batches, [proxy for proxy in PROBED if proxy.name == "grasp"])
    assert found["grasp"] == pytest.approx(naive_grasp(net, batches), rel=1e-8)
    probe = Probe(net, batches)
    with probe._runner.isolated(training=True):
        if name in ("relu6", "sum"):
            _jets.mixed_derivative(probe._runner, *probe.batches[0], probe.weight_gradients(0))
        else:
            with pytest.raises(_jets.Unknown):
                _jets.mixed_derivative(probe._runner, *probe.batches[0], probe.weight_gradients(0))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("plain", {}),
        ("stride", {"stride": 2, "padding": 1}),
        ("groups", {"groups": 2}),
        ("depthwise", {"groups": 4, "padding": 2, "dilation": 2}),
        ("multiplier", {"groups": 4, "out_channels": 8}),
        ("reflect", {"padding": 1, "padding_mode": "reflect"}),
        ("same", {"padding": "same", "kernel_size": (3, 5)}),
    ],
)
def test_per_image_gradients_of_any_convolution(kind, options):
    g = torch.Generator().manual_seed(0)
    conv = nn.Conv2d(**{"in_channels": 4, "out_channels": 4, "kernel_size": 3, **options})
    net = nn.Sequential(nn.Conv2d(3, 4, 1), conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(5))
    net(torch.zeros(1, 3, 9, 9))
    initialise(net, g)
    net, batch = net.double(), (torch.randn(6, 3, 9, 9, generator=g).double(), torch.arange(6) % 5)
    layers = list(Probe(net, [batch]).weight_gradients_alone())
    logits, jacobian = Probe(net, [batch]).first_weight_jacobian()
    for i in range(6):
        alone = backward(net, (batch[0][i : i + 1], batch[1][i : i + 1]))
        for ours, module in zip(layers, weighted(alone), strict=True):
            torch.testing.assert_close(ours[i], module.weight.grad, msg=kind)
        twin = twin_of(net)
        twin(batch[0][i : i + 1])[0, 2].backward()
        expected = torch.stack([p.grad.flatten()[0] for p in twin.parameters()])
        torch.testing.assert_close(jacobian[i, 2], expected, msg=kind)
    torch.testing.assert_close(logits, net(batch[0]).detach())


@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_of_an_image_alone_is_that_of_a_batch_of_one(affine):
    g = torch.Generator().manual_seed(0)
    norm = nn.BatchNorm2d(3, eps=0.1, affine=affine).double()
    if affine:
        norm.weight.data, norm.bias.data = (torch.randn(3, generator=g).double() for _ in range(2))
    x, along = (torch.randn(4, 3, 5, 6, generator=g).double() for _ in range(2))
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    out = _norm_alone(norm, ours)
    expected = torch.cat([norm(image[None]) for image in theirs])
    torch.testing.assert_close(out, expected)
    out.backward(along)
    expected.backward(along)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_layer_used_twice_counts_once_with_both_gradients():
    conv, relu = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()
    net = nn.Sequential(conv, relu, conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5)).double()
    _, batches = make("r8-s4-c3w6x2")
    proxies = [proxy for proxy in PROBED if proxy.name in ("gradsign", "fisher", "plain", "l2_norm")]
    expected = {p.name: ORACLES[p.name](net, batches) for p in proxies}
    assert values(net, batches, proxies) == pytest.approx(expected, rel=1e-6)
