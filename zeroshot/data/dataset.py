"""One way to data: a named data set, an image folder or an .npz becomes a Dataset, a Dataset batches."""

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from zeroshot.data.arrays import Arrays, Images, Labels, digest, read_npz, shared, split
from zeroshot.data.class_folders import safe
from zeroshot.errors import DataError, UsageError, unknown
from zeroshot.resolution import Resolution, resolution_of, sides, worded
from zeroshot.types import FloatArray

if TYPE_CHECKING:
    import torch

SOURCES = ("digits", "cifar10", "cifar100", "fashion-mnist")

# Thresholds of the remarks of `warnings_for`.
MAX_IMBALANCE, MIN_PER_CLASS = 10, 20


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images of one size, in a training and a test half.

    White is 255 and black is 0 in both halves, whatever the source: `load` scales floats of 0..1 or 0..255, and
    refuses those whose scale is in doubt.

    Attributes:
        name: The named source, or the file's or folder's own name.
        x_train: (n, H, W, C) uint8, C is 1 or 3.
        y_train: (n,) int64, 0..classes-1, each class present.
        x_test: (m, H, W, C) uint8.
        y_test: (m,) int64.
        class_names: One name a class.
    """

    name: str
    x_train: Images = field(repr=False)
    y_train: Labels = field(repr=False)
    x_test: Images = field(repr=False)
    y_test: Labels = field(repr=False)
    class_names: tuple[str, ...]

    @property
    def channels(self) -> int:
        """Channels of an image, 1 or 3."""
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
        """SHA-256 over shapes and bytes of the four arrays, hex; computed once."""
        return digest(self.x_train, self.y_train, self.x_test, self.y_test)

    @cached_property
    def _stats(self) -> tuple[FloatArray, FloatArray]:
        x = self.x_train
        pixels = x.shape[0] * x.shape[1] * x.shape[2]
        # Integer sums are exact, and einsum casts in small buffers: no 8-byte copy of the whole set.
        total = np.einsum("nhwc->c", x, dtype=np.uint64, casting="safe").astype(np.float64)
        square = np.einsum("nhwc,nhwc->c", x, x, dtype=np.uint64, casting="safe").astype(np.float64)
        mean = total / pixels
        return mean / 255, np.sqrt(np.maximum(square / pixels - mean**2, 0)) / 255


def load(source: str, seed: int = 0) -> Dataset:
    """Load a data set by name or path.

    A name of `SOURCES` wins over a folder of that name; write `./digits` for the folder.

    - `digits`: 1,797 grey 8x8 images shipped with scikit-learn, a fifth of each class held out.
    - `cifar10`, `cifar100`, `fashion-mnist`: downloaded by torchvision into `cache_folder()` once.
    - a file ending in `.npz`: `x_train`, `y_train`, `x_test`, `y_test`. Images are (n, H, W), (n, H, W, 1) or
      (n, H, W, 3), whole numbers 0..255 or floats: floats are 0..1 if none exceeds 1 and 0..255 if most images
      reach a quarter of that, both halves alike, and any doubt is an error. Pickled objects are never loaded.
    - a folder: `train/<class>/*` and `test/<class>/*`, or `<class>/*` with a fifth of each class held out.
      Images larger than 160 pixels on the shorter side are reduced to that, keeping memory in bounds; EXIF
      orientation is honoured.

    Args:
        source: Name or path.
        seed: Of the split, where the source has no test half.

    Raises:
        DataError: The path does not exist, or the data cannot be used; the message says which file and why.
        UsageError: The name is not known, or the seed is negative.
    """
    _check_seed(seed)
    if source in SOURCES:
        arrays, names = _read_digits(seed) if source == "digits" else _read_named(source)
        return Dataset(source, *arrays, names)
    path = _existing(source)
    if path.is_dir():
        from zeroshot.data._folders import read_folder  # Pillow only where images are read

        arrays, names = read_folder(path, seed)
        return Dataset(safe(path.name), *arrays, names)
    if path.suffix.lower() != ".npz":
        raise DataError(f"{safe(path)} is neither a folder nor an .npz file.", "Give an image folder or an .npz.")
    arrays = read_npz(path)
    return Dataset(safe(path.stem), *arrays, tuple(map(str, range(int(arrays[1].max()) + 1))))


def _existing(source: str) -> Path:
    try:
        path = Path(source).expanduser().resolve()
        exists = path.exists()
    except (OSError, ValueError, RuntimeError) as error:  # no permission, a null byte, links going in circles
        raise DataError(f"{safe(source)!r} cannot be opened: {error}") from error
    if exists:
        return path
    if Path(source).name == source and not Path(source).suffix:  # a bare word: more likely a name mistyped
        raise unknown("data set", source, SOURCES, f"As a path it would be {path}, which does not exist.")
    raise DataError(f"{safe(path)} does not exist.", f"Give a folder, an .npz, or one of: {', '.join(SOURCES)}.")


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise UsageError(f"A seed must not be negative, but it is {seed}.")


def _read_digits(seed: int) -> tuple[Arrays, tuple[str, ...]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    y = digits.target.astype(np.int64)
    names = tuple(str(name) for name in digits.target_names)
    train, test = split(y, names, seed)
    return (x[train], y[train], x[test], y[test]), names


def _read_named(name: str) -> tuple[Arrays, tuple[str, ...]]:
    from zeroshot.data.torchvision import read_named

    return read_named(name, cache_folder() / "torchvision")


def cache_folder() -> Path:
    """Where downloads are kept: `$XDG_CACHE_HOME/zeroshot`, by default `~/.cache/zeroshot`."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "zeroshot"


