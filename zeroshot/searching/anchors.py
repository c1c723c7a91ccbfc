"""The short trainings that anchor a search's accuracies on its own task: how many, how long, and what they measure."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri

from zeroshot.accuracy.calibration import ROUND
from zeroshot.accuracy.model import STATIC, UNLIKE
from zeroshot.accuracy.task import class_weights
from zeroshot.data import Dataset
from zeroshot.errors import call
from zeroshot.searching.problem import SearchProblem
from zeroshot.training.batches import Split, hold_out
from zeroshot.training.recipe import Recipe
from zeroshot.training.side_by_side import processes, train_all
from zeroshot.training.train_net import job_of, load_net
from zeroshot.types import FloatArray, Int64Array, Progress

FEWEST, MOST = 5, Recipe().epochs
# What trainings that nobody asked for may take: two cores for a minute. Seconds of one core are counted, not measured,
# so that a search gives the same result on every machine: on an EPYC a step of the zoo's 216 nets took 12 ms and
# 1.1e-10 s a MAC of each image (median; depthwise nets twice as much).
MINUTE, STEP_SECONDS, MAC_SECONDS = 120.0, 0.012, 1.1e-10
FEWEST_EPOCHS, MOST_NETS = 2, 12


def anchor_split(data: Dataset, seed: int) -> Split:
    """The validation images that `zeroshot train` holds out with this seed; the test images anchor nothing.

    Raises:
        DataError: A class has one training image only.
    """
    return hold_out(data, seed, Recipe().validation)


def short_epochs(split: Split) -> int:
    """Epochs of a short training: those with the steps that trainings of the fit had, within what a full one has."""
    return min(max(ceil(STATIC.steps / _steps(split)), FEWEST), MOST)


def _steps(split: Split) -> int:
    """Of an epoch."""
    return max(1, len(split.train) // Recipe().batch_for(split.dataset))


@dataclass(frozen=True, eq=False)
class Trainings:
    """Short trainings of some nets of a population.

    Attributes:
        split: What they train on, and are measured on.
        epochs: Of each.
        most: Nets.
        seconds: (n_nets,) that one core takes for each.
        allowed: Seconds for all of them; infinite where they were asked for.
        gained: (n_nets,) mu that the training that accuracies are expected of has over these.
        seed: Of weights and batches.
        jobs: Nets side by side; None: as many as pay off.
        folder: Where they are kept, and gone on with; None keeps nothing.
        report: Progress in epochs.
    """

    split: Split
    epochs: int
    most: int
    seconds: FloatArray
    allowed: float
    gained: FloatArray
    seed: int
    jobs: int | None
    folder: Path | None
    report: Progress

    @classmethod
    def of(
        cls, problem: SearchProblem, split: Split, macs: Int64Array, longer: Callable[[float], FloatArray],
        folder: Path | None, report: Progress,
    ) -> "Trainings":  # fmt: skip
        """What the options ask for; if they leave it to the data, what a minute allows.

        Args:
            problem: What the search is about.
            split: What they train on.
            macs: (n_nets,).
            longer: What so many times as many steps add to each net, (n_nets,) mu.
            folder: As the attribute.
            report: As the attribute.
        """
        options, images = problem.options, len(split.train)
        epoch = np.asarray(STEP_SECONDS * _steps(split) + MAC_SECONDS * images * macs, np.float64)
        epochs, most, allowed = options.calibrate_epochs or short_epochs(split), options.calibrate, inf
        if most is None:
            most, allowed = MOST_NETS, MINUTE
            some = int(MINUTE / (ROUND * float(epoch.mean())))
            epochs = min(epochs, max(some, FEWEST_EPOCHS))
        more = longer(max(options.epochs / epochs, 1.0))
        most = min(most, len(macs))
        return cls(split, epochs, most, epochs * epoch, allowed, more, options.seed, options.jobs, folder, report)

    @property
    def images(self) -> int:
        """So many validation images, equally weighted, would count as exactly as these do."""
        return round(1 / float(np.square(self._weights).sum()))

    def affordable(self, wanted: Int64Array, trained: Int64Array) -> Int64Array:
        """Those of the wanted nets, in their order, for which there is time after those that were trained."""
        left = self.allowed - self.seconds[trained].sum()
        return np.asarray(wanted[np.cumsum(self.seconds[wanted]) <= left], np.int64)

    def measure(self, rows: Int64Array, nets: Sequence[str]) -> FloatArray:
        """Train nets for a few epochs and measure them on the validation images.

        Classes count with their shares in the test half. Half an image of either kind is added to the count, so that a
        net that errs nowhere has a probit too.

        Args:
            rows: (n,) of the population.
            nets: Their short specs.

        Returns:
            (n,) float64 inside (0, 1): what each would have after the full training.

        Raises:
            TrainError: The loss of a net becomes NaN.
            RunError: A checkpoint in the folder is damaged, or the disk is full.
        """
        split, recipe = self.split, Recipe(epochs=self.epochs, patience=0)
        wanted = [job_of(net, split.dataset, recipe, self.seed, threads=1) for net in nets]
        labels, weights = split.labels("validation"), self._weights
        with ExitStack() as stack:
            where = self.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            train_all(wanted, split, where, processes(wanted, split, self.jobs), self.report, "training")
            outputs = [load_net(where, job.name, job).outputs["validation"] for job in wanted]
        right = np.array([float(weights @ (logits.argmax(axis=1) == labels)) for logits in outputs])
        counted = (right * self.images + 0.5) / (self.images + 1)
        return np.asarray(ndtr(ndtri(counted) + self.gained[rows]))

    @cached_property
    def _weights(self) -> FloatArray:
        data = self.split.dataset
        return class_weights(self.split.labels("validation"), data.y_test, data.classes)

    def remarks(self, trained: int) -> list[str]:
        """What to say of trainings that nobody asked for."""
        if self.allowed == inf:
            return []
        if not trained:
            least = self.seconds.min() * ROUND / 2
            return [
                f"{UNLIKE}, but short trainings of {ROUND} nets would take {least / 60:.0f} minutes or more: "
                f"{call('search', ..., calibrate=8)} trains eight."
            ]
        return [
            f"{UNLIKE}, so {trained} nets were trained for {self.epochs} epochs: "
            f"{call('search', ..., calibrate=0)} leaves that out, {call('search', ..., calibrate=16)} does more of it."
        ]
