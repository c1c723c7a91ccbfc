"""Train what `plan.json` lists in full, quantise it, and store answers and weights, in as many sittings as it takes.

    python -m benchmarks.journey.train --hours 2 --jobs 2            on this processor
    python -m benchmarks.journey.train --device cuda --hours 0.1     on a CUDA device, see benchmarks.tasks.cuda
    python -m benchmarks.journey.train --hours 0                     quantises what is trained, trains nothing
    python -m benchmarks.journey.train --status                      what is there

Answers go to zoo/TASK/ and, in int8, to zoo/TASK-int8/, weights to a cache: as long as they are there a net can be
quantised. That takes seconds to two minutes a net, beside the trainings. Seeds 1 and 2 follow seed 0. Nets that a later
plan no longer picks stay in zoo/: they are truth all the same.
"""

import sys
import time
import traceback
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from benchmarks.journey.plan import Pick, read_plan
from benchmarks.journey.quantise import missing_int8, quantise, save_weights
from benchmarks.journey.settings import SETTINGS, Setting, trained_as
from benchmarks.script import Arguments, exit_code, parser
from benchmarks.tasks import train as tasks
from benchmarks.tasks.plan import Training
from zeroshot.data import cache_folder

ZOO = Path(__file__).parent / "zoo"
SEEDS = (0, 1, 2)
OF_PAIR = ("pair 1", "single", "by hand")  # roles whose nets are trained with every seed


def plan(picks: Sequence[Pick], settings: Sequence[Setting] = SETTINGS) -> list[Training]:
    """Each net of a task once a seed, those with several seeds last; files are named by the net, whatever the plan."""
    known = {setting.name: setting for setting in settings}
    nets: dict[tuple[str, str], set[str]] = {}
    for pick in picks:
        for net in filter(None, (pick.little, pick.big)):
            nets.setdefault((known[pick.setting].task, net), set()).add(pick.role.split(",")[0])
    found = []
    for seed in SEEDS:
        for (task, net), roles in nets.items():
            if seed == 0 or roles & set(OF_PAIR):
                found.append(Training(trained_as(task), net, seed, None, "other", "journey", task))
    return found


def status(asked: Sequence[Training], zoo: Path, weights: Path) -> None:
    """Print how much of each task is trained, and how many nets wait to be quantised."""
    left = Counter(each.folder for each in tasks.missing(asked, zoo))
    waiting = Counter(each.folder for each in missing_int8(asked, zoo, weights))
    for task, count in Counter(each.folder for each in asked).items():
        print(f"{task:14s} {count - left[task]:3d} of {count} trained, {waiting[task]} with weights not quantised yet")


def sitting(about: str | None, name: str, asked: Sequence[Training], zoo: Path, arguments: Arguments) -> None:
    """Train and quantise what is missing of a plan, as the command line asks.

    Args:
        about: Of the script, for its help.
        name: Of its package in `benchmarks`.
        asked: The plan.
        zoo: Where its answers lie by default.
        arguments: Of the command line.
    """
    options = parser(f"{name}.train", about)
    tasks.add_options(options, zoo)
    options.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    options.add_argument("--weights", type=Path, default=cache_folder() / name, help="default: %(default)s")
    options.add_argument("--status", action="store_true")
    given = options.parse_args(arguments)
    asked = [each for each in asked if each.seed in given.seeds and (not given.only or each.folder in given.only)]
    if given.status:
        status(asked, given.zoo, given.weights)
    else:
        train(asked, given)


def train(asked: Sequence[Training], given: Namespace) -> None:
    """Train what is missing until the time is up, and quantise beside it what has weights."""
    begun, machine = time.time(), tasks.machine_of(given.device)
    wanted, deadline = tasks.missing(asked, given.zoo), begun + 3600 * given.hours

    def say(training: Training, words: str) -> None:
        print(f"{time.time() - begun:6.1f} s {training.folder} {training.name} {words}", flush=True)

    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as quantisers:
        started: dict[Future[float], Training] = {}

        def begin(training: Training) -> None:
            started[quantisers.submit(quantise, training, given.zoo, given.weights)] = training

        for training in missing_int8(asked, given.zoo, given.weights):
            begin(training)
        for training, net in tasks.trained(wanted, given.device, given.jobs, given.together, deadline, weights=True):
            save_weights(training, net.weights, given.weights)
            tasks.store(training, net, machine, given.zoo)
            say(training, f"{100 * net.test_accuracy:.2f} % in float")
            begin(training)
        for future in as_completed(started):
            try:
                say(started[future], f"{100 * future.result():.2f} % in int8")
            except Exception:  # noqa: BLE001 - one net's failure must not lose the others
                print(started[future].net, traceback.format_exc(), file=sys.stderr, flush=True)


def main(arguments: Arguments = None) -> None:
    sitting(__doc__, "journey", plan(read_plan()), ZOO, arguments)


if __name__ == "__main__":
    sys.exit(exit_code(main))
