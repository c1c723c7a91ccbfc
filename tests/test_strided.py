"""Strided 1x1 convolutions of few channels: never a write outside a buffer, and the bits of torch's own where safe."""

import copy
import ctypes
import itertools
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from zeroshot import score
from zeroshot.build import Conv2d, build, initialise
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.probing.passes import Runner
from zeroshot.probing.probe import Probe, evaluate
from zeroshot.quantization.fold import folded
from zeroshot.scoring.plugins import load_proxies
from zeroshot.strided import SAFE_POSITIONS, safe, sampled
from zeroshot.tracing.trace import trace

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")
ALLOCATOR = "libc_malloc_debug.so.0"

# Three passes of every layer in LINES: kernel, stride, channels in and out, groups, side, images; channels last as
# all our passes.
PASSES = """
import torch
from zeroshot.build import Conv2d
torch.set_num_threads(1)
for line in LINES:
    kernel, stride, c_in, c_out, groups, side, images = map(int, line.split())
    layer = Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    x = torch.rand(images, c_in, side, side).contiguous(memory_format=torch.channels_last).requires_grad_()
    for _ in range(3):
        torch.autograd.grad(layer(x).sum(), [x, layer.weight])
"""
# Any torch.nn module that a probe runs, as `zeroshot score` does with a net of the user's, for (side, width) in CASES.
FOREIGN = """
from torch import nn
from zeroshot import score
for side, width in CASES:
    net = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.Conv2d(width, 8, 1, stride=2), nn.ReLU(),
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    for seed in range(SEEDS):
        score(net, "digits", proxies=["grad_norm"], resolution=side, seed=seed)
"""


def check(*programs, timeout=120, **given):
    """Run programs under glibc's checking allocator, which aborts on a write outside a block."""
    try:
        ctypes.CDLL(ALLOCATOR)
    except OSError:
        pytest.skip(f"no {ALLOCATOR}: glibc before 2.34, or another C library")
    more = {"LD_PRELOAD": ALLOCATOR, "GLIBC_TUNABLES": "glibc.malloc.check=3", "OMP_NUM_THREADS": "1"}
    program = "\n".join([*(f"{name} = {value!r}" for name, value in given.items()), *programs, "print('done')"])
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | more, capture_output=True, text=True, timeout=timeout,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-2000:]


@pytest.mark.slow
def test_no_write_outside_a_buffer():
    """The smallest cases of the next two tests; in one process, as its imports take longest."""
    check(PASSES, FOREIGN, LINES=["1 2 4 12 1 16 8", "1 2 12 12 1 64 8"], CASES=[(16, 4)], SEEDS=1)


@pytest.mark.slow
def test_no_layer_that_once_did_writes_outside_a_buffer():
    """Where it happened: under 8 channels with AVX2, 8 and 12 channels from 64 pixels on with AVX-512."""
    shapes = [(c, side) for c in (2, 4, 7) for side in (8, 16, 64)] + [(c, side) for c in (8, 12) for side in (48, 64)]
    check(PASSES, LINES=[f"1 2 {c} 12 1 {side} 32" for c, side in shapes])


@pytest.mark.slow
def test_a_foreign_net_is_scored_without_a_write_outside_a_buffer():
    check(FOREIGN, CASES=[(16, 4), (64, 12)], SEEDS=3)


@pytest.mark.slow
@pytest.mark.parametrize("side", [16, 24, 32, 48, 64, 96, 128, 160])
def test_no_layer_of_the_space_writes_outside_a_buffer(side):
    """Every kernel, stride, and pair of widths that the mcu space has."""
    widths = (8, 12, 16, 24, 32, 48, 64, 96, 128)
    pairs = [(i, o) for i in widths for o in widths]
    whole = [(k, s, i, o, 1) for k in (1, 3, 5, 7) for s in (1, 2) for i, o in pairs if k == 1 or i == o]
    depthwise = [(k, s, i, i, i) for k in (3, 5, 7) for s in (1, 2) for i in (*widths, 192, 384)]
    lines = []
    for shape in whole + depthwise:
        images = 2 if side > 64 and shape[2] > 48 else 16
        lines.append(" ".join(map(str, (*shape, side, images))))
    check(PASSES, LINES=lines, timeout=1800)


def results(layer, x, seed=0):
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        layer.weight.normal_(generator=draw)
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    out = layer(x)
    gradient = torch.randn(out.shape, generator=draw).contiguous(memory_format=torch.channels_last)
    return [out.detach(), *torch.autograd.grad(out, [x, layer.weight], gradient)]


def images(n, channels, side):
    x = torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(side))
    return x.contiguous(memory_format=torch.channels_last)


SIZES = list(itertools.product([2, 5, 8, 16, 24, 31, 32, 40, 44], [1, 8, 32]))
ALWAYS = [(2, 8), (31, 1), (44, 8)]


