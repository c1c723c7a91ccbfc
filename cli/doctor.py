"""`zeroshot doctor`: whether this installation can work, and one command for each thing that is missing or outdated."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._installation import examine
from ._output import emit, table

if TYPE_CHECKING:
    from rich.console import Console

EXTRAS = (("lacks", "missing"), ("outdated:", "outdated"))  # how the table calls what is wrong with an extra


def doctor(json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Check this installation; exit code 1 if something required is missing or outdated."""
    report = examine()
    emit(report, lambda screen: _print(screen, report), json=json)
    if not report["usable"]:
        raise typer.Exit(1)


def _print(screen: "Console", report: dict[str, Any]) -> None:
    screen.print(f"zeroshot {report['zeroshot']}, Python {report['python']}, {report['system']}", style="bold")
    if "processor" in report:
        screen.print(f"{report['processor']}, {report['cores_usable']} of {report['cores']} cores usable, "
                     f"torch on {report['torch_threads']} threads")  # fmt: skip
        cache = report["kernel_cache"]
        state = "writable" if cache["writable"] else "NOT writable: set NUMBA_CACHE_DIR to a folder that is"
        screen.print(f"kernel cache: {cache['path']} ({state})")
    screen.print()
    shown = table("package", "version", "state")
    for name, each in report["packages"].items():
        state = "ok" if each["ok"] else f"{each['problem']} -> {each['fix']}"
        shown.add_row(name, each["version"] or "-", state, style=None if each["ok"] else "red")
    for name, each in report["extras"].items():
        problems = [f"{kind} {', '.join(each[key])}" for kind, key in EXTRAS if each[key]]
        shown.add_row(f"[{name}]", "extra", f"{'; '.join(problems)} -> {each['fix']}" if problems else "ok")
    screen.print(shown, soft_wrap=False)
    screen.print("\nzeroshot can work here." if report["usable"] else "\nzeroshot cannot work here yet.", style="bold")
