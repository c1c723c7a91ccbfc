"""Put the figures of results/ into the README and the documents.

    python -m benchmarks.prose            # writes them
    python -m benchmarks.prose --check    # says which are out of date, and changes nothing

A figure stands between two comments, which no reader of the rendered page sees:

    errs by <!-- figure: regret.macs -->1.04<!-- /figure --> points

and a table, or a block of output, on lines of their own between `<!-- table: NAME -->` and `<!-- /table -->`. The names
are those of `prose_figures.FIGURES` and `prose_tables.TABLES`.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.prose_figures import FIGURES
from benchmarks.prose_tables import TABLES
from benchmarks.script import Arguments, exit_code, parser
from zeroshot.errors import DataError
from zeroshot.runs.files import write_file

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").glob("*.md")))

Makers = Mapping[str, Callable[[], str]]

FIGURE = re.compile(r"<!-- figure: (?P<name>[^ ]+) -->(?P<shown>(?:(?!<!--).)*)<!-- /figure -->")
TABLE = re.compile(r"^<!-- table: (?P<name>[^ ]+) -->\n(?P<shown>(?:(?!<!--).*\n)*?)<!-- /table -->$", re.MULTILINE)
ANY = re.compile(r"<!-- /?(?:figure|table)\b")
# Markdown takes a line that begins with a comment for HTML and leaves all of it as it is.
AT_THE_START = re.compile(r"^\s*(?:[-*>]\s+|\d+\.\s+)?<!-- figure", re.MULTILINE)


class ProseError(Exception):
    """A page has marks that cannot be filled."""


def filled(page: str, figures: Makers = FIGURES, tables: Makers = TABLES) -> str:
    """A page with every figure and table as results/ has it.

    Raises:
        ProseError: A mark is not closed, names something unknown, or stands where Markdown would show it badly.
    """
    whole = len(FIGURE.findall(page)) + len(TABLE.findall(page))
    if len(ANY.findall(page)) != 2 * whole:
        raise ProseError("A figure or table is not closed, or a table does not stand on lines of its own.")
    if AT_THE_START.search(page):
        raise ProseError("A figure stands at the start of a line: move a word before it.")
    page = FIGURE.sub(
        lambda mark: f"<!-- figure: {mark['name']} -->{_made(figures, mark['name'])}<!-- /figure -->", page
    )
    return TABLE.sub(
        lambda mark: f"<!-- table: {mark['name']} -->\n\n{_made(tables, mark['name'])}\n\n<!-- /table -->", page
    )


def _made(makers: Makers, name: str) -> str:
    if name not in makers:
        raise ProseError(f"There is no {name!r}.")
    return makers[name]()


def names(page: str) -> list[str]:
    """The names of the figures and tables of a page."""
    return [mark["name"] for kind in (FIGURE, TABLE) for mark in kind.finditer(page)]


def main(arguments: Arguments = None) -> None:
    options = parser("prose", __doc__)
    options.add_argument("--check", action="store_true", help="write nothing; fail where a page would change")
    check = options.parse_args(arguments).check
    stale = []
    for path in PAGES:
        page, name = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
        try:
            new = filled(page)
        except (ProseError, LookupError) as error:
            raise DataError(f"{name}: {error}", "Correct the mark, or the table that it names.") from error
        if new != page:
            stale.append(name)
            if not check:
                write_file(path, new)
    if stale and check:
        raise DataError(f"Not as results/ has it: {', '.join(stale)}.", "Run: python -m benchmarks.prose")
    print(f"{len(PAGES)} pages, {len(stale)} changed.")


if __name__ == "__main__":
    sys.exit(exit_code(main))
