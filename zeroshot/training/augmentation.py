"""What training pictures become besides themselves: shifted, partly hidden; sound and motion stronger or weaker.

Photographs may lie elsewhere in their frame, and some mean the same in a mirror. Sound and motion are the same later or
earlier, stronger or weaker: they are shifted along time alone. What comes in from beyond a picture of sound is silence,
as if the recording had been moved in its window; beyond one of motion it is the motion itself, reflected.
"""

import numpy as np
import numpy.typing as npt

from zeroshot.data import Dataset
from zeroshot.data.arrays import Images
from zeroshot.data.dataset import resized
from zeroshot.frontend.features import frame_features
from zeroshot.frontend.options import FrontEnd, ScaledMotion
from zeroshot.resolution import resolution_of
from zeroshot.types import Float32Array

Mask = npt.NDArray[np.bool_]


def margins(data: Dataset, share: float, size: tuple[int, int]) -> tuple[int, int]:
    """Pixels that a picture may be shifted by, down and right, either way.

    Args:
        data: What is trained on.
        share: Of a side.
        size: Height and width.
    """
    down, right = (round(share * side) for side in size)
    if data.front_end is None:
        return down, right
    return (down, 0) if isinstance(data.front_end, FrontEnd) else (0, right)


def padded(data: Dataset, images: Images, by: tuple[int, int], grey: Images) -> Images:
    """Images with a border, (n, H + 2 down, W + 2 right, C).

    Args:
        data: What is trained on.
        images: (n, H, W, C) uint8.
        by: As `margins` gives.
        grey: (C,) mean colour, the border of photographs.
    """
    if not any(by):
        return images
    down, right = by
    if isinstance(data.front_end, ScaledMotion):
        return np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)), mode="reflect")
    n, height, width, channels = images.shape
    out = np.empty((n, height + 2 * down, width + 2 * right, channels), np.uint8)
    out[...] = grey if data.front_end is None else _silence(data.front_end, (height, width))
    out[:, down : down + height, right : right + width] = images
    return out


def _silence(front_end: FrontEnd, size: tuple[int, int]) -> Images:
    """(1, width, 1): a frame of zeros, as the front end for sound has it; where levels are relative, beside sound.

    Args:
        front_end: What makes the pictures.
        size: Height and width of those that a net sees, to which they are resized.
    """
    frame = frame_features(front_end, np.zeros(front_end.frame, np.int16))
    whole = np.repeat(frame.astype(np.uint8), front_end.frames, axis=0)
    return resized(whole[None, :, :, None], resolution_of(*size))[0, :1]


def squares(rng: np.random.Generator, n: int, size: tuple[int, int], side: int) -> Mask:
    """(n, height, width) bool, one square an image; its centre may lie anywhere, as in the paper."""
    rows, columns = (_stretches(rng, n, length, side) for length in size)
    return np.asarray(rows[:, :, None] & columns[:, None, :])


def stripes(rng: np.random.Generator, n: int, size: tuple[int, int], share: float) -> Mask:
    """(n, frames, bands) bool, some frames and some bands of each, as in SpecAugment (Park et al., arXiv 1904.08779).

    Args:
        rng: Draws where.
        n: Pictures.
        size: Frames and bands.
        share: Of the frames, and of the bands.
    """
    rows, columns = (_stretches(rng, n, length, round(share * length)) for length in size)
    return np.asarray(rows[:, :, None] | columns[:, None, :])


def _stretches(rng: np.random.Generator, n: int, length: int, size: int) -> Mask:
    """(n, length) bool, a stretch each, which may reach beyond the ends."""
    start = rng.integers(0, length, (n, 1)) - size // 2
    return np.asarray((np.arange(length) >= start) & (np.arange(length) < start + size))


def amplified(data: Dataset, x: Images, gain: Float32Array, noise: Float32Array | None) -> Images:
    """Sound or motion that is stronger or weaker; images as they are.

    Args:
        data: What is trained on.
        x: (n, H, W, C) uint8.
        gain: Decibels: of sound (n, 1, 1, 1), of motion (n, 1, 1, axes).
        noise: Of motion, steps that are added, of the shape of `x`.
    """
    front_end = data.front_end
    if front_end is None:
        return x
    if isinstance(front_end, FrontEnd):
        return _louder(x, gain, front_end)
    zero = front_end.motion.zero_point
    return _bytes((x.astype(np.float32) - zero) * 10 ** (gain / 20) + zero + (0 if noise is None else noise))


def _louder(x: Images, gain: Float32Array, front_end: FrontEnd) -> Images:
    """Levels, or the coefficient that is their mean, moved by what a louder recording moves them; silence stays."""
    steps, out = gain / front_end.step_db, x.copy()
    moved = slice(0, 1) if front_end.coefficients else slice(None)
    levels = x[:, :, moved]
    out[:, :, moved] = np.where(levels > 0, np.maximum(_bytes(levels + steps), 1), levels)
    return out


def _bytes(values: npt.NDArray[np.floating]) -> Images:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
