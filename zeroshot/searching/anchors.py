"""The short trainings that anchor a search's accuracies on its own task."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from math import ceil
from pathlib import Path

import numpy as np

from zeroshot.data import Dataset
from zeroshot.training.batches import Split, hold_out
from zeroshot.training.recipe import Recipe
from zeroshot.training.side_by_side import processes, train_all
from zeroshot.training.train_net import job_of, load_net
from zeroshot.types import FloatArray, Progress

# Steps of gradient descent that the nets had which the shipped constants stand on: 5 epochs of 45,000 images by 128.
# Small data get as many epochs as that takes, though not more than a full training has.
STEPS = 1755
FEWEST, MOST = 5, Recipe().epochs


def anchor_split(data: Dataset, seed: int) -> Split:
    """The validation images that `zeroshot train` holds out with this seed; the test images anchor nothing.

    Raises:
        DataError: A class has one training image only.
    """
    return hold_out(data, seed, Recipe().validation)


def short_epochs(split: Split) -> int:
    """Epochs of a short training, see `STEPS`."""
    steps = max(1, len(split.train) // Recipe().batch_for(split.dataset))
    return min(max(ceil(STEPS / steps), FEWEST), MOST)


def measure(
    nets: Sequence[str], split: Split, epochs: int, seed: int, jobs: int | None, folder: Path | None, report: Progress
) -> FloatArray:
    """Train nets for a few epochs and measure them on the validation images.

    Half an image of either kind is added to the count, so that a net that errs nowhere has a probit too.

    Args:
        nets: Short specs.
        split: Of `anchor_split`.
        epochs: Of each.
        seed: Of weights and batches.
        jobs: Nets side by side; by default as many as pay off.
        folder: Where they are kept, and gone on with; None keeps nothing.
        report: Progress in epochs.

    Returns:
        (n,) float64 inside (0, 1).

    Raises:
        TrainError: The loss of a net becomes NaN.
        RunError: A checkpoint in the folder is damaged, or the disk is full.
    """
    recipe = Recipe(epochs=epochs, patience=0)
    wanted = [job_of(net, split.dataset, recipe, seed, threads=1) for net in nets]
    with ExitStack() as stack:
        where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        train_all(wanted, split, where, processes(wanted, split, jobs), report, "training")
        found = [load_net(where, job.name, job).validation_accuracy for job in wanted]
    images = len(split.validation)
    return (np.array(found) * images + 0.5) / (images + 1)
