"""`zeroshot search` and `zeroshot demo`: one call of the engine's search."""

import re
import shlex
import time
from pathlib import Path
from typing import Any

import typer

from zeroshot.errors import UsageError

from . import _options as opt
from ._config import SETTINGS
from ._errors import Interrupted
from ._output import console, emit, progress, prose

ACTIONS = ("force", "resume", "json", "quiet", "dry_run")
DEMO = {"data": "digits", "board": "nucleo-l4r5zi", "latency": "5ms"}


def search(
    ctx: typer.Context,
    data: opt.Data = "digits",
    board: opt.Board = "nucleo-l4r5zi",
    engine: opt.Engine = "c99",
    space: opt.Space = "mcu",
    flash: opt.Flash = None,
    sram: opt.Sram = None,
    latency: opt.Latency = None,
    energy: opt.Energy = None,
    worst_latency: opt.WorstLatency = None,
    escalation: opt.Escalation = 0.5,
    nets: opt.Nets = 1000,
    top: opt.Top = 10,
    per_net: opt.PerNet = 2,
    shortlist: opt.Shortlist = 64,
    proxies: opt.Proxies = "params,macs,nn_degree,zico,naswot,linear_readout",
    objectives: opt.Objectives = "accuracy,latency",
    batch: opt.Batch = 32,
    calibrate: opt.Calibrate = 0,
    calibrate_epochs: opt.CalibrateEpochs = None,
    seed: opt.Seed = 0,
    jobs: opt.Jobs = None,
    run: opt.Run = None,
    force: opt.Force = False,
    resume: opt.Resume = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    dry_run: opt.DryRun = False,
    config: opt.Config = None,
) -> None:
    """Rank big-little pairs for a data set on a board, without training a net (or with a few: --calibrate).

    Every setting can also stand in a TOML file (--config), or in the environment:
    ZEROSHOT_BOARD, ZEROSHOT_SEED and so on; ZEROSHOT_DATASET for --data.
    A flag wins over the environment, the environment over the file.
    """
    settings = {name: ctx.params[name] for name in SETTINGS if name != "run"}
    if dry_run:
        _show_plan(settings, _folder(run, data, resume, force), force, resume, json)
    else:
        _search(ctx, settings, _folder(run, data, resume, force))


def demo(
    ctx: typer.Context,
    nets: opt.Nets = 1000,
    shortlist: opt.Shortlist = 64,
    seed: opt.Seed = 0,
    jobs: opt.Jobs = None,
    run: opt.Run = None,
    force: opt.Force = False,
    resume: opt.Resume = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Search pairs for the digits data set on a Cortex-M4 board: offline, in under a minute."""
    if not (json or quiet):
        prose(
            console(),
            "Searching pairs of nets that read handwritten digits (1,797 grey 8x8 images, shipped with scikit-learn) "
            "on an ST NUCLEO-L4R5ZI within 5 ms on average. No net is trained, nothing is downloaded.\n",
        )
    settings = DEMO | {"nets": nets, "shortlist": shortlist, "seed": seed, "jobs": jobs}
    _search(ctx, settings, _folder(run, "demo", resume, force))
    if not (json or quiet):
        typer.echo("\nNext: zeroshot search --data YOUR_IMAGES --board BOARD --latency 50ms")
        typer.echo("      YOUR_IMAGES holds one folder of images a class; zeroshot boards lists the boards.")


def _search(ctx: typer.Context, settings: dict[str, Any], run: Path) -> None:
    from zeroshot.searching.search import search as engine_search

    from ._pairs import print_result

    given = ctx.params
    saved: int | None = None  # until the run folder is made
    with progress(given["quiet"]) as bar:

        def report(what: str, done: int, total: int) -> None:
            nonlocal saved
            saved = done if what == "probing nets" else saved
            bar(what, done, total)

        try:
            result = engine_search(
                **_arguments(settings), run=run, force=given["force"], resume=given["resume"], progress=report
            )
        except KeyboardInterrupt:
            raise _interrupted(ctx, saved, run) from None
    emit(
        result.summary(), lambda screen: print_result(screen, result), json=given["json"],
        quiet=str(run) if given["quiet"] else None,
    )  # fmt: skip


def _show_plan(settings: dict[str, Any], run: Path, force: bool, resume: bool, json: bool) -> None:
    from zeroshot.searching.search import plan

    from ._pairs import print_plan

    planned = plan(**_arguments(settings), run=run, force=force, resume=resume)
    emit(planned, lambda screen: print_plan(screen, planned), json=json)


def _arguments(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as the engine takes them: lists for comma-separated names, `all` spelled out."""
    found = dict(settings)
    for name in ("proxies", "objectives"):
        if name in found:
            found[name] = opt.words(found[name])
    if found.get("proxies") == ["all"]:
        from zeroshot.scoring.plugins import load_proxies

        found["proxies"] = [proxy.name for proxy in load_proxies()]
    return found


def _folder(run: str | None, data: str, resume: bool, force: bool) -> Path:
    if resume and force:
        raise UsageError("--resume continues a run, --force replaces it.", "Give one of the two.")
    if run is not None:
        return Path(run)
    if resume:
        raise UsageError("--resume needs the folder of the run.", "Name it with --run.")
    name = re.sub(r"[^\w.-]+", "-", Path(data).stem).strip("-.") or "data"
    return Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"


def _interrupted(ctx: typer.Context, saved: int | None, run: Path) -> Interrupted:
    if saved is None:
        return Interrupted("interrupted before the first net was probed; nothing was written.")
    words = [
        "zeroshot",
        str(ctx.info_name),
        *opt.typed(ctx, (name for name in ctx.params if name not in (*ACTIONS, "run"))),
    ]
    again = shlex.join([*words, "--resume", "--run", str(run)])
    return Interrupted(f"interrupted; {saved} nets probed so far are saved in {run}.", f"continue with: {again}")
