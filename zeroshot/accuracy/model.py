"""From what is known of untrained nets to expected accuracy with an error bar.

No net of the population was trained, so the expectation is a prior, and is named wherever it is shown:

1. A line on the probit scale, fitted to trained nets, turns a net's own features (`zeroshot.accuracy.features`) into
   its size: how far above or below the average trained net it is expected to be. No weight of it is negative.
2. A probed score may be evidence: what it says of a net beyond that net's size, against the mean of the population.
   Its level, which another task moves, does not count.
3. The fused proxies give an order. The net of fused rank i is matched to the i-th smallest size of its population
   (quantile matching): the proxies decide who is better, the sizes how far the population reaches. `trust` says how
   much of this replaces a net's own size.
4. A task has a level and a factor on sizes, from its `TaskTraits`, which need no training. More steps of training than
   those of the fit add to the level, and more to nets that can still learn: those that write many activations.
5. Where the images say nothing that the task's anchor could read, nothing is expected of any net but guessing, with
   a bar that reaches far up.
6. What lies outside the range of the fit is not cut off: it widens that net's error bar.

The constants are in `constants.toml`, with their provenance: `STATIC` for nets of which only layers are known, `PROBED`
where the proxies that are its evidence have been computed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from zeroshot.accuracy.features import FEATURES
from zeroshot.accuracy.task import TaskTraits
from zeroshot.constants import FILE, RESTORE, shipped
from zeroshot.errors import unknown
from zeroshot.runs.schema import Finite, Positive, Share, read_as
from zeroshot.types import FloatArray

Z80 = 1.2815515655446004  # half width of a central 80 % interval, standard deviations


CERTAIN = 0.9999  # the highest accuracy that is expected of anything
FARTHEST = 3.0  # scales from its centre that a feature may lie before it widens the bar; nets of a fit lie within
FLATTEST = 0.2  # the least factor on sizes
# Of a task that its anchor cannot read: what nets get there, mu, twice what levels of tasks lie above their anchors;
# and how far under guessing a net of size 0 is put, more than the flattest sizes reach.
UNREAD_SD, UNREAD = 0.5, 0.25
UNLIKE = "The data are unlike all tasks that levels of accuracy were learnt from"  # see `likest`
TENFOLD = 4.0  # log10 of the training images, and of the steps of a training, that count from here


@dataclass(frozen=True)
class Term:
    """One feature's part of the line: weight * z, z = (feature - centre) / scale.

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
    """One probed score's part of the size: weight * (x - mean of x over the population) / scale, within `FARTHEST`.

    x = score - slope * s, where s is the terms' part of the size.

    Attributes:
        proxy: Name of the proxy.
        logarithm: Whether its natural logarithm is the score; zero or less is then undefined.
        slope: Of the score over s, per unit of mu, in the nets of the fit.
        scale: Standard deviation of x over them.
        weight: mu a standard deviation.
    """

    proxy: str
    logarithm: bool
    slope: Finite
    scale: Positive
    weight: Finite

    def score(self, values: FloatArray) -> FloatArray:
        """What counts of the proxy's values, (n,) float64, NaN where it is undefined."""
        if not self.logarithm:
            return values
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(values > 0, np.log(values), np.nan), np.float64)


@dataclass(frozen=True)
class Level:
    """What a task's traits say of all its nets, on the probit scale; x = log10 of a number less `TENFOLD`.

    Attributes:
        base: Of a net of size 0 where all x are 0.
        anchor: A unit of the anchor's probit.
        images: Ten times as many training images.
        steps: Ten times as many steps of the training.
        factor: On sizes.
        factor_images: Added to it for ten times as many training images.
    """

    base: Finite
    anchor: Finite
    images: Finite
    steps: Finite
    factor: Finite
    factor_images: Finite

    def intercept(self, task: TaskTraits) -> float:
        """The mu of a net of size 0."""
        images, steps = np.log10(task.images) - TENFOLD, np.log10(task.steps) - TENFOLD
        return float(self.base + self.anchor * ndtri(task.anchor) + self.images * images + self.steps * steps)

    def stretch(self, task: TaskTraits) -> float:
        """What sizes are multiplied by; never less than a fifth, or nets would be all alike."""
        return float(max(FLATTEST, self.factor + self.factor_images * (np.log10(task.images) - TENFOLD)))


