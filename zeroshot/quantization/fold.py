"""A trained net as quantisation sees it: batch norm folded into convolutions, one module a row of its LayerTable."""

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from zeroshot.build import LAYERS, layers
from zeroshot.probing.passes import hooked
from zeroshot.types import BoolArray

BATCH = 128  # images at once when tensors are observed


def folded(net: nn.Module) -> nn.Module:
    """A copy of a net of `zeroshot.build` that computes the same without batch norm, as it does in evaluation mode.

    Each batch norm goes into the weights and a bias of the convolution before it, so that what is quantised are the
    numbers that the device multiplies with.
    """
    made = copy.deepcopy(net).eval()
    for part in list(made.modules()):
        if isinstance(part, nn.Sequential):
            for (name, before), (after_name, after) in pairwise(list(part.named_children())):
                if isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                    setattr(part, name, fuse_conv_bn_eval(before, after))
                    setattr(part, after_name, nn.Identity())
    return made


def relus(net: nn.Module) -> BoolArray:
    """Which rows of the LayerTable of a net of `zeroshot.build` end in a ReLU, (n_rows,) bool."""
    rectified: list[bool] = []
    for part in net.modules():  # in the order of the rows, a ReLU after its layer
        if isinstance(part, LAYERS):
            rectified.append(False)
        elif isinstance(part, nn.ReLU):
            rectified[-1] = True
    return np.array(rectified, np.bool_)


def tensors(net: nn.Module, x: torch.Tensor, observer: Callable[[int, torch.Tensor], None]) -> None:
    """Show every tensor of a net, batch by batch, to an observer.

    Args:
        net: Of `zeroshot.build`, folded or not.
        x: (n, C, H, W) float32.
        observer: Called with the tensor's number (-1 for the net's input, else its row of the LayerTable) and the
            values behind the row's ReLU, (batch, channels, height, width) or (batch, classes).
    """
    parts, relu = layers(net), relus(net)
    rows = {id(part): row for row, part in enumerate(parts)}

    def hook(part: nn.Module, _inputs: object, out: torch.Tensor) -> None:
        row = rows[id(part)]
        observer(row, out.clamp(min=0) if relu[row] else out)

    with hooked(parts, hook), torch.no_grad():
        for batch in _batches(x):
            observer(-1, batch)
            net(batch)


def _batches(x: torch.Tensor) -> Iterator[torch.Tensor]:
    for at in range(0, len(x), BATCH):
        yield x[at : at + BATCH]
