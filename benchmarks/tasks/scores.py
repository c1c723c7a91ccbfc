"""Training-free scores of the plan's nets on every task, computed as a search computes them.

    python -m benchmarks.tasks.scores [--only TASK ...]      goes on where it was interrupted, adds what is new

Other nets on CIFAR-10 get every installed proxy; on the other tasks those that could serve. scores/TASK.csv holds them,
scores/TASK.json how they were computed. ZEROSHOT_DATA holds cifar10/, audio/, motion/ and images/.
"""

import sys
from pathlib import Path

from benchmarks.pair_truth.scores import ScoreTable, completed, read, stored_table, write
from benchmarks.script import Arguments, exit_code, parser
from benchmarks.tasks.data import TASKS
from benchmarks.tasks.plan import HERE, plan
from zeroshot.data import cache_folder
from zeroshot.scoring.plugins import DEFAULT_PROXIES, load_proxies

SERVING = (
    *DEFAULT_PROXIES, "naswot", "swap", "logsynflow", "zen", "az_trainability", "az_expressivity", "synflow",
)  # fmt: skip
FOLDER = HERE / "scores"


def folder_of(task: str) -> Path:
    """Where a task's table is."""
    return FOLDER / task


def nets_of(task: str) -> list[str]:
    """The nets of a task in the plan's order, each once."""
    return list(dict.fromkeys(each.net for each in plan() if each.folder == task))


def read_scores(task: str) -> ScoreTable:
    """A task's table."""
    return read(folder_of(task))


def main(arguments: Arguments = None) -> None:
    options = parser("tasks.scores", __doc__)
    options.add_argument("--only", nargs="+", default=list(TASKS), metavar="TASK")
    for name in options.parse_args(arguments).only:
        stored, nets = stored_table(folder_of(name)), nets_of(name)
        if stored is not None and list(stored.nets) == nets:
            continue
        proxies = load_proxies() if name == "cifar10" else load_proxies(list(dict.fromkeys(SERVING)))
        table = completed(stored, nets, TASKS[name].make(), proxies, cache_folder() / "tasks" / "scores" / name)
        folder_of(name).mkdir(parents=True, exist_ok=True)
        write(folder_of(name), table)


if __name__ == "__main__":
    sys.exit(exit_code(main))