def channel_stats(dataset: Dataset) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the training pixels over 255, each (C,) float64; computed once."""
    return dataset._stats


def resized(x: Images, resolution: Resolution) -> Images:
    """Bring images to a size, bilinear with antialiasing.

    To a rectangle, or from a square, they are resized whole. To a square, rectangles are cropped: to the square in
    their middle.

    Args:
        x: (n, H, W, C) uint8, C is 1 or 3.
        resolution: Of the result, pixels.

    Returns:
        (n, height, width, C) uint8; `x` itself when it has that size already.

    Raises:
        UsageError: A side is below 1, or `x` is no such array.
    """
    wanted = height, width = sides(resolution)
    if min(wanted) < 1:
        raise UsageError(f"A resolution must be positive, but it is {worded(resolution)}.")
    if x.ndim != 4 or x.shape[3] not in (1, 3) or x.dtype != np.uint8 or 0 in x.shape[1:]:
        raise UsageError(f"Images must be (n, H, W, 1 or 3) uint8, but are {x.shape} {x.dtype}.")
    if x.shape[1:3] == wanted:
        return x
    from PIL import Image

    cut = _middle_square(x) if height == width else x
    if cut.shape[1:3] == wanted:
        return np.ascontiguousarray(cut)
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
    _check_seed(seed)
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


def warnings_for(dataset: Dataset) -> list[str]:
    """Remarks in plain English on what may spoil results without being an error; empty when there is none."""
    train = np.bincount(dataset.y_train, minlength=dataset.classes)
    test = np.bincount(dataset.y_test, minlength=dataset.classes)
    names, least, most = dataset.class_names, int(train.argmin()), int(train.argmax())
    remarks = []
    if train[most] > MAX_IMBALANCE * train[least]:
        remarks.append(
            f"Classes are out of balance: {names[most]!r} has {train[most]} training images, "
            f"{names[least]!r} only {train[least]}. Accuracy will mostly measure the former."
        )
    few = int((train < MIN_PER_CLASS).sum())
    if few:
        remarks.append(
            f"{few} of {dataset.classes} classes have fewer than {MIN_PER_CLASS} training images; "
            f"{names[least]!r} has {train[least]}."
        )
    alone = int((train == 1).sum())
    if alone:
        remarks.append(
            f"{alone} of {dataset.classes} classes have one training image only, for example {names[least]!r}: a net "
            "cannot be trained, since training holds one image of each class out. Add images, or leave the class out."
        )
    if (test == 0).any():
        remarks.append(f"The test set has no image of {int((test == 0).sum())} of {dataset.classes} classes.")
    if all(np.array_equal(dataset.x_train[0], image) for image in dataset.x_train):
        remarks.append("All training images are the same: no net can tell their classes.")
    twice = shared(dataset.x_train, dataset.x_test)
    if twice:
        remarks.append(f"{twice} of {len(dataset.x_test)} test images occur in the training set too.")
    return remarks
