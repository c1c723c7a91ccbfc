"""Training with a teacher: a net that does not change, whose outputs on the same batch enter the loss.

In distillation it is the target; in the finetune of a cascade it is the other net of the pair.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol

import torch
from torch import nn

from zeroshot.errors import UsageError
from zeroshot.training._teacher import Teacher
from zeroshot.training.batches import Split
from zeroshot.training.trained import EpochRow, TrainedNet
from zeroshot.training.trainer import Job, Trainer


class Lesson(Protocol):
    """What the teacher says, made into a loss; frozen values that pickle.

    Attributes:
        teacher: The net that does not change.
        start: Weights before the first step; None starts afresh.
        stage: In the names of the trained net's files.
    """

    @property
    def teacher(self) -> TrainedNet: ...

    @property
    def start(self) -> TrainedNet | None: ...

    @property
    def stage(self) -> str: ...

    def values(self) -> dict[str, Any]:
        """Its settings as plain values."""
        ...

    def loss(self, out: torch.Tensor, teacher: torch.Tensor, y: torch.Tensor, smoothing: float) -> torch.Tensor:
        """Scalar loss of a batch: outputs of student and teacher (n, classes) float32, labels (n,), label smoothing."""
        ...

    def judge(self, out: torch.Tensor, data: Split) -> EpochRow:
        """What else the outputs on the validation images say; a `cascade_accuracy` among it chooses the epoch."""
        ...


@dataclass(frozen=True, eq=False)
class LessonJob(Job):
    """A job whose weights depend on a teacher's, and maybe on start weights.

    Attributes:
        lesson: How.
    """

    lesson: Lesson = field(repr=False)

    @property
    def stage(self) -> str:
        """That of the lesson."""
        return self.lesson.stage

    def identity(self) -> dict[str, Any]:
        """As plain values, for a checkpoint: other weights of the teacher make another job."""
        teacher, start = self.lesson.teacher, self.lesson.start
        lesson = {"stage": self.stage, **self.lesson.values(), "other": teacher.name, "other_sha256": teacher.digest}
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
        return Student(self, data)


class Student(Trainer):
    """A training in which a teacher sees every batch. Start weights that no epoch betters are kept."""

    job: LessonJob

    def __init__(self, job: LessonJob, data: Split) -> None:
        super().__init__(job, data)
        self.data = data
        self.teacher = Teacher(job.lesson.teacher, data, self.batches)
        self.seen: Iterator[torch.Tensor | None] = iter(())
        if job.lesson.start is not None:
            self._keep(self._judged(0, 0.0))

    def epoch(self) -> EpochRow:
        """As every training's."""
        self.seen = self.teacher.epoch(self.seed, len(self.history))
        return super().epoch()

    def _loss(self, out: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        seen = next(self.seen)
        taught = self.teacher.logits(x if seen is None else seen)
        return self.job.lesson.loss(out, taught, y, self.recipe.label_smoothing)

    def _judge(self, out: torch.Tensor) -> EpochRow:
        return self.job.lesson.judge(out, self.data)

    def _merit(self, row: EpochRow) -> tuple[float, ...]:
        if "cascade_accuracy" not in row:
            return super()._merit(row)
        return (row.get("cascade_merit", row["cascade_accuracy"]),)


def lesson_job(job: Job, lesson: Lesson, **changes: Any) -> LessonJob:  # noqa: ANN401 - as dataclasses.replace
    """A job like this one, with a lesson; `changes` are of its recipe, which is resolved already.

    Raises:
        UsageError: The teacher is for other images or classes.
    """
    teacher = lesson.teacher
    if (teacher.channels, teacher.classes) != (job.channels, job.classes):
        raise UsageError(
            f"{teacher.net} is for images of {teacher.channels} channels and {teacher.classes} classes, {job.spec} for "
            f"{job.channels} and {job.classes}.",
            "Train both on the same data.",
        )
    recipe = replace(job.recipe, **changes)
    known = {each.name: getattr(job, each.name) for each in fields(Job)}
    return LessonJob(**(known | {"recipe": recipe}), lesson=lesson)
