"""The package's own exceptions: each says what happened, why, and what to do next.

Messages speak Python: a parameter stands in backquotes by its name, `shortlist` or `force=True`, and a call as `call`
writes it. The command line turns both into its own words, `--shortlist` and `zeroshot train runs/a --force`.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import PurePath

# What a terminal obeys instead of showing it: control characters, and marks that turn the direction of what follows;
# and bytes of file names that are no text.
_COMMANDS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, keep: str = "") -> str:
    r"""A text that a terminal shows and does not obey, whatever a file name in it holds.

    >>> printable("red\x1b[31m"), printable("two\nlines", keep="\n")
    ('red\\x1b[31m', 'two\nlines')

    Args:
        text: Any.
        keep: Characters that stay as they are.
    """
    return _COMMANDS.sub(lambda match: match[0] if match[0] in keep else ascii(match[0])[1:-1], text)


class ZeroshotError(Exception):
    """A failure that a user can act on.

    Args:
        message: What happened and why.
        hint: What to do next; printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ZeroshotError):
    """The call itself is wrong: an unknown name, a value out of range (exit code 2)."""

    exit_code = 2


class DataError(ZeroshotError):
    """The data set cannot be used as it is (exit code 1)."""


class InfeasibleError(ZeroshotError):
    """No net or pair fits the budgets (exit code 3)."""

    exit_code = 3


class TrainError(ZeroshotError):
    """A net's training went wrong: its loss becomes NaN (exit code 1)."""


class WorkerError(ZeroshotError):
    """A process that worked on a net died: it crashed in native code, or was killed (exit code 1)."""


class RunError(ZeroshotError):
    """The run folder cannot be written, read or resumed (exit code 1)."""


class ToolchainError(ZeroshotError):
    """No compiler or emulator for the firmware, or it failed (exit code 1)."""


class VerifyError(ZeroshotError):
    """The firmware does not compute what was evaluated (exit code 1)."""


def pip_install(extra: str) -> str:
    """The command that installs an extra of this project; no package index holds the project.

    >>> pip_install("mcu")
    "In the source folder: pip install -e '.[mcu]'"
    """
    return f"In the source folder: pip install -e '.[{extra}]'"


def call(function: str, *args: object, **options: object) -> str:
    """A call of one of this package's functions, for a hint.

    >>> call("train", "runs/a", force=True), call("search", ..., run="runs/a")
    ("`zeroshot.train('runs/a', force=True)`", "`zeroshot.search(..., run='runs/a')`")

    Args:
        function: Its name.
        args: What it is given; `...` for what the reader knows.
        options: By name.
    """

    def shown(value: object) -> str:
        return "..." if value is ... else repr(str(value) if isinstance(value, PurePath) else value)

    inside = [shown(each) for each in args] + [f"{name}={shown(value)}" for name, value in options.items()]
    return f"`zeroshot.{function}({', '.join(inside)})`"


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> UsageError:
    """Build the error for a name that is not in a table, with the nearest known name as the hint.

    >>> unknown("board", "nucleo-f446", ["nucleo-f446re", "pico"]).hint
    'Did you mean nucleo-f446re?'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    near = [known for known in names if name and name.lower() in known][:1] or near
    hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names)}."
    return UsageError(f"Unknown {kind} {name!r}.", f"{hint} {where}".strip())
