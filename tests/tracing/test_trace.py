"""trace.py against the LayerTables of specs and of NAS-Bench-201, torch's FLOP counter, and plain modules."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from zeroshot.build import build
from zeroshot.cost import counts
from zeroshot.cost.arena import arena_bytes
from zeroshot.data.torchvision import import_torchvision
from zeroshot.errors import UsageError
from zeroshot.net import (
    ADD,
    AVGPOOL,
    CELL,
    CONV,
    DEPTHWISE,
    INPUT,
    LINEAR,
    NO_TENSOR,
    OPS,
    POINTWISE,
    NetSpec,
    layer_table,
    spec_array,
    spec_of,
)  # fmt: skip
from zeroshot.spaces import McuSpace
from zeroshot.spaces import nasbench201 as nb201
from zeroshot.tracing.trace import trace

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


class Net(nn.Module):
    """A module whose forward is the function given; its layers are `a`, `b`, ..."""

    def __init__(self, forward, *layers):
        super().__init__()
        for name, layer in zip("abcdef", layers, strict=False):
            setattr(self, name, layer)
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


def rows(table, *columns):
    return [tuple(row) for row in np.stack([table.column(name) for name in columns], axis=1).tolist()]


def ops(table):
    return [OPS[op] for op in table.column("op")]


def conv(c_in=3, c_out=4, kernel=3, **options):
    return nn.Conv2d(c_in, c_out, kernel, **{"padding": kernel // 2, **options})


def flops(net, shape):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(torch.zeros(1, *shape))
    return counter.get_total_flops()


# Odd and even sizes, kernels, strides and all blocks; a depthwise layer of one channel would be a plain one.
SPECS = [
    "r27-s3/2-c5w4x2/2-m3e2w4x2-d7w8x1/2-h6", "r16-s8-b3w8x2-b5w4x2/2-m5e1w4x2", "r15-s4/2-c1w3x1-b1w8x2/2-d1w3x2/2",
    "r24-s3-m7e4w8x3/2-h6", "r8-s4-d3w4x3-b7w3x2/2",
]  # fmt: skip


@pytest.mark.parametrize(
    ("channels", "specs", "count"), [(3, SPECS, 0), (1, [], 2), pytest.param(1, SPECS, 20, marks=pytest.mark.slow)]
)
def test_specs_give_their_own_table(channels, specs, count):
    space = McuSpace(resolutions=(16, 24, (32, 20)), widths=(8, 12, 16), stem_widths=(8, 12))
    drawn = space.sample(count, np.random.default_rng(channels))
    for spec in [*map(NetSpec.parse, specs), *map(spec_of, drawn)]:
        found = trace(build(spec, channels, 7), (channels, spec.height, spec.width))
        expected = layer_table(spec_array([spec]), channels, 7)
        np.testing.assert_array_equal(found.rows, expected.rows, err_msg=str(spec))
        np.testing.assert_array_equal(found.ptr, expected.ptr)


# Cells with dead operations, without a path (10), without convolutions (3), and with six operations (0).
@pytest.mark.parametrize("indices", [(3, 10), pytest.param((0, *range(7, nb201.COUNT, 1500)), marks=pytest.mark.slow)])
def test_nasbench201_gives_its_own_table(indices):
    for index in indices:
        cells = nb201.decode([index])
        found, expected = trace(nb201.network(int(index)), (3, 32, 32)), nb201.layer_table(cells)
        np.testing.assert_array_equal(found.rows[:, :CELL], expected.rows[:, :CELL], err_msg=str(cells))
        assert counts.macs(found)[0] == nb201.flops(cells)[0] - 10
        np.testing.assert_array_equal(arena_bytes(found, "greedy"), arena_bytes(expected, "greedy"))


@pytest.mark.parametrize(
    ("name", "layers", "cells"),
    [
        pytest.param("mobilenet_v2", 64, 20, marks=pytest.mark.slow),
        ("resnet18", 31, 10),
        ("squeezenet1_1", 38, 12),
        pytest.param("densenet121", None, 1, marks=pytest.mark.slow),
    ],
)
def test_macs_of_torchvision_are_those_of_torchs_counter(name, layers, cells):
    net = getattr(import_torchvision().models, name)(weights=None, num_classes=5)
    table = trace(net, (3, 64, 96))
    assert 2 * counts.macs(table)[0] == flops(net, (3, 64, 96))
    kernels = [m.weight.numel() for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert sorted(counts.layer_weights(table)[counts.layer_weights(table) > 0]) == sorted(kernels)
    assert layers in (None, len(table.rows))
    assert len(set(table.column("cell"))) == cells
    if name in ("mobilenet_v2", "resnet18"):
        assert counts.params(table)[0] == sum(p.numel() for p in net.parameters())


def test_a_row_of_every_kind():
    net = nn.Sequential(
        conv(2, 6, stride=2, padding=2, dilation=2), nn.BatchNorm2d(6), nn.ReLU6(inplace=True),
        conv(6, 12, groups=6), nn.MaxPool2d(3, 2, 1), nn.Dropout(), conv(12, 4, 1, groups=2),
        conv(4, 5, 1), nn.AvgPool2d((2, 1), 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3),
        nn.BatchNorm1d(3),
    )  # fmt: skip
    table = trace(net, (2, 9, 12))
    assert rows(
        table, "op", "height", "width", "out_height", "out_width", "in_channels", "out_channels", "kernel_h",
        "kernel_w", "stride", "groups", "source",
    ) == [
        (CONV, 9, 12, 5, 6, 2, 6, 3, 3, 2, 1, INPUT),
        (DEPTHWISE, 5, 6, 5, 6, 6, 12, 3, 3, 1, 6, 0),
        (AVGPOOL, 5, 6, 3, 3, 12, 12, 3, 3, 2, 1, 1),
        (CONV, 3, 3, 3, 3, 12, 4, 1, 1, 1, 2, 2),
        (POINTWISE, 3, 3, 3, 3, 4, 5, 1, 1, 1, 1, 3),
        (AVGPOOL, 3, 3, 2, 3, 5, 5, 2, 1, 1, 1, 4),
        (AVGPOOL, 2, 3, 1, 1, 5, 5, 2, 3, 1, 1, 5),
        (LINEAR, 1, 1, 1, 1, 5, 3, 1, 1, 1, 1, 6),
    ]  # fmt: skip
    assert 2 * counts.macs(table)[0] == flops(net, (2, 9, 12))


def test_arena_counts_what_is_alive():
    # Alive while the sum is written: the convolution's input and output, which it adds, and the sum itself.
    table = trace(Net(lambda net, x: net.a(x) + x, conv(3, 3)), (3, 8, 8))
    assert rows(table, "op", "source", "residual") == [(CONV, INPUT, NO_TENSOR), (ADD, 0, INPUT)]
    assert arena_bytes(table, "bound")[0] == 3 * (3 * 8 * 8)


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: torch.relu(input=net.a(x)),
        lambda net, x: functional.dropout(net.a(x).relu_().contiguous().clone(), 0.5, net.training),
        lambda net, x: net.a(x).clamp(min=0, max=6),
        lambda net, x: net.a(x).permute(0, 2, 3, 1).permute(0, 3, 1, 2),
        lambda net, x: sum([net.a(x)]),
        lambda net, x: net.a(x).view(x.size(0), 4, 8, 8),
        lambda net, x: net.a(x).flatten(2).unflatten(2, (8, 8)),
        lambda net, x: functional.adaptive_avg_pool2d(net.a(x), 8),
    ],
)
def test_free_operators_add_no_row(forward):
    expected = trace(Net(lambda net, x: net.a(x), conv()), (3, 8, 8))
    np.testing.assert_array_equal(trace(Net(forward, conv()), (3, 8, 8)).rows, expected.rows)


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: functional.adaptive_avg_pool2d(x, 1).squeeze(),
        lambda x: functional.adaptive_max_pool2d(x, 1).flatten(1),
        lambda x: functional.max_pool2d(x, (8, 6), 1).view(-1, 4),
        lambda x: x.mean((2, 3)),
        lambda x: x.mean([-1, -2], keepdim=True).squeeze(-1).squeeze(-1),
        lambda x: x.view(x.size(0), 4, -1).mean(-1),
        lambda x: x.flatten(2).mean(2, keepdim=True).flatten(1),
        lambda x: x.permute(0, 2, 3, 1).mean((1, 2)),
        lambda x: x.amax((2, 3)),
    ],
)
def test_all_ways_to_pool_globally_are_one(pool):
    table = trace(Net(lambda net, x: net.b(pool(net.a(x))), conv(), nn.Linear(4, 2)), (3, 8, 6))
    assert ops(table) == ["conv", "avgpool", "linear"]
    assert rows(table, "height", "width", "out_height", "kernel_h", "kernel_w", "stride")[1] == (8, 6, 1, 8, 6, 1)


def test_paddings_belong_to_their_convolution():
    net = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), conv(padding=0, stride=2))
    assert rows(trace(net, (3, 8, 8)), "height", "out_height", "source") == [(8, 4, INPUT)]
    same = trace(nn.Sequential(conv(padding="same")), (3, 8, 8))
    assert rows(same, "height", "out_height") == [(8, 8)]


def test_inplace_addition_replaces_its_target():
    def forward(net, x):
        x = net.a(x)
        y = net.b(x)
        x += y
        return net.c(x)

    table = trace(Net(forward, conv(3, 3), conv(3, 3), conv(3, 3)), (3, 4, 4))
    assert rows(table, "op", "source", "residual")[2:] == [(ADD, 0, 1), (CONV, 2, NO_TENSOR)]


def test_joined_channels():
    net = Net(lambda net, x: torch.cat([net.a(x), x, net.b(x)], 1), conv(3, 4), conv(3, 5))
    table = trace(net, (3, 4, 4))
    columns = rows(table, "op", "in_channels", "out_channels", "source", "residual")
    assert columns[2:] == [(ADD, 4, 7, 0, INPUT), (ADD, 7, 12, 2, 1)]
    # As one operator: all operands and the result.
    assert arena_bytes(table, "bound")[0] == 2 * 12 * 16


def test_batch_norm_folds_only_where_it_can():
    def after(forward):
        return ops(trace(Net(forward, conv(3, 3), nn.BatchNorm2d(3), conv(3, 3)), (3, 4, 4)))

    assert after(lambda net, x: net.b(net.a(x))) == ["conv"]
    assert after(lambda net, x: net.b(net.b(net.a(x)))) == ["conv"]
    assert after(lambda net, x: net.b(net.a(x).relu())) == ["conv", "add"]
    assert after(lambda net, x: net.b(net.a(x) + x)) == ["conv", "add", "add"]
    shared = Net(lambda net, x: net.b(y := net.a(x)) + net.c(y), conv(3, 3), nn.BatchNorm2d(3), conv(3, 3))
    assert ops(trace(shared, (3, 4, 4))) == ["conv", "add", "conv", "add"]
    lone = trace(Net(lambda net, x: net.b(net.a(x) + x), conv(3, 3), nn.BatchNorm2d(3)), (3, 4, 4))
    assert rows(lone, "op", "source", "residual")[2] == (ADD, 1, NO_TENSOR)
    assert counts.macs(lone)[0] == 27 * 3 * 16


def test_additions_of_zeros_vanish():
    zeros = Net(lambda net, x: net.a(x) + torch.zeros_like(x) + x.mul(0.0), conv(3, 3))
    assert ops(trace(zeros, (3, 4, 4))) == ["conv"]
    read = trace(Net(lambda net, x: net.a(torch.zeros_like(x)) + x, conv(3, 3)), (3, 4, 4))
    assert rows(read, "op", "source", "residual") == [(CONV, NO_TENSOR, NO_TENSOR), (ADD, 0, INPUT)]


class Restless(nn.Module):
    """Changes a buffer and draws random numbers when it runs; its parts are in different modes."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.drop = conv(), nn.BatchNorm2d(4), nn.Dropout()
        self.register_buffer("calls", torch.zeros(()))
        self.norm.eval()
        self.conv.weight.requires_grad_(False)

    def forward(self, x):
        self.calls += 1
        return self.drop(self.norm(self.conv(x)))


