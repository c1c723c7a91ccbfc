"""The passes over batches of data from which a probe's views come, one function a pass."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from zeroshot.probing.passes import ProxyUndefined, Runner, batch_norms, gradients, hooked, relu_modules, shadowed

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class Call:
    """One call of a layer during a pass, with the graph of the pass.

    Attributes:
        layer: The module.
        input: What it was given.
        output: What it returned, (batch, channels, height, width) or (batch, ..., features).
    """

    layer: "nn.Conv2d | nn.Linear | nn.BatchNorm1d | nn.BatchNorm2d"
    input: "Tensor"
    output: "Tensor"


@dataclass(frozen=True)
class FirstPass:
    """The forward pass over the first batch, in training mode, that most views share."""

    images: "Tensor"
    logits: "Tensor"
    codes: "list[Tensor]"
    calls: list[Call]
    norms: list[Call]


def first_pass(runner: Runner, x: "Tensor") -> FirstPass:
    """Run the first batch and keep the graph, the ReLU codes, and the calls of Conv2d and Linear."""
    codes: list[Tensor] = []
    calls: list[Call] = []
    norms: list[Call] = []
    images = x.clone().requires_grad_()
    with (
        hooked(relu_modules(runner.module), lambda _relu, _inputs, out: codes.append(_code(out))),
        hooked(runner.layers, partial(record, calls)),
        hooked(batch_norms(runner.module), partial(record, norms)),
        runner.isolated(training=True),
    ):
        return FirstPass(images, runner.forward(images), codes, calls, norms)


def mean_activations(runner: Runner, batches: "Sequence[Tensor]") -> "tuple[Tensor, Tensor]":
    """Means over positions of every ReLU call's output, (images, units), and logits of all batches; no graph.

    The module is hooked and isolated once for all of them: a small net's pass takes hardly longer than that.
    """
    import torch

    from zeroshot.probing import _fused

    pairs = _fused.fused(runner.module, batches)
    means: list[Tensor] = []
    found, logits = [], []
    with ExitStack() as stack:
        swept = set()
        if pairs is not None:
            stack.enter_context(_fused.swept(pairs, len(batches[0]), means.append))
            swept = {id(relu) for _, relu in pairs}
            batches = _fused.together(batches)
        others = [relu for relu in relu_modules(runner.module) if id(relu) not in swept]
        stack.enter_context(hooked(others, partial(_append_mean, means)))
        stack.enter_context(runner.isolated(training=True))
        stack.enter_context(torch.no_grad())
        for x in batches:
            runner.reseed()
            logits.append(runner.forward(x))
            if any(len(mean) != len(x) for mean in means):
                raise ProxyUndefined(f"a ReLU's output has no row for each of {len(x)} images")
            found.append(torch.cat(means, 1) if means else x.new_zeros(len(x), 0))
            means.clear()
    return torch.cat(found), torch.cat(logits)


def check_not_cancelled(total: "Tensor", calls: list[Call]) -> None:
    """Make sure that the last batch norm lets a gradient through that is more than rounding.

    Batch norm takes out of a gradient what is constant over the values that it normalises. Where it is the last
    layer before global pooling and the quantity is a sum over those values, nothing remains, and every score
    made of it would be made of rounding errors.

    Raises:
        ProxyUndefined: Nothing but rounding remains.
    """
    import torch
    from torch import nn

    norms = [call for call in calls if isinstance(call.layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    if not norms or not total.requires_grad:
        return
    call = norms[-1]
    pulled, given = gradients(total, [call.input, call.output])
    rows = call.input.detach().movedim(1, -1).flatten(0, -2)
    spread = (rows - rows.mean(0)).square().mean(0).sqrt()
    kept, came = float((pulled.movedim(1, -1) * spread).norm()), float(given.norm())
    if kept <= math.sqrt(torch.finfo(given.dtype).eps) * came and came > 0:
        raise ProxyUndefined("the last batch norm cancels the gradient: only rounding is left")


def loss(logits: "Tensor", labels: "Tensor", reduction: str = "mean") -> "Tensor":
    """Cross-entropy, whose labels were checked by the probe."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits, labels, reduction=reduction)


