"""Declared options of the engine's stages as options of commands."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from zeroshot.options import Numbers, Option, Options, first_option, nested, types_of
from zeroshot.units import Quantity

from ._config import variable
from ._dialect import flag_of

NAMES = tuple[str, ...]


def takes(
    stage: type[Options], *, only: Iterable[str] | None = None, settings: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the declared options of a stage, in one argument called `options`.

    The command is written as `def train(ctx, run, options, force=False)`; its own parameters keep their places, and
    where `options` stands, the declared ones do. It is called with the stage's checked object.

    Args:
        stage: Whose options they are.
        only: Names of those that the command has; by default all.
        settings: Whether each can also be set by an environment variable.
    """

    def wrap(command: Callable[..., None]) -> Callable[..., None]:
        declared = stage.declared()
        names = list(declared if only is None else only)
        made = [_parameter(stage, name, declared[name], settings) for name in names]

        @functools.wraps(command)
        def wrapped(**given: Any) -> None:  # noqa: ANN401 - what typer parsed
            options = stage.of({name: _joined(given.pop(name), types_of(stage)[name]) for name in names})
            command(options=options, **given)

        own = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for each in own.parameters.values():
            parameters += made if each.name == "options" else [each.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
        wrapped.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
        del wrapped.__wrapped__  # typer reads type hints through it
        return wrapped

    return wrap


def _parameter(stage: type[Options], name: str, declared: Option, setting: bool) -> inspect.Parameter:
    kind, default = types_of(stage)[name], getattr(stage, name)
    about: dict[str, Any] = {"help": declared.help, "rich_help_panel": declared.panel, "show_default": True}
    if declared.shown is not None:
        about["show_default"] = declared.shown
    elif default is None:
        about["show_default"] = False
    if setting:
        about |= {"envvar": variable(name), "show_envvar": False}
    flag = declared.flag or flag_of(declared.one or name)
    if kind in (bool, bool | None):
        flag = flag if declared.flag or default is False else f"{flag}/{flag_of(f'no_{name}')}"
        about |= {"metavar": ""} if "/" not in flag else {}
    else:
        about |= {"metavar": declared.metavar}
    text = ",".join(default) if kind == NAMES and not declared.one else default
    parsed: Any = list[str] if declared.one else _parsed(kind)
    annotation: Any = Annotated[parsed, typer.Option(flag, **about)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=text, annotation=annotation)


def _joined(value: object, kind: Any) -> object:  # noqa: ANN401 - a type
    """Names of an option that may be repeated, as one that is not has them; names with numbers as they are."""
    if kind == Numbers | None:
        return value or None
    return ",".join(value) if isinstance(value, list) else value


def _parsed(kind: Any) -> Any:  # noqa: ANN401 - types
    """What the command line parses: quantities and lists of names are text there, of nested options the first."""
    inner = nested(kind)
    if inner is not None:
        return first_option(inner)[1] | None
    if kind == Quantity:
        return str | None
    return str if kind in (NAMES, object) else kind
