"""A net as a row of blocks and as a table of layers, with the cost model's own figures of each layer."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from zeroshot.cost.counts import layer_macs, layer_outputs, layer_params
from zeroshot.cost.latency import layer_instructions, layer_latency_ms
from zeroshot.net import CELL, NO_TENSOR, OP, OPS, RESIDUAL, LayerTable
from zeroshot.reporting.contents import Contents
from zeroshot.runs.words import percent
from zeroshot.types import FloatArray, Int64Array
from zeroshot.units import kib, si, three

BOX, GAP, HIGH, ACROSS = 104, 14, 44, 6  # pixels of a block, between blocks, its height; blocks in a line


@dataclass(frozen=True)
class Layer:
    """A line of the table; texts, and whether it takes longer than any other."""

    number: int
    operator: str
    shape: str
    macs: str
    params: str
    cost: str
    share: str
    bar: float
    bytes: str
    dominant: bool


@dataclass(frozen=True)
class Block:
    """A box of the diagram: a cell of the net.

    Attributes:
        x: Pixel of its left side.
        y: Pixel of its top.
        title: Its operators.
        shape: Of its output.
        shade: Its time over that of the longest block, from 0 to 4.
        lines: What it shows when asked.
        adds: Whether an addition closes it.
        wraps: Whether it begins a new line.
    """

    x: int
    y: int
    title: str
    shape: str
    shade: int
    lines: tuple[str, ...]
    adds: bool
    wraps: bool


@dataclass(frozen=True)
class Net:
    """A net of a pair.

    Attributes:
        role: `little` or `big`.
        name: Short spec.
        layers: Its table.
        blocks: Its diagram.
        width: Of the diagram, pixels.
        height: Of the diagram, pixels.
        unit: Of `Layer.cost`.
        total: Sentence with the sums.
    """

    role: str
    name: str
    layers: list[Layer]
    blocks: list[Block]
    width: int
    height: int
    unit: str
    total: str


def net_of(found: Contents, role: str, name: str) -> Net:
    """A net of a pair; errors as `Contents.task`."""
    table = found.table(name)
    cost, unit = _cost(found, table)
    columns = layer_macs(table), layer_params(table), layer_outputs(table)
    blocks = _blocks(table, cost, unit)
    return Net(
        role, name, _layers(table, cost, columns), blocks, width=ACROSS * (BOX + GAP) - GAP,
        height=(1 + (len(blocks) - 1) // ACROSS) * (HIGH + GAP) - GAP + 2, unit=unit,
        total=_total(found, name, cost, unit, columns),
    )  # fmt: skip


def _cost(found: Contents, table: LayerTable) -> tuple[FloatArray, str]:
    """Times on the board, or instructions where the board is not known."""
    board, engine = found.board, found.engine
    if engine is None:
        return layer_macs(table).astype(np.float64), "MACs"
    if board is None or engine.name not in board.cycles_per_instruction:
        return layer_instructions(table, engine), "instructions"
    return layer_latency_ms(table, board, engine), "ms"


def _shown(cost: float, unit: str) -> str:
    return three(cost) if unit == "ms" else si(cost)


def _layers(table: LayerTable, cost: FloatArray, columns: tuple[Int64Array, ...]) -> list[Layer]:
    macs, params, outputs = columns
    most, whole = int(cost.argmax()), max(float(cost.sum()), 1e-12)
    return [
        Layer(
            number=i + 1, operator=_operator(row), shape=_shape(row), macs=f"{macs[i]:,}", params=f"{params[i]:,}",
            cost=f"{cost[i]:.4g}" if whole < 1e4 else si(float(cost[i])), share=percent(float(cost[i]) / whole),
            bar=round(60 * float(cost[i] / cost[most]), 1) if cost[most] > 0 else 0.0, bytes=f"{outputs[i]:,}",
            dominant=i == most,
        )
        for i, row in enumerate(table.rows.tolist())
    ]  # fmt: skip


def _operator(row: list[int]) -> str:
    op, stride = OPS[row[OP]], row[9]
    size = f" {row[7]}x{row[8]}" if op in ("conv", "depthwise", "avgpool") else ""
    return f"{op}{size}{f'/{stride}' if stride > 1 else ''}"


def _shape(row: list[int]) -> str:
    return f"{row[1]}x{row[2]}x{row[5]} → {row[3]}x{row[4]}x{row[6]}"


def _blocks(table: LayerTable, cost: FloatArray, unit: str) -> list[Block]:
    """One box a cell; the input comes first."""
    rows, whole = table.rows.tolist(), max(float(cost.sum()), 1e-12)
    first = rows[0]
    boxes: list[tuple[str, str, float, tuple[str, ...], bool]] = [
        ("input", f"{first[1]}x{first[2]}x{first[5]}", 0.0, ("input",), False)
    ]
    for _, group in groupby(range(len(rows)), key=lambda i: rows[i][CELL]):
        inside = list(group)
        part = float(cost[inside].sum())
        names = [OPS[rows[i][OP]] for i in inside]
        last = rows[inside[-1]]
        lines = (
            *(f"{_operator(rows[i])}  {_shape(rows[i])}" for i in inside),
            f"{_shown(part, unit)} {unit}, {percent(part / whole)} % of the net",
        )
        adds = any(rows[i][RESIDUAL] != NO_TENSOR for i in inside)
        boxes.append((_title(names, rows[inside[0]]), f"{last[3]}x{last[4]}x{last[6]}", part / whole, lines, adds))
    longest = max(max(share for _, _, share, _, _ in boxes), 1e-12)
    return [
        Block(
            (i % ACROSS) * (BOX + GAP), (i // ACROSS) * (HIGH + GAP), title, shape, round(4 * share / longest), lines,
            adds, wraps=i > 0 and i % ACROSS == 0,
        )
        for i, (title, shape, share, lines, adds) in enumerate(boxes)
    ]  # fmt: skip


def _title(names: list[str], first: list[int]) -> str:
    """What a cell is called: by its kind, with the kernel that gives it one."""
    kernel = f" {first[7]}x{first[8]}" if names[0] in ("conv", "depthwise") else ""
    stride = f"/{first[9]}" if first[9] > 1 else ""
    if "linear" in names:
        return "pool, linear" if len(names) < 3 else "head, linear"
    if "depthwise" in names:
        return f"bottleneck{stride}" if names[0] == "pointwise" or "add" in names else f"separable{kernel}{stride}"
    if "add" in names:
        return f"residual{kernel}{stride}"
    return f"{names[0]}{kernel}{stride}"


def _total(found: Contents, name: str, cost: FloatArray, unit: str, columns: tuple[Int64Array, ...]) -> str:
    macs, params, _ = (int(column.sum()) for column in columns)
    told = f"{si(macs)} MACs, {si(params)} parameters, {_shown(float(cost.sum()), unit)} {unit}"
    known = found.by_name.get(name)
    if known is None:
        return f"{told}."
    if unit == "ms" and abs(float(cost.sum()) - known.latency_ms) > 1e-6 * known.latency_ms:
        told += f" by today's cost model; {three(known.latency_ms)} ms when the run was made"
    return f"{told}, {kib(known.model_flash_bytes)} of flash, {kib(known.arena_bytes)} of arena."
