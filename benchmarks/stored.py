"""Reading what the scripts of this folder left in results/: tables, CSV files, and words between them."""

import csv
import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from zeroshot.constants import shipped

RESULTS = Path(__file__).with_name("results")

Row = Mapping[str, str]


@functools.cache
def text(name: str) -> str:
    """A file of results/."""
    return (RESULTS / name).read_text(encoding="utf-8")


@functools.cache
def records(name: str) -> tuple[Row, ...]:
    """The rows of a CSV file of results/."""
    with (RESULTS / name).open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def record(name: str, **wanted: str) -> Row:
    """The one row of a CSV file with these values.

    Raises:
        LookupError: No row has them, or several.
    """
    found = [row for row in records(name) if all(row[key] == value for key, value in wanted.items())]
    if len(found) != 1:
        raise LookupError(f"{len(found)} rows of {name} have {wanted}.")
    return found[0]


@functools.cache
def section(name: str, heading: str) -> str:
    """What stands under the one heading that begins so, up to the next heading of whatever depth.

    Raises:
        LookupError: No heading begins so, or several do.
    """
    under = re.findall(rf"^#+ {re.escape(heading)}.*\n((?:(?!#).*\n|\n)*)", text(name), flags=re.MULTILINE)
    if len(under) != 1:
        raise LookupError(f"{len(under)} headings of {name} begin with {heading!r}.")
    return str(under[0])


def blocks(words: str) -> list[list[Row]]:
    """Every Markdown table: its rows, heading -> cell.

    Of columns with one heading the last has that name, those before it "heading (1)", "heading (2)" and so on.
    """
    all_of_them: list[list[Row]] = []
    for block in re.findall(r"(?:^\|.*\n?)+", words, flags=re.MULTILINE):
        given, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        heads = [h if h not in given[i + 1 :] else f"{h} ({given[:i].count(h) + 1})" for i, h in enumerate(given)]
        all_of_them.append([dict(zip(heads, row, strict=True)) for row in body])
    return all_of_them


def tables(words: str) -> list[dict[str, Row]]:
    """The same by the first cell of each row."""
    return [{next(iter(row.values())): row for row in rows} for rows in blocks(words)]


def cell(name: str, heading: str, row: str, column: str, table: int = 0) -> str:
    """One cell of the tables under a heading; an empty heading stands for the whole file.

    Raises:
        LookupError: There is no such heading, table, row or column.
    """
    words = section(name, heading) if heading else text(name)
    try:
        return tables(words)[table][row][column]
    except (KeyError, IndexError) as error:
        raise LookupError(f"{name}, {heading!r}, table {table}: no {row!r} with {column!r}.") from error


def found(name: str, pattern: str) -> tuple[str, ...]:
    """The groups of the one place of a file that a regular expression fits.

    Raises:
        LookupError: It fits nowhere, or in several places.
    """
    matches = list(re.finditer(pattern, text(name)))
    if len(matches) != 1:
        raise LookupError(f"{pattern!r} fits {len(matches)} places of {name}.")
    return matches[0].groups()


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fitted() -> str:
    """Date of the shipped constants, kept with what was expected by them."""
    return str(shipped()["provenance"]["date"])
