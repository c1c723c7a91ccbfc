"""Training: the nets of a run's best pairs, and what was predicted of these pairs beside what they do."""

import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zeroshot.cascade.policy import DEFAULT_POLICY, POLICIES
from zeroshot.data import SOURCES, Dataset
from zeroshot.errors import UsageError, unknown
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.folder import to_csv
from zeroshot.training._plan import Plan, open_folder, resumed, stored_plan
from zeroshot.training._stages import ROLES, Models, dearer, nets_of, train_stages, tunable
from zeroshot.training.batches import Split, hold_out
from zeroshot.training.cascade_loss import CascadeTuning
from zeroshot.training.distillation import Distillation
from zeroshot.training.pair_figures import pair_figures
from zeroshot.training.recipe import Recipe
from zeroshot.training.searched import coarse, read_run, run_dataset
from zeroshot.training.side_by_side import epochs_in, processes
from zeroshot.training.train_net import TrainedNet, job_of, load_net, train_net
from zeroshot.training.tune_pair import tune_pair
from zeroshot.types import Progress

Row = dict[str, Any]
MODELS = "models"

__all__ = [
    "CascadeTuning", "Distillation", "Recipe", "Split", "TrainResult", "TrainedNet", "hold_out", "load_net",
    "train_net", "train_pairs", "tune_pair",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class TrainResult:
    """The trained pairs of a run.

    Attributes:
        pairs: Predicted beside measured, best predicted first.
        nets: One row a trained net.
        recipe: As it was asked for; each net's own has every choice made.
        distil: Who taught, if anybody did.
        cascade_aware: How pairs were finetuned, if they were.
        remarks: What the user should know, plain English.
        config: Of the run.
        seconds: Of this call.
        folder: Where the models are.
    """

    pairs: list[Row]
    nets: list[Row]
    recipe: Recipe
    distil: Distillation | None
    cascade_aware: CascadeTuning | None
    remarks: list[str]
    config: Row = field(repr=False)
    seconds: float
    folder: Path

    def summary(self) -> Row:
        """What `zeroshot train --json` prints."""
        return {
            "run": str(self.folder.parent), "models": str(self.folder), "data": self.config["data"],
            "recipe": self.recipe.values(), "distil": self.distil.values() if self.distil else None,
            "cascade_aware": self.cascade_aware.values() if self.cascade_aware else None,
            "seconds": round(self.seconds, 3), "remarks": self.remarks,
            "pairs": self.pairs, "nets": self.nets,
        }  # fmt: skip


def train_pairs(
    run: str | Path,
    top: int = 3,
    *,
    data: str | Path | Dataset | None = None,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    singles: bool = True,
    distil: Distillation | None = None,
    cascade_aware: CascadeTuning | None = None,
    policy: str = DEFAULT_POLICY,
    threads: int | None = None,
    jobs: int | None = None,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainResult:
    """Train the nets of a run's best pairs, each net once, and measure the pairs on the test images.

    Args:
        run: Folder of a finished search.
        top: Pairs, from the best on.
        data: The data of the search, or where they are; None for a named set that the run knows.
        recipe: How; by default `Recipe()`, or what is being resumed.
        epochs: Instead of the recipe's.
        minutes: As many epochs as fit, by timing each net; they are then part of the plan that `resume` follows.
        singles: Also train the single net that stands beside each pair; without it there is no measured verdict.
        distil: Let a teacher have a say, see `Distillation`; by default none, or what is being resumed. It can be
            added when a training without it is resumed.
        cascade_aware: Finetune the nets of each pair for each other, see `tune_pair`; default and addition as before.
        policy: Score that decides on escalation.
        threads: Of torch for each net, 1 by default.
        jobs: Nets trained side by side; by default as many as pay off. The weights do not depend on it.
        force: Replace the run's trained models.
        resume: Go on after an interruption, with the same weights as without it.
        progress: Called with what is being done, how many epochs are done, of how many.

    Raises:
        UsageError: A value is out of range or an unknown name, or two options exclude each other.
        RunError: No finished run, no pairs, other data than the search had, models that are there already or were
            trained otherwise, a damaged checkpoint, or a full disk.
        DataError: The data cannot be used.
        TrainError: The loss of a net is no number any more; what was saved before is kept.
    """
    started = time.perf_counter()
    _check(top, epochs, minutes, threads, jobs, policy, force, resume)
    config, rows = read_run(Path(run), top)
    dataset = run_dataset(config, data)
    folder, seed, report = Path(run) / MODELS, int(config["seed"]), progress or (lambda what, done, total: None)
    before = stored_plan(folder, force=force, resume=resume)
    if before is None:
        wanted = recipe or Recipe()
        wanted = replace(wanted, epochs=epochs) if epochs is not None else wanted
        plan = Plan(wanted, threads or 1, seed, distil, cascade_aware)
    else:
        plan = resumed(before, folder, recipe, epochs, threads, distil, cascade_aware)
    split = hold_out(dataset, seed, plan.recipe.validation)
    its_jobs = {net: job_of(net, dataset, plan.recipe, seed, plan.threads) for net in nets_of(rows, singles)}
    together = processes(list(its_jobs.values()), split, jobs)
    if minutes is not None:
        report("timing the nets", 0, 1)
        more = dearer(rows, singles, its_jobs, plan)
        number = epochs_in(minutes, list(its_jobs.values()), split, together, *more)
        plan = replace(plan, recipe=replace(plan.recipe, epochs=number))
        its_jobs = {net: job_of(net, dataset, plan.recipe, seed, plan.threads) for net in its_jobs}
    open_folder(folder, plan, replace_old=force)
    models, trained = train_stages(rows, singles, its_jobs, plan, split, folder, together, policy, report)
    result = TrainResult(
        pairs=[_pair_row(row, nets, split, policy, seed) for row, nets in zip(rows, models, strict=True)],
        nets=[_net_row(each) for each in trained],
        recipe=plan.recipe, distil=plan.distil, cascade_aware=plan.cascade_aware,
        remarks=_remarks(rows, top, split, trained, singles, plan), config=config,
        seconds=time.perf_counter() - started, folder=folder,
    )  # fmt: skip
    disk.write(folder, "pairs.csv", to_csv(result.pairs))
    disk.write(folder, "nets.csv", to_csv(result.nets))
    disk.write(folder, "summary.json", json.dumps(result.summary(), indent=2) + "\n")
    return result


def _check(
    top: int, epochs: int | None, minutes: float | None, threads: int | None, jobs: int | None, policy: str,
    force: bool, resume: bool,
) -> None:  # fmt: skip
    for name, value in (("top", top), ("epochs", epochs), ("threads", threads), ("jobs", jobs)):
        if value is not None and value < 1:
            raise UsageError(f"`{name}` must be at least 1, not {value}.", "Give a larger number.")
    if minutes is not None and not 0 < minutes < 1e6:
        raise UsageError(f"`minutes` must be positive, not {minutes}.", "Give a larger number.")
    if minutes is not None and epochs is not None:
        raise UsageError("`minutes` chooses the epochs, `epochs` gives them.", "Give one of the two.")
    if force and resume:
        raise UsageError("`resume=True` continues a training, `force=True` replaces it.", "Give one of the two.")
    if minutes is not None and resume:
        raise UsageError("`resume=True` goes on with the epochs that were chosen then.", "Leave `minutes` out.")
    if policy not in POLICIES:
        raise unknown("escalation policy", policy, POLICIES)


def _pair_row(row: Row, models: Models, data: Split, policy: str, seed: int) -> Row:
    """`pair_figures` of the versions of the nets that the pair ended up with, and their names."""
    names = {role: models[role].name if role in models else row[role] for role in ROLES}
    found = pair_figures(row | names, {net.name: net for net in models.values()}, data, policy, seed)
    known = {f"{role}_model": models[role].name if role in models else None for role in ROLES}
    return found | {role: row[role] for role in ROLES} | known


def _net_row(net: TrainedNet) -> Row:
    return {
        "net": net.net, "stage": net.stage, "validation_accuracy": net.validation_accuracy,
        "test_accuracy": net.test_accuracy, "best_epoch": net.best_epoch, "epochs": len(net.history),
        "seconds": round(net.seconds, 1),
        "images_per_second": round(net.images_per_second), "precision": net.recipe.precision,
        "flip": net.recipe.flip, "file": f"{disk.stem(net.name)}.pt",
    }  # fmt: skip


def _remarks(rows: list[Row], top: int, data: Split, trained: list[TrainedNet], singles: bool, plan: Plan) -> list[str]:
    remarks = []
    if len(rows) < top:
        remarks.append(f"The run lists only {len(rows)} pairs; all were trained.")
    remarks += coarse(data)
    if not any(net.recipe.flip for net in trained) and data.dataset.name not in SOURCES:
        remarks.append(
            "Images were not mirrored, since nobody can tell whether they mean the same in a mirror: `flip=True`."
        )
    if plan.cascade_aware is not None:
        remarks.append(
            f"Epochs of finetune that the pairs' nets have had and the single nets not: {plan.cascade_aware.epochs}."
        )
        remarks += [f"Pair {row['rank']} was not finetuned: it decides nothing." for row in rows if not tunable(row)]
    if not singles:
        remarks.append("Without the single nets there is no measured verdict on whether a pair pays.")
    return remarks
