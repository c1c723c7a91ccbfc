"""Compound scaling of the field's own nets, as far as a `NetSpec` can say them, and of any that the user names.

MobileNetV1 (arXiv 1704.04861), MobileNetV2 (1801.04381), ResNet for CIFAR (1512.03385), DS-CNN (1711.07128).
"""

import numpy as np

from zeroshot.net import NetSpec, spec_of
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.strategies.archive import Archive
from zeroshot.searching.strategies.goal import Goal
from zeroshot.spaces import McuSpace
from zeroshot.spaces.scaling import scaled
from zeroshot.types import Int32Array

# Where a family has a stage at a width of its own, also without its last one: small images are coarse enough by then.
FAMILIES = tuple(map(NetSpec.parse, (
    "r32-s32-d3w64x1-d3w128x2/2-d3w256x2/2-d3w512x2/2",  # MobileNetV1
    "r32-s32-d3w64x1-d3w128x2/2-d3w256x2/2",
    "r32-s32-m3e6w24x2/2-m3e6w32x3/2-m3e6w64x4/2-m3e6w96x3",  # MobileNetV2
    "r32-s32-m3e6w24x2-m3e6w32x3/2-m3e6w64x4/2",
    "r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2",  # ResNet8, twice as deep ResNet14
    "r32-s64/2-d3w64x2-d3w64x2",  # DS-CNN
    "r32-s16-c3w16x1-c3w32x1/2-c3w64x1/2",  # plain convolutions
)))  # fmt: skip


def relatives(goal: Goal) -> Int32Array:
    """The families and the nets that the user named, scaled to all sizes that the space has; as named if not `mcu`."""
    if not isinstance(goal.space, McuSpace):
        return goal.named
    return scaled(goal.space, [*map(spec_of, goal.named), *FAMILIES])


def scaling(goal: Goal, rng: np.random.Generator) -> Candidates:
    """Scaled families and seeds, in random order as far as `scored` goes; the worthiest are kept."""
    archive = Archive(goal)
    archive.add(rng.permutation(relatives(goal)))
    return archive.worthiest()
