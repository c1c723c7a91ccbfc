"""The compiled sweep over several batches against the general way, hooks on torch's own layers batch by batch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zeroshot.build import build, initialise
from zeroshot.net import NetSpec
from zeroshot.probing import _fused
from zeroshot.probing._norm_kernel import norm_kernel
from zeroshot.probing.probe import Probe
from zeroshot.resolution import sides

from ..crossed import crossed
from ..proxy_nets import SPECS, make
from ..strategies import examples

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")

NETS = (*SPECS, "r32-s8-b3w8x2/2-m5e4w12x2/2-c3w16x1", "r16-s4/2-d3w20x1-m3e6w8x2-h32")


def net_of(text, channels=3):
    generator = torch.Generator().manual_seed(3)
    net = build(NetSpec.parse(text), channels, 5)
    initialise(net, generator)
    for part in net.modules():  # not the identity, or a kernel without scale and shift would do
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, generator=generator)
            nn.init.normal_(part.bias, generator=generator)
    return net


def batches_of(resolution, count=5, size=8, channels=3):
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(size) % 5
    return [(torch.randn(size, channels, *sides(resolution), generator=generator), labels) for _ in range(count)]


def general(net, batches):
    """The means as of a net that the sweep does not know."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_fused, "fused", lambda *_: None)
        return Probe(net, batches).mean_activations()[0]


# Batches a pass: some and a rest, one, all.
@pytest.mark.parametrize(("text", "together"), crossed(NETS, [3, 1, 100]))
def test_means_are_those_of_the_general_way(text, together, monkeypatch):
    spec = NetSpec.parse(text)
    net, batches = net_of(text), batches_of(spec.resolution)
    assert _fused.fused(net, [x for x, _ in batches])
    monkeypatch.setattr(_fused, "PIXELS", together * 8 * spec.height * spec.width)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    given_images = [x.clone() for x, _ in batches]
    found = Probe(net, batches).mean_activations()[0]
    torch.testing.assert_close(found, general(net, batches), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(torch.equal(x, kept) for (x, _), kept in zip(batches, given_images, strict=True))


def test_images_of_one_channel():
    net, batches = net_of("r8-s4-b3w6x2", channels=1), batches_of(8, channels=1)
    torch.testing.assert_close(Probe(net, batches).mean_activations()[0], general(net, batches), rtol=1e-4, atol=1e-5)


@examples(40)
@given(
    st.integers(1, 3), st.integers(2, 5), st.integers(1, 20), st.integers(1, 40), st.booleans(), st.floats(0, 1e3),
    st.integers(0, 2**31),
)  # fmt: skip
def test_the_kernel_against_float64(batches, batch, positions, channels, relu, offset, seed):
    """Numbers far from 0 too, whose squares would lose the variance."""
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(batches * batch, positions, channels)) + offset).astype(np.float32)
    weight, bias = rng.normal(size=(2, channels)).astype(np.float32)
    wide = x.astype(np.float64).reshape(batches, batch, positions, channels)
    mean, variance = wide.mean((1, 2), keepdims=True), wide.var((1, 2), keepdims=True)
    want = ((wide - mean) / np.sqrt(variance + 1e-5) * weight + bias).reshape(x.shape)
    want = np.maximum(want, 0) if relu else want
    means = np.empty((len(x), channels), np.float32)
    norm_kernel(x, batch, weight, bias, 1e-5, relu, means)
    # The shift of a number by its mean is rounded as the mean is.
    tolerance = 1e-5 + 1e-6 * offset / np.sqrt(variance.min() + 1e-5)
    np.testing.assert_allclose(x, want, rtol=1e-4, atol=tolerance)
    np.testing.assert_allclose(means, want.mean(1), rtol=1e-4, atol=tolerance)


def test_what_is_not_a_number_stays_so():
    x = np.zeros((2, 3, 4), np.float32)
    x[1, 0, 2] = np.nan
    means = np.zeros((2, 4), np.float32)
    norm_kernel(x, 2, np.ones(4, np.float32), np.zeros(4, np.float32), 1e-5, True, means)
    assert np.isnan(means[:, 2]).all()
    assert np.isfinite(np.delete(means, 2, 1)).all()


class Doubled(nn.BatchNorm2d):
    """A layer of another kind."""

    def forward(self, x):
        return 2 * super().forward(x)


def conv():
    return nn.Conv2d(3, 4, 3)


SHARED = nn.ReLU()
OTHERS = {
    "a layer of another kind": nn.Sequential(conv(), Doubled(4), nn.ReLU()),
    "batch norm not after a convolution": nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), conv()),
    "a layer in two places": nn.Sequential(conv(), nn.BatchNorm2d(4), SHARED, nn.Conv2d(4, 4, 1), SHARED),
    "images flattened into one": nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(0)),
    "double precision": nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU()).double(),
    "draws of its own": nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout()),
}


@pytest.mark.parametrize("why", OTHERS)
def test_other_nets_go_the_general_way(why):
    assert _fused.fused(OTHERS[why], [torch.zeros(4, 3, 8, 8)]) is None


def test_changed_layers_and_uneven_batches_go_the_general_way():
    net, x = net_of("r8-s4-c3w6x2"), torch.zeros(4, 3, 8, 8)
    assert _fused.fused(net, [x, x]) is not None
    assert _fused.fused(net, [x, x[:3]]) is None
    handle = net.stem.register_forward_hook(lambda _module, _inputs, out: 2 * out)
    assert _fused.fused(net, [x, x]) is None
    handle.remove()
    net.pool.forward = lambda x: x.amax((2, 3), keepdim=True)
    assert _fused.fused(net, [x, x]) is None


def test_cells_of_the_field_go_the_general_way():
    net, batches = make("cells")
    assert _fused.fused(net, [x for x, _ in batches]) is None
