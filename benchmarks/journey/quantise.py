"""The trained nets of the journey in int8: what the package's quantiser makes of them, and what they answer then.

zoo/TASK-int8/ holds the answers as zoo/TASK/ holds those in float, so `zeroshot.bench.pair_truth.load` reads both.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.tasks.plan import Training
from benchmarks.tasks.train import machine_of, missing, split_of
from zeroshot.bench import truth_files as files
from zeroshot.cascade.policy import DEFAULT_POLICY
from zeroshot.errors import RunError
from zeroshot.net import NetSpec
from zeroshot.quantization.quantize import Int8Recipe, QuantizedNet, quantize_net
from zeroshot.training.batches import inputs, logits
from zeroshot.training.train import Recipe, Split, TrainedNet
from zeroshot.workers import torch_threads

# All defaults but the finetuning: three epochs of it take as long as six of a training (one net of cats and dogs).
RECIPE = Int8Recipe(epochs=0)
SUFFIX = "-int8"  # of the folders
AGREEING = 0.99  # share of test images on which weights must answer as stored: devices round otherwise
OF_NET = (
    "net", "seed", "half", "position", "family", "task", "channels", "classes", "macs", "params", "costs"
)  # fmt: skip


def int8_folder(zoo: Path, task: str) -> Path:
    """Where the int8 answers of a task lie."""
    return zoo / f"{task}{SUFFIX}"


def weights_file(training: Training, weights: Path) -> Path:
    """Where its weights lie."""
    return weights / training.folder / f"{training.name}.pt"


def save_weights(training: Training, values: dict[str, Any], weights: Path) -> None:
    """Keep what a net was trained to, name -> array, before its answers: those alone could not be quantised."""
    path = weights_file(training, weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: torch.from_numpy(value) for name, value in values.items()}, path)


def missing_int8(planned: Sequence[Training], zoo: Path, weights: Path) -> list[Training]:
    """What of a plan is trained and can be quantised, and is not yet."""
    left = set(missing(planned, zoo))
    return [
        each for each in planned
        if each not in left and weights_file(each, weights).exists()
        and not (int8_folder(zoo, each.folder) / f"{each.name}.json").exists()
    ]  # fmt: skip


def quantise(training: Training, zoo: Path, weights: Path) -> float:
    """Quantise a net that is stored, and store its int8 answers beside.

    Args:
        training: Which.
        zoo: Of the answers.
        weights: Of the weights.

    Returns:
        Accuracy of the int8 net on the test images.

    Raises:
        RunError: The weights cannot be read, or answer otherwise than is stored.
    """
    split = split_of(training.task.name)
    trained = restored(training, zoo, weights, split)
    found = quantize_net(trained, split, RECIPE, training.seed)
    _store(training, found, split, zoo)
    return found.test_accuracy


def restored(training: Training, zoo: Path, weights: Path, split: Split) -> TrainedNet:
    """A stored net with its weights again; arguments and errors as `quantise`."""
    folder, path = zoo / training.folder, weights_file(training, weights)
    about, said = files.load_net(folder, training.name, files.load_labels(folder))
    try:
        state = torch.load(path, weights_only=True)
    except Exception as error:  # damaged archives bring RuntimeError, UnpicklingError, EOFError, OSError
        raise RunError(f"{path} cannot be read: {error}.", "Delete it and train that net again.") from error
    told = ("net", "channels", "classes", "best_epoch", "history", "validation_accuracy", "test_accuracy", "seconds")
    net = TrainedNet(
        **{key: about[key] for key in told}, recipe=Recipe(**about["recipe"]), weights=state, outputs={},
        images_per_second=about["images"] * len(about["history"]) / max(about["seconds"], 0.1),
    )  # fmt: skip
    module, side = net.module(), NetSpec.parse(net.net).resolution
    with torch_threads(1):
        net.outputs.update({part: logits(module, inputs(split, part, side)) for part in files.PARTS})
    agreeing = float((net.outputs["test"].argmax(axis=1) == said.predicted["test"]).mean())
    if agreeing < AGREEING:
        raise RunError(
            f"The weights in {path} answer {100 * agreeing:.1f} % of the test images as {folder} holds.",
            "They are of another training: delete them, and train that net again.",
        )
    return net


def _store(training: Training, net: QuantizedNet, split: Split, zoo: Path) -> None:
    folder = int8_folder(zoo, training.folder)
    folder.mkdir(parents=True, exist_ok=True)
    files.save_labels(folder, {part: split.labels(part) for part in files.PARTS})
    before = files.read_about(zoo / training.folder / f"{training.name}.json")
    about = {key: before[key] for key in OF_NET} | {
        "float_validation_accuracy": before["validation_accuracy"], "float_test_accuracy": before["test_accuracy"],
        "validation_accuracy": net.accuracy["validation"], "test_accuracy": net.accuracy["test"],
        "best_epoch": net.best_epoch, "history": net.history, "recipe": net.recipe.values(),
        "seconds": round(net.seconds, 1), "machine": machine_of("cpu"),
    }  # fmt: skip
    labels = files.load_labels(folder)
    files.save_net(folder, training.name, about, files.answers(net.outputs, [DEFAULT_POLICY]), labels)