def test_leaves_the_module_and_the_generator_alone():
    net = Restless()
    before, modes = copy.deepcopy(net.state_dict()), [m.training for m in net.modules()]
    flags, state = [p.requires_grad for p in net.parameters()], torch.get_rng_state()
    assert ops(trace(net, (3, 6, 6))) == ["conv"]
    assert [m.training for m in net.modules()] == modes == [True, True, False, True]
    assert [p.requires_grad for p in net.parameters()] == flags
    assert all(p.grad is None for p in net.parameters())
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert torch.equal(state, torch.get_rng_state())


def test_leaves_modes_alone_after_a_failure():
    net = Net(lambda net, x: net.a(x).sigmoid(), conv(), nn.Dropout())
    net.b.eval()
    for shape in ((3, 4, 4), (5, 4, 4)):
        with pytest.raises(UsageError):
            trace(net, shape)
        assert [m.training for m in net.modules()] == [True, True, False]


def cut(net, x):
    return net.a(x)[:, :, 1:]


def halved(net, x):
    return net.b(net.a(x)[:, :, ::2, ::2])


def test_pixels_skipped_before_a_1x1_convolution_are_its_stride():
    strided = nn.Sequential(conv(), nn.Conv2d(4, 5, 1, stride=2))
    skipping = Net(halved, conv(), nn.Conv2d(4, 5, 1))
    assert np.array_equal(trace(skipping, (3, 8, 8)).rows, trace(strided, (3, 8, 8)).rows)


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (nn.Sequential(conv(), nn.Sequential(nn.Identity(), nn.SiLU())), ["silu", "'1.1'", "nn.ReLU"]),
        (Net(lambda net, x: x * x.mean()), ["mean", "outermost", "height and width"]),
        (Net(lambda net, x: x * x.sigmoid()), ["sigmoid", "nn.ReLU"]),
        (Net(lambda net, x: x * x), ["mul", "squeeze-and-excitation"]),
        (Net(cut, conv()), ["slice", "cuts"]),
        (Net(halved, conv(), conv(4, 5)), ["conv2d", "1x1"]),
        (Net(lambda net, x: net.a(x)[:, :, ::2, ::2].mean((2, 3)), conv()), ["mean", "part"]),
        (Net(lambda net, x: net.a(x) + net.a.weight.sum(), conv()), ["add", "constant"]),
        (Net(lambda net, x: x + x.mean((2, 3), keepdim=True)), ["add", "(3, 1, 1)", "one shape"]),
        (Net(lambda net, x: torch.add(x, x, alpha=2)), ["add", "scales"]),
        (nn.Sequential(conv(), nn.Softmax(1)), ["softmax", "logits"]),
        (nn.Sequential(conv(), nn.GroupNorm(2, 4)), ["group_norm", "BatchNorm2d"]),
        (nn.Sequential(conv(), nn.BatchNorm2d(4, track_running_stats=False)), ["batch_norm", "running"]),
        (nn.Sequential(conv(stride=(1, 2))), ["conv2d", "'0'", "stride"]),
        (nn.Sequential(nn.ConvTranspose2d(3, 4, 3)), ["conv_transpose2d"]),
        (nn.Sequential(nn.ReflectionPad2d(1), conv()), ["pad", "'0'"]),
        (nn.Sequential(nn.ConstantPad2d(1, 1.0), conv()), ["pad", "zero"]),
        (nn.Sequential(nn.ZeroPad2d(-1), conv()), ["pad", "crops"]),
        (nn.Sequential(nn.ZeroPad2d(1), nn.ReLU(), conv()), ["relu", "padding"]),
        (nn.Sequential(conv(), nn.ChannelShuffle(2)), ["shuffle"]),
        (Net(lambda net, x: net.a(x).view(2, 2, 2, 8, 8).transpose(1, 2), conv()), ["view", "rearranges"]),
        (Net(lambda net, x: torch.cat([x, x], 2)), ["cat", "channels"]),
        (Net(lambda net, x: x.clamp(min=-1)), ["clamp", "zero"]),
        (Net(lambda net, x: x.transpose(0, 1)), ["transpose", "batch"]),
        (Net(lambda net, x: functional.dropout(x)), ["dropout", "evaluation"]),
        (Net(lambda net, x: net.a(x.permute(0, 2, 3, 1)), nn.Conv2d(8, 4, 1)), ["conv2d", "permute"]),
        (nn.Sequential(nn.Linear(8, 2)), ["linear", "flatten"]),
        (nn.Sequential(conv(), nn.AdaptiveAvgPool2d(3)), ["adaptive_avg_pool2d", "8x8", "3x3"]),
        (Net(lambda net, x: functional.adaptive_max_pool2d(x, 1, return_indices=True)[1]), ["indices"]),
        (Net(lambda net, x: net.a(net.a(x)), conv(3, 3)), ["'a'", "second time"]),
        (Net(lambda net, x: (net.a(x), x), conv()), ["one tensor", "logits"]),
        (Net(lambda net, x: [net.a(x), net.b(x)][0], conv(), conv()), ["last layer"]),
        (nn.Identity(), ["last layer"]),
    ],
)
def test_refusals_say_what_and_where(net, words):
    with pytest.raises(UsageError) as caught:
        trace(net, (3, 8, 8))
    text = f"{caught.value.message} {caught.value.hint}"
    for word in words:
        assert word.lower() in text.lower(), text


def branching(net, x):
    return net.a(x) if x.sum() > 0 else x


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (Net(branching, conv()), ["export", "control flow"]),
        (Net(lambda net, x: net.a(x), conv(5, 4)), ["export", "5 channels"]),
        (Net(lambda net, x: net.missing(x)), ["export", "AttributeError", "missing"]),
    ],
)
def test_failures_of_export_give_the_reason(net, words):
    with pytest.raises(UsageError) as caught:
        trace(net, (3, 8, 8))
    text = f"{caught.value.message} {caught.value.hint}"
    for word in words:
        assert word.lower() in text.lower(), text


@pytest.mark.parametrize("shape", [(3, 8), (3, 8, 8, 1), (0, 8, 8)])
def test_input_shape_is_checked(shape):
    with pytest.raises(UsageError, match="channels, height, width"):
        trace(conv(), shape)
