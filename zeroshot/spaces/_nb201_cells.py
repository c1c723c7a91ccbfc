"""Notation of NAS-Bench-201's cells: published index, digits, published string, naslib's digits."""

import random
import re
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from zeroshot.errors import UsageError
from zeroshot.types import Int32Array, Int64Array

Cell = int | str | Sequence[int]  # an index, a published string, or six digits

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NONE, SKIP, CONV1X1, CONV3X3, AVGPOOL3X3 = range(len(OPERATIONS))
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
COUNT: int = len(OPERATIONS) ** len(EDGES)
WIDTHS, CELLS = (16, 32, 64), 5  # channels of the three stages; cells in each

# naslib numbers the operations differently, and lists the edges by their start.
_NASLIB_CODE = np.array([1, 0, 3, 2, 4], np.int32)
_NASLIB_EDGES = np.array([0, 1, 3, 2, 4, 5])

_POWERS = 5 ** np.arange(5, -1, -1)


@cache
def _order() -> tuple[Int64Array, Int64Array]:
    """Base-5 number of each index, and index of each base-5 number: (15625,) int64 both, read-only.

    The authors listed the cells as counting in base 5 does and shuffled the list with Python's generator seeded with
    88. Python promises to keep the seeding and `getrandbits`, but not `shuffle`, so its steps are written out.
    """
    generator = random.Random(88)
    numbers = list(range(COUNT))
    for i in reversed(range(1, COUNT)):
        j = COUNT
        while j > i:
            j = generator.getrandbits((i + 1).bit_length())
        numbers[i], numbers[j] = numbers[j], numbers[i]
    order = np.array(numbers, np.int64)
    inverse = np.argsort(order)
    order.setflags(write=False)
    inverse.setflags(write=False)
    return order, inverse


def decode(indices: npt.ArrayLike) -> Int32Array:
    """Digits of the cells with these published indices: (n,) integers -> (n, 6) int32.

    >>> decode([0, 9]).tolist()
    [[4, 2, 1, 2, 1, 1], [4, 0, 0, 1, 0, 3]]

    Raises:
        UsageError: An index outside 0 to 15,624.
    """
    indices = np.atleast_1d(np.asarray(indices))
    if indices.size and (indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= COUNT):
        raise UsageError(f"Indices of NAS-Bench-201 are integers from 0 to {COUNT - 1}.")
    numbers = _order()[0][indices.astype(np.int64)]
    return (numbers[:, None] // _POWERS % 5).astype(np.int32)


def encode(cells: npt.ArrayLike) -> Int64Array:
    """Published indices of cells: (n, 6) digits -> (n,) int64; the inverse of `decode`.

    Raises:
        UsageError: The array is not one of cells.
    """
    return np.asarray(_order()[1][check(cells) @ _POWERS])


def check(cells: npt.ArrayLike) -> Int32Array:
    """The cells as an (n, 6) int32 array.

    Raises:
        UsageError: Another shape, or digits outside 0 to 4.
    """
    values = np.asarray(cells)
    if values.ndim != 2 or values.shape[1] != len(EDGES) or values.dtype.kind not in "iu":
        raise UsageError(f"Cells are an (n, 6) array of integers; this one has shape {values.shape}, {values.dtype}.")
    if values.size and (values.min() < 0 or values.max() > 4):
        raise UsageError("The digits of a cell run from 0 to 4.", "0 none, 1 skip, 2 conv1x1, 3 conv3x3, 4 avgpool.")
    return np.ascontiguousarray(values, np.int32)


def parse(text: str) -> tuple[int, ...]:
    """Digits of a published string.

    >>> parse("|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|")
    (4, 0, 0, 1, 0, 3)

    Raises:
        UsageError: The text is not such a string.
    """
    tokens = re.findall(r"(\w+)~\d", text)
    if len(tokens) == len(EDGES) and set(tokens) <= set(OPERATIONS):
        digits = tuple(map(OPERATIONS.index, tokens))
        if to_string(digits) == text:
            return digits
    raise UsageError(f"{text!r} is not a cell of NAS-Bench-201.", f"An example: {to_string((4, 0, 0, 1, 0, 3))}.")


def to_string(digits: Sequence[int]) -> str:
    """The published string of a cell."""
    tokens = [f"{OPERATIONS[code]}~{start}|" for code, (start, _) in zip(digits, EDGES, strict=True)]
    return f"|{tokens[0]}+|{tokens[1]}{tokens[2]}+|{''.join(tokens[3:])}"


def to_naslib(cells: npt.ArrayLike) -> Int32Array:
    """Cells in naslib's notation: (n, 6) int32 -> (n, 6) int32.

    naslib's digits are 0 skip, 1 none, 2 conv3x3, 3 conv1x1, 4 avgpool on the edges 0-1, 0-2, 0-3, 1-2, 1-3, 2-3.
    """
    return _NASLIB_CODE[check(cells)][:, _NASLIB_EDGES]


def from_naslib(cells: npt.ArrayLike) -> Int32Array:
    """The inverse of `to_naslib`; both the digits' and the edges' permutations are their own inverses."""
    return _NASLIB_CODE[check(cells)][:, _NASLIB_EDGES]


def digits_of(cell: Cell) -> tuple[int, ...]:
    """Six digits of a cell given as an index, a published string or six digits.

    Raises:
        UsageError: It is none of these.
    """
    if isinstance(cell, str):
        return parse(cell)
    values = decode([cell]) if isinstance(cell, int | np.integer) else check([cell])
    return tuple(map(int, values[0]))
