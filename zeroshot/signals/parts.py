"""Which group is in which part: as a list or the folder has it, or drawn, each class near its shares."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zeroshot.data.class_folders import safe
from zeroshot.errors import DataError, UsageError
from zeroshot.signals.groups import Groups, Source
from zeroshot.signals.windows import PARTS, count_of
from zeroshot.types import Int8Array, Int64Array

TRIES = 100  # draws until each class is in training and testing; with few groups of many classes the first may fail
TRAIN, VALIDATION, TEST = range(3)


def draw(counts: Int64Array, names: Sequence[str], kind: str, shares: tuple[float, float], seed: int) -> Int8Array:
    """Draw the part of each group, the largest groups first, each into the part that lacks most of its classes.

    Args:
        counts: (groups, classes) int64, windows.
        names: Of the classes, for messages.
        kind: What a group is called.
        shares: Of validation and test.
        seed: The same seed draws the same parts.

    Returns:
        (groups,) int8, indices of `PARTS`.

    Raises:
        DataError: A class is of one group only, or no draw gives each class training and test windows.
    """
    for label, name in enumerate(names):
        owners = int((counts[:, label] > 0).sum())
        if owners < 2:
            raise DataError(
                f"Class {name!r} is of {count_of(owners, kind)} only: training and testing cannot both have it.",
                "Add recordings or logs of others, leave the class out, or cut one long file into several that may be "
                "told apart (the parts are then less independent than they seem).",
            )
    rng = np.random.default_rng(seed)
    validation, test = shares
    wanted = {TRAIN: 1 - validation - test, TEST: test} | ({VALIDATION: validation} if validation else {})
    for _ in range(TRIES):
        part = _drawn(counts, wanted, rng)
        if all((counts[part == each] > 0).any(axis=0).all() for each in (TRAIN, TEST)):
            return part
    raise DataError(
        f"No division of {len(counts)} groups ({kind}) was found that gives every class training and test windows.",
        "Give the parts yourself with `parts`, or let `groups` tell more groups apart.",
    )


def with_validation(part: Int8Array, counts: Int64Array, share: float, seed: int) -> Int8Array:
    """Draw validation groups out of those for training, where a list or folders name none; every class keeps training.

    Args:
        part: (groups,) int8, indices of `PARTS`.
        counts: (groups, classes) int64, windows.
        share: Of the training windows of each class.
        seed: The same seed draws the same groups.

    Returns:
        (groups,) int8.

    Raises:
        DataError: No draw does that.
    """
    training = np.flatnonzero(part == TRAIN)
    rng = np.random.default_rng(seed)
    for _ in range(TRIES if len(training) > 1 else 0):
        drawn = _drawn(counts[training], {TRAIN: 1 - share, VALIDATION: share}, rng)
        if (drawn == VALIDATION).any() and (counts[training[drawn == TRAIN]] > 0).any(axis=0).all():
            found = part.copy()
            found[training] = drawn
            return found
    raise DataError(
        f"Of {count_of(len(training), 'training group')} none can be for validation, by which epochs and thresholds "
        "are chosen, without a class losing all its training windows.",
        "Add groups, or let `groups` tell more of them apart.",
    )


def _drawn(counts: Int64Array, shares: dict[int, float], rng: np.random.Generator) -> Int8Array:
    whole = counts.sum(axis=0)
    wanted = {each: (share * whole).tolist() for each, share in shares.items()}
    left = {each: list(numbers) for each, numbers in wanted.items()}
    owned: list[list[tuple[int, int]]] = [[] for _ in counts]  # plain lists: most groups have one class of many
    for number, label in np.argwhere(counts).tolist():
        owned[number].append((label, int(counts[number, label])))
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    part = np.zeros(len(counts), np.int8)
    for number in order.tolist():
        # How much of its share of the group's windows a part lacks; the ratio first, for it is exactly 1 at the start.
        lack = {
            each: sum(n * (left[each][label] / wanted[each][label]) for label, n in owned[number]) for each in wanted
        }
        chosen = max(wanted, key=lack.__getitem__)  # of equals the first
        part[number] = chosen
        for label, count in owned[number]:
            left[chosen][label] -= count
    return part


def listed(path: Path, sources: Sequence[Source]) -> list[int]:
    """The part of each file as a CSV of lines `file,part` has it.

    Raises:
        UsageError: There is no such list.
        DataError: It names other files, or parts that do not exist; the message has the line.
    """
    known = {source.name: number for number, source in enumerate(sources)}
    part: list[int | None] = [None] * len(sources)
    for line, cells in _lines(path):
        if [cell.lower() for cell in cells] == ["file", "part"]:
            continue
        where = f"{safe(path)}, line {line}"
        if len(cells) != 2:
            raise DataError(
                f"{where} has {count_of(len(cells), 'cell')}; a file and its part are two.", "Mend the line."
            )
        if cells[0] not in known:
            raise DataError(
                f"{where} names {cells[0]!r}, which is not there or of no class.",
                f"Paths are relative to the folder, like {sources[0].name}.",
            )
        if cells[1] not in PARTS:
            raise DataError(f"{where} names the part {cells[1]!r}.", f"Parts are {', '.join(PARTS)}.")
        number = known[cells[0]]
        if part[number] not in (None, PARTS.index(cells[1])):
            raise DataError(f"{where} puts {cells[0]!r} into a second part.", "Remove one of the lines.")
        part[number] = PARTS.index(cells[1])
    missing = [source.name for source, each in zip(sources, part, strict=True) if each is None]
    if missing:
        raise DataError(
            f"{safe(path)} lacks {count_of(len(missing), 'file')}, the first is {missing[0]!r}.",
            "List every file, or move those that are not wanted out of the folder.",
        )
    return [each for each in part if each is not None]


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig", "backslashreplace")
    except OSError as error:
        raise UsageError(
            f"The list `parts`, {safe(path)}, cannot be read: {error.strerror}.", "Check the path."
        ) from None
    try:
        rows = list(enumerate(csv.reader(text.splitlines()), 1))
    except csv.Error as error:
        raise DataError(f"{safe(path)} is no CSV: {error}.", "Write lines of file,part.") from error
    return [(line, [cell.strip() for cell in cells]) for line, cells in rows if any(cell.strip() for cell in cells)]


def given(parts: Sequence[int], sources: Sequence[Source], groups: Groups) -> Int8Array:
    """Parts of the groups, from those of files.

    Raises:
        DataError: A group is in two parts.
    """
    found = np.full(len(groups.names), -1, np.int8)
    for part, number, source in zip(parts, groups.of, sources, strict=True):
        if found[number] not in (-1, part):
            raise DataError(
                f"{groups.kind.capitalize()} {groups.names[number]!r} is in {PARTS[found[number]]} and, "
                f"with {source.name}, in {PARTS[part]}.",
                "Put all files of a group into one part.",
            )
        found[number] = part
    return found


def check_parts(part: Int8Array, counts: Int64Array, names: Sequence[str]) -> None:
    """See that every class is in training and testing.

    Raises:
        DataError: One is not.
    """
    for each in (TRAIN, TEST):
        for name, count in zip(names, counts[part == each].sum(axis=0), strict=True):
            if not count:
                raise DataError(f"Class {name!r} has no window in {PARTS[each]}.", "Every class needs both.")
