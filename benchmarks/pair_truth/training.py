"""Training one net of the zoo: the recipe, and what is kept of a net. A module, so that any process can import it."""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.pair_truth.drawing import CHANNELS, CLASSES, Entry
from zeroshot.cost.boards import load_board
from zeroshot.cost.counts import layer_macs, layer_outputs, params
from zeroshot.cost.engines import engine_names, load_engine
from zeroshot.cost.nets import net_costs
from zeroshot.data import load
from zeroshot.net import DEPTHWISE, NetSpec, layer_table, spec_array
from zeroshot.runs.folder import processor
from zeroshot.training.train import Recipe, Split, TrainedNet, hold_out, train_net
from zeroshot.types import Float32Array

# One recipe for all nets. 5 epochs, because the zoo is to take hours of one core, not days, and nets differ more than
# epochs do. Patience 0: none stops early.
# bf16 on every machine alike, also where it gains nothing.
RECIPE = Recipe(epochs=5, patience=0, precision="bf16")
# The other task: 1,295 images of 8x8 grey pixels, enlarged to each net's resolution. 30 epochs, because that is what
# the training of a user's nets has by default.
DIGITS = Recipe(epochs=30, patience=0, precision="bf16")
SPLIT_SEED = 0  # the same validation images for every net and seed


@dataclass(frozen=True)
class Trained:
    """What a worker hands back.

    Attributes:
        entry: The training.
        about: Plain values for the .json.
        logits: `validation` and `test` -> (n, classes) float32.
    """

    entry: Entry
    about: dict[str, Any]
    logits: dict[str, Float32Array]


class _TimeIsUpError(Exception):
    """Leaves a training after an epoch whose checkpoint is written."""


@cache
def split_of(data: str) -> Split:
    """A data set with a tenth of every class held out; read once a process."""
    return hold_out(load(data), SPLIT_SEED, RECIPE.validation)


def train_entry(entry: Entry, recipe: Recipe, data: str, folder: str, deadline: float) -> Trained | None:
    """Train one net, or go on with what an interrupted run left.

    Args:
        entry: Which.
        recipe: How.
        data: CIFAR-10's file, or the name of another data set of ten classes.
        folder: Of checkpoints; each seed has its own inside.
        deadline: Unix time, after which no epoch begins.

    Returns:
        None if the deadline came first; what was trained is in the folder.
    """

    def look(what: str, done: int, total: int) -> None:
        if time.time() > deadline and done < total:
            raise _TimeIsUpError

    if time.time() > deadline:
        return None
    try:
        result = train_net(
            entry.net, split_of(data), recipe, entry.seed, threads=1,
            folder=Path(folder) / f"seed-{entry.seed}", resume=True, progress=look,
        )  # fmt: skip
    except _TimeIsUpError:
        return None
    return Trained(entry, describe(entry, result), result.outputs)


def describe(entry: Entry, result: TrainedNet) -> dict[str, Any]:
    """What is stored of a net beside its answers."""
    return {
        "net": entry.net, "seed": entry.seed, "half": entry.half, "position": entry.position, "kind": entry.kind,
        "classes": CLASSES, **costs_of(entry.net, result.channels),
        "validation_accuracy": result.validation_accuracy, "test_accuracy": result.test_accuracy,
        "best_epoch": result.best_epoch, "history": result.history, "recipe": result.recipe.values(),
        "seconds": round(result.seconds, 1), "images_per_second": round(result.images_per_second, 1),
        "machine": {"processor": processor(), "device": "cpu", "threads": 1, "torch": torch.__version__},
    }  # fmt: skip


def costs_of(net: str, channels: int = CHANNELS, classes: int = CLASSES) -> dict[str, Any]:
    """MACs and parameters, and under each engine the bytes of the model, its arena and what it keeps in RAM."""
    table = layer_table(spec_array([NetSpec.parse(net)]), channels, classes)
    board = load_board("nucleo-l4r5zi")  # none of these figures depends on the board
    found = {name: net_costs(table, board, load_engine(name)) for name in engine_names()}
    costs = {
        name: {key: int(getattr(each, key)[0]) for key in ("flash", "arena", "persistent")}
        for name, each in found.items()
    }
    return {"macs": int(found[engine_names()[0]].macs[0]), "params": int(params(table)[0]), "costs": costs}


def epoch_seconds(net: str) -> float:
    """How long an epoch takes on one undisturbed thread: what `status` extrapolates with.

    Non-negative least squares, of relative errors, over one epoch of each of 32 nets drawn alike, on an EPYC with other
    work: 3 s, 4.0 s a million MACs, 15.2 s more if they are depthwise, 3.5 s for 10,000 activations written. The
    median error is 14 %, the worst 40 %.
    """
    table = layer_table(spec_array([NetSpec.parse(net)]), CHANNELS, CLASSES)
    count = layer_macs(table)
    depthwise = int(count[table.column("op") == DEPTHWISE].sum())
    written = int(layer_outputs(table).sum())
    return 3.0 + 4.0e-6 * int(count.sum()) + 15.2e-6 * depthwise + 3.5e-4 * written
