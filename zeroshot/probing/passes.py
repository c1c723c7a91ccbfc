"""Running a foreign module for a probe: leave no trace, name what fails, record what passes by."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from zeroshot.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    Hook = Callable[[nn.Module, tuple[Any, ...], Any], None]


class ProxyUndefined(Exception):  # noqa: N818 - a status that proxies raise, not a failure
    """The score has no meaning on this net; the message is the reason, for the table's status column."""


class Runner:
    """A module, and how to run it so that nothing of it changes.

    Args:
        module: The net, on the CPU.
        seed: Seeds what the module draws (dropout) and what the probe draws for it (noise images, weights).

    Attributes:
        layers: Every Conv2d and Linear with a parameter for a weight, in module order.
        weights: Their weights, the parameters themselves.
    """

    def __init__(self, module: "nn.Module", seed: int) -> None:
        from torch import nn

        _check_module(module)
        self.module = module
        self.seed = seed
        layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        self.layers = [layer for layer in layers if isinstance(layer.weight, nn.Parameter)]
        self.weights = [layer.weight for layer in self.layers]

    def generator(self, stream: int) -> "torch.Generator":
        """Random numbers of this net's seed; equal streams give equal numbers."""
        import numpy as np
        import torch

        # torch's generator on the CPU looks at 32 bits of its seed: mix, do not shift.
        mixed = np.random.SeedSequence([self.seed % 2**63, stream]).generate_state(1)
        return torch.Generator().manual_seed(int(mixed[0]))

    def noise(self, shape: Sequence[int], like: "Tensor", stream: int) -> "Tensor":
        """Standard normal numbers of a stream, drawn in float32 whatever the type, channels last."""
        import torch

        return channels_last(torch.randn(*shape, generator=self.generator(stream)).to(like.dtype))

    def forward(self, x: "Tensor", values: "dict[str, Tensor] | None" = None) -> "Tensor":
        """Logits (batch, classes) of an image batch, with other parameters if `values` gives them by name.

        Raises:
            ProxyUndefined: Batch norm sees one value a channel and has no statistics.
            UsageError: The net fails on these images, or returns something else than logits.
        """
        import torch

        # A copy: a net may start with an in-place operation, and the images are the caller's.
        try:
            x = x.clone()
            out = torch.func.functional_call(self.module, values, (x,)) if values else self.module(x)
        except ProxyUndefined:
            raise
        except Exception as error:  # whatever a foreign forward may raise
            if "more than 1 value per channel" in str(error):
                raise ProxyUndefined("batch norm sees a single value a channel") from error
            raise UsageError(_failure(self.module, x, error), "Try the net on the same images.") from error
        if not isinstance(out, torch.Tensor) or out.ndim != 2 or len(out) != len(x):
            got = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
            raise UsageError(f"The net must return logits ({len(x)}, classes); it returned {got}.")
        return out

    def reseed(self) -> None:
        """Let what the module draws next be the same as on every other pass; inside `isolated` only."""
        import torch

        torch.default_generator.manual_seed(self.seed)

    @contextmanager
    def isolated(self, training: bool) -> Iterator[None]:
        """Run passes in one mode with gradients on, and put back everything that a pass may change."""
        import torch

        from zeroshot.strided import safe

        parts = list(self.module.modules())
        before = [(part, part.training) for part in parts]
        tracking = [part for part in parts if getattr(part, "track_running_stats", False)]
        in_place = [part for part in parts if getattr(part, "inplace", False) is True]
        frozen = [p for p in self.module.parameters() if not p.requires_grad and p.is_floating_point()]
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), safe(self.module):
            self.reseed()
            try:
                for part in parts:
                    part.training = training
                # Batch norm in training mode without tracking takes the batch's statistics, writes no buffer.
                for part in tracking:
                    part.track_running_stats = not training  # type: ignore[assignment]
                for part in in_place:  # recorded activations must survive the layer after them
                    part.inplace = False  # type: ignore[assignment]
                for parameter in frozen:
                    parameter.requires_grad_(True)
                yield
            finally:
                for part, mode in before:
                    part.training = mode
                for part in tracking:
                    part.track_running_stats = True  # type: ignore[assignment]
                for part in in_place:
                    part.inplace = True  # type: ignore[assignment]
                for parameter in frozen:
                    parameter.requires_grad_(False)


def gradients(of: "Tensor", wrt: "Sequence[Tensor]", seed: "Tensor | None" = None) -> "list[Tensor]":
    """Derivatives of a tensor, zeros where it does not depend on a variable; the graph stays for further ones.

    Raises:
        ProxyUndefined: There is nothing to derive by, or no dependence at all.
    """
    import torch

    if not wrt:
        raise ProxyUndefined("the net has no Conv2d or Linear weights")
    if not of.requires_grad:
        raise ProxyUndefined("the output depends on no weight and no image")
    found = torch.autograd.grad(of, wrt, seed, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(wrt, found, strict=True)]


