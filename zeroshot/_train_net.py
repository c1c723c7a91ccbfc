"""Training of single nets: from a spec to weights on disk, and back."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from zeroshot import _checkpoints as disk
from zeroshot._fit import Job, Trainer
from zeroshot._recipe import Recipe
from zeroshot._training_data import FloatArray, Split, hold_out, inputs, logits
from zeroshot.build import build
from zeroshot.data import Dataset
from zeroshot.errors import RunError, UsageError
from zeroshot.net import NetSpec

Row = dict[str, Any]
PARTS = ("validation", "test")


@dataclass(frozen=True, eq=False)
class TrainedNet:
    """A trained net. Accuracies are fractions.

    Attributes:
        net: Short spec.
        channels: Of an image.
        classes: Of the data.
        recipe: As it was used, every choice made.
        best_epoch: The epoch whose weights these are, counted from 1, chosen on the validation images.
        history: One row an epoch: training loss, validation loss and accuracy.
        validation_accuracy: On the images that chose the epoch, so a little too hopeful.
        test_accuracy: On images that chose nothing.
        seconds: Of training and judging epochs, all sittings together.
        images_per_second: Training images over these seconds.
        weights: The averaged weights of the best epoch, name -> tensor.
        outputs: `validation` and `test` -> logits (n, classes) float32, in the order of the data.
    """

    net: str
    channels: int
    classes: int
    recipe: Recipe
    best_epoch: int
    history: list[Row] = field(repr=False)
    validation_accuracy: float
    test_accuracy: float
    seconds: float
    images_per_second: float
    weights: disk.Tensors = field(repr=False)
    outputs: dict[str, FloatArray] = field(repr=False)

    def module(self) -> nn.Module:
        """The net in evaluation mode."""
        net = build(NetSpec.parse(self.net), self.channels, self.classes)
        net.load_state_dict(self.weights)
        return net.eval()


def train_net(
    spec: NetSpec | str,
    data: Dataset | Split,
    recipe: Recipe | None = None,
    seed: int = 0,
    *,
    threads: int = 1,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> TrainedNet:
    """Train one net. The same call gives the same weights, bit for bit, on the same machine.

    Args:
        spec: The net; images are brought to its resolution.
        data: A data set, of which `hold_out` makes a split with this seed, or a split.
        recipe: How; by default `Recipe()`.
        seed: Initial weights, batches and augmentation derive from it and the net.
        threads: Of torch; another number rounds sums otherwise.
        folder: Where checkpoints and the result are kept; None keeps nothing.
        resume: Go on from the last checkpoint in that folder, with the weights that an uninterrupted training would
            have given; a net that is there already is read, not trained.
        progress: Called after each epoch with how many are done, of how many.

    Raises:
        UsageError: A value is out of range, or `spec` is none.
        DataError: A class has too few images for a validation split.
        TrainError: The loss is no number any more; the last checkpoint is kept.
        RunError: The folder holds this net already and `resume` was not asked for; a checkpoint is damaged or was
            made of something else; the disk is full.
    """
    if seed < 0 or threads < 1:
        raise UsageError(f"A seed is 0 or more and threads are 1 or more, not {seed} and {threads}.")
    wanted = recipe or Recipe()
    split = data if isinstance(data, Split) else hold_out(data, seed, wanted.validation)
    job = job_of(spec, split.dataset, wanted, seed, threads)
    where = Path(folder) if folder is not None else None
    if where is not None and finished(job, where, resume):
        return load_net(where, str(job.spec), job)
    with fixed_threads(threads):
        trainer, seconds = _start(job, split, where)
        while not trainer.done:
            started = time.perf_counter()
            trainer.epoch()
            seconds += time.perf_counter() - started
            if where is not None:
                _checkpoint(trainer, where, seconds)
            if progress is not None:
                progress(len(trainer.history), job.recipe.epochs)
        result = _result(trainer, split, seconds)
    if where is not None:
        _write(result, job, where)
    return result


def job_of(spec: NetSpec | str, dataset: Dataset, recipe: Recipe, seed: int, threads: int) -> Job:
    """What decides the weights of a net; arguments as `train_net`."""
    net = spec if isinstance(spec, NetSpec) else NetSpec.parse(spec)
    resolved = recipe.resolved(net, dataset)
    return Job(net, resolved, seed, threads, dataset.channels, dataset.classes, dataset.digest)


def finished(job: Job, folder: Path, resume: bool) -> bool:
    """Whether the folder holds this very net, trained.

    Raises:
        RunError: It holds it, whole or in part, and `resume` was not asked for; or it was trained otherwise.
    """
    net = str(job.spec)
    whole = (folder / f"{disk.stem(net)}.json").exists()
    if not resume and (whole or disk.epochs(folder, net)):
        raise RunError(f"{folder} holds {net} already.", "Continue with --resume, or start over with --force.")
    if whole:
        disk.check_same(disk.read_about(folder, disk.stem(net)), job.identity(), folder / f"{disk.stem(net)}.json")
    return whole


def load_net(folder: str | Path, net: str, job: Job | None = None) -> TrainedNet:
    """Read a trained net.

    Args:
        folder: `models` of a run folder.
        net: Short spec.
        job: What it must have been made of; None takes anything.

    Raises:
        RunError: It is not there, damaged, cut short, of another net, or made of something else.
    """
    where, name = Path(folder), disk.stem(net)
    weights, about = disk.load(where, name, job.identity() if job is not None else {"net": net})
    try:
        with np.load(where / f"{name}.npz", allow_pickle=False) as archive:
            outputs = {part: archive[part] for part in PARTS}
        found = {key: about[key] for key in (*_KEPT, "channels", "classes")}
        result = TrainedNet(net=net, recipe=Recipe(**about["recipe"]), weights=weights, outputs=outputs, **found)
        result.module()
    except Exception as error:  # damaged archives alone bring BadZipFile, zlib.error, EOFError, ValueError, OSError
        text = f"The files of {net} in {where} do not belong together: {disk.first_line(error)}"
        raise RunError(text, disk.AGAIN) from error
    return result


_KEPT = ("best_epoch", "history", "validation_accuracy", "test_accuracy", "seconds", "images_per_second")


@contextmanager
def fixed_threads(wanted: int) -> Iterator[None]:
    """Let torch use so many threads, then as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _start(job: Job, data: Split, folder: Path | None) -> tuple[Trainer, float]:
    """A trainer at the last checkpoint, or at the beginning, and the seconds spent so far."""
    trainer, net = Trainer(job, data), str(job.spec)
    if folder is None:
        return trainer, 0.0
    disk.make(folder)
    known = disk.epochs(folder, net)
    disk.drop_epochs(folder, net, keep=known[-1] if known else None)
    if not known:
        return trainer, 0.0
    tensors, about = disk.load(folder, disk.epoch_name(net, known[-1]), job.identity())
    trainer.restore(tensors, about)
    return trainer, float(about.get("seconds", 0.0))


