"""Quantisation of single nets: from float weights to an int8 net on disk, and back."""

import hashlib
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.measure import hits
from zeroshot.data import Dataset
from zeroshot.errors import RunError, UsageError
from zeroshot.int8 import files
from zeroshot.int8.net import Int8Net
from zeroshot.quantization._subject import Subject, pixel_table
from zeroshot.quantization.equalise import equalise
from zeroshot.quantization.qat import Found, Row, finetune, judged
from zeroshot.quantization.ranges import look, steps
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.runs import checkpoints as disk
from zeroshot.scoring.population import net_seed
from zeroshot.training.batches import Split, hold_out
from zeroshot.training.recipe import check_seed_and_threads
from zeroshot.training.trained import PARTS, TrainedNet
from zeroshot.types import Int8Array
from zeroshot.workers import torch_threads

Progress = Callable[[int, int], None]
AGAIN = "Delete its .json to quantise that net again, or start over with `force=True`."


@dataclass(frozen=True, eq=False)
class QuantizedNet:
    """An int8 net, and what it does: integers computed as on the device. Accuracies are fractions.

    Attributes:
        net: Short spec.
        name: Of the trained net: the spec, with a dot and its stage if it has one.
        int8: The net of the best epoch.
        recipe: How it was made.
        best_epoch: Of the finetuning, chosen on the validation images; 0 where calibration alone was as good, or was
            all that was asked for.
        history: One row an epoch, 0 being the calibrated net before finetuning.
        float_accuracy: `validation` and `test` -> accuracy of the float net.
        ptq_accuracy: The same of the int8 net before finetuning.
        accuracy: The same of `int8`; that of the validation images chose the epoch.
        seconds: Of quantising and judging.
        outputs: `validation` and `test` -> logits (n, classes) int8, in the order of the data.
        pixels: (256, channels) int8, what `int8` sees of each pixel value.
    """

    net: str
    name: str
    int8: Int8Net = field(repr=False)
    recipe: Int8Recipe
    best_epoch: int
    history: list[Row] = field(repr=False)
    float_accuracy: dict[str, float]
    ptq_accuracy: dict[str, float]
    accuracy: dict[str, float]
    seconds: float
    outputs: dict[str, Int8Array] = field(repr=False)
    pixels: Int8Array = field(repr=False)

    @property
    def test_accuracy(self) -> float:
        """Of the int8 net on the test images."""
        return self.accuracy["test"]


def quantize_net(
    trained: TrainedNet,
    data: Dataset | Split,
    recipe: Int8Recipe | None = None,
    seed: int = 0,
    *,
    threads: int = 1,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> QuantizedNet:
    """Quantise one trained net. The same call gives the same integers on the same machine.

    Args:
        trained: The float net.
        data: The data set that it was trained on, of which `hold_out` makes the split again, or that split.
        recipe: How; by default `Int8Recipe()`.
        seed: That of the training; the choice of calibration images and batches derive from it and the net.
        threads: Of torch; another number rounds sums otherwise.
        folder: Where the result is kept; None keeps nothing.
        resume: A net that is there already is read, not quantised again.
        progress: Called with how many steps are done, of how many: calibration, then each epoch.

    Raises:
        UsageError: A value is out of range, or the data have other channels or classes than the net.
        DataError: There are too few training images to calibrate on.
        TrainError: The float net's outputs are no numbers, or the loss of its finetuning.
        RunError: The folder holds this net already and `resume` was not asked for; what is there is damaged or was
            made of something else; the disk is full.
    """
    check_seed_and_threads(seed, threads)
    wanted, report = recipe or Int8Recipe(), progress or (lambda done, total: None)
    split = data if isinstance(data, Split) else hold_out(data, seed, trained.recipe.validation)
    about = identity(trained, split, wanted, seed, threads)
    where = Path(folder) if folder is not None else None
    if where is not None and _is_there(where, trained.name, about, resume):
        return load_quantized(where, trained.name, about)
    with torch_threads(threads):
        result = _quantize(Subject(trained, split), wanted, net_seed(seed, f"{trained.name} int8"), report)
    if where is not None:
        _write(result, about, where)
    return result


def identity(trained: TrainedNet, data: Split, recipe: Int8Recipe, seed: int, threads: int) -> Row:
    """What decides an int8 net, as plain values."""
    return {
        "net": trained.net, "name": trained.name, "weights_sha256": trained.digest,
        "data_sha256": data.dataset.digest, "seed": seed, "threads": threads, "recipe": recipe.values(),
    }  # fmt: skip


def load_quantized(folder: str | Path, name: str, expected: Row | None = None) -> QuantizedNet:
    """Read an int8 net.

    Args:
        folder: `int8` of a run folder.
        name: Short spec, with a dot and its stage if it has one.
        expected: What it must have been made of, as `identity` gives; None takes anything.

    Raises:
        RunError: It is not there, damaged, cut short, or made of something else.
    """
    where, stem = Path(folder), disk.stem(name)
    int8, about = files.load(where, stem)
    lines = disk.differences(about, expected or {})
    if lines:
        raise RunError(
            f"{where / stem}.npz was quantised otherwise. {lines}.",
            "Use the same settings, or `force=True` to start over.",
        )
    path = where / f"{stem}.outputs.npz"
    try:
        raw = path.read_bytes()
        if hashlib.sha256(raw).hexdigest() != about["outputs_sha256"]:
            raise RunError(f"{path} is damaged or cut short.", AGAIN)
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            outputs, pixels = {part: archive[part] for part in PARTS}, archive["pixels"]
        found = {key: about[key] for key in _KEPT}
        return QuantizedNet(
            net=about["net"], name=name, int8=int8, recipe=Int8Recipe(**about["recipe"]), outputs=outputs,
            pixels=pixels, **found,
        )  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError, UsageError) as error:
        text = f"The files of {name} in {where} do not belong together: {disk.first_line(error)}"
        raise RunError(text, AGAIN) from error


