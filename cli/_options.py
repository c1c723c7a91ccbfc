"""Options that the command line alone has, and what commands do with theirs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from ._dialect import flag_of

# Stored nets and scores lie beside the code that was cloned; no wheel has them.
SOURCE = Path(__file__).resolve().parents[1]
SHIPPED = "that of the source folder"


def option(name: str, metavar: str, text: str, **more: Any) -> Any:  # noqa: ANN401 - as typer.Option
    """An option of the command line alone."""
    return typer.Option(name, metavar=metavar, help=text, **more)


def typed(ctx: typer.Context, names: Iterable[str]) -> list[str]:
    """The words of those of these parameters that were typed: for a command that goes on where this one stopped."""
    out = []
    for name in names:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            value = ctx.params[name]
            if isinstance(value, bool):
                out.append(flag_of(name) if value else flag_of(f"no_{name}"))
            else:
                out += [flag_of(name), str(value)]
    return out


def check_folder(path: Path) -> None:
    """Refuse a file to write that has no folder, before minutes are spent on it.

    Raises:
        UsageError: There is none.
    """
    from zeroshot.errors import UsageError

    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} for {path.name}.", "Make it, or name another.")


def words(text: str) -> list[str]:
    """The names of a comma-separated option.

    >>> words("zico, macs,")
    ['zico', 'macs']
    """
    return [word.strip() for word in text.split(",") if word.strip()]


def whole_numbers(text: str, option: str) -> list[int]:
    """The numbers of a comma-separated option.

    Raises:
        UsageError: One is no whole number.
    """
    from zeroshot.errors import UsageError

    found = words(text)
    if not all(word.isascii() and word.isdigit() and len(word) <= 18 for word in found):  # "²" is a digit, too
        raise UsageError(f"{option} takes whole numbers, not {text!r}.", f"For example {option} 5,10.")
    return [int(word) for word in found]
