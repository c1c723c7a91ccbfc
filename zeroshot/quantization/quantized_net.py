"""An int8 net with what it does, in memory and on disk."""

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta, convert

from zeroshot.errors import RunError
from zeroshot.int8 import files
from zeroshot.int8.net import Int8Net
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.files import npz_bytes
from zeroshot.runs.schema import Finite, Share
from zeroshot.training.batches import Split
from zeroshot.training.trained import PARTS, TrainedNet
from zeroshot.types import Int8Array

AGAIN = "Delete its .json to quantise that net again, or start over with `force=True`."
_Accuracies = dict[Literal["validation", "test"], Share]
KEPT: dict[str, Any] = {
    "best_epoch": Annotated[int, Meta(ge=0)], "history": list[dict[str, Any]], "float_accuracy": _Accuracies,
    "ptq_accuracy": _Accuracies, "accuracy": _Accuracies, "seconds": Finite,
}  # fmt: skip


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
    history: list[dict[str, Any]] = field(repr=False)
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


def identity(trained: TrainedNet, data: Split, recipe: Int8Recipe, seed: int, threads: int) -> dict[str, Any]:
    """What decides an int8 net, as plain values."""
    return {
        "net": trained.net, "name": trained.name, "weights_sha256": trained.digest,
        "data_sha256": data.dataset.digest, "seed": seed, "threads": threads, "recipe": recipe.values(),
    }  # fmt: skip


def is_stored(folder: Path, name: str) -> bool:
    """Whether a folder holds an int8 net."""
    return (folder / f"{disk.stem(name)}.json").exists()


def outputs_file(name: str) -> str:
    """File of an int8 net's outputs and pixel table."""
    return f"{disk.stem(name)}.outputs.npz"


def save_quantized(net: QuantizedNet, made_of: dict[str, Any], folder: Path) -> None:
    """Write the outputs first and the .json last: while that is missing, nothing is there.

    Args:
        net: The int8 net.
        made_of: Its `identity`.
        folder: Where; it is made if need be.

    Raises:
        RunError: The disk is full, or refuses.
    """
    disk.make(folder)
    raw = npz_bytes(net.outputs | {"pixels": net.pixels})
    disk.write(folder, outputs_file(net.name), raw)
    about = made_of | {key: getattr(net, key) for key in KEPT} | {"outputs_sha256": hashlib.sha256(raw).hexdigest()}
    files.save(folder, disk.stem(net.name), net.int8, about)


def load_quantized(folder: str | Path, name: str, made_of: dict[str, Any] | None = None) -> QuantizedNet:
    """Read an int8 net.

    Args:
        folder: `int8` of a run folder.
        name: Short spec, with a dot and its stage if it has one.
        made_of: What it must have been made of, as `identity` gives; None takes anything.

    Raises:
        RunError: It is not there, damaged, cut short, or made of something else.
    """
    where, stem = Path(folder), disk.stem(name)
    int8, about = files.load(where, stem)
    lines = disk.differences(about, made_of or {})
    if lines:
        raise RunError(
            f"{where / stem}.npz was quantised otherwise. {lines}.",
            "Use the same settings, or `force=True` to start over.",
        )
    try:
        raw = disk.read_checked(where / outputs_file(name), {"sha256": about["outputs_sha256"]}, AGAIN)
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            outputs, pixels = {part: archive[part] for part in PARTS}, archive["pixels"]
        _check_arrays(int8, outputs, pixels)
        return QuantizedNet(
            net=str(int8.spec), name=name, int8=int8, recipe=Int8Recipe(**about["recipe"]), outputs=outputs,
            pixels=pixels, **{key: convert(about[key], kind) for key, kind in KEPT.items()},
        )  # fmt: skip
    except RunError:
        raise
    except Exception as error:  # damaged archives alone bring BadZipFile, zlib.error, EOFError, ValueError, OSError
        text = f"The files of {name} in {where} do not belong together: {disk.first_line(error)}"
        raise RunError(text, AGAIN) from error


def _check_arrays(net: Int8Net, outputs: dict[str, Int8Array], pixels: Int8Array) -> None:
    """Insist that the arrays of a net are such ones."""
    if any(each.dtype != np.int8 or each.ndim != 2 or each.shape[1] != net.classes for each in outputs.values()):
        raise ValueError(f"its outputs are no int8 logits of {net.classes} classes")
    if pixels.dtype != np.int8 or pixels.shape != (256, net.channels):
        raise ValueError(f"its pixel table is {pixels.dtype} {pixels.shape}")
