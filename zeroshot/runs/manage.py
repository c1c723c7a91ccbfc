"""Runs as a whole: which there are, what one holds, whether its files are as they were written; and away with one."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zeroshot.errors import RunError, UsageError
from zeroshot.runs import layout
from zeroshot.runs.digests import Difference, differences, files_in, listed
from zeroshot.runs.files import disk
from zeroshot.runs.folder import is_run, remove_files
from zeroshot.runs.lock import LOCK, alone_in, is_busy
from zeroshot.runs.reading import read_config

STAGES = {"search": "", "train": layout.MODELS, "quantize": layout.INT8}  # folder of each, in the run
UNKNOWN = "?"


@dataclass(frozen=True)
class RunState:
    """What there is of a run.

    Attributes:
        run: Its folder.
        data: Name of its data; "?" where its config cannot be read.
        board: Name of its board, or "?".
        started: Local time.
        done: Stages that are finished: search, train, quantize, export.
        begun: Stages that are not.
        bytes: Of all its files.
        busy: Whether a process works in it now.
    """

    run: str
    data: str
    board: str
    started: str
    done: tuple[str, ...]
    begun: tuple[str, ...]
    bytes: int
    busy: bool

    def summary(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class CheckedRun:
    """What of a run is as it was written.

    Attributes:
        run: Its folder.
        files: How many have a digest.
        different: Those that are not as they were written.
        open: Stages without digests because they are not finished.
    """

    run: str
    files: int
    different: list[Difference] = field(default_factory=list)
    open: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing differs."""
        return not self.different

    def summary(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {"whole": self.whole, **asdict(self)}


def runs_in(folder: str | Path = "runs") -> list[RunState]:
    """The runs that lie in a folder, oldest first.

    Raises:
        UsageError: There is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.", "Name the one in which your runs lie.")
    with disk(root):
        found = [path for path in sorted(root.iterdir()) if path.is_dir() and is_run(path)]
    return sorted((state_of(path) for path in found), key=lambda each: each.started)


def state_of(run: str | Path) -> RunState:
    """What there is of a run.

    Raises:
        RunError: It is no run, or its files cannot be listed.
    """
    path = _run(run)
    try:
        config = read_config(path)
    except RunError:
        config = {}  # damaged, or of another version: it can still be listed and removed
    done = tuple(_finished(path))
    with disk(path):
        begun = tuple(
            name for name, place in STAGES.items() if name not in done and (path / place).is_dir()
            and any(each.name[0] != "." for each in (path / place).iterdir())
        )  # fmt: skip
        size = sum(each.stat().st_size for each in path.rglob("*") if each.is_file() and not each.is_symlink())
        started = time.localtime((path / layout.CONFIG).stat().st_mtime)
    return RunState(
        str(path), str(config.get("data", UNKNOWN)), str(config.get("board", UNKNOWN)),
        time.strftime("%Y-%m-%d %H:%M:%S", started), done, begun, size, is_busy(path),
    )  # fmt: skip


def check(run: str | Path) -> CheckedRun:
    """Hold every file of a run against the digest that was written with it.

    Raises:
        RunError: It is no run, or a file cannot be read.
    """
    path = _run(run)
    finished = list(_finished(path))
    different: list[Difference] = []
    unsealed: list[str] = []
    count = 0
    for stage, place in STAGES.items():
        if not (path / place).is_dir():
            continue
        known = listed(path / place)
        if known is not None:
            count += len(known)
            different += _below(path, path / place, known)
        elif stage in finished:
            different.append(Difference((Path(place) / layout.DIGESTS).as_posix(), "missing"))
        else:
            unsealed.append(stage)
    for marker in _markers(path):
        with disk(marker):
            exported = files_in(marker.read_bytes())
        if exported is None:
            different.append(Difference(marker.relative_to(path).as_posix(), "changed"))
        else:
            count += len(exported)
            different += _below(path, marker.parent, exported)
    return CheckedRun(str(path), count, different, tuple(unsealed))


def remove(run: str | Path) -> RunState:
    """Remove the folder of a run with everything in it.

    Returns:
        What there was.

    Raises:
        RunError: It is no run, a link to one, or the current folder lies in it; a process works there; or the system
            refuses.
    """
    path = _run(run)
    if path.is_symlink():
        raise RunError(f"{path} is a symbolic link.", "Name the folder itself.")
    if Path.cwd().is_relative_to(path.resolve()):
        raise RunError(f"The current folder lies in {path}, which would be removed.", "Leave it first.")
    found = state_of(path)
    with alone_in(path), disk(path, "Mend the permissions there."):
        remove_files(path)
        if {each.name for each in path.iterdir()} <= {LOCK}:
            shutil.rmtree(path)
    return found


def _run(run: str | Path) -> Path:
    path = Path(run)
    with disk(path):
        if not is_run(path):
            raise RunError(
                f"{path} is not the folder of a run: it has no {layout.CONFIG} and {layout.ENVIRONMENT}.",
                "Name one that a search made.",
            )
    return path


def _finished(run: Path) -> Iterator[str]:
    """Stages that have left their summary, or an export."""
    for stage, place in STAGES.items():
        if (run / place / layout.SUMMARY).is_file():
            yield stage
    if any(True for _ in _markers(run)):
        yield "export"


def _markers(run: Path) -> Iterator[Path]:
    yield from sorted((run / layout.FIRMWARE).glob(f"*/{layout.EXPORTED}"))


def _below(run: Path, folder: Path, known: dict[str, str]) -> Iterator[Difference]:
    """Differences of a folder's files, by their paths from the run on."""
    for each in differences(folder, known):
        yield Difference((folder.relative_to(run) / each.path).as_posix(), each.what)
