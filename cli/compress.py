"""`zeroshot compress`: one call of the engine's compress."""

from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.errors import UsageError
from zeroshot.pruning.options import CompressOptions
from zeroshot.runs.words import in_kib
from zeroshot.units import si, three

from ._declared import takes
from ._dialect import spoken
from ._errors import Interrupted
from ._options import option, typed
from ._output import aligned, emit, prose
from ._resumption import interruptible, saved

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.pruning.compress import CompressedNet
    from zeroshot.runs.rows import PrunedNetRow


@takes(CompressOptions)
def compress(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run with trained nets.")],
    options: CompressOptions,
    net: Annotated[str | None, option("--net", "NET", "A trained net, by its short spec.")] = None,
    pair: Annotated[str | None, option("--pair", "N:ROLE", "Or by its place, like 1:little, 1:big, 1:single.")] = None,
    force: Annotated[bool, option("--force", "", "Replace these pruned nets of an earlier call.")] = False,
    resume: Annotated[bool, option("--resume", "", "Go on after an interruption, with the same options.")] = False,
    json: Annotated[bool, option("--json", "", "Print one JSON object.")] = False,
    quiet: Annotated[bool, option("--quiet", "", "No progress; print only the pruned net's file.")] = False,
) -> None:
    """Prune channels of a trained net until it meets a target, and train it on.

    The pruned net is kept among the run's models, under its spec and ".pruned".
    Accuracies on test images choose nothing.
    """
    from zeroshot.pruning.compress import compress

    if (net is None) == (pair is None):
        raise UsageError("Which net is to be pruned?", "Give --net NET or --pair N:little.")
    with interruptible(quiet, lambda: _interrupted(ctx)) as bar:
        result = compress(run, net or pair or "", options, force=force, resume=resume, progress=bar)
    emit(result.summary(), lambda screen: _print(screen, result), json=json, quiet=str(result.file) if quiet else None)


def _interrupted(ctx: typer.Context) -> Interrupted:
    values = (name for name in ctx.params if name not in ("run", "force", "resume", "json", "quiet"))
    return saved("all whole epochs are saved", "compress", ctx.params["run"], *typed(ctx, values), "--resume")


HEADERS = (
    ("", "round"), ("", "MACs"), ("weights", "KiB"), ("flash", "KiB"), ("latency", "ms"), ("validation", "cut %"),
    ("", "trained %"), ("test", "%"),
)  # fmt: skip


def _print(screen: "Console", result: "CompressedNet") -> None:
    prose(screen, f"{result.source}, pruned by {result.saliency}", "bold")
    texts = aligned([*zip(*HEADERS, strict=True), *map(_cells, result.nets)], screen.width)
    screen.print("\n".join(texts[:2]), style="dim")
    for net, text in zip(result.nets, texts[2:], strict=True):
        screen.print(text)
        screen.print(f"    {net.net}")
    prose(
        screen,
        "\ncut: on validation images, channels taken out and nothing trained. trained: after the epochs of the "
        "round, of which validation images chose one. test: images that chose nothing. Float weights.",
        "dim",
    )
    for remark in result.remarks:
        prose(screen, f"note: {spoken(remark)}", "yellow")
    prose(screen, f"{sum(net.epochs for net in result.nets[1:])} epochs, {result.seconds:.1f} s.")
    screen.print(f"Pruned net: {result.file}", style="bold")


def _cells(net: "PrunedNetRow") -> list[str]:
    shares = (net.validation_accuracy_untrained, net.validation_accuracy, net.test_accuracy)
    return [
        str(net.round), si(net.macs), in_kib(net.weights), in_kib(net.flash), three(net.latency_ms),
        *("-" if share is None else f"{100 * share:.1f}" for share in shares),
    ]  # fmt: skip
