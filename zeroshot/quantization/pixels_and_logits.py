"""The two ends of an int8 net: what it sees of pixels, and what its integers say as real numbers."""

import numpy as np
import numpy.typing as npt

from zeroshot.data import Dataset
from zeroshot.int8.execute import quantize_input
from zeroshot.int8.net import Int8Net
from zeroshot.training.batches import Normaliser
from zeroshot.types import Float32Array, Int8Array

PIXELS = 256


def normalised_pixels(dataset: Dataset) -> Float32Array:
    """What a float net sees of each pixel value from 0 to 255, (256, channels) float32."""
    pixels = np.arange(PIXELS, dtype=np.uint8)[:, None, None, None].repeat(dataset.channels, axis=3)
    return np.asarray(Normaliser(dataset)(pixels)[:, :, 0, 0].numpy())


def pixel_table(net: Int8Net, dataset: Dataset) -> Int8Array:
    """What an int8 net sees of each pixel value from 0 to 255, (256, channels) int8; the device looks it up too."""
    return quantize_input(net, normalised_pixels(dataset))


def dequantised(net: Int8Net, logits: npt.NDArray[np.integer]) -> Float32Array:
    """Int8 logits, with or without a bias, as the real numbers that they stand for."""
    return np.asarray((logits.astype(np.float32) - net.zero[-1]) * net.scale[-1], np.float32)
