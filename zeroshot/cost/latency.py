"""Latency and energy of nets on a board: instructions an operator class times cycles an instruction.

The instruction model is linear in what a kernel does: multiply-accumulates, output elements, the copying of patches,
and what depthwise kernels do once for a row, a weight or an input value. `engines.toml` holds the coefficients with
their sources, `benchmarks/cost_model.py` and `benchmarks/instruction_model.py` the evidence. A latency is for one
inference, without reading sensors or preparing the image.
"""

from typing import TypeVar

import numba
import numpy as np

from zeroshot.cost.boards import Board
from zeroshot.cost.engines import CLASSES, Engine
from zeroshot.errors import UsageError
from zeroshot.net import (
    ADD,
    AVGPOOL,
    CONV,
    DEPTHWISE,
    GROUPS,
    HEIGHT,
    IN_CH,
    KERNEL_H,
    KERNEL_W,
    OP,
    OUT_CH,
    OUT_HEIGHT,
    OUT_WIDTH,
    POINTWISE,
    STRIDE,
    WIDTH,
    LayerTable,
)
from zeroshot.types import FloatArray

Milliseconds = TypeVar("Milliseconds", float, FloatArray)

FIRST_CONV_CHANNELS = 4  # a convolution over fewer input channels is a `first_conv`

_CONV, _FIRST, _POINTWISE, _DEPTHWISE, _ADD, _AVGPOOL, _LINEAR = range(len(CLASSES))
# Coefficients of a class: a MAC, an output element, an output pixel, a tap, a gathered value, a tap and a value of a
# pixel at the edge, an output row of a channel, a weight, an input value, a layer.
_MAC, _OUT, _PIXEL, _TAP, _VALUE, _EDGE_TAP, _EDGE_VALUE, _ROW, _WEIGHT, _INPUT, _LAYER = range(11)


def layer_instructions(table: LayerTable, engine: Engine) -> FloatArray:
    """Cortex-M4 instructions of each layer: (n_rows,) float64.

    a MACs + b outputs + the copying of patches + the cost of a call. See `Engine`.
    """
    return _row_kernel(table.rows, _coefficients(engine), engine.block)  # type: ignore[no-any-return]


def instructions(table: LayerTable, engine: Engine) -> FloatArray:
    """Cortex-M4 instructions of one inference: (n_nets,) float64."""
    return _net_kernel(table.rows, table.ptr, _coefficients(engine), engine.block)  # type: ignore[no-any-return]


def latency_ms(table: LayerTable, board: Board, engine: Engine) -> FloatArray:
    """Time of one inference: (n_nets,) float64, ms; expect a relative error of `board.latency_error`.

    The sum over layers of instructions x stall of the operator class x cycles an instruction, by the clock.

    Raises:
        UsageError: The board has no cycles an instruction for this engine.
    """
    return _net_kernel(table.rows, table.ptr, _milliseconds(board, engine), engine.block)  # type: ignore[no-any-return]


def layer_latency_ms(table: LayerTable, board: Board, engine: Engine) -> FloatArray:
    """Time of each layer: (n_rows,) float64, ms; the summands of `latency_ms`, with its errors."""
    return _row_kernel(table.rows, _milliseconds(board, engine), engine.block)  # type: ignore[no-any-return]


def energy_mj(latency_ms: Milliseconds, board: Board) -> Milliseconds:
    """Energy of a computation of this length, mJ, same shape: power x time."""
    return latency_ms * (board.power_mw / 1000)


def policy_ms(classes: int, board: Board, engine: Engine) -> float:
    """Time of one escalation decision on the little net's outputs, ms.

    Raises:
        UsageError: Less than one class, or the board has no cycles an instruction for this engine.
    """
    if classes < 1:
        raise UsageError(f"The number of classes must be positive, not {classes}.")
    return classes * engine.policy_instructions_per_class * _ms_per_instruction(board, engine)


def instructions_ms(count: float, board: Board, engine: str) -> float:
    """Time of so many Cortex-M4 instructions of an engine's code, ms.

    Raises:
        UsageError: The board has no cycles an instruction for this engine.
    """
    if engine not in board.cycles_per_instruction:
        known = ", ".join(board.cycles_per_instruction)
        hint = f"Add cycles_per_instruction.{engine} to its file, or use an engine that it has: {known}."
        raise UsageError(f"Board {board.name} has no cycles an instruction for engine {engine}.", hint)
    return count * board.cycles_per_instruction[engine] / (board.clock_mhz * 1000)


