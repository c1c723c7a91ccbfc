"""Constants as C text, and what generated files say of their origin."""

from collections.abc import Iterable
from pathlib import PurePath

from zeroshot import __version__

LINE = 118  # characters of a line of numbers
ORIGIN = ("SPDX-License-Identifier: Apache-2.0", f"Made by zeroshot {__version__}.")
COMMENTS = {".c": "/* {} */", ".h": "/* {} */", ".ino": "// {}", ".md": "<!-- {} -->"}  # by ending; else as in a shell


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
    where = "ZS_ALIGNED " if aligned else ""
    return f"{where}static const {kind} {name}[{len(texts)}] = {{\n" + "\n".join([*lines, line]) + "};\n"


def c_string(text: str) -> str:
    r"""A string constant of C: UTF-8, bytes beyond printable ASCII in octal, of which no further digit becomes a part.

    Question marks are escaped, as two of them and a third character are a trigraph.

    >>> print(c_string('a"b??/é1'))
    "a\"b\?\?/\303\2511"
    """
    raw = text.encode("utf-8", errors="replace")
    return '"' + "".join(_in_string(byte) for byte in raw) + '"'


def _in_string(byte: int) -> str:
    if byte in b'"\\?':
        return f"\\{byte:c}"
    return f"{byte:c}" if 32 <= byte < 127 else f"\\{byte:03o}"


def stamped(files: dict[str, str]) -> dict[str, str]:
    """Generated texts by their paths, each with its licence and what made it in the first lines."""
    return {path: origin(path) + text for path, text in files.items()}


def origin(path: str) -> str:
    """Comments that say under which licence a file is and what made it, in the language of its ending."""
    comment = COMMENTS.get(PurePath(path).suffix, "# {}")
    return "".join(comment.format(line) + "\n" for line in ORIGIN)
