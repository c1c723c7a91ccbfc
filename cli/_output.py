"""The one output sink: a table for people, one JSON object for programs, or one line with --quiet; all on stdout."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any

from zeroshot.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from zeroshot.types import Progress


def emit(payload: object, human: "Callable[[Console], None]", *, json: bool, quiet: str | None = None) -> None:
    """Print a result once, in the form that was asked for.

    Args:
        payload: What --json prints.
        human: Prints the same for people.
        json: Whether --json was given.
        quiet: What to print instead of the table with --quiet; None without it.
    """
    if json:
        print_json(payload)
    elif quiet is not None:
        print(_seen(quiet) if sys.stdout.isatty() else quiet)
    else:
        human(console())


def print_json(payload: object) -> None:
    """Print one JSON object; what has no value (NaN, infinity) becomes null."""
    print(json.dumps(_finite(payload), indent=2, allow_nan=False))


def _finite(value: Any) -> Any:  # noqa: ANN401 - any tree of JSON values
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def console() -> "Console":
    """A console on stdout. Nothing is taken for markup, and plain lines are never cropped or broken."""
    from rich.console import Console
    from rich.text import Text

    class Plain(Console):
        """Shows what is in a text, and obeys nothing in it."""

        def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - as rich has them
            return super().render_str(_seen(text), **options)

    return Plain(markup=False, highlight=False, emoji=False, soft_wrap=True)


def _seen(text: str) -> str:
    """A text for people."""
    return printable(text, keep="\n\t")


def tell(text: str) -> None:
    """Print a line for people on stderr, whatever stdout is for."""
    print(_seen(text), file=sys.stderr, flush=True)


def prose(screen: "Console", text: str, style: str | None = None) -> None:
    """Print sentences, broken between words at the screen's width."""
    screen.print(text, style=style, soft_wrap=False)


def aligned(lines: Sequence[Sequence[str]], width: int, left: int = 0) -> list[str]:
    """Lines of cells as text with columns of equal width; a lean gap between them if it would not fit else.

    >>> aligned([("net", "ms"), ("a", "10.5")], 80, left=1)
    ['net    ms', 'a    10.5']

    Args:
        lines: Equally many cells each.
        width: Of the screen, characters.
        left: So many columns are aligned to the left, the rest to the right.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    gap = "  " if sum(widths) + 2 * len(widths) <= width else " "
    return [
        gap.join(
            cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]


def table(*headers: str) -> "Table":
    """A table without rules: the first column stays whole, the others wrap, nothing is cut."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for i, header in enumerate(headers):
        made.add_column(header, vertical="top", overflow="fold", no_wrap=i == 0)
    return made


@contextmanager
def progress(quiet: bool) -> "Iterator[Progress]":
    """A function to report progress to: a bar on stderr, on a terminal only."""
    from rich.console import Console

    screen = Console(stderr=True)
    if quiet or not screen.is_terminal or not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, TimeElapsedColumn(), console=screen, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda what, done, total: bar.update(task, description=_seen(what), completed=done, total=total)
