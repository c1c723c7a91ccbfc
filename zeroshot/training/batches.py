"""Training images in memory: the validation split, and augmented batches a whole batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from zeroshot.data import Dataset, channel_stats, resized
from zeroshot.data.arrays import Images, Labels, split
from zeroshot.errors import UsageError
from zeroshot.frontend.options import FrontEnd
from zeroshot.resolution import Resolution, shorter, sides
from zeroshot.training.augmentation import amplified, margins, padded, squares, stripes
from zeroshot.training.recipe import Recipe
from zeroshot.types import Float32Array

Rows = npt.NDArray[np.intp]
EVALUATION_BATCH = 512
MOTION_NOISE = 0.05  # in standard deviations of an axis, as Um et al. (arXiv 1706.00527) add it


@dataclass(frozen=True, eq=False)
class Split:
    """A data set whose training half is divided once more. The test half is for the final figures alone.

    Attributes:
        dataset: All of it.
        train: (n,) rows of the training half that nets are trained on.
        validation: (m,) rows of the training half on which epochs and thresholds are chosen; every class is among
            them.
    """

    dataset: Dataset
    train: Rows
    validation: Rows

    def images(self, part: str) -> Images:
        """Images of `train`, `validation` or `test`, (n, H, W, C) uint8."""
        whole = self.dataset
        return whole.x_test if part == "test" else whole.x_train[getattr(self, part)]

    def labels(self, part: str) -> Labels:
        """Labels of `train`, `validation` or `test`, (n,) int64."""
        whole = self.dataset
        return whole.y_test if part == "test" else whole.y_train[getattr(self, part)]


def hold_out(dataset: Dataset, seed: int, share: float = 0.1) -> Split:
    """Hold out a share of every class of the training half, at least one image; or the data's own validation part.

    Windows of one speaker or log are alike: what was divided by group is not divided again by chance.

    Raises:
        DataError: A class has one training image only.
        UsageError: The seed is negative.
    """
    if seed < 0:
        raise UsageError(f"A seed must not be negative, but it is {seed}.")
    if dataset.validation is not None:
        return Split(dataset, np.setdiff1d(np.arange(len(dataset.y_train)), dataset.validation), dataset.validation)
    return Split(dataset, *split(dataset.y_train, dataset.class_names, seed, share))


@dataclass(frozen=True, eq=False)
class Draw:
    """What was drawn for one batch: which images, and what is done to them.

    Attributes:
        rows: (size,) of the training images.
        shifts: (2, size), where crops begin in the padded images, down and right.
        mirrored: (size,) bool.
        grey: (size, height, width) bool, the pixels that a square covers, or stripes; None without them.
        gain: (size, 1, 1, 1) float32, dB, of sound; (size, 1, 1, axes) of motion; None without.
        noise: (size, 1, samples, axes) float32, steps that are added to motion.
    """

    rows: Rows
    shifts: Rows
    mirrored: npt.NDArray[np.bool_]
    grey: npt.NDArray[np.bool_] | None
    gain: Float32Array | None = None
    noise: Float32Array | None = None


class Normaliser:
    """Pixels to what a net sees: minus the training half's mean, over its standard deviation, channel by channel."""

    def __init__(self, dataset: Dataset) -> None:
        self.mean, std = channel_stats(dataset)
        self.std = np.where(std > 0, std, 1)  # as `zeroshot.data.batches` has it

    def __call__(self, x: Images) -> torch.Tensor:
        """(n, H, W, C) uint8 -> (n, C, H, W) float32, channels_last in memory."""
        # Over whole rows of pixels: channels alone, 1 or 3 long, are too short for vector instructions.
        width = x.shape[2]
        scale = np.tile(1 / (255 * self.std), width).astype(np.float32)
        shift = np.tile(-self.mean / self.std, width).astype(np.float32)
        out = x.reshape(len(x), x.shape[1], -1) * scale
        out += shift
        return torch.from_numpy(out.reshape(x.shape)).permute(0, 3, 1, 2)


