"""`zeroshot search` and `zeroshot demo`: one call of the engine's search."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from zeroshot.errors import UsageError
from zeroshot.options import RUN
from zeroshot.searching.options import SearchOptions

from . import _options as opt
from ._config import config_file
from ._declared import takes
from ._errors import Interrupted
from ._output import console, emit, prose
from ._resumption import interruptible, nothing_saved, saved

ACTIONS = ("force", "resume", "json", "quiet", "dry_run", "run")
DEMO = ("nets", "shortlist", "epochs", "seed", "jobs", "run")
DEMO_LATENCY = "5ms"


def _flag(name: str, text: str) -> Any:  # noqa: ANN401 - as typer.Option
    return opt.option(name, "", text, rich_help_panel=RUN)


Force = Annotated[bool, _flag("--force", "Replace an earlier run in that folder.")]
Resume = Annotated[bool, _flag("--resume", "Continue an interrupted run; takes the same settings and --run.")]
Json = Annotated[bool, _flag("--json", "Print one JSON object.")]
Quiet = Annotated[bool, _flag("--quiet", "No progress; print only where the run folder is.")]
DryRun = Annotated[bool, _flag("--dry-run", "Say what would be done and written, and do nothing.")]
Config = Annotated[str | None, config_file(SearchOptions, RUN)]


@takes(SearchOptions, settings=True)
def search(
    ctx: typer.Context,
    options: SearchOptions,
    force: Force = False,
    resume: Resume = False,
    json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    config: Config = None,
) -> None:
    """Rank big-little pairs for a data set on a board, without training a net (or with a few: --calibrate).

    Every setting can also stand in a TOML file (--config), or in the environment:
    ZEROSHOT_BOARD, ZEROSHOT_SEED and so on; ZEROSHOT_DATASET for --data.
    A flag wins over the environment, the environment over the file.

    zeroshot boards, spaces and proxies list what there is to name.
    """
    where = _folder(options, str(options.data), force=force, resume=resume)
    options = replace(options, run=str(where))
    if dry_run:
        _show_plan(options, force=force, resume=resume, json=json)
    else:
        _search(ctx, options, where)


@takes(SearchOptions, only=DEMO, settings=True)
def demo(
    ctx: typer.Context,
    options: SearchOptions,
    force: Force = False,
    resume: Resume = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search pairs for the digits data set on a Cortex-M4 board: offline, in under a minute."""
    where = _folder(options, "demo", force=force, resume=resume)
    if not (json or quiet):
        prose(
            console(),
            "Searching pairs of nets that read handwritten digits (1,797 grey 8x8 images, shipped with scikit-learn) "
            "on an ST NUCLEO-L4R5ZI within 5 ms on average. No net is trained, nothing is downloaded.\n",
        )
    _search(ctx, replace(options, latency=DEMO_LATENCY, run=str(where)), where)
    if not (json or quiet):
        typer.echo("\nNext: zeroshot search --data YOUR_IMAGES --board BOARD --latency 50ms")
        typer.echo("      YOUR_IMAGES holds one folder of images a class; zeroshot boards lists the boards.")


def _search(ctx: typer.Context, options: SearchOptions, run: Path) -> None:
    from zeroshot.searching.search import search as engine_search

    from ._search_tables import print_result

    given = ctx.params
    probed: int | None = None  # until the run folder is made
    with interruptible(given["quiet"], lambda: _interrupted(ctx, probed, run)) as bar:

        def report(what: str, done: int, total: int) -> None:
            nonlocal probed
            probed = done if what == "probing nets" else probed
            bar(what, done, total)

        result = engine_search(options, force=given["force"], resume=given["resume"], progress=report)
    emit(
        result.summary(), lambda screen: print_result(screen, result), json=given["json"],
        quiet=str(run) if given["quiet"] else None,
    )  # fmt: skip


def _show_plan(options: SearchOptions, *, force: bool, resume: bool, json: bool) -> None:
    from zeroshot.searching.plan import plan

    from ._search_tables import print_plan

    planned = plan(options, force=force, resume=resume)
    emit(planned.summary(), lambda screen: print_plan(screen, planned), json=json)


def _folder(options: SearchOptions, name: str, *, force: bool, resume: bool) -> Path:
    """Where the run goes; by default into a new folder called after its data."""
    from zeroshot.runs.folder import check_not_both, new_folder

    check_not_both("run", force=force, resume=resume)
    if options.run is not None:
        return Path(options.run)
    if resume:
        raise UsageError("--resume needs the folder of the run.", "Name it with --run.")
    return new_folder(name)


def _interrupted(ctx: typer.Context, probed: int | None, run: Path) -> Interrupted:
    if probed is None:
        return nothing_saved("the first net was probed")
    typed = opt.typed(ctx, (name for name in ctx.params if name not in ACTIONS))
    words = [str(ctx.info_name), *typed, "--resume", "--run", str(run)]
    return saved(f"{probed} nets probed so far are saved in {run}", *words)
