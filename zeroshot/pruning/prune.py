"""Taking channels out of one net: a smaller NetSpec, and the weights of the channels that stay."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from zeroshot.build import build
from zeroshot.errors import UsageError
from zeroshot.net import NetSpec
from zeroshot.pruning._channels import NO_GROUP, Wiring, table_of, taken, wire
from zeroshot.pruning._shrink import shrink
from zeroshot.pruning.options import DEFAULT_SALIENCY, MULTIPLE
from zeroshot.pruning.saliency import Batch, channel_saliency
from zeroshot.pruning.target import Target
from zeroshot.runs.checkpoints import Tensors, first_line
from zeroshot.training.trained import TrainedNet
from zeroshot.types import FloatArray
from zeroshot.workers import torch_threads


@dataclass(frozen=True, eq=False)
class Pruned:
    """A net with fewer channels.

    Attributes:
        spec: Its widths and expansions; everything else is the source's.
        weights: State dict for `build(spec, channels, classes)`.
        kept: Name of each convolution -> the output channels of the source that are left, ascending.
        before: Costs of the source: `macs`, `weights` and `flash` in bytes, `latency` in ms.
        after: The same of this net.
        how: What was asked for, plain values.
    """

    spec: NetSpec
    weights: Tensors = field(repr=False)
    kept: dict[str, tuple[int, ...]] = field(repr=False)
    before: dict[str, float]
    after: dict[str, float]
    how: dict[str, Any]

    def module(self) -> nn.Module:
        """The net in evaluation mode."""
        return _module(self.spec, self.weights)


def prune(
    net: TrainedNet | nn.Module,
    target: Target,
    *,
    spec: NetSpec | str | None = None,
    saliency: str = DEFAULT_SALIENCY,
    multiple: int = MULTIPLE,
    batch: Batch | None = None,
) -> Pruned:
    """Take channels out of a net until it meets a target; nothing is trained.

    Widths of stem, stages and head shrink to multiples of `multiple`, expansions by one, always where the least
    importance is lost for what is saved; of a width the channels with the highest saliency stay, chosen anew in
    every tensor that no residual sum ties to another. Kernels, depths, strides and the resolution stay. The result
    depends on the arguments alone.

    Args:
        net: A trained net, or a module of `build`, which is left as it was.
        target: Upper limits. A net that meets them already comes back as it is.
        spec: Of a module.
        saliency: `bn`, `l1`, `l2` or `taylor`, see `channel_saliency`.
        multiple: Channels a step.
        batch: Images (n, channels, height, width) as the net sees them and labels (n,), for `taylor`.

    Raises:
        UsageError: A value is out of range, or a module that is not `build`'s of that spec.
        InfeasibleError: The target cannot be met; the message says what can.

    >>> from zeroshot.build import build
    >>> from zeroshot.pruning.target import Target
    >>> spec = "r8-s8-c3w16x1/2"
    >>> prune(build(NetSpec.parse(spec), 1, 10), Target(macs=12_000), spec=spec).spec.stem_width
    4
    """
    if multiple < 1:
        raise UsageError(f"A multiple must be at least 1, not {multiple}.", "4 suits the kernels of devices.")
    source, weights = _source(net, spec)
    module, image = _module(source, weights), _image(weights)
    wiring = wire(source, *image)
    with torch_threads(1):  # gradients are sums that another number of threads would round otherwise
        scores = channel_saliency(wiring, module, saliency, batch)
    smaller = shrink(source, wiring, scores, target, multiple, image)
    table = table_of(smaller, *image)
    kept = [_highest(score, n) for score, n in zip(scores, wiring.sizes(table), strict=True)]
    return Pruned(
        spec=smaller, weights=taken(wiring, weights, kept), kept=_by_layer(wiring, kept),
        before=target.costs(table_of(source, *image)), after=target.costs(table),
        how={"target": target.values(), "saliency": saliency, "multiple": multiple},
    )  # fmt: skip


def _source(net: TrainedNet | nn.Module, spec: NetSpec | str | None) -> tuple[NetSpec, Tensors]:
    if isinstance(net, TrainedNet):
        return NetSpec.parse(net.net), net.weights
    if spec is None:
        raise UsageError("A module does not say which net it is.", "Give spec=, as it was given to `build`.")
    source = spec if isinstance(spec, NetSpec) else NetSpec.parse(spec)
    weights = {name: tensor.detach() for name, tensor in net.state_dict().items()}
    try:
        _module(source, weights)
    except (KeyError, IndexError, RuntimeError) as error:
        text = f"The module is not the net {source}: {first_line(error)}"
        raise UsageError(text, "Prune nets of `zeroshot.build.build`, with their spec.") from error
    return source, weights


def _module(spec: NetSpec, weights: Tensors) -> nn.Module:
    net = build(spec, *_image(weights)).to(weights["classifier.weight"].dtype)
    net.load_state_dict(weights)
    return net.eval()


def _image(weights: Tensors) -> tuple[int, int]:
    """Channels of an image and number of classes."""
    classes = len(weights["classifier.bias"])
    first = next(iter(weights.values()))  # the stem's kernel, (width, channels, 3, 3)
    return first.shape[1], classes


def _highest(scores: FloatArray, n: int) -> npt.NDArray[np.intp]:
    """Indices of the n highest, ascending; of equal ones the first."""
    return np.sort(np.argsort(-scores, kind="stable")[:n])


def _by_layer(wiring: Wiring, kept: Sequence[npt.NDArray[np.intp]]) -> dict[str, tuple[int, ...]]:
    return {layer.name: tuple(map(int, kept[layer.writes])) for layer in wiring.layers if layer.writes != NO_GROUP}
