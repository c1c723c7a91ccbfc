"""Gradients of single images: every image a batch of its own, in one pass over the batch."""

from functools import partial
from typing import TYPE_CHECKING, cast

from zeroshot.probing._views import Call, record
from zeroshot.probing.passes import ProxyUndefined, Runner, as_published, batch_norms, hooked, shadowed

if TYPE_CHECKING:
    from torch import Tensor, nn


def images_alone(runner: Runner, x: "Tensor") -> "tuple[Tensor, list[Call]]":
    """Logits and calls when every image is a batch of its own: batch norm normalises each image by itself.

    Equal to one pass an image in training mode, at the cost of one pass a batch.
    """
    calls: list[Call] = []
    norms = batch_norms(runner.module)
    if not all(as_published(layer) for layer in [*runner.layers, *norms]):
        raise ProxyUndefined("a layer has a forward of its own")
    with (
        shadowed(norms, lambda norm: partial(_norm_alone, norm)),
        hooked([*runner.layers, *norms], partial(record, calls)),
        runner.isolated(training=True),
    ):
        return runner.forward(x.clone().requires_grad_()), calls


def weight_gradients_alone(call: Call, gradient: "Tensor") -> "Tensor":
    """Each image's gradient by the layer's weight, (batch, *weight.shape), from the one by its output."""
    import torch
    from torch import nn
    from torch.nn.functional import unfold

    layer, x, batch = call.layer, call.input.detach(), len(gradient)
    if isinstance(layer, nn.Linear):
        rows = gradient.reshape(batch, -1, gradient.shape[-1])
        return torch.bmm(rows.transpose(1, 2), x.reshape(batch, -1, x.shape[-1]))
    layer = cast("nn.Conv2d", layer)
    groups = layer.groups
    if 1 < groups == layer.in_channels == layer.out_channels:
        # A depthwise kernel has few taps: a product and a sum each beat unfolding the whole input.
        taps = [(tap * gradient).sum((2, 3)) for tap in _taps(layer, x, gradient)]
        return torch.stack(taps, 2).view(batch, *layer.weight.shape)
    columns = unfold(_padded(layer, x), layer.kernel_size, layer.dilation, 0, layer.stride)
    columns = columns.reshape(batch * groups, -1, columns.shape[-1])
    rows = gradient.reshape(batch * groups, layer.out_channels // groups, -1)
    return torch.bmm(rows, columns.transpose(1, 2)).view(batch, *layer.weight.shape)


def first_seen(call: Call) -> "Tensor | None":
    """What the first number of the layer's weight is multiplied with at every position; None without a weight."""
    from torch import nn

    layer, x = call.layer, call.input.detach()
    if layer.weight is None:
        return None
    if isinstance(layer, nn.Conv2d):
        height, width = call.output.shape[2:]
        rows, columns = layer.stride
        return _padded(layer, x)[:, 0, : rows * height : rows, : columns * width : columns][:, :height, :width]
    return x[..., 0] if isinstance(layer, nn.Linear) else _norm_alone(layer, x, affine=False)[:, 0]


def first_entries(call: Call, seen: "Tensor | None", gradient: "Tensor") -> "list[Tensor]":
    """Each image's derivative by the first number of the layer's weight and of its bias: (batch,) each."""
    channel = gradient[:, 0] if gradient.ndim == 4 else gradient[..., 0]
    found = [] if seen is None else [_per_image(seen * channel)]
    return found + ([] if call.layer.bias is None else [_per_image(channel)])


def _norm_alone(norm: "nn.BatchNorm1d | nn.BatchNorm2d", x: "Tensor", affine: bool = True) -> "Tensor":
    """Batch norm of every image by itself: instance norm, on rows of positions.

    torch's group norm computes the same 7 times slower when channels lie last in memory. No derivative by the norm's
    own parameters.
    """
    from zeroshot.probing._norm_rows import norm_rows

    if x.ndim < 3 or x[0, 0].numel() < 2:
        raise ProxyUndefined("batch norm sees a single value a channel")
    rows = x.movedim(1, -1).flatten(1, -2)  # (batch, positions, channels)
    scale, shift = (norm.weight.detach(), norm.bias.detach()) if affine and norm.weight is not None else (None, None)
    out = norm_rows(rows, scale, shift, norm.eps)
    return out.reshape(len(x), *x.shape[2:], x.shape[1]).movedim(-1, 1)


def _per_image(x: "Tensor") -> "Tensor":
    return x.flatten(1).sum(1) if x.ndim > 1 else x


def _padded(layer: "nn.Conv2d", x: "Tensor") -> "Tensor":
    from torch.nn.functional import pad

    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return pad(x, layer._reversed_padding_repeated_twice, mode=mode)


def _taps(layer: "nn.Conv2d", x: "Tensor", gradient: "Tensor") -> "list[Tensor]":
    """The padded input as each tap of the kernel sees it: views of the gradient's shape."""
    padded = _padded(layer, x)
    height, width = gradient.shape[2:]
    (rows, columns), (down, right) = layer.stride, layer.dilation
    return [
        padded[:, :, i * down :: rows, j * right :: columns][:, :, :height, :width]
        for i in range(layer.kernel_size[0])
        for j in range(layer.kernel_size[1])
    ]
