"""What a training was asked to do, kept in the folder of its models so that it can be resumed."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zeroshot.errors import RunError, UsageError
from zeroshot.runs import checkpoints as disk
from zeroshot.training.cascade_loss import CascadeTuning
from zeroshot.training.distillation import Distillation
from zeroshot.training.recipe import Recipe

Row = dict[str, Any]
PLAN = "train.json"


@dataclass(frozen=True)
class Plan:
    """How the nets of a run's pairs are trained.

    Attributes:
        recipe: Of every net.
        threads: Of torch.
        seed: The run's.
        distil: Who teaches, if anybody does.
        cascade_aware: How pairs are finetuned, if they are.
    """

    recipe: Recipe
    threads: int
    seed: int
    distil: Distillation | None = None
    cascade_aware: CascadeTuning | None = None

    def values(self) -> Row:
        """As a mapping of plain values."""
        return {
            "recipe": self.recipe.values(), "threads": self.threads, "seed": self.seed,
            "distil": self.distil.values() if self.distil else None,
            "cascade_aware": self.cascade_aware.values() if self.cascade_aware else None,
        }  # fmt: skip


def stored_plan(folder: Path, *, force: bool, resume: bool) -> Plan | None:
    """The plan that is being resumed; None for a training that starts.

    Raises:
        RunError: There is nothing to resume, or something in the way, or the plan is damaged.
    """
    if not resume:
        if not force and folder.exists() and any(folder.iterdir()):
            raise RunError(
                f"{folder} holds models already.", "Continue with `resume=True`, or replace them with `force=True`."
            )
        return None
    if not (folder / PLAN).exists():
        raise RunError(f"There is no training to resume in {folder}.", "Leave `resume=True` out.")
    about = disk.read_about(folder, Path(PLAN).stem)
    try:
        distil, tuning = about.get("distil"), about.get("cascade_aware")
        return Plan(
            Recipe(**about["recipe"]), _whole(about["threads"]), _whole(about["seed"]),
            Distillation(**distil) if distil is not None else None,
            CascadeTuning(**tuning) if tuning is not None else None,
        )  # fmt: skip
    except (KeyError, TypeError, UsageError) as error:
        raise RunError(
            f"{folder / PLAN} is no plan of a training: {error}.", "Start over with `force=True`."
        ) from error


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no whole number")
    return value


def resumed(
    before: Plan, folder: Path, recipe: Recipe | None, epochs: int | None, threads: int | None,
    distil: Distillation | None, cascade_aware: CascadeTuning | None,
) -> Plan:  # fmt: skip
    """The plan of before, with lessons that it had not: they add nets and change none.

    Raises:
        RunError: Something else is asked for than then.
    """
    now = replace(recipe or before.recipe, epochs=epochs if epochs is not None else before.recipe.epochs)
    plan = replace(
        before, distil=before.distil or distil, cascade_aware=before.cascade_aware or cascade_aware
    )  # fmt: skip
    asked = replace(
        plan, recipe=now, threads=threads or before.threads, distil=distil or plan.distil,
        cascade_aware=cascade_aware or plan.cascade_aware,
    )  # fmt: skip
    lines = disk.differences(plan.values(), asked.values())
    if lines:
        raise RunError(f"The training in {folder} has another plan. {lines}.", "Leave that out, or use `force=True`.")
    return plan


def open_folder(folder: Path, plan: Plan, *, replace_old: bool) -> None:
    """Make the folder of the models, or clear it, and write the plan.

    Raises:
        RunError: The system refuses.
    """
    disk.clear(folder, everything=replace_old)
    disk.write(folder, PLAN, json.dumps(plan.values(), indent=1) + "\n")
