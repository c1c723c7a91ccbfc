"""Nets without a score: every probed proxy gives a number or a reason, and the reasons are the right ones."""

import math

import pytest
import torch
from torch import nn

from zeroshot.build import initialise
from zeroshot.probing.probe import Probe, evaluate
from zeroshot.scoring.plugins import load_proxies

from ..proxy_nets import PROBED, make

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


def net_of(*layers):
    net = nn.Sequential(*layers)
    initialise(net, torch.Generator().manual_seed(0))
    return net


def dead(net):
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.bias, -100.0)
    return net


def filled(net, value):
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(value)
    return net


class BuffersOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))

    def forward(self, x):
        return x.mean((2, 3)) @ self.weight.T


class Constant(nn.Module):
    def forward(self, x):
        return torch.zeros(len(x), 5)


def weight_as_buffer():
    net = net_of(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    value = net[0].weight.detach()
    del net[0].weight
    net[0].register_buffer("weight", value)
    return net


def conv(c_in, c_out, **options):
    return nn.Conv2d(c_in, c_out, 3, **options)


POOL = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
DEGENERATE = {
    "all weights zero": lambda: filled(make("cells", dtype=torch.float32)[0], 0.0),
    "infinite weights": lambda: filled(make("cells", dtype=torch.float32)[0], math.inf),
    "not a number": lambda: filled(make("cells", dtype=torch.float32)[0], math.nan),
    "huge weights": lambda: filled(make("cells", dtype=torch.float32)[0], 1e30),
    "dead": lambda: dead(make("r8-s4-b3w6x2", dtype=torch.float32)[0]),
    "no ReLU": lambda: net_of(conv(3, 4), nn.BatchNorm2d(4), conv(4, 4), *POOL, nn.Linear(4, 5)),
    "no batch norm": lambda: net_of(conv(3, 4), nn.ReLU(), conv(4, 4), nn.ReLU(), *POOL, nn.Linear(4, 5)),
    "linear only": lambda: net_of(nn.Flatten(), nn.Linear(192, 5)),
    "one layer": lambda: net_of(nn.Conv2d(3, 5, 8), nn.Flatten()),
    "one channel": lambda: net_of(conv(3, 1), nn.BatchNorm2d(1), nn.ReLU(), *POOL, nn.Linear(1, 5)),
    "one pixel": lambda: net_of(nn.Conv2d(3, 4, 8), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4, 5)),
    "no affine": lambda: net_of(conv(3, 4), nn.BatchNorm2d(4, affine=False), nn.ReLU(), *POOL, nn.Linear(4, 5)),
    "no tracking": lambda: net_of(
        conv(3, 4), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU(), *POOL, nn.Linear(4, 5)
    ),
    "batch norm of vectors": lambda: net_of(
        nn.Flatten(), nn.Linear(192, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5)
    ),
    "one class": lambda: net_of(conv(3, 4), nn.BatchNorm2d(4), nn.ReLU(), *POOL, nn.Linear(4, 1)),
    "buffers only": BuffersOnly,
    "constant": Constant,
    "weight as buffer": weight_as_buffer,
    "no parameters": lambda: nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "identity blocks": lambda: net_of(
        conv(3, 4), nn.Sequential(nn.Sequential(nn.Identity()), nn.Sequential(nn.Identity())), *POOL, nn.Linear(4, 5)
    ),
    "upsampling": lambda: net_of(
        nn.Sequential(conv(3, 4), nn.ReLU()), nn.Sequential(nn.Upsample(scale_factor=2), conv(4, 4)),
        *POOL, nn.Linear(4, 5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("images", [1, pytest.param(2, marks=pytest.mark.slow), 8])
@pytest.mark.parametrize("name", DEGENERATE)
def test_a_degenerate_net_gets_a_score_or_a_reason(name, images):
    net = DEGENERATE[name]()
    g = torch.Generator().manual_seed(1)
    batches = [(torch.randn(images, 3, 8, 8, generator=g), torch.arange(images) % 5) for _ in range(2)]
    if name in ("one class", "no parameters"):
        batches = [(x, torch.zeros_like(y)) for x, y in batches]
    for proxy, score in evaluate(PROBED, Probe(net, batches)).items():
        if score.status == "ok":
            assert math.isfinite(score.value), proxy
        else:
            assert math.isnan(score.value), proxy
            assert len(score.status) > 10, proxy


def reasons(name, *proxies, images=8):
    g = torch.Generator().manual_seed(1)
    batches = [(torch.randn(images, 3, 8, 8, generator=g), torch.arange(images) % 5) for _ in range(2)]
    scores = evaluate(load_proxies(list(proxies)), Probe(DEGENERATE[name](), batches))
    return {score.status for score in scores.values()}


def test_reasons_are_the_right_ones():
    assert reasons("all weights zero", "l2_norm") == {"all weights are 0"}
    assert reasons("all weights zero", "plain", "gradsign", "grad_norm") == {"no gradient reaches any weight"}
    assert reasons("dead", "jacob_cov", "epe_nas") == {"the output does not depend on an image"}
    assert reasons("no ReLU", "linear_regions", "swap", "naswot") == {"the net has no ReLU modules"}
    assert reasons("one pixel", "gradsign", "vkdnw", "meco") == {"batch norm sees a single value a channel"}
    assert reasons("linear only", "zen", "zen_running") == {"the net has no feature maps"}
    assert reasons("linear only", "az_expressivity") == {"the net has no blocks"}
    assert reasons("one layer", "az_progressivity", "az_trainability") == {"the net has a single block"}
    assert reasons("identity blocks", "az_trainability") == {"a block hands its input on unchanged"}
    assert reasons("upsampling", "az_trainability") == {"a block enlarges its input"}
    assert reasons("buffers only", "snip", "synflow", "zico") == {"the net has no Conv2d or Linear weights"}
    assert reasons("no batch norm", "ntk_cond", images=1) == {"the kernel of one image has no condition"}
    assert reasons("no batch norm", "jacob_cov", images=1) == {"one image has no correlations"}
