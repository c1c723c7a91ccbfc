"""A way round kernels of oneDNN that write outside their buffer: strided 1x1 convolutions of few channels.

The gradient by the weights of a 1x1 convolution with a stride, channels last, first copies the pixels that are read
into a buffer of `positions * channels` numbers, but addresses it as if channels were padded to a whole vector
(oneDNN 3.12, https://github.com/uxlfoundation/oneDNN/issues/6035). With AVX2 that is too far from one position on
for under 8 channels. With AVX-512 it is for under 16, as soon as the positions are taken in several steps, and a
step is no shorter than 512 positions (a first-level cache of 32 KiB; more with a larger one).

A convolution without stride over every second pixel is the same function. Its bits are the same too in batches of
16 and more; torch gives smaller ones to another kernel, and that is why layers which are safe are left alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

NEVER_SAFE, SAFE = 8, 16  # channels: below the first in any step, from the second on always
SAFE_POSITIONS = 512


def sampled(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """The pixels that a layer reads, to be convolved without stride, if its own kernel is unsafe; else the input.

    Args:
        layer: A convolution.
        x: Its input, (n, channels, height, width) or one image without n.
    """
    down, right = layer.stride
    height, width = x.shape[-2:]
    if (
        layer.kernel_size != (1, 1) or (down, right) == (1, 1) or layer.groups > 1 or layer.in_channels >= SAFE
        or layer.padding not in ((0, 0), "valid") or height % down or width % right
    ):  # fmt: skip
        return x  # oneDNN has other kernels for these
    positions = (height // down) * (width // right)
    unsafe = positions > SAFE_POSITIONS or (layer.in_channels < NEVER_SAFE and positions > 1)
    return x[..., ::down, ::right] if unsafe else x


@contextmanager
def safe(module: nn.Module) -> Iterator[None]:
    """Let torch's own convolutions in a foreign module go round the kernels; functional calls stay as they are."""
    parts = [
        part for part in module.modules()
        if isinstance(part, nn.Conv2d) and type(part)._conv_forward is nn.Conv2d._conv_forward
        and "_conv_forward" not in vars(part) and part.kernel_size == (1, 1) and part.stride != (1, 1)
    ]  # fmt: skip
    try:
        for part in parts:
            vars(part)["_conv_forward"] = partial(_convolve, part)
        yield
    finally:
        for part in parts:
            vars(part).pop("_conv_forward", None)


def _convolve(layer: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if (read := sampled(layer, x)) is not x:
        return torch.nn.functional.conv2d(read, weight, bias)
    out: Tensor = nn.Conv2d._conv_forward(layer, x, weight, bias)
    return out
