"""Training: the nets of a run's best pairs, and what was predicted of these pairs beside what they do."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zeroshot.cascade.metric import Metric
from zeroshot.data import SOURCES, Dataset
from zeroshot.errors import UsageError
from zeroshot.options import takes_options
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.class_rows import CLASSES, CONFUSION, ClassAnswers, ClassShare
from zeroshot.runs.classes import class_shares
from zeroshot.runs.digests import seal
from zeroshot.runs.folder import check_not_both
from zeroshot.runs.layout import MODELS
from zeroshot.runs.lock import alone_in
from zeroshot.runs.reading import read_search
from zeroshot.runs.rows import TRAINED_NETS, TRAINED_PAIRS, MeasuredPair, PairForecast, PairModels, TrainedNetRow
from zeroshot.runs.steps import Steps
from zeroshot.runs.tables import Rows, as_html
from zeroshot.runs.write_pairs_csv import write_classes, write_summary, write_training
from zeroshot.training._plan import Plan, check_empty, new_plan, open_folder, resumed_plan
from zeroshot.training._stages import Models, SideBySide, Training, all_nets, train_stages, tunable
from zeroshot.training.batches import Split, hold_out
from zeroshot.training.class_answers import class_answers
from zeroshot.training.costs import CostLimits
from zeroshot.training.options import CascadeTuning, Distillation, TrainOptions
from zeroshot.training.pair_figures import Trial, pair_figures
from zeroshot.training.recipe import Recipe
from zeroshot.training.run_data import checked_metric, coarse, run_dataset
from zeroshot.training.shift import shifted
from zeroshot.training.side_by_side import epochs_in, processes
from zeroshot.training.train_net import TrainedNet, job_of, load_net, train_net
from zeroshot.training.tune_pair import tune_pair
from zeroshot.types import Progress

__all__ = [
    "CascadeTuning", "Distillation", "Recipe", "Split", "TrainOptions", "TrainedNet", "TrainedRun", "hold_out",
    "load_net", "train", "train_net", "tune_pair",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class TrainedRun(Steps):
    """The trained pairs of a run.

    Attributes:
        pairs: Predicted beside measured, best predicted first.
        nets: One row a trained net.
        classes: Of the data.
        confusion: What the nets of each pair, and the pair, answer to the test images of each class.
        recipe: As it was asked for; each net's own has every choice made.
        distil: Who taught, if anybody did.
        cascade_aware: How pairs were finetuned, if they were.
        remarks: What the user should know, plain English.
        config: Of the run.
        seconds: Of this call.
        folder: Where the models are.
        data: What this stage was given as its data.
    """

    pairs: Rows[MeasuredPair]
    nets: Rows[TrainedNetRow]
    classes: Rows[ClassShare] = field(repr=False)
    confusion: Rows[ClassAnswers] = field(repr=False)
    recipe: Recipe
    distil: Distillation | None
    cascade_aware: CascadeTuning | None
    remarks: list[str]
    config: dict[str, Any] = field(repr=False)
    seconds: float
    folder: Path
    data: object = field(default=None, repr=False)

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.folder.parent

    def run_folder(self) -> Path:
        """Where the run lies."""
        return self.run

    def given_data(self) -> object:
        """What this stage was given as its data."""
        return self.data

    def _repr_html_(self) -> str:
        """As notebooks show it."""
        return as_html(f"{self.config['data']}: trained pairs beside what was predicted", self.pairs, self.remarks)

    def summary(self) -> dict[str, Any]:
        """As plain values: what `zeroshot train --json` prints."""
        return {
            "run": str(self.run), "models": str(self.folder), "data": self.config["data"],
            "recipe": self.recipe.values(), "distil": self.distil.values() if self.distil else None,
            "cascade_aware": self.cascade_aware.values() if self.cascade_aware else None,
            "seconds": round(self.seconds, 3), "remarks": self.remarks,
            "metric": self.recipe.metric, "classes": self.classes.plain(),
            "pairs": self.pairs.plain(), "nets": self.nets.plain(),
        }  # fmt: skip


@takes_options(TrainOptions)
def train(
    run: str | Path,
    options: TrainOptions,
    *,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainedRun:
    """Train the nets of a run's best pairs, each net once, and measure the pairs on the test images.

    Args:
        run: Folder of a finished search.
        options: What is asked for, and how.
        force: Replace the run's trained models.
        resume: Go on after an interruption, with the same weights as without it; options of the recipe that are left
            open are those of before.
        progress: Called with what is being done, how many epochs are done, of how many.

    Raises:
        UsageError: A value is out of range or an unknown name, or two options exclude each other.
        RunError: No finished run, no pairs, other data than the search had, models that are there already or were
            trained otherwise, a damaged checkpoint, or a full disk.
        DataError: The data cannot be used.
        TrainError: The loss of a net becomes NaN; what was saved before is kept.
    """
    with alone_in(Path(run)):
        return _train(Path(run), options, force, resume, progress or (lambda what, done, total: None))


def _train(run: Path, options: TrainOptions, force: bool, resume: bool, report: Progress) -> TrainedRun:
    started = time.perf_counter()
    _check(options, force, resume)
    config, listed = read_search(run)
    best, folder = listed[: options.top], run / MODELS
    dataset, seed = run_dataset(config, options.data), int(config["seed"])
    if options.validation is not None and dataset.validation is not None:
        raise UsageError(
            f"The validation part of {dataset.name} was drawn by group when it was searched on.",
            "Leave `validation` out; a search takes it.",
        )
    if not (force or resume):
        check_empty(folder)
    plan = resumed_plan(folder, options) if resume else new_plan(options, seed, _searched(config))
    split = hold_out(dataset, seed, plan.recipe.validation)
    metric = checked_metric(plan.recipe.metric, split)
    training = _training(best, options, plan, dataset)
    together = processes(list(training.jobs.values()), split, options.jobs)
    if options.minutes is not None:
        report("timing the nets", 0, 1)
        training = _within(options.minutes, training, split, together)
    open_folder(folder, training.plan, replace_old=force)
    models, trained = train_stages(training, SideBySide(split, folder, together, report))
    pairs, confusion = _measured(training, models, split, seed, CostLimits.asked(config), metric)
    result = TrainedRun(
        pairs=Rows(TRAINED_PAIRS, pairs), confusion=Rows(CONFUSION, confusion),
        classes=Rows(CLASSES, class_shares(dataset)),
        nets=Rows(TRAINED_NETS, map(_net_row, trained)),
        recipe=training.plan.recipe, distil=plan.distil, cascade_aware=plan.cascade_aware,
        remarks=_remarks(training, options.top, split, trained), config=config,
        seconds=time.perf_counter() - started, folder=folder, data=options.data,
    )  # fmt: skip
    write_classes(run, result.classes)  # older searches have not
    write_training(run, result.pairs, result.nets, result.confusion)
    write_summary(folder, result.summary())
    seal(folder)
    return result


def _check(asked: TrainOptions, force: bool, resume: bool) -> None:
    check_not_both("training", force=force, resume=resume)
    if asked.minutes is not None and resume:
        raise UsageError("`resume=True` goes on with the epochs that were chosen then.", "Leave `minutes` out.")


def _training(pairs: Sequence[PairForecast], asked: TrainOptions, plan: Plan, dataset: Dataset) -> Training:
    nets = all_nets(pairs, asked.singles)
    jobs = {net: job_of(net, dataset, plan.recipe, plan.seed, plan.threads) for net in nets}
    return Training(pairs, asked.singles, jobs, plan, asked.policy)


def _within(minutes: float, training: Training, split: Split, together: int) -> Training:
    """The same with as many epochs as fit."""
    jobs = list(training.jobs.values())
    epochs = epochs_in(minutes, jobs, split, together, *training.relative_cost())
    plan = training.plan
    plan = replace(plan, recipe=replace(plan.recipe, epochs=epochs))
    changed = {net: replace(job, recipe=replace(job.recipe, epochs=epochs)) for net, job in training.jobs.items()}
    return replace(training, plan=plan, jobs=changed)


def _searched(config: Mapping[str, Any]) -> Recipe:
    """What the search expected of trainings, and what it was told that counts as good."""
    return Recipe(epochs=config.get("epochs", Recipe.epochs), metric=config.get("metric", Recipe.metric))


def _measured(
    training: Training, models: Sequence[Models], data: Split, seed: int, limits: CostLimits, metric: Metric
) -> tuple[list[MeasuredPair], list[ClassAnswers]]:
    """The pairs of a training, each with its final nets by role, and what these answer to each class."""
    policy, roles = training.policy, [{role: net.name for role, net in each.items()} for each in models]
    pairs = [
        (pair, PairModels(names["little"], names["big"], names.get("single")))
        for pair, names in zip(training.pairs, roles, strict=True)
    ]
    nets = {net.name: net for each in models for net in each.values()}
    trial = Trial.of(pairs, nets, data, policy, seed, limits, metric)
    figures = [
        MeasuredPair(pair, policy, pair_figures(pair, names, trial), names, metric.name) for pair, names in pairs
    ]
    return figures, [row for pair, names in pairs for row in class_answers(pair, names, trial)]


def _net_row(net: TrainedNet) -> TrainedNetRow:
    return TrainedNetRow(
        net=net.net, stage=net.stage, validation_accuracy=net.validation_accuracy, test_accuracy=net.test_accuracy,
        best_epoch=net.best_epoch, epochs=len(net.history), seconds=round(net.seconds, 1),
        images_per_second=round(net.images_per_second), precision=str(net.recipe.precision),
        flip=bool(net.recipe.flip), file=f"{disk.stem(net.name)}.pt",
    )  # fmt: skip


def _remarks(training: Training, top: int, data: Split, trained: Sequence[TrainedNet]) -> list[str]:
    remarks, pairs, tuning = [], training.pairs, training.plan.cascade_aware
    if len(pairs) < top:
        remarks.append(f"The run lists only {len(pairs)} pairs; all were trained.")
    remarks += coarse(data)
    if training.plan.recipe.balance:
        remarks.append("Classes came equally often; what was predicted is of a training in which they did not.")
    images = data.dataset.features is None
    if images and not any(net.recipe.flip for net in trained) and data.dataset.name not in SOURCES:
        remarks.append(
            "Images were not mirrored, since nobody can tell whether they mean the same in a mirror: `flip=True`."
        )
    if tuning is not None:
        remarks.append(f"Epochs of finetune that the pairs' nets have had and the single nets not: {tuning.epochs}.")
        remarks += [f"Pair {pair.rank} was not finetuned: it decides nothing." for pair in pairs if not tunable(pair)]
    if not training.singles:
        remarks.append("Without the single nets a verdict compares a pair with the nets of pairs alone.")
    return remarks + shifted(data, {net.name: (net.validation_accuracy, net.test_accuracy) for net in trained})
