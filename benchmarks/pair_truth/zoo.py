"""Train the zoo of `zeroshot truth`, in as many sittings and on as many machines as it takes.

    python -m benchmarks.pair_truth.zoo train --hours 2 --jobs 1       goes on where the last sitting stopped
    python -m benchmarks.pair_truth.zoo train --hours 2 --part 1/3     every third net, for three machines
    python -m benchmarks.pair_truth.zoo status                         what is there, and how long the rest takes
    python -m benchmarks.pair_truth.zoo train --task digits            some held-out nets on another data set
    python -m benchmarks.pair_truth.zoo draw                           how plan.csv was made; writes it anew

ZEROSHOT_DATA names the folder that holds cifar10/. A finished net is stored in zoo/ at once; the checkpoints of the one
in work are in the cache folder. Nets train on CPUs, one thread each: zeroshot's trainer knows no accelerator.
"""

import re
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cifar10 import cifar10_file
from benchmarks.pair_truth import training
from benchmarks.pair_truth.drawing import Entry, plan, read_plan, write_plan
from benchmarks.pair_truth.training import Trained, epoch_seconds, split_of, train_entry
from benchmarks.script import Arguments, exit_code, parser
from zeroshot.bench import truth_files as files
from zeroshot.cascade.policy import DEFAULT_POLICY, POLICIES
from zeroshot.data import cache_folder
from zeroshot.errors import RunError, UsageError
from zeroshot.scoring.population import default_jobs
from zeroshot.training.train import Recipe
from zeroshot.types import ByteArray

HERE = Path(__file__).parent
PLAN, ZOO = HERE / "plan.csv", HERE / "zoo"
DIGITS = HERE / "digits" / "zoo"
DIGITS_FROM = 64  # first nets of the draw, of which those that are held out are trained on digits


def name_of(entry: Entry) -> str:
    """File name of a trained net, without suffix: sorted names are in the order of the draw."""
    return f"{entry.position:03d}-s{entry.seed}"


@dataclass(frozen=True)
class Job:
    """What is trained for one data set.

    Attributes:
        task: `cifar10` or `digits`.
        recipe: Of every net.
        zoo: Folder of what is stored.
        entries: The plan.
    """

    task: str
    recipe: Recipe
    zoo: Path
    entries: list[Entry]


def job_of(task: str) -> Job:
    """CIFAR-10 trains the whole plan. Digits judge how constants carry over, so no calibration net is among them."""
    entries = read_plan(PLAN)
    if task == "cifar10":
        return Job(task, training.RECIPE, ZOO, entries)
    held = [e for e in entries if e.position < DIGITS_FROM and e.seed == 0 and e.half == "held-out"]
    return Job(task, training.DIGITS, DIGITS, held)


def missing(entries: Sequence[Entry], zoo: Path, recipe: Recipe) -> list[Entry]:
    """Trainings that are not stored yet.

    Raises:
        RunError: What is stored under an entry's name is another net, or was trained with another recipe.
    """
    left = []
    for entry in entries:
        path = zoo / f"{name_of(entry)}.json"
        if not path.exists():
            left.append(entry)
            continue
        about = files.read_about(path)
        # Values that the recipe leaves open were settled by the data and the net; what it has learnt since was unused.
        asked = {key: value for key, value in recipe.values().items() if value is not None}
        same = all(about["recipe"].get(key, value) == value for key, value in asked.items())
        if (about["net"], about["seed"]) != (entry.net, entry.seed) or not same:
            raise RunError(f"{path} is not the training that {PLAN.name} and the recipe ask for.", files.AGAIN)
    return left


def part_of(entries: Sequence[Entry], part: str) -> list[Entry]:
    """Every n-th training, from the i-th on, for i/n.

    >>> part_of([10, 11, 12, 13, 14], "2/3")
    [11, 14]

    Raises:
        UsageError: It is none.
    """
    found = re.fullmatch("([0-9]{1,4})/([0-9]{1,4})", part)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"A part is I/N with I from 1 to N, not {part!r}.", "An example: --part 2/3.")
    return list(entries[int(found[1]) - 1 :: int(found[2])])