@contextmanager
def hooked(modules: "Iterable[nn.Module]", hook: "Hook") -> Iterator[None]:
    """Call `hook(module, inputs, output)` after every forward of the modules."""
    with ExitStack() as stack:
        for module in modules:
            stack.callback(module.register_forward_hook(hook).remove)
        yield


@contextmanager
def shadowed(modules: "Iterable[nn.Module]", replace: "Callable[[Any], Callable[..., Any]]") -> Iterator[None]:
    """Give each module another forward, `replace(module)`, on its instance only."""
    parts = list(modules)
    own = [vars(part).get("forward") for part in parts]
    try:
        for part in parts:
            vars(part)["forward"] = replace(part)
        yield
    finally:
        for part, forward in zip(parts, own, strict=True):
            if forward is None:
                vars(part).pop("forward", None)
            else:
                vars(part)["forward"] = forward


def batch_norms(module: "nn.Module") -> "list[nn.BatchNorm1d | nn.BatchNorm2d]":
    """Every batch norm in module order."""
    from torch import nn

    return [m for m in module.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]


def relu_modules(module: "nn.Module") -> "list[nn.ReLU | nn.ReLU6]":
    """Every ReLU and ReLU6 in module order."""
    from torch import nn

    return [m for m in module.modules() if isinstance(m, nn.ReLU | nn.ReLU6)]


def as_published(module: "nn.Module") -> bool:
    """Whether a layer computes what torch's layer of its kind does: neither class nor instance has another forward."""
    from torch import nn

    kinds = (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d, nn.ReLU6, nn.ReLU)
    kind = next((kind for kind in kinds if isinstance(module, kind)), None)
    return kind is not None and type(module).forward is kind.forward and "forward" not in vars(module)


def leaves(module: "nn.Module") -> "list[nn.Module]":
    """Modules without children, identities apart, which would only repeat what they are given."""
    from torch import nn

    return [m for m in module.modules() if not isinstance(m, nn.Identity) and next(m.children(), None) is None]


def blocks(module: "nn.Module") -> "list[nn.Module]":
    """The units a net is stacked from: what a cell or a block is called in its paper.

    Children of the module; a Sequential or ModuleList among them whose members have children themselves is
    opened, and each such member is a block. A child of the module itself is one if it holds a Conv2d.
    """
    from torch import nn

    found: list[nn.Module] = []

    def visit(part: nn.Module, root: bool) -> None:
        for child in part.children():
            members = list(child.children())
            if isinstance(child, nn.Sequential | nn.ModuleList) and any(next(m.children(), None) for m in members):
                visit(child, False)
            elif (members and not root) or any(isinstance(m, nn.Conv2d) for m in child.modules()):
                found.append(child)

    visit(module, True)
    return found


def channels_last(x: "Tensor") -> "Tensor":
    """The same numbers, channels last in memory: a small net's passes take half the time on a CPU."""
    import torch

    if x.ndim != 4:
        return x
    _, channels, height, width = x.shape
    # Strides by hand: torch takes one-channel images for channels-first, and the slow passes with them.
    strides = (channels * height * width, 1, width * channels, channels)
    return x.contiguous(memory_format=torch.channels_last).as_strided(x.shape, strides)


def _check_module(module: "nn.Module") -> None:
    from torch.nn.parameter import is_lazy
    from torch.nn.utils.parametrize import is_parametrized

    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if is_lazy(tensor):
            raise UsageError(f"{name!r} of the net has no shape yet.", "Run the lazy net once on a batch.")
        if tensor.device.type != "cpu":
            raise UsageError(f"Proxies run on the CPU; {name!r} is on device {tensor.device}.", "Move it: net.cpu().")
    if is_parametrized(module) or any(is_parametrized(part) for part in module.modules()):
        raise UsageError(
            "The net has parametrised weights, which have no gradient of their own.",
            "Bake them in: torch.nn.utils.parametrize.remove_parametrizations.",
        )


def _failure(module: "nn.Module", x: "Tensor", error: Exception) -> str:
    """Which layer failed on which shapes: the innermost one that a second try enters and does not leave."""
    import torch

    names = {part: name for name, part in module.named_modules()}
    entered: list[tuple[str, list[tuple[int, ...]]]] = []

    def enter(part: "nn.Module", inputs: tuple[Any, ...]) -> None:
        shapes = [tuple(value.shape) for value in inputs if isinstance(value, torch.Tensor)]
        entered.append((f"{names[part]!r} ({type(part).__name__})" if names[part] else type(part).__name__, shapes))

    def leave(_part: "nn.Module", _inputs: tuple[Any, ...], _output: object) -> None:
        entered.pop()

    with ExitStack() as stack:
        for part in names:
            stack.callback(part.register_forward_pre_hook(enter).remove)
            stack.callback(part.register_forward_hook(leave).remove)
        with suppress(Exception):  # the failure again, whose place is now known
            module(x.clone())
    where, shapes = entered[-1] if entered else (type(module).__name__, [tuple(x.shape)])
    return f"The net fails in layer {where} on input {', '.join(map(str, shapes))}: {str(error).splitlines()[0]}"
