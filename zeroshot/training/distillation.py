"""Distillation: a net learns from another one's outputs beside the labels."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from zeroshot.training.batches import Split
from zeroshot.training.options import Distillation
from zeroshot.training.trained import EpochRow, TrainedNet


@dataclass(frozen=True, eq=False)
class Taught:
    """A lesson: the net starts afresh and learns from labels and a teacher.

    Attributes:
        teacher: A trained net.
        how: Weight and temperature.
        stage: In the names of files.
    """

    teacher: TrainedNet
    how: Distillation
    stage: str
    start: None = field(default=None, init=False)

    def values(self) -> dict[str, Any]:
        """Weight and temperature; who teaches is told by its weights' SHA-256."""
        return {"weight": self.how.weight, "temperature": self.how.temperature}

    def loss(self, out: torch.Tensor, teacher: torch.Tensor, y: torch.Tensor, smoothing: float) -> torch.Tensor:
        """`distillation_loss`."""
        return distillation_loss(out, teacher, y, self.how.weight, self.how.temperature, smoothing)

    def judge(self, out: torch.Tensor, data: Split) -> EpochRow:
        """Nothing: the best epoch is chosen as for any net."""
        return {}


def taught(net: str, teacher: TrainedNet, how: Distillation) -> Taught:
    """The lesson of a net with this teacher."""
    return Taught(teacher, how, "born-again" if teacher.net == net else "distilled")


def distillation_loss(
    out: torch.Tensor, teacher: torch.Tensor, y: torch.Tensor, weight: float, temperature: float,
    smoothing: float = 0.0,
) -> torch.Tensor:  # fmt: skip
    """(1 - weight) cross-entropy + weight T^2 KL(teacher's softmax at T || the net's at T), mean over the batch.

    T^2 keeps the size of the second term's gradients as T grows.

    Args:
        out: (n, classes) float32 logits.
        teacher: (n, classes) float32 logits, without gradients.
        y: (n,) int64 labels.
        weight: Of the teacher's term, in [0, 1].
        temperature: T, above 0.
        smoothing: Label smoothing of the cross-entropy.

    Returns:
        Scalar.
    """
    hard = cross_entropy(out, y, label_smoothing=smoothing)
    soft = kl_div(
        log_softmax(out / temperature, 1), log_softmax(teacher / temperature, 1), reduction="batchmean",
        log_target=True,
    )  # fmt: skip
    return (1 - weight) * hard + weight * temperature**2 * soft
