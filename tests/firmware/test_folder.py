"""The folder of an export: what may be replaced, and that nothing is lost or half there whenever it is killed."""

import hashlib
import io
import json
import os
import shutil
from collections import Counter

import pytest

from zeroshot.errors import RunError
from zeroshot.firmware.folder import MARKER, check_target, recover, write_project
from zeroshot.runs.lock import alone_in

OLD = {"README.md": b"old", "src/a.c": b"int a;", "src/gone.c": b"", "verification.json": b"{}"}
NEW = {"README.md": b"new", "src/a.c": b"int b;", "zephyr/module.yml": b"x", "verification.json": b"{1}"}


def contents(folder):
    """Path -> bytes, the list aside."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    found.pop(MARKER, None)
    return found


def everything(folder):
    """All that lies in a folder: path -> bytes of a file, None of a folder, target of a link."""
    found = {}
    for path in folder.rglob("*"):
        link = os.readlink(path) if path.is_symlink() else None
        found[str(path)] = link or (path.read_bytes() if path.is_file() else None)
    return found


@pytest.fixture
def out(tmp_path):
    write_project(OLD, tmp_path / "out")
    return tmp_path / "out"


def refused(folder, words, files=NEW):
    """``force=True`` is refused with these words, and nothing is touched."""
    root = folder.parent
    before = everything(root)
    for call in (lambda: check_target(folder, force=True), lambda: write_project(files, folder, force=True)):
        with pytest.raises(RunError, match=words) as caught:
            call()
        assert caught.value.hint
    assert everything(root) == before
    return caught.value


def test_an_export_is_replaced_whole(out):
    with pytest.raises(RunError, match="is not empty"):
        write_project(NEW, out)
    write_project(NEW, out, force=True)
    assert contents(out) == NEW
    assert [p.name for p in out.parent.iterdir()] == ["out"]
    listed = json.loads((out / MARKER).read_text())["files"]
    assert listed == {path: hashlib.sha256(raw).hexdigest() for path, raw in NEW.items()}


def test_a_damaged_export_is_replaced(out):
    (out / "src" / "a.c").unlink()
    write_project(NEW, out, force=True)
    assert contents(out) == NEW


def test_a_strangers_folder_stays(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years")
    error = refused(tmp_path / "home", "No export made the folder")
    assert "remove it yourself" in error.hint


def test_a_folder_above_an_export_stays(out):
    refused(out.parent, "No export made the folder")


def test_an_export_without_its_list_stays(out):
    (out / MARKER).unlink()
    refused(out, f"did not leave its list of files, {MARKER}")


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "{", "[" * 100000, '{"files": {}}', '{"made_by": "zeroshot export", "format": 1}',
        '{"made_by": "zeroshot export", "format": 2, "files": {}}',
        '{"made_by": "zeroshot export", "format": 1, "files": []}', b"\xff\xfe",
    ],
)  # fmt: skip
def test_a_list_that_no_export_wrote(out, text):
    (out / MARKER).write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(out, "No export made the folder")


def test_a_list_that_is_a_link(out, tmp_path):
    (out / MARKER).rename(tmp_path / "list")
    (out / MARKER).symlink_to(tmp_path / "list")
    refused(out, "No export made the folder")


def test_what_the_user_added_or_changed_is_named(out):
    (out / "notes").mkdir()
    (out / "notes" / "a.txt").write_text("mine")
    (out / "src" / "a.c").write_text("int mine;")
    (out / "link").symlink_to(out.parent)
    error = refused(out, "link, notes/a.txt, src/a.c")
    assert "make clean" in error.hint
    for number in range(9):
        (out / f"more{number}").write_text("")
    refused(out, "link, more0, more1, more2, more3 and 7 more")


def test_a_file_of_the_export_that_became_a_link(out, tmp_path):
    (out / "src" / "a.c").rename(tmp_path / "a.c")
    (out / "src" / "a.c").symlink_to(tmp_path / "a.c")
    refused(out, "changed since: src/a.c")


def test_the_list_copied_into_another_folder(out, tmp_path):
    (tmp_path / "other").mkdir()
    shutil.copy(out / MARKER, tmp_path / "other")
    (tmp_path / "other" / "thesis.txt").write_text("years")
    refused(tmp_path / "other", "changed since: thesis.txt")


def test_links(out, tmp_path):
    (tmp_path / "link").symlink_to(out)
    refused(tmp_path / "link", "is a symbolic link")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    refused(tmp_path / "nowhere", "is a symbolic link")
    (tmp_path / "up").symlink_to(tmp_path)
    write_project(NEW, tmp_path / "up" / "out", force=True)  # a link above is as good as its folder
    assert contents(out) == NEW


@pytest.mark.parametrize("inside", ["", "src"])
def test_the_current_folder_stays(out, monkeypatch, inside):
    monkeypatch.chdir(out / inside)
    refused(out, "The current folder lies in")


def test_an_empty_current_folder_stays(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    refused(tmp_path / "here", "The current folder lies in")


def test_what_a_living_export_has_beside_it_stays(out):
    aside = out.parent / ".out.abcdefgh"
    (aside / "new").mkdir(parents=True)
    with alone_in(aside):
        write_project(NEW, out, force=True)
        assert aside.is_dir()
    recover(out)
    assert not aside.exists()


class Killed(BaseException):
    """The process ends here."""


CHANGES = ((os, "mkdir"), (os, "rename"), (os, "unlink"), (os, "rmdir"), (os, "open"), (io, "open"))


def run(step, error, work):
    """Some work whose change of files number `step` fails: what came of it, and whether that step was reached."""
    done = -1

    def failing(call):
        def called(*arguments, **options):
            nonlocal done
            done += 1
            if error is Killed and done >= step:
                if call is io.open and done == step and arguments[1] == "wb":
                    call(*arguments).close()  # opened, nothing written yet
                raise Killed  # from now on nothing happens, no tidying up either
            if done == step:
                raise error(28, "No space left on device")
            return call(*arguments, **options)

        return called

    with pytest.MonkeyPatch.context() as patch:
        for module, name in CHANGES:
            patch.setattr(module, name, failing(getattr(module, name)))
        try:
            work()
        except (Killed, KeyboardInterrupt, RunError) as raised:
            return raised, True
    return None, done >= step


def whole(folder):
    """Whether a folder holds all that its list says."""
    listed = json.loads((folder / MARKER).read_text())["files"]
    return listed == {path: hashlib.sha256(raw).hexdigest() for path, raw in contents(folder).items()}


def steps(tmp_path, error, *, first):
    """(parent, what came of it) of an export that fails at step 0, 1, 2, ... until it does not fail any more."""
    for step in range(500):
        parent = tmp_path / str(step)
        parent.mkdir()
        if not first:
            write_project(OLD, parent / "out")
        caught, reached = run(step, error, lambda parent=parent: write_project(NEW, parent / "out", force=True))
        if not reached:
            assert step >= 20  # it did fail at every step
            return
        yield parent, caught


@pytest.mark.parametrize("first", [True, False])
def test_killed_at_any_step(tmp_path, monkeypatch, first):
    monkeypatch.setattr("zeroshot.firmware.folder.JUST_MADE", -1)
    states = Counter()
    for parent, _ in steps(tmp_path, Killed, first=first):
        for claim in parent.rglob("verification.json"):
            assert whole(claim.parent)
        for claim in parent.rglob("README.md"):
            assert len(contents(claim.parent)) >= 3
        found = [contents(p.parent) for p in parent.rglob(MARKER)]
        assert first or OLD in found or NEW in found
        there = contents(parent / "out") if (parent / "out").exists() else None
        assert there in ((None, NEW) if first else (None, OLD, NEW))
        states[there and there["README.md"]] += 1
        recover(parent / "out")
        assert first or contents(parent / "out") in (OLD, NEW)  # no export is lost
        write_project(NEW, parent / "out", force=True)
        assert contents(parent / "out") == NEW
        assert [path.name for path in parent.iterdir()] == ["out"]  # nothing stays of the killed one
    assert first or states[None] == 1  # between the two renames, with both lying beside it
    assert first or min(states[b"old"], states[b"new"]) > 5


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("first", [True, False])
def test_a_failure_or_an_interrupt_at_any_step(tmp_path, error, first):
    for parent, caught in steps(tmp_path, error, first=first):
        if isinstance(caught, RunError):
            assert "No space left" in caught.message
            assert caught.hint
        elif caught is None:  # making a folder that is there failed
            assert error is OSError
            assert contents(parent / "out") == NEW
        there = contents(parent / "out") if (parent / "out").exists() else None
        assert there in ((None, NEW) if first else (OLD, NEW))
        for claim in parent.rglob("verification.json"):
            assert whole(claim.parent)
