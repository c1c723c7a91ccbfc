"""One set of passes over a net, shared by every proxy that asks for one of its views.

A `Proxy` is a named, versioned protocol; a `Probe` holds one net with its batches and computes each view
(ReLU codes, weight gradients, input gradients, block features, ...) once, when the first proxy asks. The module
leaves a probe bit for bit as it came, and the global random state with it. torch is imported when a view is
computed, so the table of proxies can be listed without it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zeroshot.errors import UsageError
from zeroshot.probing import _alone, _noise, _views
from zeroshot.probing.passes import ProxyUndefined, Runner, channels_last, gradients
from zeroshot.types import Score

if TYPE_CHECKING:
    from torch import Tensor, nn

    from zeroshot.types import FloatArray

    Batch = tuple[Tensor, Tensor | None]

# What one evaluation needs, from cheap to dear; an aggregate needs the scores of a population.
COSTS = ("static", "forward", "backward", "per-sample", "aggregate")

__all__ = ["COSTS", "Probe", "Proxy", "ProxyUndefined", "Score", "evaluate", "example_probe"]


@dataclass(frozen=True)
class Proxy:
    """A training-free score as a named protocol; higher is better.

    Attributes:
        name: What users call it.
        function: Static: LayerTable -> (n_nets,) float64, one call for the population. Aggregate: scores of its
            parts (n_nets, n_parts) float64, NaN where undefined -> (n_nets,) float64. Others: Probe -> float,
            raising `ProxyUndefined` for a net on which the score has no meaning.
        cost: One of `COSTS`.
        paper: Where it was published.
        summary: One line.
        version: Raised whenever the protocol changes, so that cached scores are not mixed.
        needs_labels: Whether the batches must carry labels.
        batches: Fewest batches it is defined on.
        readout: Labelled images that it wants beside the batches; see `Probe`.
        parts: Names of the proxies that an aggregate is made of, in the order of its columns.
    """

    name: str
    function: Callable[[Any], Any]
    cost: str
    paper: str
    summary: str
    version: int = 1
    needs_labels: bool = False
    batches: int = 1
    readout: int = 0
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.cost not in COSTS:
            raise UsageError(f"Proxy {self.name!r} has cost {self.cost!r}.", f"Known costs: {', '.join(COSTS)}.")
        if bool(self.parts) != (self.cost == "aggregate"):
            raise UsageError(f"Proxy {self.name!r}: parts and the cost 'aggregate' belong together.")


class Probe:
    """One net with the batches it is scored on, and cached views of it.

    Views are in training mode (batch norm takes the batch's statistics) and of the first batch unless they say
    otherwise. Layers are `nn.Conv2d` and `nn.Linear` in module order.

    Args:
        module: The net, on the CPU, from images to logits (batch, classes). Its parameters, buffers, gradients,
            modes and flags are never left changed.
        batches: (x, y) pairs: x (batch, channels, height, width) float32, y (batch,) int64 class indices or
            None where no proxy needs labels.
        seed: Seeds whatever the module itself draws in training mode (dropout), and the noise images and fresh
            weights of the proxies that use them.
        readout: Labelled batches for views of many images, a draw of their own that may share images with
            `batches`; without them these views take `batches`.

    Raises:
        UsageError: There is no batch, images are not finite, labels do not fit, or a tensor is not on the CPU.
    """

    def __init__(
        self, module: "nn.Module", batches: "Sequence[Batch]", seed: int = 0, readout: "Sequence[Batch]" = ()
    ) -> None:
        if not batches:
            raise UsageError("A probe needs at least one batch.")
        for number, (x, y) in enumerate([*batches, *readout]):
            _check_batch(number, x, y)
        self.module = module
        self.batches = [(channels_last(x), y) for x, y in batches]
        self.readout = [(channels_last(x), y) for x, y in readout]
        self.seed = seed
        self._runner = Runner(module, seed)
        self._gradients: dict[int, list[Tensor]] = {}

    @property
    def images(self) -> int:
        """Images in the first batch."""
        return len(self.batches[0][0])

    @property
    def labels(self) -> "Tensor":
        """Labels of the first batch, (batch,) int64.

        Raises:
            UsageError: There are none.
        """
        return self._labels(0)

    @property
    def classes(self) -> int:
        """Outputs of the net."""
        return self._first.logits.shape[1]

    @property
    def weights(self) -> "list[Tensor]":
        """Weights of every layer, detached; no biases, no batch norm."""
        return [weight.detach() for weight in self._runner.weights]

    def relu_codes(self) -> "list[Tensor]":
        """Which ReLU units fire: one (batch, units) bool a ReLU call, in execution order.

        The pass is the one that the gradients come from. Only `nn.ReLU` and `nn.ReLU6` modules are seen.
        """
        return self._first.codes

    def mean_activations(self) -> "tuple[Tensor, Tensor]":
        """Means over positions of every ReLU call's output, and labels, of the readout batches, or else of all batches.

        Only `nn.ReLU` and `nn.ReLU6` modules are seen; batch norm takes each batch's own statistics.

        Returns:
            (images, units), units of all calls side by side, and (images,) int64.

        Raises:
            ProxyUndefined: A ReLU's output is neither (images, units) nor (images, channels, height, width).
            UsageError: A batch has no labels, or some that do not fit the net.
        """
        import torch

        images, given = zip(*(self.readout or self.batches), strict=True)
        labels = torch.cat([_labelled(y) for y in given])
        means, logits = _views.mean_activations(self._runner, images)
        _check_classes(labels, logits)
        return means, labels

    def weight_gradients(self, batch: int = 0) -> "list[Tensor]":
        """Gradients of the mean cross-entropy of one batch with respect to `weights`, in the same order.

        A layer that the loss does not depend on has zeros.

        Raises:
            ProxyUndefined: There are no weights, or the output depends on none.
            UsageError: The batch has no labels.
        """
        if batch not in self._gradients:
            labels = self._labels(batch)
            with self._runner.isolated(training=True):
                logits = self._first.logits if batch == 0 else self._runner.forward(self.batches[batch][0])
                _check_classes(labels, logits)
                self._gradients[batch] = gradients(_views.loss(logits, labels), self._runner.weights)
        return self._gradients[batch]

    @cached_property
    def output_gradients(self) -> "list[tuple[Tensor, Tensor, Tensor]]":
        """(weight, output, gradient of the mean cross-entropy by the output) of every call of a layer."""
        calls = self._first.calls
        _check_classes(self.labels, self._first.logits)
        total = _views.loss(self._first.logits, self.labels)
        found = gradients(total, [call.output for call in calls])
        pairs = zip(calls, found, strict=True)
        return [(call.layer.weight.detach(), call.output.detach(), gradient) for call, gradient in pairs]

    def map_shapes(self) -> list[tuple[int, int, int]]:
        """(channels, height, width) of the output of every Conv2d call."""
        maps = [call.output.shape for call in self._first.calls if call.output.ndim == 4]
        return [(channels, height, width) for _, channels, height, width in maps]

    @cached_property
    def input_gradients(self) -> "Tensor":
        """Gradient of the sum of all logits with respect to the images: (batch, pixels)."""
        total = self._first.logits.sum()
        _views.check_not_cancelled(total, self._first.norms)
        return gradients(total, [self._first.images])[0].flatten(1)

    @cached_property
    def curvature(self) -> float:
        """The product w . H g: weights, Hessian of the mean cross-entropy by them, and its gradient."""
        return _views.curvature(self._runner, self.batches[0][0], self.labels, self.weight_gradients(0))

    @cached_property
    def synaptic_gradients(self) -> "list[tuple[Tensor, Tensor]]":
        """(|W|, dR/d|W|) float64 of every layer, R the sum of the outputs for one image of ones.

        Weights are replaced by their magnitudes, biases by 0, batch norm by the identity, evaluation mode. The
        passes are in float32, and once more in float64 should a product leave float32's range: double
        convolutions are several times slower and few nets need them.

        Raises:
            ProxyUndefined: The flow leaves float64's range as well.
        """
        return self._synaptic(batch_norm=False)

    @cached_property
    def synaptic_gradients_with_batch_norm(self) -> "list[tuple[Tensor, Tensor]]":
        """As `synaptic_gradients`, with batch norm as it is, on the one image's statistics, and biases' magnitudes."""
        return self._synaptic(batch_norm=True)

    @cached_property
    def block_features(self) -> "list[Tensor]":
        """Outputs of the net's blocks for a batch of standard normal images: (batch, channels, height, width).

        Blocks are the modules that a net is stacked from: see `zeroshot.probing.passes.blocks`.
        """
        return _noise.block_features(self._runner, self.batches[0][0])

    @cached_property
    def block_spectra(self) -> "list[FloatArray]":
        """Eigenvalues, (channels,) float64 ascending, of each block feature's covariance over images and positions."""
        return [_noise.spectrum(features.detach()) for features in self.block_features]

    def block_pulls(self) -> "list[tuple[Tensor, Tensor]]":
        """(g_in, g_out) of every block but the first: random signs at its output, pulled back to its input."""
        return _noise.block_pulls(self._runner, self.block_features)

    def noise_maps(self) -> "list[Tensor]":
        """Outputs (channels, height * width) of every leaf module for one standard normal image."""
        return _noise.noise_maps(self._runner, self.batches[0][0])

    @cached_property
    def noise_response(self) -> "tuple[float, list[Tensor], list[Tensor]]":
        """With N(0, 1) weights: change of the last feature map, and batch norm's variances in the two passes."""
        return _noise.noise_response(self._runner, self.batches[0][0])

    def noise_gradients(self) -> "list[Tensor]":
        """With N(0, 1) weights, noise images and random labels: gradients by every parameter."""
        return _noise.noise_gradients(self._runner, self.batches[0][0])

    def logit_gradients(self) -> "Tensor":
        """Gradient of each image's summed logits by every tensor named weight: (batch, weights), one pass an image."""
        return _views.logit_gradients(self._runner, self._first)

    def weight_gradients_alone(self) -> "Iterator[Tensor]":
        """Layer by layer, each image's gradient of its own cross-entropy: (batch, *weight.shape).

        Each image is a batch of its own, so batch norm takes its statistics alone.
        """
        logits, calls = self._images_alone
        layers = {id(layer) for layer in self._runner.layers}
        _check_classes(self.labels, logits)
        total = _views.loss(logits, self.labels, "sum")
        _views.check_not_cancelled(total, calls)
        calls = [call for call in calls if id(call.layer) in layers]
        found = gradients(total, [call.output for call in calls])
        for layer in self._runner.layers:
            parts = [_alone.weight_gradients_alone(c, g) for c, g in zip(calls, found, strict=True) if c.layer is layer]
            if parts:
                yield sum(parts[1:], parts[0])

    def first_weight_jacobian(self) -> "tuple[Tensor, Tensor]":
        """Logits (batch, classes), and their derivatives (batch, classes, parameters) by one number a parameter.

        The first number of every parameter of layers and batch norms; each image is a batch of its own.
        """
        import torch

        logits, calls = self._images_alone
        _views.check_not_cancelled(logits[:, 0].sum(), calls)
        seen = [_alone.first_seen(call) for call in calls]
        rows = []
        for total in logits.sum(0):
            found = zip(calls, seen, gradients(total, [call.output for call in calls]), strict=True)
            rows.append(torch.stack([entry for each in found for entry in _alone.first_entries(*each)], 1))
        return logits.detach(), torch.stack(rows, 1)

    @cached_property
    def _first(self) -> _views.FirstPass:
        return _views.first_pass(self._runner, self.batches[0][0])

    @cached_property
    def _images_alone(self) -> "tuple[Tensor, list[_views.Call]]":
        return _alone.images_alone(self._runner, self.batches[0][0])

    def _labels(self, batch: int) -> "Tensor":
        return _labelled(self.batches[batch][1])

    def _synaptic(self, batch_norm: bool) -> "list[tuple[Tensor, Tensor]]":
        import torch

        for dtype in (torch.float32, torch.float64):
            pairs = _views.synaptic(self._runner, self.batches[0][0], dtype, batch_norm)
            # In double: a float32 product may overflow where neither factor did.
            if all(bool((w * g).sum().isfinite()) for w, g in pairs):
                return pairs
        raise ProxyUndefined("the synaptic flow is not finite, even in float64")


def evaluate(proxies: Sequence[Proxy], probe: Probe) -> dict[str, Score]:
    """Score one net with every probed proxy; those that share a view share its pass.

    Args:
        proxies: Neither static ones, which take a LayerTable and serve a whole population at once, nor
            aggregates, which need the scores of a population.
        probe: The net and its batches.

    Raises:
        UsageError: A proxy is static or an aggregate, or needs more batches or labels than the probe has; the
            net cannot be run.
    """
    return {proxy.name: _score(proxy, probe) for proxy in proxies}


def example_probe() -> Probe:
    """A tiny net with two random batches, the same on every call: to try a proxy on."""
    import torch

    from zeroshot.build import build, initialise
    from zeroshot.net import NetSpec

    generator = torch.Generator().manual_seed(0)
    net = build(NetSpec.parse("r8-s4-m3e2w4x1-b3w8x1/2"), channels=3, classes=4)
    initialise(net, generator)
    images = torch.randn(2, 8, 3, 8, 8, generator=generator)
    labels = torch.arange(16).reshape(2, 8) % 4
    return Probe(net, [(images[0], labels[0]), (images[1], labels[1])])


def _score(proxy: Proxy, probe: Probe) -> Score:
    if proxy.cost == "static":
        raise UsageError(f"Proxy {proxy.name!r} is static.", "Call its function with a LayerTable.")
    if proxy.cost == "aggregate":
        raise UsageError(f"Proxy {proxy.name!r} ranks a population.", "Call its function with its parts' scores.")
    if len(probe.batches) < proxy.batches:
        raise UsageError(f"Proxy {proxy.name!r} needs {proxy.batches} batches; the probe has {len(probe.batches)}.")
    try:
        value = float(proxy.function(probe))
    except ProxyUndefined as reason:
        return Score(math.nan, str(reason))
    return Score(value) if math.isfinite(value) else Score(math.nan, f"the score is {value}")


def _labelled(labels: "Tensor | None") -> "Tensor":
    if labels is None:
        raise UsageError("This proxy needs labels; a batch has none.", "Use proxies that need no labels.")
    return labels


def _check_batch(number: int, x: "Tensor", y: "Tensor | None") -> None:
    where = f"Batch {number + 1}"
    for tensor in (x, y):
        if tensor is not None and tensor.device.type != "cpu":
            raise UsageError(f"{where} is on device {tensor.device}; proxies run on the CPU.", "Move it: x.cpu().")
    if x.ndim < 2 or not len(x) or not x.is_floating_point():
        raise UsageError(f"{where} must hold floating-point images; it has shape {tuple(x.shape)} and {x.dtype}.")
    if not bool(x.isfinite().all()):
        raise UsageError(f"{where} has images that are not finite.", "Check the data and its normalisation.")
    if y is not None and (y.shape != x.shape[:1] or y.is_floating_point()):
        raise UsageError(f"{where} needs a whole-number label for each of its {len(x)} images, not {tuple(y.shape)}.")


def _check_classes(labels: "Tensor", logits: "Tensor") -> None:
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= logits.shape[1]:
        raise UsageError(f"Labels from {low} to {high} do not fit the {logits.shape[1]} classes of the net.")