def curvature(runner: Runner, x: "Tensor", labels: "Tensor", direction: "list[Tensor]") -> float:
    """The product w . H g of weights w, a direction g and the Hessian H of the loss: see `zeroshot.probing._jets`.

    A net with operations that jets do not know takes a backward pass through a backward pass instead, which is
    as exact and several times slower.
    """
    from zeroshot.probing import _jets

    try:
        with runner.isolated(training=True):
            return _jets.mixed_derivative(runner, x, labels, direction)
    except _jets.Unknown:
        return _second_backward(runner, x, labels, direction)


def _second_backward(runner: Runner, x: "Tensor", labels: "Tensor", direction: "list[Tensor]") -> float:
    import torch

    with runner.isolated(training=True):
        total = loss(runner.forward(x), labels)
        first = torch.autograd.grad(total, runner.weights, create_graph=True, allow_unused=True)
        pairs = zip(direction, first, strict=True)
        steep = torch.stack([(d * g).sum() for d, g in pairs if g is not None and g.requires_grad]).sum()
        second = gradients(steep, runner.weights)
    return sum(float((w.detach().double() * hg).sum()) for w, hg in zip(runner.weights, second, strict=True))


def synaptic(runner: Runner, x: "Tensor", dtype: "torch.dtype", batch_norm: bool) -> "list[tuple[Tensor, Tensor]]":
    """(|W|, dR/d|W|) of every layer in float64, R the sum of the outputs for one image of ones."""
    import torch

    named = dict(runner.module.named_parameters())
    weights = {id(weight) for weight in runner.weights}
    values = {
        name: p.detach().abs().to(dtype).requires_grad_()
        if id(p) in weights
        else (p.detach().abs().to(dtype) if batch_norm else torch.zeros_like(p, dtype=dtype))
        for name, p in named.items()
    }
    used = {id(named[name]): value for name, value in values.items()}
    magnitudes = [used[id(weight)] for weight in runner.weights]
    norms = [] if batch_norm else batch_norms(runner.module)
    seen: list[Call] = []
    kept = batch_norms(runner.module) if batch_norm else []
    with (
        runner.isolated(training=batch_norm),
        shadowed(norms, lambda _norm: _identity),
        hooked(kept, partial(record, seen)),
    ):
        response = runner.forward(torch.ones_like(x[:1], dtype=dtype), values).sum()
        check_not_cancelled(response, seen)
        found = gradients(response, magnitudes)
    return [(w.detach().double(), g.double()) for w, g in zip(magnitudes, found, strict=True)]


def logit_gradients(runner: Runner, first: FirstPass) -> "Tensor":
    """Gradient of each image's summed logits by all tensors named weight: (batch, weights).

    One backward pass an image over the whole batch, whose batch norm couples the images.
    """
    import torch

    weights = [p for name, p in runner.module.named_parameters() if name.rsplit(".")[-1] == "weight"]
    rows = []
    with runner.isolated(training=True):
        for total in first.logits.sum(1):
            rows.append(torch.cat([g.flatten() for g in gradients(total, weights)]))
    return torch.stack(rows)


def record(calls: list[Call], layer: "nn.Module", inputs: "tuple[Any, ...]", output: "Tensor") -> None:
    calls.append(Call(layer, inputs[0], output))  # type: ignore[arg-type]  # only hooked to these


def _code(activation: "Tensor") -> "Tensor":
    fires = activation.detach() > 0
    # Channels last, as the activations lie in memory: no copy. Any fixed order of the units serves.
    return (fires.permute(0, 2, 3, 1) if fires.ndim == 4 else fires).flatten(1)


def _append_mean(means: "list[Tensor]", _relu: "nn.Module", _inputs: "tuple[Any, ...]", output: "Tensor") -> None:
    if output.ndim not in (2, 4):
        raise ProxyUndefined(f"a ReLU's output of shape {tuple(output.shape)} has no channels")
    means.append(output.flatten(2).mean(2) if output.ndim == 4 else output)


def _identity(x: "Tensor") -> "Tensor":
    return x
