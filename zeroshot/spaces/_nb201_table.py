"""Costs of NAS-Bench-201's networks: the published counts in closed form, and LayerTables."""

import numba
import numpy as np
import numpy.typing as npt

from zeroshot.errors import UsageError
from zeroshot.net import (  # fmt: skip
    ADD,
    AVGPOOL,
    COLUMNS,
    CONV,
    INPUT,
    LINEAR,
    NO_TENSOR,
    OP,
    OUT_HEIGHT,
    OUT_WIDTH,
    POINTWISE,
    LayerTable,
    put_row,
)
from zeroshot.spaces._nb201_cells import CELLS, CONV1X1, CONV3X3, EDGES, NONE, SKIP, WIDTHS, check
from zeroshot.types import Int32Array, Int64Array

SIDE = 32  # pixels, of CIFAR's images
_MAX_ROWS = 4 + 2 * 5 + len(WIDTHS) * CELLS * 9  # a cell has at most 6 operations and 3 additions
_EDGES = np.array(EDGES)
_WIDTHS = np.array(WIDTHS)


def params(cells: npt.ArrayLike, classes: int = 10) -> Int64Array:
    """Trainable parameters of the networks, as published (there in units of a million): (n, 6) digits -> (n,) int64.

    Every convolution's weights, two for each channel of a batch norm, and the classifier's weights and biases; dead
    operations included.

    >>> params([[4, 2, 1, 2, 1, 1]]).tolist()
    [129306]
    """
    conv1, conv3 = _convolutions(cells)
    total = np.full(len(conv1), 27 * WIDTHS[0] + 2 * WIDTHS[0] + 2 * WIDTHS[-1] + (WIDTHS[-1] + 1) * classes)
    for before, width in zip(WIDTHS, WIDTHS[1:], strict=False):
        total += (9 * before + 9 * width + before) * width + 4 * width  # two 3x3 with batch norm, 1x1 without
    for width in WIDTHS:
        total += CELLS * (conv1 * (width + 2) + conv3 * (9 * width + 2)) * width
    return total


def flops(cells: npt.ArrayLike, classes: int = 10, side: int = SIDE) -> Int64Array:
    """What the benchmark publishes as FLOPs (there in units of a million): (n, 6) digits -> (n,) int64.

    The multiply-accumulates of the convolutions and of the classifier, plus one for each of the classifier's
    biases; one MAC counts one, dead operations count, and batch norm, ReLU, pooling and additions do not. So they
    are the MACs of `layer_table` plus `classes`.

    >>> flops([[4, 2, 1, 2, 1, 1]]).tolist()
    [15647370]
    """
    _check_images(classes, side)
    conv1, conv3 = _convolutions(cells)
    total = np.full(len(conv1), 27 * WIDTHS[0] * side**2 + (WIDTHS[-1] + 1) * classes)
    for stage, width in enumerate(WIDTHS):
        pixels = (side >> stage) ** 2
        total += pixels * CELLS * (conv1 + 9 * conv3) * width**2
        if stage:
            before = WIDTHS[stage - 1]
            total += pixels * (9 * before + 9 * width + before) * width
    return total


def layer_table(cells: npt.ArrayLike, classes: int = 10, side: int = SIDE) -> LayerTable:
    """The networks as rows of layers, dead operations included: what `network` executes, in its order.

    For what a deployed network costs, lay out `live(cells)`. A zero tensor (`none`) has no row; an operation on one
    has `NO_TENSOR` as its source. Pooling 3x3 is an `avgpool` row with that kernel. The batch norm before the
    classifier is folded into a convolution if the last cell's output is one's alone; else it is an `add` row with
    one operand, an element-wise pass without MACs or weights. `counts.params` of these tables is 64 more than
    `params`: it gives the two shortcuts a batch norm that they do not have (192), and that pass none (-128).

    Args:
        cells: (n, 6) digits. About 6 KiB of table each, so lay out all 15,625 in chunks where memory is short.
        classes: Outputs of the classifier.
        side: Pixels of the square image's side, a multiple of 4.

    Raises:
        UsageError: Not cells, less than one class, or another side.
    """
    values = check(cells)
    _check_images(classes, side)
    ptr = _fill_kernel(values, np.empty((0, len(COLUMNS)), np.int32), classes, side)
    rows: Int32Array = np.empty((ptr[-1], len(COLUMNS)), np.int32)
    _fill_kernel(values, rows, classes, side)
    return LayerTable(rows, ptr)


