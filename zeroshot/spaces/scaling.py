"""Compound scaling: nets made narrower or wider, shallower or deeper, for smaller or larger images.

As in EfficientNet (Tan and Le, ICML 2019, arXiv 1905.11946), but in all combinations of the three: on a microcontroller
flash, memory and time are short in other proportions from task to task.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from zeroshot.net import BLOCKS, NET_FIELDS, STAGE_FIELDS, NetSpec
from zeroshot.spaces._variation import keep_pixels
from zeroshot.spaces.mcu import McuSpace
from zeroshot.types import Int32Array

WIDTHS = tuple(2 ** (k / 4) for k in range(-14, 9))
DEPTHS = (0.5, 1.0, 1.5, 2.0)


def scaled(space: McuSpace, nets: Sequence[NetSpec]) -> Int32Array:
    """Nets in all combinations of width, depth, resolution and stem stride, rounded to the choices of a space.

    Args:
        space: What it has no blocks, no pixels or no stages for is left out.
        nets: To scale, in the space or not.

    Returns:
        (n, columns) int32 spec array of nets of the space, sorted, without repetitions.
    """
    parts = [_scaled(space, net) for net in nets if space.min_stages <= len(net.stages) <= space.max_stages]
    return np.unique(np.concatenate([space.array([]), *parts]), axis=0)


def _scaled(space: McuSpace, net: NetSpec) -> Int32Array:
    factors = np.array(list(product(WIDTHS, DEPTHS, space.codes, space.stem_strides)))
    width, depth, code, stride = factors.T
    out = np.zeros((len(factors), NET_FIELDS + STAGE_FIELDS * space.max_stages), np.int32)
    out[:, 0], out[:, 1], out[:, 2] = code, _nearest(space.stem_widths, width * net.stem_width), stride
    heads = [head for head in space.heads if (head > 0) == (net.head > 0)] or space.heads
    out[:, 3], out[:, 4] = len(net.stages), _nearest(heads, width * net.head)
    for i, stage in enumerate(net.stages):
        expansions = [expansion for block, expansion in space.blocks if block == stage.block]
        if not expansions:
            return out[:0]
        columns = out[:, NET_FIELDS + STAGE_FIELDS * i :][:, :STAGE_FIELDS]
        columns[:, 0], columns[:, 2] = BLOCKS.index(stage.block), _nearest(expansions, stage.expansion)
        columns[:, 1], columns[:, 5] = _nearest(space.kernels, stage.kernel), _nearest(space.strides, stage.stride)
        columns[:, 3] = _nearest(space.widths, width * stage.width)
        columns[:, 4] = _nearest(space.depths, depth * stage.depth)
    return out[keep_pixels(out)]


def _nearest(choices: Sequence[int], wanted: npt.ArrayLike) -> Int32Array:
    """The choice whose ratio to each wanted number is nearest to 1; of two such, the lesser."""
    sorted_choices = np.array(sorted(choices), np.int32)
    logs, goal = (np.log2(np.maximum(np.asarray(some, np.float64), 0.5)) for some in (sorted_choices, wanted))
    return np.asarray(sorted_choices[np.argmin(np.abs(goal[..., None] - logs), axis=-1)], np.int32)
