"""`zeroshot runs`: which runs there are, whether one is as it was written, and away with one."""

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.units import kib

from ._output import aligned, emit, prose

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.runs.manage import CheckedRun, RunState

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run.")]

app = typer.Typer(help="List, show, check and remove runs.", no_args_is_help=True)


@app.command("list")
def list_runs(
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="Where the runs lie.")] = "runs", json: Json = False
) -> None:  # fmt: skip
    """List the runs in a folder, oldest first, with the stages that are done."""
    from zeroshot.runs.manage import runs_in

    rows = runs_in(folder)
    emit({"runs": [row.summary() for row in rows]}, lambda screen: _print_list(screen, rows, folder), json=json)


@app.command()
def show(run: Run, json: Json = False) -> None:
    """Show what there is of a run; `zeroshot report RUN` writes a page of its figures."""
    from zeroshot.runs.manage import state_of

    state = state_of(run)
    emit(state.summary(), lambda screen: _print_state(screen, state), json=json)


@app.command()
def check(run: Run, json: Json = False) -> None:
    """Hold every file of a run against the digest that was written with it; exit code 1 if one differs."""
    from zeroshot.runs.manage import check as engine_check

    checked = engine_check(run)
    emit(checked.summary(), lambda screen: _print_check(screen, checked), json=json)
    if not checked.whole:
        raise typer.Exit(1)


@app.command()
def remove(
    run: Run,
    yes: Annotated[bool, typer.Option("--yes", "--force", help="Do it; without, only say what would go.")] = False,
    json: Json = False,
) -> None:
    """Remove the folder of a run with everything in it; nothing that is no run is ever removed."""
    from zeroshot.errors import UsageError
    from zeroshot.runs.manage import remove as engine_remove
    from zeroshot.runs.manage import state_of

    if not yes:
        state = state_of(run)
        done = ", ".join(state.done) or "nothing yet"
        raise UsageError(f"{run} would be gone: {done}, {kib(state.bytes)}.", "With --yes it is removed.")
    state = engine_remove(run)
    emit({"removed": state.summary()}, lambda screen: screen.print(f"Removed: {state.run}"), json=json)


def _print_list(screen: "Console", rows: "list[RunState]", folder: str) -> None:
    if not rows:
        prose(screen, f"There are no runs in {folder}.")
        return
    lines: list[tuple[str, ...]] = [("run", "data", "started", "done", "KiB")]
    for row in rows:
        stages = ", ".join(row.done) + (" (at work)" if row.busy else "")
        lines.append((row.run, row.data, row.started, stages, f"{row.bytes / 1024:,.0f}"))
    texts = aligned(lines, screen.width, left=4)
    screen.print(texts[0], style="dim")
    screen.print("\n".join(texts[1:]))


def _print_state(screen: "Console", state: "RunState") -> None:
    prose(screen, f"{state.run}: {state.data} on {state.board}, started {state.started}", "bold")
    for stage in state.done:
        screen.print(f"  {stage} done")
    for stage in state.begun:
        screen.print(f"  {stage} not finished: the same command with --resume goes on", style="yellow")
    if state.busy:
        screen.print("  a process works in it now")
    screen.print(f"{kib(state.bytes)}. zeroshot runs check {state.run} holds its files against their digests.")


def _print_check(screen: "Console", checked: "CheckedRun") -> None:
    for each in checked.different:
        screen.print(f"{each.what}: {each.path}", style="red")
    for stage in checked.open:
        prose(screen, f"note: {stage} is not finished, so its files have no digests yet.", "yellow")
    words = "all as they were written" if checked.whole else f"{len(checked.different)} not as written"
    screen.print(f"{checked.files} files with a digest, {words}.")
