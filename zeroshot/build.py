"""NetSpec -> float `torch.nn.Module`, layer for layer what the spec's LayerTable says.

Every convolution goes without bias into batch norm and, where the block has one, a ReLU of its own (never in
place, so that hooks see it). Padding is TFLite's SAME rule: at stride 2 on an even size the zeros go to the
right and the bottom, so the float net, the int8 model and the firmware see the same pixels. Along an axis on which the
net's input has one pixel, kernels and strides are 1.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zeroshot.net import NetSpec, Stage, same_padding
from zeroshot.strided import sampled


class Conv2d(nn.Conv2d):
    """A convolution that starts with zero weights: constructing it draws no random numbers."""

    def reset_parameters(self) -> None:
        """Fill the weights with zeros; `initialise` gives them values."""
        nn.init.zeros_(self.weight)

    # Not `forward`: proxies that take a pass apart need a layer whose forward is torch's own.
    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(n, c_in, height, width) -> (n, c_out, ...); under autocast, some depthwise layers stay in float32.

        oneDNN's bfloat16 gradients of depthwise convolutions are slow with a stride or a kernel above 3x3. 128
        images, 96 channels, one thread of an EPYC with AVX512-BF16, float32 against bfloat16: by the input of a 3x3
        layer with stride 2 from 17x17 8 and 89 ms, by the weights of a 5x5 layer at 16x16 35 and 105 ms; without
        a stride, 3x3 is 20 and 10 ms in all.
        """
        if (read := sampled(self, x)) is not x:
            return nn.functional.conv2d(read, weight, bias)
        slow = self.groups > 1 and (max(self.stride) > 1 or max(self.kernel_size) > 3)
        if not (slow and torch.is_autocast_enabled("cpu")):
            out: Tensor = super()._conv_forward(x, weight, bias)
            return out
        with torch.autocast("cpu", enabled=False):
            exact: Tensor = super()._conv_forward(x.float(), weight, bias)
        return exact.to(x.dtype)


class Linear(nn.Linear):
    """A fully connected layer that starts with zero weights: constructing it draws no random numbers."""

    def reset_parameters(self) -> None:
        """Fill weights and bias with zeros; `initialise` gives the weights values."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


class Add(nn.Module):
    """The addition of a residual block, a module so that its output can be hooked like any other layer's."""

    def forward(self, body: Tensor, shortcut: Tensor) -> Tensor:
        """Sum of two tensors of one shape (n, channels, height, width)."""
        return body + shortcut


