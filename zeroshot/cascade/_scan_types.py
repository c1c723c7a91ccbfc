"""What the compiled scan takes, keeps and gives: named tuples, which the compiler takes apart into their fields."""

from typing import NamedTuple

from zeroshot.cascade._front import Front
from zeroshot.types import BoolArray, FloatArray, Int64Array


class Net(NamedTuple):
    """One row of `Nets.figures`: the costs of a net as `NetCosts` has them, and its expected accuracy."""

    latency: float
    energy: float
    macs: float
    flash: float
    arena: float
    persistent: float
    input: float
    holding: float
    accuracy: float


class Nets(NamedTuple):
    """A population.

    Attributes:
        figures: (n, 9) float64, columns as the fields of `Net`.
        ops: (n,) int64, operators as bits.
        node: (n,) int64, first of the four nodes of the table around the net's mu.
        weight: (n, 4) float64, their weights.
    """

    figures: FloatArray
    ops: Int64Array
    node: Int64Array
    weight: FloatArray


class Table(NamedTuple):
    """The copula's table, and where in it the levels of `Terms` lie.

    Attributes:
        gain: As `CascadeTable`.
        best: As `CascadeTable`.
        node: (levels,) int64, first of the four nodes around each level.
        weight: (levels, 4) float64, their weights.
    """

    gain: FloatArray
    best: FloatArray
    node: Int64Array
    weight: FloatArray


class Terms(NamedTuple):
    """What is asked of every pair, and what it pays beside its nets; units as `Budgets` and `Platform`.

    Attributes:
        levels: (levels,) float64, ascending escalation rates at which a pair may stand on the front, beside its best.
        codes: (objectives,) int64, numbers of the front's objectives in `pairs.OBJECTIVES`; accuracy last, as a front
            of two is kept sorted by the first.
    """

    flash: float
    sram: float
    latency: float
    energy: float
    worst_latency: float
    escalation: float
    policy_latency: float
    policy_energy: float
    input_in_arena: bool
    runtime: Int64Array
    levels: FloatArray
    codes: Int64Array


class Big(NamedTuple):
    """A big net and the table at its mu: gain (MU_NODES, U_NODES), best (MU_NODES,), levels (MU_NODES, levels)."""

    number: int
    net: Net
    ops: int
    gain: FloatArray
    best: FloatArray
    levels: FloatArray


class Feasible(NamedTuple):
    """The pairs of one big net that count.

    Attributes:
        little: (n,) int64 numbers of the little nets.
        p: (n,) float64, the escalation rate of highest accuracy inside the limits.
        accuracy: (n,) float64, at p.
        flash: (n,) float64, bytes.
        sram: (n,) float64, bytes.
    """

    little: Int64Array
    p: FloatArray
    accuracy: FloatArray
    flash: FloatArray
    sram: FloatArray


class Best(NamedTuple):
    """The best little nets of each big net, best first; each (bigs, top)."""

    accuracy: FloatArray
    latency: FloatArray
    little: Int64Array
    p: FloatArray


class Part(NamedTuple):
    """What the scan of some of the big nets gives; rows of `best` and entries of `big_fits` are these nets."""

    n_feasible: int
    little_fits: BoolArray
    big_fits: BoolArray
    best: Best
    front: Front
