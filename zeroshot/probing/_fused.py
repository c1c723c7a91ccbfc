"""Means of activations of nets whose batch norms follow their convolutions: one sweep for batch norm, ReLU and mean.

Torch takes these one after the other, and each visits every number of a map; on small maps calling them takes longer
than their work. Here several batches go through the net together, since all but batch norm treats images one by one,
and batch norm takes the statistics of each batch.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from zeroshot.build import Add, Conv2d, Linear, Residual
from zeroshot.probing._norm_kernel import norm_kernel
from zeroshot.probing.passes import ProxyUndefined, channels_last, shadowed

PIXELS = 2**14  # that go through a net together, 256 images of 8x8: maps of 100 MB at most; one batch in any case
# Layers that treat images one by one, batch norm apart, and give what their children give in turn.
KNOWN = {
    nn.Sequential, Residual, Add, Conv2d, nn.Conv2d, Linear, nn.Linear, nn.BatchNorm2d, nn.ReLU, nn.Identity,
    nn.ZeroPad2d, nn.AdaptiveAvgPool2d, nn.Flatten,
}  # fmt: skip

Fused = list[tuple[nn.BatchNorm2d, nn.ReLU | None]]


def fused(module: nn.Module, batches: Sequence[Tensor]) -> Fused | None:
    """Batch norms that follow a convolution, each with the ReLU after it, if the net has no others; else None.

    None as well for layers or numbers of other kinds, layers with hooks or in two places, batches of several shapes.
    """
    parts = list(module.modules())
    found = [pair for part in parts if isinstance(part, nn.Sequential) for pair in _pairs(list(part))]
    alike = all(x.ndim == 4 and x.dtype == torch.float32 and x.shape == batches[0].shape for x in batches)
    usual = all(
        type(part) in KNOWN and "forward" not in vars(part) and not part._forward_hooks and not part._forward_pre_hooks
        for part in parts
    )
    tree = sum(len(part._modules) for part in parts) == len(parts) - 1
    single = all(p.dtype == torch.float32 for p in module.parameters())
    flat = all(part.start_dim == 1 for part in parts if isinstance(part, nn.Flatten))
    complete = len(found) == sum(isinstance(part, nn.BatchNorm2d) for part in parts)
    return found if alike and usual and tree and single and flat and complete else None


def together(batches: Sequence[Tensor]) -> list[Tensor]:
    """Several batches of one shape as one, as many as `PIXELS` allow."""
    x = batches[0]
    n = max(1, PIXELS // (len(x) * x.shape[2] * x.shape[3]))
    return [channels_last(torch.cat(tuple(batches[i : i + n]))) for i in range(0, len(batches), n)]


@contextmanager
def swept(pairs: Fused, batch: int, record: Callable[[Tensor], None]) -> Iterator[None]:
    """Let each batch norm do the work of the ReLU after it, which hands on what it gets.

    Args:
        pairs: What `fused` found.
        batch: Images over which batch norm takes its statistics.
        record: Called with the means over positions, (images, channels), of the output of each of these ReLUs.
    """
    relu_of = {id(norm): relu for norm, relu in pairs}
    relus = [relu for _, relu in pairs if relu is not None]
    with (
        shadowed([norm for norm, _ in pairs], lambda n: partial(_sweep, n, relu_of[id(n)] is not None, batch, record)),
        shadowed(relus, lambda _: _unchanged),
    ):
        yield


def _pairs(children: list[nn.Module]) -> Fused:
    pairs: Fused = []
    for before, norm, after in zip(children, children[1:], [*children[2:], None], strict=False):
        if isinstance(before, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            pairs.append((norm, after if isinstance(after, nn.ReLU) else None))
    return pairs


def _sweep(norm: nn.BatchNorm2d, relu: bool, batch: int, record: Callable[[Tensor], None], x: Tensor) -> Tensor:
    """In place: what a convolution puts out is the batch norm's alone."""
    images, channels, height, width = x.shape
    if batch * height * width == 1:
        raise ProxyUndefined("batch norm sees a single value a channel")
    rows = x.permute(0, 2, 3, 1).contiguous()
    weight, bias = (
        np.full(channels, usual, np.float32) if given is None else given.detach().numpy()
        for given, usual in ((norm.weight, 1), (norm.bias, 0))
    )
    means = np.empty((images, channels), np.float32)
    norm_kernel(rows.numpy().reshape(images, height * width, channels), batch, weight, bias, norm.eps, relu, means)
    if relu:
        record(torch.from_numpy(means))
    return rows.permute(0, 3, 1, 2)


def _unchanged(x: Tensor) -> Tensor:
    return x