def _checkpoint(trainer: Trainer, folder: Path, seconds: float) -> None:
    net, number = str(trainer.job.spec), len(trainer.history)
    about = trainer.job.identity() | trainer.progress() | {"seconds": seconds}
    disk.save(folder, disk.epoch_name(net, number), trainer.tensors(), about)
    disk.drop_epochs(folder, net, keep=number)


def _result(trainer: Trainer, data: Split, seconds: float) -> TrainedNet:
    job, net = trainer.job, trainer.judged
    net.load_state_dict(trainer.best)
    outputs = {part: logits(net, inputs(data, part, job.spec.resolution)) for part in PARTS}
    hits = outputs["test"].argmax(axis=1) == data.labels("test")
    seen = len(trainer.history) * trainer.batches.count * trainer.batches.size
    return TrainedNet(
        net=str(job.spec), channels=job.channels, classes=job.classes, recipe=job.recipe,
        best_epoch=trainer.best_row["epoch"], history=trainer.history,
        validation_accuracy=trainer.best_row["validation_accuracy"], test_accuracy=float(hits.mean()),
        seconds=seconds, images_per_second=seen / max(seconds, 1e-9), weights=trainer.best, outputs=outputs,
    )  # fmt: skip


def _write(result: TrainedNet, job: Job, folder: Path) -> None:
    name, buffer = disk.stem(result.net), io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **result.outputs)
    disk.write(folder, f"{name}.npz", buffer.getvalue())
    disk.save(folder, name, result.weights, job.identity() | {key: getattr(result, key) for key in _KEPT})
    disk.drop_epochs(folder, result.net)
