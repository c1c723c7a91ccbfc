"""Training that another net has a say in: a teacher, or the other net of a cascade."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import nn

from zeroshot.errors import UsageError
from zeroshot.training._teacher_view import Onlooker
from zeroshot.training.batches import Split
from zeroshot.training.trained import TrainedNet
from zeroshot.training.trainer import Job, Trainer

Row = dict[str, Any]


class Lesson(Protocol):
    """What the other net says, made into a loss; frozen values that pickle.

    Attributes:
        other: The net whose outputs on the same batch enter the loss. It does not change.
        start: Weights before the first step; None starts afresh.
        stage: In the names of the trained net's files.
    """

    @property
    def other(self) -> TrainedNet: ...

    @property
    def start(self) -> TrainedNet | None: ...

    @property
    def stage(self) -> str: ...

    def values(self) -> Row:
        """Its settings as plain values."""
        ...

    def loss(self, out: torch.Tensor, other: torch.Tensor, y: torch.Tensor, smoothing: float) -> torch.Tensor:
        """Scalar loss of a batch: outputs of both nets (n, classes) float32, labels (n,), label smoothing."""
        ...

    def judge(self, out: torch.Tensor, data: Split) -> Row:
        """What else the outputs on the validation images say; a `cascade_accuracy` among it chooses the epoch."""
        ...


@dataclass(frozen=True, eq=False)
class LessonJob(Job):
    """A job whose weights depend on another net's, and maybe on start weights.

    Attributes:
        lesson: How.
    """

    lesson: Lesson = field(repr=False)

    @property
    def stage(self) -> str:
        """That of the lesson."""
        return self.lesson.stage

    def identity(self) -> Row:
        """As plain values, for a checkpoint: other weights of the other net make another job."""
        other, start = self.lesson.other, self.lesson.start
        lesson = {"stage": self.stage, **self.lesson.values(), "other": other.name, "other_sha256": other.digest}
        if start is not None:
            lesson |= {"start": start.name, "start_sha256": start.digest}
        return super().identity() | {"lesson": lesson}

    def module(self) -> nn.Module:
        """The net before its first step."""
        net = super().module()
        if self.lesson.start is not None:
            net.load_state_dict(self.lesson.start.weights)
        return net

    def trainer(self, data: Split) -> Trainer:
        """Its training, before the first epoch."""
        return Pupil(self, data)


class Pupil(Trainer):
    """A training in which another net sees every batch. Start weights that no epoch betters are kept."""

    job: LessonJob

    def __init__(self, job: LessonJob, data: Split) -> None:
        super().__init__(job, data)
        self.data = data
        self.onlooker = Onlooker(job.lesson.other, data, self.batches, job.spec.resolution)
        self.seen: Iterator[torch.Tensor | None] = iter(())
        if job.lesson.start is not None:
            self._keep(self._judged(0, 0.0))

    def epoch(self) -> Row:
        """As every training's."""
        self.seen = self.onlooker.epoch(self.seed, len(self.history))
        return super().epoch()

    def _loss(self, out: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        seen = next(self.seen)
        other = self.onlooker.logits(x if seen is None else seen)
        return self.job.lesson.loss(out, other, y, self.recipe.label_smoothing)

    def _judge(self, out: torch.Tensor) -> Row:
        return self.job.lesson.judge(out, self.data)

    def _merit(self, row: Row) -> tuple[float, ...]:
        return (row["cascade_accuracy"],) if "cascade_accuracy" in row else super()._merit(row)


def lesson_job(job: Job, lesson: Lesson, **changes: Any) -> LessonJob:  # noqa: ANN401 - as dataclasses.replace
    """A job like this one, with a lesson; `changes` are of its recipe, which is resolved already.

    Raises:
        UsageError: The other net is for other images or classes.
    """
    other = lesson.other
    if (other.channels, other.classes) != (job.channels, job.classes):
        raise UsageError(
            f"{other.net} is for images of {other.channels} channels and {other.classes} classes, {job.spec} for "
            f"{job.channels} and {job.classes}.",
            "Train both on the same data.",
        )
    recipe = replace(job.recipe, **changes)
    return LessonJob(job.spec, recipe, job.seed, job.threads, job.channels, job.classes, job.data_sha256, lesson)
