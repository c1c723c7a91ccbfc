"""From what is known of untrained nets to expected accuracy with an error bar.

No net of the population was trained, so the expectation is a prior, and is named wherever it is shown:

1. A line on the probit scale, fitted to trained nets, turns a net's own features (`zeroshot.features`) into its size:
   how far above or below the average trained net it is expected to be.
2. The fused proxies give an order. The net of fused rank i is matched to the i-th smallest size of its population
   (quantile matching): the proxies decide who is better, the sizes how far the population reaches. `trust` says how
   much of this replaces a net's own size.
3. Another task shifts the line by what a nearest-neighbour classifier, which needs no training, says about it.

The constants are in `constants.toml`, with their provenance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist
from scipy.special import ndtr, ndtri

from zeroshot._constants import FILE, shipped
from zeroshot.data import Dataset, resized
from zeroshot.errors import UsageError, unknown
from zeroshot.features import FEATURES

FloatArray = npt.NDArray[np.float64]

Z80 = 1.2815515655446004  # half width of a central 80 % interval, standard deviations


# Scales from its centre that a feature may lie; further ones count as there. Nets of a fit lie within two, and a line
# says nothing about images of ten times their area.
FARTHEST = 3.0


@dataclass(frozen=True)
class Term:
    """One feature's part of the line: weight * z, z = (feature - centre) / scale kept within `FARTHEST` of 0.

    Attributes:
        feature: A name of `zeroshot.features.FEATURES`.
        centre: Its mean over the nets of the fit.
        scale: Its standard deviation over them.
        weight: mu a standard deviation.
    """

    feature: str
    centre: float
    scale: float
    weight: float


@dataclass(frozen=True)
class AccuracyModel:
    """Constants of the prediction, on the probit scale mu = Phi^-1(accuracy).

    mu = intercept + (1 - trust) * size + trust * matched size + task_slope * (Phi^-1(anchor) - Phi^-1(reference)).

    Attributes:
        name: Shown beside every figure.
        source: Where the constants come from.
        intercept: mu of size 0 on the reference task.
        terms: What a net's size is the sum of.
        trust_static: Trust in the ranks of static proxies, 0 to 1.
        trust_probed: Trust in ranks that probed proxies took part in.
        task_slope: How much of the anchor's difference between tasks carries over.
        reference: Anchor of the reference task (CIFAR-10).
        sd_net: Standard deviation of a net around the line, mu.
        sd_task: Standard deviation that all nets of a task share, mu.
        sd_slope: Standard deviation, between tasks, of the factor on sizes.
    """

    name: str
    source: str
    intercept: float
    terms: tuple[Term, ...]
    trust_static: float
    trust_probed: float
    task_slope: float
    reference: float
    sd_net: float
    sd_task: float
    sd_slope: float

    def task_shift(self, anchor: float) -> float:
        """What another task adds to every mu, from its `task_anchor`."""
        return self.task_slope * float(ndtri(anchor) - ndtri(self.reference))


def model_of(values: Mapping[str, Any], where: str = FILE) -> AccuracyModel:
    """The model of a file's part [accuracy].

    Args:
        values: As read.
        where: The file, for the error.

    Raises:
        UsageError: A constant is missing, too many, no finite number or out of range, or a feature is unknown.
    """
    try:
        terms = tuple(
            Term(str(t["feature"]), *(float(t[key]) for key in ("centre", "scale", "weight"))) for t in values["terms"]
        )
        rest = {key: float(value) for key, value in values.items() if key not in {"name", "source", "terms"}}
        model = AccuracyModel(name=str(values["name"]), source=str(values["source"]), terms=terms, **rest)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{where} holds no accuracy model: {error}.", "Restore it from the repository.") from error
    for term in terms:
        if term.feature not in FEATURES:
            raise unknown("feature", term.feature, FEATURES)
    numbers = [*rest.values(), *(x for term in terms for x in (term.centre, term.scale, term.weight))]
    spreads = [model.sd_net, model.sd_task, model.sd_slope, *(term.scale for term in terms)]
    trusts = (model.trust_static, model.trust_probed)
    if not np.isfinite(numbers).all() or min(spreads) <= 0 or min(trusts) < 0 or max(trusts) > 1:
        raise UsageError(
            f"{where} has a constant that is not finite, a spread that is not positive, or a trust outside 0 to 1.",
            "Restore it from the repository.",
        )
    return model


PRIOR = model_of(shipped()["accuracy"])


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


def size(known: Mapping[str, FloatArray], model: AccuracyModel = PRIOR) -> FloatArray:
    """How far each net's own features lift its mu over the intercept.

    Args:
        known: Feature -> (n_nets,) float64; at least those of the model.
        model: The constants.

    Returns:
        (n_nets,) float64, mu.
    """
    parts = [term.weight * standardised(known[term.feature], term.centre, term.scale) for term in model.terms]
    return np.asarray(np.sum(parts, axis=0), np.float64)


def standardised(x: FloatArray, centre: npt.ArrayLike, scale: npt.ArrayLike) -> FloatArray:
    """Scales that each x lies over its centre, at most `FARTHEST` either way; shapes broadcast."""
    return np.asarray(np.clip((x - np.asarray(centre)) / np.asarray(scale), -FARTHEST, FARTHEST), np.float64)


def matched(fused: FloatArray, sizes: FloatArray) -> FloatArray:
    """The population's sizes in the order of the fused ranks; nets of one rank share the mean of their places.

    Args:
        fused: (n_nets,) float64, higher is better.
        sizes: (n_nets,) float64.

    Returns:
        (n_nets,) float64.
    """
    reached = np.empty_like(sizes)
    reached[np.argsort(fused, kind="stable")] = np.sort(sizes)
    _, group = np.unique(fused, return_inverse=True)
    return np.asarray((np.bincount(group, reached) / np.bincount(group))[group], np.float64)


def believed(
    fused: FloatArray, known: Mapping[str, FloatArray], trust: float, model: AccuracyModel = PRIOR
) -> FloatArray:
    """Each net's size with so much trust in the ranks, (n_nets,) float64, mu; arguments as `expected_accuracy`."""
    own = size(known, model)
    return (1.0 - trust) * own + trust * matched(fused, own)


def expected_accuracy(
    fused: FloatArray, known: Mapping[str, FloatArray], trust: float, anchor: float, classes: int,
    model: AccuracyModel = PRIOR,
) -> FloatArray:  # fmt: skip
    """Expected accuracy of each net of a population.

    Args:
        fused: (n_nets,) float64, fused proxy ranks, higher is better.
        known: The nets' features, see `size`.
        trust: Of the model, in these ranks.
        anchor: `task_anchor` of the data.
        classes: Number of classes; nothing falls below chance.
        model: The constants.

    Returns:
        (n_nets,) float64, fractions. With full trust, equal ranks give equal accuracies.
    """
    mu = model.intercept + believed(fused, known, trust, model) + model.task_shift(anchor)
    return np.asarray(np.clip(ndtr(mu), 1.0 / classes, 0.999))
