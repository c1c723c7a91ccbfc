"""The quantizer that PT2E asks where to put fake quantisers: behind every weight and every tensor of an `Int8Net`."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import FakeQuantize, MovingAveragePerChannelMinMaxObserver
from torchao.quantization.pt2e.quantizer import (
    FixedQParamsQuantizationSpec,
    QuantizationAnnotation,
    QuantizationSpec,
    Quantizer,
    SharedQuantizationSpec,
)

from zeroshot.errors import ZeroshotError
from zeroshot.quantization.observers import HIGHEST, LOWEST, QParams
from zeroshot.quantization.to_int8 import MOST
from zeroshot.types import BoolArray

ATEN = torch.ops.aten
WITH_WEIGHTS = (ATEN.conv2d.default, ATEN.linear.default)
POOL = ATEN.adaptive_avg_pool2d.default
ROWS = (*WITH_WEIGHTS, POOL, ATEN.add.Tensor)

# An averaging constant of 1: the scales are those of the weights now, which is what `int8_net` will give them. Not
# the fused quantiser: its scale is the largest magnitude over 127 or 128, by the sign, and 0.4 % wider still, with
# which 13 % of a first layer's outputs differed from the integers, instead of 0.1 %.
WEIGHTS = QuantizationSpec(
    torch.int8,
    FakeQuantize.with_args(
        observer=MovingAveragePerChannelMinMaxObserver.with_args(averaging_constant=1.0)
    ),
    -MOST, MOST, torch.per_channel_symmetric, ch_axis=0,
)  # fmt: skip


class RowQuantizer(Quantizer):  # type: ignore[misc]
    """Annotates the exported graph of a folded net of `zeroshot.build`.

    Args:
        qparams: Of the net's tensors.
        relu: (n_rows,) bool, which rows end in a ReLU.
    """

    def __init__(self, qparams: QParams, relu: BoolArray) -> None:
        super().__init__()
        self.qparams, self.relu = qparams, relu

    def annotate(self, model: GraphModule) -> GraphModule:
        """Mark what is quantised, and how."""
        nodes = list(model.graph.nodes)
        rows = [node for node in nodes if node.target in ROWS]
        if len(rows) != len(self.relu):
            raise ZeroshotError(f"The exported graph has {len(rows)} layers, the net {len(self.relu)}.")
        (image,) = (node for node in nodes if node.op == "placeholder")
        _mark(image, self._tensor(-1))
        for row, node in enumerate(rows):
            last = _last(node)
            if (last is not node) != self.relu[row]:
                raise ZeroshotError(f"Row {row} of the net has another ReLU than the exported graph.")
            weights = {node.args[1]: WEIGHTS} if node.target in WITH_WEIGHTS else {}
            output = SharedQuantizationSpec(node.args[0]) if node.target == POOL else self._tensor(row)
            if last is not node:
                _mark(node, None, weights)
                _mark(last, output)
            else:
                _mark(node, output, weights)
        return model

    def _tensor(self, tensor: int) -> FixedQParamsQuantizationSpec:
        scale, zero = float(self.qparams.scale[tensor + 1]), int(self.qparams.zero[tensor + 1])
        return FixedQParamsQuantizationSpec(torch.int8, scale, zero, LOWEST, HIGHEST, torch.per_tensor_affine)

    def validate(self, model: GraphModule) -> None:
        """Nothing is left to check: `annotate` has counted the rows."""


def _last(node: Node) -> Node:
    """The ReLU that alone reads a node, or the node itself."""
    users = list(node.users)
    return users[0] if len(users) == 1 and users[0].target == ATEN.relu.default else node


def _mark(node: Node, output: Any, weights: Mapping[Node, Any] | None = None) -> None:  # noqa: ANN401 - torchao's
    node.meta["quantization_annotation"] = QuantizationAnnotation(dict(weights or {}), output, _annotated=True)
