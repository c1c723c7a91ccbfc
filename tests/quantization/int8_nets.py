"""Nets of the digits, one a block, how they are quantised, and when two are the same."""

import numpy as np

from zeroshot.quantization.recipe import Int8Recipe

NETS = {
    "plain": "r8-s8-c3w12x1-c3w16x1/2", "separable": "r8-s8-d3w12x1-d3w16x1/2",
    "bottleneck": "r8-s8-m3e2w8x1-m3e3w12x1/2", "residual": "r8-s8-b3w8x1-b3w12x1/2-h16",
}  # fmt: skip
PTQ, QAT = Int8Recipe(epochs=0), Int8Recipe(epochs=2)


def same(a, b):
    assert (a.int8.scale == b.int8.scale).all()
    assert (a.int8.zero == b.int8.zero).all()
    for part in ("weights", "weight_scale", "bias"):
        for one, other in zip(getattr(a.int8, part), getattr(b.int8, part), strict=True):
            assert (one is None) == (other is None)
            assert one is None or np.array_equal(one, other)
    assert all(np.array_equal(a.outputs[part], b.outputs[part]) for part in ("validation", "test"))
    assert (a.pixels == b.pixels).all()
    assert (a.history, a.best_epoch, a.accuracy, a.ptq_accuracy) == (
        b.history, b.best_epoch, b.accuracy, b.ptq_accuracy,
    )  # fmt: skip
    return True