_KEPT = ("best_epoch", "history", "float_accuracy", "ptq_accuracy", "accuracy", "seconds")


def _is_there(folder: Path, name: str, about: Row, resume: bool) -> bool:
    if not (folder / f"{disk.stem(name)}.json").exists():
        return False
    if not resume:
        raise RunError(
            f"{folder} holds {name} already.", "Continue with `resume=True`, or start over with `force=True`."
        )
    return True


def _quantize(subject: Subject, recipe: Int8Recipe, seed: int, report: Progress) -> QuantizedNet:
    started, trained, data = time.perf_counter(), subject.trained, subject.data
    net, x = subject.folded(), subject.calibration(recipe.images, seed)
    seen = look(net, trained.net, subject.table, x)
    if recipe.equalise:
        equalise(net, subject.table, seen.peaks)
        seen = look(net, trained.net, subject.table, x)
    its_steps = steps(seen, subject.table, recipe.ranges, subject.input_range)
    start = subject.int8(net, its_steps)
    report(1, recipe.epochs + 1)
    found = Found(start, judged(subject, start, 0, None))
    if recipe.epochs:
        finetune(subject, net, its_steps, recipe, seed, found, lambda done: report(done + 1, recipe.epochs + 1))
    outputs = {part: subject.logits(found.best, part) for part in PARTS}
    before = outputs if found.best is start else {part: subject.logits(start, part) for part in PARTS}
    return QuantizedNet(
        net=trained.net, name=trained.name, int8=found.best, recipe=recipe, best_epoch=found.row["epoch"],
        history=found.history, float_accuracy=_accuracies(trained.outputs, data),
        ptq_accuracy=_accuracies(before, data), accuracy=_accuracies(outputs, data),
        seconds=time.perf_counter() - started, outputs=outputs, pixels=pixel_table(found.best, data.dataset),
    )  # fmt: skip


def _accuracies(outputs: Mapping[str, npt.NDArray[Any]], data: Split) -> dict[str, float]:
    return {part: float(hits(outputs[part], data.labels(part)).mean()) for part in PARTS}


def _write(result: QuantizedNet, about: Row, folder: Path) -> None:
    """The outputs first, the net's .json last: while that is missing, nothing is there."""
    stem, buffer = disk.stem(result.name), io.BytesIO()
    disk.make(folder)
    np.savez_compressed(buffer, allow_pickle=False, **result.outputs, pixels=result.pixels)
    disk.write(folder, f"{stem}.outputs.npz", buffer.getvalue())
    told = {key: getattr(result, key) for key in _KEPT}
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    files.save(folder, stem, result.int8, about | told | {"outputs_sha256": digest})