class Residual(nn.Module):
    """`activation(body(x) + shortcut(x))`."""

    def __init__(self, body: nn.Module, shortcut: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.add = Add()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(n, c_in, height, width) -> (n, c_out, height / stride, width / stride), rounded up."""
        out: Tensor = self.activation(self.add(self.body(x), self.shortcut(x)))
        return out


# The modules that are rows of a LayerTable; batch norm, ReLU and padding belong to their convolution's row.
LAYERS = (nn.Conv2d, nn.Linear, nn.AdaptiveAvgPool2d, Add)


def build(spec: NetSpec, channels: int, classes: int) -> nn.Module:
    """Build the float net of a spec, its weights zero until `initialise` (or a checkpoint) fills them.

    Args:
        spec: The net.
        channels: Channels of the input image.
        classes: Outputs of the last layer.

    Returns:
        A module from (n, channels, height, width) float32 to logits (n, classes).

    >>> net = build(NetSpec.parse("r32-s8/2-m3e4w8x1-d3w16x1/2"), channels=3, classes=10)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    size = _Map(spec.height, spec.width, (spec.height == 1 < spec.width, spec.width == 1 < spec.height))
    stem = nn.Sequential(*_conv(channels, spec.stem_width, 3, spec.stem_stride, size))
    width, size = spec.stem_width, size.behind(spec.stem_stride)
    blocks: list[nn.Module] = []
    for stage in spec.stages:
        for i in range(stage.depth):
            stride = stage.stride if i == 0 else 1
            blocks.append(_BLOCKS[stage.block](stage, width, stride, size))
            width, size = stage.width, size.behind(stride)
    head = _conv(width, spec.head, 1, 1, size) if spec.head else []
    parts: dict[str, nn.Module] = {
        "stem": stem,
        "body": nn.Sequential(*blocks),
        "head": nn.Sequential(*head),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "classifier": Linear(spec.head or width, classes),
    }
    return nn.Sequential(OrderedDict(parts))


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Start a net afresh: Kaiming-normal weights (fan-in, ReLU gain), biases 0, batch norm at identity.

    Args:
        module: Changed in place; any module, not only those of `build`.
        generator: The only source of random numbers; the global one is left alone.
    """
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                fan_in = part.weight[0].numel()
                part.weight.normal_(0.0, math.sqrt(2.0 / fan_in), generator=generator)
                if part.bias is not None:
                    part.bias.zero_()
            elif isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                part.reset_parameters()  # weight 1, bias 0, running mean 0 and variance 1


def layers(module: nn.Module) -> list[nn.Module]:
    """The modules of a net of `build` in the order of its LayerTable's rows, one a row."""
    return [part for part in module.modules() if isinstance(part, LAYERS)]


class _Map(NamedTuple):
    """Size of a feature map, and on which axes the net's input has one pixel, of a signal."""

    height: int
    width: int
    flat: tuple[bool, bool]

    def behind(self, stride: int) -> "_Map":
        """The map behind a stride."""
        return self._replace(height=-(-self.height // stride), width=-(-self.width // stride))

    def window(self, side: int) -> tuple[int, int]:
        """A kernel's or a stride's height and width."""
        return (1 if self.flat[0] else side), (1 if self.flat[1] else side)


def _conv(
    c_in: int, c_out: int, side: int, stride: int, size: _Map, groups: int = 1, relu: bool = True
) -> list[nn.Module]:
    kernel, strides = size.window(side), size.window(stride)
    (top, bottom), (left, right) = map(same_padding, size[:2], kernel, strides)
    even = top == bottom and left == right
    pad = [] if even else [nn.ZeroPad2d((left, right, top, bottom))]
    conv = Conv2d(c_in, c_out, kernel, strides, (top, left) if even else 0, groups=groups, bias=False)
    return [*pad, conv, nn.BatchNorm2d(c_out), *([nn.ReLU()] if relu else [])]


def _plain(stage: Stage, c_in: int, stride: int, size: _Map) -> nn.Module:
    return nn.Sequential(*_conv(c_in, stage.width, stage.kernel, stride, size))


def _separable(stage: Stage, c_in: int, stride: int, size: _Map) -> nn.Module:
    depthwise = _conv(c_in, c_in, stage.kernel, stride, size, groups=c_in)
    return nn.Sequential(*depthwise, *_conv(c_in, stage.width, 1, 1, size))


def _bottleneck(stage: Stage, c_in: int, stride: int, size: _Map) -> nn.Module:
    hidden = c_in * stage.expansion
    expand = _conv(c_in, hidden, 1, 1, size) if stage.expansion > 1 else []
    depthwise = _conv(hidden, hidden, stage.kernel, stride, size, groups=hidden)
    body = nn.Sequential(*expand, *depthwise, *_conv(hidden, stage.width, 1, 1, size, relu=False))
    if stride > 1 or c_in != stage.width:
        return body
    return Residual(body, nn.Identity(), nn.Identity())


def _basic(stage: Stage, c_in: int, stride: int, size: _Map) -> nn.Module:
    after = size.behind(stride)
    first = _conv(c_in, stage.width, stage.kernel, stride, size)
    body = nn.Sequential(*first, *_conv(stage.width, stage.width, stage.kernel, 1, after, relu=False))
    same = stride == 1 and c_in == stage.width
    project = [] if same else _conv(c_in, stage.width, 1, stride, size, relu=False)
    return Residual(body, nn.Sequential(*project), nn.ReLU())


_BLOCKS: dict[str, Callable[[Stage, int, int, _Map], nn.Module]] = {
    "c": _plain,
    "d": _separable,
    "m": _bottleneck,
    "b": _basic,
}
