"""The one error sink: every failure becomes a message, a hint and an exit code, never a traceback."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from zeroshot.errors import UsageError, ZeroshotError

from ._dialect import spoken
from ._output import print_json, tell

INTERRUPTED = 130


class Interrupted(ZeroshotError):
    """The user stopped the program (exit code 130)."""

    exit_code = INTERRUPTED


class Program(TyperGroup):
    """The group of all commands; whatever any of them raises ends here."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:  # noqa: ANN401
        """Run a command and leave with its exit code."""
        given = list(sys.argv[1:] if args is None else args)
        options["standalone_mode"] = False  # typer hands errors on instead of printing them its own way
        try:
            code = super().main(given, *rest, **options)
            sys.stdout.flush()
            if code == INTERRUPTED:  # outside a search; typer has swallowed the exception itself
                raise KeyboardInterrupt
        except BrokenPipeError:
            # The reader (head, less) has seen enough. What is still buffered must not fail again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except (Exception, KeyboardInterrupt) as error:
            debug = os.environ.get("ZEROSHOT_DEBUG", "") not in ("", "0")
            if debug:
                traceback.print_exc()
            code = report(explained(error), "--json" in given)
        sys.exit(code if isinstance(code, int) else 0)


def explained(error: BaseException) -> ZeroshotError:
    """The error as one that tells the user what to do."""
    if isinstance(error, ZeroshotError):
        return error
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return Interrupted("interrupted; nothing was written.")
    if hasattr(error, "format_message"):  # typer's own: an unknown command or option, a value of the wrong type
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "zeroshot"
        return UsageError(error.format_message(), f"{command} --help lists what there is.")
    if isinstance(error, MemoryError):
        return ZeroshotError("Out of memory.", "Lower --nets, --jobs or --batch.")
    if isinstance(error, OSError):
        return ZeroshotError(f"The system refused: {error}.", "Check the space and the permissions there.")
    return ZeroshotError(
        f"Unexpected {type(error).__name__}: {error}",
        "This is a defect of zeroshot; please report it with the command. ZEROSHOT_DEBUG=1 shows the traceback.",
    )


def report(error: ZeroshotError, json: bool) -> int:
    """Print an error on stderr, with --json also as an object on stdout, and return its exit code."""
    message, hint = spoken(error.message), spoken(error.hint)
    tell(f"error: {message}")
    for line in hint.splitlines():
        tell(f"hint: {line}")
    if json:
        print_json({"error": message, "hint": hint, "exit_code": error.exit_code})
    return error.exit_code
