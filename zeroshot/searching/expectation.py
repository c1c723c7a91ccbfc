"""What is expected of the shortlisted nets: by the shipped model, or anchored by a few short trainings."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from zeroshot.accuracy.calibration import Calibration
from zeroshot.accuracy.model import AccuracyModel, believed, gained, net_sd, prior_for
from zeroshot.runs import layout
from zeroshot.runs.folder import RunFolder
from zeroshot.runs.rows import CalibrationNet
from zeroshot.searching.population import Contenders, best_singles, rank
from zeroshot.searching.probes import ProbedNets
from zeroshot.searching.problem import SearchProblem
from zeroshot.searching.task import TaskSample
from zeroshot.types import FloatArray, Progress

if TYPE_CHECKING:
    from zeroshot.searching.anchors import Trainings

Chosen = dict[int, str]  # row -> why it is trained


@dataclass(frozen=True, eq=False)
class Expectation:
    """The nets of the final ranking.

    Attributes:
        model: Of the accuracies; anchored, if nets were trained.
        contenders: The nets with their expected accuracies.
        trained: A row a training.
        remarks: What the user should know of the trainings.
    """

    model: AccuracyModel
    contenders: Contenders
    trained: list[CalibrationNet]
    remarks: list[str]


def expect(
    problem: SearchProblem, task: TaskSample, nets: ProbedNets, folder: RunFolder | None, report: Progress
) -> Expectation:
    """Expect accuracies, after training a few nets if any are asked for, or if the data call for it.

    Args:
        problem: What the search is about.
        task: Its difficulty, and the images to train on.
        nets: What is known of the nets.
        folder: Keeps the trained nets.
        report: Progress in epochs.
    """
    prior = prior_for(nets.probed).on(task.traits)
    before, sd = nets.expected(problem.classes, prior), net_sd(nets.known, prior)
    if task.split is None:
        return Expectation(prior, nets.contenders(before, sd), [], [])
    from zeroshot.searching.anchors import Trainings

    where = folder.path / layout.CALIBRATION_NETS if folder is not None else None
    trainings = Trainings.of(
        problem, task.split, nets.costs.macs, lambda times: gained(nets.known, prior, times), where, report
    )
    calibration = Calibration(prior, believed(nets.fused, nets.known, prior), trainings.most, trainings.images)
    chosen: Chosen = {}
    while True:
        hoped = calibration.hoped(ndtri(nets.expected(problem.classes, calibration.model)))
        wanted = by_merit(problem, nets.contenders(ndtr(hoped), sd))
        batch = trainings.affordable(calibration.next_best(wanted), calibration.rows)
        if not len(batch):
            break
        chosen |= {row: wanted[row] for row in batch.tolist()}
        calibration = calibration.told(batch, trainings.measure(batch, [nets.names[i] for i in batch]))
    after = nets.expected(problem.classes, calibration.model)
    floor = max(1 / problem.classes, prior.guessed)
    accuracy = np.maximum(ndtr(calibration.posterior(ndtri(after))), floor)
    rows = calibration_rows(nets.names, calibration, chosen, before, after, trainings)
    left = calibration.spread(net_sd(nets.known, calibration.model))
    return Expectation(calibration.model, nets.contenders(accuracy, left), rows, trainings.remarks(len(rows)))


def by_merit(problem: SearchProblem, contenders: Contenders) -> Chosen:
    """Nets of the best pair, the best single net, then nets of the other listed pairs; each with what it is there."""
    top = rank(problem, contenders).top
    pairs = list(zip(contenders.littles[top.little].tolist(), contenders.bigs[top.big].tolist(), strict=True))
    alone = best_singles(problem, contenders.nets)[-1:].tolist()
    found: Chosen = {}
    for i, (little, big) in enumerate(pairs):
        found.setdefault(little, "little" if i == 0 else "next")
        found.setdefault(big, "big" if i == 0 else "next")
        if i == 0:
            found |= {row: "single" for row in alone if row not in found}
    return found or dict.fromkeys(alone, "single")


def calibration_rows(
    names: list[str], calibration: Calibration, chosen: Chosen, before: FloatArray, after: FloatArray,
    trainings: "Trainings",
) -> list[CalibrationNet]:  # fmt: skip
    """What was expected of each trained net before and after all trainings, and what was measured."""
    images = len(trainings.split.validation)
    return [
        CalibrationNet(
            names[i], chosen[i], float(before[i]), float(after[i]), float(measured), images, trainings.epochs,
        )
        for i, measured in zip(calibration.rows.tolist(), calibration.accuracy, strict=True)
    ]  # fmt: skip
