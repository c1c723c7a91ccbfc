"""Train what `plan.py` lists and store what the nets answered, in as many sittings as it takes.

    python -m benchmarks.tasks.train --hours 1 --jobs 2             on this processor, one thread a net
    python -m benchmarks.tasks.train --device cuda --hours 0.1      on a CUDA device, see cuda.py
    python -m benchmarks.tasks.train --status                       what is there

--only words motion takes these folders of the plan alone. ZEROSHOT_DATA holds cifar10/, audio/, motion/ and images/.
"""

import sys
import time
import traceback
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from benchmarks.pair_truth.training import SPLIT_SEED, costs_of
from benchmarks.script import Arguments, exit_code, parser
from benchmarks.tasks import cuda
from benchmarks.tasks.data import cifar10
from benchmarks.tasks.named import KNOWN
from benchmarks.tasks.plan import HERE, Training, plan
from zeroshot.bench import truth_files as files
from zeroshot.cascade.policy import DEFAULT_POLICY
from zeroshot.runs.folder import processor
from zeroshot.training.train import Split, TrainedNet, hold_out, train_net

ZOO = HERE / "zoo"


@cache
def split_of(task: str) -> Split:
    """A task with a tenth of every class held out."""
    made = KNOWN[task]
    if made.make is cifar10 and task != "cifar10":
        return split_of("cifar10")
    return hold_out(made.make(), SPLIT_SEED, made.recipe.validation)


@cache
def _labels(folder: Path) -> dict[str, Any]:
    return files.load_labels(folder)


def store(training: Training, net: TrainedNet, machine: dict[str, Any], zoo: Path) -> None:
    """Keep one net's answers with the scores of the default policy."""
    folder, split = zoo / training.folder, split_of(training.task.name)
    if not (folder / files.LABELS).exists():
        folder.mkdir(parents=True, exist_ok=True)
        files.save_labels(folder, {part: split.labels(part) for part in files.PARTS})
    about = {
        "net": training.net, "seed": training.seed, "half": training.half, "position": training.position,
        "family": training.family, "task": training.task.name, "channels": net.channels, "classes": net.classes,
        **costs_of(training.net, net.channels, net.classes),
        "validation_accuracy": net.validation_accuracy, "test_accuracy": net.test_accuracy,
        "best_epoch": net.best_epoch, "history": net.history, "recipe": net.recipe.values(),
        "images": len(split.train), "steps": steps_of(net),
        "seconds": round(net.seconds, 1), "machine": machine,
    }  # fmt: skip
    files.save_net(folder, training.name, about, files.answers(net.outputs, [DEFAULT_POLICY]), _labels(folder))


def steps_of(net: TrainedNet) -> int:
    """Of its training."""
    return round(net.images_per_second * net.seconds / (net.recipe.batch or 1))


def on_processor(training: Training, deadline: float, weights: bool) -> list[TrainedNet]:
    """One net by the package's own trainer, one thread; none after the deadline."""
    if time.time() > deadline:
        return []
    split, recipe = split_of(training.task.name), training.task.recipe
    return [_plain(train_net(training.net, split, recipe, training.seed, threads=1), weights)]


def on_device(together: Sequence[Training], device: str, deadline: float, weights: bool) -> list[TrainedNet]:
    """Some nets of one task on a device; none after the deadline."""
    if time.time() > deadline:
        return []
    task = together[0].task
    nets = [(each.net, each.seed) for each in together]
    found = cuda.train_together(nets, split_of(task.name), task.recipe, torch.device(device), deadline)
    return [_plain(net, weights) for net in found]


def _plain(net: TrainedNet, weights: bool) -> TrainedNet:
    """With arrays for weights, or none: each tensor would cost the process that receives it a file descriptor."""
    kept: dict[str, Any] = {name: tensor.numpy() for name, tensor in net.weights.items()} if weights else {}
    return replace(net, weights=kept)


