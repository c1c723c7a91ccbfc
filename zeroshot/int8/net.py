"""An int8 net: the integers and scales that a device computes with, and nothing else.

Tensor t is the output of row t of the LayerTable, tensor -1 (`INPUT`) the net's input, as in `zeroshot.cost.arena`;
arrays over tensors have one element more than there are rows, index t + 1 for tensor t.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from zeroshot.errors import UsageError
from zeroshot.net import ADD, AVGPOOL, OPS, LayerTable, NetSpec, layer_table, spec_array
from zeroshot.types import BoolArray, Float32Array, Int8Array, Int32Array


@dataclass(frozen=True, eq=False)
class Int8Net:
    """A quantised net as TFLite defines it: real value = scale x (integer - zero point).

    Weights are symmetric int8 (zero point 0, -127 to 127) with one scale an output channel; activations are
    asymmetric int8 with one scale a tensor; biases are int32 with scale = input scale x weight scale. Batch norm is
    folded into the weights. Padding (SAME) is filled with the input's zero point.

    Attributes:
        spec: The net; its geometry is `table`.
        channels: Of the input image.
        classes: Outputs of the last layer.
        scale: (n_rows + 1,) float32, of the tensors. A pooling's output has its input's.
        zero: (n_rows + 1,) int32 in [-128, 127], zero points of the tensors; a pooling's output has its input's.
        relu: (n_rows,) bool, whether the row ends in a ReLU: its output is clamped to its zero point from below.
        weights: One a row: (out, kernel_h, kernel_w, in / groups) int8, None for additions and poolings. A depthwise
            layer's is (channels, kernel_h, kernel_w, 1), a fully connected layer's (classes, 1, 1, in).
        weight_scale: One a row: (out,) float32, or None.
        bias: One a row: (out,) int32, or None.
    """

    spec: NetSpec
    channels: int
    classes: int
    scale: Float32Array = field(repr=False)
    zero: Int32Array = field(repr=False)
    relu: BoolArray = field(repr=False)
    weights: tuple[Int8Array | None, ...] = field(repr=False)
    weight_scale: tuple[Float32Array | None, ...] = field(repr=False)
    bias: tuple[Int32Array | None, ...] = field(repr=False)

    @cached_property
    def table(self) -> LayerTable:
        """The layers: one net's LayerTable, rows in the order of the arrays here."""
        return layer_table(spec_array([self.spec]), self.channels, self.classes)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the input image."""
        return self.spec.height, self.spec.width, self.channels

    def __post_init__(self) -> None:
        table = self.table
        op, n = table.column("op"), len(table.rows)
        if (self.scale.shape, self.zero.shape, self.relu.shape) != ((n + 1,), (n + 1,), (n,)) or {
            len(self.weights), len(self.weight_scale), len(self.bias)
        } != {n}:  # fmt: skip
            raise UsageError(f"The arrays of an int8 net of {n} layers do not fit its layers.")
        if not (np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise UsageError("Scales of an int8 net must be positive and finite.")
        if self.zero.min() < -128 or self.zero.max() > 127:
            raise UsageError("Zero points of an int8 net must be from -128 to 127.")
        for row in range(n):
            self._check_row(row, table, has_weights=op[row] not in (ADD, AVGPOOL))

    def _check_row(self, row: int, table: LayerTable, *, has_weights: bool) -> None:
        kernel, scale, bias = self.weights[row], self.weight_scale[row], self.bias[row]
        name = f"row {row} ({OPS[table.column('op')[row]]})"
        if not has_weights:
            if not (kernel is None and scale is None and bias is None):
                raise UsageError(f"{name} of an int8 net has no weights, but some were given.")
            return
        out, groups = int(table.column("out_channels")[row]), int(table.column("groups")[row])
        shape = (
            out, int(table.column("kernel_h")[row]), int(table.column("kernel_w")[row]),
            int(table.column("in_channels")[row]) // groups,
        )  # fmt: skip
        if kernel is None or scale is None or bias is None:
            raise UsageError(f"{name} of an int8 net lacks weights, scales or biases.")
        if (kernel.shape, scale.shape, bias.shape) != (shape, (out,), (out,)):
            raise UsageError(f"{name} of an int8 net needs weights {shape}, not {kernel.shape}.")
        types = [str(each.dtype) for each in (kernel, scale, bias)]
        if types != ["int8", "float32", "int32"] or kernel.min() < -127:
            raise UsageError(
                f"{name} of an int8 net needs int8 weights from -127 to 127, float32 scales, int32 biases."
            )
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise UsageError(f"{name} of an int8 net has a weight scale that is not positive and finite.")
