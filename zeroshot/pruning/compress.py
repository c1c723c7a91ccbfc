"""Structured pruning of a run's trained nets: fewer channels, then finetuning, once or in rounds.

What it is good for: a net that is too large for its budget and trained already. On CIFAR-10 two nets pruned to half of
their MACs were 4.9 to 9.2 points better than the same specs trained afresh for the 4 epochs of the finetune, and 0.5 to
2.6 points worse than these trained afresh for all 12 epochs (benchmarks/results/pruning.md).
"""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zeroshot.cost.boards import DEFAULT_BOARD
from zeroshot.cost.engines import DEFAULT_ENGINE
from zeroshot.data import Dataset
from zeroshot.errors import RunError, UsageError, unknown
from zeroshot.net import NetSpec
from zeroshot.pruning.finetune import finetune, finetune_job
from zeroshot.pruning.prune import MULTIPLE, Pruned, prune
from zeroshot.pruning.saliency import DEFAULT_SALIENCY, SALIENCIES, Batch
from zeroshot.pruning.target import Target, make_target
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.layout import MODELS
from zeroshot.runs.reading import read_search
from zeroshot.runs.rows import PairForecast
from zeroshot.scoring.population import net_seed
from zeroshot.training.batches import Split, hold_out, inputs, logits
from zeroshot.training.recipe import Recipe
from zeroshot.training.run_data import run_dataset
from zeroshot.training.train_net import load_net, train_job
from zeroshot.training.trained import TrainedNet
from zeroshot.types import Progress
from zeroshot.units import Quantity

Row = dict[str, Any]
EPOCHS = 10
SALIENCY_IMAGES = 256  # of the training images, for taylor
ROLES = ("little", "big", "single")