def groups(wanted: Sequence[Training], most: int) -> list[list[Training]]:
    """Trainings of one task that take turns, those of one resolution together where there are enough; order kept."""
    tasks: dict[str, list[Training]] = {}
    for each in wanted:
        tasks.setdefault(each.folder, []).append(each)
    found = []
    for of_one in tasks.values():
        of_one.sort(key=lambda each: (each.seed, each.net.partition("-")[0]))
        found += [of_one[i : i + most] for i in range(0, len(of_one), most)]
    return found


def trained(
    wanted: Sequence[Training], device: str, jobs: int, together: int, deadline: float, weights: bool = False
) -> Iterator[tuple[Training, TrainedNet]]:  # fmt: skip
    """Nets as they are finished, until the time is up; what fails is told and left out.

    Args:
        wanted: In the order of their importance.
        device: `cpu`, or as torch names it.
        jobs: Processes.
        together: Nets that take turns in a process, on a device.
        deadline: Unix time.
        weights: Whether to keep them, as arrays.
    """
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        started: dict[Future[list[TrainedNet]], list[Training]] = {}
        for group in groups(wanted, together if device != "cpu" else 1):
            if device == "cpu":
                started[pool.submit(on_processor, group[0], deadline, weights)] = group
            else:
                started[pool.submit(on_device, group, device, deadline, weights)] = group
        for future in as_completed(started):
            try:
                yield from zip(started[future], future.result(), strict=False)  # none after the deadline
            except Exception:  # noqa: BLE001 - one net's failure must not lose the others
                print([each.net for each in started[future]], traceback.format_exc(), file=sys.stderr, flush=True)


def missing(planned: Sequence[Training], zoo: Path, only: Sequence[str] = ()) -> list[Training]:
    """What of a plan is not stored yet, in its order; of all folders, or of these alone."""
    known = {folder.name: set(files.names(folder)) for folder in zoo.glob("*") if folder.is_dir()}
    return [
        each for each in planned
        if (not only or each.folder in only) and each.name not in known.get(each.folder, set())
    ]  # fmt: skip


def machine_of(device: str) -> dict[str, Any]:
    """What is stored of where a net was trained."""
    used = "cpu" if device == "cpu" else f"{torch.cuda.get_device_name()}, convolutions in TF32 while training"
    return {"processor": processor(), "device": used, "threads": 1, "torch": torch.__version__}


def add_options(options: ArgumentParser, zoo: Path) -> None:
    """What every script that trains a plan can be asked for; `zoo` is where its nets lie."""
    options.add_argument("--device", default="cpu", help="cpu or cuda")
    options.add_argument("--hours", type=float, default=1.0, help="no training begins after them")
    options.add_argument("--jobs", type=int, default=2, help="processes")
    options.add_argument("--together", type=int, default=4, help="nets that take turns in a process, on a device")
    options.add_argument("--only", nargs="+", default=[], metavar="FOLDER")
    options.add_argument("--zoo", type=Path, default=zoo, help="default: %(default)s")


def status(zoo: Path) -> None:
    """Print how much of each part of the plan is stored."""
    planned = plan()
    left = Counter(each.folder for each in missing(planned, zoo))
    for folder, count in Counter(each.folder for each in planned).items():
        print(f"{folder:14s} {count - left[folder]:3d} of {count}")


def main(arguments: Arguments = None) -> None:
    options = parser("tasks.train", __doc__)
    add_options(options, ZOO)
    options.add_argument("--status", action="store_true")
    given = options.parse_args(arguments)
    if given.status:
        status(given.zoo)
        return
    begun, steps, machine = time.time(), 0, machine_of(given.device)
    wanted, deadline = missing(plan(), given.zoo, given.only), begun + 3600 * given.hours
    for training, net in trained(wanted, given.device, given.jobs, given.together, deadline):
        store(training, net, machine, given.zoo)
        steps += steps_of(net)
        print(
            f"{time.time() - begun:6.1f} s {training.folder} {training.name} {100 * net.test_accuracy:.2f} % "
            f"{net.seconds:.1f} s {steps / (time.time() - begun):.0f} steps/s {training.net}", flush=True,
        )  # fmt: skip
    status(given.zoo)


if __name__ == "__main__":
    sys.exit(exit_code(main))
