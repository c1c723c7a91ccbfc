"""Weights on disk: a .pt with nothing but tensors, and beside it a .json that says what they are.

The .json is written last and holds the SHA-256 of the .pt: a pair of files is there whole, or not at all. Tensors
are read with `weights_only=True` alone, so a file from a stranger cannot run code.
"""

import hashlib
import io
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from zeroshot.errors import RunError
from zeroshot.runs.digests import unseal
from zeroshot.runs.files import RESUME, disk, write_file
from zeroshot.runs.lock import is_temporary

Tensors = dict[str, torch.Tensor]
AGAIN = "Delete it and its .json to train that net again, or start over with `force=True`."


def stem(net: str) -> str:
    """A net's short spec as a file name.

    >>> stem("r32-s16/2-c3w32x1/2")
    'r32-s16_2-c3w32x1_2'
    """
    return net.replace("/", "_")


def write(folder: Path, name: str, data: bytes | str) -> Path:
    """Write one file whole or not at all.

    Raises:
        RunError: The disk is full, or refuses.
    """
    return write_file(folder / name, data, RESUME)


def save(folder: Path, name: str, tensors: Tensors, about: Mapping[str, Any]) -> None:
    """Write `name`.pt, then `name`.json; errors as `write`."""
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    raw = buffer.getvalue()
    write(folder, f"{name}.pt", raw)
    write(folder, f"{name}.json", json.dumps({**about, "sha256": hashlib.sha256(raw).hexdigest()}, indent=1) + "\n")


def load(folder: Path, name: str, expected: Mapping[str, Any] | None = None) -> tuple[Tensors, dict[str, Any]]:
    """Read what `save` wrote.

    Args:
        folder: Where.
        name: Without suffix.
        expected: Keys and values that the .json must have; None takes anything.

    Raises:
        RunError: A file is missing, damaged or cut short, or is of another net, other data or another recipe.
    """
    path = folder / f"{name}.pt"
    about = read_about(folder, name)
    if expected is not None:
        check_same(about, expected, path)
    raw = read_checked(path, about, AGAIN)
    try:
        tensors: Tensors = torch.load(io.BytesIO(raw), weights_only=True)
    except Exception as error:  # whatever a file that torch did not write brings up, none of it documented
        raise RunError(f"{path} is no file of tensors: {first_line(error)}", AGAIN) from error
    if not isinstance(tensors, dict) or not all(isinstance(each, torch.Tensor) for each in tensors.values()):
        raise RunError(f"{path} holds something else than tensors.", AGAIN)
    return tensors, about


def first_line(error: Exception) -> str:
    """What an error says, for a sentence; torch's go on for a page."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def read_checked(path: Path, about: Mapping[str, Any], again: str) -> bytes:
    """A file whose SHA-256 stands in the .json beside it.

    Args:
        path: Of the file.
        about: What the .json says.
        again: What to do where it is not so.

    Raises:
        RunError: It cannot be read, is damaged or cut short.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.", again) from error
    if hashlib.sha256(raw).hexdigest() != about.get("sha256"):
        raise RunError(f"{path} is damaged or cut short: its SHA-256 is not the one in {path.stem}.json.", again)
    return raw


def read_json(path: Path, first: str, again: str) -> object:
    """What a .json holds.

    Args:
        path: Of the file.
        first: What to do where there is none.
        again: What to do where it is damaged.

    Raises:
        RunError: It is not there, or cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"There is no {path}.", first) from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.", again) from error


def read_about(folder: Path, name: str) -> dict[str, Any]:
    """The .json of a checkpoint; errors as `load`."""
    path = folder / f"{name}.json"
    about = read_json(path, "Train the net first.", AGAIN)
    if not isinstance(about, dict):
        raise RunError(f"{path} is no description of a checkpoint.", AGAIN)
    return about


def check_same(about: Mapping[str, Any], expected: Mapping[str, Any], path: Path) -> None:
    """Refuse a checkpoint that was made of something else.

    Raises:
        RunError: With what differs.
    """
    if about.get("net") != expected["net"]:
        raise RunError(f"{path} is a checkpoint of another net: {about.get('net')}, not {expected['net']}.", AGAIN)
    lines = differences(about, expected)
    if lines:
        raise RunError(
            f"{path} was trained otherwise. {lines}.", "Use the same settings, or `force=True` to start over."
        )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What the expected values say otherwise, for a message; empty where nothing does.

    >>> differences({"seed": 0, "recipe": {"lr": 0.1, "ema": 0}}, {"seed": 0, "recipe": {"lr": 0.2, "ema": 0}})
    'lr: 0.1 then, 0.2 now'
    """
    lines = []
    for key, value in now.items():
        was = before.get(key)
        if isinstance(value, Mapping) and isinstance(was, Mapping):
            lines.append(differences(was, value))
        elif was != value:
            lines.append(f"{key}: {was!r} then, {value!r} now")
    return "; ".join(line for line in lines if line)


def epochs(folder: Path, net: str) -> list[int]:
    """Numbers of the epochs of a net that have a whole checkpoint, ascending."""
    pattern = re.compile(re.escape(stem(net)) + r"\.epoch-(\d+)\.json")
    found = (pattern.fullmatch(path.name) for path in folder.glob("*.json"))
    return sorted(int(match[1]) for match in found if match)


def epoch_name(net: str, number: int) -> str:
    """Name of the checkpoint after an epoch, without suffix."""
    return f"{stem(net)}.epoch-{number:04d}"


def drop_epochs(folder: Path, net: str, keep: int | None = None) -> None:
    """Remove the checkpoints of all epochs of a net but one, and what a kill has left half-written."""
    kept = epoch_name(net, keep) if keep is not None else ""
    for path in folder.iterdir():
        # Only this net's own files: another process may be writing another net's now.
        mine = path.name.removeprefix(".").startswith(f"{stem(net)}.epoch-")
        if mine and path.stem != kept:
            path.unlink(missing_ok=True)


def make(folder: Path) -> None:
    """Make the folder of checkpoints.

    Raises:
        RunError: The system refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"Cannot make {folder}: {error.strerror}.", "Mend the permissions there.") from error


def holds_files(folder: Path) -> bool:
    """Whether a folder holds anything but what a killed process has left half-written.

    Raises:
        RunError: The system refuses.
    """
    with disk(folder):
        return folder.exists() and not all(map(is_temporary, folder.iterdir()))


def clear(folder: Path, *, everything: bool) -> None:
    """Make a folder whose files may change, and remove what a killed process has left half-written, or everything.

    Raises:
        RunError: The system refuses, or what is to stay was changed since it was written.
    """
    if not everything:
        unseal(folder)
    try:
        if everything and folder.exists():
            shutil.rmtree(folder)
        make(folder)
        for path in folder.glob(".*"):
            path.unlink()
    except OSError as error:
        raise RunError(f"Cannot write {folder}: {error.strerror}.", "Mend the permissions there.") from error
