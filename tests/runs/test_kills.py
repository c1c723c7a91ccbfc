"""A run that is killed at any moment, at any stage, goes on to the same bytes, and nothing of the killed one stays.

`make test-slow` kills 200 processes, ZEROSHOT_KILLS=N others as many; `make test` a few of each stage.
"""

import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from zeroshot.errors import RunError
from zeroshot.firmware.export import export
from zeroshot.pruning.compress import compress
from zeroshot.quantization.quantize import quantize
from zeroshot.runs.lock import alone_in
from zeroshot.runs.manage import check
from zeroshot.searching.search import search
from zeroshot.training.train import train

from ..kills import Kill, disk_of, killed

DISKS = int(os.environ.get("ZEROSHOT_DISKS", "200"))
KILLS = int(os.environ.get("ZEROSHOT_KILLS", "200"))
FEW = {"nets": 20, "scored": 200, "shortlist": 2, "proxies": ("macs", "zico"), "calibrate": 0, "jobs": 1}


@dataclass(frozen=True)
class Stage:
    """A stage of a run.

    Attributes:
        work: It, in a folder, with `force` and `resume`.
        files: What must be the same with a kill and without, as patterns.
    """

    work: Callable[..., object]
    files: tuple[str, ...]


STAGES = {
    "search": Stage(
        lambda run, **how: search("digits", "nucleo-l4r5zi", latency="5ms", run=run, **FEW, **how),
        ("pairs.csv", "front.csv", "singles.csv", "candidates.csv", "scores.csv", "config.toml"),
    ),
    "train": Stage(
        lambda run, **how: train(run, top=1, epochs=2, jobs=1, **how),
        ("models/*.npz", "models/*.pt", "models/pairs.csv"),
    ),
    "compress": Stage(
        lambda run, **how: compress(run, "1:little", flash="3KiB", epochs=2, rounds=2, **how),
        ("models/*.npz", "models/*.pt"),
    ),
    "quantize": Stage(
        lambda run, **how: quantize(run, epochs=1, **how), ("int8/*.npz", "int8/pairs.csv")
    ),
    "export": Stage(
        lambda run, **how: export(run, pair=1, verify=False, force="force" in how), ("firmware/pair-1/**/*",)
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """What a stage does without a kill.

    Attributes:
        before: The run before it; None where there is none.
        after: The run after it.
        seconds: It took.
    """

    before: Path | None
    after: Path
    seconds: float


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    root, found, before = tmp_path_factory.mktemp("whole"), {}, None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroshot.searching.results.SearchResult.plot", lambda *_: None)
        patch.setattr("zeroshot.quantization.quantize.QuantizedRun.plot", lambda *_: [])
        patch.setattr("zeroshot.firmware.folder.JUST_MADE", -1)  # else what was empty when it was killed stays a minute
        for name, stage in STAGES.items():
            run = root / name
            if before is not None:
                shutil.copytree(before, run)
            stage.work(run)  # once to compile and to warm up
            shutil.rmtree(run)
            if before is not None:
                shutil.copytree(before, run)
            started = time.perf_counter()
            stage.work(run)
            found[name] = Reference(before, run, time.perf_counter() - started)
            before = run
        yield found


def contents(run, stage):
    files = (path for pattern in stage.files for path in run.glob(pattern) if path.is_file())
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def finished(stage, run):
    """What a user does who was told nothing but the errors: the same again, then with --resume, then with --force."""
    for how in ({}, {"resume": True}, {"force": True}):
        try:
            return stage.work(run, **how)
        except RunError as error:
            refusal = error
    raise refusal


def survives(name, kill, references, folder):
    """Whether the stage was killed; it goes on in any case."""
    stage, whole, run = STAGES[name], references[name], folder / "run"
    if whole.before is not None:
        shutil.copytree(whole.before, run)
    was_killed = killed(kill, lambda: stage.work(run), whole.seconds)
    finished(stage, run)
    assert contents(run, stage) == contents(whole.after, stage)
    assert check(run).whole
    assert [path.name for path in run.rglob(".*")] == []
    assert list(run.rglob("*.epoch-*")) == []
    assert [path.name for path in folder.iterdir()] == ["run"]
    return was_killed


QUICK = [
    ("search", Kill("within", 1)), ("search", Kill("before", 3)), ("train", Kill("within", 0)),
    ("train", Kill("after", 6)), ("quantize", Kill("before", 4)), ("compress", Kill("before", 2)),
    ("export", Kill("time", 50)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kill"), QUICK, ids=str)
def test_a_killed_stage_goes_on(references, tmp_path, name, kill):
    assert survives(name, kill, references, tmp_path) or kill.how == "time"


def moments(name):
    """Kills of a stage without end: at every event in turn, and at random times between."""
    order, number = random.Random(name), 0
    while True:
        for how in ("before", "after", "within", "unlink"):
            yield Kill(how, number)
            yield Kill("time", order.randrange(1, 100))
        number += 1


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_killed_at_any_moment(references, tmp_path, name):
    kills, count = moments(name), 0
    for number in range(4 * KILLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        count += survives(name, next(kills), references, folder)
        shutil.rmtree(folder)
        if count >= -(-KILLS // len(STAGES)):
            return
    assert count, "no process was killed"


def fills(name, size, references, folder):
    """A stage that a disk of so many bytes is too small for says so, leaves no half a file, and goes on with more."""
    stage, whole, run = STAGES[name], references[name], folder / "run"
    if whole.before is not None:
        shutil.copytree(whole.before, run)
    try:
        with disk_of(size):
            stage.work(run)
    except RunError as error:
        refusal = error
    else:
        refusal = None
    assert refusal is None or ("No space left" in refusal.message and refusal.hint)
    assert [path.name for path in run.rglob(".*")] == []
    finished(stage, run)
    assert contents(run, stage) == contents(whole.after, stage)
    assert check(run).whole


@pytest.mark.parametrize(("name", "size"), [("search", 1), ("train", 30), ("quantize", 12), ("export", 40)])
def test_a_full_disk_loses_nothing(references, tmp_path, name, size):
    fills(name, size << 10, references, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_a_disk_that_is_full_at_any_size(references, tmp_path, name):
    """Every size from 1 to 200 KiB, each with the next stage."""
    for size in range(1 + list(STAGES).index(name), DISKS + 1, len(STAGES)):
        folder = tmp_path / str(size)
        folder.mkdir()
        fills(name, size << 10, references, folder)
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", STAGES)
def test_no_stage_works_where_another_process_does(references, tmp_path, name):
    run = shutil.copytree(references[name].after, tmp_path / "run")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with alone_in(run):
        for how in ({}, {"resume": True}, {"force": True}):
            with pytest.raises(RunError, match="Another process"):
                STAGES[name].work(run, **how)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_many_searches_in_one_process_take_no_more_memory(tmp_path):
    """Of 40 searches the last 30 add less than 1 MiB each, whatever the first ones keep."""
    taken = []
    for number in range(40):
        search("digits", "nucleo-l4r5zi", latency="5ms", run=tmp_path / str(number), **FEW, seed=number)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        taken.append(pages * os.sysconf("SC_PAGE_SIZE"))
    assert taken[-1] - taken[9] < 30 << 20
