"""The run folder: resolved config, environment, scores, tables. Files appear whole or not at all."""

import csv
import io
import json
import os
import platform as host
import re
import shutil
import time
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tomli_w

from zeroshot.errors import RunError, UsageError
from zeroshot.runs.digests import unseal
from zeroshot.runs.files import disk, npz_bytes, write_file
from zeroshot.runs.layout import CONFIG, ENVIRONMENT, FORMAT, SCORES
from zeroshot.runs.lock import LOCK, written_as
from zeroshot.runs.reading import check_format, read_scores
from zeroshot.types import Score

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "numba", "scikit-learn", "joblib", "zeroshot-mcu")


class RunFolder:
    """One run on disk. Made by `open_run`; holds no state but its path and whether this process made it."""

    def __init__(self, path: Path, made_here: bool) -> None:
        self.path = path
        self.made_here = made_here

    def write(self, name: str, data: bytes | str) -> Path:
        """Write a file in one step: a reader sees the old one or the whole new one."""
        return write_file(self.path / name, data)

    def write_arrays(self, name: str, arrays: Mapping[str, Any]) -> Path:
        """Write arrays as .npz, without pickled objects."""
        return self.write(name, npz_bytes(arrays))

    def append_scores(self, net: str, scores: Mapping[str, Score]) -> None:
        """Add one net's probed scores to the append-only table: net, proxy, value, status."""
        with disk(self.path / SCORES), (self.path / SCORES).open("a", newline="") as file:
            writer = csv.writer(file)
            for name, score in scores.items():
                writer.writerow([net, name, repr(score.value), " ".join(score.status.split())])

    def scores(self) -> dict[str, dict[str, Score]]:
        """Probed scores so far, net -> proxy -> score. A line cut off by a kill is dropped and probed again."""
        path = self.path / SCORES
        if path.exists():
            with disk(path):
                raw = path.read_bytes()
            whole = raw.rstrip(b"\0")  # which a power cut may leave where lines were to be
            whole = whole[: whole.rfind(b"\n") + 1]
            if whole != raw:
                self.write(SCORES, whole)
        return read_scores(self.path)

    def discard(self) -> None:
        """Remove a folder that this process made, after a failure that leaves nothing worth keeping."""
        if self.made_here:
            shutil.rmtree(self.path, ignore_errors=True)


def check_not_both(what: str, *, force: bool, resume: bool) -> None:
    """Refuse to continue and to replace at once.

    Args:
        what: Would be continued or replaced, such as "training".
        force: Whether it is to be replaced.
        resume: Whether it is to be continued.

    Raises:
        UsageError: Both were asked for.
    """
    if force and resume:
        raise UsageError(f"`resume=True` continues a {what}, `force=True` replaces it.", "Give one of the two.")


def check_run(path: Path, config: Mapping[str, Any], *, force: bool, resume: bool) -> bool:
    """Whether the folder is in use; changes nothing.

    Args:
        path: The folder.
        config: The resolved settings that decide the result (not the number of jobs).
        force: Replace an earlier run in that place.
        resume: Continue an earlier run with the same config.

    Raises:
        UsageError: Both were asked for.
        RunError: The folder is in use and neither was asked for, is not a run, or holds another config.
    """
    check_not_both("run", force=force, resume=resume)
    with disk(path):
        begun = path.exists() and (not path.is_dir() or any(path.iterdir()))
        taken = begun and not _barely_begun(path)
    if resume and not (begun and not taken):
        _same_config(path, config)
    elif taken and not is_run(path):
        raise RunError(f"{path} exists and is not a run folder.", "Name another one with `run`.")
    elif taken and not force:
        raise RunError(
            f"The run folder {path} exists.",
            "Continue it with `resume=True`, replace it with `force=True`, or name another with `run`.",
        )
    return taken


def open_run(path: Path, config: Mapping[str, Any], *, force: bool, resume: bool) -> RunFolder:
    """Make the run folder, or open it again to continue; arguments and errors as `check_run`.

    Raises:
        RunError: It cannot be made, besides.
    """
    taken = check_run(path, config, force=force, resume=resume)
    if resume and taken:
        unseal(path)
        return RunFolder(path, made_here=False)
    with disk(path, "Name another folder with `run`."):
        if path.exists():
            remove_files(path)
        path.mkdir(parents=True, exist_ok=True)
    run = RunFolder(path, made_here=True)
    try:
        run.write(ENVIRONMENT, json.dumps(environment(), indent=2) + "\n")
        run.write(CONFIG, to_toml(config))  # a user's own file may have this name: last, so that it tells a run
    except BaseException:
        run.discard()
        raise
    return run


def is_run(path: Path) -> bool:
    """Whether a folder is that of a run."""
    return all((path / name).is_file() for name in (CONFIG, ENVIRONMENT))


def _barely_begun(path: Path) -> bool:
    """Whether a folder holds nothing but what a run writes first, and not all of that: it was killed then."""
    if not path.is_dir() or any(written_as(each) not in (CONFIG, ENVIRONMENT, LOCK) for each in path.iterdir()):
        return False
    return not (path / CONFIG).exists() and (not (path / ENVIRONMENT).exists() or _is_ours(path / ENVIRONMENT))


def _is_ours(path: Path) -> bool:
    """Whether a run wrote this environment."""
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"format", "packages"} <= found.keys()


def remove_files(path: Path) -> None:
    """Empty a run folder, so that a kill in between leaves one that is still known for a run and can be replaced.

    Raises:
        OSError: The system refuses.
    """
    last = (CONFIG, ENVIRONMENT)
    for each in sorted(path.iterdir(), key=lambda each: last.index(each.name) if each.name in last else -1):
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        elif each.name != LOCK:
            each.unlink()


def _same_config(path: Path, config: Mapping[str, Any]) -> None:
    check_format(path)
    try:
        before = tomllib.loads((path / CONFIG).read_text())
    except FileNotFoundError as error:
        raise RunError(f"There is no run to resume in {path}.", "Name its folder with `run`.") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path / CONFIG} cannot be read: {error}.", "Start again with `force=True`.") from error
    now = tomllib.loads(to_toml(config))
    changed = [k for k in sorted(before | now) if before.get(k) != now.get(k)]
    if changed:
        lines = "; ".join(f"{k}: {before.get(k, 'unset')!r} then, {now.get(k, 'unset')!r} now" for k in changed)
        raise RunError(
            f"The run in {path} has another config. {lines}.",
            "Use the same settings, or `force=True` to start again.",
        )


def to_toml(config: Mapping[str, Any]) -> str:
    """A mapping of strings, numbers, booleans and lists of these as TOML; None is left out."""
    return tomli_w.dumps({key: value for key, value in config.items() if value is not None})


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same keys as CSV text with a header."""
    buffer = io.StringIO()
    if rows:
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return buffer.getvalue()


def new_folder(name: str) -> Path:
    """Where a run goes that was given no folder: into a new one below `runs`, called after the time and its data."""
    plain = re.sub(r"[^\w.-]+", "-", Path(name).stem).strip("-.") or "data"
    return Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{plain}"


def environment() -> dict[str, Any]:
    """Versions and processor, for whoever compares two runs."""
    return {
        "format": FORMAT,
        "python": host.python_version(),
        "system": f"{host.system()} {host.release()} {host.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else host.processor() or host.machine()
