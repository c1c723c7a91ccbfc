"""One forward and backward pass over a net, shared by every proxy that asks for it.

A `Proxy` is a named, versioned protocol; a `Probe` holds one net with its batches and computes each view
(ReLU codes, weight gradients, synaptic flow) once, when the first proxy asks. The module leaves a probe bit
for bit as it came, and the global random state with it. torch is imported when a view is computed, so the
table of proxies can be listed without it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zeroshot.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    Batch = tuple[Tensor, Tensor | None]

# What one evaluation needs, from cheap to dear.
COSTS = ("static", "forward", "backward", "per-sample")


@dataclass(frozen=True)
class Proxy:
    """A training-free score as a named protocol; higher is better.

    Attributes:
        name: What users call it.
        function: Static: LayerTable -> (n_nets,) float64, one call for the population. Others: Probe ->
            float, raising `ProxyUndefined` for a net on which the score has no meaning.
        cost: One of `COSTS`.
        paper: Where it was published.
        summary: One line.
        version: Raised whenever the protocol changes, so that cached scores are not mixed.
        needs_labels: Whether the batches must carry labels.
        batches: Fewest batches it is defined on.
    """

    name: str
    function: Callable[[Any], Any]
    cost: str
    paper: str
    summary: str
    version: int = 1
    needs_labels: bool = False
    batches: int = 1

    def __post_init__(self) -> None:
        if self.cost not in COSTS:
            raise UsageError(f"Proxy {self.name!r} has cost {self.cost!r}.", f"Known costs: {', '.join(COSTS)}.")


class ProxyUndefined(Exception):  # noqa: N818 - a status that proxies raise, not a failure
    """The score has no meaning on this net; the message is the reason, for the table's status column."""


@dataclass(frozen=True)
class Score:
    """A proxy's answer for one net.

    Attributes:
        value: The score, NaN where it is undefined.
        status: "ok", or the reason why there is no value.
    """

    value: float
    status: str = "ok"


