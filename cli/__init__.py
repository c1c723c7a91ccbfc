"""The command line: thin commands, each of which parses, makes one library call and prints.

Heavy imports (torch, numba, numpy, the engine) stay inside commands, so that `zeroshot --help` answers at once.
"""

import faulthandler
import io
import sys
from typing import Annotated

import typer

from . import battery, bench, compress, doctor, export, quantize, report, runs, score, search, show, train, truth, tune
from ._errors import Program

app = typer.Typer(
    cls=Program,
    name="zeroshot",
    help="Rank big-little network pairs for microcontrollers in seconds, without training one.",
    epilog="Start with: zeroshot demo",
    pretty_exceptions_enable=False,
)
app.command("search")(search.search)
app.command("demo")(search.demo)
app.command("train")(train.train)
app.command("quantize")(quantize.quantize)
app.command("export")(export.export)
app.command("compress")(compress.compress)
app.command("battery")(battery.battery)
app.command("report")(report.report)
app.command("show")(show.show)
app.add_typer(runs.app, name="runs")
app.command("score")(score.score)
app.command("bench")(bench.bench)
app.command("doctor")(doctor.doctor)
app.command("proxies")(show.proxies)
app.command("boards")(show.boards)
app.command("spaces")(show.spaces)
app.command("tune-space")(tune.tune_space)
app.command("truth")(truth.truth)


@app.callback(invoke_without_command=True)
def _program(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"zeroshot {version_of('zeroshot-mcu')}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main() -> None:
    """Run the program; the entry point `zeroshot`."""
    if sys.stderr is not None:
        faulthandler.enable()  # a crash in native code says where it was, instead of nothing
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no "±" gets an escape instead of an encoding error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()


__all__ = ["app", "main"]
