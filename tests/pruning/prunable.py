"""Nets to prune: weights as if trained, what they cost, and the same net with dead channels."""

import copy

import torch
from torch import nn

from zeroshot.build import build, initialise
from zeroshot.cost import counts
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import net_costs
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.pruning.prune import prune
from zeroshot.pruning.target import Target
from zeroshot.resolution import sides

# Every block, tied by a residual sum and free: identities and projections, with and without expansion, a head.
NETS = (
    "r8-s8-c3w16x2-c3w24x2/2-h32",
    "r8-s16/2-d3w16x1-d5w24x2/2",
    "r9-s16-m3e4w16x2-m3e3w24x2/2-m3e1w40x2-h48",
    "r8-s16-b3w16x2-b3w24x2/2-b1w32x1",
    "r6x9-s12/2-m3e2w24x1-c3w16x1/2",
    "r1x17-s12/2-m3e2w24x1-b3w24x1-d7w12x1/2",
    "r7-s12/2-m3e2w24x1-b3w24x1-d3w12x1-c1w8x1/2-b3w8x1",
)
CLASSES = 5


def trained(spec, seed=0, channels=2):
    """A float64 net with nothing at its initial value and no channel that is never active, as if trained."""
    net = build(NetSpec.parse(str(spec)), channels, CLASSES)
    generator = torch.Generator().manual_seed(seed)
    initialise(net, generator)
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.data.uniform_(0.2, 1.5, generator=generator)
        norm.bias.data.uniform_(-0.3, 0.5, generator=generator)
        norm.momentum = 1.0
    net.double().train()(images(spec, 64, channels, seed + 9)[0])
    for norm in norms:
        norm.momentum = 0.1
    return net.eval()


def images(spec, n=3, channels=2, seed=1):
    size = sides(NetSpec.parse(str(spec)).resolution)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, channels, *size, generator=generator, dtype=torch.float64)
    return x, torch.arange(n) % CLASSES


def norm_after(net):
    """Name of a convolution -> its batch norm, by their order in the net."""
    parts = [(name, part) for name, part in net.named_modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d)]
    return {name: norm for (name, _), (_, norm) in zip(parts[::2], parts[1::2], strict=True)}


def without(net, kept):
    """The net with scale and shift 0 in every channel that is not kept."""
    net = copy.deepcopy(net)
    for name, norm in norm_after(net).items():
        dead = [i for i in range(norm.num_features) if i not in kept[name]]
        norm.weight.data[dead] = 0
        norm.bias.data[dead] = 0
    return net


def costs(spec, channels=2, classes=CLASSES):
    table = layer_table(spec_array([NetSpec.parse(str(spec))]), channels, classes)
    found = net_costs(table, load_board("nucleo-l4r5zi"), load_engine("c99"))
    return {"macs": found.macs[0], "weights": counts.weights(table)[0], "flash": found.flash[0],
            "latency": found.latency[0]}  # fmt: skip


def pruned(spec, share, seed=0, **options):
    options.setdefault("batch", images(spec, 8))
    goal = Target(macs=costs(spec)["macs"] * share)
    return prune(trained(spec, seed), goal, spec=spec, **options)


def largest_difference(a, b, spec):
    x, _ = images(spec)
    with torch.no_grad():
        return float((a(x) - b(x)).abs().max())
