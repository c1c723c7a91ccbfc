"""build.py against the LayerTable: the same layers, shapes, MACs and parameters, and TFLite's padding."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from zeroshot.build import Add, build, initialise, layers
from zeroshot.cost import counts
from zeroshot.net import ADD, AVGPOOL, LINEAR, NetSpec, Stage, layer_table, spec_array

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


def random_spec(rng: np.random.Generator, shape: int = 0) -> NetSpec:
    """Any net the NetSpec allows, small: odd sizes, all blocks, kernels, strides and expansions.

    Of shape 0 they are squares, 1 rectangles, 2 signals.
    """
    stages = []
    for _ in range(rng.integers(1, 4)):
        block = str(rng.choice(["c", "d", "m", "b"]))
        stages.append(
            Stage(
                block,
                kernel=int(rng.choice([1, 3, 5, 7])),
                width=int(rng.choice([3, 4, 8])),
                depth=int(rng.integers(1, 4)),
                stride=int(rng.integers(1, 3)),
                expansion=int(rng.integers(1, 5)) if block == "m" else 1,
            )
        )
    sides = [int(side) for side in rng.choice([5, 8, 15, 16, 24, 27], 2)]
    resolution = [sides[0], (sides[0], sides[1]), (1, 2 * sides[0])][shape]
    head = int(rng.choice([0, 6]))
    return NetSpec(resolution, int(rng.choice([3, 4, 8])), int(rng.integers(1, 3)), tuple(stages), head)


@pytest.mark.parametrize("seed", [*range(80), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(80, 400))])
def test_matches_its_layer_table(seed):
    rng = np.random.default_rng(seed)
    spec, channels, classes = random_spec(rng, seed % 3), int(rng.choice([1, 3])), int(rng.integers(2, 11))
    table = layer_table(spec_array([spec]), channels, classes)
    net = build(spec, channels, classes)
    shapes = []
    rows = layers(net)
    for module in rows:
        module.register_forward_hook(lambda _m, _x, out: shapes.append(tuple(out.shape[1:])))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        logits = net(torch.zeros(2, channels, spec.height, spec.width))
    assert logits.shape == (2, classes)
    assert counter.get_total_flops() == 2 * 2 * counts.macs(table)[0]
    assert sum(p.numel() for p in net.parameters()) == counts.params(table)[0]
    expected = zip(*(table.column(c) for c in ("out_channels", "out_height", "out_width")), strict=True)
    assert [(*shape, 1, 1)[:3] for shape in shapes] == [tuple(map(int, row)) for row in expected]
    assert [_weights(module) for module in rows] == counts.layer_weights(table).tolist()
    kinds = {ADD: Add, AVGPOOL: nn.AdaptiveAvgPool2d, LINEAR: nn.Linear}
    for module, op in zip(rows, table.column("op"), strict=True):
        assert isinstance(module, kinds.get(int(op), nn.Conv2d))


def _weights(module):
    return module.weight.numel() if isinstance(module, nn.Conv2d | nn.Linear) else 0


def test_stride_two_pads_right_and_bottom_on_even_sizes():
    net = build(NetSpec.parse("r4-s1/2-c1w1x1"), 1, 2)
    conv = net.stem[1]
    with torch.no_grad():
        conv.weight.fill_(1.0)
    image = torch.zeros(1, 1, 4, 4)
    image[..., 0, 0] = 1.0
    image[..., 3, 3] = 10.0
    # SAME at 4 -> 2: windows start at 0 and 2, so the corner pixel is seen by one window, top-left.
    assert net.stem[:2](image)[0, 0].tolist() == [[1.0, 0.0], [0.0, 10.0]]


@pytest.mark.parametrize("size", [5, 8, 15])
@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_is_tflite_same(size, kernel, stride):
    net = build(NetSpec(size, 2, 1, (Stage("c", kernel, 3, 1, stride),)), 1, 2)
    initialise(net, torch.Generator().manual_seed(0))
    x = torch.randn(1, 2, size, size, generator=torch.Generator().manual_seed(1))
    block = net.body[0]
    parts = [m for m in block if isinstance(m, nn.Conv2d | nn.ZeroPad2d)]
    got = nn.Sequential(*parts)(x)[0].detach().numpy()
    weight = next(m for m in parts if isinstance(m, nn.Conv2d)).weight.detach().numpy()
    np.testing.assert_allclose(got, _same_conv(x[0].numpy(), weight, stride), atol=1e-5)


def _same_conv(x, weight, stride):
    """Obvious loops: output o reads inputs o * stride - before ... and zeros outside the image."""
    out_size = -(-x.shape[1] // stride)
    kernel = weight.shape[-1]
    before = max((out_size - 1) * stride + kernel - x.shape[1], 0) // 2
    out = np.zeros((len(weight), out_size, out_size))
    for row, col, i, j in np.ndindex(out_size, out_size, kernel, kernel):
        y, z = row * stride - before + i, col * stride - before + j
        if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
            out[:, row, col] += weight[:, :, i, j] @ x[:, y, z]
    return out


def test_blocks_compute_what_the_spec_says():
    """Each block written out by hand with functional calls, training-mode batch norm."""
    x = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(0))

    def block(text):
        net = build(NetSpec.parse(f"r8-s4-{text}"), 3, 2)
        initialise(net, torch.Generator().manual_seed(1))
        weights = [m.weight for m in net.body[0].modules() if isinstance(m, nn.Conv2d)]
        return net.body[0](x), weights

    def conv(x, weight, **options):
        padding = weight.shape[-1] // 2
        return functional.batch_norm(
            functional.conv2d(x, weight, padding=padding, **options), None, None, training=True
        )

    out, (dw, pw) = block("d3w6x1")
    torch.testing.assert_close(out, conv(conv(x, dw, groups=4).relu(), pw).relu())
    out, (expand, dw, pw) = block("m5e2w4x1")
    torch.testing.assert_close(out, x + conv(conv(conv(x, expand).relu(), dw, groups=8).relu(), pw))
    out, (dw, pw) = block("m3e1w6x1")
    torch.testing.assert_close(out, conv(conv(x, dw, groups=4).relu(), pw))
    out, (first, second) = block("b3w4x1")
    torch.testing.assert_close(out, (x + conv(conv(x, first).relu(), second)).relu())
    out, (first, second, project) = block("b3w6x1")
    torch.testing.assert_close(out, (conv(x, project) + conv(conv(x, first).relu(), second)).relu())


def test_relus_are_separate_and_not_in_place():
    net = build(NetSpec.parse("r8-s4-b3w4x2-m3e2w4x1"), 3, 2)
    relus = [m for m in net.modules() if isinstance(m, nn.ReLU)]
    assert len({id(m) for m in relus}) == 1 + 4 + 2
    assert not any(m.inplace for m in relus)


def test_build_and_initialise_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    net = build(NetSpec.parse("r8-s4-b3w6x2"), 3, 2)
    initialise(net, torch.Generator().manual_seed(0))
    assert torch.equal(state, torch.get_rng_state())


def test_initialise_is_kaiming_normal_and_repeatable():
    net = build(NetSpec.parse("r8-s64-c5w64x1-d3w64x1"), 3, 10)
    assert all(not _weights(m) or not m.weight.any() for m in layers(net))
    initialise(net, torch.Generator().manual_seed(0))
    again = copy.deepcopy(net)
    for module in again.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.fill_(3.0)
            module.weight.data.fill_(2.0)
    again.classifier.bias.data.fill_(1.0)
    initialise(again, torch.Generator().manual_seed(0))
    for (name, a), b in zip(net.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    wide = net.body[0][0].weight
    assert float(wide.detach().std()) == pytest.approx((2 / (64 * 25)) ** 0.5, rel=0.02)
    depthwise = net.body[1][0].weight
    assert float(depthwise.detach().std()) == pytest.approx((2 / 9) ** 0.5, rel=0.15)


def test_under_autocast_only_slow_depthwise_layers_stay_in_float32():
    net = build(NetSpec.parse("r16-s4-d3w8x2/2-m5e2w8x1"), channels=3, classes=4)
    initialise(net, torch.Generator().manual_seed(0))
    called = []
    real = nn.Conv2d._conv_forward

    def spy(self, x, weight, bias):
        called.append((self.groups > 1, self.stride[0], self.kernel_size[0], x.dtype, torch.is_autocast_enabled("cpu")))
        return real(self, x, weight, bias)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Conv2d, "_conv_forward", spy)
        with torch.autocast("cpu", torch.bfloat16):
            out = net(torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)))
    assert out.dtype == torch.bfloat16
    exact = {call[:3]: call[3] == torch.float32 and not call[4] for call in called}
    assert exact == {
        (False, 1, 3): False, (False, 1, 1): False, (True, 2, 3): True, (True, 1, 3): False, (True, 1, 5): True,
    }  # fmt: skip
