"""Labelled pictures in a training and a test half, resized, drawn in batches, and what may be wrong with them."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zeroshot.data.arrays import Images, Labels, digest, shared
from zeroshot.errors import DataError, UsageError
from zeroshot.frontend.options import AnyFrontEnd
from zeroshot.resolution import Resolution, resolution_of, sides, worded
from zeroshot.types import FloatArray

if TYPE_CHECKING:
    import torch

# Thresholds of the remarks of `warnings_for`.
MAX_IMBALANCE, MIN_PER_CLASS = 10, 20


@dataclass(frozen=True, eq=False)
class Features:
    """What made pictures of recordings or sensor logs.

    Attributes:
        front_end: What a device computes them with; sound has frames x values x 1, motion 1 x samples x axes.
        options: `SignalOptions` that were given, as plain values.
        remarks: What was done to the data, in plain English.
        samples: Some test windows in a row, as a device gets them: (n,) int16 of sound, (n, axes) of motion; None where
            they are not at hand.
    """

    front_end: AnyFrontEnd
    options: dict[str, Any]
    remarks: tuple[str, ...] = ()
    samples: npt.NDArray[np.int16] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images of one size, in a training and a test half.

    White is 255 and black is 0 in both halves, whatever the source: `load` scales floats of 0..1 or 0..255, and
    refuses those whose scale is in doubt. Of recordings and sensor logs the images are what a front end makes of them.

    Attributes:
        name: The named source, or the file's or folder's own name.
        x_train: (n, H, W, C) uint8; C is 1 or 3, or the number of a motion sensor's axes.
        y_train: (n,) int64, 0..classes-1, each class present.
        x_test: (m, H, W, C) uint8.
        y_test: (m,) int64.
        class_names: One name a class.
        validation: (k,) rows of the training half that choices are made on, ascending, where whole groups were held
            out; None where a training may draw its own.
        features: What made them, where they are of recordings or sensor logs.
    """

    name: str
    x_train: Images = field(repr=False)
    y_train: Labels = field(repr=False)
    x_test: Images = field(repr=False)
    y_test: Labels = field(repr=False)
    class_names: tuple[str, ...]
    validation: npt.NDArray[np.intp] | None = field(default=None, repr=False)
    features: Features | None = field(default=None, repr=False)

    @property
    def front_end(self) -> AnyFrontEnd | None:
        """What made them of recordings or sensor logs; None of images."""
        return None if self.features is None else self.features.front_end

    @property
    def things(self) -> str:
        """What its examples are called."""
        return "images" if self.features is None else "windows"

    @property
    def channels(self) -> int:
        """Channels of an image."""
        return int(self.x_train.shape[3])

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def resolution(self) -> Resolution:
        """Size of an image, pixels: the side of a square, or (height, width)."""
        return resolution_of(*self.x_train.shape[1:3])

    @property
    def side(self) -> int:
        """The shorter side of an image, pixels."""
        return int(min(self.x_train.shape[1:3]))

    def squared(self) -> "Dataset":
        """The same images, cropped to the square in their middle; itself where they are squares.

        Raises:
            DataError: They are signals.
        """
        if isinstance(self.resolution, int):
            return self
        if self.side == 1:
            raise DataError(f"{self.name} has signals, of {worded(self.resolution)}: there is no square in them.")
        return replace(self, x_train=_middle_square(self.x_train), x_test=_middle_square(self.x_test))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over shapes and bytes of the arrays, hex; computed once."""
        held = () if self.validation is None else (self.validation,)
        return digest(self.x_train, self.y_train, self.x_test, self.y_test, *held)

    @cached_property
    def _stats(self) -> tuple[FloatArray, FloatArray]:
        x = self.x_train
        pixels = x.shape[0] * x.shape[1] * x.shape[2]
        # Integer sums are exact, and einsum casts in small buffers: no 8-byte copy of the whole set.
        total = np.einsum("nhwc->c", x, dtype=np.uint64, casting="safe").astype(np.float64)
        square = np.einsum("nhwc,nhwc->c", x, x, dtype=np.uint64, casting="safe").astype(np.float64)
        mean = total / pixels
        return mean / 255, np.sqrt(np.maximum(square / pixels - mean**2, 0)) / 255


def channel_stats(dataset: Dataset) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the training pixels over 255, each (C,) float64; computed once."""
    return dataset._stats


def resized(x: Images, resolution: Resolution) -> Images:
    """Bring images to a size, bilinear with antialiasing.

    To a rectangle, or from a square, they are resized whole. To a square, rectangles are cropped: to the square in
    their middle.

    Args:
        x: (n, H, W, C) uint8.
        resolution: Of the result, pixels.

    Returns:
        (n, height, width, C) uint8; `x` itself when it has that size already.

    Raises:
        UsageError: A side is below 1, or `x` is no such array.
    """
    wanted = height, width = sides(resolution)
    if min(wanted) < 1:
        raise UsageError(f"A resolution must be positive, but it is {worded(resolution)}.")
    if x.ndim != 4 or x.dtype != np.uint8 or 0 in x.shape[1:]:
        raise UsageError(f"Images must be (n, H, W, C) uint8, but are {x.shape} {x.dtype}.")
    if x.shape[1:3] == wanted:
        return x
    from PIL import Image

    cut = _middle_square(x) if height == width else x
    if cut.shape[1:3] == wanted:
        return np.ascontiguousarray(cut)
    if x.shape[3] not in (1, 3):  # axes of a motion sensor
        return np.concatenate([resized(cut[..., k : k + 1], resolution) for k in range(x.shape[3])], axis=3)
    out = np.empty((len(x), height, width, x.shape[3]), np.uint8)
    for before, after in zip(cut, out, strict=True):
        image = Image.fromarray(np.ascontiguousarray(before if x.shape[3] == 3 else before[..., 0]))
        scaled = image.resize((width, height), Image.Resampling.BILINEAR)
        after[...] = np.asarray(scaled).reshape(after.shape)
    return out


