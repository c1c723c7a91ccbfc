"""A few short trainings on the user's data anchor the accuracy model: which nets to train, and what they say.

The last choice is among near-equals, and there the trainings pay: in rounds, the little and the big net of the pair
that would be named first and the single net that is its rival are trained, if they are not yet; then nets of the next
pairs. Untrained nets count with half a standard deviation more than is expected of them: what a net is overrated by is
found out before it is recommended, one that is underrated gets a chance (upper confidence bounds, Srinivas et al.,
ICML 2010). `python -m benchmarks.tasks` compares with other ways to choose.

With y = Phi^-1(measured accuracy) and s a net's size, the nets of one task follow

    y = intercept + o + (1 + g) s + e + c,   o ~ N(0, sd_task), g ~ N(0, FACTOR sd_slope), e ~ N(0, sd_net)

where c is the noise of counting on so many images, of which a share is common to all nets: they err on the same ones.
Offset o, factor g and every trained net's own e have a normal posterior in closed form, and few measurements move them
little. The spread of e is learnt too: its prior weighs as much as `PRIOR_NETS` measured nets (inverse gamma, at the
mean of o and g).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from zeroshot.accuracy.model import AccuracyModel
from zeroshot.errors import UsageError
from zeroshot.types import FloatArray, Int64Array

PRIOR_NETS = 8.0
# Of the variance of counting: nets err on the same images, so it does not average out over more nets. On nine tasks
# accuracies on validation and on test images differ by up to 0.12 mu for all nets, and by 0.02 to 0.08 more for each.
SHARED_NOISE = 0.6
HOPE = 0.5  # standard deviations
FACTOR = 0.25  # of `sd_slope`: nets that are all near the top say little of a slope, and would bend it for the others
ROUND = 3  # nets trained between two rankings: little, big, rival


@dataclass(frozen=True, eq=False)
class Calibration:
    """A population of which a few nets are trained, in rounds: it is asked for nets, and told their accuracies.

        calibration = Calibration(prior, sizes, n, images)
        while len(batch := calibration.next_best(order by calibration.hoped(expected by calibration.model))):
            calibration = calibration.told(batch, train(batch))

    Attributes:
        prior: The constants that nothing was measured for.
        sizes: (n_nets,), as `calibrated`.
        n: Nets to train at most.
        images: On which accuracies are measured.
        rows: (n_trained,) trained nets, in the order in which they were chosen.
        accuracy: (n_trained,) measured, inside (0, 1).
    """

    prior: AccuracyModel
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

    @cached_property
    def model(self) -> AccuracyModel:
        """Anchored by what was measured so far."""
        return calibrated(self.prior, self.sizes, self.rows, self.accuracy, self.images)

    def told(self, rows: Int64Array, accuracy: FloatArray) -> "Calibration":
        """With further nets trained."""
        return replace(self, rows=np.append(self.rows, rows), accuracy=np.append(self.accuracy, accuracy))

    def posterior(self, expected: FloatArray) -> FloatArray:
        """(n_nets,) mu, from what `model` expects: as it is, for trained nets as `updated`."""
        mu = expected.copy()
        mu[self.rows] = updated(mu[self.rows], self.model, self.accuracy, self.images)
        return mu

    def hoped(self, expected: FloatArray) -> FloatArray:
        """(n_nets,) mu, from what `model` expects: trained nets as `posterior`, of others more by `HOPE`."""
        mu = expected + HOPE * self.model.sd_net
        mu[self.rows] = self.posterior(expected)[self.rows]
        return mu

    def spread(self, sd: FloatArray) -> FloatArray:
        """(n_nets,) standard deviations of mu, what all nets share left out: of trained nets, what is left of sd."""
        left = sd.copy()
        left[self.rows] = left_unknown(self.model, self.accuracy, self.images)
        return left

    def next_best(self, order: Iterable[int]) -> Int64Array:
        """The next nets to train; none when all that may be are, or all of those of merit.

        Args:
            order: Rows that would be picked by `hoped`, best first.
        """
        trained = set(self.rows.tolist())
        fresh = [row for row in dict.fromkeys(map(int, order)) if row not in trained]
        return np.array(fresh[: min(ROUND, self.n - len(self.rows))], np.int64)


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
            nets, nor what these images share for the level of the task. None for no noise.

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
    weight = np.linalg.inv(_noise(model.sd_net, counted))
    precision = np.diag([model.sd_task**-2, (FACTOR * model.sd_slope) ** -2])
    covariance = np.asarray(np.linalg.inv(precision + design.T @ weight @ design), np.float64)
    wrong = ndtri(a) - base - s
    offset, factor = covariance @ (design.T @ weight @ wrong)
    left = wrong - offset - factor * s
    common = np.sqrt(SHARED_NOISE * counted)
    left = left - common * (common @ weight @ left)  # less what the images most likely did to all of them
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
        sd_task=float(np.sqrt(_variance(everyone, covariance).mean())),
        sd_slope=float(np.sqrt(covariance[1, 1])),
    )


def updated(mu: npt.ArrayLike, model: AccuracyModel, accuracy: npt.ArrayLike, images: int | None = None) -> FloatArray:
    """What trained nets are now expected to reach: predictions and measurements, with the weights of their precisions.

    Args:
        mu: (n,) predicted, by the model that these measurements anchored.
        model: The anchored model.
        accuracy: (n,) measured, fractions inside (0, 1).
        images: As `calibrated`; None takes the measurement for the truth.

    Returns:
        (n,) float64, mu.
    """
    predicted, a = np.asarray(mu, np.float64), np.asarray(accuracy, np.float64)
    noise = _noise(model.sd_net, _measured_noise(a, images))
    return np.asarray(predicted + model.sd_net**2 * np.linalg.solve(noise, ndtri(a) - predicted), np.float64)


def left_unknown(model: AccuracyModel, accuracy: npt.ArrayLike, images: int | None = None) -> FloatArray:
    """What is still not known of each trained net beside the others, standard deviation of mu; as `updated`.

    Returns:
        (n,) float64.
    """
    noise = _noise(model.sd_net, _measured_noise(np.asarray(accuracy, np.float64), images))
    explained = model.sd_net**4 * np.diag(np.linalg.inv(noise))
    return np.sqrt(np.maximum(model.sd_net**2 - explained, 0.0))


def _noise(sd_net: float, counted: FloatArray) -> FloatArray:
    """Covariance of measured mu around the line: nets' own spread, and counting, of which a share is common."""
    common = np.sqrt(SHARED_NOISE * counted)
    return np.asarray(np.diag(sd_net**2 + (1 - SHARED_NOISE) * counted) + np.outer(common, common), np.float64)


def _variance(sizes: FloatArray, covariance: FloatArray) -> FloatArray:
    """Of offset + factor * size, (n,)."""
    design = np.column_stack([np.ones_like(sizes), sizes])
    return np.asarray(np.einsum("ij,jk,ik->i", design, covariance, design), np.float64)


def _measured_noise(accuracy: FloatArray, images: int | None) -> FloatArray:
    """Variance of Phi^-1 of an accuracy counted on so many images (delta method); 0 where the count is not said.

    Taken at the mean of all accuracies: at each one's own, a net that was lucky would count less than one that was not.
    """
    if images is None or not len(accuracy):
        return np.zeros_like(accuracy)
    mean = float(accuracy.mean())
    density = np.exp(-0.5 * ndtri(mean) ** 2) / np.sqrt(2 * np.pi)
    return np.full_like(accuracy, mean * (1 - mean) / (images * density**2))
