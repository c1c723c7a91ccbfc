"""`zeroshot doctor`: whether this installation can work, and one command for each thing that is missing or outdated."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._installation import examine
from ._installation import licences as licences_of_all
from ._output import emit, table

if TYPE_CHECKING:
    from rich.console import Console

EXTRAS = (("lacks", "missing"), ("outdated:", "outdated"))  # how the table calls what is wrong with an extra


def doctor(
    licences: Annotated[
        bool, typer.Option("--licences", help="List the licence of every package that is used, instead.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check this installation; exit code 1 if something required is missing or outdated."""
    if licences:
        rows = licences_of_all()
        emit({"licences": rows}, lambda screen: _print_licences(screen, rows), json=json)
        return
    report = examine()
    emit(report, lambda screen: _print(screen, report), json=json)
    if not report["usable"]:
        raise typer.Exit(1)


def _print_licences(screen: "Console", rows: list[dict[str, str]]) -> None:
    shown = table("package", "version", "licence")
    for row in rows:
        shown.add_row(row["package"], row["version"], row["licence"])
    screen.print(shown, soft_wrap=False)
    screen.print("\nAs each package's own metadata say; this is no legal advice.", style="dim")


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
    for each in report["plugins"]:
        state = "on" if each["on"] else "off"
        screen.print(
            f"plug-in {each['entry_point']}: {each['distribution']} {each['version']}, {each['module']} ({state})"
        )
    if report["plugins"]:
        screen.print("ZEROSHOT_PLUGINS=none keeps plug-ins from being imported; so does a list without their names.")
    screen.print("\nzeroshot can work here." if report["usable"] else "\nzeroshot cannot work here yet.", style="bold")
