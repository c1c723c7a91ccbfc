"""Training of single nets: from a spec to weights on disk, and back."""

import hashlib
import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from msgspec import Meta, convert

from zeroshot.build import build
from zeroshot.data import Dataset
from zeroshot.errors import RunError
from zeroshot.net import NetSpec
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.files import npz_bytes
from zeroshot.runs.schema import Finite, Share
from zeroshot.training._with_teacher import lesson_job
from zeroshot.training.batches import Split, hold_out, inputs, logits
from zeroshot.training.distillation import taught
from zeroshot.training.options import Distillation
from zeroshot.training.recipe import Recipe, check_seed_and_threads
from zeroshot.training.trained import PARTS, TrainedNet
from zeroshot.training.trainer import Job, Trainer
from zeroshot.types import Float32Array, Progress
from zeroshot.workers import torch_threads

__all__ = ["TrainedNet", "finished", "job_of", "load_net", "train_job", "train_net"]


def train_net(
    spec: NetSpec | str,
    data: Dataset | Split,
    recipe: Recipe | None = None,
    seed: int = 0,
    *,
    teacher: TrainedNet | None = None,
    distil: Distillation | None = None,
    threads: int = 1,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainedNet:
    """Train one net. The same call gives the same weights, bit for bit, on the same machine.

    Args:
        spec: The net; images are brought to its resolution.
        data: A data set, of which `hold_out` makes a split with this seed, or a split.
        recipe: How; by default `Recipe()`.
        seed: Initial weights, batches and augmentation derive from it and the net.
        teacher: A net to learn from besides the labels, trained with the same split; `TrainedNet.name` then tells.
        distil: How much; by default `Distillation()`.
        threads: Of torch; another number rounds sums otherwise.
        folder: Where checkpoints and the result are kept; None keeps nothing.
        resume: Go on from the last checkpoint in that folder, with the weights that an uninterrupted training would
            have given; a net that is there already is read, not trained.
        progress: Called after each epoch with what is being done, how many are done, of how many.

    Raises:
        UsageError: A value is out of range, `spec` is none, or the teacher answers with other classes.
        DataError: A class has too few images for a validation split.
        TrainError: The loss becomes NaN; the last checkpoint is kept.
        RunError: The folder holds this net already and `resume` was not asked for; a checkpoint is damaged or was
            made of something else; the disk is full.
    """
    check_seed_and_threads(seed, threads)
    wanted = recipe or Recipe()
    split = data if isinstance(data, Split) else hold_out(data, seed, wanted.validation)
    job = job_of(spec, split.dataset, wanted, seed, threads)
    if teacher is not None:
        job = lesson_job(job, taught(str(job.spec), teacher, distil or Distillation()))
    return train_job(job, split, Path(folder) if folder is not None else None, resume, progress)


def train_job(job: Job, split: Split, where: Path | None, resume: bool, progress: Progress | None = None) -> TrainedNet:
    """Train what a job describes; arguments, result and errors as `train_net`."""
    if where is not None and finished(job, where, resume):
        return load_net(where, job.name, job)
    with torch_threads(job.threads):
        trainer, seconds = _start(job, split, where)
        while not trainer.done:
            started = time.perf_counter()
            trainer.epoch()
            seconds += time.perf_counter() - started
            if where is not None:
                _checkpoint(trainer, where, seconds)
            if progress is not None:
                progress(f"training {job.name}", len(trainer.history), job.recipe.epochs)
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
    net = job.name
    whole = (folder / f"{disk.stem(net)}.json").exists()
    if not resume and (whole or disk.epochs(folder, net)):
        raise RunError(
            f"{folder} holds {net} already.", "Continue with `resume=True`, or start over with `force=True`."
        )
    if whole:
        disk.check_same(disk.read_about(folder, disk.stem(net)), job.identity(), folder / f"{disk.stem(net)}.json")
    return whole


def load_net(folder: str | Path, net: str, job: Job | None = None) -> TrainedNet:
    """Read a trained net.

    Args:
        folder: `models` of a run folder.
        net: Short spec, with a dot and its stage if it has one: `TrainedNet.name`.
        job: What it must have been made of; None takes anything.

    Raises:
        RunError: It is not there, damaged, cut short, of another net, or made of something else.
    """
    where, name = Path(folder), disk.stem(net)
    spec, _, stage = net.partition(".")
    weights, about = disk.load(where, name, job.identity() if job is not None else {"net": spec})
    try:
        outputs = _outputs(where / f"{name}.npz", about)
        told = {key: convert(about[key], kind) for key, kind in _KEPT.items() | _SHAPE.items()}
        recipe = Recipe(**about["recipe"])
        _check_shapes(spec, told, weights)
        result = TrainedNet(net=spec, recipe=recipe, weights=weights, outputs=outputs, stage=stage, **told)
        result.module()
    except RunError:
        raise
    except Exception as error:  # damaged archives alone bring BadZipFile, zlib.error, EOFError, ValueError, OSError
        text = f"The files of {net} in {where} do not belong together: {disk.first_line(error)}"
        raise RunError(text, disk.AGAIN) from error
    return result


def _outputs(path: Path, about: Mapping[str, Any]) -> dict[str, Float32Array]:
    """What a net answered; nets of older versions have no digest of it."""
    known = about.get("outputs_sha256")
    raw = path.read_bytes() if known is None else disk.read_checked(path, {"sha256": known}, disk.AGAIN)
    with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
        return {part: archive[part] for part in PARTS}


def _check_shapes(net: str, told: Mapping[str, Any], weights: disk.Tensors) -> None:
    """Insist that weights are of the net, before there is one: what claims to be large may be a few bytes."""
    with torch.device("meta"):
        wanted = build(NetSpec.parse(net), told["channels"], told["classes"]).state_dict()
    if {name: each.shape for name, each in wanted.items()} != {name: each.shape for name, each in weights.items()}:
        raise ValueError("its tensors have other shapes than the net's")


_Rows = list[dict[str, float]]
_Size = Annotated[int, Meta(ge=1)]
_KEPT: dict[str, Any] = {
    "best_epoch": Annotated[int, Meta(ge=0)], "history": _Rows, "validation_accuracy": Share, "test_accuracy": Share,
    "seconds": Finite, "images_per_second": Finite,
}  # fmt: skip
_SHAPE: dict[str, Any] = {"channels": _Size, "classes": _Size}


def _start(job: Job, data: Split, folder: Path | None) -> tuple[Trainer, float]:
    """A trainer at the last checkpoint, or at the beginning, and the seconds spent so far."""
    trainer, net = job.trainer(data), job.name
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
    net, number = trainer.job.name, len(trainer.history)
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
        best_epoch=int(trainer.best_row["epoch"]), history=trainer.history,
        validation_accuracy=trainer.best_row["validation_accuracy"], test_accuracy=float(hits.mean()),
        seconds=seconds, images_per_second=seen / max(seconds, 1e-9), weights=trainer.best, outputs=outputs,
        stage=job.stage,
    )  # fmt: skip


def _write(result: TrainedNet, job: Job, folder: Path) -> None:
    name = disk.stem(result.name)
    raw = npz_bytes(result.outputs)
    disk.write(folder, f"{name}.npz", raw)
    about = job.identity() | {key: getattr(result, key) for key in _KEPT}
    disk.save(folder, name, result.weights, about | {"outputs_sha256": hashlib.sha256(raw).hexdigest()})
    disk.drop_epochs(folder, result.name)
