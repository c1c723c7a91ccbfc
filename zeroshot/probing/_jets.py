"""Second derivatives of the loss along two directions in weight space, by Taylor arithmetic instead of backward passes.

A jet is a tensor with its derivatives along two directions and the mixed one: (x, x_a, x_b, x_ab), stacked along
the batch axis, so that every linear operation serves all four at once and needs no code of its own. Direction a
scales the weights (dW = W), direction b is free (dW = G); the mixed derivative of the loss is then W . H G. For
a convolution that is one over four batches with W and one over two with G: about two thirds of what the forward
and backward pass of an ordinary gradient cost, against ten times that for a backward pass through a backward
pass, whose convolutions have no fast kernels.

Modules with weights, batch norm and ReLU are given their own rule; anything else must be linear, image by image,
and of a known name, or the net is `Unknown` to jets.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from zeroshot.probing.passes import ProxyUndefined, Runner, as_published, batch_norms, relu_modules, shadowed

if TYPE_CHECKING:
    from torch import Tensor, nn

# Functions that are linear and work on each image by itself, or ask for sizes only.
LINEAR = {
    "size", "dim", "__len__", "numel", "clone", "contiguous", "view", "reshape", "flatten", "unflatten", "squeeze",
    "unsqueeze", "zeros_like", "avg_pool2d", "adaptive_avg_pool2d",
}  # fmt: skip
PROPERTIES = {"shape", "ndim", "dtype", "device", "requires_grad"}  # not .data, which cuts the derivative
SUMS = {"add", "__add__", "__radd__", "__iadd__", "add_", "sub", "__sub__"}


class Unknown(Exception):  # noqa: N818 - sends the caller down another road
    """The net has an operation that jets have no rule for."""


def mixed_derivative(runner: Runner, x: "Tensor", labels: "Tensor", direction: "list[Tensor]") -> float:
    """W . H G of the mean cross-entropy, with batch norm on the batch's statistics.

    Args:
        runner: The net, isolated in training mode.
        x: Images (batch, channels, height, width).
        labels: (batch,) int64.
        direction: G, a tensor for each of the runner's weights.

    Raises:
        Unknown: An operation has no rule.
        ProxyUndefined: Batch norm sees a single value a channel.
    """
    import torch

    zeros = torch.zeros_like(x)
    stacked = torch.cat([x, zeros, zeros, zeros])
    if x.ndim == 4:
        stacked = stacked.contiguous(memory_format=torch.channels_last)
    activations, norms = relu_modules(runner.module), batch_norms(runner.module)
    if not all(as_published(m) for m in [*runner.layers, *norms, *activations]):
        raise Unknown("a layer has a forward of its own")
    watch = _watch(len(stacked))
    along = dict(zip(map(id, runner.layers), direction, strict=True))
    with (
        torch.no_grad(),
        shadowed(runner.layers, lambda m: watch.outside(partial(_weighted, m, along[id(m)]))),
        shadowed(norms, lambda m: watch.outside(partial(_batch_norm, m))),
        shadowed(activations, lambda m: watch.outside(partial(_relu, m))),
        watch,
    ):
        try:
            logits = runner.module(stacked)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:  # it runs on a batch, but not on four
            raise Unknown(str(error)) from error
    return _cross_entropy(logits.double(), labels)


def _watch(batch: int) -> Any:  # noqa: ANN401 - its class needs torch
    from torch import Tensor
    from torch.overrides import TorchFunctionMode

    class Watch(TorchFunctionMode):
        """Refuses every function that is not known to be linear, unless a rule is at work."""

        ruled = False

        def outside(self, rule: Callable[["Tensor"], "Tensor"]) -> Callable[["Tensor"], "Tensor"]:
            def apply(x: Tensor) -> Tensor:
                self.ruled = True
                try:
                    return rule(x)
                finally:
                    self.ruled = False

            return apply

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
            if self.ruled:
                return func(*args, **(kwargs or {}))
            if not _linear(func, args, kwargs or {}, batch):
                raise Unknown(func.__name__)
            out = func(*args, **(kwargs or {}))
            if isinstance(out, Tensor) and out.shape[:1] != (batch,):
                raise Unknown(f"{func.__name__} moves the batch axis")
            return out

    return Watch()


def _linear(func: Any, args: "tuple[Any, ...]", kwargs: "dict[str, Any]", batch: int) -> bool:  # noqa: ANN401
    from torch import Tensor

    name = func.__name__
    if name == "__get__":
        return func.__self__.__name__ in PROPERTIES
    if name in SUMS:
        # A constant added would be added to the derivatives as well.
        return len(args) == 2 and not kwargs and all(isinstance(a, Tensor) and a.shape[:1] == (batch,) for a in args)
    if name == "pad":
        return kwargs.get("value") in (None, 0, 0.0) and len(args) < 4
    if name == "mean":
        axes = args[1] if len(args) > 1 else kwargs.get("dim")
        axes = [axes] if isinstance(axes, int) else axes or [0]
        return all(axis % args[0].ndim for axis in axes)
    return name in LINEAR


def _weighted(layer: "nn.Conv2d | nn.Linear", along: "Tensor", x: "Tensor") -> "Tensor":
    import torch
    from torch import Tensor, nn

    batch = len(x) // 4
    apply = partial(layer._conv_forward, bias=None) if isinstance(layer, nn.Conv2d) else torch.nn.functional.linear
    out: Tensor = apply(x, layer.weight)
    moved = apply(x[: 2 * batch], along)
    # d(W x) along a, where dW = W, is W x itself on top of W x_a; the same for the mixed derivative.
    out[batch : 2 * batch] += out[:batch]
    out[3 * batch :] += out[2 * batch : 3 * batch]
    out[2 * batch : 3 * batch] += moved[:batch]
    out[3 * batch :] += moved[batch:]
    if layer.bias is not None:
        out[:batch] += layer.bias.view(-1, *[1] * (out.ndim - 2)) if isinstance(layer, nn.Conv2d) else layer.bias
    return out


def _batch_norm(norm: "nn.BatchNorm1d | nn.BatchNorm2d", x: "Tensor") -> "Tensor":
    """Taylor arithmetic of c / sqrt(mean(c^2) + eps), c the centred input."""
    rows = x.movedim(1, -1).reshape(4, -1, x.shape[1])  # (4, values, channels)
    if rows.shape[1] < 2:
        raise ProxyUndefined("batch norm sees a single value a channel")
    c, a, b, ab = rows - rows.mean(1, keepdim=True)
    v = (c * c).mean(0) + norm.eps
    v_a, v_b = 2 * (c * a).mean(0), 2 * (c * b).mean(0)
    v_ab = 2 * ((a * b).mean(0) + (c * ab).mean(0))
    scale = v.rsqrt()
    s_a, s_b = -scale * v_a / (2 * v), -scale * v_b / (2 * v)
    s_ab = scale * (3 * v_a * v_b / v - 2 * v_ab) / (4 * v)
    out = rows.new_empty(rows.shape)
    gain = 1 if norm.weight is None else norm.weight
    out[0] = c * (scale * gain)
    out[1] = (a * (scale * gain)).addcmul_(c, (s_a * gain).expand_as(c))
    out[2] = (b * (scale * gain)).addcmul_(c, (s_b * gain).expand_as(c))
    out[3] = (ab * (scale * gain)).addcmul_(a, (s_b * gain).expand_as(c))
    out[3].addcmul_(b, (s_a * gain).expand_as(c)).addcmul_(c, (s_ab * gain).expand_as(c))
    if norm.bias is not None:
        out[0] += norm.bias
    return out.reshape(len(x), *x.shape[2:], x.shape[1]).movedim(-1, 1)


def _relu(relu: "nn.ReLU | nn.ReLU6", x: "Tensor") -> "Tensor":
    from torch import Tensor, nn

    batch = len(x) // 4
    six = isinstance(relu, nn.ReLU6)
    passes = x[:batch] > 0
    if six:
        passes &= x[:batch] < 6
    out: Tensor = (x.reshape(4, *passes.shape) * passes).reshape(x.shape)
    if six:
        out[:batch] += 6 * (x[:batch] >= 6)
    return out


def _cross_entropy(logits: "Tensor", labels: "Tensor") -> float:
    """Mixed derivative of the mean cross-entropy, from the logits' jet."""
    z, a, b, ab = logits.chunk(4)
    p = z.softmax(1)
    spread = (p * a * b).sum(1) - (p * a).sum(1) * (p * b).sum(1)
    pull = (p * ab).sum(1) - ab[range(len(labels)), labels]
    return float((spread + pull).mean())