def _middle_square(x: Images) -> Images:
    height, width = x.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return x[:, top : top + side, left : left + side]


def batches(
    dataset: Dataset, resolution: Resolution, size: int, count: int, seed: int
) -> "list[tuple[torch.Tensor, torch.Tensor]]":
    """Draw disjoint batches of training images, each with every class as equally often as the data allow.

    Which images are drawn depends on the seed, `size` and `count`, not on the resolution: nets that look at
    different resolutions are scored on the same images.

    Args:
        dataset: Where to draw from.
        resolution: Of the images, pixels.
        size: Images a batch.
        count: Number of batches.
        seed: The same seed draws the same images in the same order.

    Returns:
        `count` pairs of images, (size, C, height, width) float32, normalised by the training set's
        mean and standard deviation of each channel, and labels, (size,) int64.

    Raises:
        DataError: The training set has fewer than `size * count` images.
        UsageError: Size, count, resolution or seed is out of range.
    """
    import torch

    mean, std = channel_stats(dataset)
    std = np.where(std > 0, std, 1)  # a channel that never varies becomes 0, not NaN
    out = []
    for rows in _batch_rows(dataset.y_train, size, count, seed):
        x = (resized(dataset.x_train[rows], resolution) / 255 - mean) / std
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)
        out.append((torch.from_numpy(x), torch.from_numpy(dataset.y_train[rows])))
    return out


def _batch_rows(labels: Labels, size: int, count: int, seed: int) -> list[npt.NDArray[np.intp]]:
    """Image numbers of each batch: class counts differ by one at most, unless a class runs out."""
    check_seed(seed)
    if size < 1 or count < 1:
        raise UsageError(f"Batch size and number of batches must be positive, not {size} and {count}.")
    if size * count > len(labels):
        raise DataError(
            f"{count} batches of {size} need {size * count} training images, but there are {len(labels)}.",
            f"Use batches of at most {len(labels) // count}." if count <= len(labels) else "Use fewer batches.",
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    ordered = labels[order]
    turn = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)  # 0 for the first image of each class
    rank = rng.permutation(int(labels.max()) + 1)  # who gives the images left over is drawn, not always class 0
    chosen = np.sort(np.lexsort((rank[ordered], turn))[: size * count])
    # Dealt out like cards from a pack sorted by class, each class reaches every batch equally often.
    return [rng.permutation(order[chosen[start::count]]) for start in range(count)]


def check_seed(seed: int) -> None:
    """Insist that a seed is none below 0.

    Raises:
        UsageError: It is.
    """
    if seed < 0:
        raise UsageError(f"A seed must not be negative, but it is {seed}.")


def warnings_for(dataset: Dataset) -> list[str]:
    """Remarks in plain English on what may spoil results without being an error; empty when there is none."""
    train = np.bincount(dataset.y_train, minlength=dataset.classes)
    test = np.bincount(dataset.y_test, minlength=dataset.classes)
    names, least, most = dataset.class_names, int(train.argmin()), int(train.argmax())
    things, remarks = dataset.things, []
    if train[most] > MAX_IMBALANCE * train[least]:
        remarks.append(
            f"Classes are out of balance: {names[most]!r} has {train[most]} training {things}, "
            f"{names[least]!r} only {train[least]}. Accuracy will mostly measure the former; "
            "`metric='balanced'` counts all classes alike."
        )
    few = int((train < MIN_PER_CLASS).sum())
    if few:
        remarks.append(
            f"{few} of {dataset.classes} classes have fewer than {MIN_PER_CLASS} training {things}; "
            f"{names[least]!r} has {train[least]}."
        )
    alone = int((train == 1).sum())
    if alone and dataset.validation is None:
        remarks.append(
            f"{alone} of {dataset.classes} classes have one training image only, for example {names[least]!r}: a net "
            "cannot be trained, since training holds one image of each class out. Add images, or leave the class out."
        )
    if (test == 0).any():
        remarks.append(f"The test set has no image of {int((test == 0).sum())} of {dataset.classes} classes.")
    if all(np.array_equal(dataset.x_train[0], image) for image in dataset.x_train):
        remarks.append(f"All training {things} are the same: no net can tell their classes.")
    twice = shared(dataset.x_train, dataset.x_test) if dataset.features is None else 0  # of windows it is told
    if twice:
        remarks.append(f"{twice} of {len(dataset.x_test)} test images occur in the training set too.")
    return remarks
