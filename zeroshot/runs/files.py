"""Files that appear whole or not at all."""

import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot.errors import RunError

# For what is written by a stage that can go on where it stopped.
RESUME = "Free some space or mend the permissions there, then `resume=True`."


def write_file(path: str | Path, data: bytes | str, hint: str = "") -> Path:
    """Write a file in one step: a reader sees the old one or the whole new one, whenever this process is killed.

    Args:
        path: Of the file; its folder exists.
        data: Text is written as UTF-8.
        hint: What to do where the system refuses; by default to free space or name another folder.

    Raises:
        RunError: The disk is full, or refuses.
    """
    # Names of files may have bytes that are no text: they are written as Python shows them.
    target, raw = Path(path), data.encode(errors="backslashreplace") if isinstance(data, str) else data
    with disk(target, hint):
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())  # else a power cut may leave the new name on an empty file
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    return target


def json_text(value: object, indent: int = 2) -> str:
    """A value as the text of a JSON file."""
    return json.dumps(value, indent=indent) + "\n"


def npz_bytes(arrays: Mapping[str, Any]) -> bytes:
    """Arrays as a compressed .npz without pickled objects."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


@contextmanager
def disk(path: Path, hint: str = "") -> Iterator[None]:
    """Say what the system refuses.

    Raises:
        RunError: Instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        again = "Free some space or name another folder." if error.errno == ENOSPC else "Name another folder."
        raise RunError(f"Cannot write {path}: {error.strerror or error}.", hint or again) from error
    except ValueError as error:  # a null byte in the path
        raise RunError(f"Cannot write {path}: {error}.", hint or "Name another folder.") from error
