"""The rounds of a pruning: each takes channels out and trains the net on, some way nearer to the target."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from zeroshot.errors import RunError, UsageError
from zeroshot.net import NetSpec
from zeroshot.pruning.finetune import finetune_job
from zeroshot.pruning.options import CompressOptions
from zeroshot.pruning.prune import Pruned, prune
from zeroshot.pruning.saliency import Batch
from zeroshot.pruning.target import Target
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.rows import PrunedNetRow
from zeroshot.scoring.population import net_seed
from zeroshot.training.batches import Split, inputs, logits
from zeroshot.training.train_net import train_job
from zeroshot.training.trained import TrainedNet
from zeroshot.types import Progress

SALIENCY_IMAGES = 256  # of the training images, for taylor


@dataclass(frozen=True, eq=False)
class Rounds:
    """The rounds, one after the other.

    Attributes:
        source: The net that is pruned.
        data: The split that it was trained on.
        target: What the last round must meet.
        options: How nets are pruned and trained.
        seed: The run's.
        folder: Where the run's trained nets are.
        force: Replace what an earlier call has left of these pruned nets.
        resume: Go on after an interruption.
    """

    source: TrainedNet
    data: Split
    target: Target
    options: CompressOptions
    seed: int
    folder: Path
    force: bool
    resume: bool

    def run(self, report: Progress) -> tuple[list[PrunedNetRow], TrainedNet, list[str]]:
        """Rows of the source and of each round, the last net, and remarks.

        Raises:
            UsageError: The source meets the target already.
            InfeasibleError: The target cannot be met; nothing was trained.
            RunError: Pruned nets are there already, or were made otherwise, or the disk is full.
            TrainError: The loss is NaN or infinite; the last checkpoint is kept.
        """
        batch = self._batch() if self.options.saliency == "taylor" else None
        at_once = self._pruned(self.source, self.target, batch)  # says before any training if it cannot be met
        if str(at_once.spec) == self.source.net:
            raise UsageError(f"{self.source.name} meets the target already.", "Give a smaller target.")
        rows, net, remarks = [_row(0, self.source, at_once.before)], self.source, []
        for number, epochs in self._epochs():
            goal = self.target.part_way(at_once.before, number / self.options.rounds)
            pruned = self._pruned(net, goal, batch)
            if str(pruned.spec) == net.net:
                remarks.append(f"Round {number} had nothing to prune: the round before it had gone far enough.")
                continue
            net = self._trained(pruned, net, number, epochs, report)
            rows.append(replace(_row(number, net, pruned.after), validation_accuracy_untrained=self._accuracy(pruned)))
        return rows, net, remarks

    def _epochs(self) -> Iterator[tuple[int, range]]:
        """Number of each round, and the numbers of its epochs; the last has what is left over."""
        rounds, epochs = self.options.rounds, self.options.epochs
        each = epochs // rounds
        for number in range(1, rounds + 1):
            yield number, range(each * (number - 1), each * number if number < rounds else epochs)

    def _pruned(self, net: TrainedNet, target: Target, batch: Batch | None) -> Pruned:
        return prune(net, target, saliency=self.options.saliency, multiple=self.options.multiple, batch=batch)

    def _trained(
        self, pruned: Pruned, before: TrainedNet, number: int, epochs: range, report: Progress
    ) -> TrainedNet:  # fmt: skip
        options = self.options
        job = finetune_job(
            pruned, before, self.data, epochs=len(epochs), lr=options.lr, seed=self.seed, threads=options.threads,
            more={"round": number, "rounds": options.rounds},
        )  # fmt: skip
        words = f"training {pruned.spec}, round {number} of {options.rounds}"
        report(words, epochs.start, options.epochs)
        if self.force:
            _drop(self.folder, job.name)
        return train_job(
            job, self.data, self.folder, self.resume,
            lambda what, done, of: report(words, epochs.start + done, options.epochs),
        )  # fmt: skip

    def _accuracy(self, pruned: Pruned) -> float:
        """Of the validation images, without any training after the cut."""
        out = logits(pruned.module(), inputs(self.data, "validation", pruned.spec.resolution))
        return float((out.argmax(axis=1) == self.data.labels("validation")).mean())

    def _batch(self) -> Batch:
        """Some training images as the source sees them, and their labels."""
        order = np.random.default_rng(net_seed(self.seed, self.source.name)).permutation(len(self.data.train))
        some = replace(self.data, train=self.data.train[order[:SALIENCY_IMAGES]])
        images = inputs(some, "train", NetSpec.parse(self.source.net).resolution)
        return images, torch.from_numpy(some.labels("train").copy())


def _row(number: int, net: TrainedNet, costs: dict[str, float]) -> PrunedNetRow:
    return PrunedNetRow(
        round=number, net=net.name, macs=costs["macs"], weights=costs["weights"], flash=costs["flash"],
        latency_ms=costs["latency"], epochs=len(net.history), validation_accuracy=net.validation_accuracy,
        test_accuracy=net.test_accuracy,
    )  # fmt: skip


def _drop(folder: Path, net: str) -> None:
    """Remove what an earlier call has left of a pruned net."""
    try:
        for kind in ("json", "summary.json", "pt", "npz"):
            (folder / f"{disk.stem(net)}.{kind}").unlink(missing_ok=True)
        disk.drop_epochs(folder, net)
    except OSError as error:
        raise RunError(f"Cannot write {folder}: {error.strerror}.", "Mend the permissions there.") from error
