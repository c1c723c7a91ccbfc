"""Trains several small nets at once on a CUDA device: each step is one captured graph, each net has its own stream.

The recipe, the initial weights and the batches are those of `zeroshot.train_net`, drawn by the same code; sums are
rounded otherwise, and convolutions multiply in TF32 while training. Weights, averages and evaluation are float32.
A net of this size cannot fill such a device, and Python cannot keep up with its kernels: so a whole step is replayed
at once, a few nets take turns in one process, and several processes share the device.
"""

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from zeroshot.errors import TrainError
from zeroshot.net import NetSpec
from zeroshot.scoring.population import net_seed
from zeroshot.training.batches import EVALUATION_BATCH, Split, TrainingBatches, inputs
from zeroshot.training.learning_rate import learning_rate
from zeroshot.training.recipe import Recipe
from zeroshot.training.train import TrainedNet
from zeroshot.training.train_net import job_of
from zeroshot.training.trainer import Job

ALIGNED = 64  # floats: vector instructions want every tensor to begin at such a place
WARM_UP = 2  # steps before a capture, undone afterwards: libraries set themselves up in them


class Images:
    """One task's images at one resolution, on the device; squares.

    Args:
        split: The task.
        side: Of the nets, pixels.
        recipe: Resolved; all nets of a task share it.
        device: Where.

    Attributes:
        side: Pixels.
        batches: What draws them.
        padded: (n, side, side, C) uint8.
        labels: (n,) int64.
        parts: `validation` and `test` -> (m, C, H, W) float32 as nets see them.
        validation: (m,) int64 labels.
        scale: (C,) float32; with `shift`, what makes pixels of zero mean.
        shift: (C,) float32.
    """

    def __init__(self, split: Split, side: int, recipe: Recipe, device: torch.device) -> None:
        self.batches = TrainingBatches(split, side, recipe)
        normalise = self.batches.normalise
        self.padded, self.labels = torch.from_numpy(self.batches.padded).to(device), self.batches.labels.to(device)
        self.side = side
        self.parts = {part: inputs(split, part, side).to(device) for part in ("validation", "test")}
        self.validation = torch.from_numpy(split.labels("validation").copy()).to(device)
        self.scale = torch.tensor(1 / (255 * normalise.std), dtype=torch.float32, device=device)
        self.shift = torch.tensor(-normalise.mean / normalise.std, dtype=torch.float32, device=device)


