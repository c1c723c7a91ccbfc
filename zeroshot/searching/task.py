"""What a search keeps of the data; the images themselves, hundreds of megabytes, are let go."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zeroshot import data as datasets
from zeroshot.accuracy.model import UNLIKE, likest
from zeroshot.accuracy.task import TaskTraits, guessing, task_anchor
from zeroshot.data import Dataset
from zeroshot.resolution import Resolution
from zeroshot.runs.class_rows import ClassShare
from zeroshot.runs.classes import class_shares
from zeroshot.scoring.population import ProbeImages, probe_images
from zeroshot.searching.problem import SearchProblem
from zeroshot.training.recipe import Recipe

if TYPE_CHECKING:
    from zeroshot.training.batches import Split

BATCHES = 2  # of labelled images for each probed net, unless a proxy wants more


@dataclass(frozen=True, eq=False)
class TaskSample:
    """What is known of the task, and drawn from it.

    Attributes:
        traits: What is expected of nets before any is known: its level.
        images: Resolution -> labelled images, for the probed proxies.
        split: For the trainings of calibration nets; None where there are none.
        classes: How many examples each class has.
        remarks: What is odd about the data.
    """

    traits: TaskTraits
    images: dict[Resolution, ProbeImages] = field(repr=False)
    split: "Split | None" = field(repr=False)
    classes: list[ClassShare] = field(repr=False)
    remarks: list[str]


def sample_task(problem: SearchProblem, dataset: Dataset) -> TaskSample:
    """Measure how hard the task is, and draw the images that nets are probed on.

    Raises:
        DataError: There are too few images for that.
    """
    options, probed = problem.options, problem.proxies.probed
    traits = traits_of(dataset, options.seed, options.epochs)
    count = max([BATCHES, *(p.batches for p in probed)])
    images = {
        size: probe_images(dataset, size, options.batch, count, probed, options.seed)
        for size in (problem.space.resolutions if probed else ())
    }
    split = None
    known, distance = likest(traits)
    if options.calibrate or (options.calibrate is None and distance > 1):
        from zeroshot.searching.anchors import anchor_split

        split = anchor_split(dataset, options.seed)
    remarks = [*(dataset.features.remarks if dataset.features else ()), *datasets.warnings_for(dataset)]
    if not traits.read:
        remarks.append(unread(traits, options.calibrate))
    elif options.calibrate == 0 and distance > 1:
        remarks.append(f"{UNLIKE} (the nearest is {known.name}): levels may be off by more than the bars say.")
    return TaskSample(traits, images, split, list(class_shares(dataset)), remarks)


def traits_of(dataset: Dataset, seed: int, epochs: int) -> TaskTraits:
    """What a data set says of the accuracies that `zeroshot train` reaches on it in so many epochs."""
    return TaskTraits(
        task_anchor(dataset, seed), len(dataset.y_train), Recipe(epochs=epochs).steps_on(dataset), len(dataset.y_test),
        *guessing(dataset),
    )  # fmt: skip


def unread(traits: TaskTraits, calibrate: int | None) -> str:
    """The remark on a task whose images say nothing that can be read without training.

    Args:
        traits: Of the task.
        calibrate: Nets that are trained to find out; None for a few.
    """
    guessed = f"{100 * traits.guessed:.1f} %"
    rest = "" if calibrate != 0 else f" Every net is expected at {guessed}; `calibrate=8` trains a few to find out."
    return (
        "The training images say nothing about their labels that a readout of random patches can read: it is right on "
        f"{100 * traits.anchor:.1f} %, the commonest class alone gives {guessed}. Check that images and labels belong "
        f"together.{rest}"
    )
