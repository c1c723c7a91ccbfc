"""`zeroshot quantize`: one call of the engine's quantize_run."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.errors import UsageError

from ._dialect import spoken
from ._errors import Interrupted
from ._measured import HEADERS, table_line
from ._options import option, typed
from ._output import aligned, emit, progress, prose

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.quantization.quantize import QuantizeResult

RECIPE = ("ranges", "equalise", "images", "epochs", "lr", "teacher")
# What a resumption is told again.
AGAIN = ("data", "threads", "rate", "accuracy_floor", "latency", "energy", "policy", "per_class")


NETS, RULE, OUTPUT = (
    {"rich_help_panel": panel}
    for panel in ("Int8 nets", "Threshold, on validation images (one rule)", "Run and output")
)


def quantize(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a search whose pairs were trained.")],
    qat: Annotated[
        bool | None,
        typer.Option("--qat/--no-qat", help="Finetune with fake quantisers.", show_default="qat", **NETS),
    ] = None,
    epochs: Annotated[int | None, option("--epochs", "N", "Of the finetune.", show_default="3", **NETS)] = None,
    lr: Annotated[
        float | None, option("--lr", "RATE", "Highest of the finetune.", show_default="0.003", **NETS)
    ] = None,
    teacher: Annotated[
        float | None,
        option("--teacher", "W", "Weight of the float net's answers, 0 to 1.", show_default="0.5", **NETS),
    ] = None,
    ranges: Annotated[
        str | None, option("--ranges", "NAME", "minmax, percentile or mse.", show_default="mse", **NETS)
    ] = None,
    equalise: Annotated[
        bool | None,
        typer.Option("--equalise/--no-equalise", help="Even out channels first.", show_default="equalise", **NETS),
    ] = None,
    images: Annotated[
        int | None, option("--images", "N", "Training images to calibrate on.", show_default="512", **NETS)
    ] = None,
    rate: Annotated[
        float | None,
        option("--rate", "P", "Let so many inputs escalate, 0.3 for 30 %.", show_default="the search's", **RULE),
    ] = None,
    accuracy_floor: Annotated[
        float | None, option("--accuracy-floor", "A", "As few as reach this accuracy, 0.9 for 90 %.", **RULE)
    ] = None,
    latency: Annotated[
        str | None, option("--latency", "TIME", "As many as keep this expected latency, like 50ms.", **RULE)
    ] = None,
    energy: Annotated[
        str | None, option("--energy", "ENERGY", "As many as keep this expected energy, like 2mJ.", **RULE)
    ] = None,
    policy: Annotated[
        str, option("--policy", "NAME", "logit-gap, score-margin, max-softmax or entropy.", **RULE)
    ] = "logit-gap",
    per_class: Annotated[
        bool, option("--per-class", "", "A threshold for each class that the little net answers.", **RULE)
    ] = False,
    data: Annotated[
        str | None, option("--data", "DATA", "The data of the search; needed for a file or folder.", **OUTPUT)
    ] = None,
    threads: Annotated[
        int | None, option("--threads", "N", "Of torch; weights depend on it.", show_default="1", **OUTPUT)
    ] = None,
    force: Annotated[bool, option("--force", "", "Replace the run's int8 nets.", **OUTPUT)] = False,
    resume: Annotated[
        bool, option("--resume", "", "Go on after an interruption, or choose other thresholds.", **OUTPUT)
    ] = False,
    json: Annotated[bool, option("--json", "", "Print one JSON object.", **OUTPUT)] = False,
    quiet: Annotated[bool, option("--quiet", "", "No progress; print only where the int8 nets are.", **OUTPUT)] = False,
) -> None:
    """Make int8 nets of a run's trained pairs, choose thresholds, and print what the int8 cascades do.

    Int8 figures are computed in integers, exactly as on the device.
    Epochs and thresholds are chosen on validation images.
    Accuracies in the table are of test images, which choose nothing.
    """
    from zeroshot.quantization.quantize import Int8Recipe, Rule, quantize_run

    given = {name: ctx.params[name] for name in RECIPE if ctx.params[name] is not None}
    if qat is False:
        if epochs is not None:
            raise UsageError("--no-qat finetunes nothing, --epochs says how long.", "Give one of the two.")
        given["epochs"] = 0
    if resume and (given or qat is not None):
        names = ", ".join(f"--{name}" for name in given) or "--qat"
        raise UsageError("--resume goes on with the recipe of before.", f"Leave {names} out, or use --force.")
    rule = Rule(rate, accuracy_floor, latency, energy, policy, per_class)
    with progress(quiet) as bar:
        try:
            result = quantize_run(
                run, None if resume else Int8Recipe(**given), rule, data=data, threads=threads, force=force,
                resume=resume, progress=bar,
            )  # fmt: skip
        except KeyboardInterrupt:
            raise _interrupted(ctx, Path(run)) from None
    emit(
        result.summary(), lambda screen: _print(screen, result), json=json,
        quiet=str(result.folder) if quiet else None,
    )  # fmt: skip


def _interrupted(ctx: typer.Context, run: Path) -> Interrupted:
    if not (run / "int8" / "quantize.json").exists():
        return Interrupted("interrupted before the first net; nothing was written.")
    words = ["zeroshot", "quantize", str(run), *typed(ctx, AGAIN)]  # how the nets are made stands in the plan
    return Interrupted(
        f"interrupted; all whole nets are saved in {run / 'int8'}.",
        f"continue with: {shlex.join([*words, '--resume'])}",
    )


KINDS = ("predicted", "float", "int8")


def _print(screen: "Console", result: "QuantizeResult") -> None:
    n = len(result.pairs)
    which = "The pair" if n == 1 else f"The {n} pairs"
    prose(screen, f"{which} for {result.config['data']}: predicted, trained in float, and in int8", "bold")
    lines = [table_line(row, kind) for row in result.pairs for kind in KINDS]
    texts = aligned([*zip(*HEADERS, strict=True), *lines], screen.width, left=2)
    screen.print("\n".join(texts[:2]), style="dim")
    for i, row in enumerate(result.pairs):
        for j, kind in enumerate(KINDS):
            screen.print(texts[2 + len(KINDS) * i + j], style="bold" if kind == "int8" else None)
        screen.print(f"    little {row['little']}")
        screen.print(f"    big    {row['big']}")
        if row["single"] is not None:
            words = f"the int8 pair {row['verdict_int8']}" if row["verdict_int8"] else ""
            screen.print(f"    single {row['single']}  ", end="")
            screen.print(words, style="green" if row["verdict_int8"] == "pays" else "yellow")
        screen.print(f"    {_threshold(row)}")
    _print_nets(screen, result)
    prose(
        screen,
        "\nfloat, int8: measured on test images, with thresholds from validation images. Latencies are the cost "
        "model's at the measured rate. ± and gain: 80 % intervals.",
        "dim",
    )
    for remark in result.remarks:
        prose(screen, f"note: {spoken(remark)}", "yellow")
    screen.print(f"Int8 nets: {result.folder}", style="bold")
    screen.print("  pairs.csv, nets.csv, summary.json, curves.png; each net and its int8 outputs")


def _threshold(row: dict[str, Any]) -> str:
    if " " in str(row["threshold_int8"]):
        return f"escalates below a threshold for each class of {row['policy']}: {row['threshold_int8']}"
    if row["policy"] == "logit-gap":
        return f"escalates where the two largest int8 logits are less than {row['threshold_int8']} apart"
    return f"escalates where the little net's score, {row['policy']}, is below {float(row['threshold_int8']):.4g}"


def _print_nets(screen: "Console", result: "QuantizeResult") -> None:
    kinds = ("float", "ptq", "qat") if result.recipe.epochs else ("float", "ptq")
    heads = {"float": ("float", "%"), "ptq": ("int8", "calibrated %"), "qat": ("int8", "finetuned %")}
    lines = [list(line) for line in zip(*(heads[kind] for kind in kinds), strict=True)]
    for row in result.nets:
        lines.append([f"{100 * row[f'{kind}_test_accuracy']:.2f}" for kind in kinds])
    texts = aligned(lines, screen.width)
    screen.print("\n" + "\n".join(texts[:2]), style="dim")
    for text, row in zip(texts[2:], result.nets, strict=True):
        screen.print(f"{text}  {row['name']}")
    prose(screen, f"{len(result.nets)} int8 nets, {result.seconds:.1f} s.")
