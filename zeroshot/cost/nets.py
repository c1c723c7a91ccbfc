"""What each net of a population needs on one board with one engine: the columns that the pair kernel combines."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zeroshot.cost.arena import both_arenas
from zeroshot.cost.boards import Board
from zeroshot.cost.counts import macs_and_weights, per_net
from zeroshot.cost.engines import Engine
from zeroshot.cost.latency import energy_mj, latency_ms, policy_ms
from zeroshot.net import ADD, AVGPOOL, CONV, HEIGHT, IN_CH, OPS, WIDTH, LayerTable
from zeroshot.types import FloatArray, Int64Array


@dataclass(frozen=True, kw_only=True)
class NetCosts:
    """Costs of n nets; every field is one array of shape (n,).

    Attributes:
        latency: float64, ms of one inference.
        energy: float64, mJ of one inference.
        macs: int64, multiply-accumulates of one inference.
        flash: int64, bytes of the model alone: weights, biases, scales, layer tables.
        arena: int64, bytes of activations under the engine's planner.
        persistent: int64, bytes of RAM beside the arena: what the net keeps between inferences, and scratch.
        input: int64, bytes of the int8 input image.
        holding: int64, bytes of activations where the input stays in the arena until the net is done.
        ops: int64, bit i set if the net uses operator i of `net.OPS`.
    """

    latency: FloatArray
    energy: FloatArray
    macs: Int64Array
    flash: Int64Array
    arena: Int64Array
    persistent: Int64Array
    input: Int64Array
    holding: Int64Array
    ops: Int64Array

    def __len__(self) -> int:
        return len(self.latency)

    def take(self, index: npt.ArrayLike) -> "NetCosts":
        """The costs of some of the nets."""
        rows = np.asarray(index)
        return replace(self, **{name: column[rows] for name, column in vars(self).items()})

    @staticmethod
    def join(parts: "list[NetCosts]") -> "NetCosts":
        """Concatenate populations."""
        return NetCosts(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])})


def net_costs(table: LayerTable, board: Board, engine: Engine) -> NetCosts:
    """Cost every net of a table on a board."""
    latency = latency_ms(table, board, engine)
    macs, weights = macs_and_weights(table)
    arena, holding = both_arenas(table, engine.planner)
    op = table.column("op")
    channels = np.where((op == ADD) | (op == AVGPOOL), 0, table.column("out_channels")).astype(np.int64)
    layers = np.diff(table.ptr)
    channels = per_net(table, channels)
    first = table.rows[table.ptr[:-1]].astype(np.int64)
    taps = np.where(op == CONV, table.column("in_channels") * table.column("kernel_h") * table.column("kernel_w"), 0)
    scratch = engine.ram_tap * np.maximum.reduceat(taps.astype(np.int64), table.ptr[:-1])
    return NetCosts(
        latency=latency,
        energy=energy_mj(latency, board),
        macs=macs,
        flash=weights + engine.flash_channel * channels + engine.flash_layer * layers,
        arena=arena,
        persistent=engine.ram_base + engine.ram_layer * layers + engine.ram_channel * channels + scratch,
        input=first[:, HEIGHT] * first[:, WIDTH] * first[:, IN_CH],
        holding=holding,
        ops=np.bitwise_or.reduceat(np.left_shift(np.int64(1), op.astype(np.int64)), table.ptr[:-1])
        if len(table)
        else np.zeros(0, np.int64),
    )


@dataclass(frozen=True)
class Platform:
    """What is paid once on a board, whatever the nets.

    Attributes:
        board: The board.
        engine: The inference engine.
        runtime: (2 ** len(OPS),) int64, bytes of code for each set of operators (a bit mask as in `NetCosts.ops`).
        policy_latency: ms of one escalation decision.
        policy_energy: mJ of one escalation decision.
        input_in_arena: Whether the big net's input waits inside the shared arena, not beside it.
    """

    board: Board
    engine: Engine
    runtime: Int64Array
    policy_latency: float
    policy_energy: float
    input_in_arena: bool = False


def platform(board: Board, engine: Engine, classes: int) -> Platform:
    """The fixed costs of a cascade over `classes` classes."""
    kernels = [engine.flash_kernel[op] for op in OPS]
    masks = np.arange(2 ** len(OPS), dtype=np.int64)
    code = sum(((masks >> i) & 1) * size for i, size in enumerate(kernels))
    policy = policy_ms(classes, board, engine)
    energy = float(energy_mj(np.array([policy]), board)[0])
    return Platform(
        board, engine, engine.flash_base + np.asarray(code, np.int64), policy, energy, engine.input_in_arena
    )
