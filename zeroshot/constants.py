"""The one file of fitted constants, `constants.toml`, which says where each comes from."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from zeroshot.runs.schema import parse_toml, read_as

FILE = "constants.toml"
MODELS = ("static", "probed")  # of the accuracy
RESTORE = "Restore it from the repository."


@dataclass(frozen=True)
class _Models:
    static: dict[str, Any]
    probed: dict[str, Any]
    tasks: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class _Parts:
    provenance: dict[str, Any]
    accuracy: _Models
    cascade: dict[str, Any]


@cache
def shipped() -> dict[str, Any]:
    """What is shipped, read once: `provenance`, `accuracy`, `cascade` -> key -> value."""
    return parse(files("zeroshot").joinpath(FILE).read_text(encoding="utf-8"), FILE)


def parse(text: str, where: str) -> dict[str, Any]:
    """Read the text of such a file.

    Args:
        text: TOML.
        where: The file, for errors.

    Raises:
        UsageError: It is no TOML, or a part is missing or unknown.
    """
    values = parse_toml(text, where, RESTORE)
    read_as(_Parts, values, where, RESTORE)
    return values
