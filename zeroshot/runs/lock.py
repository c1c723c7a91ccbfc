"""One process at a time in a run folder, and what killed ones have left there swept away.

The lock is the system's, on a file `.lock` in the folder: it ends with the process that holds it, however that ends.
Where a system or a network drive has no such locks, nothing is locked.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, BinaryIO

from zeroshot.errors import RunError
from zeroshot.runs.files import disk

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
TEMPORARY = re.compile(r"\.(?P<of>.+)\.[a-z0-9_]{8}")  # as tempfile makes them of the prefix `.NAME.`
EPOCH = re.compile(r"(?P<net>.+)\.epoch-\d{4,}\.(pt|json)")
TRIES = 100  # a holder that ends takes its file away; whoever opened it before must look again


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Be the only process that works in a folder, which is swept first; a folder that is not there is not locked.

    Raises:
        RunError: Another process works there, or the system refuses.
    """
    if not folder.is_dir():
        yield
        return
    with disk(folder):
        file = _locked(folder)
    # The file stays behind where the system does not let it go; the lock on it ends with this process at the latest.
    with file or nullcontext():
        try:
            with disk(folder):
                sweep(folder)
            yield
        finally:
            if file is not None:
                with suppress(OSError):
                    (folder / LOCK).unlink(missing_ok=True)


def check_free(folder: Path) -> None:
    """Insist that no other process works in a folder; changes nothing.

    Raises:
        RunError: One does.
    """
    path = folder / LOCK
    if fcntl is None or not path.is_file():
        return
    with disk(folder), path.open("rb") as file:
        if not _taken(file):
            raise _busy(folder)


def is_busy(folder: Path) -> bool:
    """Whether another process works in a folder."""
    try:
        check_free(folder)
    except RunError:
        return True
    return False


def _locked(folder: Path) -> BinaryIO | None:
    """The lock file, held; None where there are no locks."""
    if fcntl is None:
        return None
    who = f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}"
    for _ in range(TRIES):
        with ExitStack() as stack:
            file = stack.enter_context((folder / LOCK).open("a+b", buffering=0))
            if not _taken(file):
                raise _busy(folder)
            if _is_still(file, folder / LOCK):
                file.truncate(0)
                file.write(who.encode())
                stack.pop_all()
                return file
    raise _busy(folder)


def _taken(file: IO[bytes]) -> bool:
    """Whether this process holds the lock on an open file now; closing the file gives it back."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a drive without locks
        pass
    return True


def _is_still(file: IO[bytes], path: Path) -> bool:
    """Whether an open file is the one of that name, and not one that a holder took away when it ended."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _busy(folder: Path) -> RunError:
    try:
        who = (folder / LOCK).read_text(errors="replace").strip()
    except OSError:
        who = ""
    return RunError(
        f"Another process works in {folder}{f': {who}' if who else ''}.",
        "Wait until it has ended, or stop it; two in one folder would overwrite each other's files.",
    )


def sweep(folder: Path) -> None:
    """Remove what a killed process has left in a run folder: half-written files, and checkpoints of finished nets.

    Only whoever holds the lock may do that.

    Raises:
        OSError: The system refuses.
    """
    for place in [folder, *(each for each in folder.iterdir() if each.is_dir() and not each.is_symlink())]:
        for path in list(place.iterdir()):
            if is_temporary(path) or _is_done_with(path):
                path.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether a file is one that was being written."""
    return TEMPORARY.fullmatch(path.name) is not None and path.is_file() and not path.is_symlink()


def written_as(path: Path) -> str:
    """The name that a file has, or was to have when it was whole."""
    match = TEMPORARY.fullmatch(path.name)
    return match["of"] if match is not None else path.name


def _is_done_with(path: Path) -> bool:
    """Whether a file is the checkpoint of a net that is finished, or the half of one."""
    match = EPOCH.fullmatch(path.name)
    if match is None:
        return False
    return (path.parent / f"{match['net']}.json").exists() or not path.with_suffix(".json").exists()
