"""Cross-layer equalisation: scale a channel down where it is made and up where it is read; the net stays the same.

A ReLU is positively homogeneous, relu(s x) = s relu(x) for s > 0, and pooling is linear, so the factor passes both
(Nagel et al., arXiv 1906.04721). With one weight scale an output channel, as here, weights do not need it where they
are made: what it evens out are the channels of a tensor, which share one scale. The price is paid where they are
read, by weights that share a scale over input channels; a depthwise layer's do not, so before one the channels are
made all alike, elsewhere both sides share the burden (as in Xiao et al., arXiv 2211.10438, alpha 1/2).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from zeroshot.build import layers
from zeroshot.net import ADD, AVGPOOL, DEPTHWISE, LayerTable
from zeroshot.types import FloatArray

WIDEST = 64.0  # factors are kept within 1 / 64 to 64 times their geometric mean


def readers(table: LayerTable) -> list[tuple[int, int]]:
    """Pairs of rows between which a factor may pass: all of the first one's output is read by the second alone.

    Rows with weights; a pooling between the two is passed over.
    """
    op = table.column("op")
    read_by: list[list[int]] = [[] for _ in op]
    for name in ("source", "residual"):
        for row, tensor in enumerate(table.column(name).tolist()):
            if tensor >= 0:
                read_by[tensor].append(row)

    def only(row: int) -> int | None:
        (reader,) = read_by[row] if len(read_by[row]) == 1 else (None,)
        return only(reader) if reader is not None and op[reader] == AVGPOOL else reader

    weighted = [row for row in range(len(op)) if op[row] not in (ADD, AVGPOOL)]
    pairs = [(row, only(row)) for row in weighted]
    return [(row, reader) for row, reader in pairs if reader is not None and op[reader] != ADD]


def equalise(net: nn.Module, table: LayerTable, peaks: Sequence[FloatArray]) -> None:
    """Even out the channels of all tensors that allow it.

    Args:
        net: Folded, changed in place.
        table: Of the net.
        peaks: Of `Observed`, index t + 1 is tensor t.
    """
    parts, op = layers(net), table.column("op")
    with torch.no_grad():
        for row, reader in readers(table):
            first, second = parts[row], parts[reader]
            depthwise = op[reader] == DEPTHWISE
            weights = second.get_parameter("weight").abs().transpose(0, 1).flatten(1).amax(1).double().numpy()
            factor = factors(peaks[row + 1], None if depthwise else weights)
            scale_channels(first, second, torch.from_numpy(factor), depthwise=depthwise)


def factors(peaks: FloatArray, weights: FloatArray | None) -> FloatArray:
    """By how much each channel is divided where it is made, (channels,) float64.

    Args:
        peaks: (channels,), largest magnitudes of the channels.
        weights: (channels,), largest magnitudes of the weights that read them; None where these need no care.

    Returns:
        `peaks`, or sqrt(peaks / weights), over their geometric mean; 1 for channels that are always 0 or never read.
    """
    alive = (peaks > 0) if weights is None else (peaks > 0) & (weights > 0)
    out = np.ones_like(peaks)
    if alive.any():
        logs = np.log(peaks[alive]) if weights is None else (np.log(peaks[alive]) - np.log(weights[alive])) / 2
        limit = np.log(WIDEST)
        out[alive] = np.exp(np.clip(logs - logs.mean(), -limit, limit))
    return out


def scale_channels(first: nn.Module, second: nn.Module, factor: torch.Tensor, *, depthwise: bool) -> None:
    """Divide the outputs of one layer by factors, and multiply the weights that read them, in place."""
    made, read, bias = first.get_parameter("weight"), second.get_parameter("weight"), first.get_parameter("bias")
    f = factor.to(made.dtype)
    made.div_(_along(f, made, 0))
    bias.div_(f)
    read.mul_(_along(f, read, 0 if depthwise else 1))


def _along(factor: torch.Tensor, weight: torch.Tensor, axis: int) -> torch.Tensor:
    shape = [1] * weight.ndim
    shape[axis] = -1
    return factor.reshape(shape)
