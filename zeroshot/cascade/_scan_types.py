"""What the compiled search takes, keeps and gives: named tuples, which the compiler takes apart into their fields."""

from typing import NamedTuple

from zeroshot.types import FloatArray, Int64Array


class Net(NamedTuple):
    """One row of `Nets.figures`: the costs of a net as `NetCosts` has them, its expected accuracy, and mu of that."""

    latency: float
    energy: float
    macs: float
    flash: float
    arena: float
    persistent: float
    input: float
    holding: float
    accuracy: float
    mu: float


class Nets(NamedTuple):
    """A population, in any order.

    Attributes:
        figures: (n, 10) float64, columns as the fields of `Net`.
        ops: (n,) int64, operators as bits.
        node: (n,) int64, first of the four nodes of the table around the net's mu.
        weight: (n, 4) float64, their weights.
        number: (n,) int64, rows that the caller knows the nets by.
        place: (n,) int64, places by rising latency, equal ones by number.
    """

    figures: FloatArray
    ops: Int64Array
    node: Int64Array
    weight: FloatArray
    number: Int64Array
    place: Int64Array

    def take(self, index: Int64Array) -> "Nets":
        """Some of the nets, in the order of the index."""
        figures, ops, node, weight, number, place = self
        return Nets(figures[index], ops[index], node[index], weight[index], number[index], place[index])


class Tree(NamedTuple):
    """Boxes around a population in the order of `tree.plant`: node 1 is the root, 2 k and 2 k + 1 halve node k.

    Attributes:
        low: (2 leaves, 10) float64, the least of each figure among the nets of each node; row 0 is not in use.
        high: The same, the greatest.
        ops: (2 leaves,) int64, operators that all nets of a node have.
        start: (leaves + 1,) int64, where the nets of each leaf begin; leaf i is node leaves + i.
    """

    low: FloatArray
    high: FloatArray
    ops: Int64Array
    start: Int64Array


class Box(NamedTuple):
    """What some nets lie between, and the operators that all of them have."""

    low: Net
    high: Net
    ops: int


class Table(NamedTuple):
    """The copula's table, where in it the levels of `Terms` lie, and how far it may rise between its nodes.

    Attributes:
        gain: As `CascadeTable`.
        best: As `CascadeTable`.
        node: (levels,) int64, first of the four nodes around each level.
        weight: (levels, 4) float64, their weights.
        first: First node over mu_L that any little net needs.
        last: The one after the last.
        slack: As `Bends`.
        bend: As `Bends`.
        kink: As `Bends`.
    """

    gain: FloatArray
    best: FloatArray
    node: Int64Array
    weight: FloatArray
    first: int
    last: int
    slack: float
    bend: float
    kink: float


class Terms(NamedTuple):
    """What is asked of every pair, and what it pays beside its nets; units as `Budgets` and `Platform`.

    Attributes:
        least_runtime: (masks,) int64, of all sets of operators that include a set, the fewest bytes.
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
    least_runtime: Int64Array
    levels: FloatArray
    codes: Int64Array


class Big(NamedTuple):
    """A big net and the table at its mu.

    Attributes:
        net: Its figures.
        ops: Its operators.
        number: As `Nets.number`.
        gain: (MU_NODES, U_NODES).
        best: (MU_NODES,).
        levels: (MU_NODES, levels).
    """

    net: Net
    ops: int
    number: int
    gain: FloatArray
    best: FloatArray
    levels: FloatArray


class Feasible(NamedTuple):
    """The pairs of one big net that count.

    Attributes:
        little: (n,) int64 rows of the little nets.
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


class Row(NamedTuple):
    """The best little nets of one big net, best first, each (width,): accuracy, latency, number, p and row."""

    accuracy: FloatArray
    latency: FloatArray
    number: Int64Array
    p: FloatArray
    little: Int64Array
