"""Nets, batches and instruments for the conformance suite of `zeroshot.testing`."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from zeroshot.build import build, initialise
from zeroshot.net import LayerTable, NetSpec, layer_table, spec_array
from zeroshot.resolution import Resolution, sides

Batches = list[tuple[Tensor, Tensor | None]]

# Every kind of block, a head, and strides; small enough for a hundred evaluations a second.
SPECS = (
    "r8-s6-c3w8x2",
    "r16-s6/2-d3w8x2-d3w12x1/2-h16",
    "r8-s6-m3e3w6x2-m5e1w8x1/2-h12",
    "r12-s6-b3w6x1-b3w8x2/2",
    "r9x14-s6/2-d3w8x1-b3w8x1/2",
    "r1x24-s6-m5e2w6x2-c3w8x1/2",
)
CLASSES = 4


def batches(channels: int = 3, size: Resolution = 8, images: int = 8, count: int = 2, seed: int = 0) -> Batches:
    """Normal images, every class equally often."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % CLASSES
    return [(torch.randn(images, channels, *sides(size), generator=generator), labels.clone()) for _ in range(count)]


def ordinary(text: str = SPECS[0]) -> tuple[nn.Module, Batches]:
    """A net with batches that fit it, the same on every call."""
    spec = NetSpec.parse(text)
    net = build(spec, 3, CLASSES)
    initialise(net, torch.Generator().manual_seed(1))
    return net, batches(size=spec.resolution)


def nets() -> dict[str, tuple[nn.Module, Batches]]:
    """Ordinary nets, each with batches that fit it, the same on every call."""
    return {text: ordinary(text) for text in SPECS}


def degenerate() -> dict[str, tuple[nn.Module, Batches]]:
    """Nets and images on which many scores have no meaning; a proxy may score them, or say that it cannot."""
    usual = batches()
    grey = [(torch.zeros_like(x), y) for x, y in usual]
    out: dict[str, tuple[nn.Module, Batches]] = {
        "all weights zero": (_plain(), usual),
        "all activations dead": (_plain(), usual),
        "no batch norm": (_plain(norm=False), usual),
        "no ReLU": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), *_head(4)), usual),
        "no convolution": (nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.ReLU(), nn.Linear(6, CLASSES)), usual),
        "a single layer": (nn.Sequential(nn.Flatten(), nn.Linear(192, CLASSES)), usual),
        "no layers": (nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten()), usual),
        "one channel": (_plain(width=1), usual),
        "images that are all zero": (_plain(), grey),
        "one image twice": (_plain(), [(x[:1].expand_as(x).contiguous(), y) for x, y in usual]),
        "the same batch twice": (_plain(), usual[:1] * 2),
        "batches of one image": (_plain(), [(x[:1], None if y is None else y[:1]) for x, y in usual]),
        "images of one pixel": (_plain(padding=1), [(x[:, :, :1, :1].contiguous(), y) for x, y in usual]),
        "enormous weights": (_plain(norm=False), usual),
    }
    for net, _ in out.values():
        initialise(net, torch.Generator().manual_seed(1))
    with torch.no_grad():
        for name, factor in (("all weights zero", 0.0), ("enormous weights", 1e25)):
            for parameter in out[name][0].parameters():
                parameter.mul_(factor)
        for part in out["all activations dead"][0].modules():
            if isinstance(part, nn.BatchNorm2d):
                part.bias.fill_(-1e3)
    return out


def tables() -> list[LayerTable]:
    """Three populations: several nets, one net, and none."""
    specs = [NetSpec.parse(text) for text in SPECS]
    return [layer_table(spec_array(some), 3, CLASSES) for some in (specs, specs[:1], specs[:0])]


def snapshot(net: nn.Module) -> dict[str, Any]:
    """Everything of a net that an evaluation must leave alone, copied."""
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    return {
        "values": {name: tensor.detach().clone() for name, tensor in tensors.items()},
        "gradients": {name: None if p.grad is None else p.grad.clone() for name, p in net.named_parameters()},
        "identities": {name: id(tensor) for name, tensor in tensors.items()},
        "versions": {name: tensor._version for name, tensor in tensors.items()},
        "requires_grad": {name: p.requires_grad for name, p in net.named_parameters()},
        "modes": {name: part.training for name, part in net.named_modules()},
        "attributes": {name: _attributes(part) for name, part in net.named_modules()},
        "hooks": {name: (len(p._forward_hooks), len(p._forward_pre_hooks), len(p._backward_hooks))
                  for name, p in net.named_modules()},
    }  # fmt: skip


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs between two snapshots, bit for bit."""
    found = []
    for kind, values in before.items():
        for name in values.keys() | after[kind].keys():
            if not _same(values.get(name), after[kind].get(name)):
                found.append(f"{kind} of {name or 'the net'}")
    return found


def worn() -> nn.Module:
    """A net in a state that a careless proxy destroys: statistics, gradients, mixed modes, frozen weights."""
    net = nets()[SPECS[3]][0]
    net(batches(size=12, seed=5)[0][0]).sum().backward()
    net.eval()
    first = next(part for part in net.modules() if isinstance(part, nn.Conv2d))
    first.train()
    first.weight.requires_grad_(False)
    return net


def random_states(seed: int | None = None) -> list[Any]:
    """The global generators' states, after seeding them if a seed is given."""
    if seed is not None:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the global one is what is watched
        torch.default_generator.manual_seed(seed)
    numpys = np.random.get_state(legacy=False)  # noqa: NPY002
    return [random.getstate(), str(numpys), torch.get_rng_state().tolist()]


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Put the global generators back afterwards."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])


@contextmanager
def backward_calls() -> Iterator[list[str]]:
    """A list that grows whenever a backward pass reads what a forward pass saved for it."""
    calls: list[str] = []

    def unpack(tensor: Tensor) -> Tensor:
        calls.append(str(tuple(tensor.shape)))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, unpack):
        yield calls


@contextmanager
def backward_passes(net: nn.Module) -> Iterator[list[int]]:
    """A list that grows by one entry for each backward pass that starts at the outputs of the net."""
    passes: list[int] = []

    def note(_gradient: Tensor) -> None:
        passes.append(1)

    def watch(_net: nn.Module, _inputs: object, out: object) -> None:
        if isinstance(out, Tensor) and out.requires_grad:
            out.register_hook(note)  # type: ignore[no-untyped-call]

    handle = net.register_forward_hook(watch)
    try:
        yield passes
    finally:
        handle.remove()


class TorchRefused(TorchFunctionMode):
    """Within it, any call of torch fails."""

    def __torch_function__(self, func: Callable[..., Any], *_: Any, **__: Any) -> Any:  # noqa: ANN401, D105
        """Raise: a static proxy sees arrays only."""
        raise AssertionError(f"a static proxy calls torch: {getattr(func, '__name__', func)}")


def _attributes(part: nn.Module) -> dict[str, object]:
    """Plain attributes (flags, sizes) and the names of all."""
    values = {k: v for k, v in vars(part).items() if isinstance(v, bool | int | float | str | tuple)}
    return values | {"": sorted(vars(part))}


def _same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
    return a == b if not isinstance(a, Tensor) and not isinstance(b, Tensor) else False


def _plain(width: int = 4, norm: bool = True, padding: int = 0) -> nn.Sequential:
    norms = [[nn.BatchNorm2d(width)] if norm else [] for _ in range(2)]
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=padding), *norms[0], nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=padding), *norms[1], nn.ReLU(), *_head(width),
    )  # fmt: skip


def _head(width: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES)]
