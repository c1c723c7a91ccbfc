"""Random pairs and their images, for the tests of the firmware."""

from dataclasses import replace

import numpy as np

from zeroshot.cost.counts import macs
from zeroshot.firmware.answers import Images
from zeroshot.firmware.c_cascade import Cascade
from zeroshot.int8.random import random_images, random_int8_net
from zeroshot.net import NetSpec, layer_table, spec_of
from zeroshot.spaces.mcu import McuSpace

# Odd channels, odd sides, kernels 1 to 7, all blocks, strides over one pixel, nets without and with a head.
ODD = (
    ("r9-s3-c1w5x1-b1w7x1/2", "r9-s7-m3e2w9x2-d5w6x1/2", 1, 2),
    ("r13-s5/2-d7w11x2/2", "r13-s6-b5w10x1-d1w13x1/2-h30", 3, 7),
    ("r1-s8-c3w8x1", "r1-s2-m7e3w2x2", 3, 33),
    ("r8-s1/2-c7w3x1/2-d3w2x1/2", "r8-s4-m1e1w4x1/2-c3w6x1/2", 1, 11),
    # Rectangles, upright and lying, odd sides on one axis alone; the last a strip that a large kernel hangs over.
    ("r9x14-s3/2-c1w5x1-b1w7x1/2", "r9x14-s7-m3e2w9x2/2-d5w6x1/2", 1, 2),
    ("r13x6-s5/2-d7w11x2/2", "r13x6-s6-b5w10x1-d1w13x1/2-h30", 3, 7),
    ("r2x17-s8-d7w9x1/2-c3w8x1", "r2x17-s2-m7e3w2x2-b3w6x1/2", 3, 5),
    # Signals: depthwise kernels of 1, 3, 5, 7 and 9 taps, strides along the one axis.
    ("r1x21-s5/2-d3w6x1/2-d7w9x2", "r1x21-s6-m9e2w7x2-b5w10x1/2-d1w13x1/2-h30", 3, 7),
    ("r1x16-s4-d5w6x1/2-c9w7x1/2", "r1x16-s3-b3w4x1/2-m3e3w8x1", 1, 3),
    ("r18x1-s4-d3w6x1/2-c5w7x1/2", "r18x1-s3-b3w4x1/2-m7e3w8x1", 3, 4),
)


def pair(little, big, channels=3, classes=10, *, seed=0, shared=True, thresholds=None, pixels=True):
    """A cascade of two random nets; `shared` gives both one input scale."""
    a = random_int8_net(NetSpec.parse(little), channels, classes, seed)
    b = random_int8_net(NetSpec.parse(big), channels, classes, seed + 1)
    if shared:
        b = with_input_of(b, a)
    rng = np.random.default_rng(seed)
    tables = [rng.integers(-128, 128, (256, channels), np.int8) for _ in range(2)] if pixels else [None, None]
    if shared:
        tables[1] = tables[0]
    chosen = thresholds or tuple(int(t) for t in rng.integers(1, 60, classes))
    return Cascade(a, b, chosen, *tables)


def with_input_of(net, other):
    scale, zero = net.scale.copy(), net.zero.copy()
    scale[0], zero[0] = other.scale[0], other.zero[0]
    return replace(net, scale=scale, zero=zero)


def images(cascade, n, seed=0):
    little = random_images(cascade.little, n, seed)
    return Images(little, little if cascade.shares_input else random_images(cascade.big, n, seed + 1))


def drawn_pair(rng, most=2_000_000):
    """A pair of the mcu space, each net with at most so many MACs; one in four has inputs of two sizes."""
    sizes = rng.choice((8, 12, 15, 16, 20, 24), 2)
    if rng.random() < 0.75:
        sizes[1] = sizes[0]
    names = [str(drawn_net(rng, int(size), most)) for size in sizes]
    classes, channels = int(rng.integers(2, 101)), int(rng.choice([1, 3]))
    shared = bool(sizes[0] == sizes[1] and rng.random() < 0.9)
    return pair(*names, channels, classes, seed=int(rng.integers(1000)), shared=shared)


def drawn_net(rng, resolution, most):
    while True:
        values = McuSpace(resolutions=(resolution,)).sample(8, rng)
        fitting = np.flatnonzero(macs(layer_table(values, 3, 10)) <= most)
        if len(fitting):
            return spec_of(values[fitting[0]])
