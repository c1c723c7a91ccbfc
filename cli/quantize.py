"""`zeroshot quantize`: one call of the engine's quantize."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.quantization.options import OUTPUT, QuantizeOptions
from zeroshot.runs.layout import INT8, QUANTIZATION_PLAN
from zeroshot.runs.words import MEASURED, measured_cells

from ._declared import takes
from ._dialect import spoken
from ._errors import Interrupted
from ._measured import LEGEND, print_classes, print_verdict
from ._options import option, typed
from ._output import aligned, emit, prose
from ._resumption import interruptible, nothing_saved, saved

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.quantization.quantize import QuantizedRun

# What a resumption is told again; how the nets are made stands in the plan.
AGAIN = ("data", "threads", "rate", "accuracy_floor", "latency", "energy", "policy", "per_class", "metric", "bias")
KINDS = ("predicted", "float", "int8")


@takes(QuantizeOptions)
def quantize(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a search whose pairs were trained.")],
    options: QuantizeOptions,
    force: Annotated[bool, option("--force", "", "Replace the run's int8 nets.", rich_help_panel=OUTPUT)] = False,
    resume: Annotated[
        bool,
        option("--resume", "", "Go on after an interruption, or choose other thresholds.", rich_help_panel=OUTPUT),
    ] = False,
    json: Annotated[bool, option("--json", "", "Print one JSON object.", rich_help_panel=OUTPUT)] = False,
    quiet: Annotated[
        bool, option("--quiet", "", "No progress; print only where the int8 nets are.", rich_help_panel=OUTPUT)
    ] = False,
) -> None:
    """Make int8 nets of a run's trained pairs, choose thresholds, and print what the int8 cascades do.

    Int8 figures are computed in integers, exactly as on the device.
    Epochs and thresholds are chosen on validation images.
    Accuracies in the table are of test images, which choose nothing.
    """
    from zeroshot.quantization.quantize import quantize

    with interruptible(quiet, lambda: _interrupted(ctx, Path(run))) as bar:
        result = quantize(run, options, force=force, resume=resume, progress=bar)
    told = result.summary()
    emit(told, lambda screen: _print(screen, result, told), json=json, quiet=str(result.folder) if quiet else None)


def _interrupted(ctx: typer.Context, run: Path) -> Interrupted:
    if not (run / INT8 / QUANTIZATION_PLAN).exists():
        return nothing_saved("the first net")
    again = typed(ctx, AGAIN)
    return saved(f"all whole nets are saved in {run / INT8}", "quantize", str(run), *again, "--resume")


def _print(screen: "Console", result: "QuantizedRun", told: dict[str, Any]) -> None:
    rows, n = told["pairs"], len(told["pairs"])
    which = "The pair" if n == 1 else f"The {n} pairs"
    prose(screen, f"{which} for {told['data']}: predicted, trained in float, and in int8", "bold")
    lines = [measured_cells(row, kind) for row in rows for kind in KINDS]
    texts = aligned([*zip(*MEASURED, strict=True), *lines], screen.width, left=2)
    screen.print("\n".join(texts[:2]), style="dim")
    for i, row in enumerate(rows):
        for j, kind in enumerate(KINDS):
            screen.print(texts[2 + len(KINDS) * i + j], style="bold" if kind == "int8" else None)
        print_verdict(screen, row, "int8", "_int8", "the int8 pair")
        screen.print(f"    {_threshold(row)}")
        for size in ("little", "big"):
            if row[f"{size}_bias"]:
                screen.print(f"    to each class of the {size} net is added {row[f'{size}_bias']}")
    _print_nets(screen, result)
    prose(
        screen,
        f"\nfloat, int8: measured on test images, with thresholds from validation images. {LEGEND}",
        "dim",
    )
    print_classes(screen, result)
    for remark in result.remarks:
        prose(screen, f"note: {spoken(remark)}", "yellow")
    screen.print(f"Int8 nets: {result.folder}", style="bold")
    prose(screen, "  pairs.csv, nets.csv, confusion.csv, summary.json, curves.png; each net and its int8 outputs")


def _threshold(row: dict[str, Any]) -> str:
    threshold, policy = row["threshold_int8"], row["policy"]
    if " " in str(threshold):
        return f"escalates below a threshold for each class of {policy}: {threshold}"
    if policy == "logit-gap":
        return f"escalates where the two largest int8 logits are less than {threshold} apart"
    return f"escalates where the little net's score, {policy}, is below {float(threshold):.4g}"


def _print_nets(screen: "Console", result: "QuantizedRun") -> None:
    columns = [("float", "%"), ("int8", "calibrated %"), ("int8", "finetuned %")]
    nets = [(net.float_test_accuracy, net.ptq_test_accuracy, net.qat_test_accuracy) for net in result.nets]
    shown = columns if result.recipe.epochs else columns[:2]
    lines = [[f"{100 * value:.2f}" for value in net if value is not None] for net in nets]
    texts = aligned([*zip(*shown, strict=True), *lines], screen.width)
    screen.print("\n" + "\n".join(texts[:2]), style="dim")
    for text, net in zip(texts[2:], result.nets, strict=True):
        screen.print(f"{text}  {net.name}")
    prose(screen, f"{len(result.nets)} int8 nets, {result.seconds:.1f} s.")
