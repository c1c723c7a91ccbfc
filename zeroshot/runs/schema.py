"""What TOML files hold, as dataclasses: types and ranges stand at the fields, msgspec checks them."""

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Meta, ValidationError, convert

from zeroshot.errors import UsageError, unknown

T = TypeVar("T")

_LARGEST = sys.float_info.max
Finite = Annotated[float, Meta(ge=-_LARGEST, le=_LARGEST, description="a finite number")]
Positive = Annotated[float, Meta(gt=0, le=_LARGEST, description="a positive number")]
PositiveOrNone = Annotated[Positive | None, Meta(description="a positive number")]


def between(least: float, most: float, what: str = "a number") -> Meta:
    """A range that a figure can have, for an error."""
    return Meta(ge=least, le=most, description=f"{what} from {least:g} to {most:g}")


Share = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
Bytes = Annotated[int, Meta(gt=0, description="whole bytes, more than 0")]
_WORDS: dict[Any, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def parse_toml(text: str, where: str, hint: str = "Correct that line.") -> dict[str, Any]:
    """What the text of a TOML file holds.

    Args:
        text: Of the file.
        where: The file, for errors.
        hint: What to do then.

    Raises:
        UsageError: It is no TOML.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not valid TOML: {error}.", hint) from error


def read_as(kind: type[T], values: Mapping[str, Any], where: str, hint: str = "", **known: object) -> T:
    """A dataclass from a table of a file; fields may be dataclasses, tuples and mappings in turn.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Clock:
    ...     mhz: Positive
    >>> read_as(Clock, {"mhz": 64}, "mine.toml")
    Clock(mhz=64.0)

    Args:
        kind: The dataclass.
        values: As read; a key for each field that has no default, and no other.
        where: The file, for errors.
        hint: What to do about a value that is refused.
        known: Values of fields that are none of the file's keys.

    Raises:
        UsageError: A key is missing or unknown, or a value is not what its field takes; file and key are named.
    """
    return _table(kind, values, (where, hint), "", known)


def _table(
    kind: type[T], values: Mapping[str, Any], about: tuple[str, str], path: str, known: Mapping[str, object]
) -> T:
    where, hint = about
    keys = {each.name: each for each in fields(kind) if each.name not in known}  # type: ignore[arg-type]
    prefix, place = (f"{path}.", f"{path} of {where}") if path else ("", where)
    for key in values:
        if key not in keys:
            raise unknown("key", key, keys, f"In {place}.")
    needed = [key for key, each in keys.items() if each.default is MISSING and each.default_factory is MISSING]
    for key in needed:
        if key not in values:
            raise UsageError(f"{where} lacks the key {prefix}{key}.", hint or f"It needs {', '.join(needed)}.")
    types = get_type_hints(kind, include_extras=True)
    return kind(**known, **{key: _value(types[key], value, about, f"{prefix}{key}") for key, value in values.items()})


def _value(kind: Any, value: Any, about: tuple[str, str], path: str) -> Any:  # noqa: ANN401 - types, parts of files
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    parts = get_args(plain)
    if isinstance(value, Mapping):
        if isinstance(plain, type) and is_dataclass(plain):
            return _table(plain, value, about, path, {})
        if get_origin(plain) is dict:
            value = {key: _value(parts[1], each, about, f"{path}.{key}") for key, each in value.items()}
    elif isinstance(value, list) and get_origin(plain) is tuple and parts[1:] == (...,):
        value = [_value(parts[0], each, about, f"{path}[{i}]") for i, each in enumerate(value)]
    try:
        return convert(value, kind)
    except ValidationError:
        where, hint = about
        raise UsageError(f"{path} in {where} must be {_words(kind, plain)}, not {value!r}.", hint) from None


def _words(kind: Any, plain: Any) -> str:  # noqa: ANN401 - types
    """What a value must be, for people."""
    described = [each.description for each in get_args(kind) if isinstance(each, Meta) and each.description]
    if described:
        return described[0]
    if get_origin(plain) is tuple:
        parts = get_args(plain)
        return "a list" if parts[1:] == (...,) else f"a list of {len(parts)} numbers"
    return _WORDS.get(plain, "a table")
