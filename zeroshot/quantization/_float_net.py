"""A trained net about to be quantised, and its images as the float net and as the int8 net see them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import nn

from zeroshot.data import resized
from zeroshot.errors import DataError, UsageError
from zeroshot.int8.execute import quantize_pixels, run
from zeroshot.int8.net import Int8Net
from zeroshot.net import LayerTable, NetSpec, layer_table, spec_array
from zeroshot.quantization.fold import folded
from zeroshot.quantization.observers import QParams, Range
from zeroshot.quantization.pixels_and_logits import normalised_pixels, pixel_table
from zeroshot.quantization.recipe import FEWEST, IMAGES
from zeroshot.quantization.to_int8 import int8_net
from zeroshot.training.batches import Normaliser, Split
from zeroshot.training.trained import TrainedNet
from zeroshot.types import Int8Array


@dataclass(frozen=True, eq=False)
class FloatNet:
    """A trained float net with the data that it was trained on.

    Attributes:
        trained: The net.
        data: The split that it was trained on.

    Raises:
        UsageError: The data have other channels or classes than the net.
    """

    trained: TrainedNet
    data: Split

    def __post_init__(self) -> None:
        dataset, net = self.data.dataset, self.trained
        if (dataset.channels, dataset.classes) != (net.channels, net.classes):
            raise UsageError(
                f"{net.net} was trained on images of {net.channels} channels and {net.classes} classes, "
                f"{dataset.name} has {dataset.channels} and {dataset.classes}.",
                "Give the data that it was trained on.",
            )

    @cached_property
    def spec(self) -> NetSpec:
        """Of the net."""
        return NetSpec.parse(self.trained.net)

    @cached_property
    def table(self) -> LayerTable:
        """The net's layers."""
        return layer_table(spec_array([self.spec]), self.trained.channels, self.trained.classes)

    @cached_property
    def input_range(self) -> Range:
        """What normalising makes of the darkest and of the brightest pixel, over all channels: nothing clips."""
        values = normalised_pixels(self.data.dataset)
        return float(values.min()), float(values.max())

    def folded(self) -> nn.Module:
        """The net without batch norm, in the memory layout that is fastest."""
        return folded(self.trained.module()).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def calibration(self, images: int | None, seed: int) -> torch.Tensor:
        """Training images, unaugmented, (n, C, H, W) float32.

        Raises:
            DataError: There are not so many.
        """
        there = len(self.data.train)
        wanted = min(IMAGES, there) if images is None else images
        if not FEWEST <= wanted <= there:
            raise DataError(
                f"Calibration needs {max(wanted, FEWEST)} training images; {self.data.dataset.name} has {there}.",
                "Give fewer with `images`." if there >= FEWEST else "Use a larger data set.",
            )
        rows = np.random.default_rng([seed, 1]).permutation(there)[:wanted]
        x = self.data.images("train")[np.sort(rows)]
        return Normaliser(self.data.dataset)(resized(x, self.spec.resolution))

    def int8(self, net: nn.Module, qparams: QParams) -> Int8Net:
        """The int8 net of a folded net."""
        return int8_net(net, self.spec, self.trained.channels, self.trained.classes, qparams)

    def logits(self, net: Int8Net, part: str) -> Int8Array:
        """Outputs of an int8 net, as the device computes them, on all images of a part: (n, classes) int8."""
        pixels = resized(self.data.images(part), self.spec.resolution)
        return run(net, quantize_pixels(pixel_table(net, self.data.dataset), pixels))
