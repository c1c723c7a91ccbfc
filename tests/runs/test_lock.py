"""Two in one folder; what a killed one leaves; a start that was killed."""

import os
import signal
import subprocess
import sys

import pytest

from zeroshot.errors import RunError
from zeroshot.runs import folder as runs
from zeroshot.runs.folder import check_run, open_run
from zeroshot.runs.layout import CONFIG, ENVIRONMENT
from zeroshot.runs.lock import LOCK, alone_in, check_free, is_busy

from ..kills import killed_before_write

SETTINGS = {"seed": 0, "data": "digits"}
HOLD = "import sys, time; from zeroshot.runs.lock import alone_in; from pathlib import Path\n"
HOLD += "with alone_in(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


def names(path):
    return sorted(each.name for each in path.iterdir())


def test_the_second_of_two_is_told_who_is_there(tmp_path):
    with alone_in(tmp_path):
        assert is_busy(tmp_path)
        with pytest.raises(RunError, match=f"process {os.getpid()}") as caught, alone_in(tmp_path):
            pass
        assert "Wait" in caught.value.hint
    assert names(tmp_path) == []
    check_free(tmp_path)


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with alone_in(tmp_path / "nowhere"):
        assert not (tmp_path / "nowhere").exists()


def test_the_lock_ends_with_its_process(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(RunError, match=f"process {process.pid}"), alone_in(tmp_path):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert names(tmp_path) == [LOCK]
    with alone_in(tmp_path):
        pass
    assert names(tmp_path) == []


def test_leftovers_are_swept_and_nothing_else(tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    kept = ["r8.epoch-0002.json", "r8.epoch-0002.pt", "done.json", "done.pt", ".gitignore", ".mine.txt"]
    left = [".pairs.csv.abc_1234", ".r8.pt.zzzzzzzz", "done.epoch-0003.pt", "done.epoch-0003.json", "r8.epoch-0003.pt"]
    for name in kept + left:
        (models / name).write_text("x")
    (tmp_path / ".config.toml.abcdefgh").write_text("half")
    with alone_in(tmp_path):
        assert names(models) == sorted(kept)
    assert names(tmp_path) == ["models"]


def test_those_of_a_living_process_stay(tmp_path):
    with alone_in(tmp_path):
        (tmp_path / ".pairs.csv.abcdefgh").write_text("half")
        with pytest.raises(RunError), alone_in(tmp_path):
            pass
        assert ".pairs.csv.abcdefgh" in names(tmp_path)


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("resume", [False, True])
def test_a_start_that_was_killed_is_no_dead_end(tmp_path, monkeypatch, at, resume):
    """Neither a flag nor a hand is needed."""
    path = tmp_path / "run"
    with monkeypatch.context() as patch:  # a kill asks for no clearing up
        patch.setattr(runs.RunFolder, "discard", lambda self: None)
        with killed_before_write(at):
            open_run(path, SETTINGS, force=False, resume=False)
    (path / ".config.toml.abcdefgh").write_text("half")
    assert not check_run(path, SETTINGS, force=False, resume=resume)
    run = open_run(path, SETTINGS, force=False, resume=resume)
    assert names(run.path) == [CONFIG, ENVIRONMENT]


def test_a_folder_of_somebody_else_is_no_start(tmp_path):
    for name, text in ((CONFIG, "mine = 1\n"), (ENVIRONMENT, "{}")):
        path = tmp_path / name.partition(".")[0]
        path.mkdir()
        (path / name).write_text(text)
        for force in (False, True):
            with pytest.raises(RunError, match="not a run"):
                open_run(path, SETTINGS, force=force, resume=False)
        assert (path / name).read_text() == text


def test_a_removal_that_was_killed_can_be_done_again(tmp_path, monkeypatch):
    run = open_run(tmp_path / "run", SETTINGS, force=False, resume=False)
    for name in ("a.csv", "z.csv", "models/net.pt"):
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).write_text("x")
    real, count = os.unlink, 0

    def dies(path, *args, **more):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        real(path, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", dies)
        with pytest.raises(KeyboardInterrupt):
            open_run(run.path, SETTINGS, force=True, resume=False)
    assert {CONFIG, ENVIRONMENT} <= set(names(run.path))
    assert names(open_run(run.path, SETTINGS, force=True, resume=False).path) == [CONFIG, ENVIRONMENT]
