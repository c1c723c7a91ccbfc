"""From what is known of untrained nets to expected accuracy with an error bar.

No net of the population was trained, so the expectation is a prior, and is named wherever it is shown:

1. A line on the probit scale, fitted to trained nets, turns a net's own features (`zeroshot.accuracy.features`) into
   its size: how far above or below the average trained net it is expected to be.
2. A probed score may be evidence: what it says of a net beyond that net's size, against the mean of the population.
   Its level, which another task moves, does not count.
3. The fused proxies give an order. The net of fused rank i is matched to the i-th smallest size of its population
   (quantile matching): the proxies decide who is better, the sizes how far the population reaches. `trust` says how
   much of this replaces a net's own size.
4. Another task shifts the line by what a nearest-neighbour classifier, which needs no training, says about it.

The constants are in `constants.toml`, with their provenance: `STATIC` for nets of which only layers are known, `PROBED`
where the proxies that are its evidence have been computed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist
from scipy.special import ndtr, ndtri

from zeroshot.accuracy.features import FEATURES
from zeroshot.constants import FILE, RESTORE, shipped
from zeroshot.data import Dataset, resized
from zeroshot.errors import unknown
from zeroshot.runs.schema import Finite, Positive, Share, read_as
from zeroshot.types import FloatArray

Z80 = 1.2815515655446004  # half width of a central 80 % interval, standard deviations


# Scales from its centre that a feature may lie; further ones count as there. Nets of a fit lie within two, and a line
# says nothing about images of ten times their area.
FARTHEST = 3.0


@dataclass(frozen=True)
class Term:
    """One feature's part of the line: weight * z, z = (feature - centre) / scale kept within `FARTHEST` of 0.

    Attributes:
        feature: A name of `zeroshot.accuracy.features.FEATURES`.
        centre: Its mean over the nets of the fit.
        scale: Its standard deviation over them.
        weight: mu a standard deviation.
    """

    feature: str
    centre: Finite
    scale: Positive
    weight: Finite


@dataclass(frozen=True)
class Evidence:
    """One probed score's part of the size: weight * (x - mean of x over the population) / scale, kept as a `Term` is.

    x = score - slope * s, where s is the terms' part of the size.

    Attributes:
        proxy: Name of the proxy.
        slope: Of the score over s, per unit of mu, in the nets of the fit.
        scale: Standard deviation of x over them.
        weight: mu a standard deviation.
    """

    proxy: str
    slope: Finite
    scale: Positive
    weight: Finite


@dataclass(frozen=True, kw_only=True)
class AccuracyModel:
    """Constants of the prediction, on the probit scale mu = Phi^-1(accuracy).

    mu = intercept + (1 - trust) * size + trust * matched size + task_slope * (Phi^-1(anchor) - Phi^-1(reference)).

    Attributes:
        name: Shown beside every figure.
        source: Where the constants come from.
        intercept: mu of size 0 on the reference task.
        terms: What a net's size is the sum of.
        evidence: Probed scores that are added to it.
        trust: In the fused ranks, 0 to 1.
        task_slope: How much of the anchor's difference between tasks carries over.
        reference: Anchor of the reference task (CIFAR-10).
        sd_net: Standard deviation of a net around the line, mu.
        sd_task: Standard deviation that all nets of a task share, mu.
        sd_slope: Standard deviation, between tasks, of the factor on sizes.
    """

    name: str
    source: str
    intercept: Finite
    terms: tuple[Term, ...]
    evidence: tuple[Evidence, ...] = ()
    trust: Share
    task_slope: Finite
    reference: Finite
    sd_net: Positive
    sd_task: Positive
    sd_slope: Positive

    @property
    def inputs(self) -> tuple[str, ...]:
        """Features and proxies that it must be given."""
        return (*(term.feature for term in self.terms), *(each.proxy for each in self.evidence))

    def stretched(self, factor: float) -> "AccuracyModel":
        """The model under which every size is so many times as large."""
        return replace(
            self,
            terms=tuple(replace(term, weight=float(factor * term.weight)) for term in self.terms),
            evidence=tuple(replace(e, weight=float(factor * e.weight), slope=float(e.slope / factor))
                           for e in self.evidence),
        )  # fmt: skip

    def task_shift(self, anchor: float) -> float:
        """What another task adds to every mu, from its `task_anchor`."""
        return self.task_slope * float(ndtri(anchor) - ndtri(self.reference))


def model_of(values: Mapping[str, Any], where: str = FILE) -> AccuracyModel:
    """The model of one part of a file's [accuracy].

    Args:
        values: As read.
        where: The file, for the error.

    Raises:
        UsageError: A constant is missing, unknown, no finite number or out of range, or a feature is unknown.
    """
    model = read_as(AccuracyModel, values, where, RESTORE)
    for term in model.terms:
        if term.feature not in FEATURES:
            raise unknown("feature", term.feature, FEATURES, f"In {where}.")
    return model


STATIC = model_of(shipped()["accuracy"]["static"])
PROBED = model_of(shipped()["accuracy"]["probed"])


def prior_for(proxies: Iterable[str]) -> AccuracyModel:
    """The shipped model for nets on which these proxies were computed: `PROBED` if its evidence is among them."""
    return PROBED if {each.proxy for each in PROBED.evidence} <= set(proxies) else STATIC


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


def size(known: Mapping[str, FloatArray], model: AccuracyModel) -> FloatArray:
    """How far what is known of each net itself lifts its mu over the intercept.

    Args:
        known: Feature or proxy -> (n_nets,) float64; at least `inputs` of the model. A score that is undefined (NaN)
            says nothing of its net.
        model: The constants.

    Returns:
        (n_nets,) float64, mu.
    """
    parts = [term.weight * standardised(known[term.feature], term.centre, term.scale) for term in model.terms]
    own = np.asarray(np.sum(parts, axis=0), np.float64)
    total = own
    for each in model.evidence:
        beyond = known[each.proxy] - each.slope * own
        defined = np.isfinite(beyond)
        if defined.any():
            steps = standardised(beyond, beyond[defined].mean(), each.scale)
            total = total + each.weight * np.where(defined, steps, 0.0)
    return total


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


def believed(fused: FloatArray, known: Mapping[str, FloatArray], model: AccuracyModel) -> FloatArray:
    """Each net's size, ranks mixed in by the model's trust, (n_nets,) float64, mu; arguments as `expected_accuracy`."""
    own = size(known, model)
    return (1.0 - model.trust) * own + model.trust * matched(fused, own)


def expected_accuracy(
    fused: FloatArray, known: Mapping[str, FloatArray], anchor: float, classes: int, model: AccuracyModel
) -> FloatArray:
    """Expected accuracy of each net of a population.

    Args:
        fused: (n_nets,) float64, fused proxy ranks, higher is better.
        known: What is known of the nets, see `size`.
        anchor: `task_anchor` of the data.
        classes: Number of classes; nothing falls below chance.
        model: The constants.

    Returns:
        (n_nets,) float64, fractions. With full trust, equal ranks give equal accuracies.
    """
    mu = model.intercept + believed(fused, known, model) + model.task_shift(anchor)
    return np.asarray(np.clip(ndtr(mu), 1.0 / classes, 0.999))
