"""The two shapes of data that everything passes on: NetSpec and LayerTable.

A `NetSpec` is what a searcher varies. A `LayerTable` is what nets cost: one row a layer, a whole population in
one ragged table, so that compiled kernels run over thousands of nets without touching Python.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from zeroshot.errors import UsageError
from zeroshot.resolution import BITS, MASK, Resolution, of_code, packed, resolution_of, sides, worded
from zeroshot.types import Int32Array

# Block letters of the short spec, in the order of their integer codes.
BLOCKS = ("c", "d", "m", "b")
CONV_BLOCK, SEPARABLE_BLOCK, BOTTLENECK_BLOCK, RESIDUAL_BLOCK = range(4)
BLOCK_NAMES = {
    "c": "plain conv",
    "d": "depthwise-separable",
    "m": "inverted bottleneck",
    "b": "residual basic",
}

# Operator codes of a LayerTable row. Batch norm and ReLU are fused into the operator before them.
OPS = ("conv", "depthwise", "pointwise", "add", "avgpool", "linear")
CONV, DEPTHWISE, POINTWISE, ADD, AVGPOOL, LINEAR = range(6)

COLUMNS = (
    "op", "height", "width", "out_height", "out_width", "in_channels", "out_channels",
    "kernel_h", "kernel_w", "stride", "groups", "source", "residual", "cell",
)  # fmt: skip
(OP, HEIGHT, WIDTH, OUT_HEIGHT, OUT_WIDTH, IN_CH, OUT_CH, KERNEL_H, KERNEL_W, STRIDE, GROUPS, SOURCE, RESIDUAL,
 CELL) = range(len(COLUMNS))  # fmt: skip
INPUT, NO_TENSOR = -1, -2  # values of `source` and `residual` that are not row numbers

# Columns of a spec array (see `spec_array`): five for the net, then six a stage.
NET_FIELDS, STAGE_FIELDS = 5, 6

_STAGE = re.compile(r"([cdmb])(\d+)(?:e(\d+))?w(\d+)x(\d+)(?:/(\d+))?".replace(r"\d+", "[0-9]{1,6}"))
_INPUT = re.compile(r"r([0-9]{1,6})(?:x([0-9]{1,6}))?")
_STEM = re.compile(r"s([0-9]{1,6})(?:/([0-9]))?")
# Sizes above it are typing errors, and would overflow the 32-bit columns of a table.
LARGEST = 4096


@dataclass(frozen=True)
class Stage:
    """A run of equal blocks; only the first has the stride and the change of width.

    Attributes:
        block: `c` plain convolution, `d` depthwise-separable, `m` inverted bottleneck, `b` residual basic block.
        kernel: Side of the kernel (odd): square, but 1 on an axis on which the net's input has one pixel.
        width: Output channels.
        depth: Number of blocks.
        stride: 1 or 2, of the first block.
        expansion: Hidden width over input width, inverted bottlenecks only (1 elsewhere).
    """

    block: str
    kernel: int
    width: int
    depth: int = 1
    stride: int = 1
    expansion: int = 1

    def __post_init__(self) -> None:
        if self.block not in BLOCKS:
            raise UsageError(f"Unknown block {self.block!r}.", f"Known blocks: {', '.join(BLOCKS)}.")
        if self.kernel % 2 == 0 or min(self.kernel, self.width, self.depth, self.expansion) < 1:
            raise UsageError(f"Stage {self} needs an odd kernel and positive width, depth and expansion.")
        if self.stride not in (1, 2):
            raise UsageError(f"Stage {self} has stride {self.stride}; 1 and 2 are supported.")
        if max(self.kernel, self.width, self.depth, self.expansion) > LARGEST:
            raise UsageError(f"Stage {self} has a size over {LARGEST}.")
        if self.expansion != 1 and self.block != "m":
            raise UsageError(f"Block {self.block!r} has no expansion; only m (inverted bottleneck) has.")

    def __str__(self) -> str:
        expansion = f"e{self.expansion}" if self.block == "m" else ""
        stride = f"/{self.stride}" if self.stride > 1 else ""
        return f"{self.block}{self.kernel}{expansion}w{self.width}x{self.depth}{stride}"


@dataclass(frozen=True)
class NetSpec:
    """A net as a searcher sees it; `str()` gives its short spec and `parse` reads it back.

    Attributes:
        resolution: Of the input, pixels: the side of a square, or (height, width). Of a signal (1, samples); along its
            axis of one pixel all kernels and strides are 1.
        stem_width: Channels of the 3x3 stem convolution.
        stem_stride: 1 or 2.
        stages: The body.
        head: Channels of a 1x1 convolution before global average pooling; 0 for none.

    >>> str(NetSpec.parse("r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2"))
    'r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2'
    >>> NetSpec.parse("r49x10-s16-c3w16x1").resolution
    (49, 10)
    """

    resolution: Resolution
    stem_width: int
    stem_stride: int
    stages: tuple[Stage, ...]
    head: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "resolution", resolution_of(*sides(self.resolution)))
        if min(self.height, self.width, self.stem_width) < 1 or self.head < 0 or self.stem_stride not in (1, 2):
            raise UsageError(f"Net {self} needs a positive resolution and stem width, and a stem stride of 1 or 2.")
        if max(self.height, self.width, self.stem_width, self.head) > LARGEST:
            raise UsageError(f"Net {self} has a size over {LARGEST}.")
        if not self.stages:
            raise UsageError("A net needs at least one stage.")

    @property
    def height(self) -> int:
        """Of the input, pixels."""
        return sides(self.resolution)[0]

    @property
    def width(self) -> int:
        """Of the input, pixels."""
        return sides(self.resolution)[1]

    def __str__(self) -> str:
        stride = f"/{self.stem_stride}" if self.stem_stride > 1 else ""
        parts = [f"r{worded(self.resolution)}", f"s{self.stem_width}{stride}", *map(str, self.stages)]
        return "-".join(parts + ([f"h{self.head}"] if self.head else []))

    @classmethod
    def parse(cls, text: str) -> "NetSpec":
        """Read a short spec.

        Raises:
            UsageError: The text is not a spec.
        """
        tokens = text.split("-")
        head = int(tokens.pop()[1:]) if re.fullmatch("h[0-9]{1,6}", tokens[-1]) else 0
        size = _INPUT.fullmatch(tokens[0]) if tokens else None
        stem = _STEM.fullmatch(tokens[1]) if len(tokens) > 2 else None
        stages = [_STAGE.fullmatch(token) for token in tokens[2:]]
        if size is None or stem is None or not all(stages):
            hint = "An example: r32-s16/2-c3w24x2-m3e4w48x2/2-h64; r49x10 is an input of height 49 and width 10."
            raise UsageError(f"{text!r} is not a net spec.", hint)
        body = [Stage(m[1], int(m[2]), int(m[4]), int(m[5]), int(m[6] or 1), int(m[3] or 1)) for m in stages if m]
        return cls((int(size[1]), int(size[2] or size[1])), int(stem[1]), int(stem[2] or 1), tuple(body), head)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one axis under TFLite's SAME rule: the odd one goes to the right or bottom.

    >>> same_padding(32, 3, 2), same_padding(32, 3, 1), same_padding(15, 3, 2)
    ((0, 1), (1, 1), (1, 1))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


@dataclass(frozen=True)
class LayerTable:
    """What a population of nets costs, one row a layer in execution order.

    Attributes:
        rows: (n_rows, 14) int32, columns as in `COLUMNS`. Sizes are of the operator's input and output; the
            stride is that of every axis of more than one pixel;
            `source` and `residual` are row numbers inside the net, `INPUT` (-1) for the net's input or
            `NO_TENSOR` (-2); `cell` numbers the blocks of a net, the stem being 0.
        ptr: (n_nets + 1,) int64, net i owns rows `ptr[i]:ptr[i + 1]`.
    """

    rows: Int32Array
    ptr: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def column(self, name: str) -> Int32Array:
        """One column as a view, (n_rows,) int32."""
        return self.rows[:, COLUMNS.index(name)]

    def net(self, index: int) -> "LayerTable":
        """The table of one net alone (a view)."""
        return LayerTable(
            self.rows[self.ptr[index] : self.ptr[index + 1]], self.ptr[[index, index + 1]] - self.ptr[index]
        )


def spec_array(specs: Sequence[NetSpec]) -> Int32Array:
    """Specs as integers, (n_nets, 5 + 6 * most stages) int32, unused stages 0: the input of `layer_table`.

    The columns are resolution (see `zeroshot.resolution.packed`), stem width, stem stride, number of stages, head
    width; then for each stage block code, kernel, expansion, width, depth, stride.
    """
    stages = max((len(spec.stages) for spec in specs), default=0)
    out = np.zeros((len(specs), NET_FIELDS + STAGE_FIELDS * stages), np.int32)
    for row, spec in zip(out, specs, strict=True):
        row[:NET_FIELDS] = packed(spec.resolution), spec.stem_width, spec.stem_stride, len(spec.stages), spec.head
        for i, s in enumerate(spec.stages):
            start = NET_FIELDS + STAGE_FIELDS * i
            row[start : start + STAGE_FIELDS] = (
                BLOCKS.index(s.block),
                s.kernel,
                s.expansion,
                s.width,
                s.depth,
                s.stride,
            )
    return out


def spec_of(row: Int32Array) -> NetSpec:
    """The NetSpec of one row of a spec array."""
    stages = []
    for i in range(int(row[3])):
        block, kernel, expansion, width, depth, stride = map(int, row[NET_FIELDS + STAGE_FIELDS * i :][:STAGE_FIELDS])
        stages.append(Stage(BLOCKS[block], kernel, width, depth, stride, expansion))
    return NetSpec(of_code(int(row[0])), int(row[1]), int(row[2]), tuple(stages), int(row[4]))


def layer_table(values: Int32Array, channels: int, classes: int) -> LayerTable:
    """Lay out every net of a population as rows of layers.

    Args:
        values: (n_nets, 5 + 6 * stages) int32, as `spec_array` gives.
        channels: Channels of the input image.
        classes: Number of classes, the outputs of the last layer.

    Raises:
        UsageError: The array has the wrong shape, or channels or classes are not positive.
    """
    values = np.ascontiguousarray(values, np.int32)
    if values.ndim != 2 or (values.shape[1] - NET_FIELDS) % STAGE_FIELDS:
        raise UsageError(f"A spec array has 5 + 6 * stages columns; this one has shape {values.shape}.")
    if len(values) and (values[:, 3].min() < 1 or values[:, 3].max() > (values.shape[1] - NET_FIELDS) // STAGE_FIELDS):
        raise UsageError("The fourth column of a spec array is the number of stages; it does not match the columns.")
    if channels < 1 or classes < 1:
        raise UsageError(f"Channels and classes must be positive, not {channels} and {classes}.")
    ptr = _count_kernel(values)
    return LayerTable(_fill_kernel(values, ptr, channels, classes), ptr)


@numba.njit(cache=True)
def _count_kernel(values):  # type: ignore[no-untyped-def]
    ptr = np.zeros(values.shape[0] + 1, np.int64)
    for i in range(values.shape[0]):
        rows = 3 + (1 if values[i, 4] > 0 else 0)  # stem, pool, linear, head
        channels = values[i, 1]
        for s in range(values[i, 3]):
            block, _, expansion, width, depth, stride = values[i, NET_FIELDS + STAGE_FIELDS * s :][:STAGE_FIELDS]
            for d in range(depth):
                same = channels == width and (stride == 1 or d > 0)
                if block == CONV_BLOCK:
                    rows += 1
                elif block == SEPARABLE_BLOCK:
                    rows += 2
                elif block == BOTTLENECK_BLOCK:
                    rows += 2 + (1 if expansion > 1 else 0) + (1 if same else 0)
                else:
                    rows += 3 + (0 if same else 1)
                channels = width
        ptr[i + 1] = ptr[i] + rows
    return ptr


@numba.njit(cache=True, inline="always")
def strided(size, stride):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Height and width of a map behind a stride."""
    return (size[0] + stride - 1) // stride, (size[1] + stride - 1) // stride


