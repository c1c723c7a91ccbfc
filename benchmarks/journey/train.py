"""Train what `plan.json` lists in full, and store answers and weights, in as many sittings as it takes.

    python -m benchmarks.journey.train --hours 2 --jobs 2            on this processor
    python -m benchmarks.journey.train --device cuda --hours 0.1     on a CUDA device, see benchmarks.tasks.cuda

Answers go to zoo/, weights below --weights if that is given. Seeds 1 and 2 follow seed 0.
"""

import sys
import time
from pathlib import Path

import torch

from benchmarks.journey.plan import read_plan
from benchmarks.journey.settings import SETTINGS, trained_as
from benchmarks.script import Arguments, exit_code, parser
from benchmarks.tasks import train as tasks
from benchmarks.tasks.plan import Training

ZOO = Path(__file__).parent / "zoo"
SEEDS = (0, 1, 2)
OF_PAIR = ("pair 1", "single", "by hand")  # roles whose nets are trained with every seed


def plan() -> list[Training]:
    """Each net of a task once a seed, those with several seeds last."""
    settings = {setting.name: setting for setting in SETTINGS}
    nets: dict[tuple[str, str], set[str]] = {}
    for pick in read_plan():
        for net in filter(None, (pick.little, pick.big)):
            nets.setdefault((settings[pick.setting].task, net), set()).add(pick.role.split(",")[0])
    numbers = {net: i for i, net in enumerate(dict.fromkeys(net for _, net in nets))}
    found = []
    for seed in SEEDS:
        for (task, net), roles in nets.items():
            if seed == 0 or roles & set(OF_PAIR):
                found.append(Training(trained_as(task), net, seed, numbers[net], "other", "journey", task))
    return found


def main(arguments: Arguments = None) -> None:
    options = parser("journey.train", __doc__)
    tasks.add_options(options, ZOO)
    options.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    options.add_argument("--weights", type=Path, help="folder; none are kept without it")
    given = options.parse_args(arguments)
    asked = [each for each in plan() if each.seed in given.seeds]
    wanted = tasks.missing(asked, given.zoo, given.only)
    begun, machine = time.time(), tasks.machine_of(given.device)
    deadline = begun + 3600 * given.hours
    for training, net in tasks.trained(wanted, given.device, given.jobs, given.together, deadline, weights=True):
        tasks.store(training, net, machine, given.zoo)
        if given.weights is not None:
            folder = given.weights / training.folder
            folder.mkdir(parents=True, exist_ok=True)
            torch.save({name: torch.from_numpy(value) for name, value in net.weights.items()},
                       folder / f"{training.name}.pt")  # fmt: skip
        print(f"{time.time() - begun:6.1f} s {training.folder} {training.name} {100 * net.test_accuracy:.2f} % "
              f"{training.net}", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(exit_code(main))
