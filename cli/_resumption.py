"""What all commands share that can be interrupted and go on."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._errors import Interrupted
from ._output import progress

if TYPE_CHECKING:
    from zeroshot.types import Progress


@contextmanager
def interruptible(quiet: bool, interrupted: Callable[[], Interrupted]) -> "Iterator[Progress]":
    """A function to report progress to, until the work is done or the user stops it.

    Args:
        quiet: Show no progress.
        interrupted: What the user is told who stopped it; made then, when it is known what was saved.

    Raises:
        Interrupted: The user stopped it.
    """
    with progress(quiet) as bar:
        try:
            yield bar
        except KeyboardInterrupt:
            raise interrupted() from None


def nothing_saved(before: str) -> Interrupted:
    """Stopped before there was anything to go on with."""
    return Interrupted(f"interrupted before {before}; nothing was written.")


def saved(what: str, *again: str) -> Interrupted:
    """Stopped with something to go on with.

    Args:
        what: Was saved, and where.
        again: The words of the command that goes on.
    """
    return Interrupted(f"interrupted; {what}.", f"continue with: {shlex.join(['zeroshot', *again])}")
