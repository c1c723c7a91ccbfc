"""Several nets trained side by side, one a process, with an estimate of the time that is left."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from zeroshot.cost.counts import macs
from zeroshot.net import layer_table, spec_array
from zeroshot.runs import checkpoints as disk
from zeroshot.scoring.population import default_jobs
from zeroshot.training.batches import Split
from zeroshot.training.train_net import train_job
from zeroshot.training.trainer import Job
from zeroshot.types import Progress
from zeroshot.workers import in_processes, torch_threads

# Training speed that decides only whether processes are worth their start: MACs of a forward pass a second on one
# thread. Measured on an EPYC: 3e9 for depthwise-separable nets, 1e10 for plain ones.
MACS_PER_SECOND = 5e9
WORTH_PROCESSES = 30  # seconds of work; a process imports torch for 4 s before its first step
LOOK_EVERY = 0.5  # seconds
SLOWER_TOGETHER = 1.2  # of an epoch, when other processes use the same memory and caches
TIMED_STEPS = 8


def net_macs(jobs: Sequence[Job]) -> list[int]:
    """MACs of one inference of each net."""
    tables = (layer_table(spec_array([job.spec]), job.channels, job.classes) for job in jobs)
    return [int(macs(table)[0]) for table in tables]


def processes(jobs: Sequence[Job], data: Split, wanted: int | None) -> int:
    """How many processes train these nets; the weights do not depend on it.

    One net a process with one thread each, rather than all threads on one net: on two cores a second thread made
    plain nets in bf16 no faster (13,810 to 12,991 images/s), depthwise and residual ones in fp32 1.7 and 1.9 times.
    """
    if wanted is None:
        work = sum(m * job.recipe.epochs for m, job in zip(net_macs(jobs), jobs, strict=True)) * len(data.train)
        wanted = default_jobs() // jobs[0].threads if jobs and work > WORTH_PROCESSES * MACS_PER_SECOND else 1
    return max(1, min(wanted, len(jobs)))


def train_all(
    jobs: Sequence[Job], data: Split, folder: Path, n_processes: int, report: Progress, what: str = "training"
) -> None:
    """Train nets into a folder, or go on with what is there; errors as `train_net`, of the first net that has one.

    Raises:
        WorkerError: A process died; the message has the nets that were being trained.
    """
    watch = _Watch(jobs, folder, report, what)
    # The longest first: no process is left alone with it at the end.
    sizes = net_macs(jobs)
    order = [jobs[i] for i in sorted(range(len(jobs)), key=lambda i: -sizes[i])]
    if n_processes == 1:
        for job in order:
            _train(job, data, folder, watch.look)
    else:
        _train_in_processes(order, data, folder, n_processes, watch)
    watch.look()


def _train(job: Job, data: Split, folder: Path, look: Callable[[], None] | None = None) -> None:
    step = (lambda what, done, total: look()) if look is not None else None
    train_job(job, data, folder, resume=True, progress=step)


def _train_in_processes(jobs: Sequence[Job], data: Split, folder: Path, n: int, watch: "_Watch") -> None:
    finished = threading.Event()
    watcher = threading.Thread(target=watch.until, args=(finished,), daemon=True)
    tasks = [(job, data, folder) for job in jobs]
    with closing(in_processes(_train, tasks, [job.name for job in jobs], n, jobs[0].threads, ordered=False)) as results:
        watcher.start()
        try:
            for _ in results:
                pass
        finally:
            finished.set()
            watcher.join()


class _Watch:
    """Counts the epochs on disk, whichever process they are from, and estimates the time left from MACs done."""

    def __init__(self, jobs: Sequence[Job], folder: Path, report: Progress, what: str = "training") -> None:
        self.jobs, self.folder, self.report, self.what = jobs, folder, report, what
        self.weights = net_macs(jobs)
        self.total = sum(job.recipe.epochs for job in jobs)
        self.started = time.perf_counter()
        self.before = self._work(self._epochs())
        self.look()

    def until(self, finished: threading.Event) -> None:
        """Look again and again until the event is set."""
        while not finished.wait(LOOK_EVERY):
            self.look()

    def look(self) -> None:
        """Report how many epochs are done."""
        done = self._epochs()
        here = self._work(done) - self.before
        left = self._work([job.recipe.epochs for job in self.jobs]) - self._work(done)
        words = f", about {_duration((time.perf_counter() - self.started) * left / here)} left" if here and left else ""
        self.report(f"{self.what} {len(self.jobs)} nets{words}", sum(done), self.total)

    def _epochs(self) -> list[int]:
        return [self._epochs_of(job) for job in self.jobs]

    def _epochs_of(self, job: Job) -> int:
        if (self.folder / f"{disk.stem(job.name)}.json").exists():
            return job.recipe.epochs  # also where it stopped early
        return max(disk.epochs(self.folder, job.name), default=0)

    def _work(self, epochs: Sequence[int]) -> float:
        return sum(m * n for m, n in zip(self.weights, epochs, strict=True))


def _duration(seconds: float) -> str:
    """Seconds for people.

    >>> _duration(42), _duration(200), _duration(9000)
    ('42 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def epochs_in(
    minutes: float, jobs: Sequence[Job], data: Split, n_processes: int, dearer: float = 1.0, beside: float = 0.0
) -> int:
    """How many epochs of all these nets fit into some minutes, at least one, by timing a few steps of each.

    Args:
        minutes: For everything.
        jobs: Each net on its own.
        data: The split.
        n_processes: Nets side by side.
        dearer: An epoch's work with lessons, over that without.
        beside: Work that does not grow with the epochs, in such epochs without lessons.
    """
    times = [seconds_per_epoch(job, data) for job in jobs]
    together = max(sum(times) / n_processes, max(times)) * (SLOWER_TOGETHER if n_processes > 1 else 1.0)
    return max(1, int((60 * minutes / together - beside) / dearer))


def seconds_per_epoch(job: Job, data: Split) -> float:
    """Time one epoch of a net on this machine, from two short ones (a few seconds)."""
    part = min(1.0, TIMED_STEPS * (job.recipe.batch or 1) / len(data.train))
    few = Split(
        data.dataset, data.train[: max(2, int(part * len(data.train)))],
        data.validation[: max(1, int(part * len(data.validation)))],
    )  # fmt: skip
    with torch_threads(job.threads):
        trainer = job.trainer(few)
        trainer.epoch()  # the first one also chooses kernels and allocates
        started = time.perf_counter()
        trainer.epoch()
        return (time.perf_counter() - started) * len(data.train) / len(few.train)
