"""How large the input of a net is: one number for a square, height and width for anything else.

A signal is an image of height 1: 128 samples are (1, 128).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # options are declared with this module, which must start fast: no numpy
    from zeroshot.types import Int32Array

Resolution = int | tuple[int, int]  # pixels: the side of a square, or height and width where these differ

# A spec array has one column for the input's size, as a net has one choice of it: the side of a square as it is, else
# height * 2^13 + width. No side has more than 12 bits.
BITS = 13
MASK = 2**BITS - 1


def sides(resolution: Resolution) -> tuple[int, int]:
    """Height and width."""
    return resolution if isinstance(resolution, tuple) else (resolution, resolution)


def resolution_of(height: int, width: int) -> Resolution:
    """One number for a square, else both.

    >>> resolution_of(32, 32), resolution_of(49, 10)
    (32, (49, 10))
    """
    return int(height) if height == width else (int(height), int(width))


def shorter(resolution: Resolution) -> int:
    """The side by which resolutions are offered: the shorter one, of a signal its length."""
    height, width = sides(resolution)
    return max(height, width) if min(height, width) == 1 else min(height, width)


def at_side(image: Resolution, side: int) -> Resolution:
    """The resolution whose `shorter` side is this and whose aspect ratio is that of an image, rounded.

    >>> at_side((96, 160), 80), at_side((1, 128), 64), at_side(32, 24)
    ((80, 133), (1, 64), 24)
    """
    height, width = sides(image)
    if min(height, width) == 1:
        return resolution_of(min(height, side), min(width, side))
    # Halves go up, in whole numbers: floats may fall on either side of them.
    short = min(height, width)
    return resolution_of(*((2 * each * side + short) // (2 * short) for each in (height, width)))


def worded(resolution: Resolution) -> str:
    """For people and in short specs: 32, or 49x10.

    >>> worded(32), worded((49, 10))
    ('32', '49x10')
    """
    height, width = sides(resolution)
    return f"{height}" if height == width else f"{height}x{width}"


def packed(resolution: Resolution) -> int:
    """The column of a spec array: a square's side as it is."""
    height, width = sides(resolution)
    return height if height == width else (height << BITS) + width


def unpacked(code: "Int32Array") -> "tuple[Int32Array, Int32Array]":
    """Heights and widths of such a column, twice (n,) int32."""
    width = code & MASK
    return (code >> BITS) + (code <= MASK) * width, width


def of_code(code: int) -> Resolution:
    """The resolution of one number of such a column."""
    return code if code <= MASK else (code >> BITS, code & MASK)
