"""A worker process that dies in native code is an error of ours that names its net."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info

from zeroshot.data import load
from zeroshot.errors import TrainError, WorkerError
from zeroshot.probing.probe import Proxy
from zeroshot.scoring.population import probe_images, score_probed
from zeroshot.training import side_by_side as _side_by_side
from zeroshot.training.train import Recipe, hold_out
from zeroshot.training.train_net import job_of
from zeroshot.workers import in_processes, in_threads, one_blas_thread

NETS = ["r8-s8-c3w8x1-c3w8x1", "r8-s8-c3w8x1-c3w12x1", "r8-s8-c3w8x1-c3w16x1"]
FATAL = NETS[1]
SEARCH = ("search", "--latency", "5ms", "--nets", "40", "--scored", "200", "--shortlist", "2", "--proxies", "macs,zico")


def test_results_come_through_and_so_do_errors_of_python():
    def half(x):
        if x % 2:
            raise TrainError(f"{x} is odd", "Give it an even one.")
        return x // 2

    assert list(in_processes(half, [(2,), (4,), (0,)], ["a", "b", "c"], 2, 1)) == [1, 2, 0]
    assert sorted(in_processes(half, [(2,), (4,), (0,)], ["a", "b", "c"], 2, 1, ordered=False)) == [0, 1, 2]
    with pytest.raises(TrainError, match="3 is odd"):
        list(in_processes(half, [(2,), (3,)], ["a", "b"], 2, 1))


def test_threads_give_results_in_order_and_raise_what_a_task_raises():
    barrier, started = threading.Barrier(2, timeout=60), []

    def half(x):
        started.append(x)
        if x < 4:
            barrier.wait()  # passed only by two at a time
        if x == 3:
            raise TrainError("3 is odd", "Give it an even one.")
        return x / 2, torch.get_num_threads()

    assert list(in_threads(half, [(2,), (0,), (6,)], 2)) == [(1, 1), (0, 1), (3, 1)]
    started.clear()
    with pytest.raises(TrainError, match="3 is odd"):
        list(in_threads(half, [(3,), (0,), *((8,) for _ in range(10_000))], 2))
    assert len(started) < 10_000  # the rest was given up


def test_numpy_keeps_to_one_thread_and_gets_its_others_back():
    def threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = threads()
    with one_blas_thread():
        assert set(threads()) == {1}
    assert threads() == before


def test_a_net_that_kills_its_worker_while_it_is_probed_is_named():
    def abort(probe):  # defined in here, so that it travels to the workers by value
        width = probe.module.classifier.in_features
        return os.abort() if width == 12 else float(width)

    digits = load("digits")
    images = {8: probe_images(digits, 8, 8, 2, [], 0)}
    with pytest.raises(WorkerError) as caught:
        list(score_probed(NETS, 10, images, [Proxy("fatal", abort, "forward", "", "")], 0, 2))
    assert FATAL in caught.value.message
    assert "SIGABRT" in caught.value.message
    assert caught.value.hint


@pytest.mark.slow
def test_a_net_that_kills_its_worker_while_it_trains_is_named(monkeypatch, tmp_path):
    def abort(job, data, folder):
        if job.name == FATAL:
            os.abort()

    monkeypatch.setattr(_side_by_side, "_train", abort)
    digits = load("digits")
    jobs = [job_of(net, digits, Recipe(epochs=1), 0, 1) for net in NETS]
    with pytest.raises(WorkerError, match=FATAL):
        _side_by_side.train_all(jobs, hold_out(digits, 0), tmp_path, 2, lambda *_: None)


@pytest.mark.slow
def test_the_program_reports_a_dead_worker_as_its_own_error(cli, monkeypatch):
    def abort(*_):
        os.abort()

    monkeypatch.setattr("zeroshot.scoring.population.probe_net", abort)
    result = cli(*SEARCH, "--jobs", "2")
    assert result.exit_code == 1
    assert "A worker process died of SIGABRT" in " ".join(result.stderr.split())
    assert "r8-" in result.stderr
    assert "Traceback" not in result.stderr
    assert "hint:" in result.stderr


def test_the_program_itself_does_not_die_without_a_word(tmp_path):
    """With one job nets are probed in the program's own process: it says where it was."""
    program = (
        "import os, zeroshot.scoring.population as s; s.probe_net = lambda *_: os.abort()\n"
        "from zeroshot.cli import main; main()"
    )
    arguments = [*SEARCH, "--jobs", "1"]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == -6
    assert "Fatal Python error: Aborted" in done.stderr
    assert "score_probed" in done.stderr


ORPHANS = """
import os, time
from pathlib import Path
from zeroshot.workers import in_processes
def work(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(300)
list(in_processes(work, [({folder!r},)] * 2, ["a", "b"], 2, 1))
"""


@pytest.mark.slow
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    """Else they would train on, and write what a resumption writes."""
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS.replace("{folder!r}", repr(str(tmp_path)))])
    deadline = time.monotonic() + 120
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, workers))


def alive(process):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False
