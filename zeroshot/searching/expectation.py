"""What is expected of the shortlisted nets: by the shipped model, or anchored by a few short trainings."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from zeroshot.accuracy.calibration import Calibration
from zeroshot.accuracy.model import AccuracyModel, believed, prior_for
from zeroshot.runs import layout
from zeroshot.runs.folder import RunFolder
from zeroshot.runs.rows import CalibrationNet
from zeroshot.searching.population import Contenders, best_singles, rank
from zeroshot.searching.probes import ProbedNets
from zeroshot.searching.problem import SearchProblem
from zeroshot.searching.task import TaskSample
from zeroshot.types import FloatArray, Progress


@dataclass(frozen=True, eq=False)
class Expectation:
    """The nets of the final ranking.

    Attributes:
        model: Of the accuracies; anchored, if nets were trained.
        contenders: The nets with their expected accuracies.
        trained: A row a training.
    """

    model: AccuracyModel
    contenders: Contenders
    trained: list[CalibrationNet]


def expect(
    problem: SearchProblem, task: TaskSample, nets: ProbedNets, folder: RunFolder | None, report: Progress
) -> Expectation:
    """Expect accuracies, after training a few nets if any are asked for.

    Args:
        problem: What the search is about.
        task: Its difficulty, and the images to train on.
        nets: What is known of the nets.
        folder: Keeps the trained nets.
        report: Progress in epochs.
    """
    prior = prior_for(nets.probed).on(task.traits)
    before = nets.expected(problem.classes, prior)
    if task.split is None:
        return Expectation(prior, nets.contenders(before, prior), [])
    from zeroshot.searching.anchors import measure, short_epochs

    options, sizes = problem.options, believed(nets.fused, nets.known, prior)
    epochs = options.calibrate_epochs or short_epochs(task.split)
    where = folder.path / layout.CALIBRATION_NETS if folder is not None else None
    images = len(task.split.validation)
    calibration = Calibration(prior, prior, sizes, options.calibrate, images)
    batch = calibration.spread()
    while len(batch):
        names = [nets.names[i] for i in batch]
        measured = measure(names, task.split, epochs, options.seed, options.jobs, where, report)
        calibration = calibration.told(batch, measured)
        hoped = calibration.hoped(ndtri(nets.expected(problem.classes, calibration.model)))
        batch = calibration.next_best(by_merit(problem, nets.contenders(ndtr(hoped), calibration.model)))
    after = nets.expected(problem.classes, calibration.model)
    accuracy = np.maximum(ndtr(calibration.posterior(ndtri(after))), 1 / problem.classes)
    trained = calibration_rows(nets.names, calibration, before, after, epochs)
    return Expectation(calibration.model, nets.contenders(accuracy, calibration.model), trained)


def by_merit(problem: SearchProblem, contenders: Contenders) -> list[int]:
    """Nets of the best pair, the best single net, then nets of the other listed pairs."""
    top = rank(problem, contenders).top
    of_pairs = np.column_stack([contenders.littles[top.little], contenders.bigs[top.big]]).ravel().tolist()
    alone = best_singles(problem, contenders.nets)[-1:].tolist()
    return [*of_pairs[:2], *alone, *of_pairs[2:]]


def calibration_rows(
    names: list[str], calibration: Calibration, before: FloatArray, after: FloatArray, epochs: int
) -> list[CalibrationNet]:
    """What was expected of each trained net before and after all trainings, and what was measured."""
    return [
        CalibrationNet(
            names[i], "spread" if k < calibration.n_spread else "merit", float(before[i]), float(after[i]),
            float(measured), calibration.images, epochs,
        )
        for k, (i, measured) in enumerate(zip(calibration.rows.tolist(), calibration.accuracy, strict=True))
    ]  # fmt: skip
