"""What all scripts share: where results lie, the data that they need, their parser, tables, and errors in words."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from zeroshot.errors import DataError, ZeroshotError

RESULTS = Path(__file__).with_name("results")
Arguments = Sequence[str] | None  # None: those of the command line


def parser(name: str, about: str | None) -> argparse.ArgumentParser:
    """A parser that shows the module's docstring as it stands.

    Args:
        name: Of the module below `benchmarks`.
        about: Its docstring.
    """
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def data_folder(*needed: str) -> Path:
    """The folder of published data and measurements, which the environment names.

    Args:
        needed: Folders in it.

    Raises:
        DataError: ZEROSHOT_DATA is not set, or one of them is not there.
    """
    hint = f"It names the folder that holds {' and '.join(f'{name}/' for name in needed)}."
    root = os.environ.get("ZEROSHOT_DATA")
    if not root:
        raise DataError("ZEROSHOT_DATA is not set.", hint)
    missing = [name for name in needed if not (Path(root) / name).is_dir()]
    if missing:
        raise DataError(f"ZEROSHOT_DATA is {root}, where there is no {missing[0]}/.", hint)
    return Path(root)


def exit_code(main: Callable[[Arguments], None], arguments: Arguments = None) -> int:
    """Run a script's `main`; an error of the package is printed with its hint and becomes an exit code."""
    try:
        main(arguments)
    except ZeroshotError as error:
        print(*filter(None, (error.message, error.hint)), sep="\n", file=sys.stderr)
        return error.exit_code
    return 0


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *(f"| {' | '.join(row)} |" for row in rows)]


def show(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table below its title."""
    print(f"\n## {title}\n", *table(heads, rows), sep="\n")
