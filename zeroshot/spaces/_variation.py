"""Mutants and children of nets of the `mcu` space, whole populations at a time."""

from collections.abc import Callable, Sequence

import numpy as np

from zeroshot.net import NET_FIELDS, STAGE_FIELDS
from zeroshot.resolution import unpacked
from zeroshot.types import BoolArray, Int32Array, Int64Array

Redraw = Callable[[Int64Array], Int32Array]  # rows to draw anew -> what they become
RESOLUTION, STEM_STRIDE, STAGES = 0, 2, 3  # columns of a spec array
BLOCK, EXPANSION, STRIDE = 0, 2, 5  # columns of a stage
STAGE_CHOICES = 5  # a stage's block and expansion are one choice


def keep_pixels(values: Int32Array) -> BoolArray:
    """Which nets of a spec array end in a map of 2x2 pixels or more, signals in 2 along their axis: (n,) bool."""
    strides = np.maximum(values[:, NET_FIELDS + STRIDE :: STAGE_FIELDS], 1)  # 0 where there is no stage
    product = values[:, STEM_STRIDE] * strides.prod(axis=1)
    height, width = unpacked(values[:, RESOLUTION])
    shorter = np.minimum(height, width)
    strided = np.where(shorter == 1, np.maximum(height, width), shorter)
    return np.asarray(-(-strided // product) >= 2)


def redrawn(like: Int32Array, draw: Redraw, good: Callable[[Int64Array, Int32Array], BoolArray]) -> Int32Array:
    """Draw as many rows as there are, and those that are no good again until all are."""
    out = np.zeros_like(like)
    rows = np.arange(len(like))
    while len(rows):
        out[rows] = draw(rows)
        rows = rows[~good(rows, out[rows])]
    return out


def change_one(
    nets: Int32Array, choices: Sequence[Int32Array], blocks: Int32Array, donors: Callable[[Int32Array], Int32Array],
    rng: np.random.Generator,
) -> Int32Array:  # fmt: skip
    """One field of each net drawn anew from its choices, perhaps as it was.

    Args:
        nets: (n, columns) spec array.
        choices: Of the five fields of a net, then of kernel, width, depth and stride of a stage.
        blocks: (choices, 2) codes and expansions.
        donors: Numbers of stages, (k,) -> nets of so many, whose last stages are given to nets that grow.
        rng: The only source of randomness.
    """
    new = nets.copy()
    field = rng.integers(NET_FIELDS + STAGE_CHOICES * nets[:, STAGES])
    for column in range(NET_FIELDS):
        rows = np.flatnonzero(field == column)
        new[rows, column] = rng.choice(choices[column], len(rows))
    start = NET_FIELDS + STAGE_FIELDS * ((field - NET_FIELDS) // STAGE_CHOICES)
    which = np.where(field < NET_FIELDS, -1, (field - NET_FIELDS) % STAGE_CHOICES)
    rows = np.flatnonzero(which == BLOCK)
    drawn = blocks[rng.integers(len(blocks), size=len(rows))]
    new[rows, start[rows] + BLOCK], new[rows, start[rows] + EXPANSION] = drawn.T
    for kind, column in enumerate((1, 3, 4, 5), 1):
        rows = np.flatnonzero(which == kind)
        new[rows, start[rows] + column] = rng.choice(choices[NET_FIELDS + kind - 1], len(rows))
    grown = np.flatnonzero(new[:, STAGES] > nets[:, STAGES])
    if len(grown):
        first_new = NET_FIELDS + STAGE_FIELDS * nets[grown, STAGES, None]
        given = donors(new[grown, STAGES])
        new[grown] = np.where(np.arange(nets.shape[1]) >= first_new, given, new[grown])
    return without_stages(new)


def mix(a: Int32Array, b: Int32Array, rng: np.random.Generator) -> Int32Array:
    """Each field of a net, and each stage as a whole, from one of two parents.

    Args:
        a: (n, columns) spec array.
        b: The other parents, of the same shape.
        rng: The only source of randomness.
    """
    net = rng.random((len(a), NET_FIELDS)) < 0.5
    stage = rng.random((len(a), (a.shape[1] - NET_FIELDS) // STAGE_FIELDS)) < 0.5
    out = np.where(np.concatenate([net, np.repeat(stage, STAGE_FIELDS, axis=1)], axis=1), a, b)
    # A stage that the chosen parent does not have comes from the other.
    longer = np.where((a[:, STAGES] >= b[:, STAGES])[:, None], a, b)
    shorter = np.minimum(a[:, STAGES], b[:, STAGES])
    beyond = np.arange(a.shape[1]) >= NET_FIELDS + STAGE_FIELDS * shorter[:, None]
    return without_stages(np.where(beyond, longer, out))


def without_stages(values: Int32Array) -> Int32Array:
    """The same with zeros in the columns of stages that a net does not have."""
    ends = NET_FIELDS + STAGE_FIELDS * values[:, STAGES, None]
    return np.asarray(np.where(np.arange(values.shape[1]) < ends, values, 0), np.int32)
