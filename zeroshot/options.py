"""Options of a stage, each declared once: a field with its default, its help, its unit and its check.

The Python call, the command line, a TOML file, the environment and the stored config of a run are all made from the
one dataclass of a stage. Types are checked by msgspec, which starts in a third of pydantic's time and needs no model
classes beside these dataclasses. Modules that declare options import nothing heavy: the command line reads them all.
"""

import dataclasses
import functools
import inspect
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from types import NoneType
from typing import Any, Self, TypeVar, get_args, get_type_hints

from zeroshot.errors import UsageError, unknown
from zeroshot.units import Quantity, to_bytes, to_count, to_mj, to_ms, to_mw, to_mwh, to_volts

R = TypeVar("R")
Numbers = dict[str, float]
KEY = "option"  # of a field's metadata
RUN = "Run and output"  # the panel of what every command has
EXPECTED: dict[Any, str] = {
    str: 'text, like "nucleo-f446re"',
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Quantity: 'a quantity, like "50ms"',
    tuple[str, ...]: 'a list of names, like ["zico", "params"]',
    Numbers: 'names with numbers, like {"cat": 0.1}',
}
UNITS: dict[str, Callable[[Quantity, str], float]] = {
    "size": to_bytes, "time": to_ms, "energy": to_mj, "count": to_count, "power": to_mw, "voltage": to_volts,
    "battery": to_mwh,
}  # fmt: skip


@dataclass(frozen=True)
class Option:
    """What is known of an option beside its name, type and default.

    Attributes:
        help: One line for people.
        metavar: What stands for the value in a command's help.
        panel: Heading that it stands under there.
        least: Smallest value.
        most: Largest value.
        above: What the value must be larger than.
        below: What the value must be smaller than.
        unit: Of a quantity, one of `UNITS`.
        names: Gives the known names; called only to check a value, so that it may import what it needs.
        shown: What stands for a default of None in a command's help.
        flag: How the command line spells it, where that is not by its name: "--verify/--no-verify".
        one: What one of several names is called. The command line may then repeat the option, by this name.
    """

    help: str
    metavar: str = ""
    panel: str = "Options"
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    unit: str | None = None
    names: Callable[[], Iterable[str]] | None = None
    shown: str | None = None
    flag: str | None = None
    one: str | None = None


def option(default: Any, help: str, **about: Any) -> Any:  # noqa: ANN401 - a dataclass field of any type
    """Declare an option: a dataclass field. Arguments as the attributes of `Option`."""
    return dataclasses.field(default=default, metadata={KEY: Option(help, **about)})


