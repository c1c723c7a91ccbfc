"""Tasks as trained nets with what was known of them, and what their traits say of their levels."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import ndtri

from benchmarks.pair_truth.regroup import GROUPS
from benchmarks.pair_truth.study import Sample, load_sample, regrouped
from benchmarks.tasks.data import SHIFTED, TASKS
from benchmarks.tasks.plan import HERE
from benchmarks.tasks.scores import folder_of
from benchmarks.tasks.traits import read_traits
from zeroshot.accuracy.model import AccuracyModel, Level, believed, growth, tenfolds
from zeroshot.accuracy.task import TaskTraits
from zeroshot.bench import pair_truth
from zeroshot.bench.pair_truth import Zoo
from zeroshot.types import FloatArray

ZOO = HERE / "zoo"
CIFAR10 = "cifar10"
GROUP_WEIGHT = 1 / 3  # of a grouping of CIFAR-10's classes beside a task of its own: they share every answer
BETWEEN = 0.15  # what factors of tasks differ by beyond what a factor is known to
FEWEST = 20  # trained nets of a task that counts
PENALTY = 0.02  # of the traits' weights, standardised


@dataclass(frozen=True, eq=False)
class TaskNets:
    """One task.

    Attributes:
        name: Of the task or grouping.
        sample: Its nets of seed 0.
        traits: What was known of it.
        part: `test`, or `validation` where the test half is another population.
        weight: In the fit of levels.
        trainings: All of it, repeats with other seeds too; None where that is the sample.
    """

    name: str
    sample: Sample
    traits: TaskTraits
    part: str = "test"
    weight: float = 1.0
    trainings: Zoo | None = None

    @property
    def accuracy(self) -> FloatArray:
        """(n,), on the images that count."""
        return self._counted(self.sample.zoo)

    def _counted(self, zoo: Zoo) -> FloatArray:
        return np.array([net.test_accuracy if self.part == "test" else net.validation_accuracy for net in zoo.nets])

    def twice(self) -> FloatArray:
        """Accuracies with seeds 0 and 1 of the nets that were trained with both, (m, 2)."""
        zoo = self.trainings or self.sample.zoo
        found: dict[str, dict[int, float]] = {}
        for net, accuracy in zip(zoo.nets, self._counted(zoo), strict=True):
            found.setdefault(net.net, {})[net.seed] = float(accuracy)
        return np.array([[by[0], by[1]] for by in found.values() if {0, 1} <= by.keys()]).reshape(-1, 2)

    @property
    def images(self) -> int:
        """Number of these."""
        return len(self.sample.zoo.labels[self.part])

    @property
    def mu(self) -> FloatArray:
        """Phi^-1 of the accuracy, (n,); a net that errs nowhere counts as one with half an error."""
        half = 0.5 / self.images
        return np.asarray(ndtri(np.clip(self.accuracy, half, 1 - half)), np.float64)

    def sizes(self, model: AccuracyModel) -> FloatArray:
        """Of its nets as a search sees them, (n,) mu."""
        its = replace(model, tenfolds=tenfolds(self.traits, model))
        return believed(self.sample.inputs.fused(), self.sample.inputs.everything, its)


def read_task(name: str, zoo: Path = ZOO) -> TaskNets:
    """One task of the plan.

    Raises:
        RunError: A file is missing or damaged.
    """
    about = pair_truth.load(zoo / name).nets[0].about
    sample, whole = load_sample(zoo / name, folder_of(name), int(about["channels"]), int(about["classes"]))
    part = "validation" if name in SHIFTED else "test"
    return TaskNets(name, sample, read_traits()[name], part, trainings=whole)


@cache
def stored_tasks() -> tuple[TaskNets, ...]:
    """Every task of the plan that has enough trained nets, CIFAR-10 itself left out."""
    names = [
        name for name in TASKS if name != CIFAR10 and len(list((ZOO / name).glob("*-s0.json"))) >= FEWEST
    ]  # fmt: skip
    return tuple(read_task(name) for name in names)


def cifar10_tasks(sample: Sample) -> list[TaskNets]:
    """CIFAR-10 and the groupings of its classes, from the answers of these nets."""
    traits = read_traits()
    groups = [
        TaskNets(name, regrouped(sample, of, name), traits[name], weight=GROUP_WEIGHT) for name, of in GROUPS.items()
    ]
    return [TaskNets(CIFAR10, sample, traits[CIFAR10]), *groups]


@dataclass(frozen=True)
class LevelFit:
    """How tasks differ.

    Attributes:
        level: Of their traits.
        sd_task: Root mean square of what levels that were fitted to the other tasks leave of each task's, over
            `growth` of it.
        sd_slope: The same of factors, as a share, weighted by how well each is known.
    """

    level: Level
    sd_task: float
    sd_slope: float


def fit_level(tasks: list[TaskNets], model: AccuracyModel) -> LevelFit:
    """Fit levels and factors over traits, and judge them with each task left out; groupings go with CIFAR-10.

    Args:
        tasks: Some of CIFAR-10, and others.
        model: Its sizes, and what ten times as many steps add to all of them (`longer`).
    """
    found = [_observed(task, model) for task in tasks]
    names = np.array([CIFAR10 if task.name in GROUPS else task.name for task in tasks])
    whole = _level(found, model.level.steps)
    level_miss, factor_miss, weight = [], [], []
    for name in dict.fromkeys(names.tolist()):
        rest = _level([each for each, its in zip(found, names, strict=True) if its != name], model.level.steps)
        for each in (each for each, its in zip(found, names, strict=True) if its == name):
            expected = rest.intercept(each.traits)
            level_miss.append((each.level - expected) / growth(expected))
            factor_miss.append(each.factor / rest.stretch(each.traits) - 1)
            weight.append((each.weight, each.weight * each.known))
    by_level, by_factor = (np.array(column) / np.sum(column) for column in zip(*weight, strict=True))
    return LevelFit(
        whole, float(np.sqrt(by_level @ np.square(level_miss))), float(np.sqrt(by_factor @ np.square(factor_miss)))
    )


@dataclass(frozen=True)
class _Observed:
    traits: TaskTraits
    level: float
    factor: float
    weight: float
    known: float  # weight of its factor: one over its variance


def _observed(task: TaskNets, model: AccuracyModel) -> _Observed:
    """Mu of a net of size 0, and the factor, by least squares over its nets."""
    (factor, level), covariance = np.polyfit(task.sizes(model), task.mu, 1, cov=True)
    known = 1 / (covariance[0, 0] + BETWEEN**2)
    if (task.accuracy == 1).mean() > 0.5:
        known = 0.0  # most nets are at the end of what can be measured: their sizes cannot show
    return _Observed(task.traits, float(level), float(max(factor, 0.0)), task.weight, float(known))


def _level(found: list[_Observed], steps: float) -> Level:
    zero = Level(base=0.0, anchor=0.0, images=0.0, steps=steps, factor=1.0, factor_images=0.0)
    images = np.array([np.log10(each.traits.images) - 4 for each in found])
    weight = np.array([each.weight for each in found])
    # The anchor's own probit with weight 1 is what is shrunk to: it is an accuracy on the very task.
    anchor = np.array([ndtri(each.traits.anchor) for each in found])
    y = np.array([each.level - zero.intercept(each.traits) for each in found]) - anchor
    base, by_anchor, by_images = _ridge(np.column_stack([anchor, images]), y, weight)
    seen = weight * [each.known for each in found]
    factor, by = _ridge(images[:, None], np.array([each.factor for each in found]), seen)
    return replace(
        zero, base=base, anchor=1 + by_anchor, images=by_images, factor=factor, factor_images=by
    )  # fmt: skip


def _ridge(x: FloatArray, y: FloatArray, weight: FloatArray) -> list[float]:
    """Intercept and weights of a weighted ridge regression on standardised columns."""
    share = weight / weight.sum()
    centre = share @ x
    scale = np.maximum(np.sqrt(share @ (x - centre) ** 2), 1e-9)
    z = (x - centre) / scale
    mean = float(share @ y)
    inside = np.linalg.solve(z.T @ (share[:, None] * z) + PENALTY * np.eye(x.shape[1]), z.T @ (share * (y - mean)))
    slopes = inside / scale
    return [float(mean - centre @ slopes), *slopes.tolist()]
