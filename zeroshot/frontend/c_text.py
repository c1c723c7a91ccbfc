"""Names and constants as C text."""

import re
from collections.abc import Iterable

from zeroshot.errors import UsageError

LINE = 118  # characters of a line of numbers
KEYWORDS = """auto break case char const continue default do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main"""
LONGEST = 31  # characters of a name: C99 promises to tell no more apart in external names


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
    """Insist on a name that works as a prefix of C functions and files.

    Raises:
        UsageError: It does not.
    """
    taken = name in KEYWORDS.split() or name.startswith("zs_")
    if taken or len(name) > LONGEST or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(
            f"{name!r} cannot be the prefix of C functions.",
            f"Use lower-case letters, digits and underscores, {LONGEST} at most, starting with a letter: cascade.",
        )
