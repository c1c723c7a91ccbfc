"""Latency and energy of nets on a board: instructions an operator class times cycles an instruction.

The instruction model is linear in what a kernel does: multiply-accumulates, output elements, and for
convolutions the copying of patches; `engines.toml` holds the coefficients with their sources and
`benchmarks/cost_model.py` the evidence. A latency is for one inference, without reading sensors or preparing
the image.
"""

from typing import TypeVar

import numba
import numpy as np
import numpy.typing as npt

from zeroshot.cost.boards import Board
from zeroshot.cost.engines import CLASSES, Engine
from zeroshot.errors import UsageError
from zeroshot.net import (
    ADD,
    AVGPOOL,
    CONV,
    DEPTHWISE,
    GROUPS,
    IN_CH,
    KERNEL_H,
    KERNEL_W,
    OP,
    OUT_CH,
    OUT_HEIGHT,
    OUT_WIDTH,
    POINTWISE,
    LayerTable,
)

FloatArray = npt.NDArray[np.float64]
Milliseconds = TypeVar("Milliseconds", float, FloatArray)

FIRST_CONV_CHANNELS = 4  # a convolution over fewer input channels is a `first_conv`

_CONV, _FIRST, _POINTWISE, _DEPTHWISE, _ADD, _AVGPOOL, _LINEAR = range(len(CLASSES))
# Coefficients of a class: a MAC, an output element, an output pixel, a tap, a gathered value, a layer.
_MAC, _OUT, _PIXEL, _TAP, _VALUE, _LAYER = range(6)


def layer_instructions(table: LayerTable, engine: Engine) -> FloatArray:
    """Cortex-M4 instructions of each layer: (n_rows,) float64.

    a MACs + b outputs + the cost of a call; spatial convolutions also gather their patches. See `Engine`.
    """
    return _row_kernel(table.rows, _coefficients(engine))  # type: ignore[no-any-return]


def instructions(table: LayerTable, engine: Engine) -> FloatArray:
    """Cortex-M4 instructions of one inference: (n_nets,) float64."""
    return _net_kernel(table.rows, table.ptr, _coefficients(engine))  # type: ignore[no-any-return]


def latency_ms(table: LayerTable, board: Board, engine: Engine) -> FloatArray:
    """Time of one inference: (n_nets,) float64, ms; expect a relative error of `board.latency_error`.

    The sum over layers of instructions x stall of the operator class x cycles an instruction, by the clock.

    Raises:
        UsageError: The board has no cycles an instruction for this engine.
    """
    stall = np.array([engine.stall[name] for name in CLASSES])
    coefficients = _coefficients(engine) * (stall * _ms_per_instruction(board, engine))[:, None]
    return _net_kernel(table.rows, table.ptr, coefficients)  # type: ignore[no-any-return]


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


def _ms_per_instruction(board: Board, engine: Engine) -> float:
    if engine.name not in board.cycles_per_instruction:
        known = ", ".join(board.cycles_per_instruction)
        hint = f"Add cycles_per_instruction.{engine.name} to its file, or use an engine that it has: {known}."
        raise UsageError(f"Board {board.name} has no cycles an instruction for engine {engine.name}.", hint)
    return board.cycles_per_instruction[engine.name] / (board.clock_mhz * 1000)


def _coefficients(engine: Engine) -> FloatArray:
    """One row for each of `CLASSES`: (7, 6) float64, instructions."""
    out = np.zeros((len(CLASSES), 6))
    out[:, [_MAC, _OUT]] = [engine.instructions[name] for name in CLASSES]
    out[[_CONV, _FIRST], _PIXEL:_LAYER] = engine.gather
    out[:, _LAYER] = engine.layer_instructions
    return out


@numba.njit(cache=True, inline="always")
def _row_cost(row, coefficients):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    op = row[OP]
    pixels = float(row[OUT_HEIGHT]) * row[OUT_WIDTH]
    taps = pixels * row[KERNEL_H] * row[KERNEL_W]
    outputs = pixels * row[OUT_CH]
    values = taps * row[IN_CH]
    work = taps * (row[IN_CH] // row[GROUPS]) * row[OUT_CH]
    kind = _LINEAR
    if op == CONV:
        kind = _FIRST if row[IN_CH] < FIRST_CONV_CHANNELS else _CONV
    elif op == POINTWISE:
        kind = _POINTWISE
    elif op == DEPTHWISE:
        kind = _DEPTHWISE
    elif op == ADD:
        kind = _ADD
        work = outputs
    elif op == AVGPOOL:
        kind = _AVGPOOL
        work = values  # every input of every window; a global pool has one window
    c = coefficients[kind]
    gathered = c[_PIXEL] * pixels + c[_TAP] * taps + c[_VALUE] * values
    return c[_MAC] * work + c[_OUT] * outputs + gathered + c[_LAYER]


@numba.njit(cache=True)
def _row_kernel(rows, coefficients):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out = np.empty(rows.shape[0])
    for i in range(rows.shape[0]):
        out[i] = _row_cost(rows[i], coefficients)
    return out


@numba.njit(cache=True)
def _net_kernel(rows, ptr, coefficients):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out = np.zeros(len(ptr) - 1)
    for net in range(len(ptr) - 1):
        for i in range(ptr[net], ptr[net + 1]):
            out[net] += _row_cost(rows[i], coefficients)
    return out
