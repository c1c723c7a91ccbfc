"""Training that goes on from a pruned net's weights."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from zeroshot.pruning.prune import Pruned
from zeroshot.runs.checkpoints import Tensors
from zeroshot.training.batches import Split
from zeroshot.training.recipe import check_seed_and_threads
from zeroshot.training.train_net import train_job
from zeroshot.training.trained import TrainedNet, weights_digest
from zeroshot.training.trainer import Job, Trainer
from zeroshot.types import Progress

STAGE = "pruned"


@dataclass(frozen=True, eq=False)
class FinetuneJob(Job):
    """What decides the weights of a net that starts from others.

    Attributes:
        start: The weights before the first step.
        origin: What they were pruned from and how, plain values; stored with the result.
    """

    start: Tensors = field(repr=False)
    origin: dict[str, Any]

    @property
    def stage(self) -> str:
        """In the names of its files: a net of the same spec that was trained afresh is another one."""
        return STAGE

    def identity(self) -> dict[str, Any]:
        """As plain values, for a checkpoint; the start weights by their SHA-256."""
        return super().identity() | {"pruned": {**self.origin, "start_sha256": weights_digest(self.start)}}

    def module(self) -> nn.Module:
        """The net with the start weights."""
        net = super().module()
        net.load_state_dict(self.start)
        return net

    def trainer(self, data: Split) -> Trainer:
        """Its training, before the first epoch."""
        return Finetune(self, data)


class Finetune(Trainer):
    """A training whose start weights are kept where no epoch betters them."""

    def __init__(self, job: FinetuneJob, data: Split) -> None:
        super().__init__(job, data)
        self._keep(self._judged(0, 0.0))


def finetune_job(
    pruned: Pruned, source: TrainedNet, data: Split, *, epochs: int, lr: float | None = None, seed: int = 0,
    threads: int = 1, more: dict[str, Any] | None = None,
) -> FinetuneJob:  # fmt: skip
    """What decides the weights of a pruned net; `more` is stored with its origin, the rest as `finetune`."""
    recipe = replace(source.recipe, epochs=epochs, lr=source.recipe.lr if lr is None else lr)
    origin = {"from": source.name, "from_sha256": source.digest, **pruned.how, **(more or {})}
    return FinetuneJob(
        spec=pruned.spec, recipe=recipe, seed=seed, threads=threads, channels=source.channels, classes=source.classes,
        data_sha256=data.dataset.digest, start=pruned.weights, origin=origin,
    )  # fmt: skip


def finetune(
    pruned: Pruned,
    source: TrainedNet,
    data: Split,
    *,
    epochs: int,
    lr: float | None = None,
    seed: int = 0,
    threads: int = 1,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainedNet:
    """Train a pruned net on, with the recipe of its source; the same call gives the same weights.

    Args:
        pruned: What `prune` gave.
        source: The net that it was pruned from.
        data: The split that the source was trained with.
        epochs: Passes over the training images.
        lr: Highest learning rate; the source's by default.
        seed: Of batches and augmentation.
        threads: Of torch.
        folder: Where checkpoints and the result are kept, as those of `train_net`; None keeps nothing.
        resume: Go on from the last checkpoint in that folder.
        progress: Called after each epoch with what is being done, how many are done, of how many.

    Raises:
        UsageError: A value is out of range.
        TrainError: The loss is NaN or infinite; the last checkpoint is kept.
        RunError: As `train_net`.
    """
    check_seed_and_threads(seed, threads)
    job = finetune_job(pruned, source, data, epochs=epochs, lr=lr, seed=seed, threads=threads)
    return train_job(job, data, Path(folder) if folder is not None else None, resume, progress)
