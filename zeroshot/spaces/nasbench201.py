"""NAS-Bench-201: the 15,625 cells of Dong and Yang (ICLR 2020, arXiv 2001.00326) in their published order.

A cell has four nodes, node 0 its input and node 3 its output, and an operation on each of the six edges between
them. It is written as six digits, one an edge in the order of `EDGES` (the order of the published strings): 0 none,
1 skip, 2 ReLU-conv1x1-BN, 3 ReLU-conv3x3-BN, 4 average pooling 3x3. Arrays of cells are (n, 6) int32.

A network is a 3x3 stem to 16 channels, five cells, a residual reduction to 32, five cells, a reduction to 64, five
cells, batch norm, ReLU, global pooling and a classifier; images are 32x32 (CIFAR) or 16x16 (ImageNet16-120).
"""

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import UsageError
from zeroshot.spaces._nb201_cells import (
    CELLS,
    COUNT,
    EDGES,
    OPERATIONS,
    WIDTHS,
    Cell,
    check,
    decode,
    digits_of,
    encode,
    from_naslib,
    parse,
    to_naslib,
    to_string,
)  # fmt: skip
from zeroshot.spaces._nb201_classes import canonical_classes, live, published_classes
from zeroshot.spaces._nb201_table import flops, layer_table, params
from zeroshot.types import Int32Array, Int64Array

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "CELLS", "COUNT", "EDGES", "OPERATIONS", "WIDTHS", "Cell", "NasBench201", "canonical_classes", "check", "decode",
    "digits_of", "encode", "flops", "from_naslib", "layer_table", "live", "network", "params", "parse",
    "published_classes", "to_naslib", "to_string",
]  # fmt: skip


def network(cell: Cell, classes: int = 10) -> "nn.Module":
    """The published network of a cell, its weights zero until `zeroshot.build.initialise` fills them.

    Dead operations are part of it, as they were when the benchmark was made; `network(live([digits])[0])` is the
    network without.

    Args:
        cell: An index, a published string, or six digits.
        classes: Outputs: 10 and 100 for CIFAR, 120 for ImageNet16-120.

    Returns:
        A module from (n, 3, side, side) float32 to logits (n, classes); side 32 for CIFAR, 16 for ImageNet16-120.

    Raises:
        UsageError: Not a cell, or less than one class.
    """
    from zeroshot.spaces._nb201_modules import Network

    if classes < 1:
        raise UsageError(f"The number of classes must be positive, not {classes}.")
    return Network(digits_of(cell), classes)


class NasBench201:
    """The space of all cells; their numbers are the published indices.

    >>> space = NasBench201()
    >>> space.count(), space.encode("|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|")
    (15625, 9)
    """

    def count(self) -> int:
        """Number of cells."""
        return COUNT

    def fields(self) -> dict[str, tuple[str, ...]]:
        """What varies: each of the edges, named by the nodes that it joins, has one of the operations."""
        return {"edges": tuple(f"{tail}-{head}" for tail, head in EDGES), "operations": OPERATIONS}

    def decode(self, numbers: "np.typing.ArrayLike") -> Int32Array:
        """Digits of the cells with these indices: (n,) integers -> (n, 6) int32; see `decode`."""
        return decode(numbers)

    def encode(self, cell: Cell) -> int:
        """The index of a cell given as an index, a published string or six digits."""
        return int(encode([digits_of(cell)])[0])

    def __contains__(self, cell: Cell) -> bool:
        try:
            digits_of(cell)
        except UsageError:
            return False
        return True

    def sample(self, n: int, rng: np.random.Generator) -> Int32Array:
        """Draw n cells uniformly, with replacement: (n, 6) int32."""
        return decode(rng.integers(0, COUNT, n))

    def enumerate(self) -> list[str]:
        """The published string of every cell, in the order of the indices."""
        return [to_string(cell) for cell in decode(np.arange(COUNT)).tolist()]

    def mutate(self, cells: Int32Array, rng: np.random.Generator) -> Int32Array:
        """Change the operation on one edge of each cell, uniformly to one of the four others: (n, 6) -> (n, 6)."""
        out = check(cells).copy()
        edges = rng.integers(0, len(EDGES), len(out))
        rows = np.arange(len(out))
        out[rows, edges] = (out[rows, edges] + rng.integers(1, len(OPERATIONS), len(out))) % len(OPERATIONS)
        return out

    def crossover(self, a: Int32Array, b: Int32Array, rng: np.random.Generator) -> Int32Array:
        """A child of each pair of cells, every edge from one parent: twice (n, 6) -> (n, 6)."""
        first, second = check(a), check(b)
        return np.where(rng.random(first.shape) < 0.5, first, second)

    def canonical(self, cells: Int32Array) -> Int64Array:
        """The class of each cell under full canonical form, see `canonical_classes`: (n, 6) -> (n, 1)."""
        return canonical_classes()[encode(cells)][:, None]

    def corner(self) -> Int32Array:
        """The cell that is a skip from its input to its output, (1, 6): all that is left is around the cells."""
        return np.array([[0, 0, 0, 1, 0, 0]], np.int32)
