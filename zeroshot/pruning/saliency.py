"""How much each channel of a net matters, one score a channel of each group (see `_channels`)."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from zeroshot.errors import UsageError, unknown
from zeroshot.pruning._channels import NO_GROUP, Layer, Wiring
from zeroshot.pruning.options import SALIENCIES
from zeroshot.runs.checkpoints import Tensors
from zeroshot.types import FloatArray

Batch = tuple[Tensor, Tensor]

EPS = nn.BatchNorm2d(1).eps


def channel_saliency(wiring: Wiring, module: nn.Module, kind: str, batch: Batch | None = None) -> list[FloatArray]:
    """Score the channels of every group; higher is better, 0 is a channel that nothing depends on.

    - `bn`: |gamma| of every batch norm that writes the channel (Liu et al., arXiv 1708.06519).
    - `l1`, `l2`: norm of the kernels that write the channel, batch norm folded in, because without it their size
      means nothing, and of the kernels that read it (Li et al., arXiv 1608.08710; over coupled layers as in Fang et
      al., arXiv 2301.12900).
    - `taylor`: sum of |w dL/dw| over the same weights and over batch norm's scale and shift (Molchanov et al., arXiv
      1906.10771; |w dL/dw| is SNIP's, arXiv 1810.02340), L the mean cross-entropy of one batch, batch norm with its
      running statistics.

    `bn`, `l1` and `l2` are divided by their mean over a layer before the layers of a group are averaged: sizes of
    different layers cannot be compared. `taylor` estimates one loss and is added up.

    Args:
        wiring: Of the net.
        module: Float, with its weights; left as it was.
        kind: One of `SALIENCIES`.
        batch: Images and labels, for `taylor`.

    Returns:
        For each group (channels,) float64.

    Raises:
        UsageError: Unknown kind, `taylor` without a batch, or weights that are NaN or infinite.
    """
    if kind not in SALIENCIES:
        raise unknown("saliency", kind, SALIENCIES)
    weights = {name: tensor.detach().double() for name, tensor in module.state_dict().items()}
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise UsageError("The net has weights that are NaN or infinite.", "Train it again with a lower learning rate.")
    if kind == "taylor":
        if batch is None:
            raise UsageError("The saliency taylor needs images and labels.", "Give batch=(images, labels).")
        weights = _changes(module, batch)
    by_group: list[list[FloatArray]] = [[] for _ in wiring.rows]
    for layer in wiring.layers:
        rows, columns = _scores(layer, weights, kind)
        for group, score in ((layer.writes, rows), (layer.reads, columns)):
            if group != NO_GROUP and score is not None:
                by_group[group].append(np.asarray(score.numpy()))
    if kind == "taylor":
        return [np.sum(scores, axis=0) for scores in by_group]
    return [np.mean([score / (score.mean() or 1.0) for score in scores], axis=0) for scores in by_group]


def _scores(layer: Layer, weights: Mapping[str, Tensor], kind: str) -> tuple[Tensor | None, Tensor | None]:
    """What a layer says of the channels that it writes, and of those that it reads."""
    kernel = weights[f"{layer.name}.weight"]
    norm = {name: weights.get(f"{layer.norm}.{name}") for name in ("weight", "bias", "running_var")}
    if kind == "bn":
        return (norm["weight"].abs() if norm["weight"] is not None else None), None
    if kind == "taylor":
        parts = [each for each in (norm["weight"], norm["bias"]) if each is not None]
        rows = kernel.flatten(1).sum(1) + sum(parts)
    else:
        if norm["weight"] is not None and norm["running_var"] is not None:
            scale = norm["weight"] / torch.sqrt(norm["running_var"] + EPS)
            kernel = kernel * scale[:, None, None, None]
        rows = _norm(kernel.flatten(1), kind)
    if layer.depthwise:
        return rows, None  # its one weight a channel and tap is counted already
    columns = kernel.transpose(0, 1).flatten(1)
    return rows, columns.sum(1) if kind == "taylor" else _norm(columns, kind)


def _norm(x: Tensor, kind: str) -> Tensor:
    return x.abs().sum(1) if kind == "l1" else x.square().sum(1).sqrt()


def _changes(module: nn.Module, batch: Batch) -> Tensors:
    """|w dL/dw| of every parameter, float64."""
    was = module.training
    module.eval()
    names, parameters = zip(*module.named_parameters(), strict=True)
    images, labels = batch
    try:
        with torch.enable_grad():
            loss = cross_entropy(module(images.to(parameters[0].dtype)), labels)
            slopes = torch.autograd.grad(loss, parameters)
    except (RuntimeError, IndexError, ValueError) as error:
        text = f"The net does not run on a batch of {tuple(images.shape)}: {str(error).splitlines()[0]}"
        raise UsageError(text, "Give images and labels of the data that it was trained on.") from error
    finally:
        module.train(was)
    pairs = zip(names, parameters, slopes, strict=True)
    return {name: (value.detach() * slope).abs().double() for name, value, slope in pairs}
