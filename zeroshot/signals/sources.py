"""The files of a data set: which classes are wanted, whose files they are, in which part."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zeroshot.data.class_folders import Kind, class_files, safe
from zeroshot.errors import DataError, UsageError, unknown
from zeroshot.signals import parts
from zeroshot.signals.groups import Groups, Source
from zeroshot.signals.options import SplitOptions
from zeroshot.signals.windows import PARTS, count_of
from zeroshot.types import Int8Array, Int64Array

UNKNOWN, SILENCE = "unknown", "silence"
ONE_SOURCE = " Files of one speaker or wearer may be in several parts: `groups` tells whose they are."


def existing(folder: str | Path) -> Path:
    """The folder of a data set.

    Raises:
        DataError: It is none.
    """
    try:
        path = Path(folder).expanduser().resolve()
        found = path.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # no permission, a null byte, links going in circles
        raise DataError(f"{safe(folder)!r} cannot be opened: {error}", "Check the path.") from error
    if not found:
        raise DataError(f"{safe(path)} is no folder.", "Give a folder with one folder for each class.")
    return path


def sources_of(root: Path, kind: Kind) -> tuple[list[Source], tuple[str, ...]]:
    """All files of a folder, and its classes; errors as `class_files`."""
    train, test, names = class_files(root, kind)
    fixed = [(train, None)] if test is None else [(train, parts.TRAIN), (test, parts.TEST)]
    found = [
        Source(path, label, safe(path.relative_to(root)), part) for files, part in fixed for path, label in files
    ]  # fmt: skip
    return found, names


def wanted(
    sources: Sequence[Source], names: tuple[str, ...], classes: tuple[str, ...], rest: bool = False
) -> tuple[list[Source], tuple[str, ...], list[str]]:
    """The files of the classes that are wanted, numbered in that order.

    Args:
        sources: All files.
        names: All classes.
        classes: Those wanted; none means all.
        rest: Whether the others are one more class, `UNKNOWN`.

    Returns:
        Files, names, and remarks.

    Raises:
        UsageError: A class does not exist, or fewer than two are left.
    """
    if not classes:
        return list(sources), names, []
    for each in classes:
        if each not in names:
            raise unknown("class", each, names)
    others = [name for name in names if name not in classes]
    if rest and UNKNOWN in classes:
        raise UsageError(f"A class is called {UNKNOWN!r} already.", "Rename its folder.")
    if rest and not others:
        raise UsageError(f"`{UNKNOWN}` is what remains, but `classes` names all.", "Leave one of the two out.")
    number = {name: label for label, name in enumerate(classes)}
    if rest:
        number |= dict.fromkeys(others, len(classes))
    if len(set(number.values())) < 2:
        raise UsageError(f"`classes` names one class only, {classes[0]!r}.", "At least two are needed.")
    kept = [
        Source(source.path, number[names[source.label]], source.name, source.part)
        for source in sources
        if names[source.label] in number
    ]
    remarks = [] if rest or not others else [f"Classes that are not wanted: {', '.join(others)}."]
    return kept, (*classes, UNKNOWN) if rest else classes, remarks


def divided(
    sources: Sequence[Source], groups: Groups, windows: Sequence[int], names: Sequence[str], options: SplitOptions
) -> tuple[Int8Array, str]:
    """The part of each group, and the remark that says how it came about.

    Args:
        sources: The files.
        groups: Theirs.
        windows: How many each file has.
        names: Of the classes.
        options: What was asked for.

    Raises:
        DataError: As `parts.draw`, `parts.listed`, `parts.given` and `parts.check_parts`.
        UsageError: There are a list and folders, or the list cannot be read.
    """
    counts = np.zeros((len(groups.names), len(names)), np.int64)
    np.add.at(counts, (list(groups.of), [source.label for source in sources]), windows)
    of_folders = [source.part for source in sources if source.part is not None]
    if options.parts is not None and of_folders:
        raise UsageError("There are train and test folders, and a list `parts`.", "Use one of the two.")
    if options.parts is not None:
        part = parts.given(parts.listed(Path(options.parts), sources), sources, groups)
        how = f"As {safe(Path(options.parts).name)} has them"
    elif of_folders:
        part = parts.given(of_folders, sources, groups)
        how = "As the train and test folders have them"
    else:
        part = parts.draw(counts, names, groups.kind, (options.validation, options.test), options.seed)
        how = f"Drawn by {groups.kind}, never by window"
    parts.check_parts(part, counts, names)
    told = of_folders or options.parts is not None or options.groups is not None
    return part, f"{how}: {_shown(part, counts, groups.kind, names)}.{'' if told else ONE_SOURCE}"


def _shown(part: Int8Array, counts: Int64Array, kind: str, names: Sequence[str]) -> str:
    each = []
    for number, name in enumerate(PARTS):
        here = part == number
        each.append(f"{name} {count_of(int(here.sum()), kind)} with {count_of(int(counts[here].sum()), 'window')}")
    absent = [name for name, has in zip(names, counts[part == parts.VALIDATION].sum(axis=0), strict=True) if not has]
    without = f"; validation is without {', '.join(absent)}" if absent and (part == parts.VALIDATION).any() else ""
    return ", ".join(each) + without
