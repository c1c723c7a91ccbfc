"""What a training was asked to do, kept in the folder of its models so that it can be resumed."""

from dataclasses import dataclass, replace
from pathlib import Path

from zeroshot.errors import RunError, UsageError
from zeroshot.options import Options, option
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.files import json_text
from zeroshot.runs.layout import TRAINING_PLAN
from zeroshot.training.options import CascadeTuning, Distillation, TrainOptions
from zeroshot.training.recipe import Recipe


@dataclass(frozen=True)
class Plan(Options):
    """What decides the weights of a run's nets."""

    recipe: Recipe = option(Recipe(), "Of every net.")
    threads: int = option(1, "Of torch.", least=1)
    seed: int = option(0, "The run's.")
    distil: Distillation | None = option(None, "Who teaches, if anybody does.")
    cascade_aware: CascadeTuning | None = option(None, "How pairs are finetuned, if they are.")


def new_plan(options: TrainOptions, seed: int, searched: Recipe) -> Plan:
    """The plan of a training that starts; what it leaves open is as the search had it."""
    return Plan(options.recipe(searched), options.threads or 1, seed, options.distil, options.cascade_aware)


def check_empty(folder: Path) -> None:
    """Insist that no models are in the way.

    Raises:
        RunError: They are.
    """
    if disk.holds_files(folder):
        raise RunError(
            f"{folder} holds models already.", "Continue with `resume=True`, or replace them with `force=True`."
        )


def resumed_plan(folder: Path, options: TrainOptions) -> Plan:
    """The stored plan, with lessons that it had not: they add nets and change none.

    Raises:
        RunError: There is nothing to resume, the plan is damaged, or something else is asked for than then.
    """
    before = _stored(folder)
    plan = replace(
        before,
        distil=before.distil or options.distil,
        cascade_aware=before.cascade_aware or options.cascade_aware,
    )
    asked = Plan(
        options.recipe(before.recipe),
        options.threads or before.threads,
        before.seed,
        options.distil or plan.distil,
        options.cascade_aware or plan.cascade_aware,
    )
    lines = disk.differences(plan.values(), asked.values())
    if lines:
        raise RunError(f"The training in {folder} has another plan. {lines}.", "Leave that out, or use `force=True`.")
    return plan


def _stored(folder: Path) -> Plan:
    path = folder / TRAINING_PLAN
    if not path.exists():
        again = "Start over with `force=True`." if disk.holds_files(folder) else "Leave `resume=True` out."
        raise RunError(f"There is no training to resume in {folder}.", again)
    about = disk.read_about(folder, path.stem)
    missing = [name for name in Plan.declared() if name not in about]
    try:
        if missing:
            raise UsageError(f"it lacks {', '.join(missing)}")
        return Plan.of(about)
    except UsageError as error:
        raise RunError(f"{path} is no plan of a training: {error}.", "Start over with `force=True`.") from error


def open_folder(folder: Path, plan: Plan, *, replace_old: bool) -> None:
    """Make the folder of the models, or clear it, and write the plan.

    Raises:
        RunError: The system refuses.
    """
    disk.clear(folder, everything=replace_old)
    disk.write(folder, TRAINING_PLAN, json_text(plan.values(), indent=1))
