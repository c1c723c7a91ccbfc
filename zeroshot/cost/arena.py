"""Peak SRAM of activations from tensor lifetimes: the lower bound, and the plan that TFLM's greedy planner makes.

Tensor t of a net is the output of row t; tensor -1 is the net's input. A tensor lives from the row that writes it to
the last row that reads it (the net's input from row 0, the net's output to the end). int8: one byte an element.
"""

import numba
import numpy as np

from zeroshot.errors import UsageError
from zeroshot.net import (
    ADD,
    AVGPOOL,
    DEPTHWISE,
    HEIGHT,
    IN_CH,
    KERNEL_H,
    KERNEL_W,
    NO_TENSOR,
    OP,
    OUT_CH,
    OUT_HEIGHT,
    OUT_WIDTH,
    RESIDUAL,
    SOURCE,
    STRIDE,
    WIDTH,
    LayerTable,
)
from zeroshot.types import Int32Array, Int64Array

ALIGNMENT = 16  # bytes, of TFLM's planner
PLANNERS = ("bound", "greedy", "in-place")


def arena_bytes(table: LayerTable, planner: str, *, keep_input: bool = False) -> Int64Array:
    """Activation memory of each net: (n_nets,) int64 bytes.

    Args:
        table: The nets.
        planner: `bound`, the largest sum of tensors alive at once, which no plan beats and offline planning in
            random order reaches in practice; or `greedy`, what TFLM's GreedyMemoryPlanner allots: tensors by
            descending size (of equal ones the last added first), each at the lowest free offset, all sizes rounded up
            to 16 bytes before; or `in-place`, the bound for the generated C, whose depthwise layers and additions
            write over their input where nobody reads it later, and whose layers have scratch memory.
        keep_input: Whether the net's input stays until the end, for another net that reads it next.

    Raises:
        UsageError: Unknown planner.
    """
    return np.asarray(both_arenas(table, planner)[int(keep_input)])


def both_arenas(table: LayerTable, planner: str) -> Int64Array:
    """What `arena_bytes` is without and with `keep_input`: (2, n_nets) int64 bytes.

    Raises:
        UsageError: Unknown planner.
    """
    if planner not in PLANNERS:
        raise UsageError(f"Unknown planner {planner!r}.", f"Known: {', '.join(PLANNERS)}.")
    return np.asarray(_arena_kernel(table.rows, table.ptr, PLANNERS.index(planner)))


def scratch_bytes(table: LayerTable) -> Int64Array:
    """What each layer of the generated C uses while it runs, beside its tensors: (n_rows,) int64 bytes.

    Convolutions copy the patches of four pixels as 16-bit values, a depthwise layer the rows under one output row of
    four channels.
    """
    return _scratch_kernel(table.rows)  # type: ignore[no-any-return]


def in_place(table: LayerTable) -> Int32Array:
    """Which tensor each row of one net writes over: (n_rows,) int32, `NO_TENSOR` for none.

    The generated C does so for depthwise layers and additions whose operand nobody reads later and which is not the
    net's input.
    """
    return _in_place(table.rows, _tensors(table.rows)[2])  # type: ignore[no-any-return]