__all__ = [
    "MULTIPLE", "SALIENCIES", "CompressResult", "Pruned", "Target", "compress_run", "finetune", "make_target", "prune",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class CompressResult:
    """A pruned and finetuned net of a run.

    Attributes:
        source: Name of the net that it was pruned from.
        net: Its own: `load_net(result.folder, result.net)` reads it.
        nets: One row for the source, then one a round: costs and accuracies.
        target: What was asked for.
        saliency: Which channels counted.
        recipe: Of the last round, every choice made.
        remarks: What the user should know, plain English.
        seconds: Of this call.
        folder: Where the run's trained nets are.
    """

    source: str
    net: str
    nets: list[Row]
    target: Row
    saliency: str
    recipe: Recipe
    remarks: list[str]
    seconds: float
    folder: Path = field(repr=False)

    @property
    def file(self) -> Path:
        """The weights of the pruned net."""
        return self.folder / f"{disk.stem(self.net)}.pt"

    def summary(self) -> Row:
        """What `zeroshot compress --json` prints."""
        return {
            "folder": str(self.folder), "source": self.source, "net": self.net, "target": self.target,
            "saliency": self.saliency, "recipe": self.recipe.values(), "seconds": round(self.seconds, 3),
            "remarks": self.remarks, "nets": self.nets,
        }  # fmt: skip


def compress_run(
    run: str | Path,
    net: str,
    *,
    macs: Quantity = None,
    weights: Quantity = None,
    flash: Quantity = None,
    latency: Quantity = None,
    board: str | None = None,
    engine: str | None = None,
    rounds: int = 1,
    epochs: int = EPOCHS,
    lr: float | None = None,
    saliency: str = DEFAULT_SALIENCY,
    multiple: int = MULTIPLE,
    data: str | Path | Dataset | None = None,
    threads: int = 1,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> CompressResult:
    """Prune a trained net of a run to a target and train it on; the source stays.

    Every round prunes an equal factor of the way to the target and trains for its part of the epochs, with the
    recipe of the source. The net of each round is kept among the run's trained nets, under its spec and ".pruned";
    beside its recipe its file says what it was pruned from.

    Args:
        run: Folder of a run with trained nets.
        net: Name of a trained net (its short spec, and its stage if it has one), or a place in the list of pairs,
            like "1:little".
        macs: Most multiply-accumulates of an inference, like "1M".
        weights: Most bytes of int8 weights, like "32KiB".
        flash: Most bytes of the model, tables included, under the engine.
        latency: Longest inference on the board, like "10ms".
        board: Of latency; the run's by default.
        engine: Of latency and flash; the run's by default.
        rounds: Times that it is pruned and trained. Two rounds in the same four epochs were worse on CIFAR-10.
        epochs: Of all rounds together.
        lr: Highest learning rate; the source's by default.
        saliency: `bn`, `l1`, `l2` or `taylor`.
        multiple: Widths shrink to multiples of it.
        data: The data of the search, or where they are; None for a named set that the run knows.
        threads: Of torch.
        force: Replace what an earlier call has left of these pruned nets.
        resume: Go on after an interruption, with the same arguments and the same weights as without it.
        progress: Called with what is being done, how many epochs are done, of how many.

    Raises:
        UsageError: A value is out of range, an unknown name, no target, or one that the net meets already.
        InfeasibleError: The target cannot be met; the message says what can.
        RunError: No run, no such trained net, other data than the search had, pruned nets that are there already or
            were made otherwise, a damaged file, or a full disk.
        DataError: The data cannot be used.
        TrainError: The loss becomes NaN; the last checkpoint is kept.
    """
    started = time.perf_counter()
    _check(rounds, epochs, threads, saliency, force, resume)
    config, pairs = read_search(Path(run))
    its_board = board or config.get("board", DEFAULT_BOARD)
    target = make_target(macs, weights, flash, latency, its_board, engine or config.get("engine", DEFAULT_ENGINE))
    source = load_net(Path(run) / MODELS, _name(net, pairs))
    split = hold_out(run_dataset(config, data), int(config["seed"]), source.recipe.validation)
    plan = _Plan(
        source=source, split=split, target=target, saliency=saliency, multiple=multiple, rounds=rounds, epochs=epochs,
        lr=lr, seed=int(config["seed"]), threads=threads, folder=Path(run) / MODELS, force=force, resume=resume,
    )  # fmt: skip
    nets, last, remarks = _all_rounds(plan, progress or (lambda what, done, total: None))
    result = CompressResult(
        source=source.name, net=last.name, nets=nets, target=target.values(), saliency=saliency, recipe=last.recipe,
        remarks=remarks, seconds=time.perf_counter() - started, folder=plan.folder,
    )  # fmt: skip
    disk.write(plan.folder, f"{disk.stem(last.name)}.summary.json", json.dumps(result.summary(), indent=2) + "\n")
    return result


@dataclass(frozen=True, eq=False)
class _Plan:
    """Everything that the rounds share."""

    source: TrainedNet
    split: Split
    target: Target
    saliency: str
    multiple: int
    rounds: int
    epochs: int
    lr: float | None
    seed: int
    threads: int
    folder: Path
    force: bool
    resume: bool


def _check(rounds: int, epochs: int, threads: int, saliency: str, force: bool, resume: bool) -> None:
    for name, value in (("rounds", rounds), ("threads", threads)):
        if value < 1:
            raise UsageError(f"--{name} must be at least 1, not {value}.", "Give a larger number.")
    if epochs < rounds:
        raise UsageError(f"{epochs} epochs are too few for {rounds} rounds.", "Give one a round at least.")
    if saliency not in SALIENCIES:
        raise unknown("saliency", saliency, SALIENCIES)
    if force and resume:
        raise UsageError("`resume=True` continues a training, `force=True` replaces it.", "Give one of the two.")


def _name(net: str, pairs: Sequence[PairForecast]) -> str:
    """The short spec of a net that may be given by its place."""
    number, colon, role = net.partition(":")
    if not colon:
        return net
    if role not in ROLES:
        raise unknown("place in a pair", role, ROLES, "Write it like 1:little.")
    if not re.fullmatch("[1-9][0-9]{0,5}", number) or len(pairs) < int(number):
        raise UsageError(f"There is no pair {number!r} in the run.", "Pairs are counted from 1; see its pairs.csv.")
    found = getattr(pairs[int(number) - 1], role)
    if found is None:
        raise UsageError(f"There is no {role} net beside pair {number}.", "Name another one.")
    return str(found)


def _all_rounds(plan: _Plan, report: Progress) -> tuple[list[Row], TrainedNet, list[str]]:
    """Rows of the source and of each round, the last net, and remarks."""
    batch = _batch(plan) if plan.saliency == "taylor" else None
    at_once = _pruned(plan, plan.source, plan.target, batch)  # before any training says if the target cannot be met
    if str(at_once.spec) == plan.source.net:
        raise UsageError(f"{plan.source.name} meets the target already.", "Give a smaller target.")
    nets, net, remarks = [_row(0, plan.source, at_once.before)], plan.source, []
    for number in range(1, plan.rounds + 1):
        goal = plan.target.part_way(at_once.before, number / plan.rounds)
        pruned = _pruned(plan, net, goal, batch)
        if str(pruned.spec) == net.net:
            remarks.append(f"Round {number} had nothing to prune: the round before it had gone far enough.")
            continue
        net = _trained(plan, pruned, net, number, report)
        row = _row(number, net, pruned.after)
        nets.append(row | {"validation_accuracy_untrained": _accuracy(pruned, plan.split)})
    return nets, net, remarks


def _pruned(plan: _Plan, net: TrainedNet, target: Target, batch: Batch | None) -> Pruned:
    return prune(net, target, saliency=plan.saliency, multiple=plan.multiple, batch=batch)


def _trained(plan: _Plan, pruned: Pruned, before: TrainedNet, number: int, report: Progress) -> TrainedNet:
    each = plan.epochs // plan.rounds
    epochs = each if number < plan.rounds else plan.epochs - each * (plan.rounds - 1)
    job = finetune_job(
        pruned, before, plan.split, epochs=epochs, lr=plan.lr, seed=plan.seed, threads=plan.threads,
        more={"round": number, "rounds": plan.rounds},
    )  # fmt: skip
    words, done = f"training {pruned.spec}, round {number} of {plan.rounds}", each * (number - 1)
    report(words, done, plan.epochs)
    if plan.force:
        _drop(plan.folder, job.name)
    return train_job(job, plan.split, plan.folder, plan.resume, lambda n, of: report(words, done + n, plan.epochs))


def _row(number: int, net: TrainedNet, costs: dict[str, float]) -> Row:
    return {
        "round": number, "net": net.name, "macs": costs["macs"], "weights": costs["weights"], "flash": costs["flash"],
        "latency_ms": costs["latency"], "epochs": len(net.history), "validation_accuracy_untrained": None,
        "validation_accuracy": net.validation_accuracy, "test_accuracy": net.test_accuracy,
    }  # fmt: skip


def _accuracy(pruned: Pruned, split: Split) -> float:
    """Of the validation images, without any training after the cut."""
    out = logits(pruned.module(), inputs(split, "validation", pruned.spec.resolution))
    return float((out.argmax(axis=1) == split.labels("validation")).mean())


def _batch(plan: _Plan) -> Batch:
    """Some training images as the source sees them, and their labels."""
    order = np.random.default_rng(net_seed(plan.seed, plan.source.name)).permutation(len(plan.split.train))
    some = replace(plan.split, train=plan.split.train[order[:SALIENCY_IMAGES]])
    images = inputs(some, "train", NetSpec.parse(plan.source.net).resolution)
    return images, torch.from_numpy(some.labels("train").copy())


def _drop(folder: Path, net: str) -> None:
    """Remove what an earlier call has left of a pruned net."""
    try:
        for kind in ("json", "summary.json", "pt", "npz"):
            (folder / f"{disk.stem(net)}.{kind}").unlink(missing_ok=True)
        disk.drop_epochs(folder, net)
    except OSError as error:
        raise RunError(f"Cannot write {folder}: {error.strerror}.", "Mend the permissions there.") from error