@pytest.mark.parametrize(
    ("side", "n"), [pytest.param(*size, marks=[] if size in ALWAYS else pytest.mark.slow) for size in SIZES]
)
def test_safe_layers_are_torchs_own_to_the_last_bit(side, n):
    for c_in, c_out in ((8, 8), (8, 24), (12, 16), (12, 48), (16, 32)):
        x = images(n, c_in, side)
        assert sampled(Conv2d(c_in, c_out, 1, 2, bias=False), x) is x
        own = results(nn.Conv2d(c_in, c_out, 1, 2, bias=False), x)
        assert all(map(torch.equal, results(Conv2d(c_in, c_out, 1, 2, bias=False), x), own))


@pytest.mark.parametrize(("c_in", "side"), [(4, 16), (7, 8), (3, 64), (8, 64), (12, 46), (15, 64)])
def test_unsafe_layers_compute_the_same(c_in, side):
    """Float64, which oneDNN has no kernels for, is the oracle."""
    x, layer = images(4, c_in, side), Conv2d(c_in, 12, 1, 2, bias=False)
    assert sampled(layer, x).shape[-1] == side // 2
    exact = nn.Conv2d(c_in, 12, 1, 2, bias=False, dtype=torch.float64)
    got = results(layer, x)
    with torch.no_grad():
        exact.weight.copy_(layer.weight)
    wide = x.double().requires_grad_()
    draw = torch.Generator().manual_seed(0)
    torch.randn(layer.weight.shape, generator=draw)
    gradient = torch.randn(got[0].shape, generator=draw).double()
    out = exact(wide)
    for ours, want in zip(got, [out, *torch.autograd.grad(out, [wide, exact.weight], gradient)], strict=True):
        torch.testing.assert_close(ours.double(), want, rtol=1e-4, atol=1e-4 * float(want.detach().abs().max()))


@pytest.mark.parametrize(
    ("options", "side"),
    [({"stride": 1}, 64), ({"stride": 2}, 63), ({"stride": 2, "padding": 1}, 64), ({"stride": 2, "groups": 2}, 64),
     ({"kernel_size": 3, "stride": 2}, 64), ({"in_channels": 16, "stride": 2}, 64)],
    ids=str,
)  # fmt: skip
def test_other_layers_are_left_alone(options, side):
    given = {"in_channels": 8, "out_channels": 8, "kernel_size": 1} | options
    x = images(1, given["in_channels"], side)
    assert sampled(nn.Conv2d(**given), x) is x


def test_the_limit_is_in_positions():
    layer = nn.Conv2d(8, 8, 1, 2)
    wide = torch.zeros(1, 8, 2, 2 * SAFE_POSITIONS)
    assert sampled(layer, wide) is wide
    assert sampled(layer, torch.zeros(1, 8, 2, 2 * SAFE_POSITIONS + 2)).shape == (1, 8, 1, SAFE_POSITIONS + 1)
    assert sampled(nn.Conv2d(8, 8, 1, 2, padding="valid"), wide.repeat(1, 1, 2, 1)).shape[-2:] == (2, SAFE_POSITIONS)


def test_foreign_layers_are_given_back():
    layer = nn.Conv2d(4, 8, 1, 2)

    class Own(nn.Conv2d):
        def _conv_forward(self, x, weight, bias):
            return super()._conv_forward(x, 2 * weight, bias)

    net = nn.Sequential(layer, Own(8, 4, 1, 2))
    x = images(2, 4, 16)
    before = net(x)
    with safe(net):
        assert "_conv_forward" in vars(layer)
        assert "_conv_forward" not in vars(net[1])  # a convolution of the user's own kind is the user's
        torch.testing.assert_close(net(x), before)
    assert "_conv_forward" not in vars(layer)
    with Runner(net, 0).isolated(training=True):
        assert "_conv_forward" in vars(layer)


@pytest.mark.parametrize("text", ["r64-s8-b3w12x1/2-b3w16x1", "r16-s4-b3w6x1/2-c3w8x1"])
def test_a_net_with_such_a_layer_is_a_net_like_others(text):
    """Traced, folded, copied and probed; the same scores as of torch's own layers in float64."""
    spec = NetSpec.parse(text)
    net = build(spec, 3, 10)
    initialise(net, torch.Generator().manual_seed(0))
    side = spec.resolution
    assert trace(net, (3, side, side)).rows.tolist() == layer_table(spec_array([spec]), 3, 10).rows.tolist()
    x = images(16, 3, side)
    net.eval()
    torch.testing.assert_close(folded(copy.deepcopy(net))(x), net(x), rtol=1e-4, atol=1e-4)
    labels = torch.arange(16) % 10
    proxies = load_proxies(["grad_norm", "snip", "grasp", "gradsign", "synflow"])
    single = evaluate(proxies, Probe(net, [(x, labels)], 0))
    double = evaluate(proxies, Probe(copy.deepcopy(net).double(), [(x.double(), labels)], 0))
    for name, found in single.items():
        assert found.status == double[name].status == "ok"
        assert found.value == pytest.approx(double[name].value, rel=2e-2), name


def test_a_foreign_net_scores_as_in_float64():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 1, 2), nn.ReLU(),
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))  # fmt: skip
    names = ["grad_norm", "snip"]
    single = score(net, "digits", proxies=names, resolution=16)
    double = score(copy.deepcopy(net).double(), "digits", proxies=names, resolution=16)
    assert all(single[name].value == pytest.approx(double[name].value, rel=1e-2) for name in names)
