"""Who a file is of: its group, by its name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zeroshot.data.class_folders import safe
from zeroshot.errors import DataError, UsageError


@dataclass(frozen=True)
class Source:
    """A file of a class.

    Attributes:
        path: Of the file.
        label: Number of its class.
        name: Its path below the folder, as it can be printed.
        part: Index of `PARTS`, where the folder says so.
    """

    path: Path
    label: int
    name: str
    part: int | None = None


@dataclass(frozen=True)
class Groups:
    """Files in groups.

    Attributes:
        of: Number of each file's group, in the order of their first files.
        names: One a group.
        kind: What a group is called: file, speaker.
    """

    of: tuple[int, ...]
    names: tuple[str, ...]
    kind: str


def group(sources: Sequence[Source], pattern: str | None) -> Groups:
    """Put files into groups.

    Args:
        sources: The files.
        pattern: Regular expression with one named group, searched in each file's name without suffix; None: each file
            is a group.

    Raises:
        UsageError: The pattern is none.
        DataError: A file's name does not match; the message names it.
    """
    if pattern is None:
        return Groups(tuple(range(len(sources))), tuple(source.name for source in sources), "file")
    compiled = _compiled(pattern)
    kind = next(iter(compiled.groupindex))
    numbers: dict[str, int] = {}
    of = []
    for source in sources:
        match = compiled.search(safe(source.path.stem))
        name = match[kind] if match else None
        if not name:
            raise DataError(
                f"{source.name} does not say which {kind} it is of: `groups` is {pattern!r}.",
                "Rename the file, or let the pattern match the names of all files, without folder and suffix.",
            )
        of.append(numbers.setdefault(name, len(numbers)))
    return Groups(tuple(of), tuple(numbers), kind)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        found = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"`groups` is no regular expression: {error}.", "Write one like (?P<speaker>[a-z]+)_."
        ) from None
    if len(found.groupindex) != 1:
        raise UsageError(
            f"`groups` is {pattern!r}, with {len(found.groupindex)} named groups.",
            "Name the one part of a file's name that says who it is of, like (?P<speaker>[a-z]+)_.",
        )
    return found