def trained(
    entries: Sequence[Entry], job: Job, data: str, hours: float, jobs: int, backend: str
) -> Iterator[Trained]:  # fmt: skip
    """Nets as they are finished, until the time is up."""
    checkpoints = cache_folder() / "pair_truth" / ("" if job.task == "cifar10" else job.task)
    deadline = time.time() + 3600 * hours
    tasks = [(entry, job.recipe, data, str(checkpoints), deadline) for entry in entries]
    if jobs == 1:
        found = (train_entry(*task) for task in tasks)
        yield from (each for each in found if each is not None)
        return
    from joblib import Parallel, delayed, parallel_config

    if backend == "ray":
        from ray.util.joblib import register_ray

        register_ray()
    with parallel_config(backend=backend, **({"inner_max_num_threads": 1} if backend == "loky" else {})):
        results = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(
            delayed(train_entry)(*task) for task in tasks
        )
        try:
            yield from (each for each in results if each is not None)
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of the tasks that an interrupt cancels
                results.close()


def store(found: Trained, zoo: Path, labels: dict[str, ByteArray]) -> None:
    """Keep one net's answers; of repeats with another seed the default policy's scores alone."""
    policies = tuple(POLICIES) if found.entry.seed == 0 else (DEFAULT_POLICY,)
    files.save_net(zoo, name_of(found.entry), found.about, files.answers(found.logits, policies), labels)


def data_of(task: str) -> str:
    """What `zeroshot.data.load` reads a task's images from."""
    if task == "digits":
        return task
    return str(cifar10_file())


def train(hours: float, jobs: int, backend: str, part: str, task: str = "cifar10") -> None:
    """Train and store what is missing."""
    data, job = data_of(task), job_of(task)
    job.zoo.mkdir(parents=True, exist_ok=True)
    split = split_of(data)
    files.save_labels(job.zoo, {name: split.labels(name) for name in files.PARTS})
    labels = files.load_labels(job.zoo)
    left = missing(part_of(job.entries, part), job.zoo, job.recipe)
    for found in trained(left, job, data, hours, jobs, backend):
        store(found, job.zoo, labels)
        about = found.about
        print(
            f"{time.strftime('%H:%M:%S')} {name_of(found.entry)} {about['macs'] / 1e6:.2f} M MACs, "
            f"{100 * about['test_accuracy']:.2f} %, {about['seconds']:.0f} s  {found.entry.net}", flush=True,
        )  # fmt: skip
    status(task)


def status(task: str = "cifar10") -> None:
    """Print how much of the plan is stored, and how long the rest will train."""
    job = job_of(task)
    left = missing(job.entries, job.zoo, job.recipe)
    gone = [entry for entry in job.entries if entry not in left]
    print(f"{len(gone)} of {len(job.entries)} trainings stored.", end=" " if task == "cifar10" else "\n")
    if task != "cifar10":
        return  # the estimate is of CIFAR-10
    taken = sum(files.read_about(job.zoo / f"{name_of(entry)}.json")["seconds"] for entry in gone)
    model = job.recipe.epochs * sum(epoch_seconds(entry.net) for entry in gone)
    rest = job.recipe.epochs * sum(epoch_seconds(entry.net) for entry in left)
    print(f"Those left take {rest / 3600:.1f} hours of an idle core.")
    if gone:
        print(f"The stored ones took {taken / 3600:.2f} hours, {taken / model:.2f} times what an idle core takes.")


def main(arguments: Arguments = None) -> None:
    options = parser("pair_truth.zoo", __doc__)
    commands = options.add_subparsers(dest="command", required=True)
    commands.add_parser("draw")
    status_options, train_options = commands.add_parser("status"), commands.add_parser("train")
    for each in (status_options, train_options):
        each.add_argument("--task", default="cifar10", choices=("cifar10", "digits"), help="data set")
    train_options.add_argument("--hours", type=float, default=1.0, help="no epoch begins after them")
    train_options.add_argument("--jobs", type=int, default=default_jobs(), help="nets side by side, one thread each")
    train_options.add_argument("--backend", default="loky", choices=("loky", "dask", "ray"), help="of joblib")
    train_options.add_argument("--part", default="1/1", metavar="I/N", help="every N-th training, from the I-th on")
    given = options.parse_args(arguments)
    if given.command == "draw":
        write_plan(PLAN, plan())
    elif given.command == "status":
        status(given.task)
    else:
        train(given.hours, given.jobs, given.backend, given.part, given.task)


if __name__ == "__main__":
    sys.exit(exit_code(main))