def _convolutions(cells: npt.ArrayLike) -> tuple[Int64Array, Int64Array]:
    values = check(cells)
    return (values == CONV1X1).sum(1, dtype=np.int64), (values == CONV3X3).sum(1, dtype=np.int64)


def _check_images(classes: int, side: int) -> None:
    if classes < 1 or side < 4 or side % 4:
        raise UsageError(f"NAS-Bench-201 needs a class and a side that 4 divides, not {classes} and {side}.")


@numba.njit(cache=True)
def _fill_kernel(cells, rows, classes, side):  # type: ignore[no-untyped-def]
    """Lay out every net; returns its first rows. With an empty `rows` it only counts them."""
    ptr = np.zeros(len(cells) + 1, np.int64)
    out = np.empty((_MAX_ROWS, rows.shape[1]), np.int32)
    for i in range(len(cells)):
        n = _net(cells[i], out, classes, side)
        ptr[i + 1] = ptr[i] + n
        if len(rows):
            rows[ptr[i] : ptr[i + 1]] = out[:n]
    return ptr


@numba.njit(cache=True)
def _net(digits, out, classes, side):  # type: ignore[no-untyped-def]
    reads = np.zeros(_MAX_ROWS, np.int64)  # how many rows read each row's tensor
    put_row(out, 0, (CONV, (side, side), 3, _WIDTHS[0], 3, 1, 1, INPUT, NO_TENSOR, 0))
    row = 1
    tensor = 0
    cell = 0
    for stage in range(len(_WIDTHS)):
        width = _WIDTHS[stage]
        if stage > 0:
            cell += 1
            before = _WIDTHS[stage - 1]
            put_row(out, row, (CONV, (side, side), before, width, 3, 2, 1, tensor, NO_TENSOR, cell))
            put_row(out, row + 2, (AVGPOOL, (side, side), before, before, 2, 2, 1, tensor, NO_TENSOR, cell))
            side //= 2
            put_row(out, row + 1, (CONV, (side, side), width, width, 3, 1, 1, row, NO_TENSOR, cell))
            put_row(out, row + 3, (POINTWISE, (side, side), before, width, 1, 1, 1, row + 2, NO_TENSOR, cell))
            put_row(out, row + 4, (ADD, (side, side), width, width, 1, 1, 1, row + 1, row + 3, cell))
            tensor = row + 4
            row += 5
        for _ in range(CELLS):
            cell += 1
            row, tensor = _cell(digits, out, reads, row, tensor, side, width, cell)
    last = _WIDTHS[-1]
    cell += 1
    # Batch norm folds into a convolution that nothing else reads; into a sum, a pooling or zeros it does not.
    folds = tensor >= 0 and reads[tensor] == 0 and (out[tensor, OP] == CONV or out[tensor, OP] == POINTWISE)
    if not folds:
        put_row(out, row, (ADD, (side, side), last, last, 1, 1, 1, tensor, NO_TENSOR, cell))
        tensor = row
        row += 1
    put_row(out, row, (AVGPOOL, (side, side), last, last, side, 1, 1, tensor, NO_TENSOR, cell))
    out[row, OUT_HEIGHT] = 1
    out[row, OUT_WIDTH] = 1
    put_row(out, row + 1, (LINEAR, (1, 1), last, classes, 1, 1, 1, row, NO_TENSOR, cell))
    return row + 2


@numba.njit(cache=True)
def _cell(digits, out, reads, row, entry, side, width, cell):  # type: ignore[no-untyped-def]
    """Rows of one cell; returns the next free row and the tensor that is its output (NO_TENSOR for zeros)."""
    nodes = np.full(4, NO_TENSOR)
    nodes[0] = entry
    for edge in range(len(_EDGES)):
        code = digits[edge]
        value = nodes[_EDGES[edge, 0]]
        end = _EDGES[edge, 1]
        if code == NONE or (code == SKIP and value == NO_TENSOR):
            continue
        if code != SKIP:
            if value >= 0:
                reads[value] += 1
            op = CONV if code == CONV3X3 else POINTWISE if code == CONV1X1 else AVGPOOL
            put_row(
                out, row, (op, (side, side), width, width, 1 if code == CONV1X1 else 3, 1, 1, value, NO_TENSOR, cell)
            )
            value = row
            row += 1
        if nodes[end] == NO_TENSOR:
            nodes[end] = value
        else:
            reads[nodes[end]] += 1
            reads[value] += 1
            put_row(out, row, (ADD, (side, side), width, width, 1, 1, 1, nodes[end], value, cell))
            nodes[end] = row
            row += 1
    return row, nodes[3]
