"""What a search knows of each task before anything is trained, stored: `zeroshot.accuracy.task`.

python -m benchmarks.tasks.traits      a minute; ZEROSHOT_DATA holds cifar10/, audio/, motion/ and images/
"""

import json
import sys
from dataclasses import asdict, replace

from benchmarks.pair_truth.regroup import GROUPS, grouped
from benchmarks.script import Arguments, exit_code, parser
from benchmarks.tasks.data import SHIFTED, TASKS, cifar10
from benchmarks.tasks.plan import HERE
from zeroshot.accuracy.task import TaskTraits, task_anchor
from zeroshot.errors import RunError
from zeroshot.runs.files import json_text, write_file

FILE = HERE / "traits.json"


def read_traits() -> dict[str, TaskTraits]:
    """Task, or grouping of CIFAR-10's classes, -> its traits; steps are those of the stored trainings.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        return {name: TaskTraits(**values) for name, values in json.loads(FILE.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{FILE} cannot be read: {error}.", "Run python -m benchmarks.tasks.traits.") from error


def main(arguments: Arguments = None) -> None:
    parser("tasks.traits", __doc__).parse_args(arguments)
    found: dict[str, TaskTraits] = {}
    for name, task in TASKS.items():
        data = task.make()
        if name in SHIFTED:  # nets are judged on images like the training ones
            data = replace(data, y_test=data.y_train)
        found[name] = TaskTraits(round(task_anchor(data), 6), len(data.y_train), task.recipe.steps_on(data))
    whole = found["cifar10"]
    for name, of in GROUPS.items():
        anchor = round(task_anchor(grouped(cifar10(), of)), 6)
        found[name] = TaskTraits(anchor, whole.images, whole.steps)
    write_file(FILE, json_text({name: asdict(traits) for name, traits in found.items()}, indent=1))
    for name, traits in found.items():
        print(name, traits)


if __name__ == "__main__":
    sys.exit(exit_code(main))
