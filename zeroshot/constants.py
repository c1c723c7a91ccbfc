"""The one file of fitted constants, `constants.toml`, which says where each comes from."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from zeroshot.errors import UsageError

FILE = "constants.toml"
PARTS = ("provenance", "accuracy", "cascade")
MODELS = ("static", "probed")  # of the accuracy


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
        UsageError: It is no TOML, or a part is missing.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is damaged: {error}.", "Restore it from the repository.") from error
    missing = [part for part in PARTS if not isinstance(found.get(part), dict)]
    missing = missing or [f"accuracy.{m}" for m in MODELS if not isinstance(found["accuracy"].get(m), dict)]
    if missing:
        raise UsageError(f"{where} has no part [{missing[0]}].", "Restore it from the repository.")
    return found