@dataclass(frozen=True, kw_only=True)
class AccuracyModel:
    """Constants of the prediction for one task, on the probit scale mu = Phi^-1(accuracy).

    mu = intercept + (1 - trust) * size + trust * matched size.

    Attributes:
        name: Shown beside every figure.
        source: Where the constants come from.
        intercept: mu of size 0; as shipped, on the task of the fit.
        terms: What a net's size is the sum of.
        evidence: Probed scores that are added to it.
        longer: What ten times as many steps of training add to it beyond what they add to every net.
        trust: In the fused ranks, 0 to 1.
        level: How another task differs.
        steps: Of the trainings of the fit.
        sd_net: Standard deviation of a net around the line, mu.
        sd_longer: Standard deviation of what ten times as many steps add to a net, around `longer`, mu.
        sd_task: Standard deviation that all nets of a task share, mu; as shipped, to be multiplied by `growth`.
        sd_slope: Standard deviation, between tasks, of the factor on sizes, as a share of it.
        counted: Images on which accuracies are measured; 0 for so many that counting has no noise.
        guessed: Accuracy of always answering the commonest class: nothing is expected below it.
        tenfolds: As the function; as shipped 0, the training of the fit.
    """

    name: str
    source: str
    intercept: Finite
    terms: tuple[Term, ...]
    evidence: tuple[Evidence, ...] = ()
    longer: tuple[Term, ...] = ()
    trust: Share
    level: Level
    steps: Positive
    sd_net: Positive
    sd_longer: Positive
    sd_task: Positive
    sd_slope: Positive
    counted: int = 0
    guessed: float = 0.0
    tenfolds: float = 0.0

    @property
    def inputs(self) -> tuple[str, ...]:
        """Features and proxies that it must be given."""
        return (*(term.feature for term in (*self.terms, *self.longer)), *(each.proxy for each in self.evidence))

    def on(self, task: TaskTraits) -> "AccuracyModel":
        """The model for a task."""
        level, stretch = self.level.intercept(task), self.level.stretch(task)
        sd_task = float(np.hypot(self.sd_task * growth(level), self.level.anchor * task.doubt))
        if not task.read:
            level, stretch, sd_task = float(ndtri(task.guessed)) - UNREAD, FLATTEST, UNREAD_SD
        longer = tenfolds(task, self)
        return replace(
            self.stretched(stretch), intercept=level, sd_task=sd_task, counted=task.counted, guessed=task.guessed,
            tenfolds=longer, sd_net=float(np.hypot(self.sd_net, longer * self.sd_longer)),
        )  # fmt: skip

    def stretched(self, factor: float) -> "AccuracyModel":
        """The model under which every size is so many times as large."""
        return replace(
            self,
            terms=tuple(replace(term, weight=float(factor * term.weight)) for term in self.terms),
            longer=tuple(replace(term, weight=float(factor * term.weight)) for term in self.longer),
            evidence=tuple(replace(e, weight=float(factor * e.weight), slope=float(e.slope / factor))
                           for e in self.evidence),
        )  # fmt: skip


def model_of(values: Mapping[str, Any], where: str = FILE) -> AccuracyModel:
    """The model of one part of a file's [accuracy].

    Args:
        values: As read.
        where: The file, for the error.

    Raises:
        UsageError: A constant is missing, unknown, no finite number or out of range, or a feature is unknown.
    """
    model = read_as(AccuracyModel, values, where, RESTORE)
    for term in (*model.terms, *model.longer):
        if term.feature not in FEATURES:
            raise unknown("feature", term.feature, FEATURES, f"In {where}.")
    return model


@dataclass(frozen=True)
class KnownTask:
    """A task that the levels were fitted to.

    Attributes:
        name: Of it.
        anchor: As `TaskTraits`.
        images: As `TaskTraits`.
    """

    name: str
    anchor: Share
    images: int

    def traits(self, steps: int) -> TaskTraits:
        """What is known of it, with so many steps of training."""
        return TaskTraits(self.anchor, self.images, steps)

    def distance(self, task: TaskTraits) -> float:
        """How unlike another task is: 1 for half a probit of the anchor, or for three times as many images."""
        return float(max(
            abs(ndtri(self.anchor) - ndtri(task.anchor)) / 0.5, abs(np.log10(self.images / task.images)) / 0.5
        ))  # fmt: skip


