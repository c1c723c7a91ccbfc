"""The folder of an export: written aside, renamed in whole, and replaced only where an export made it all."""

import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zeroshot.errors import RunError
from zeroshot.runs.files import json_text
from zeroshot.runs.layout import EXPORTED
from zeroshot.runs.lock import LOCK, alone_in, is_busy, written_as

MARKER = EXPORTED  # what an export wrote: SHA-256 of every file by its path
MADE_BY = {"made_by": "zeroshot export", "format": 1}
VERIFICATION = "verification.json"
CLAIMS = ("README.md", VERIFICATION)  # They say what was verified: written last and removed first.
JUST_MADE = 60  # seconds: an empty folder may be one that another export has made just now
ELSEWHERE = "Name another folder with `out`."


def write_project(files: dict[str, bytes], folder: Path, *, force: bool = False) -> None:
    """Write the exported folder, whole or not at all.

    Args:
        files: Of `project_files`, and the verification; `MARKER`, which lists them, is added.
        folder: Made, with its parents; it must be empty or missing.
        force: Replace an earlier export there.

    Raises:
        RunError: The folder is in use (see `check_target`), or cannot be written.
    """
    recover(folder)
    check_target(folder, force=force)
    target, failed = Path(os.path.realpath(folder)), f"Cannot write {folder}"
    with _disk(failed, ELSEWHERE):
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    new, old = aside / "new", aside / "old"
    try:
        with alone_in(aside), _disk(failed, ELSEWHERE):
            _fill(new, files)
            _swap(new, target, old)
    finally:
        with _disk(f"Cannot remove {aside}", f"Look at what is there and in {folder}, then remove it."):
            _clear(aside, target)


def recover(folder: Path) -> None:
    """Put back the export that a killed one had moved away, and remove what it left; those of a living one stay.

    Raises:
        RunError: The system refuses.
    """
    target = Path(os.path.realpath(folder))
    with _disk(f"Cannot write {folder}", ELSEWHERE):
        beside = list(target.parent.iterdir()) if target.parent.is_dir() else []
        for aside in beside:
            if written_as(aside) != target.name or aside.name == target.name or not aside.is_dir() or is_busy(aside):
                continue
            if not any(aside.iterdir()) and time.time() - aside.stat().st_mtime < JUST_MADE:
                continue
            if (aside / "old").exists() and not target.exists():
                (aside / "old").rename(target)
            _clear(aside, target)


def _clear(aside: Path, target: Path) -> None:
    """Remove what was made beside an export; the old one only where there is another."""
    _remove(aside / "new")
    if target.exists():
        _remove(aside / "old")
    if not (aside / "old").exists():
        (aside / LOCK).unlink(missing_ok=True)
        aside.rmdir()


def check_target(folder: Path, *, force: bool) -> None:
    """Insist that a folder may be written, before any work is done.

    Args:
        folder: Missing, empty, or, with `force`, an earlier export.
        force: Whether to replace one.

    Raises:
        RunError: It is something else, holds anything that an export did not write, or is the current folder.
    """
    with _disk(f"Cannot write {folder}", ELSEWHERE):
        if folder.is_symlink():
            raise RunError(f"{folder} is a symbolic link.", "Name the folder itself, or another one, with `out`.")
        if folder.exists() and not folder.is_dir():
            raise RunError(f"{folder} is not a folder.", "Name another one with `out`.")
        if not folder.exists():
            return
        if any(folder.iterdir()):
            if not force:
                raise RunError(
                    f"The folder {folder} is not empty.",
                    "Name another one with `out`; `force=True` replaces an earlier export.",
                )
            _check_export(folder)
        if Path.cwd().is_relative_to(folder.resolve()):
            raise RunError(f"The current folder lies in {folder}, which would be removed.", "Leave it first.")


def _check_export(folder: Path) -> None:
    """Insist that everything in a folder is what an export wrote there."""
    listed = _listed(folder)
    if listed is None:
        raise RunError(
            f"No export made the folder {folder}, or one that did not leave its list of files, {MARKER}.",
            "Name another folder with `out`; if nothing in this one is needed, remove it yourself.",
        )
    strange = [path for path in _contents(folder) if path != MARKER and _digest(folder / path) != listed.get(path)]
    if strange:
        more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
        raise RunError(
            f"{folder} holds what the export did not write, or what was changed since: {', '.join(strange[:5])}{more}.",
            "Move it elsewhere (make clean there removes what make built), or name another folder with `out`.",
        )


def _listed(folder: Path) -> dict[str, str] | None:
    """Digests by path, of the folder's marker; None where there is none that an export wrote."""
    marker = folder / MARKER
    if not marker.is_file() or marker.is_symlink():
        return None
    try:
        listed = json.loads(marker.read_bytes())
    except (ValueError, RecursionError):
        return None
    if not isinstance(listed, dict) or {key: listed.get(key) for key in MADE_BY} != MADE_BY:
        return None
    files = listed.get("files")
    return files if isinstance(files, dict) else None


def _contents(folder: Path) -> list[str]:
    """Paths of all that is no folder; links are not followed."""
    paths: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        here = Path(parent)
        paths += [here / name for name in files] + [here / name for name in folders if (here / name).is_symlink()]
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def _refuse(error: OSError) -> None:
    raise error


def _digest(path: Path) -> str:
    """SHA-256 of a file; empty for anything else."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(path.lstat().st_mode) else ""


def _fill(new: Path, files: dict[str, bytes]) -> None:
    """Write all files, each whole or not at all: the list first, what claims something last."""
    digests = {path: hashlib.sha256(raw).hexdigest() for path, raw in sorted(files.items())}
    marker = json_text(MADE_BY | {"files": digests}, indent=1).encode()
    new.mkdir()
    for path in [MARKER, *sorted(files, key=lambda path: CLAIMS.index(path) if path in CLAIMS else -1)]:
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        (new / ".part").write_bytes(marker if path == MARKER else files[path])
        (new / ".part").rename(new / path)


def _swap(new: Path, target: Path, old: Path) -> None:
    """Put the new folder where the old one was, which is kept; if that fails, the old one is put back."""
    try:
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise


def _remove(folder: Path) -> None:
    """Remove a folder of an export, first what it claims: half removed it claims nothing."""
    if folder.exists():
        for name in reversed(CLAIMS):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder)


@contextmanager
def _disk(what: str, hint: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"{what}: {error.strerror or error}.", hint) from error
