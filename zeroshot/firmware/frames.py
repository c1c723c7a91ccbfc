"""A camera's frame as a net's image: the resize that training used, in integers and as C.

Training resizes by Pillow's bilinear filter with antialiasing (`zeroshot.data.resized`): along one axis, then along the
other, each output a mean of pixels with weights of 22 bits, rounded to a whole pixel value in between. Which axis comes
first depends on Pillow's version and on the sizes; it is found by trial, so what is exported is what was trained on.
"""

from dataclasses import dataclass, field
from functools import cache, reduce
from operator import add
from string import Template

import numpy as np

from zeroshot.data import resized
from zeroshot.firmware.c_files import template
from zeroshot.firmware.c_stream import table_row
from zeroshot.frontend.c_text import c_array
from zeroshot.types import ByteArray, Int64Array

BITS = 22  # of a weight: a sum of 255 times them all stays below 2^30
Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Taps:
    """What one axis of an image takes of a frame's axis.

    Attributes:
        first: (outputs,) where the taps of each output start.
        weights: (outputs, taps) of 2^22 each row, but for roundings.
    """

    first: Int64Array = field(repr=False)
    weights: Int64Array = field(repr=False)

    def applied(self, pixels: ByteArray) -> ByteArray:
        """Means along the first axis of pixels, (n, ...) uint8."""
        at = self.first[:, None] + np.arange(self.weights.shape[1])
        sums = np.einsum("ok,ok...->o...", self.weights, pixels[at].astype(np.int64))
        means: ByteArray = ((sums + (1 << (BITS - 1))) >> BITS).astype(np.uint8)
        return means


@dataclass(frozen=True, eq=False)
class Resize:
    """A frame's middle, where a square is wanted, or the whole of it, at a net's size.

    Attributes:
        frame: Height, width and channels of a frame.
        image: Of the result.
        top: Rows above that middle.
        left: Columns beside it.
        rows: Of the image's rows.
        columns: Of its columns.
        columns_first: Whether columns are computed before rows.
    """

    frame: Shape
    image: Shape
    top: int
    left: int
    rows: Taps
    columns: Taps
    columns_first: bool = True

    def applied(self, frame: ByteArray) -> ByteArray:
        """The image of a frame, both (height, width, channels) uint8."""
        height, width = self._cut
        cut = frame[self.top : self.top + height, self.left : self.left + width]
        if self.columns_first:
            return self.rows.applied(self.columns.applied(cut.swapaxes(0, 1)).swapaxes(0, 1))
        return self.columns.applied(self.rows.applied(cut).swapaxes(0, 1)).swapaxes(0, 1)

    @property
    def _cut(self) -> tuple[int, int]:
        return cut_of(self.frame, self.image)


def cut_of(frame: Shape, image: Shape) -> tuple[int, int]:
    """Height and width of what is seen of a frame: a square for a square."""
    side = min(frame[:2])
    return (side, side) if image[0] == image[1] else frame[:2]


def taps(size: int, outputs: int) -> Taps:
    """Pillow's triangle filter from so many pixels to so many outputs.

    Formula: output x is centred at c = (x + 0.5) size / outputs. With r = max(size / outputs, 1), pixel i weighs
    max(0, 1 - abs(i + 0.5 - c) / r), normalised to a sum of 1, times 2^22, rounded half up.
    """
    scale = size / outputs
    reach = max(scale, 1.0)
    first, weights = [], []
    for x in range(outputs):
        centre = (x + 0.5) * scale
        low, high = max(int(centre - reach + 0.5), 0), min(int(centre + reach + 0.5), size)
        each = [max(0.0, 1 - abs((i - centre + 0.5) * (1 / reach))) for i in range(low, high)]
        total = reduce(add, each)  # in this order, as Pillow does; `sum` of later Pythons rounds otherwise
        first.append(low)
        weights.append([int(0.5 + weight / total * 2**BITS) for weight in each])
    most = max(map(len, weights))
    out = np.zeros((outputs, most), np.int64)
    for x, fixed in enumerate(weights):
        moved = max(0, first[x] + most - size)  # no tap lies behind the frame, though it weighs nothing
        first[x] -= moved
        out[x, moved : moved + len(fixed)] = fixed
    return Taps(np.array(first), out)


@cache
def resize_of(frame: Shape, image: Shape) -> Resize | None:
    """The resize of training from one size to another; None where Pillow does it otherwise than it did: no C then."""
    height, width = cut_of(frame, image)
    top, left = (frame[0] - height) // 2, (frame[1] - width) // 2
    noise = np.random.default_rng(0).integers(0, 256, (16, *frame), np.uint8)
    expected = resized(noise, image[:2])
    for columns_first in (True, False):
        found = Resize(frame, image, top, left, taps(height, image[0]), taps(width, image[1]), columns_first)
        if all(np.array_equal(found.applied(a), b) for a, b in zip(noise, expected, strict=True)):
            return found
    return None


def frame_source(resize: Resize, prefix: str, function: str, columns: int) -> str:
    """C of a resize to a net's int8.

    Args:
        resize: Of which sizes.
        prefix: Of the names of tables; the table of raw pixels has it, too.
        function: Its name.
        columns: Of the table of raw pixels.
    """
    channels = resize.frame[2]
    row = resize.frame[1] * channels
    axes = [
        (f"{prefix}row_weights", "y", resize.rows, resize.top, f"{prefix}top", row),
        (f"{prefix}column_weights", "x", resize.columns, resize.left, f"{prefix}left", channels),
    ]
    tables = [
        part
        for weights, _, each, before, first, _ in axes
        for part in (
            c_array("uint16_t", first, each.first + before), c_array("uint32_t", weights, each.weights.ravel())
        )
    ]  # fmt: skip
    outer, inner = axes if resize.columns_first else axes[::-1]
    n_outer, n_inner = (each[2].weights.shape[1] for each in (outer, inner))
    return Template(template("frame.c")).substitute(
        tables="\n".join(tables), prefix=prefix, function=function, height=resize.image[0], width=resize.image[1],
        channels=channels, row_stride=row, inner_taps=n_inner, inner_stride=inner[5], outer_taps=n_outer,
        outer_stride=outer[5], outer_weights=f"{outer[0]}[{outer[1]} * {n_outer} + i]",
        inner_weights=f"{inner[0]} + {inner[1]} * {n_inner}", table_row=table_row(columns, "channel"),
    )  # fmt: skip
