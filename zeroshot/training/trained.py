"""What a training leaves behind: weights, and what they do on the images that were held out."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from torch import nn

from zeroshot.build import build
from zeroshot.net import NetSpec
from zeroshot.runs.checkpoints import Tensors
from zeroshot.training.recipe import Recipe
from zeroshot.types import Float32Array

EpochRow = dict[str, float]  # what is known after an epoch: its number, losses, accuracies
PARTS = ("validation", "test")


@dataclass(frozen=True, eq=False)
class TrainedNet:
    """A trained net. Accuracies are fractions.

    Attributes:
        net: Short spec.
        channels: Of an image.
        classes: Of the data.
        recipe: As it was used, every choice made.
        best_epoch: The epoch whose weights these are, counted from 1, chosen on the validation images; 0 where a
            finetune bettered nothing and these are the weights that it started from.
        history: One row an epoch: training loss, validation loss and accuracy.
        validation_accuracy: On the images that chose the epoch, so a little too hopeful.
        test_accuracy: On images that chose nothing.
        seconds: Of training and judging epochs, all sittings together.
        images_per_second: Training images over these seconds.
        weights: The averaged weights of the best epoch, name -> tensor.
        outputs: `validation` and `test` -> logits (n, classes) float32, in the order of the data.
        stage: What it went through beyond a training on its own, "" for nothing: see `Job.name`.
    """

    net: str
    channels: int
    classes: int
    recipe: Recipe
    best_epoch: int
    history: list[EpochRow] = field(repr=False)
    validation_accuracy: float
    test_accuracy: float
    seconds: float
    images_per_second: float
    weights: Tensors = field(repr=False)
    outputs: dict[str, Float32Array] = field(repr=False)
    stage: str = ""

    @property
    def name(self) -> str:
        """The spec and the stage: under what `load_net` finds it."""
        return staged(self.net, self.stage)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        return weights_digest(self.weights)

    def module(self) -> nn.Module:
        """The net in evaluation mode."""
        net = build(NetSpec.parse(self.net), self.channels, self.classes)
        net.load_state_dict(self.weights)
        return net.eval()


def staged(net: str, stage: str) -> str:
    """The name of a net at a stage; no spec has a dot.

    >>> staged("r8-s4-c3w8x1", ""), staged("r8-s4-c3w8x1", "distilled")
    ('r8-s4-c3w8x1', 'r8-s4-c3w8x1.distilled')
    """
    return f"{net}.{stage}" if stage else net


def weights_digest(weights: Tensors) -> str:
    """SHA-256 of some weights, hex, names and shapes included."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()
