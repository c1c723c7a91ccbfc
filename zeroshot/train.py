"""Training: the nets of a run's best pairs, and what was predicted of these pairs beside what they do."""

import csv
import json
import shutil
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zeroshot import _checkpoints as disk
from zeroshot._fit import Job
from zeroshot._pair_figures import pair_figures, parsed
from zeroshot._recipe import Recipe
from zeroshot._side_by_side import Progress, epochs_in, processes, train_all
from zeroshot._train_net import TrainedNet, job_of, load_net, train_net
from zeroshot._training_data import Split, hold_out
from zeroshot.cascade.policy import DEFAULT_POLICY, POLICIES
from zeroshot.data import SOURCES, Dataset, load
from zeroshot.errors import RunError, UsageError, unknown
from zeroshot.runs import CONFIG, to_csv

Row = dict[str, Any]
MODELS, PLAN = "models", "train.json"
COARSE = 500  # validation images; with fewer the threshold's rate is off by 2 points and more

__all__ = ["Recipe", "Split", "TrainResult", "TrainedNet", "hold_out", "load_net", "train_net", "train_pairs"]


@dataclass(frozen=True, eq=False)
class TrainResult:
    """The trained pairs of a run.

    Attributes:
        pairs: Predicted beside measured, best predicted first.
        nets: One row a trained net.
        recipe: As it was asked for; each net's own has every choice made.
        remarks: What the user should know, plain English.
        config: Of the run.
        seconds: Of this call.
        folder: Where the models are.
    """

    pairs: list[Row]
    nets: list[Row]
    recipe: Recipe
    remarks: list[str]
    config: Row = field(repr=False)
    seconds: float
    folder: Path

    def summary(self) -> Row:
        """What `zeroshot train --json` prints."""
        return {
            "run": str(self.folder.parent), "models": str(self.folder), "data": self.config["data"],
            "recipe": self.recipe.values(), "seconds": round(self.seconds, 3), "remarks": self.remarks,
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
    dataset = _dataset(config, data)
    folder, seed, report = Path(run) / MODELS, int(config["seed"]), progress or (lambda what, done, total: None)
    before = _before(folder, force=force, resume=resume)
    wanted, its_threads = _plan(before, recipe, epochs, threads, folder / PLAN)
    split = hold_out(dataset, seed, wanted.validation)
    nets = nets_of(rows, singles)

    def jobs_of(plan: Recipe) -> list[Job]:
        return [job_of(net, dataset, plan, seed, its_threads) for net in nets]

    together = processes(jobs_of(wanted), split, jobs)
    if minutes is not None:
        report("timing the nets", 0, 1)
        together = processes(jobs_of(wanted), split, jobs)
        wanted = replace(wanted, epochs=epochs_in(minutes, jobs_of(wanted), split, together))
    _open(folder, {"recipe": wanted.values(), "threads": its_threads, "seed": seed}, replace_old=force)
    its_jobs = jobs_of(wanted)
    train_all(its_jobs, split, folder, together, report)
    trained = {str(job.spec): load_net(folder, str(job.spec), job) for job in its_jobs}
    result = TrainResult(
        pairs=[pair_figures(row, trained, split, policy, seed) for row in rows],
        nets=[_net_row(each) for each in trained.values()],
        recipe=wanted, remarks=_remarks(rows, top, split, list(trained.values()), singles), config=config,
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
            raise UsageError(f"--{name} must be at least 1, not {value}.", "Give a larger number.")
    if minutes is not None and not 0 < minutes < 1e6:
        raise UsageError(f"--minutes must be positive, not {minutes}.", "Give a larger number.")
    if minutes is not None and epochs is not None:
        raise UsageError("--minutes chooses the epochs, --epochs gives them.", "Give one of the two.")
    if force and resume:
        raise UsageError("--resume continues a training, --force replaces it.", "Give one of the two.")
    if minutes is not None and resume:
        raise UsageError("--resume goes on with the epochs that were chosen then.", "Leave --minutes out.")
    if policy not in POLICIES:
        raise unknown("escalation policy", policy, POLICIES)


def read_run(run: Path, top: int) -> tuple[Row, list[Row]]:
    """The config and the best pairs of a finished search.

    Raises:
        RunError: There is no run, it was interrupted, it found no pairs, or its files are damaged.
    """
    try:
        config = tomllib.loads((run / CONFIG).read_text(encoding="utf-8"))
        missing = [key for key in ("data", "data_sha256", "seed") if key not in config]
        if missing:
            raise RunError(f"{run / CONFIG} lacks {', '.join(missing)}.", "Search again: zeroshot search --force.")
        with (run / "pairs.csv").open(encoding="utf-8", newline="") as file:
            rows = [parsed(row) for row in csv.DictReader(file)]
    except FileNotFoundError as error:
        if (run / CONFIG).exists():
            hint = f"Finish it first: zeroshot search --resume --run {run}, with its settings."
            raise RunError(f"The search in {run} was not finished: it has no pairs.csv.", hint) from error
        raise RunError(f"{run} is not the folder of a run.", "Make one: zeroshot search --run DIR.") from error
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise RunError(f"The files in {run} cannot be read: {error}.", "Search again with --force.") from error
    if not rows:
        raise RunError(f"The search in {run} found no pairs: there is nothing to train.", "Search with wider budgets.")
    return config, rows[:top]


def nets_of(rows: Sequence[Row], singles: bool) -> list[str]:
    """The nets of some pairs, each once, in the order of the pairs."""
    roles = ("little", "big", "single") if singles else ("little", "big")
    return list(dict.fromkeys(row[role] for row in rows for role in roles if row[role] is not None))


def _dataset(config: Row, data: str | Path | Dataset | None) -> Dataset:
    if data is None and config["data"] not in SOURCES:
        raise RunError(
            f"The run knows its data, {config['data']!r}, only by name.", "Give the file or folder with --data."
        )
    dataset = data if isinstance(data, Dataset) else load(str(data or config["data"]), int(config["seed"]))
    if dataset.digest != config["data_sha256"]:
        raise RunError(
            f"{dataset.name} is not what the run was searched on, or it was changed: SHA-256 "
            f"{config['data_sha256'][:12]} then, {dataset.digest[:12]} now.",
            "Give the same data with --data, or search again.",
        )
    return dataset


def _before(folder: Path, *, force: bool, resume: bool) -> Row | None:
    """The plan that is being resumed; None for a training that starts."""
    if resume:
        if not (folder / PLAN).exists():
            raise RunError(f"There is no training to resume in {folder}.", "Leave --resume out.")
        before = disk.read_about(folder, Path(PLAN).stem)
        if not isinstance(before.get("recipe"), dict) or not isinstance(before.get("threads"), int):
            raise RunError(f"{folder / PLAN} is no plan of a training.", "Start over with --force.")
        return before
    if not force and folder.exists() and any(folder.iterdir()):
        raise RunError(f"{folder} holds models already.", "Continue with --resume, or replace them with --force.")
    return None


def _plan(
    before: Row | None, recipe: Recipe | None, epochs: int | None, threads: int | None, path: Path
) -> tuple[Recipe, int]:
    """Recipe and threads: what is asked for, or what is being resumed, which must not differ."""
    if before is None:
        wanted = recipe or Recipe()
        return (replace(wanted, epochs=epochs) if epochs is not None else wanted), threads or 1
    try:
        stored = Recipe(**before["recipe"])
    except (TypeError, UsageError) as error:
        raise RunError(f"{path} holds no recipe: {error}.", "Start over with --force.") from error
    now = replace(recipe or stored, epochs=epochs if epochs is not None else stored.epochs)
    lines = disk.differences(before, {"recipe": now.values(), "threads": threads or before["threads"]})
    if lines:
        raise RunError(f"The training in {path.parent} has another plan. {lines}.", "Leave that out, or use --force.")
    return stored, before["threads"]


def _open(folder: Path, plan: Row, *, replace_old: bool) -> None:
    try:
        if replace_old and folder.exists():
            shutil.rmtree(folder)
        disk.make(folder)
        for path in folder.glob(".*"):  # half-written files of a process that was killed
            path.unlink()
    except OSError as error:
        raise RunError(f"Cannot write {folder}: {error.strerror}.", "Mend the permissions there.") from error
    disk.write(folder, PLAN, json.dumps(plan, indent=1) + "\n")


def _net_row(net: TrainedNet) -> Row:
    return {
        "net": net.net, "validation_accuracy": net.validation_accuracy, "test_accuracy": net.test_accuracy,
        "best_epoch": net.best_epoch, "epochs": len(net.history), "seconds": round(net.seconds, 1),
        "images_per_second": round(net.images_per_second), "precision": net.recipe.precision,
        "flip": net.recipe.flip, "file": f"{disk.stem(net.net)}.pt",
    }  # fmt: skip


def _remarks(rows: list[Row], top: int, data: Split, trained: list[TrainedNet], singles: bool) -> list[str]:
    remarks = []
    if len(rows) < top:
        remarks.append(f"The run lists only {len(rows)} pairs; all were trained.")
    if len(data.validation) < COARSE:
        remarks.append(
            f"Epochs and thresholds were chosen on {len(data.validation)} validation images only: the escalation "
            "rate on the test images may differ from the one that was asked for."
        )
    if not any(net.recipe.flip for net in trained) and data.dataset.name not in SOURCES:
        remarks.append(
            "Images were not mirrored, since nobody can tell whether they mean the same in a mirror: --flip."
        )
    if not singles:
        remarks.append("Without the single nets there is no measured verdict on whether a pair pays.")
    return remarks
