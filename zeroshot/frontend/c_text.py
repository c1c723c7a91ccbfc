"""Names and constants as C text."""

import re
from collections.abc import Iterable

from zeroshot.errors import UsageError

LINE = 118  # characters of a line of numbers


def c_array(kind: str, name: str, values: Iterable[int], aligned: bool = False) -> str:
    """A constant array with its numbers broken into lines."""
    lines, line = [], " "
    texts = [str(int(value)) for value in values]
    for i, text in enumerate(texts):
        item = f" {text}," if i < len(texts) - 1 else f" {text}"
        if len(line) + len(item) > LINE:
            lines.append(line)
            line = " "
        line += item
    where = " ZS_ALIGNED" if aligned else ""
    return f"static const {kind} {name}[{len(texts)}]{where} = {{\n" + "\n".join([*lines, line]) + "};\n"


def check_prefix(name: str) -> None:
    """Insist on a name that C functions and files can begin with.

    Raises:
        UsageError: It is none.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,19}", name):
        raise UsageError(
            f"{name!r} cannot begin the names of C functions.", "Use up to 20 small letters, digits and underscores."
        )
