"""Int8 nets on disk: a .npz with nothing but arrays of numbers, and beside it a .json that says what they are.

As with checkpoints the .json is written last and holds the SHA-256 of the .npz: both are there whole, or neither
counts. Arrays are read without pickle, so a file from a stranger cannot run code. Equal nets give equal bytes.
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot.data.memory import check_npz
from zeroshot.errors import RunError, UsageError
from zeroshot.int8.net import Int8Net
from zeroshot.net import NetSpec
from zeroshot.runs.checkpoints import read_checked, read_json, write
from zeroshot.runs.files import json_text, npz_bytes

FORMAT = 1
TYPES = {"scale": np.float32, "zero": np.int32, "relu": np.bool_}
PARTS = ("weights", "weight_scale", "bias")
AGAIN = "Quantise the net again."


def save(folder: Path, name: str, net: Int8Net, about: Mapping[str, Any]) -> None:
    """Write `name`.npz, then `name`.json.

    Args:
        folder: Where; it exists.
        name: Without suffix, as `zeroshot.runs.checkpoints.stem` makes it of a net's short spec.
        net: The net.
        about: What else the .json says, JSON values. `net`, `channels`, `classes`, `format` and `sha256` are added.

    Raises:
        RunError: The disk is full, or refuses.
    """
    arrays = {key: getattr(net, key) for key in TYPES}
    for part in PARTS:
        arrays |= {f"{part}_{row}": each for row, each in enumerate(getattr(net, part)) if each is not None}
    raw = npz_bytes(arrays)
    added = {"net": str(net.spec), "channels": net.channels, "classes": net.classes, "format": FORMAT}
    write(folder, f"{name}.npz", raw)
    text = json_text({**about, **added, "sha256": hashlib.sha256(raw).hexdigest()}, indent=1)
    write(folder, f"{name}.json", text)


def load(folder: Path, name: str) -> tuple[Int8Net, dict[str, Any]]:
    """Read what `save` wrote: the net, and all that the .json says.

    Raises:
        RunError: A file is missing, damaged, cut short, or holds something else.
    """
    about = _read_about(folder / f"{name}.json")
    path = folder / f"{name}.npz"
    raw = read_checked(path, about, AGAIN)
    try:
        return _net(about, raw), about
    except UsageError as error:
        raise RunError(f"{path} does not fit its .json: {error.message}", AGAIN) from error
    except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError(f"{path} holds no int8 net: {error}.", AGAIN) from error


def _read_about(path: Path) -> dict[str, Any]:
    about = read_json(path, "Quantise the net first.", AGAIN)
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise RunError(f"{path} is no description of an int8 net of this version.", AGAIN)
    return about


def _net(about: dict[str, Any], raw: bytes) -> Int8Net:
    check_npz(io.BytesIO(raw), "its archive")
    with np.load(io.BytesIO(raw), allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    for key, kind in TYPES.items():
        if arrays[key].dtype != kind:
            raise ValueError(f"{key} is {arrays[key].dtype}")
    rows = range(len(arrays["relu"]))
    parts = {part: tuple(arrays.get(f"{part}_{row}") for row in rows) for part in PARTS}
    return Int8Net(
        spec=NetSpec.parse(about["net"]), channels=about["channels"], classes=about["classes"], scale=arrays["scale"],
        zero=arrays["zero"], relu=arrays["relu"], **parts,
    )  # fmt: skip
