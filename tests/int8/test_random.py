"""Random nets must look like quantised ones, or tests that use them see nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given

from zeroshot.build import Add, build, layers
from zeroshot.int8.execute import tensors
from zeroshot.int8.random import random_images, random_int8_net, relu_rows
from zeroshot.net import AVGPOOL, NetSpec

from ..strategies import examples, specs

NETS = ["r16-s8-b3w8x1-b3w16x1/2", "r15-s8/2-m3e4w8x2-d5w16x1/2-h32", "r12-s4-c3w8x2-c1w16x1"]


@pytest.mark.parametrize("text", NETS)
def test_outputs_vary_and_rarely_saturate(text):
    it = random_int8_net(NetSpec.parse(text), 3, 10, 0)
    for row, out in enumerate(tensors(it, random_images(it, 16, 1))[1:]):
        low = it.zero[row + 1] if it.relu[row] else -128
        assert (out == 127).mean() < 0.05
        if it.table.column("op")[row] != AVGPOOL:
            assert out.std() > 10
            assert (out == -128).mean() < 0.05 or low == -128
    assert len(np.unique(out, axis=0)) == 16


def test_some_clamps_of_a_relu_lie_above_the_lowest_byte():
    nets = [random_int8_net(NetSpec.parse("r8-s8-c3w8x4-c3w8x4"), 3, 10, seed) for seed in range(8)]
    clamps = np.concatenate([it.zero[1:][it.relu] for it in nets])
    assert 0.1 < (clamps > -100).mean() < 0.4
    assert (clamps == -128).mean() > 0.6


def test_the_seed_decides():
    spec = NetSpec.parse(NETS[1])
    first, again, other = (random_int8_net(spec, 3, 10, seed) for seed in (0, 0, 1))
    for name in ("scale", "zero"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, again.weights, strict=True) if a is not None)
    assert np.array_equal(random_images(first, 3, 7), random_images(first, 3, 7))


@examples(40)
@given(specs(widths=(2, 3)))
def test_relus_are_those_of_the_built_net(spec):
    """The built net is run, and every ReLU says whose output it was given."""
    expected = relu_of_modules(build(spec, 1, 2).eval(), (spec.height, spec.width))
    assert relu_rows(spec).tolist() == expected


def relu_of_modules(module, size):
    """Which layers' outputs go into a ReLU (through batch norm), by tracing who gets whose tensor."""
    found, origin = {}, {}

    def after(part, inputs, out):
        if isinstance(part, torch.nn.ReLU):
            found[origin[id(inputs[0])]] = True
        elif isinstance(part, torch.nn.BatchNorm2d):
            origin[id(out)] = origin[id(inputs[0])]
        else:
            origin[id(out)] = id(part)
        kept.append(out)  # else another tensor gets its id

    kept = []
    rows = layers(module)
    for part in module.modules():
        if part in rows or isinstance(part, torch.nn.ReLU | torch.nn.BatchNorm2d):
            part.register_forward_hook(after)
    module(torch.zeros(1, 1, *size))
    assert any(isinstance(part, Add) for part in rows) or len(rows) > 2
    return [found.get(id(part), False) for part in rows]