class TrainingBatches:
    """The training images of one net, padded once; every epoch cuts its batches out of them.

    Args:
        data: The split.
        resolution: Of the net.
        recipe: Resolved.
        drawn_at: Resolution of another net whose random numbers these batches follow: the same images with the same
            crops, mirrors and squares, scaled; by default its own.
    """

    def __init__(self, data: Split, resolution: Resolution, recipe: Recipe, drawn_at: Resolution | None = None) -> None:
        self.labels = torch.from_numpy(data.labels("train").copy())
        self.data, self.normalise = data.dataset, Normaliser(data.dataset)
        self.recipe = recipe
        self.size = min(recipe.batch or 1, len(self.labels))
        self.count = len(self.labels) // self.size  # the rest of an epoch is left out, another one each time
        self.resolution, self.drawn_at = resolution, drawn_at or resolution
        self.shape, drawn_hw = sides(self.resolution), sides(self.drawn_at)
        self.margins, self.drawn_margins = (
            margins(self.data, recipe.crop or 0.0, size) for size in (self.shape, drawn_hw)
        )  # fmt: skip
        # The mean colour: what a zero is after normalising. A black border would be seen.
        self.grey = np.rint(255 * self.normalise.mean).astype(np.uint8)
        images = padded(self.data, resized(data.images("train"), resolution), self.margins, self.grey)
        self.padded = images
        windows = np.lib.stride_tricks.sliding_window_view(images, self.shape, axis=(1, 2))
        self.windows = windows.transpose(0, 1, 2, 4, 5, 3)  # image, shift down, shift right, H, W, C

    def epoch(self, seed: int, number: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches of one epoch: images (size, C, H, W) float32 and labels (size,) int64."""
        for draw in self.draws(seed, number):
            yield self.normalise(self._augmented(draw)), self.labels[torch.from_numpy(draw.rows)]

    def draws(self, seed: int, number: int) -> Iterator[Draw]:
        """What each batch of one epoch is made of.

        Everything random derives from the seed and the epoch's number, so that a training resumed at an epoch sees
        the batches that it would have seen.
        """
        rng = np.random.default_rng([seed, number])
        drawn = self.size * self.count
        order = class_by_class(self.labels.numpy(), drawn, rng) if self.recipe.balance else (
            rng.permutation(len(self.labels))
        )  # fmt: skip
        for rows in order[:drawn].reshape(self.count, self.size):
            yield self._draw(rows, rng)

    def _draw(self, rows: Rows, rng: np.random.Generator) -> Draw:
        shifts = self._shifts(rng, len(rows))
        mirrored = rng.random(len(rows)) < 0.5 if self.recipe.flip else np.zeros(len(rows), bool)
        covered = self._covered(rng, len(rows))
        return Draw(rows, shifts, mirrored, covered, *self._gain(rng, len(rows)))

    def _augmented(self, draw: Draw) -> Images:
        # One gather for the crops of the whole batch: 0.1 ms for 128 images of 32x32x3.
        x: Images = np.ascontiguousarray(self.windows[draw.rows, draw.shifts[0], draw.shifts[1]])
        if draw.mirrored.any():
            x[draw.mirrored] = x[draw.mirrored, :, ::-1]
        if draw.gain is not None:
            x = amplified(self.data, x, draw.gain, draw.noise)
        if draw.grey is not None:
            x[draw.grey] = self.grey
        return x

    def _covered(self, rng: np.random.Generator, n: int) -> npt.NDArray[np.bool_] | None:
        drawn_hw, share = sides(self.drawn_at), self.recipe.cutout
        if isinstance(self.data.front_end, FrontEnd):
            return stripes(rng, n, drawn_hw, share) if share else None
        side = round(share * shorter(self.drawn_at))
        if not side:
            return None
        found = squares(rng, n, drawn_hw, side)
        down, right = (np.arange(own) * drawn // own for own, drawn in zip(self.shape, drawn_hw, strict=True))
        return np.asarray(found[:, down[:, None], right], bool)

    def _gain(self, rng: np.random.Generator, n: int) -> tuple[Float32Array | None, Float32Array | None]:
        """Gain, and noise of motion."""
        front_end, axes = self.data.front_end, self.data.channels
        if front_end is None or not self.recipe.gain:
            return None, None
        gain = (self.recipe.gain * rng.standard_normal((n, 1, 1, axes))).astype(np.float32)
        if isinstance(front_end, FrontEnd):
            return gain, None
        noise = MOTION_NOISE * 255 * self.normalise.std * rng.standard_normal((n, *self.shape, axes))
        return gain, noise.astype(np.float32)

    def _shifts(self, rng: np.random.Generator, n: int) -> Rows:
        """(2, n): where crops begin in the padded images, down and right."""
        return np.stack([
            _scaled(rng.integers(0, 2 * drawn + 1, n), own, drawn)
            for own, drawn in zip(self.margins, self.drawn_margins, strict=True)
        ])  # fmt: skip


def class_by_class(labels: Labels, count: int, rng: np.random.Generator) -> Rows:
    """Rows of images in rounds, in each of which every class comes once: (count,).

    Every image of a class comes once before one comes again, so those of a rare class come often, and of a common one
    not all do. Of any images in a row, classes differ by two at most.
    """
    members = [np.flatnonzero(labels == each) for each in np.unique(labels)]
    rounds = -(-count // len(members))
    turns = [np.concatenate([rng.permutation(own) for _ in range(-(-rounds // len(own)))])[:rounds] for own in members]
    return np.asarray(rng.permuted(np.stack(turns, axis=1), axis=1).reshape(-1)[:count], np.intp)


def _scaled(shifts: Rows, margin: int, drawn_margin: int) -> Rows:
    """Shifts that were drawn for one margin, for another."""
    if not drawn_margin:
        return np.full_like(shifts, margin)  # nothing is cropped
    return np.asarray(np.rint(shifts * (margin / drawn_margin)), np.intp)


def inputs(data: Split, part: str, resolution: Resolution) -> torch.Tensor:
    """All images of one part as a net sees them without augmentation, (n, C, H, W) float32."""
    return Normaliser(data.dataset)(resized(data.images(part), resolution))


def logits(module: torch.nn.Module, x: torch.Tensor) -> Float32Array:
    """Outputs of a net in evaluation mode, float32 throughout, (n, classes) float32."""
    was = module.training
    module.eval()
    with torch.no_grad():
        parts = [x[i : i + EVALUATION_BATCH] for i in range(0, len(x), EVALUATION_BATCH)]
        out = torch.cat([module(part) for part in parts])
    module.train(was)
    return np.asarray(out.numpy(), np.float32)
