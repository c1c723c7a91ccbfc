"""From scores to expected accuracy with an error bar.

No net of the population was trained, so the expectation is a prior, and is named wherever it is shown:

1. The fused proxies give the order. A net of fused rank i gets the i-th smallest log MACs of its population
   (quantile matching): the proxies decide who is better, the MACs how far the population reaches.
2. A line on the probit scale turns that capacity into accuracy; it was fitted to nets trained on CIFAR-10.
3. Another task shifts the line by what a nearest-neighbour classifier, which needs no training, says about it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist
from scipy.special import ndtr, ndtri

from zeroshot.data import Dataset, resized

FloatArray = npt.NDArray[np.float64]

Z80 = 1.2815515655446004  # half width of a central 80 % interval, standard deviations


@dataclass(frozen=True)
class AccuracyModel:
    """Constants of the prior, on the probit scale mu = Phi^-1(accuracy).

    mu = intercept + slope * (log10 capacity - 6) + task_slope * (Phi^-1(anchor) - Phi^-1(reference)).

    Attributes:
        name: Shown beside every figure.
        source: Where the constants come from.
        intercept: mu of 1 M MACs on the reference task.
        slope: mu a decade of MACs.
        task_slope: How much of the anchor's difference between tasks carries over.
        reference: Anchor of the reference task (CIFAR-10).
        sd_net: Standard deviation of a net around the line, mu.
        sd_task: Standard deviation that all nets of a task share, mu.
    """

    name: str
    source: str
    intercept: float
    slope: float
    task_slope: float
    reference: float
    sd_net: float
    sd_task: float


# Printed by benchmarks/accuracy_prior.py, except the two standard deviations (see there).
PRIOR = AccuracyModel(
    name="prior-1 (uncalibrated)",
    source="line through seven nets trained for 8 epochs on CIFAR-10; task shift from digits; spreads are guesses",
    intercept=0.5421,
    slope=0.3794,
    task_slope=0.6078,
    reference=0.2630,
    sd_net=0.20,
    sd_task=0.15,
)


def task_anchor(dataset: Dataset, seed: int = 0) -> float:
    """Accuracy of 5 nearest neighbours on 8x8 pixels: how hard a task is, from 2,000 training images, in a second.

    Half of the drawn images are the neighbours, the other half is classified; no test image is used.

    Returns:
        A fraction, kept inside (0.01, 0.99).
    """
    rows = np.random.default_rng(seed).permutation(len(dataset.y_train))[:2000]
    pixels = resized(dataset.x_train[rows], 8).reshape(len(rows), -1).astype(np.float64)
    half = len(rows) // 2
    labels = dataset.y_train[rows]
    near = np.argsort(cdist(pixels[half:], pixels[:half]), axis=1, kind="stable")[:, :5]
    votes = (labels[:half][near][:, :, None] == np.arange(dataset.classes)).sum(axis=1)
    return float(np.clip((votes.argmax(axis=1) == labels[half:]).mean(), 0.01, 0.99))


def expected_accuracy(
    fused: FloatArray, macs: npt.NDArray[np.int64], anchor: float, classes: int, model: AccuracyModel = PRIOR
) -> FloatArray:
    """Expected accuracy of each net of a population.

    Args:
        fused: (n_nets,) float64, fused proxy ranks, higher is better.
        macs: (n_nets,) int64.
        anchor: `task_anchor` of the data.
        classes: Number of classes; nothing falls below chance.
        model: The constants.

    Returns:
        (n_nets,) float64, fractions. Equal ranks give equal accuracies.
    """
    capacity = np.sort(np.log10(np.maximum(macs, 1).astype(np.float64)))
    order = np.argsort(fused, kind="stable")
    reached = np.empty_like(capacity)
    reached[order] = capacity
    # Nets that the proxies cannot tell apart share the mean of the capacities they stand for.
    _, group = np.unique(fused, return_inverse=True)
    reached = (np.bincount(group, reached) / np.bincount(group))[group]
    shift = model.task_slope * float(ndtri(anchor) - ndtri(model.reference))
    mu = model.intercept + model.slope * (reached - 6.0) + shift
    return np.asarray(np.clip(ndtr(mu), 1.0 / classes, 0.999))
