"""A trained net that sees the very images on which another net is being trained."""

from collections.abc import Iterator

import torch

from zeroshot.net import NetSpec
from zeroshot.training.batches import Split, TrainingBatches
from zeroshot.training.recipe import fast_precision
from zeroshot.training.trained import TrainedNet


class Teacher:
    """Logits of a net whose weights stay, batch by batch: evaluation mode, the fastest precision, no gradients.

    Args:
        net: The teacher.
        data: The split that the student is trained on.
        batches: The student's.
    """

    def __init__(self, net: TrainedNet, data: Split, batches: TrainingBatches) -> None:
        resolution = NetSpec.parse(net.net).resolution
        self.module = net.module().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.bf16 = fast_precision() == "bf16"
        same = resolution == batches.resolution
        self.own = None if same else TrainingBatches(data, resolution, batches.recipe, batches.resolution)

    def epoch(self, seed: int, number: int) -> Iterator[torch.Tensor | None]:
        """What it sees in each step of an epoch; None where that is the student's own batch."""
        while self.own is None:
            yield None
        yield from (x for x, _ in self.own.epoch(seed, number))

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """(n, classes) float32."""
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            out: torch.Tensor = self.module(x)
        return out.float()
