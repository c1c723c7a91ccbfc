"""How much memory data may take: what files claim to hold is counted before any of it is taken.

The ceiling is half of what the machine has free, and 4 GiB at most; ZEROSHOT_MEMORY=SIZE sets another one.
"""

import os
import zipfile
from collections.abc import Iterable
from math import prod
from typing import IO

import numpy as np

from zeroshot.errors import DataError, UsageError
from zeroshot.units import kib, to_bytes

VARIABLE = "ZEROSHOT_MEMORY"
MOST = 4 << 30
UNFOLDS, SMALL = 100, 256 << 20  # no pictures fold a hundredfold; blank ones of this size may


def ceiling() -> int:
    """Bytes that one thing may take.

    Raises:
        UsageError: ZEROSHOT_MEMORY is no size.
    """
    asked = os.environ.get(VARIABLE, "").strip()
    if asked:
        return int(to_bytes(asked, VARIABLE))
    free = available()
    return MOST if free is None else min(MOST, free // 2)


def available() -> int | None:
    """Bytes that the system can give without swapping; None where it does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def check_room(size: float, what: str, hint: str) -> None:
    """Insist that there is room.

    Args:
        size: Bytes that will be taken.
        what: Takes them, the start of a sentence: "x.npz".
        hint: How less would be taken.

    Raises:
        DataError: It is more than the ceiling.
    """
    most = ceiling()
    if size > most:
        raise DataError(
            f"{what} would take {_shown(size)} of memory, and the ceiling is {_shown(most)}.",
            f"{hint} {VARIABLE}=SIZE raises the ceiling.".strip(),
        )


def check_option(size: float, option: str, value: object) -> None:
    """Refuse a number that is too large for the memory, by the name of its option.

    Raises:
        UsageError: It is.
    """
    most = ceiling()
    if size > most:
        raise UsageError(
            f"`{option}` {value} would take {_shown(size)} of memory, and the ceiling is {_shown(most)}.",
            f"Give a smaller number; {VARIABLE}=SIZE raises the ceiling.",
        )


def _shown(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.1f} MiB" if size >= 2**20 else kib(size)


def check_npz(file: IO[bytes], where: str, keys: Iterable[str] | None = None) -> None:
    """Insist that an .npz holds what it claims and that it fits into memory; the file is at its start afterwards.

    Args:
        file: Of an archive.
        where: The file, for errors.
        keys: Names of the arrays that will be read; None for all.

    Raises:
        DataError: It does not.
        zipfile.BadZipFile: It is damaged; also what else that brings up.
    """
    wanted = None if keys is None else {f"{key}.npy" for key in keys}
    with zipfile.ZipFile(file) as archive:
        members = [each for each in archive.infolist() if wanted is None or each.filename in wanted]
        total, folded = sum(each.file_size for each in members), sum(each.compress_size for each in members)
        check_room(total, where, "Write a part of it, or smaller numbers (uint8).")
        if total > SMALL and total > UNFOLDS * folded:
            raise DataError(
                f"{where} unfolds from {_shown(folded)} to {_shown(total)}: no honest pictures do.",
                "Write it with numpy.savez, without compression, if it is what you mean.",
            )
        for each in members:
            claimed = _claimed(archive, each)
            if claimed is not None and claimed > each.file_size:
                raise DataError(
                    f"{where} is damaged: {each.filename} claims {_shown(claimed)} and holds {_shown(each.file_size)}.",
                    "Write it with numpy.savez.",
                )
    file.seek(0)


def _claimed(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> float | None:
    """Bytes that the header of an array says; None where there is no such header."""
    with archive.open(member) as file:
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, kind = read(file)
        except ValueError:
            return None  # whoever reads it says so
        return float(prod(shape)) * kind.itemsize