@dataclass(frozen=True)
class Options:
    """Base of the options of a stage; values are checked when it is made.

    An option may have options itself: a field whose type is another such class. It takes one of these, a mapping of
    their options, or the value of their first one.

    Raises:
        UsageError: A value of the wrong type, out of its range, or an unknown name.
    """

    def __post_init__(self) -> None:
        """Check every field; lists and comma-separated names become tuples, paths text."""
        for name, declared in self.declared().items():
            value = _checked(name, getattr(self, name), types_of(type(self))[name], declared)
            object.__setattr__(self, name, value)

    @classmethod
    def declared(cls) -> dict[str, Option]:
        """Name -> option, in the order of the fields; what a class inherits comes after its own."""
        own = inspect.get_annotations(cls)
        fields = sorted(dataclasses.fields(cls), key=lambda each: each.name not in own)
        return {each.name: each.metadata[KEY] for each in fields if KEY in each.metadata}

    @classmethod
    def of(cls, values: Mapping[str, object], where: str = "") -> Self:
        """Options from a mapping.

        Args:
            values: Name -> value; names may have dashes.
            where: For messages: where the values come from.

        Raises:
            UsageError: An unknown option, or a value that is refused.
        """
        return cls(**cls.checked(values, where))

    @classmethod
    def checked(cls, values: Mapping[str, object], where: str = "") -> dict[str, Any]:
        """Some of the options, each checked by itself; arguments and errors as `of`."""
        known, types = cls.declared(), types_of(cls)
        found = {}
        for key, value in values.items():
            name = key.replace("-", "_")
            name = f"{name}_" if iskeyword(name) else name
            if name not in known:
                raise unknown("option", key, known, where)
            try:
                found[name] = _checked(name, value, types[name], known[name])
            except UsageError as error:
                raise UsageError(error.message, f"{error.hint} {where}".strip()) from None
        return found

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Options of a TOML file; errors as `read_toml` and `of`."""
        return cls.of(read_toml(path), f"In {path}.")

    def values(self) -> dict[str, Any]:
        """As a mapping of plain values, for a stored config; tuples become lists."""
        return {name: _plain(getattr(self, name)) for name in self.declared()}


def spelled(name: str) -> str:
    """How an option is called outside of Python, where `from` is a word as any other.

    >>> spelled("from_"), spelled("per_net")
    ('from', 'per_net')
    """
    return name.removesuffix("_")


def left_open(stage: type[Options], name: str, said: str = "", **about: Any) -> Any:  # noqa: ANN401 - a field
    """An option of another class where None is its default there, or what is being resumed, or what `said` tells.

    Args:
        stage: Where it is declared.
        name: Of the option.
        said: What stands for the default of None in a command's help.
        about: What is otherwise than there.
    """
    declared, default = stage.declared()[name], getattr(stage, name)
    shown = said or declared.shown or (name if default is True else str(default))
    return dataclasses.field(default=None, metadata={KEY: dataclasses.replace(declared, shown=shown, **about)})


def taken_over(stage: type[Options], name: str, **about: Any) -> Any:  # noqa: ANN401 - a field
    """An option of another class, default and all; arguments as `left_open`."""
    declared = dataclasses.replace(stage.declared()[name], **about)
    return dataclasses.field(default=getattr(stage, name), metadata={KEY: declared})


def types_of(cls: type[Options]) -> dict[str, Any]:
    """Name -> type of the declared options."""
    hints = get_type_hints(cls)
    return {name: hints[name] for name in cls.declared()}


def nested(kind: Any) -> type[Options] | None:  # noqa: ANN401 - a type
    """The class of an option that has options itself; None for any other."""
    found = [each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, Options)]
    return found[0] if found else None


def first_option(stage: type[Options]) -> tuple[str, Any]:
    """Name and type of the option that a bare value stands for."""
    return next(iter(types_of(stage).items()))


def read_toml(path: str | Path) -> dict[str, Any]:
    """What a TOML file holds.

    Raises:
        UsageError: It cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read the config file {path}: {error.strerror}.", "Check the path.") from error
    except (ValueError, RecursionError) as error:  # no TOML, bytes that are no text, a null byte in the path
        raise UsageError(f"{path} is not valid TOML: {error}.", "Correct that line.") from error


def _checked(name: str, value: object, kind: Any, declared: Option) -> object:  # noqa: ANN401 - a type
    import msgspec

    inner = nested(kind)
    if inner is not None:
        return None if value is None and NoneType in get_args(kind) else _made(name, value, inner)
    if kind is object:  # a data set, a folder: whoever uses it says what is wrong with it
        _check_text(name, value)
        return value
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if kind == tuple[str, ...] and isinstance(value, str):
        value = [word.strip() for word in value.split(",") if word.strip()]
    if kind in (Numbers, Numbers | None) and isinstance(value, list | tuple):
        value = _numbers(name, value)
    try:
        found: object = msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError:
        raise UsageError(f"`{name}` is {value!r}.", f"It must be {_expected(kind)}.") from None
    _check_text(name, found)
    if found is not None:
        _check_range(name, found, declared)
        _check_meaning(name, found, declared)
    return found


def _numbers(name: str, words: Iterable[object]) -> Numbers | None:
    """Numbers by their names from texts like `cat=0.1`; None without any."""
    found = {}
    for word in words:
        key, _, number = str(word).rpartition("=")
        try:
            found[key.strip()] = float(number)
        except ValueError:
            raise UsageError(f"`{name}` is {word!r}.", "It must be a name with a number, like cat=0.1.") from None
    return found or None


def _check_text(name: str, value: object) -> None:
    """No name, and no path, has a null byte; the system would refuse it in words of its own."""
    for each in value if isinstance(value, tuple) else (value,):
        if isinstance(each, str) and "\0" in each:
            raise UsageError(f"`{name}` is {value!r}, with a null byte in it.", "Leave it out.")


