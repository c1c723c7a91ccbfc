"""How far predictions carry: spaces, tasks, error bars; the lines of tasks.md."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from benchmarks.pair_truth.couplings import curves, independent, judge_pairs
from benchmarks.pair_truth.fitting import with_tasks
from benchmarks.pair_truth.predictors import READOUT, SIZED, TELLING, TRUST, blend, cross_validate, fit_model
from benchmarks.pair_truth.report import Lines, number, points, share, table
from benchmarks.pair_truth.study import Inputs, Sample, spearman, undefined_last
from benchmarks.tasks.levels import TaskNets, fit_level
from benchmarks.tasks.nasbench201 import Cells
from zeroshot.accuracy.model import AccuracyModel, believed, net_sd
from zeroshot.cascade.copula import Coupling
from zeroshot.scoring.plugins import DEFAULT_PROXIES
from zeroshot.searching.error_bars import net_interval
from zeroshot.types import FloatArray

ALONE = ("macs", "params", "naswot", "swap")
FUSED = tuple(DEFAULT_PROXIES)
# Way -> evidence, fused proxies and trust in them: as shipped, and with more and with less of the readout or of trust.
READ: dict[str, tuple[tuple[str, ...], tuple[str, ...], float | None]] = {
    "size": (TELLING, FUSED, TRUST), "readout as evidence": ((*TELLING, READOUT), FUSED, TRUST),
    "without readout": (TELLING, tuple(name for name in FUSED if name != READOUT), TRUST),
    "params in the ranks": (TELLING, ("params", *FUSED), TRUST),
    "no trust": (TELLING, FUSED, 0.0), "trust by least squares": (TELLING, FUSED, None),
    "trust 0.5": (TELLING, FUSED, 0.5),
}  # fmt: skip


@dataclass(frozen=True)
class Space:
    """Rank correlations in one population.

    Attributes:
        name: Of it.
        nets: How many.
        found: Way -> signed Spearman correlation with the accuracy.
    """

    name: str
    nets: int
    found: dict[str, float]


def spaces(calibration: Sample, held: Sample, others: Sample, cells: Cells) -> list[Space]:
    """The size, as shipped and otherwise, in populations that its weights were not fitted to."""
    rows = np.arange(len(calibration))
    lines = {
        way: fit_model(calibration.inputs, rows, calibration.mu, SIZED, telling, fused, trust)
        for way, (telling, fused, trust) in READ.items()
    }

    def sized(inputs: Inputs) -> dict[str, FloatArray]:
        return {
            way: believed(inputs.fused(READ[way][1]), inputs.everything, line) for way, line in lines.items()
        }  # fmt: skip

    validated = {
        way: cross_validate(blend(SIZED, telling, fused, trust), calibration.inputs, calibration.mu)
        for way, (telling, fused, trust) in READ.items()
    }
    families = {way: without_family(calibration, others, *which) for way, which in READ.items()}
    zoos = [
        ("zoo, calibration half, cross-validated", calibration, validated),
        ("zoo, held-out half", held, sized(held.inputs)),
        ("other nets, weights of the zoo", others, sized(others.inputs)),
        ("other nets, each family left out", others, families),
    ]
    return [
        *(_space(name, sample.inputs, sample.accuracy, sizes) for name, sample, sizes in zoos),
        _space("NAS-Bench-201, weights of the zoo", cells.inputs, cells.accuracy, sized(cells.inputs)),
    ]


def _space(name: str, inputs: Inputs, accuracy: FloatArray, sizes: dict[str, FloatArray]) -> Space:
    ranks = {way: spearman(each, accuracy) for way, each in sizes.items()}
    return Space(name, len(accuracy), ranks | _alone(inputs.scores, accuracy))


def _alone(scores: dict[str, FloatArray], accuracy: FloatArray) -> dict[str, float]:
    return {name: spearman(undefined_last(scores[name]), accuracy) for name in ALONE}


def without_family(
    calibration: Sample, others: Sample, telling: tuple[str, ...], fused: tuple[str, ...], trust: float | None
) -> FloatArray:
    """Sizes of the other nets by a fit to the zoo and to the families but their own, (n,) mu over the intercept."""
    families = np.array([net.about["family"] for net in others.zoo.nets])
    out = np.empty(len(others))
    for family in dict.fromkeys(families.tolist()):
        rest = others.take(np.flatnonzero(families != family))
        inputs, mu = calibration.inputs.joined(rest.inputs), np.concatenate([calibration.mu, rest.mu])
        model = fit_model(inputs, np.arange(len(mu)), mu, SIZED, telling, fused, trust)
        own = believed(others.inputs.fused(fused), others.inputs.everything, model)
        out[families == family] = (model.intercept + own)[families == family]
    return out


@dataclass(frozen=True)
class Judged:
    """One task with levels that never saw it.

    Attributes:
        task: It.
        bias: Mean of expected minus measured accuracy, fraction.
        mae: Mean absolute error.
        covered: Share of nets inside the printed 80 % intervals.
        found: Way -> signed Spearman correlation.
        span: Best less worst accuracy.
        top: Expected minus measured accuracy of the net that was expected highest.
    seeds: Correlation with the accuracies that seeds allow a perfect prediction.
    """

    task: TaskNets
    bias: float
    mae: float
    covered: float
    found: dict[str, float]
    span: float
    top: float
    seeds: float


def judge_task(task: TaskNets, every: Sequence[TaskNets], model: AccuracyModel) -> Judged:
    """Predict a task from the traits and the other tasks."""
    rest = [each for each in every if each.name != task.name]
    its = with_tasks(model, fit_level(rest, model)).on(replace(task.traits, counted=task.images))
    inputs, measured = task.sample.inputs, task.accuracy
    own = believed(inputs.fused(), inputs.everything, its)
    expected = np.clip(ndtr(its.intercept + own), 1 / (int(task.sample.zoo.labels["test"].max()) + 1), 0.999)
    miss = expected - measured
    low, high = net_interval(expected, net_sd(inputs.known, its), its)
    inside = (low <= measured) & (measured <= high)
    return Judged(
        task, float(miss.mean()), float(np.abs(miss).mean()), float(inside.mean()),
        {"size": spearman(own, measured)} | _alone(inputs.scores, measured), float(np.ptp(measured)),
        float(miss[np.argmax(expected)]), seed_ceiling(task),
    )  # fmt: skip


def seed_ceiling(task: TaskNets) -> float:
    """sqrt(1 - variance between seeds of a net / variance between nets), from those that were trained twice.

    At least 0; NaN where fewer than three were.
    """
    twice = task.twice()
    if len(twice) < 3:  # noqa: PLR2004 - fewer have no variance to speak of
        return float("nan")
    between_seeds = float(np.square(twice[:, 0] - twice[:, 1]).mean() / 2)
    return float(np.sqrt(max(0.0, 1 - between_seeds / float(np.var(task.accuracy, ddof=1)))))


def coupling_lines(tasks: Sequence[TaskNets], fitted: Coupling, constant: Coupling) -> Lines:
    """Errors of pairs on the test images of each task, the accuracies of their nets given, and who is better where."""
    rows, worse = [], []
    for task in tasks:
        found, macs = curves(task.sample), task.sample.zoo.macs()
        errors = [
            judge_pairs(found, task.sample.accuracy, each, macs) for each in (fitted, constant, independent(fitted))
        ]  # fmt: skip
        rows.append([task.name, f"{errors[0].pairs:,}", *(points(each.mae) for each in errors)])
        if errors[0].mae >= errors[1].mae:
            worse.append(task.name)
    binary = [task.name for task in tasks if len(np.unique(task.sample.zoo.labels["test"])) == 2]  # noqa: PLR2004
    return [
        *table(["task", "pairs", "fitted", "constant", "independence"], rows),
        f"It errs more than a constant on {', '.join(worse) or 'none of these tasks'}; {', '.join(binary)} have two "
        "classes. On two groups of CIFAR-10's classes, for which no net was trained, it can be worse (pair_truth.md).",
        "",
    ]


def space_table(found: Sequence[Space], ways: Sequence[str]) -> Lines:
    """Rank correlations by population."""
    return table(["population", "nets", *ways], [
        [space.name, f"{space.nets:,}", *(number(space.found[way]) for way in ways)] for space in found
    ])  # fmt: skip


def task_table(found: Sequence[Judged]) -> Lines:
    """Levels, bars and rank correlations by task."""
    plain = "task,nets,judged on,best - worst,median,bias,MAE,in 80 % bars,first net,seeds allow,size"
    rows = [
        [each.task.name, str(len(each.task.sample)), f"{each.task.images:,} {each.task.part}", points(each.span),
         points(float(np.median(each.task.accuracy))), points(each.bias, sign=True), points(each.mae),
         share(each.covered), points(each.top, sign=True),
         number(each.seeds), *(number(each.found[way]) for way in ("size", *ALONE))]
        for each in found
    ]  # fmt: skip
    return table([*plain.split(","), *ALONE], rows)


def pooled(found: Sequence[Judged]) -> float:
    """Share of all nets of all tasks inside their bars."""
    counts = np.array([len(each.task.sample) for each in found])
    return float(counts @ [each.covered for each in found] / counts.sum())
