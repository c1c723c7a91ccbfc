"""`zeroshot compress`: one call of the engine's compress_run."""

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.errors import UsageError
from zeroshot.units import si

from ._dialect import spoken
from ._errors import Interrupted
from ._options import option, typed
from ._output import aligned, emit, progress, prose
from ._pairs import in_kib, three

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.pruning.compress import CompressResult


def compress(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run with trained nets.")],
    net: Annotated[str | None, option("--net", "NET", "A trained net, by its short spec.")] = None,
    pair: Annotated[str | None, option("--pair", "N:ROLE", "Or by its place, like 1:little, 1:big, 1:single.")] = None,
    macs: Annotated[str | None, option("--macs", "COUNT", "Prune to so many MACs, like 1.5M.")] = None,
    weights: Annotated[str | None, option("--weights", "SIZE", "To int8 weights of this size, like 32KiB.")] = None,
    flash: Annotated[str | None, option("--flash", "SIZE", "To weights and tables of this size.")] = None,
    latency: Annotated[str | None, option("--latency", "TIME", "To this latency on the board, like 10ms.")] = None,
    board: Annotated[str | None, option("--board", "NAME", "Of the latency.", show_default="the run's")] = None,
    rounds: Annotated[int, option("--rounds", "N", "Prune and train so many times, in equal factors.")] = 1,
    epochs: Annotated[int, option("--epochs", "N", "Passes over the images, all rounds together.")] = 10,
    lr: Annotated[float | None, option("--lr", "RATE", "Highest learning rate.", show_default="the net's")] = None,
    saliency: Annotated[str, option("--saliency", "NAME", "Which channels stay: bn, l1, l2 or taylor.")] = "l1",
    multiple: Annotated[int, option("--multiple", "N", "Widths shrink to multiples of it.")] = 4,
    data: Annotated[
        str | None, option("--data", "DATA", "The data of the search; needed for a file or folder.")
    ] = None,
    threads: Annotated[int, option("--threads", "N", "Of torch; weights depend on it.")] = 1,
    force: Annotated[bool, option("--force", "", "Replace these pruned nets of an earlier call.")] = False,
    resume: Annotated[bool, option("--resume", "", "Go on after an interruption, with the same options.")] = False,
    json: Annotated[bool, option("--json", "", "Print one JSON object.")] = False,
    quiet: Annotated[bool, option("--quiet", "", "No progress; print only the pruned net's file.")] = False,
) -> None:
    """Prune channels of a trained net until it meets a target, and train it on.

    The pruned net is kept among the run's models, under its spec and ".pruned".
    Accuracies on test images choose nothing.
    """
    from zeroshot.pruning.compress import compress_run

    if (net is None) == (pair is None):
        raise UsageError("Which net is to be pruned?", "Give --net NET or --pair N:little.")
    with progress(quiet) as bar:
        try:
            result = compress_run(
                run, net or pair or "", macs=macs, weights=weights, flash=flash, latency=latency, board=board,
                rounds=rounds, epochs=epochs, lr=lr, saliency=saliency, multiple=multiple, data=data, threads=threads,
                force=force, resume=resume, progress=bar,
            )  # fmt: skip
        except KeyboardInterrupt:
            raise _interrupted(ctx) from None
    emit(result.summary(), lambda screen: _print(screen, result), json=json, quiet=str(result.file) if quiet else None)


def _interrupted(ctx: typer.Context) -> Interrupted:
    values = (name for name in ctx.params if name not in ("run", "force", "resume", "json", "quiet"))
    words = ["zeroshot", "compress", ctx.params["run"], *typed(ctx, values)]
    return Interrupted("interrupted; all whole epochs are saved.", f"continue with: {shlex.join([*words, '--resume'])}")


HEADERS = (
    ("", "round"), ("", "MACs"), ("weights", "KiB"), ("flash", "KiB"), ("latency", "ms"), ("validation", "cut %"),
    ("", "trained %"), ("test", "%"),
)  # fmt: skip


def _print(screen: "Console", result: "CompressResult") -> None:
    prose(screen, f"{result.source}, pruned by {result.saliency}", "bold")
    texts = aligned([*zip(*HEADERS, strict=True), *map(_cells, result.nets)], screen.width)
    screen.print("\n".join(texts[:2]), style="dim")
    for row, text in zip(result.nets, texts[2:], strict=True):
        screen.print(text)
        screen.print(f"    {row['net']}")
    prose(
        screen,
        "\ncut: on validation images, channels taken out and nothing trained. trained: after the epochs of the "
        "round, of which validation images chose one. test: images that chose nothing. Float weights.",
        "dim",
    )
    for remark in result.remarks:
        prose(screen, f"note: {spoken(remark)}", "yellow")
    prose(screen, f"{sum(row['epochs'] for row in result.nets[1:])} epochs, {result.seconds:.1f} s.")
    screen.print(f"Pruned net: {result.file}", style="bold")


def _cells(row: dict[str, Any]) -> list[str]:
    def percent(key: str) -> str:
        return "-" if row[key] is None else f"{100 * row[key]:.1f}"

    sizes = [in_kib(row[key]) for key in ("weights", "flash")]
    shares = [percent(f"{part}_accuracy{rest}") for part, rest in (("validation", "_untrained"), ("validation", ""))]
    return [str(row["round"]), si(row["macs"]), *sizes, three(row["latency_ms"]), *shares, percent("test_accuracy")]