def _ms_per_instruction(board: Board, engine: Engine) -> float:
    return instructions_ms(1.0, board, engine.name)


def _milliseconds(board: Board, engine: Engine) -> FloatArray:
    """The coefficients as times: (7, 11) float64, ms."""
    stall = np.array([engine.stall[name] for name in CLASSES])
    return _coefficients(engine) * (stall * _ms_per_instruction(board, engine))[:, None]


def _coefficients(engine: Engine) -> FloatArray:
    """One row for each of `CLASSES`: (7, 11) float64, instructions."""
    out = np.zeros((len(CLASSES), _LAYER + 1))
    out[:, [_MAC, _OUT]] = [engine.instructions[name] for name in CLASSES]
    for name, each in engine.gather.items():
        out[CLASSES.index(name), _PIXEL : _EDGE_VALUE + 1] = each
    out[_DEPTHWISE, _ROW : _INPUT + 1] = engine.depthwise
    out[:, _LAYER] = engine.layer_instructions
    return out


@numba.njit(cache=True, inline="always")
def _inside(size, out, kernel, stride):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Positions along one axis where the kernel reaches over no edge, with TFLite's SAME padding."""
    before = max((out - 1) * stride + kernel - size, 0) // 2
    first = (before + stride - 1) // stride
    last = (size - kernel + before) // stride
    return float(max(min(last, out - 1) - first + 1, 0))


@numba.njit(cache=True, inline="always")
def _row_cost(row, coefficients, block):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    op = row[OP]
    pixels = float(row[OUT_HEIGHT]) * row[OUT_WIDTH]
    taps = pixels * row[KERNEL_H] * row[KERNEL_W]
    values = taps * row[IN_CH]
    area = float(row[KERNEL_H]) * row[KERNEL_W] * (row[IN_CH] // row[GROUPS])  # weights of one filter
    computed = pixels
    kind = _LINEAR
    if op == CONV:
        kind = _FIRST if row[IN_CH] < FIRST_CONV_CHANNELS else _CONV
    elif op == POINTWISE:
        kind = _POINTWISE
    elif op == DEPTHWISE:
        kind = _DEPTHWISE
    elif op == ADD:
        kind = _ADD
    elif op == AVGPOOL:
        kind = _AVGPOOL
    if op != DEPTHWISE and op != ADD and op != AVGPOOL:
        computed = np.ceil(pixels / block) * block
    outputs = computed * row[OUT_CH]
    work = outputs * area
    if op == AVGPOOL:
        work = values  # every input of every window; a global pool has one window
    elif op == ADD:
        work = outputs
    c = coefficients[kind]
    beside = c[_PIXEL] * pixels + c[_TAP] * taps + c[_VALUE] * values
    if c[_EDGE_TAP] > 0:
        inside = _inside(row[HEIGHT], row[OUT_HEIGHT], row[KERNEL_H], row[STRIDE])
        inside *= _inside(row[WIDTH], row[OUT_WIDTH], row[KERNEL_W], row[STRIDE])
        edge = (pixels - inside) * row[KERNEL_H] * row[KERNEL_W]
        beside += edge * (c[_EDGE_TAP] + c[_EDGE_VALUE] * row[IN_CH])
    if op == DEPTHWISE:
        beside += c[_ROW] * row[OUT_HEIGHT] * row[IN_CH] + c[_WEIGHT] * area * row[OUT_CH]
        beside += c[_INPUT] * float(row[HEIGHT]) * row[WIDTH] * row[IN_CH]
    return c[_MAC] * work + c[_OUT] * outputs + beside + c[_LAYER]


@numba.njit(cache=True)
def _row_kernel(rows, coefficients, block):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out = np.empty(rows.shape[0])
    for i in range(rows.shape[0]):
        out[i] = _row_cost(rows[i], coefficients, block)
    return out


@numba.njit(cache=True)
def _net_kernel(rows, ptr, coefficients, block):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out = np.zeros(len(ptr) - 1)
    for net in range(len(ptr) - 1):
        for i in range(ptr[net], ptr[net + 1]):
            out[net] += _row_cost(rows[i], coefficients, block)
    return out
