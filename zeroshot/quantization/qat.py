"""Quantisation-aware training: a short finetune with fake quantisers, judged by the integers that come out of it.

The net starts from the folded weights and from calibrated quantisation parameters, which stay. Batch norm is folded
before the first step and not unfolded again (static folding: Nagel et al., arXiv 2106.08295, section 5.2), so its
statistics cannot drift, and what is trained is what is quantised. The float net teaches beside the labels, so that
what the training had made of its outputs (distillation, a cascade's loss) is not undone.
"""

from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from zeroshot.cascade.metric import metric_of, share
from zeroshot.errors import TrainError
from zeroshot.int8.net import Int8Net
from zeroshot.quantization._float_net import FloatNet
from zeroshot.quantization._pt2e import fake_quantised
from zeroshot.quantization.observers import QParams
from zeroshot.quantization.pixels_and_logits import dequantised
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.training.batches import TrainingBatches
from zeroshot.training.distillation import distillation_loss
from zeroshot.training.learning_rate import learning_rate
from zeroshot.training.step import optimizer_step


@dataclass(frozen=True, eq=False)
class Candidate:
    """The int8 net of an epoch.

    Attributes:
        net: In integers.
        row: Of the history: epoch, losses, and accuracy on the validation images.
    """

    net: Int8Net
    row: dict[str, Any]

    @property
    def merit(self) -> tuple[float, float]:
        """By what the best epoch is chosen."""
        return self.row.get("validation_merit", self.row["validation_accuracy"]), -self.row["validation_loss"]


def candidate(float_net: FloatNet, net: Int8Net, epoch: int, train_loss: float | None) -> Candidate:
    """Judge an int8 net on the validation images."""
    out = float_net.logits(net, "validation")
    labels = torch.from_numpy(float_net.data.labels("validation").copy())
    loss = float(cross_entropy(torch.from_numpy(dequantised(net, out)), labels))
    hits = out.argmax(axis=1) == labels.numpy()
    row = {
        "epoch": epoch, "train_loss": train_loss, "validation_loss": loss, "validation_accuracy": float(hits.mean()),
    }  # fmt: skip
    metric = metric_of(float_net.trained.recipe.metric, float_net.data.dataset.class_names)
    weight = metric.chosen_by(labels.numpy())
    return Candidate(net, row if weight is None else row | {"validation_merit": share(hits, weight)})


class Finetuner:
    """The state of a finetuning between two epochs.

    Args:
        float_net: The net and its data.
        net: Folded (and equalised); the fake-quantised graph shares its parameters, so it is trained in place.
        qparams: Of its tensors; they stay.
        recipe: How; `epochs` at least 1.
        seed: Of batches and augmentation.
    """

    def __init__(self, float_net: FloatNet, net: nn.Module, qparams: QParams, recipe: Int8Recipe, seed: int) -> None:
        trained, spec = float_net.trained, float_net.spec
        self.float_net, self.net, self.qparams, self.recipe, self.seed = float_net, net, qparams, recipe, seed
        self.graph = fake_quantised(net, (trained.channels, spec.height, spec.width), qparams)
        self.teacher = float_net.folded()
        self.training = replace(trained.recipe, epochs=recipe.epochs, schedule="cosine", lr=recipe.lr)
        self.batches = TrainingBatches(float_net.data, spec.resolution, self.training)
        self.optimizer = torch.optim.SGD(
            self.graph.parameters(), lr=recipe.lr, momentum=0.9, nesterov=True, fused=True
        )  # fmt: skip

    def epoch(self, number: int) -> Candidate:
        """Train an epoch, counted from 1, and quantise what it gave.

        Raises:
            TrainError: The loss is NaN or infinite.
        """
        total = 0.0
        # Numbers that the net's own training did not have: other crops, another order.
        batches = self.batches.epoch(self.seed, self.float_net.trained.recipe.epochs + number)
        for i, (x, y) in enumerate(batches):
            value = self._step(x, y, (number - 1) * self.batches.count + i)
            if not isfinite(value):
                raise self._diverged(number, i)
            total += value
        self.net.load_state_dict(dict(self.graph.named_parameters()))
        if not all(torch.isfinite(each).all() for each in self.net.parameters()):
            raise self._diverged(number, self.batches.count - 1)
        int8 = self.float_net.int8(self.net, self.qparams)
        return candidate(self.float_net, int8, number, total / self.batches.count)

    def _step(self, x: torch.Tensor, y: torch.Tensor, number: int) -> float:
        rate = learning_rate(self.training, number / (self.recipe.epochs * self.batches.count))
        return optimizer_step(self.optimizer, rate, lambda: self._loss(x, y))

    def _loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            answers = self.teacher(x)
        smoothing = self.training.label_smoothing
        return distillation_loss(self.graph(x), answers, y, self.recipe.teacher, 1.0, smoothing)

    def _diverged(self, number: int, at: int) -> TrainError:
        return TrainError(
            f"The loss of {self.float_net.trained.net} is NaN or infinite in epoch {number}, step {at + 1} of "
            f"{self.batches.count}, of its finetuning for int8.",
            "Quantise with a lower `lr`, or with `epochs=0`; nets that are done are kept.",
        )
