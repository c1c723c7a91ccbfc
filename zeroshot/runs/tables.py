"""Rows that are dataclasses as CSV and as plain mappings, and back."""

import csv
import io
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from math import isfinite
from operator import attrgetter
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
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

    def to_csv(self, rows: Sequence[T]) -> str:
        """CSV text with a header; "" without rows."""
        buffer = io.StringIO()
        if rows:
            lines = [self.plain(row) for row in rows]
            writer = csv.DictWriter(buffer, list(lines[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
        return buffer.getvalue()

    def from_csv(self, text: str) -> list[T]:
        """Rows of CSV text.

        Raises:
            ValueError: A column is missing, or a cell is not of its column's type.
        """
        return [self._parsed(cells, number) for number, cells in enumerate(csv.DictReader(io.StringIO(text)), 1)]

    def _columns(self) -> tuple[Column, ...]:
        return self.columns or tuple((each.name, each.name) for each in fields(self.row))  # type: ignore[arg-type]

    def _parsed(self, cells: Mapping[str | Any, str | Any], number: int) -> T:
        tree: dict[str, Any] = {}
        for name, path in self._columns():
            if path in self.prefix:
                start = self.prefix[path]
                tree[path] = {key.removeprefix(start): cell for key, cell in cells.items() if key.startswith(start)}
                continue
            if cells.get(name) is None:
                raise ValueError(f"row {number} has no column {name}")
            *above, leaf = path.split(".")
            inner = tree
            for each in above:
                inner = inner.setdefault(each, {})
            inner[leaf] = cells[name]
        return _made(self.row, tree, f"row {number}")


def _made(row: type[T], values: Mapping[str, Any], where: str) -> T:
    """A dataclass of cells."""
    import msgspec

    found: dict[str, Any] = {}
    hints = get_type_hints(row)
    for each in fields(row):  # type: ignore[arg-type]
        kind, value = hints[each.name], values[each.name]
        if isinstance(kind, type) and is_dataclass(kind):
            found[each.name] = _made(kind, value, where)
            continue
        if value == "" and _may_be_none(kind):
            value = None
        try:
            converted = msgspec.convert(value, _lenient(kind), strict=False)
        except msgspec.ValidationError:
            raise ValueError(f"{where} has {value!r} for {each.name}") from None
        either = isinstance(converted, str) and float in get_args(kind)
        found[each.name] = _number_or_text(converted) if either else converted
    return row(**found)


def _number_or_text(cell: str) -> float | str:
    """A finite number, a whole one as such, or the cell as it is: msgspec leaves it text where both may stand."""
    try:
        number = float(cell)
    except ValueError:
        return cell
    if not isfinite(number):
        return cell
    return int(cell) if cell.lstrip("-").isdigit() else number


def _may_be_none(kind: Any) -> bool:  # noqa: ANN401 - a type
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def _lenient(kind: Any) -> Any:  # noqa: ANN401 - types
    """A mapping as msgspec knows it."""
    return dict[str, float] if get_origin(kind) is Mapping else kind
