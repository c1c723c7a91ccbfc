"""A folded float net and the quantisation parameters of its tensors -> the int8 net."""

from dataclasses import dataclass

import numpy as np
from torch import nn

from zeroshot.build import layers
from zeroshot.int8.net import Int8Net
from zeroshot.net import ADD, AVGPOOL, NetSpec, layer_table, spec_array
from zeroshot.quantization.fold import relus
from zeroshot.quantization.observers import QParams
from zeroshot.types import Float32Array, Int8Array, Int32Array

MOST = 127  # largest magnitude of a weight
LARGEST_BIAS = 2**30  # leaves half of a 32-bit accumulator to the products


@dataclass(frozen=True, eq=False)
class Layer:
    """One row's integers and scales, as `Int8Net` has them."""

    weights: Int8Array | None = None
    scale: Float32Array | None = None
    bias: Int32Array | None = None


def int8_net(net: nn.Module, spec: NetSpec, channels: int, classes: int, qparams: QParams) -> Int8Net:
    """Quantise the weights of a folded net.

    Args:
        net: Folded.
        spec: Its spec.
        channels: Of the input image.
        classes: Outputs of the last layer.
        qparams: Of its tensors.
    """
    table = layer_table(spec_array([spec]), channels, classes)
    op, source = table.column("op"), table.column("source")
    rows = [
        Layer() if op[row] in (ADD, AVGPOOL) else layer(module, float(qparams.scale[int(source[row]) + 1]))
        for row, module in enumerate(layers(net))
    ]
    return Int8Net(
        spec=spec, channels=channels, classes=classes, scale=qparams.scale, zero=qparams.zero, relu=relus(net),
        weights=tuple(row.weights for row in rows), weight_scale=tuple(row.scale for row in rows),
        bias=tuple(row.bias for row in rows),
    )  # fmt: skip


def layer(module: nn.Module, input_scale: float) -> Layer:
    """Weights as symmetric int8, one scale an output channel, and biases in steps of input scale x weight scale.

    The scale is the largest magnitude over 127; where the weights are so small beside the bias that the bias would
    not fit into an accumulator, it is larger, which costs nothing that the output could show.
    """
    weight = np.asarray(module.get_parameter("weight").detach().numpy(), np.float64)
    bias = np.asarray(module.get_parameter("bias").detach().numpy(), np.float64)
    kernel = weight.transpose(0, 2, 3, 1) if weight.ndim == 4 else weight[:, None, None, :]
    least = np.maximum(
        np.abs(weight).reshape(len(weight), -1).max(axis=1) / MOST, np.abs(bias) / input_scale / LARGEST_BIAS
    )
    scale = np.where(least > np.finfo(np.float32).tiny, least, 1.0).astype(np.float32)  # 1: a channel of nothing but 0
    exact = scale.astype(np.float64)
    whole = np.clip(np.rint(kernel / exact[:, None, None, None]), -MOST, MOST).astype(np.int8)
    return Layer(np.ascontiguousarray(whole), scale, np.rint(bias / (input_scale * exact)).astype(np.int32))