class Probe:
    """One net with the batches it is scored on, and cached views of it.

    Args:
        module: The net, on the CPU. Its parameters, buffers, gradients, modes and flags are never left
            changed.
        batches: (x, y) pairs: x (batch, channels, height, width) float32, y (batch,) int64 class indices or
            None where no proxy needs labels. ReLU codes and first-batch proxies use the first.
        seed: Seeds whatever the module itself draws in training mode (dropout); the nets of `build` draw
            nothing.

    Raises:
        UsageError: There is no batch.
    """

    def __init__(self, module: "nn.Module", batches: "Sequence[Batch]", seed: int = 0) -> None:
        from torch import nn

        if not batches:
            raise UsageError("A probe needs at least one batch.")
        self.module = module
        self.batches = [(_channels_last(x), y) for x, y in batches]
        self.seed = seed
        self._weights = [m.weight for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        self._gradients: dict[int, list[Tensor]] = {}

    @property
    def weights(self) -> "list[Tensor]":
        """Weights of every Conv2d and Linear in module order, detached; no biases, no batch norm."""
        return [weight.detach() for weight in self._weights]

    def relu_codes(self) -> "list[Tensor]":
        """Which ReLU units fire on the first batch: one (batch, units) bool a ReLU call, in execution order.

        The forward pass is in training mode (batch norm uses the batch's own statistics), the same one that
        the gradients come from. Only `nn.ReLU` and `nn.ReLU6` modules are seen.
        """
        return self._first_pass[1]

    def weight_gradients(self, batch: int = 0) -> "list[Tensor]":
        """Gradients of the mean cross-entropy of one batch with respect to `weights`, in the same order.

        Training mode, batch norm on the batch's statistics. A layer that the loss does not depend on has
        zeros.

        Raises:
            UsageError: The batch has no labels.
        """
        if batch not in self._gradients:
            self._gradients[batch] = self._backward(batch)
        return self._gradients[batch]

    def synaptic_flow(self) -> list[float]:
        """Natural log of sum |W * dR/dW| for each of `weights`, R the sum of the outputs; -inf where it is 0.

        All-ones input of batch 1, weights replaced by their absolute values, biases by 0, batch norm by the
        identity, evaluation mode. In float32, and once more in float64 should a sum leave float32's range:
        double convolutions are several times slower and few nets need them.

        Raises:
            ProxyUndefined: The flow leaves float64's range as well.
        """
        return self._log_flow

    @cached_property
    def _log_flow(self) -> list[float]:
        import torch

        for dtype in (torch.float32, torch.float64):
            sums = self._flow(dtype)
            if all(map(math.isfinite, sums)):
                return [math.log(value) if value > 0 else -math.inf for value in sums]
        raise ProxyUndefined("the synaptic flow is not finite, even in float64")

    @cached_property
    def _first_pass(self) -> "tuple[Tensor, list[Tensor]]":
        """Logits of the first batch, with their graph until the backward pass, and the ReLU codes."""
        from torch import nn

        codes: list[Tensor] = []

        def record(_module: "nn.Module", _inputs: object, activation: "Tensor") -> None:
            # At once, because an in-place operation may overwrite the activation afterwards.
            codes.append(_code(activation))

        relus = [m for m in self.module.modules() if isinstance(m, nn.ReLU | nn.ReLU6)]
        handles = [relu.register_forward_hook(record) for relu in relus]
        try:
            return self._forward(0), codes
        finally:
            for handle in handles:
                handle.remove()

    def _forward(self, batch: int) -> "Tensor":
        with self._isolated(training=True):
            logits: Tensor = self.module(self.batches[batch][0])
        return logits

    def _backward(self, batch: int) -> "list[Tensor]":
        import torch

        labels = self.batches[batch][1]
        if labels is None:
            raise UsageError("Gradients need labels; this batch has none.", "Use proxies that need no labels.")
        logits = self._first_pass[0] if batch == 0 else self._forward(batch)
        with self._isolated(training=True):
            loss = torch.nn.functional.cross_entropy(logits, labels)
            # autograd.grad, not backward(): the module's .grad fields stay as they are.
            found = torch.autograd.grad(loss, self._weights, allow_unused=True)
        return [torch.zeros_like(w) if g is None else g for w, g in zip(self._weights, found, strict=True)]

    def _flow(self, dtype: "torch.dtype") -> list[float]:
        import torch

        named = dict(self.module.named_parameters())
        weight_names = {id(weight) for weight in self._weights}
        values = {
            name: p.detach().abs().to(dtype).requires_grad_()
            if id(p) in weight_names
            else torch.zeros_like(p, dtype=dtype)
            for name, p in named.items()
        }
        used = {id(named[name]): value for name, value in values.items()}
        weights = [used[id(weight)] for weight in self._weights]
        ones = torch.ones_like(self.batches[0][0][:1], dtype=dtype)
        with self._isolated(training=False), _batch_norm_as_identity(self.module):
            response = torch.func.functional_call(self.module, values, (ones,)).sum()
            found = torch.autograd.grad(response, weights, allow_unused=True)
        pairs = zip(weights, found, strict=True)
        # Products and sums in double: a float32 product may overflow where neither factor did.
        return [0.0 if g is None else float((w.detach().double() * g.double()).abs().sum()) for w, g in pairs]

    @contextmanager
    def _isolated(self, training: bool) -> Iterator[None]:
        """Run passes over the module in one mode, and put back everything that a pass may change."""
        import torch

        parts = list(self.module.modules())
        modes = [part.training for part in parts]
        tracking = [part for part in parts if getattr(part, "track_running_stats", False)]
        frozen = [weight for weight in self._weights if not weight.requires_grad]
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.default_generator.manual_seed(self.seed)
            try:
                for part in parts:
                    part.training = training
                # Batch norm in training mode without tracking takes the batch's statistics, writes no buffer.
                for part in tracking:
                    part.track_running_stats = not training  # type: ignore[assignment]
                for weight in frozen:
                    weight.requires_grad_(True)
                yield
            finally:
                for part, mode in zip(parts, modes, strict=True):
                    part.training = mode
                for part in tracking:
                    part.track_running_stats = True  # type: ignore[assignment]
                for weight in frozen:
                    weight.requires_grad_(False)


def evaluate(proxies: Sequence[Proxy], probe: Probe) -> dict[str, Score]:
    """Score one net with every probed proxy; those that share a view share its pass.

    Args:
        proxies: Any but static ones, which take a LayerTable and serve a whole population at once.
        probe: The net and its batches.

    Raises:
        UsageError: A proxy is static, or needs more batches or labels than the probe has.
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
    if len(probe.batches) < proxy.batches:
        raise UsageError(f"Proxy {proxy.name!r} needs {proxy.batches} batches; the probe has {len(probe.batches)}.")
    try:
        value = float(proxy.function(probe))
    except ProxyUndefined as reason:
        return Score(math.nan, str(reason))
    return Score(value) if math.isfinite(value) else Score(math.nan, f"the score is {value}")


def _channels_last(x: "Tensor") -> "Tensor":
    """The same numbers, channels last in memory: a small net's passes take half the time on a CPU."""
    import torch

    if x.ndim != 4:
        return x
    _, channels, height, width = x.shape
    # Strides by hand: torch takes one-channel images for channels-first, and the slow passes with them.
    strides = (channels * height * width, 1, width * channels, channels)
    return x.contiguous(memory_format=torch.channels_last).as_strided(x.shape, strides)


def _code(activation: "Tensor") -> "Tensor":
    fires = activation.detach() > 0
    # Channels last, as the activations lie in memory: no copy. Any fixed order of the units serves.
    return (fires.permute(0, 2, 3, 1) if fires.ndim == 4 else fires).flatten(1)


@contextmanager
def _batch_norm_as_identity(module: "nn.Module") -> Iterator[None]:
    from torch import nn

    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        vars(norm)["forward"] = _identity  # shadows the method on this instance only
    try:
        yield
    finally:
        for norm in norms:
            del vars(norm)["forward"]


def _identity(x: "Tensor") -> "Tensor":
    return x
