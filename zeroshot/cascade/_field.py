"""What the compiled search takes: named tuples of a few arrays, which the compiler takes apart at every call.

Compiling takes longer the more arrays and allocations there are. So figures stand in columns of few arrays, callers
make the room that is written in, and `inner` functions, which only compiled ones may call, have no wrapper for Python.
An argument that is a literal number compiles a function once more.
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from zeroshot.cascade.copula import MU_NODES, U_NODES
from zeroshot.types import FloatArray, Int64Array

# No kernel makes or returns an array, so that none needs to count references to them (`_nrt`).
_LEAN: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
_INNER: dict[str, Any] = {**_LEAN, "no_cpython_wrapper": True}
kernel, inner = numba.njit(nogil=True, **_LEAN), numba.njit(**_INNER)

# Columns of `Nets.figures`: costs as in `NetCosts`, expected accuracy, mu of that, and four weights.
FIGURES = ("latency", "energy", "macs", "flash", "arena", "persistent", "input", "holding", "accuracy", "mu")
LATENCY, ENERGY, MACS, FLASH, ARENA, PERSISTENT, INPUT, HOLDING, ACCURACY, MU, WEIGHT = range(11)
# Columns of `Nets.numbers`.
OPS, NODE, NUMBER, PLACE = range(4)
# Columns of `Tree.numbers`, after OPS.
LEAST, MOST = 1, 2


class Nets(NamedTuple):
    """A population, in any order.

    Attributes:
        figures: (n, 14) float64, the last four the weights of four nodes of the table around the net's mu.
        numbers: (n, 4) int64: operators as bits, the first of these nodes, the row that the caller knows the net by,
            and its place by rising latency, equal ones by number.
    """

    figures: FloatArray
    numbers: Int64Array

    def take(self, index: Int64Array) -> "Nets":
        """Some of the nets, in the order of the index."""
        return Nets(self.figures[index], self.numbers[index])

    def __len__(self) -> int:
        return len(self.figures)


class Tree(NamedTuple):
    """Boxes around a population in the order of `_tree.plant`: node 1 is the root, 2 k and 2 k + 1 halve node k.

    Of n nets leaf i of m, which is node m + i, has those from i n // m on; a node without any lies at infinity.

    Attributes:
        low: (2 m, 10) float64, the least of each figure among the nets of each node; row 0 is not in use.
        high: The same, the greatest.
        numbers: (2 m, 3) int64: operators that all nets of a node have, its least and its most accurate net.
    """

    low: FloatArray
    high: FloatArray
    numbers: Int64Array


class Boxes(NamedTuple):
    """The trees around both populations, and how far accuracy may rise above a box's corners: see `_bends`."""

    tree: Tree
    grove: Tree
    slack: float
    bend: float
    kink: float


class Table(NamedTuple):
    """The copula's table, and where in it the levels of `Terms` lie.

    Attributes:
        gain: As `CascadeTable`.
        best: As `CascadeTable`.
        node: (levels,) int64, first of the four nodes around each level.
        weight: (levels, 4) float64, their weights.
        first: First node over mu_L that any little net needs.
        last: The one after the last.
    """

    gain: FloatArray
    best: FloatArray
    node: Int64Array
    weight: FloatArray
    first: int
    last: int


class Terms(NamedTuple):
    """What is asked of every pair, and what it pays beside its nets; units as `Budgets` and `Platform`.

    Attributes:
        runtime: (2, masks) int64, bytes of a runtime; and of all sets of operators that include a set, the fewest.
        levels: (levels,) float64, ascending escalation rates at which a pair may stand on the front, beside its best.
        codes: (objectives,) int64, numbers of the front's objectives in `OBJECTIVES`; accuracy last.
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


class Field(NamedTuple):
    """Two populations in the order of their trees, and what is asked of their pairs."""

    littles: Nets
    bigs: Nets
    boxes: Boxes
    table: Table
    terms: Terms


class Cuts(NamedTuple):
    """The table at the mu of some big nets' least and most accurate one, written over for each such run.

    Attributes:
        gain: (2 MU_NODES, U_NODES), first that of the least accurate one.
        best: (2 MU_NODES,).
        levels: (2 MU_NODES, levels).
        least: (MU_NODES,), a lower bound of the best u of all of them in each cell over mu_L.
        corner: (2, 14), columns as `Nets.figures`: accuracy and weights at both ends of a box over mu_L.
        node: (2,) int64, the first node of each.
        room: (MU_NODES,), for one more of `best`.
    """

    gain: FloatArray
    best: FloatArray
    levels: FloatArray
    least: FloatArray
    corner: FloatArray
    node: Int64Array
    room: FloatArray


class Stack(NamedTuple):
    """Room for what is yet to be looked at.

    Attributes:
        big: (64, 2) int64, nodes of the grove and their depths.
        little: (64,) int64, nodes of the tree.
        bound: (64,) float64, what their pairs may reach.
        near: (64, leaves) int64, nodes of the tree that a node of the grove at each depth may make points with.
        counts: (64,) int64, how many.
        rates: (leaves,) int64, which points of their pairs to look at: bit v for level v, the highest for the best.
    """

    big: Int64Array
    little: Int64Array
    bound: FloatArray
    near: Int64Array
    counts: Int64Array
    rates: Int64Array


def room(field: Field) -> tuple[Cuts, Stack]:
    """What a search writes in; each thread has its own."""
    leaves, levels = len(field.boxes.tree.low) // 2, len(field.terms.levels)
    cuts = Cuts(
        np.zeros((2 * MU_NODES, U_NODES)), np.zeros(2 * MU_NODES), np.zeros((2 * MU_NODES, levels)), np.zeros(MU_NODES),
        np.zeros((2, WEIGHT + 4)), np.zeros(2, np.int64), np.zeros(MU_NODES),
    )  # fmt: skip
    stack = Stack(
        np.empty((64, 2), np.int64), np.empty(64, np.int64), np.empty(64), np.empty((64, leaves), np.int64),
        np.empty(64, np.int64), np.empty(leaves, np.int64),
    )  # fmt: skip
    return cuts, stack