@dataclass(frozen=True)
class _Flat:
    """The floats of a net's state in one vector, of which its parameters and buffers are views; parameters come first.

    Attributes:
        vector: All of them, each at an aligned place.
        sizes: Of the parameters in it, padding included.
    """

    vector: Tensor
    sizes: list[int]

    @staticmethod
    def of(module: nn.Module) -> "_Flat":
        parameters: list[Tensor] = list(module.parameters())
        named = [*parameters, *(buffer for buffer in module.buffers() if buffer.is_floating_point())]
        sizes = [-(-tensor.numel() // ALIGNED) * ALIGNED for tensor in named]
        vector = torch.cat([
            nn.functional.pad(tensor.detach().reshape(-1), (0, size - tensor.numel()))
            for tensor, size in zip(named, sizes, strict=True)
        ])  # fmt: skip
        for tensor, part in zip(named, torch.split(vector, sizes), strict=True):
            tensor.data = part[: tensor.numel()].view(tensor.shape)
        return _Flat(vector, sizes[: len(parameters)])


class Training:
    """One net's training on the device, in a stream of its own.

    Args:
        job: What `zeroshot.train_net` would train.
        images: Of its task at its resolution.
        device: A CUDA device; "cpu" runs every step as it stands, for tests.
    """

    def __init__(self, job: Job, images: Images, device: torch.device) -> None:
        recipe = job.recipe
        if recipe.cutout or recipe.optimizer != "sgd" or not recipe.ema or recipe.patience:
            raise ValueError("captured steps know sgd with averaged weights, without cutout and patience, alone")
        self.job, self.recipe, self.images, self.device = job, recipe, images, device
        self.history: list[dict[str, Any]] = []
        on_device = device.type == "cuda"
        self.stream = torch.cuda.Stream(device) if on_device else None  # type: ignore[no-untyped-call]
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            self._set_up()
            self.graph = self._captured() if on_device else None

    def _set_up(self) -> None:
        device, recipe, batches = self.device, self.recipe, self.images.batches
        # Contiguous: depthwise kernels have no other layout there, and the others gain little by one.
        net = self.job.module().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.module, self.judged = net.to(device).train(), deepcopy(net).to(device).eval()
        for part in (*self.module.modules(), *self.judged.modules()):
            if isinstance(part, nn.BatchNorm2d):
                part.num_batches_tracked = None  # with a momentum nobody reads it; counting costs a kernel a layer
        self.state, self.average = _Flat.of(self.module), _Flat.of(self.judged)
        self.best = self.average.vector.clone()
        self.parameters = list(self.module.parameters())
        sizes = self.state.sizes
        self.weights = self.state.vector[: sum(sizes)]
        self.gradient, self.momentum = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        gaps = [size - p.numel() for size, p in zip(sizes, self.parameters, strict=True)]
        self.gaps = [torch.zeros(gap, device=device) for gap in gaps]
        decays = [(recipe.weight_decay or 0.0) if p.ndim > 1 else 0.0 for p in self.parameters]
        self.decay = torch.cat([
            torch.full((size,), decay, device=device) for size, decay in zip(sizes, decays, strict=True)
        ])  # fmt: skip
        steps = recipe.epochs * batches.count
        rates = [-learning_rate(recipe, step / steps) for step in range(steps)]
        taken = [1 - min(recipe.ema, (1 + step) / (10 + step)) for step in range(steps)]
        self.rates, self.taken = torch.tensor(rates, device=device), torch.tensor(taken, device=device)
        self.step = torch.zeros(1, dtype=torch.int64, device=device)
        self.place = torch.zeros(1, dtype=torch.int64, device=device)  # of the batch in its epoch
        shape = (batches.count, batches.size)
        self.drawn = torch.zeros((4, *shape), dtype=torch.int64, device=device)  # rows, down, right, mirrored
        self.losses = torch.zeros(batches.count, device=device)
        self.pixels = torch.arange(self.images.side, device=device)

    def _batch(self) -> tuple[Tensor, Tensor]:
        held, last = self.images, self.images.side - 1
        rows, down, right, mirrored = self.drawn.index_select(1, self.place)[:, 0]
        across = torch.where(mirrored[:, None] > 0, last - self.pixels, self.pixels) + right[:, None]
        x = held.padded[rows[:, None, None], (self.pixels + down[:, None])[:, :, None], across[:, None, :]]
        return (x.float() * held.scale + held.shift).permute(0, 3, 1, 2).contiguous(), held.labels[rows]

    def _one_step(self) -> None:
        x, y = self._batch()
        loss = cross_entropy(self.module(x), y, label_smoothing=self.recipe.label_smoothing)
        parts = zip(torch.autograd.grad(loss, self.parameters), self.gaps, strict=True)
        with torch.no_grad():
            # One kernel; as many as there are parameters would cost a fifth of the step.
            torch.cat([part for each, gap in parts for part in (each.reshape(-1), gap)], out=self.gradient)
            # SGD with Nesterov's momentum as torch has it, over one vector.
            self.gradient.addcmul_(self.weights, self.decay)
            self.momentum.mul_(0.9).add_(self.gradient)
            self.gradient.add_(self.momentum, alpha=0.9)
            self.weights.addcmul_(self.gradient, self.rates.index_select(0, self.step))
            self.average.vector.lerp_(self.state.vector, self.taken.index_select(0, self.step))
            self.losses.index_copy_(0, self.place, loss.detach()[None])
            self.step.add_(1)
            self.place.add_(1)

    def _captured(self) -> torch.cuda.CUDAGraph:
        kept = (self.state.vector, self.average.vector, self.momentum, self.step, self.place)
        torch.backends.cudnn.allow_tf32 = True
        before = [each.clone() for each in kept]
        for _ in range(WARM_UP):
            self.step.zero_()
            self.place.zero_()
            self._one_step()
        for each, was in zip(kept, before, strict=True):
            each.copy_(was)
        torch.cuda.current_stream().synchronize()
        graph = torch.cuda.CUDAGraph()
        graph.capture_begin()
        self._one_step()
        graph.capture_end()
        torch.backends.cudnn.allow_tf32 = False
        return graph

    def begin_epoch(self) -> None:
        """Draw its batches."""
        draws = list(self.images.batches.draws(net_seed(self.job.seed, self.job.name), len(self.history)))
        drawn = np.stack([
            np.stack([draw.rows for draw in draws]), np.stack([draw.shifts[0] for draw in draws]),
            np.stack([draw.shifts[1] for draw in draws]), np.stack([draw.mirrored for draw in draws]).astype(np.int64),
        ])  # fmt: skip
        with torch.cuda.stream(self.stream):
            self.drawn.copy_(torch.from_numpy(drawn))
            self.place.zero_()

    def next_step(self) -> None:
        """One batch forwards, backwards and into the weights."""
        with torch.cuda.stream(self.stream):
            if self.graph is not None:
                self.graph.replay()
            else:
                self._one_step()

    def end_epoch(self) -> None:
        """Judge it on the validation images, and keep its weights if they are the best so far.

        Raises:
            TrainError: The loss is NaN or infinite.
        """
        with torch.cuda.stream(self.stream):
            out, y = self.outputs("validation"), self.images.validation
            right = (out.argmax(1) == y).double().mean()
            loss, judged, accuracy = torch.stack(
                [self.losses.mean().double(), cross_entropy(out, y).double(), right]
            ).tolist()
            row = {
                "epoch": len(self.history) + 1, "train_loss": loss, "validation_loss": judged,
                "validation_accuracy": accuracy,
            }  # fmt: skip
            if not isfinite(loss + judged):
                raise TrainError(f"The loss of {self.job.spec} is NaN or infinite in epoch {row['epoch']}.")
            if not self.history or _merit(row) > max(map(_merit, self.history)):
                self.best.copy_(self.average.vector)
            self.history.append(row)

    def outputs(self, part: str) -> Tensor:
        """Logits of the averaged weights, float32 throughout."""
        x = self.images.parts[part]
        with torch.no_grad():
            return torch.cat([self.judged(x[i : i + EVALUATION_BATCH]) for i in range(0, len(x), EVALUATION_BATCH)])

    def result(self, split: Split, seconds: float) -> TrainedNet:
        """The net after its best epoch."""
        with torch.cuda.stream(self.stream):
            self.average.vector.copy_(self.best)
            logits = {part: self.outputs(part).cpu().numpy() for part in ("validation", "test")}
            weights = {name: tensor.detach().cpu().clone() for name, tensor in self.judged.state_dict().items()}
        steps = len(self.history) * self.images.batches.count
        for name in [each for each in weights if each.endswith("running_var")]:
            weights[name.replace("running_var", "num_batches_tracked")] = torch.tensor(steps)
        hits = logits["test"].argmax(axis=1) == split.labels("test")
        top, job = max(self.history, key=_merit), self.job
        return TrainedNet(
            net=str(job.spec), channels=job.channels, classes=job.classes, recipe=job.recipe, best_epoch=top["epoch"],
            history=self.history, validation_accuracy=top["validation_accuracy"], test_accuracy=float(hits.mean()),
            seconds=seconds, images_per_second=steps * self.images.batches.size / seconds, weights=weights,
            outputs=logits,
        )  # fmt: skip


def train_together(
    nets: Sequence[tuple[str, int]], split: Split, recipe: Recipe, device: torch.device, deadline: float
) -> list[TrainedNet]:  # fmt: skip
    """What `zeroshot.train_net` does, for some nets and seeds of one task that take turns.

    Args:
        nets: Short spec and seed of each.
        split: The task.
        recipe: Of all.
        device: Where.
        deadline: Unix time; trainings that are not done by then are lost.

    Returns:
        Them in order; empty if the deadline came first.

    Raises:
        TrainError: The loss of one becomes NaN.
    """
    started = time.perf_counter()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    jobs = [job_of(NetSpec.parse(net), split.dataset, recipe, seed, 1) for net, seed in nets]
    held: dict[int, Images] = {}
    for job in jobs:
        if job.spec.height not in held:
            held[job.spec.height] = Images(split, job.spec.height, job.recipe, device)
    trainings = [Training(job, held[job.spec.height], device) for job in jobs]
    for _ in range(recipe.epochs):
        if time.time() > deadline:
            return []
        for each in trainings:
            each.begin_epoch()
        for _ in range(trainings[0].images.batches.count):
            for each in trainings:
                each.next_step()
        for each in trainings:
            each.end_epoch()
    seconds = (time.perf_counter() - started) / len(trainings)
    return [each.result(split, seconds) for each in trainings]


def _merit(row: dict[str, Any]) -> tuple[float, ...]:
    """By what `zeroshot.train_net` chooses the best epoch."""
    return row["validation_accuracy"], -row["validation_loss"]
