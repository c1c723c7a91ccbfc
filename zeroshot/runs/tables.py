"""Rows that are dataclasses: as CSV and plain mappings, and back; as a data frame and as HTML."""

import csv
import html
import io
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from math import isfinite
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from zeroshot.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

T = TypeVar("T")
UNKNOWN = "unknown"  # in the metadata of a field of numbers: NaN stands for one that nobody knows
Column = tuple[str, str]  # its name, and the path of the attribute that it holds


@dataclass(frozen=True)
class Table(Generic[T]):
    """How rows of one type are written: equal rows give equal bytes, floats keep every digit.

    Attributes:
        row: A dataclass, whose attributes may be dataclasses in turn.
        columns: In their order; by default a column for each field, by its name.
        prefix: Field that is a mapping name -> float -> what the names of its columns start with.
    """

    row: type[T]
    columns: tuple[Column, ...] = ()
    prefix: Mapping[str, str] = field(default_factory=dict)

    def plain(self, row: T) -> dict[str, Any]:
        """Column -> plain value, in the order of the columns."""
        found: dict[str, Any] = {}
        for name, path in self._columns():
            value = attrgetter(path)(row)
            found |= {f"{self.prefix[path]}{key}": each for key, each in value.items()} if path in self.prefix else {
                name: value
            }  # fmt: skip
        return found

    def names(self, rows: Sequence[T]) -> list[str]:
        """Names of the columns of some rows; of a field that is a mapping only rows tell them."""
        return (
            list(self.plain(rows[0])) if rows else [name for name, path in self._columns() if path not in self.prefix]
        )

    def to_csv(self, rows: Sequence[T]) -> str:
        """CSV text with a header; "" without rows."""
        buffer = io.StringIO()
        if rows:
            lines = [self.plain(row) for row in rows]
            writer = csv.DictWriter(buffer, self.names(rows), lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
        return buffer.getvalue()

    def from_csv(self, text: str) -> list[T]:
        """Rows of CSV text; a column that an older version did not write has its attribute's default.

        Raises:
            ValueError: A column without a default is missing, or a cell is not of its column's type.
        """
        try:
            lines = list(csv.DictReader(io.StringIO(text)))
        except csv.Error as error:
            raise ValueError(str(error)) from error
        return [self._parsed(cells, number) for number, cells in enumerate(lines, 1)]

    def _columns(self) -> tuple[Column, ...]:
        return self.columns or tuple((each.name, each.name) for each in fields(self.row))  # type: ignore[arg-type]

    def _parsed(self, cells: Mapping[str | Any, str | Any], number: int) -> T:
        tree: dict[str, Any] = {}
        if None in cells:
            raise ValueError(f"row {number} has more cells than there are columns")
        for name, path in self._columns():
            if path in self.prefix:
                start = self.prefix[path]
                tree[path] = {key.removeprefix(start): cell for key, cell in cells.items() if key.startswith(start)}
                continue
            if name not in cells and _has_default(self.row, path):
                continue
            if cells.get(name) is None:
                raise ValueError(f"row {number} has no column {name}")
            *above, leaf = path.split(".")
            inner = tree
            for each in above:
                inner = inner.setdefault(each, {})
            inner[leaf] = cells[name]
        return _made(self.row, tree, f"row {number}")


class Rows(list[T]):
    """Rows of one table: a list that a notebook shows as a table, and that becomes a data frame."""

    def __init__(self, table: Table[T], rows: Iterable[T] = ()) -> None:
        super().__init__(rows)
        self.table = table

    def plain(self) -> list[dict[str, Any]]:
        """Each row as column -> plain value."""
        return [self.table.plain(row) for row in self]

    def to_csv(self) -> str:
        """As CSV text with a header."""
        return self.table.to_csv(self)

    def to_pandas(self) -> "DataFrame":
        """As a data frame, a column for each of the table's.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError:
            raise UsageError("A data frame needs pandas, which is not installed.", "pip install pandas") from None
        return DataFrame(self.plain(), columns=self.table.names(self))

    def _repr_html_(self) -> str:
        """As notebooks show it."""
        names = self.table.names(self)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        lines = ("".join(f"<td>{html.escape(_shown(row[name]))}</td>" for name in names) for row in self.plain())
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def as_html(title: str, rows: Rows[Any], remarks: Iterable[str]) -> str:
    """A result as notebooks show it: a title, its table, and what the user should know."""
    notes = "".join(f"<p>{html.escape(each)}</p>" for each in remarks)
    return f"<p><b>{html.escape(title)}</b></p>{rows._repr_html_()}{notes}"


def _shown(value: object) -> str:
    """A cell for people: four digits of a fraction, nothing for None."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _has_default(row: type[Any], path: str) -> bool:
    """Whether a row can be made without an attribute of it, or of a dataclass in it."""
    name, _, rest = path.partition(".")
    if rest:
        return _has_default(get_type_hints(row)[name], rest)
    return any(each.name == name and each.default is not MISSING for each in fields(row))


def _made(row: type[T], values: Mapping[str, Any], where: str) -> T:
    """A dataclass of cells."""
    import msgspec

    hints = get_type_hints(row)
    found: dict[str, Any] = {}
    for each in fields(row):  # type: ignore[arg-type]
        if each.name not in values:
            continue  # the default stands
        kind, value = hints[each.name], values[each.name]
        if isinstance(kind, type) and is_dataclass(kind):
            found[each.name] = _made(kind, value, where)
            continue
        if value == "" and _may_be_none(kind):
            value = None
        if value is not None and _is_union(kind) and {float, str} <= set(get_args(kind)):
            found[each.name] = _number(value)
            continue
        try:
            found[each.name] = msgspec.convert(value, _lenient(kind), strict=False)
        except msgspec.ValidationError:
            raise ValueError(f"{where} has {value!r} for {each.name}") from None
        if isinstance(found[each.name], float) and not isfinite(found[each.name]) and UNKNOWN not in each.metadata:
            raise ValueError(f"{where} has {value!r} for {each.name}, which is no number")
    return row(**found)


def _number(text: str) -> float | int | str:
    """The number that a text is, or the text: a threshold may be several numbers, or the word inf."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if isfinite(number) and repr(number) == text else text
    return text


def _may_be_none(kind: Any) -> bool:  # noqa: ANN401 - a type
    return _is_union(kind) and type(None) in get_args(kind)


def _is_union(kind: Any) -> bool:  # noqa: ANN401 - a type
    return get_origin(kind) in (Union, types.UnionType)


def _lenient(kind: Any) -> Any:  # noqa: ANN401 - types
    """A mapping as msgspec knows it."""
    return dict[str, float] if get_origin(kind) is Mapping else kind
