"""Digests of what a stage wrote, so that whatever was changed since can be named: digests.json, written last.

An export's list of its files, export.json, has the same form. A stage takes its list away before it changes anything
and writes it again at the end: where there is one, it is of a finished stage and of the files beside it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroshot.errors import RunError
from zeroshot.runs.files import RESUME, disk, json_text, write_file
from zeroshot.runs.layout import DIGESTS

MADE_BY = {"made_by": "zeroshot", "format": 1}
CHANGED_BY_HAND = f"Restore it, or make it again with `force=True`; if the change is meant, remove {DIGESTS} there."


@dataclass(frozen=True)
class Difference:
    """A file that is not as it was written.

    Attributes:
        path: From the run folder on.
        what: "changed", "missing", or "without digest" of a list that a finished stage lacks.
    """

    path: str
    what: str


def seal(folder: Path, *below: str) -> None:
    """Write the digests of the files of a folder, and of those of some folders in it.

    Raises:
        RunError: A file cannot be read, or the list not written.
    """
    places = [folder, *(folder / name for name in below)]
    with disk(folder / DIGESTS, RESUME):
        files = [path for place in places if place.is_dir() for path in sorted(place.iterdir()) if _counts(path)]
        _write(folder, {path.relative_to(folder).as_posix(): file_digest(path) for path in files})


def seal_more(folder: Path, names: Iterable[str]) -> None:
    """Add files to the digests of a folder, or bring theirs up to date; without digests nothing happens.

    Raises:
        RunError: The list is damaged, or cannot be written.
    """
    known = listed(folder)
    if known is None:
        return
    with disk(folder / DIGESTS, RESUME):
        present = [name for name in names if (folder / name).is_file()]
        _write(folder, {**known, **{name: file_digest(folder / name) for name in present}})


def unseal(folder: Path) -> None:
    """Take the digests of a folder away, because its files are about to change; what was removed is made again.

    Raises:
        RunError: A file was changed since it was written: going on from it would pass it for the stage's own.
    """
    known = listed(folder)
    if known is None:
        return
    changed = [each.path for each in differences(folder, known) if each.what == "changed"]
    if changed:
        raise changed_since(folder / changed[0])
    with disk(folder / DIGESTS, RESUME):
        (folder / DIGESTS).unlink(missing_ok=True)


def listed(folder: Path) -> dict[str, str] | None:
    """Path -> SHA-256, of the files of a folder; None where there is no list.

    Raises:
        RunError: The list is damaged.
    """
    path = folder / DIGESTS
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    found = files_in(raw)
    if found is None:
        raise RunError(f"{path} is no list of digests.", "Remove it; the stage that wrote it makes it again.")
    return found


def files_in(raw: bytes) -> dict[str, str] | None:
    """Path -> SHA-256 of the text of a list, this one or an export's; None where it is none."""
    try:
        about: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    files = about.get("files") if isinstance(about, dict) else None
    plain = isinstance(files, dict) and all(isinstance(each, str) for each in files.values())
    return files if plain else None


def differences(folder: Path, known: Mapping[str, str]) -> list[Difference]:
    """Which of the files that a list names are not as it says.

    Raises:
        RunError: A file cannot be read.
    """
    found = []
    for name, digest in known.items():
        path = folder / name
        if not path.is_file():
            found.append(Difference(name, "missing"))
        elif file_digest(path) != digest:
            found.append(Difference(name, "changed"))
    return found


def check_as_written(path: Path, raw: bytes) -> None:
    """Insist that a file is as its stage wrote it, as far as there are digests.

    Raises:
        RunError: It is not.
    """
    known = listed(path.parent)
    if known is not None and known.get(path.name, digest := hashlib.sha256(raw).hexdigest()) != digest:
        raise changed_since(path)


def changed_since(path: Path) -> RunError:
    """The error of a file that is not as it was written."""
    return RunError(
        f"{path} was changed since it was written: its SHA-256 is not the one in {DIGESTS}.", CHANGED_BY_HAND
    )


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hex.

    Raises:
        RunError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error


def _counts(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.name != DIGESTS


def _write(folder: Path, files: Mapping[str, str]) -> None:
    write_file(folder / DIGESTS, json_text({**MADE_BY, "files": dict(sorted(files.items()))}, indent=1), RESUME)
