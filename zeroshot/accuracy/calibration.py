"""A few short trainings on the user's data anchor the accuracy model: which nets to train, and what they say.

A quarter of the trainings is spread over what is expected; they place the line. The others are of nets that the
ranking would pick so far, two at a time, if every untrained net reached the upper end of its 80 % interval: a net that
the line overrates is found out before it is recommended, one that it underrates gets a chance (upper confidence bounds,
Srinivas et al., ICML 2010). On 64 calibration nets of the zoo, with sizes of cross-validation, that lost less accuracy
than the same without the benefit of the doubt, or than spreading half or all of the trainings.

With y = Phi^-1(measured accuracy) and s a net's size, the nets of one task follow

    y = intercept + o + (1 + g) s + e,   o ~ N(0, sd_task), g ~ N(0, sd_slope), e ~ N(0, sd_net)

so offset o and factor g have a normal posterior in closed form, and few measurements move them little. The spread of
e is learnt too: its prior weighs as much as `PRIOR_NETS` measured nets (inverse gamma, at the mean of o and g).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from zeroshot.accuracy.model import Z80, AccuracyModel
from zeroshot.errors import UsageError
from zeroshot.types import FloatArray, Int64Array

PRIOR_NETS = 8.0
# Nets err on the same images, so about half of the noise of an accuracy is the draw of the images, shared by all nets:
# it does not average out over more nets.
SHARED_NOISE = 0.5
SPREAD = 4  # one in so many trainings is spread
ROUND = 2  # nets trained between two rankings


@dataclass(frozen=True, eq=False)
class Calibration:
    """A population of which a few nets are trained, in rounds: it is asked for nets, and told their accuracies.

        calibration = Calibration(prior, prior, sizes, n, images)
        batch = calibration.spread()
        while len(batch):
            calibration = calibration.told(batch, train(batch))
            batch = calibration.next_best(order by calibration.hoped(expected by calibration.model))

    Attributes:
        prior: The constants that nothing was measured for.
        model: Anchored by what was measured.
        sizes: (n_nets,), as `calibrated`.
        n: Nets to train at most.
        images: On which accuracies are measured.
        rows: (n_trained,) trained nets, in the order in which they were chosen.
        accuracy: (n_trained,) measured, inside (0, 1).
    """

    prior: AccuracyModel
    model: AccuracyModel
    sizes: FloatArray
    n: int
    images: int
    rows: Int64Array = field(default_factory=lambda: np.zeros(0, np.int64))
    accuracy: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        """Insist on a net to train.

        Raises:
            UsageError: There is none.
        """
        if self.n < 1:
            raise UsageError(f"{self.n} nets cannot anchor anything.", "Train one at least.")

    @property
    def n_spread(self) -> int:
        """So many of the first are chosen by design, the others by optimistic merit."""
        return max(1, self.n // SPREAD)

    def spread(self) -> Int64Array:
        """The nets to train first, see `choose_design`."""
        return choose_design(self.sizes, self.n_spread)

    def told(self, rows: Int64Array, accuracy: FloatArray) -> "Calibration":
        """With further nets trained, and the model anchored by all of them."""
        rows, accuracy = np.append(self.rows, rows), np.append(self.accuracy, accuracy)
        model = calibrated(self.prior, self.sizes, rows, accuracy, self.images)
        return replace(self, rows=rows, accuracy=accuracy, model=model)

    def posterior(self, expected: FloatArray) -> FloatArray:
        """(n_nets,) mu, from what `model` expects: as it is, for trained nets as `updated`."""
        mu = expected.copy()
        mu[self.rows] = updated(mu[self.rows], self.model, self.accuracy, self.images)
        return mu

    def hoped(self, expected: FloatArray) -> FloatArray:
        """(n_nets,) mu, from what `model` expects: trained nets as `posterior`, of others the upper ends."""
        mu = expected + Z80 * self.model.sd_net
        mu[self.rows] = self.posterior(expected)[self.rows]
        return mu

    def next_best(self, order: Iterable[int]) -> Int64Array:
        """The next nets to train; none when all that may be are, or all of those of merit.

        Args:
            order: Rows that would be picked by `hoped`, best first.
        """
        trained = set(self.rows.tolist())
        fresh = [row for row in dict.fromkeys(map(int, order)) if row not in trained]
        return np.array(fresh[: min(ROUND, self.n - len(self.rows))], np.int64)


def choose_design(predicted: npt.ArrayLike, n: int) -> Int64Array:
    """Nets to train, spread evenly over what is predicted: the middle net of each of n equal parts of the order.

    Offset and factor are then known best where the nets are, and no part of the population goes unseen; the very
    ends, which most likely are no typical nets, are left alone.

    Args:
        predicted: (n_nets,), sizes, mu or accuracies.
        n: Nets to choose.

    Returns:
        (n,) rows, ascending, all different.

    Raises:
        UsageError: There are fewer nets than that, or n is negative.
    """
    values = np.asarray(predicted, np.float64)
    if not 0 <= n <= len(values):
        raise UsageError(f"{n} nets cannot be chosen out of {len(values)}.", "Ask for fewer.")
    places = (np.arange(n) + 0.5) * len(values) / max(n, 1)
    return np.sort(np.argsort(values, kind="stable")[places.astype(np.int64)])


def calibrated(
    model: AccuracyModel, sizes: npt.ArrayLike, trained: npt.ArrayLike, accuracy: npt.ArrayLike,
    images: int | None = None,
) -> AccuracyModel:  # fmt: skip
    """The model after some nets were trained on the user's own task.

    Args:
        model: The constants for the task so far.
        sizes: (n_nets,), of the population as the model sees it: own or matched ones, or a mixture by trust.
        trained: (n,) its rows that were trained.
        accuracy: (n,), measured, fractions inside (0, 1).
        images: On which all these accuracies were measured; their noise is then not taken for a difference between
            nets, and `sd_task` does not fall below what these images share. None for no noise.

    Returns:
        A model whose `sd_task` is what remains unknown of the task, on average over the population.

    Raises:
        UsageError: Lengths differ, or an accuracy lies outside (0, 1).
    """
    everyone, rows, a = np.asarray(sizes, np.float64), np.asarray(trained, np.int64), np.asarray(accuracy, np.float64)
    if everyone.ndim != 1 or rows.ndim != 1 or rows.shape != a.shape or not ((a > 0) & (a < 1)).all():
        raise UsageError("Each trained net needs one accuracy between 0 and 1.", "Did a training diverge?")
    s = everyone[rows]
    base = model.intercept
    if not len(s):
        return model
    design = np.column_stack([np.ones_like(s), s])
    counted = _measured_noise(a, images)
    noise = model.sd_net**2 + (1 - SHARED_NOISE) * counted
    precision = np.diag([model.sd_task**-2, model.sd_slope**-2])
    covariance = np.asarray(np.linalg.inv(precision + design.T @ (design / noise[:, None])), np.float64)
    wrong = ndtri(a) - base - s
    offset, factor = covariance @ (design.T @ (wrong / noise))
    left = wrong - offset - factor * s
    # What the line took up is not lost: the expected square of a residual is its square plus the line's variance.
    line = _variance(s, covariance)
    seen = np.maximum(left**2 + line - (1 - SHARED_NOISE) * counted, 0.0)
    sd_net = np.sqrt((PRIOR_NETS * model.sd_net**2 + seen.sum()) / (PRIOR_NETS + len(s)))
    return replace(
        model.stretched(1.0 + factor),
        name=f"{model.name} + {len(s)} trained",
        source=f"{model.source}; anchored by {len(s)} nets trained on this task",
        intercept=float(base + offset),
        sd_net=float(sd_net),
        sd_task=float(np.sqrt(_variance(everyone, covariance).mean() + SHARED_NOISE * counted.mean())),
        sd_slope=float(np.sqrt(covariance[1, 1])),
    )


def updated(mu: npt.ArrayLike, model: AccuracyModel, accuracy: npt.ArrayLike, images: int | None = None) -> FloatArray:
    """What a trained net is now expected to reach: prediction and measurement, each with the weight of its precision.

    Args:
        mu: (n,) predicted, by the anchored model.
        model: The anchored model.
        accuracy: (n,) measured, fractions inside (0, 1).
        images: As `calibrated`; None takes the measurement for the truth.

    Returns:
        (n,) float64, mu.
    """
    predicted, a = np.asarray(mu, np.float64), np.asarray(accuracy, np.float64)
    noise = _measured_noise(a, images)
    measured = model.sd_net**2 / (model.sd_net**2 + noise)
    return np.asarray(predicted + measured * (ndtri(a) - predicted), np.float64)


def _variance(sizes: FloatArray, covariance: FloatArray) -> FloatArray:
    """Of offset + factor * size, (n,)."""
    design = np.column_stack([np.ones_like(sizes), sizes])
    return np.asarray(np.einsum("ij,jk,ik->i", design, covariance, design), np.float64)


def _measured_noise(accuracy: FloatArray, images: int | None) -> FloatArray:
    """Variance of Phi^-1 of an accuracy counted on so many images (delta method); 0 where the count is not said."""
    if images is None:
        return np.zeros_like(accuracy)
    density = np.exp(-0.5 * ndtri(accuracy) ** 2) / np.sqrt(2 * np.pi)
    return np.asarray(accuracy * (1 - accuracy) / (images * density**2), np.float64)
