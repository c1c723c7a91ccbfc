"""A run of the digits whose pairs are trained and quantised."""

import numpy as np

from zeroshot.quantization.quantize import load_quantized
from zeroshot.runs.layout import INT8

from ..run_folders import listed_pair

LITTLE, BIG, ALONE = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2", "r8-s8/2-d3w8x1"
SHORT = {"epochs": 1}
LISTED = [
    listed_pair(1, LITTLE, BIG, ALONE), listed_pair(2, ALONE, BIG), listed_pair(3, LITTLE, "r8-s4-c3w4x1", ALONE),
]  # fmt: skip


def gaps(outputs):
    ordered = np.sort(outputs.astype(int), axis=1)
    return ordered[:, -1] - ordered[:, -2]


def nets(run):
    return {name: load_quantized(run / INT8, name) for name in (LITTLE, BIG, ALONE)}
