"""Work on several nets in several processes, whose death in native code names the nets; and the threads of torch."""

import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from zeroshot.errors import WorkerError

T = TypeVar("T")
LOOK_EVERY = 0.5  # seconds between two looks whether the parent lives


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch work on so many threads, then on as many as before: another number takes sums in another order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep NumPy's matrices on the calling thread: small ones take ten times as long shared out on busy cores."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


def in_threads(work: Callable[..., T], tasks: Sequence[tuple[Any, ...]], n: int) -> Generator[T]:
    """Call a function with each task's arguments in several threads and yield what it returns, in that order.

    It should spend its time outside the interpreter's lock, as torch and compiled kernels do, and neither read nor
    leave anything that threads share. Each thread gives torch one core; torch's random state is put back at the end.

    Args:
        work: Raises what it likes; that comes through, and tasks that have not started never will.
        tasks: Arguments.
        n: Threads.
    """
    import torch

    with torch.random.fork_rng(devices=[]), torch_threads(1), ThreadPoolExecutor(n) as pool:
        waiting = [pool.submit(work, *task) for task in tasks]
        try:
            for each in waiting:
                yield each.result()
        finally:
            pool.shutdown(cancel_futures=True)


def in_processes(
    work: Callable[..., T], tasks: Sequence[tuple[Any, ...]], names: Sequence[str], n: int, threads: int,
    ordered: bool = True,
) -> Generator[T]:  # fmt: skip
    """Call a function with each task's arguments and yield what it returns, each as soon as it is there.

    Args:
        work: A function of a module.
        tasks: Arguments.
        names: Of the tasks, for errors.
        n: Processes.
        threads: Of each of them.
        ordered: Whether results come in the order of the tasks, or as they are ready.

    Raises:
        WorkerError: A process died; whatever Python raises in one comes through as it is.
    """
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with (
        tempfile.TemporaryDirectory(prefix="zeroshot-", ignore_cleanup_errors=True) as folder,
        parallel_config(backend="loky", inner_max_num_threads=threads),
    ):
        results = Parallel(n_jobs=n, return_as="generator" if ordered else "generator_unordered")(
            delayed(_named)(os.getpid(), folder, name, work, task) for name, task in zip(names, tasks, strict=True)
        )
        try:
            for result in results:  # noqa: UP028 - `yield from` would close it outside the filter below
                yield result
        except TerminatedWorkerError as error:
            raise _died(Path(folder), error) from error
        finally:
            with warnings.catch_warnings():
                # After an interrupt joblib warns of the tasks that it cancels; that is what was asked for.
                warnings.simplefilter("ignore", UserWarning)
                results.close()


def _named(parent: int, folder: str, name: str, work: Callable[..., T], task: tuple[Any, ...]) -> T:
    """Do a task, with its name on disk for as long as it lasts: a process that dies can say nothing any more."""
    _end_with(parent)
    note = Path(folder) / str(os.getpid())
    note.write_text(name, encoding="utf-8")
    try:
        return work(*task)
    finally:
        note.unlink(missing_ok=True)  # gone after an interrupt


_watched: set[int] = set()  # parents that this process ends with


def _end_with(parent: int) -> None:
    """End this worker soon after its parent, also in the middle of a task.

    A worker whose parent was killed would train on, and write the files of a net that a resumption trains already.
    """
    if parent in _watched or os.getppid() != parent:
        return
    _watched.add(parent)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _died(folder: Path, error: Exception) -> WorkerError:
    nets = sorted(note.read_text(encoding="utf-8") for note in folder.iterdir())
    codes = str(error).rpartition("exit codes of the workers are ")[2].splitlines()[0].strip()
    how = f" of {codes.strip('{}')}" if codes.startswith("{") else ""
    work = " or ".join(nets) if nets else "no net"
    return WorkerError(
        f"A worker process died{how} while it worked on {work}.",
        "It crashed in native code or was killed for want of memory; with fewer jobs each has more.",
    )
