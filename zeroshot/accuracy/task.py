"""What a task says about the accuracy of nets before any is trained, from training images alone, in about a second.

The anchor is the accuracy of a readout that learns as much as can be learnt without training a net: ridge regression
on how strongly random patches of the images themselves, whitened, answer in the four quarters of an image (Coates, Ng
and Lee, AISTATS 2011, with drawn instead of learnt patches). It falls and rises with the pixels, the colours, the
classes and the number of images as small nets do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from zeroshot.data import Dataset, resized
from zeroshot.resolution import Resolution, resolution_of
from zeroshot.types import BoolArray, ByteArray, Float32Array, FloatArray, Int64Array
from zeroshot.workers import one_blas_thread

MOST_IMAGES, SIDE = 2000, 24  # drawn, and pixels that their shorter side is brought to
LONGEST = 96  # pixels of the longer side
PATCHES, PATCH, STRIDE = 64, 6, 2
SAMPLES, RUN = 256, 18  # of a signal, and of one of its patches
CANDIDATES = 20  # patches that are drawn for one that is kept: their covariance whitens
FOLDS = 5
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
FLAT = 0.05  # of the range of pixels: added to an image's contrast, so that a flat one stays flat
NOISE = 0.01  # of the largest variance of patches, added to each: what is smaller is noise
MANY = 1000  # images that anchors of the tasks of the fit are counted on, at least
NOISE_SDS = 3.0  # an anchor that is no farther above guessing has read nothing
LEAST, MOST = 0.01, 0.995  # that an anchor can be: beyond them a probit says more about luck than about the task


@dataclass(frozen=True)
class TaskTraits:
    """What is known of a task.

    Attributes:
        anchor: `task_anchor` of it.
        images: Training images.
        steps: Of the training that accuracies are expected of.
        counted: Images on which they are measured; 0 for so many that counting has no noise.
        guessed: Accuracy of always answering the commonest training class; 0 where it is not known.
        read_on: Images that the anchor is counted on, by their weights; 0 for so many that counting has no noise.
    """

    anchor: float
    images: int
    steps: int
    counted: int = 0
    guessed: float = 0.0
    read_on: float = 0.0

    @property
    def read(self) -> bool:
        """Whether the anchor is above guessing by more than noise: else the images say nothing that it can read."""
        noise = np.sqrt(self.guessed * (1 - self.guessed) / self.read_on) if self.read_on else 0.0
        return not self.guessed or bool(self.anchor > max(LEAST, self.guessed + NOISE_SDS * noise))

    @property
    def doubt(self) -> float:
        """Standard deviation of the anchor's probit from counting, beyond that of anchors on `MANY` images."""
        more = max(0.0, 1 / self.read_on - 1 / MANY) if self.read_on else 0.0
        density = np.exp(-0.5 * ndtri(self.anchor) ** 2) / np.sqrt(2 * np.pi)
        return float(np.sqrt(self.anchor * (1 - self.anchor) * more) / density)


