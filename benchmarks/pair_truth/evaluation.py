"""The fitted constants on nets that they never saw: single nets, error bars, N trainings, pairs, another task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtri

from benchmarks.pair_truth.couplings import Curves, Fit, accuracies, curves, independent, judge_pairs
from benchmarks.pair_truth.fitting import Constants, sizes_of, with_tasks
from benchmarks.pair_truth.predictors import (
    BASELINES,
    FEW_FEATURES,
    PROBED,
    WAYS,
    Judged,
    cross_validate,
    direct,
    judge,
)
from benchmarks.pair_truth.regroup import GROUPS
from benchmarks.pair_truth.study import STATIC, Sample, regrouped, spearman, undefined_last
from benchmarks.tasks.levels import TaskNets, fit_level
from benchmarks.tasks.traits import read_traits
from zeroshot.accuracy.calibration import Calibration, calibrated, updated
from zeroshot.accuracy.model import PROBED as SHIPPED
from zeroshot.accuracy.model import Z80, AccuracyModel, expected_accuracy, net_sd
from zeroshot.cascade.copula import PRIOR_COUPLING, Coupling
from zeroshot.searching.error_bars import pair_interval
from zeroshot.types import BoolArray, FloatArray, Int64Array

TRAINED = (0, 4, 8, 16)
RATE = 0.3  # at which the error bars of pairs are checked


@dataclass(frozen=True, eq=False)
class Predicted:
    """Single accuracies of a sample, predicted.

    Attributes:
        mu: (n,) float64.
        trained: (n,) bool, nets that were trained for it; they are not judged.
        model: With its error bars; None where there is none.
    """

    mu: FloatArray = field(repr=False)
    trained: BoolArray = field(repr=False)
    model: AccuracyModel | None = None


@dataclass(frozen=True, eq=False)
class Anchored:
    """How a model anchored by N trained nets does on the others.

    Attributes:
        n: Trained nets.
        judged: On the others.
        bias: Mean of predicted minus true accuracy, fraction.
        covered: Share of true accuracies inside 80 % intervals, the task's uncertainty included.
        covered_net: The same with the nets' uncertainty alone.
        model: As anchored.
    """

    n: int
    judged: Judged
    bias: float
    covered: float
    covered_net: float
    model: AccuracyModel


def training_free(sample: Sample, model: AccuracyModel, classes: int = 10) -> Predicted:
    """Predict a population by a model, as a search has it after probing."""
    accuracy = expected_accuracy(sample.inputs.fused(), sample.inputs.everything, classes, model)
    return Predicted(np.asarray(ndtri(accuracy)), np.zeros(len(sample), bool), model)


def first_stage(sample: Sample, model: AccuracyModel) -> Predicted:
    """The same before probing, from static proxies."""
    fused = sample.inputs.fused(STATIC)
    accuracy = expected_accuracy(fused, sample.inputs.known, 10, model)
    return Predicted(np.asarray(ndtri(accuracy)), np.zeros(len(sample), bool), model)


def choose_design(predicted: FloatArray, n: int) -> Int64Array:
    """(n,) rows spread evenly over what is predicted: the middle net of each of n equal parts of the order."""
    places = (np.arange(n) + 0.5) * len(predicted) / max(n, 1)
    return np.sort(np.argsort(predicted, kind="stable")[places.astype(np.int64)])


def anchored(sample: Sample, model: AccuracyModel, n: int) -> Predicted:
    """The same after n of these nets were trained, spread by design and measured on validation images."""
    sizes = sizes_of(sample, model)
    rows = choose_design(sizes, n)
    images = len(sample.zoo.labels["validation"])
    its = calibrated(model, sizes, rows, sample.validation[rows], images)
    mu = _mu(sample, its)
    mu[rows] = updated(mu[rows], its, sample.validation[rows], images)
    trained = np.zeros(len(sample), bool)
    trained[rows] = True
    return Predicted(mu, trained, its)


def searched(sample: Sample, model: AccuracyModel, n: int, merit: Callable[[FloatArray], Sequence[int]]) -> Predicted:
    """The same as `zeroshot search --calibrate n` does it.

    Args:
        sample: The population.
        model: The constants for the task.
        n: Nets to train.
        merit: Accuracies -> rows that the search would pick, best first.
    """
    found = Calibration(model, sizes_of(sample, model), n, len(sample.zoo.labels["validation"]))
    while len(rows := found.next_best(merit(accuracies(found.hoped(_mu(sample, found.model)))))):
        found = found.told(rows, sample.validation[rows])
    trained = np.zeros(len(sample), bool)
    trained[found.rows] = True
    return Predicted(found.posterior(_mu(sample, found.model)), trained, found.model)


def _mu(sample: Sample, model: AccuracyModel) -> FloatArray:
    return np.asarray(model.intercept + sizes_of(sample, model), np.float64)


def judge_anchored(sample: Sample, model: AccuracyModel, n: int) -> Anchored:
    """Judge `anchored` on the nets that were not trained for it."""
    found = anchored(sample, model, n) if n else training_free(sample, model, classes_of(sample))
    rest, its = ~found.trained, found.model or model
    judged = judge(found.mu[rest], sample.mu[rest])
    miss = np.abs(judged.errors)
    return Anchored(
        n, judged, float((accuracies(found.mu[rest], 1000) - sample.accuracy[rest]).mean()),
        float((miss <= Z80 * np.hypot(its.sd_net, its.sd_task)).mean()), float((miss <= Z80 * its.sd_net).mean()), its,
    )  # fmt: skip


def classes_of(sample: Sample) -> int:
    """Classes of the labels."""
    return int(sample.zoo.labels["test"].max()) + 1


def singles(calibration: Sample, held: Sample, constants: Constants) -> dict[str, Judged]:
    """Every way, fitted to the calibration nets, on the held-out ones; then what a search shipped with so far does."""
    rows = np.arange(len(calibration))
    found = {
        name: judge(way(calibration.inputs, rows, calibration.mu)(held.inputs), held.mu)
        for name, way in (WAYS | BASELINES).items()
    }
    found["fitted model"] = judge(training_free(held, constants.model).mu, held.mu)
    found["fitted model, static proxies only"] = judge(first_stage(held, constants.static).mu, held.mu)
    found[f"shipped now: {SHIPPED.name}"] = judge(training_free(held, SHIPPED.on(read_traits()["cifar10"])).mu, held.mu)
    return found


@dataclass(frozen=True)
class ProxyTest:
    """One proxy alone.

    Attributes:
        name: Its name.
        undefined: Nets on which it is; they rank last.
        calibration: Signed Spearman correlation with the accuracy.
        held: The same on the held-out half.
        beats: On how many halves it is higher than those of MACs, parameters and depth.
        added: Cross-validated RMSE of mu on the calibration nets, as one more column beside the features.
    """

    name: str
    undefined: int
    calibration: float
    held: float
    beats: int
    added: float


def proxies_alone(calibration: Sample, held: Sample) -> list[ProxyTest]:
    """Every stored proxy, best first; those whose scale could be used are tried beside the features too."""

    def correlation(sample: Sample, name: str) -> float:
        return spearman(undefined_last(sample.inputs.scores[name]), sample.accuracy)

    halves = (calibration, held)
    bars = [max(correlation(half, name) for name in ("macs", "params", "depth")) for half in halves]
    found = []
    for name in calibration.inputs.scores:
        here, there = (correlation(half, name) for half in halves)
        undefined = sum(int(np.isnan(half.inputs.scores[name]).sum()) for half in halves)
        added = float("nan")
        if name in PROBED:
            way = direct(*FEW_FEATURES, name)
            added = judge(cross_validate(way, calibration.inputs, calibration.mu), calibration.mu).rmse
        beats = sum(each > bar + 1e-9 for each, bar in zip((here, there), bars, strict=True))
        found.append(ProxyTest(name, undefined, here, there, beats, added))
    return sorted(found, key=lambda test: -np.nan_to_num(test.calibration, nan=-2.0))  # without a value last


def predictions(calibration: Sample, held: Sample, constants: Constants) -> dict[str, Predicted]:
    """What pairs of the held-out half are predicted from."""
    nobody, rows = np.zeros(len(held), bool), np.arange(len(calibration))
    found = {"no training": training_free(held, constants.model)}
    found["no training, layers alone"] = first_stage(held, constants.static)
    found |= {f"{n} trained": anchored(held, constants.model, n) for n in TRAINED[1:] if n <= len(held) // 2}
    for name, way in BASELINES.items():
        found[name] = Predicted(way(calibration.inputs, rows, calibration.mu)(held.inputs), nobody)
    found[f"shipped now: {SHIPPED.name}"] = training_free(held, SHIPPED.on(read_traits()["cifar10"]))
    found["true single accuracies"] = Predicted(held.mu, nobody)
    return found


def pairs_from(held: Sample, found: Curves, given: Mapping[str, Predicted], coupling: Coupling) -> dict[str, Fit]:
    """Pairs of the held-out half from each prediction, without pairs of which a net was trained for it."""
    macs = held.zoo.macs()

    def kept(trained: BoolArray) -> BoolArray:
        return ~(trained[found.little] | trained[found.big])

    return {
        name: judge_pairs(found, accuracies(each.mu), coupling, macs, kept(each.trained))
        for name, each in given.items() if kept(each.trained).any()
    }  # fmt: skip


def couplings_on(held: Sample, found: Curves, fitted: Coupling, constant: Coupling) -> dict[str, Fit]:
    """Pairs from true single accuracies, under several couplings."""
    tried = {
        "fitted": fitted, "constant gamma and kappa": constant, "independence (kappa = 0)": independent(fitted),
        f"shipped now: {PRIOR_COUPLING.name}": PRIOR_COUPLING,
    }  # fmt: skip
    return {name: judge_pairs(found, held.accuracy, each, held.zoo.macs()) for name, each in tried.items()}


def pairs_covered(held: Sample, found: Curves, given: Predicted, coupling: Coupling) -> tuple[float, float]:
    """Share of pairs whose true accuracy at `RATE` is inside the 80 % interval that a search prints.

    Returns:
        With the uncertainty of a task, and with the nets' own alone.
    """
    if given.model is None:
        return float("nan"), float("nan")
    column = int(np.argmin(np.abs(np.asarray(found.p).mean(axis=0) - RATE)))
    rows = np.flatnonzero(~(given.trained[found.little] | given.trained[found.big]))
    a, b, p = (accuracies(given.mu[found.little[rows]]), accuracies(given.mu[found.big[rows]]), found.p[rows, column])
    model = given.model
    sd = net_sd(held.inputs.known, model)
    known = (a, sd[found.little[rows]]), (b, sd[found.big[rows]])
    measured = found.accuracy[rows, column]

    def inside(its: AccuracyModel) -> float:
        low, high = pair_interval(*known, p, its, coupling)
        return float(((low <= measured) & (measured <= high)).mean())

    return inside(model), inside(replace(model, sd_task=0.0, counted=0))


@dataclass(frozen=True, eq=False)
class Transfer:
    """Another task with constants that never saw it.

    Attributes:
        task: Its name.
        anchored: Single nets after 0, 4, 8, ... trainings.
        pairs: Coupling -> pairs from true single accuracies.
    """

    task: str
    anchored: list[Anchored]
    pairs: dict[str, Fit]


def transfer(
    held: Sample, constants: Constants, constant: Coupling, tasks: Sequence[TaskNets], task: str
) -> Transfer:  # fmt: skip
    """Judge on a grouping of the classes, with levels that were fitted to the other tasks."""
    rest = [each for each in tasks if each.name != task]
    model = with_tasks(constants.model, fit_level(rest, constants.model)).on(read_traits()[task])
    sample = regrouped(held, GROUPS[task], task)
    numbers = [n for n in TRAINED if n <= len(sample) // 2]
    found = [judge_anchored(sample, model, n) for n in numbers]
    return Transfer(task, found, couplings_on(sample, curves(sample), constants.coupling, constant))
