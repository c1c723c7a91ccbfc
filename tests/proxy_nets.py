"""Nets, batches and naive passes that the tests of proxies share."""

import copy

import torch
from torch import nn

from zeroshot.build import build, initialise
from zeroshot.net import NetSpec
from zeroshot.probing.probe import Probe, evaluate
from zeroshot.scoring.plugins import load_proxies

SPECS = (
    "r8-s4-c3w6x2",
    "r9-s4/2-d5w6x2-d3w8x1/2-h12",
    "r8-s4-m3e3w4x2-m5e1w6x2/2",
    "r12-s6-b3w6x1-b3w8x2/2",
    "r8-s4-m3e2w4x1-d3w6x1/2-b3w8x1/2-c5w8x1-h12",
    "r6x11-s4-m3e2w4x1-d3w6x1/2-b3w8x1/2-h12",
    "r1x24-s4/2-m5e2w4x1-d3w6x1/2-b3w8x1/2-c5w8x1",
)
STATIC = tuple(proxy for proxy in load_proxies() if proxy.cost == "static")
AGGREGATES = tuple(proxy for proxy in load_proxies() if proxy.cost == "aggregate")
PROBED = tuple(proxy for proxy in load_proxies() if proxy.cost not in ("static", "aggregate"))


class Cell(nn.Module):
    """A cell in the manner of NAS-Bench-201: sums of ReLU-conv-BN, average pooling and identity."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.skip = nn.Identity()
        self.point = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        node = self.conv(x) + self.pool(x)
        return self.point(node) + self.skip(x)


class CellNet(nn.Module):
    """Stem, cells with a reduction between, batch norm and ReLU, pooling, classifier with a bias."""

    def __init__(self, width=4, classes=5):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))
        # The shortcut-like reduction has no batch norm, as published.
        self.cells = nn.Sequential(
            Cell(width), nn.Sequential(nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(width, 6, 1))), Cell(6)
        )
        self.last = nn.Sequential(nn.BatchNorm2d(6), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(6, classes)

    def forward(self, x):
        return self.classifier(self.pool(self.last(self.cells(self.stem(x)))).flatten(1))


NETS = (*SPECS, "cells")


def make(text, seed=0, dtype=torch.float64, images=8, count=2):
    """Net and batches; in double, so that tests see the protocol and not the rounding of one machine."""
    g = torch.Generator().manual_seed(seed)
    if text == "cells":
        net, size = CellNet(), (8, 8)
    else:
        spec = NetSpec.parse(text)
        net, size = build(spec, 3, 5), (spec.height, spec.width)
    initialise(net, g)
    batches = [
        (torch.randn(images, 3, *size, generator=g).to(dtype), torch.randint(0, 5, (images,), generator=g))
        for _ in range(count)
    ]
    return net.to(dtype), batches


def values(net, batches, proxies=PROBED, seed=0):
    scores = evaluate(proxies, Probe(net, batches, seed))
    assert {name: score.status for name, score in scores.items() if score.status != "ok"} == {}
    return {name: score.value for name, score in scores.items()}


def weighted(net):
    return [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def twin_of(net):
    """A copy in training mode without gradients."""
    twin = copy.deepcopy(net).train()
    twin.zero_grad(set_to_none=True)
    return twin


def without_batch_norm(module):
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.Identity())
        else:
            without_batch_norm(child)
    return module


def with_scaled_layer(factor, layer):
    """A net, the same with one layer's weights multiplied, and batches; batch norm undoes it but for rounding."""
    net, batches = make("r8-s8-c3w8x1-d3w8x1")
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-12
    scaled = copy.deepcopy(net)
    with torch.no_grad():
        weighted(scaled)[layer].weight.mul_(factor)
    return net, scaled, batches