def task_anchor(dataset: Dataset, seed: int = 0) -> float:
    """Accuracy of a readout of random patches, by cross-validation on at most 2,000 training images.

    Classes count with their shares in the test half, so that a lopsided training half does not flatter. Data that were
    divided by group are read on their validation part alone, from the rest: what a readout knows of one speaker's
    words by the others' is what is asked, and drawn by chance both would be the same speaker's.

    Returns:
        A fraction, kept inside (0.01, 0.995).
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(dataset.y_train))
    counted = np.ones(len(rows), bool)
    if dataset.validation is not None:
        held = np.isin(rows, dataset.validation)
        some = rows[held][: MOST_IMAGES // FOLDS]
        rows = np.concatenate([some, rows[~held]])
        counted = np.arange(len(rows)) < len(some)
    rows, counted = rows[:MOST_IMAGES], counted[:MOST_IMAGES]
    labels = dataset.y_train[rows]
    answers = patch_answers(_contrasts(dataset.x_train[rows]), rng)
    weight = class_weights(labels[counted], dataset.y_test, dataset.classes)
    folds = np.arange(len(labels)) % min(FOLDS, len(labels)) if counted.all() else np.where(counted, 0, 1)
    with one_blas_thread():
        right = cross_validated(answers, labels, folds, dataset.classes, PENALTIES)
    return float(np.clip(max((weight * each[counted]).sum() for each in right), LEAST, MOST))


def guessing(dataset: Dataset) -> tuple[float, float]:
    """What always answering the commonest training class gets on the test half, and the images under an anchor.

    Returns:
        A fraction, at least one over the classes and at most 0.995; and the number of images, were all of one weight,
        that would count as exactly as those drawn do.
    """
    train, test = (np.bincount(y, minlength=dataset.classes) for y in (dataset.y_train, dataset.y_test))
    shares = test / test.sum()
    drawn = train * min(1.0, MOST_IMAGES / train.sum())
    if dataset.validation is not None:
        held = np.bincount(dataset.y_train[dataset.validation], minlength=dataset.classes)
        drawn = np.maximum(held, 1) * min(1.0, MOST_IMAGES / FOLDS / held.sum())
    guessed = float(np.clip(shares[train.argmax()], 1 / dataset.classes, MOST))
    return guessed, float(1 / (shares**2 / drawn).sum())


def class_weights(labels: Int64Array, test: Int64Array, classes: int) -> FloatArray:
    """Weight of each drawn image, (n,), sum 1: a class has its share in the test half; those not drawn have none."""
    drawn, there = (np.bincount(y, minlength=classes).astype(np.float64) for y in (labels, test))
    weight = (there / np.maximum(drawn, 1))[labels]
    return np.asarray(weight / weight.sum() if weight.sum() else np.full(len(labels), 1 / len(labels)), np.float64)


def _contrasts(images: ByteArray) -> Float32Array:
    """(n, H, W, C) uint8 -> (n, h, w, C) float32, each image less its mean, over its standard deviation."""
    x = resized(images, _looked_at(*images.shape[1:3])).astype(np.float32) / 255
    mean, spread = x.mean(axis=(1, 2, 3), keepdims=True), x.std(axis=(1, 2, 3), keepdims=True)
    return np.asarray((x - mean) / (spread + FLAT), np.float32)


def _looked_at(height: int, width: int) -> Resolution:
    """Size that images are brought to: such that the places of patches divide into quarters."""
    if height == 1 < width:
        return 1, SAMPLES
    short = min(height, width)
    return resolution_of(*(min(4 * round(SIDE * each / short / 4), LONGEST) for each in (height, width)))


def patch_answers(x: Float32Array, rng: np.random.Generator) -> FloatArray:
    """How strongly random patches answer, (n, 8 * PATCHES) float64, standardised columns.

    Args:
        x: (n, SIDE, SIDE, C), or of another size of `_looked_at`; the quarters of a signal follow each other.
        rng: Draws the patches.
    """
    signal = x.shape[1] == 1
    patch, (rows, columns) = ((1, RUN), (1, 4)) if signal else ((PATCH, PATCH), (2, 2))
    views = np.lib.stride_tricks.sliding_window_view(x, patch, axis=(1, 2))  # image, down, right, C, patch
    n = CANDIDATES * PATCHES
    image, top, left = (rng.integers(0, choices, n) for choices in views.shape[:3])
    drawn = views[image, top, left].reshape(n, -1).astype(np.float64)
    mean = drawn.mean(axis=0)
    value, vector = np.linalg.eigh(np.cov(drawn.T))
    whiten = (vector / np.sqrt(np.maximum(value, 0) + NOISE * max(float(value.max()), 1e-6))) @ vector.T
    kept = (drawn[:PATCHES] - mean) @ whiten
    kept /= np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-9)
    filters: Float32Array = (kept @ whiten).astype(np.float32)
    offset = (filters @ mean).astype(np.float32)
    places = views[:, ::STRIDE, ::STRIDE]
    down, right = places.shape[1] // rows, places.shape[2] // columns
    parts = []
    for start in range(0, len(x), 100):
        some = np.ascontiguousarray(places[start : start + 100]).reshape(-1, filters.shape[1])
        y = (some @ filters.T - offset).reshape(-1, rows, down, columns, right, PATCHES)
        parts.append(np.stack([np.maximum(y, 0).mean(axis=(2, 4)), np.maximum(-y, 0).mean(axis=(2, 4))], axis=-1))
    found = np.concatenate(parts).reshape(len(x), -1).astype(np.float64)
    return np.asarray((found - found.mean(axis=0)) / np.maximum(found.std(axis=0), 1e-6), np.float64)


def cross_validated(
    answers: FloatArray, labels: Int64Array, folds: Int64Array, classes: int, penalties: Sequence[float]
) -> BoolArray:
    """Whether each image is classified right by a ridge regression on the images of the other folds.

    It minimises the squared error of targets -1 and 1, one a class, plus penalty * columns / 1000 an image times the
    squared weights.

    Returns:
        (penalties, n) bool.
    """
    target = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0)
    right = np.zeros((len(penalties), len(labels)), bool)
    for fold in range(int(folds.max()) + 1):
        fit, rest = folds != fold, folds == fold
        if not fit.any():
            continue
        a, mean = answers[fit], target[fit].mean(axis=0)
        products, answer = a.T @ a, a.T @ (target[fit] - mean)  # what takes longest, and no penalty changes
        for found, penalty in zip(right, penalties, strict=True):
            ridge = penalty * len(a) * a.shape[1] / 1000
            weight = np.linalg.solve(products + ridge * np.eye(a.shape[1]), answer)
            found[rest] = (answers[rest] @ weight + mean).argmax(axis=1) == labels[rest]
    return right
