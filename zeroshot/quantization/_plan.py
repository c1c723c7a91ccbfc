"""What a quantisation was asked to do, kept in the folder of its int8 nets so that it can be resumed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroshot.errors import RunError, UsageError
from zeroshot.quantization.options import QuantizeOptions
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.files import json_text
from zeroshot.runs.layout import QUANTIZATION_PLAN

AGAIN = "Start over with `force=True`."


@dataclass(frozen=True)
class Plan:
    """How the nets of a run's pairs are quantised.

    Attributes:
        recipe: Of every net.
        threads: Of torch.
        seed: The run's.
    """

    recipe: Int8Recipe
    threads: int
    seed: int

    def values(self) -> dict[str, Any]:
        """As a mapping of plain values."""
        return {"recipe": self.recipe.values(), "threads": self.threads, "seed": self.seed}


def make_plan(folder: Path, options: QuantizeOptions, seed: int, *, force: bool, resume: bool) -> Plan:
    """What is asked for, or what is being resumed, from which nothing that is asked for may differ.

    Raises:
        RunError: It differs; there is nothing to resume, or something in the way, or the plan is damaged.
    """
    if not resume:
        if not force and disk.holds_files(folder):
            raise RunError(
                f"{folder} holds int8 nets already.", "Continue with `resume=True`, or replace them with `force=True`."
            )
        return Plan(options.recipe(), options.threads or 1, seed)
    before = _stored(folder, seed)
    now = Plan(options.recipe(before.recipe), options.threads or before.threads, seed)
    lines = disk.differences(before.values(), now.values())
    if lines:
        raise RunError(
            f"The nets in {folder} were quantised otherwise. {lines}.", "Leave that out, or use `force=True`."
        )
    return before


def open_folder(folder: Path, plan: Plan, *, force: bool) -> None:
    """Make the folder of the int8 nets, or clear it, and write the plan.

    Raises:
        RunError: The system refuses.
    """
    disk.clear(folder, everything=force)
    disk.write(folder, QUANTIZATION_PLAN, json_text(plan.values(), indent=1))


def _stored(folder: Path, seed: int) -> Plan:
    path = folder / QUANTIZATION_PLAN
    if not path.exists():
        again = AGAIN if disk.holds_files(folder) else "Leave `resume=True` out."
        raise RunError(f"There is no quantisation to resume in {folder}.", again)
    about: Any = disk.read_json(path, AGAIN, AGAIN)
    try:
        return Plan(Int8Recipe(**about["recipe"]), int(about["threads"]), seed)
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise RunError(f"{path} is no plan of a quantisation: {error}.", AGAIN) from error
