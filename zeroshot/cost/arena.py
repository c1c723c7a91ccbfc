"""Peak SRAM of activations from tensor lifetimes: the lower bound, and the plan that TFLM's greedy planner makes.

Tensor t of a net is the output of row t; tensor -1 is the net's input. A tensor lives from the row that writes it to
the last row that reads it (the net's input from row 0, the net's output to the end). int8: one byte an element.
"""

import numba
import numpy as np
import numpy.typing as npt

from zeroshot.errors import UsageError
from zeroshot.net import HEIGHT, IN_CH, OUT_CH, OUT_HEIGHT, OUT_WIDTH, RESIDUAL, SOURCE, WIDTH, LayerTable

Int64Array = npt.NDArray[np.int64]

ALIGNMENT = 16  # bytes, of TFLM's planner and of the generated C
PLANNERS = ("bound", "greedy")


def arena_bytes(table: LayerTable, planner: str) -> Int64Array:
    """Activation memory of each net: (n_nets,) int64 bytes.

    Args:
        table: The nets.
        planner: `bound`, the largest sum of tensors alive at once, which no plan beats and offline planning in
            random order reaches in practice; or `greedy`, what TFLM's GreedyMemoryPlanner allots: tensors by
            descending size (of equal ones the last added first), each at the lowest free offset, all sizes rounded up
            to 16 bytes before.

    Raises:
        UsageError: Unknown planner.
    """
    if planner not in PLANNERS:
        raise UsageError(f"Unknown planner {planner!r}.", f"Known: {', '.join(PLANNERS)}.")
    return np.asarray(_arena_kernel(table.rows, table.ptr, planner == "greedy"))


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
def _bound(size, first, last):  # type: ignore[no-untyped-def]
    peak = np.int64(0)
    for step in range(len(size) - 1):
        live = np.int64(0)
        for t in range(len(size)):
            if first[t] <= step <= last[t]:
                live += size[t]
        peak = max(peak, live)
    return peak


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
def _arena_kernel(rows, ptr, greedy):  # type: ignore[no-untyped-def]
    out = np.empty(len(ptr) - 1, np.int64)
    for i in range(len(out)):
        size, first, last = _tensors(rows[ptr[i] : ptr[i + 1]])
        out[i] = _greedy(size, first, last) if greedy else _bound(size, first, last)
    return out
