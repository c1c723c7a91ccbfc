"""Other tasks without other trainings: CIFAR-10's classes in groups. A grouped answer is right if the group is.

    python -m benchmarks.pair_truth.regroup      computes tasks.json, a few seconds; ZEROSHOT_DATA holds cifar10/

tasks.json holds how hard each task, and that of digits, is to a nearest-neighbour classifier
(`zeroshot.accuracy.model.task_anchor`), from training images alone.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.cifar10 import cifar10_file
from benchmarks.script import Arguments, exit_code, parser
from zeroshot.accuracy.model import task_anchor
from zeroshot.data import Dataset, load
from zeroshot.errors import RunError
from zeroshot.runs.files import json_text, write_file

HERE = Path(__file__).parent
TASKS = "tasks.json"
WHOLE = "ten classes"
# airplane automobile bird cat deer dog frog horse ship truck
GROUPS = {
    "animals or vehicles": (0, 0, 1, 1, 1, 1, 1, 1, 0, 0),
    "five superclasses": (0, 1, 2, 3, 4, 3, 2, 4, 0, 1),
    "four superclasses": (0, 1, 2, 3, 3, 3, 2, 3, 0, 1),
    "water, air, road or land": (0, 1, 0, 2, 2, 2, 3, 2, 3, 1),
    "seven classes": (0, 1, 2, 3, 4, 3, 5, 4, 6, 1),
    "five mixed pairs": (0, 1, 2, 3, 4, 0, 1, 2, 3, 4),
    "two mixed halves": (0, 1, 0, 1, 0, 1, 0, 1, 0, 1),
}
DIGITS = "digits"
SHOWN = ("animals or vehicles", "five superclasses")


def grouped(dataset: Dataset, groups: tuple[int, ...]) -> Dataset:
    """The data with groups for classes."""
    of = np.array(groups, np.int64)
    names = tuple(str(i) for i in range(max(groups) + 1))
    return replace(dataset, y_train=of[dataset.y_train], y_test=of[dataset.y_test], class_names=names)


def anchors(dataset: Dataset) -> dict[str, float]:
    """`task_anchor` of the data and of each grouping."""
    return {WHOLE: task_anchor(dataset)} | {name: task_anchor(grouped(dataset, of)) for name, of in GROUPS.items()}


def read_anchors(folder: Path = HERE) -> dict[str, float]:
    """What `main` stored.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        found = json.loads((folder / TASKS).read_text(encoding="utf-8"))
        return {name: float(found[name]) for name in (WHOLE, *GROUPS, DIGITS)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder / TASKS} cannot be read: {error}.", "Run python -m benchmarks.pair_truth.regroup."
        ) from error


def main(arguments: Arguments = None) -> None:
    parser("pair_truth.regroup", __doc__).parse_args(arguments)
    found = anchors(load(str(cifar10_file()))) | {DIGITS: task_anchor(load("digits"))}
    found = {name: round(value, 6) for name, value in found.items()}
    write_file(HERE / TASKS, json_text(found, indent=1))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    sys.exit(exit_code(main))