KNOWN_TASKS = tuple(read_as(KnownTask, values, FILE, RESTORE) for values in shipped()["accuracy"]["tasks"])
STATIC = model_of(shipped()["accuracy"]["static"])
PROBED = model_of(shipped()["accuracy"]["probed"])


def prior_for(proxies: Iterable[str]) -> AccuracyModel:
    """The shipped model for nets on which these proxies were computed: `PROBED` if its evidence is among them."""
    return PROBED if {each.proxy for each in PROBED.evidence} <= set(proxies) else STATIC


def likest(task: TaskTraits) -> tuple[KnownTask, float]:
    """The task of the fit that is most like this one, and its distance: over 1 the levels extrapolate."""
    known = min(KNOWN_TASKS, key=lambda each: each.distance(task))
    return known, known.distance(task)


def tenfolds(task: TaskTraits, model: AccuracyModel) -> float:
    """log10 of how many times as many steps a task's training has as those of the fit.

    Never below 0: in shorter ones, of tasks with few images, nets keep the order of the fit.
    """
    return max(float(np.log10(task.steps / model.steps)), 0.0)


def growth(level: float) -> float:
    """What the spread of tasks around their expected level is multiplied by: it grows where accuracies are high.

    Half, three quarters and all of the square are likeliest and as likely as each other (log-likelihoods within .2), of
    errors of eleven tasks with levels from -0.2 to 2.9, each predicted by the others; the most cautious is taken.
    """
    return float(1 + level**2)


def size(known: Mapping[str, FloatArray], model: AccuracyModel) -> FloatArray:
    """How far what is known of each net itself lifts its mu over the intercept.

    Args:
        known: Feature or proxy -> (n_nets,) float64; at least `inputs` of the model. A score that is undefined (NaN)
            says nothing of its net.
        model: The constants.

    Returns:
        (n_nets,) float64, mu.
    """
    own = _summed(known, model.terms)
    total = own + model.tenfolds * _summed(known, model.longer)
    for each in model.evidence:
        beyond = each.score(known[each.proxy]) - each.slope * own
        defined = np.isfinite(beyond)
        if defined.any():
            steps = np.clip((beyond - beyond[defined].mean()) / each.scale, -FARTHEST, FARTHEST)
            total = total + each.weight * np.where(defined, steps, 0.0)
    return total


def gained(known: Mapping[str, FloatArray], model: AccuracyModel, times: float) -> FloatArray:
    """What so many times as many steps of training add to each net, (n_nets,) float64, mu.

    Args:
        known: As `size`.
        model: The constants for the task.
        times: 1 or more.
    """
    return np.asarray((model.level.steps + _summed(known, model.longer)) * np.log10(times), np.float64)


def _summed(known: Mapping[str, FloatArray], terms: tuple[Term, ...]) -> FloatArray:
    parts = [term.weight * (known[term.feature] - term.centre) / term.scale for term in terms]
    return np.asarray(np.sum(parts, axis=0), np.float64)


def net_sd(known: Mapping[str, FloatArray], model: AccuracyModel) -> FloatArray:
    """Standard deviation of each net around the line: more where a feature lies outside the range of the fit.

    Whether a weight still holds out there is not known: each scale beyond adds as much doubt as it adds size.

    Args:
        known: As `size`.
        model: The constants.

    Returns:
        (n_nets,) float64, mu.
    """
    longer = [replace(term, weight=model.tenfolds * term.weight) for term in model.longer]
    far = [
        abs(term.weight) * np.maximum(np.abs(known[term.feature] - term.centre) / term.scale - FARTHEST, 0.0)
        for term in (*model.terms, *longer)
    ]
    return np.asarray(np.hypot(model.sd_net, np.sum(far, axis=0)), np.float64)


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
    fused: FloatArray, known: Mapping[str, FloatArray], classes: int, model: AccuracyModel
) -> FloatArray:
    """Expected accuracy of each net of a population.

    Args:
        fused: (n_nets,) float64, fused proxy ranks, higher is better.
        known: What is known of the nets, see `size`.
        classes: Number of classes; nothing falls below chance, or below guessing.
        model: The constants for the task.

    Returns:
        (n_nets,) float64, fractions. With full trust, equal ranks give equal accuracies.
    """
    mu = model.intercept + believed(fused, known, model)
    return np.asarray(np.clip(ndtr(mu), max(1.0 / classes, model.guessed), CERTAIN))
