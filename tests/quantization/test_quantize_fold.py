"""Folded nets: the same function without batch norm, and which rows end in a ReLU."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zeroshot.build import build, initialise, layers
from zeroshot.int8.random import relu_rows
from zeroshot.net import NetSpec
from zeroshot.quantization.fold import folded, relus, tensors

from ..strategies import examples, specs


def trained_like(spec, channels=2, classes=3, seed=0, dtype=torch.float64):
    """A net whose batch norms have statistics, scales of either sign and shifts of their own."""
    random = torch.Generator().manual_seed(seed)
    net = build(spec, channels, classes)
    initialise(net, random)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.5, generator=random)
            part.running_var.uniform_(0.2, 2, generator=random)
            part.weight.data.normal_(1, 0.5, generator=random)
            part.bias.data.normal_(0, 0.5, generator=random)
    net.classifier.bias.data.normal_(0, 0.5, generator=random)
    return net.eval().to(dtype)


def images(spec, n=3, channels=2, seed=1, dtype=torch.float64):
    size = (n, channels, spec.height, spec.width)
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@given(specs(), st.integers(0, 99))
@examples(25)
def test_a_folded_net_is_the_same_function_without_batch_norm(spec, seed):
    net, x = trained_like(spec, seed=seed), images(spec)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    made = folded(net)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in made.modules())
    assert all(part.bias is not None for part in made.modules() if isinstance(part, nn.Conv2d | nn.Linear))
    with torch.no_grad():
        expected = net(x)
        torch.testing.assert_close(made(x), expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max() + 1))
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@given(specs())
@examples(25)
def test_relus_are_where_the_spec_says(spec):
    net = build(spec, 1, 2)
    assert relus(net).tolist() == relu_rows(spec).tolist() == relus(folded(net)).tolist()


def test_every_tensor_is_shown_behind_its_relu():
    spec = NetSpec.parse("r9-s4/2-b3w4x1-b3w8x1/2-m3e2w8x1-d3w8x1-h6")
    net = folded(trained_like(spec))
    x, seen = images(spec, n=300), {}
    tensors(net, x, lambda row, values: seen.setdefault(row, []).append(values))
    assert sorted(seen) == [-1, *range(len(layers(net)))]
    whole = {row: torch.cat(parts) for row, parts in seen.items()}
    assert torch.equal(whole[-1], x)
    with torch.no_grad():
        torch.testing.assert_close(whole[len(seen) - 2], net(x))
    for row, relu in enumerate(relus(net)):
        pool = row == len(seen) - 3
        assert pool or (float(whole[row].min()) < 0) != relu
    torch.testing.assert_close(whole[len(seen) - 3], whole[len(seen) - 4].mean((2, 3), keepdim=True))