def _made(name: str, value: object, stage: type[Options]) -> Options:
    """Options from whatever stands for them."""
    if isinstance(value, stage):
        return value
    if isinstance(value, Mapping):
        return stage.of(value, f"In `{name}`.")
    first, kind = first_option(stage)
    return stage(**{first: _checked(name, value, kind, stage.declared()[first])})


def _plain(value: object) -> object:
    if isinstance(value, Options):
        return value.values()
    return list(value) if isinstance(value, tuple) else value


def _expected(kind: Any) -> str:  # noqa: ANN401 - a type
    for each, words in EXPECTED.items():
        if kind == each or kind == each | None:
            return words
    raise TypeError(f"no words for the type {kind}")


def _check_range(name: str, value: Any, declared: Option) -> None:  # noqa: ANN401 - a number where there is a range
    # Written so that NaN fails.
    if declared.least is not None and not value >= declared.least:
        raise UsageError(f"`{name}` must be at least {declared.least:g}, not {value}.", "Give a larger number.")
    if declared.above is not None and not value > declared.above:
        raise UsageError(f"`{name}` must be above {declared.above:g}, not {value}.", "Give a larger number.")
    if declared.most is not None and not value <= declared.most:
        raise UsageError(f"`{name}` must be at most {declared.most:g}, not {value}.", "Give a smaller number.")
    if declared.below is not None and not value < declared.below:
        raise UsageError(f"`{name}` must be below {declared.below:g}, not {value}.", "Give a smaller number.")


def _check_meaning(name: str, value: Any, declared: Option) -> None:  # noqa: ANN401 - as the option has it
    if declared.unit is not None:
        UNITS[declared.unit](value, f"`{name}`")
    if declared.names is not None:
        known = list(declared.names())
        for each in value if isinstance(value, tuple) else (value,):
            if each not in known:
                raise unknown(declared.one or name.replace("_", " "), each, known)


def takes_options(stage: type[Options], *by_place: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Let a function of a stage's options be called with the options themselves.

    Of `def train(run, options, *, force=False)` it makes `train("runs/a", top=1, epochs=20, force=True)`; where the
    argument in the options' place is an object of the stage, that is taken, with what is named beside it changed.
    Signature and docstring show each option.

    Args:
        stage: Whose options they are.
        by_place: Names of those that may be given without their names.
    """

    def wrap(function: Callable[..., R]) -> Callable[..., R]:
        parameters = list(inspect.signature(function).parameters.values())
        place = [each.name for each in parameters].index("options")
        first, own = parameters[:place], parameters[place + 1 :]

        @functools.wraps(function)
        def wrapped(*args: Any, **given: Any) -> R:  # noqa: ANN401 - what the options take
            rest = {each.name: given.pop(each.name) for each in [*first, *own] if each.name in given}
            before, values = args[:place], args[place:]
            base: dict[str, object] = {}
            if values and isinstance(values[0], stage):
                base, values = vars(values[0]), values[1:]
            if len(values) > (0 if base else len(by_place)):
                raise UsageError(f"`{function.__name__}` got {len(args)} values without names.", "Name the others.")
            options = stage.of(base | dict(zip(by_place, values, strict=False)) | given)
            return function(*before, options=options, **rest)

        wrapped.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [*first, *_parameters(stage, by_place), *own],
            return_annotation=inspect.signature(function).return_annotation,
        )
        lines = "\n".join(f"        {name}: {each.help}" for name, each in stage.declared().items())
        wrapped.__doc__ = re.sub(
            r"^ +options: .*$", lambda _: lines, function.__doc__ or "", count=1, flags=re.MULTILINE
        )
        return wrapped

    return wrap


def _parameters(stage: type[Options], by_place: tuple[str, ...]) -> list[inspect.Parameter]:
    kinds, names = types_of(stage), [*by_place, *(name for name in stage.declared() if name not in by_place)]
    places = {name: inspect.Parameter.POSITIONAL_OR_KEYWORD for name in by_place}
    return [
        inspect.Parameter(
            name, places.get(name, inspect.Parameter.KEYWORD_ONLY), default=getattr(stage, name), annotation=kinds[name]
        )
        for name in names
    ]