def lifetimes(table: LayerTable) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Bytes, first and last row of each tensor of one net: three (n_rows + 1,) int64, index t + 1 for tensor t."""
    return _tensors(table.rows)  # type: ignore[no-any-return]


@numba.njit(cache=True)
def _tensors(rows):  # type: ignore[no-untyped-def]
    """Sizes, first and last rows of all tensors; index t + 1 for tensor t."""
    n = rows.shape[0]
    size = np.empty(n + 1, np.int64)
    first = np.empty(n + 1, np.int64)
    last = np.zeros(n + 1, np.int64)
    size[0] = np.int64(rows[0, HEIGHT]) * rows[0, WIDTH] * rows[0, IN_CH]
    first[0] = 0
    for r in range(n):
        size[r + 1] = np.int64(rows[r, OUT_HEIGHT]) * rows[r, OUT_WIDTH] * rows[r, OUT_CH]
        first[r + 1] = r
        last[r + 1] = max(last[r + 1], r)
        if rows[r, SOURCE] >= -1:
            last[rows[r, SOURCE] + 1] = r
        if rows[r, RESIDUAL] >= -1:
            last[rows[r, RESIDUAL] + 1] = r
    return size, first, last


@numba.njit(cache=True)
def _in_place(rows, last):  # type: ignore[no-untyped-def]
    out = np.full(rows.shape[0], NO_TENSOR, np.int32)
    for r in range(rows.shape[0]):
        if rows[r, OP] == DEPTHWISE or rows[r, OP] == ADD:
            if rows[r, SOURCE] >= 0 and last[rows[r, SOURCE] + 1] == r:
                out[r] = rows[r, SOURCE]
            elif rows[r, RESIDUAL] >= 0 and last[rows[r, RESIDUAL] + 1] == r:
                out[r] = rows[r, RESIDUAL]
    return out


@numba.njit(cache=True)
def _scratch_kernel(rows):  # type: ignore[no-untyped-def]
    out = np.zeros(rows.shape[0], np.int64)
    for r in range(rows.shape[0]):
        op, high, wide, stride = rows[r, OP], np.int64(rows[r, KERNEL_H]), np.int64(rows[r, KERNEL_W]), rows[r, STRIDE]
        if op == DEPTHWISE:
            columns = (rows[r, OUT_WIDTH] - 1) * stride + wide
            out[r] = 8 * (high * wide + columns * high + (rows[r, OUT_HEIGHT] - 1) * stride)
        elif op != ADD and op != AVGPOOL:
            out[r] = 8 * ((high * wide * rows[r, IN_CH] + 3) // 4 * 4)
    return out


@numba.njit(cache=True)
def _bound(size, last, extra):  # type: ignore[no-untyped-def]
    """The largest sum of tensors alive at once; the second one's input stays until the end."""
    freed = np.zeros(len(size), np.int64)
    for t in range(len(size)):
        freed[last[t]] += size[t]
    live, peak, kept = size[0], np.int64(0), np.int64(0)
    for row in range(len(size) - 1):
        live += size[row + 1]
        peak = max(peak, live + extra[row])
        kept = max(kept, live + extra[row] + (size[0] if row > last[0] else 0))
        live -= freed[row]
    return peak, kept


@numba.njit(cache=True)
def _beside(rows, size, last):  # type: ignore[no-untyped-def]
    """What each row of the generated C needs beside its tensors: scratch, minus what it writes in place."""
    out = _scratch_kernel(rows)
    shared = _in_place(rows, last)
    for r in range(rows.shape[0]):
        if shared[r] >= 0:
            out[r] -= min(size[r + 1], size[shared[r] + 1])
    return out


@numba.njit(cache=True)
def _greedy(size, first, last):  # type: ignore[no-untyped-def]
    n = len(size)
    size = (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    order = np.empty(n, np.int64)
    for t in range(n):  # insertion sort: descending size, of equal ones the last added first
        at = t
        while at > 0 and size[order[at - 1]] <= size[t]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = t
    start = np.empty(n, np.int64)
    by_start = np.empty(n, np.int64)  # the placed tensors, by ascending offset
    peak = np.int64(0)
    for placed in range(n):
        t = order[placed]
        offset = np.int64(0)
        for other in by_start[:placed]:
            if first[other] <= last[t] and first[t] <= last[other]:
                if start[other] - offset >= size[t]:
                    break
                offset = max(offset, start[other] + size[other])
        start[t] = offset
        k = placed
        while k > 0 and start[by_start[k - 1]] > offset:
            by_start[k] = by_start[k - 1]
            k -= 1
        by_start[k] = t
        peak = max(peak, offset + size[t])
    return peak


@numba.njit(cache=True)
def _arena_kernel(rows, ptr, planner):  # type: ignore[no-untyped-def]
    out = np.empty((2, len(ptr) - 1), np.int64)
    for i in range(out.shape[1]):
        net = rows[ptr[i] : ptr[i + 1]]
        size, first, last = _tensors(net)
        if planner == 1:
            out[0, i] = _greedy(size, first, last)
            last[0] = len(net) - 1
            out[1, i] = _greedy(size, first, last)
        else:
            extra = _beside(net, size, last) if planner == 2 else np.zeros(len(net), np.int64)
            out[0, i], out[1, i] = _bound(size, last, extra)
    return out
