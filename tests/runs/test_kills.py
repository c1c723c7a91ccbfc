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
from zeroshot.runs.manage import check
from zeroshot.searching.search import search
from zeroshot.training.train import train

from ..kills import Kill, killed

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
