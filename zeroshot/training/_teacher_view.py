"""A trained net that looks at the very images on which another net is being trained."""

from collections.abc import Iterator

import numpy as np
import torch

from zeroshot.data.arrays import Images
from zeroshot.net import NetSpec
from zeroshot.training.batches import Rows, Split, TrainingBatches, _squares
from zeroshot.training.recipe import Recipe, fast_precision
from zeroshot.training.trained import TrainedNet


class Onlooker:
    """Logits of a net whose weights stay, batch by batch: evaluation mode, the fastest precision, no gradients."""

    def __init__(self, net: TrainedNet, data: Split, batches: TrainingBatches, resolution: int) -> None:
        spec = NetSpec.parse(net.net)
        self.module = net.module().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.bf16 = fast_precision() == "bf16"
        same = spec.resolution == resolution
        self.own = None if same else ScaledBatches(data, spec.resolution, batches.recipe, batches, resolution)

    def epoch(self, seed: int, number: int) -> Iterator[torch.Tensor | None]:
        """What it sees in each step of an epoch; None where that is the net's own batch."""
        while self.own is None:
            yield None
        yield from (x for x, _ in self.own.epoch(seed, number))

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """(n, classes) float32."""
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            out: torch.Tensor = self.module(x)
        return out.float()


class ScaledBatches(TrainingBatches):
    """The batches of another net at another resolution: the same images, crops, mirrors and squares."""

    def __init__(
        self, data: Split, resolution: int, recipe: Recipe, leader: TrainingBatches, leader_resolution: int
    ) -> None:
        super().__init__(data, resolution, recipe)
        self.leader_margin, self.leader_resolution, self.resolution = leader.margin, leader_resolution, resolution

    def _augmented(self, rows: Rows, rng: np.random.Generator) -> Images:
        """As the leader's, number by number from the generator; then positions are scaled."""
        shifts = rng.integers(0, 2 * self.leader_margin + 1, (2, len(rows)))
        if self.leader_margin:
            shifts = np.rint(shifts * (self.margin / self.leader_margin)).astype(np.intp)
        else:
            shifts += self.margin  # the leader crops nothing
        x: Images = np.ascontiguousarray(self.windows[rows, shifts[0], shifts[1]])
        if self.recipe.flip:
            mirrored = rng.random(len(rows)) < 0.5
            x[mirrored] = x[mirrored, :, ::-1]
        side = round(self.recipe.cutout * self.leader_resolution)
        if side:
            squares = _squares(rng, len(x), self.leader_resolution, side)
            nearest = np.arange(self.resolution) * self.leader_resolution // self.resolution
            x[squares[:, nearest[:, None], nearest]] = self.grey
        return x