@numba.njit(cache=True, inline="always")
def put_row(out, row, layer) -> None:  # type: ignore[no-untyped-def]
    """Write one layer with a square kernel; its tuple says what, in the order unpacked here; a size has two axes."""
    op, size, c_in, c_out, kernel, stride, groups, source, residual, cell = layer
    out[row, OP] = op
    out[row, HEIGHT], out[row, WIDTH] = size
    out[row, OUT_HEIGHT], out[row, OUT_WIDTH] = strided(size, stride)
    out[row, IN_CH] = c_in
    out[row, OUT_CH] = c_out
    out[row, KERNEL_H] = kernel
    out[row, KERNEL_W] = kernel
    out[row, STRIDE] = stride
    out[row, GROUPS] = groups
    out[row, SOURCE] = source
    out[row, RESIDUAL] = residual
    out[row, CELL] = cell


@numba.njit(cache=True)
def _fill_kernel(values, ptr, image_channels, classes):  # type: ignore[no-untyped-def]
    table = np.empty((ptr[-1], len(COLUMNS)), np.int32)
    for i in range(values.shape[0]):
        out = table[ptr[i] : ptr[i + 1]]
        in_width = values[i, 0] & MASK
        in_height = values[i, 0] >> BITS if values[i, 0] > MASK else in_width
        size = (in_height, in_width)
        channels = values[i, 1]
        put_row(out, 0, (CONV, size, image_channels, channels, 3, values[i, 2], 1, INPUT, NO_TENSOR, 0))
        size = strided(size, values[i, 2])
        row = 1
        cell = 0
        for s in range(values[i, 3]):
            block, k, expansion, width, depth, stage_stride = values[i, NET_FIELDS + STAGE_FIELDS * s :][:STAGE_FIELDS]
            square = POINTWISE if k == 1 else CONV
            for d in range(depth):
                stride = stage_stride if d == 0 else 1
                after = strided(size, stride)
                same = channels == width and stride == 1
                entry = row - 1
                cell += 1
                if block == CONV_BLOCK:
                    put_row(out, row, (square, size, channels, width, k, stride, 1, entry, NO_TENSOR, cell))
                    row += 1
                elif block == SEPARABLE_BLOCK:
                    put_row(
                        out, row, (DEPTHWISE, size, channels, channels, k, stride, channels, entry, NO_TENSOR, cell)
                    )
                    put_row(out, row + 1, (POINTWISE, after, channels, width, 1, 1, 1, row, NO_TENSOR, cell))
                    row += 2
                elif block == BOTTLENECK_BLOCK:
                    hidden = channels * expansion
                    if expansion > 1:
                        put_row(out, row, (POINTWISE, size, channels, hidden, 1, 1, 1, entry, NO_TENSOR, cell))
                        row += 1
                    put_row(out, row, (DEPTHWISE, size, hidden, hidden, k, stride, hidden, row - 1, NO_TENSOR, cell))
                    put_row(out, row + 1, (POINTWISE, after, hidden, width, 1, 1, 1, row, NO_TENSOR, cell))
                    row += 2
                    if same:
                        put_row(out, row, (ADD, after, width, width, 1, 1, 1, row - 1, entry, cell))
                        row += 1
                else:
                    put_row(out, row, (square, size, channels, width, k, stride, 1, entry, NO_TENSOR, cell))
                    put_row(out, row + 1, (square, after, width, width, k, 1, 1, row, NO_TENSOR, cell))
                    row += 2
                    body = row - 1
                    skip = entry
                    if not same:
                        put_row(out, row, (POINTWISE, size, channels, width, 1, stride, 1, entry, NO_TENSOR, cell))
                        skip = row
                        row += 1
                    put_row(out, row, (ADD, after, width, width, 1, 1, 1, body, skip, cell))
                    row += 1
                channels = width
                size = after
        cell += 1
        head = values[i, 4]
        if head > 0:
            put_row(out, row, (POINTWISE, size, channels, head, 1, 1, 1, row - 1, NO_TENSOR, cell))
            channels = head
            row += 1
        put_row(out, row, (AVGPOOL, size, channels, channels, 1, 1, 1, row - 1, NO_TENSOR, cell))
        out[row, KERNEL_H], out[row, KERNEL_W] = size
        out[row, OUT_HEIGHT] = 1
        out[row, OUT_WIDTH] = 1
        put_row(out, row + 1, (LINEAR, (1, 1), channels, classes, 1, 1, 1, row, NO_TENSOR, cell))
        if in_height == 1 and in_width > 1:
            out[:, KERNEL_H] = 1
        elif in_width == 1 and in_height > 1:
            out[:, KERNEL_W] = 1
    return table
