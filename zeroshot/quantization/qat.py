"""Quantisation-aware training: a short finetune with fake quantisers, judged by the integers that come out of it.

The net starts from the folded weights and from calibrated steps, which stay. Batch norm is folded before the first
step and not unfolded again (static folding: Nagel et al., arXiv 2106.08295, section 5.2), so its statistics cannot
drift, and what is trained is what is quantised. The float net teaches beside the labels, so that what the training
had made of its outputs (distillation, a cascade's loss) is not undone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from zeroshot.errors import TrainError
from zeroshot.int8.net import Int8Net
from zeroshot.quantization._pt2e import fake_quantised
from zeroshot.quantization._subject import Subject, real_logits
from zeroshot.quantization.ranges import Steps
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.training.batches import TrainingBatches
from zeroshot.training.distillation import distillation_loss
from zeroshot.training.recipe import learning_rate

Row = dict[str, Any]


def judged(subject: Subject, net: Int8Net, epoch: int, train_loss: float | None) -> Row:
    """An epoch's row of the history: loss and accuracy of the int8 net on the validation images."""
    whole = subject.logits(net, "validation")
    labels = torch.from_numpy(subject.data.labels("validation").copy())
    loss = float(cross_entropy(torch.from_numpy(real_logits(net, whole)), labels))
    hits = whole.argmax(axis=1) == labels.numpy()
    return {
        "epoch": epoch, "train_loss": train_loss, "validation_loss": loss, "validation_accuracy": float(hits.mean()),
    }  # fmt: skip


class Finetuner:
    """The state of a finetuning between two epochs.

    Args:
        subject: The net and its data.
        net: Folded (and equalised); the fake-quantised graph shares its parameters, so it is trained in place.
        steps: Of its tensors; they stay.
        recipe: How; `epochs` at least 1.
        seed: Of batches and augmentation.
    """

    def __init__(self, subject: Subject, net: nn.Module, steps: Steps, recipe: Int8Recipe, seed: int) -> None:
        trained, side = subject.trained, subject.spec.resolution
        self.subject, self.net, self.steps, self.recipe, self.seed = subject, net, steps, recipe, seed
        self.graph = fake_quantised(net, (trained.channels, side, side), steps)
        self.teacher = subject.folded()
        self.how = replace(trained.recipe, epochs=recipe.epochs, schedule="cosine", lr=recipe.lr)
        self.batches = TrainingBatches(subject.data, side, self.how)
        self.optimizer = torch.optim.SGD(
            self.graph.parameters(), lr=recipe.lr, momentum=0.9, nesterov=True, fused=True
        )  # fmt: skip

    def epoch(self, number: int) -> tuple[Int8Net, Row]:
        """Train an epoch, counted from 1: the int8 net after it, and its row of the history.

        Raises:
            TrainError: The loss becomes NaN.
        """
        total = 0.0
        # Numbers that the net's own training did not have: other crops, another order.
        batches = self.batches.epoch(self.seed, self.subject.trained.recipe.epochs + number)
        for i, (x, y) in enumerate(batches):
            value = self._step(x, y, (number - 1) * self.batches.count + i)
            if not isfinite(value):
                raise self._diverged(number, i)
            total += value
        self.net.load_state_dict(dict(self.graph.named_parameters()))
        if not all(torch.isfinite(each).all() for each in self.net.parameters()):
            raise self._diverged(number, self.batches.count - 1)
        found = self.subject.int8(self.net, self.steps)
        return found, judged(self.subject, found, number, total / self.batches.count)

    def _step(self, x: torch.Tensor, y: torch.Tensor, step: int) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.how, step / (self.recipe.epochs * self.batches.count))
        with torch.no_grad():
            other = self.teacher(x)
        loss = distillation_loss(self.graph(x), other, y, self.recipe.teacher, 1.0, self.how.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.item()

    def _diverged(self, number: int, step: int) -> TrainError:
        return TrainError(
            f"The loss of {self.subject.trained.net} is no number any more in epoch {number}, step {step + 1} of "
            f"{self.batches.count}, of its finetuning for int8.",
            "Quantise with a lower `lr`, or with `epochs=0`; nets that are done are kept.",
        )


@dataclass
class Found:
    """The best int8 net so far.

    Attributes:
        best: By validation accuracy, then loss; the first of equals.
        row: Its row of the history.
        history: One row an epoch, epoch 0 the net before finetuning.
    """

    best: Int8Net
    row: Row
    history: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.history.append(self.row)

    def add(self, net: Int8Net, row: Row) -> None:
        """Take an epoch into account."""
        self.history.append(row)
        if _merit(row) > _merit(self.row):
            self.best, self.row = net, row


def _merit(row: Row) -> tuple[float, float]:
    return row["validation_accuracy"], -row["validation_loss"]


def finetune(
    subject: Subject, net: nn.Module, steps: Steps, recipe: Int8Recipe, seed: int, found: Found,
    progress: Callable[[int], None],
) -> None:  # fmt: skip
    """Finetune a net for the steps of its tensors; errors and other arguments as `Finetuner`.

    Args:
        subject: The net and its data.
        net: Changed.
        steps: Of its tensors.
        recipe: How.
        seed: Of batches and augmentation.
        found: The net before finetuning; each epoch is added.
        progress: Called after each epoch with how many are done.
    """
    finetuner = Finetuner(subject, net, steps, recipe, seed)
    for number in range(1, recipe.epochs + 1):
        found.add(*finetuner.epoch(number))
        progress(number)
