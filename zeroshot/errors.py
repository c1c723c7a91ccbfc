"""The package's own exceptions: each says what happened, why, and what to do next."""

import difflib
from collections.abc import Iterable


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
    """A net's training went wrong: its loss is no number any more (exit code 1)."""


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
