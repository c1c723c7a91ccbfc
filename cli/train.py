"""`zeroshot train`: one call of the engine's train_pairs."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.errors import UsageError

from ._dialect import spoken
from ._errors import Interrupted
from ._options import option, typed
from ._output import aligned, emit, progress, prose
from ._pairs import three

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.training.train import TrainResult

RECIPE = {"optimizer": "optimizer", "lr": "lr", "flip": "flip", "precision": "precision"}


def train(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a finished search.")],
    top: Annotated[int, option("--top", "N", "Pairs to train, from the best on.")] = 3,
    data: Annotated[
        str | None, option("--data", "DATA", "The data of the search; needed for a file or folder.")
    ] = None,
    epochs: Annotated[int | None, option("--epochs", "N", "Passes over the images.", show_default="30")] = None,
    minutes: Annotated[float | None, option("--minutes", "M", "As many epochs as fit, instead of --epochs.")] = None,
    lr: Annotated[float | None, option("--lr", "RATE", "Highest learning rate.", show_default="by optimizer")] = None,
    optimizer: Annotated[str | None, option("--optimizer", "NAME", "sgd or adamw.", show_default="sgd")] = None,
    flip: Annotated[
        bool | None,
        typer.Option(
            "--flip/--no-flip", help="Mirror half of the images left to right.", show_default="by the data's name"
        ),
    ] = None,
    precision: Annotated[
        str | None, option("--precision", "NAME", "fp32 or bf16.", show_default="the faster one on this processor")
    ] = None,
    singles: Annotated[
        bool, typer.Option("--singles/--no-singles", help="Also train the single net beside each pair.")
    ] = True,
    distil: Annotated[
        str | None,
        option("--distil", "WHO", "Who teaches: big (the little nets) or self (every net).", show_default="nobody"),
    ] = None,
    cascade_aware: Annotated[
        int | None,
        option("--cascade-aware", "N", "Then finetune each pair for N epochs.", show_default="not at all"),
    ] = None,
    policy: Annotated[
        str, option("--policy", "NAME", "logit-gap, score-margin, max-softmax or entropy.")
    ] = "logit-gap",
    threads: Annotated[
        int | None, option("--threads", "N", "Of torch for each net; weights depend on it.", show_default="1")
    ] = None,
    jobs: Annotated[
        int | None, option("--jobs", "N", "Nets side by side; weights do not depend on it.", show_default="by work")
    ] = None,
    force: Annotated[bool, option("--force", "", "Replace the run's trained models.")] = False,
    resume: Annotated[bool, option("--resume", "", "Go on after an interruption.")] = False,
    json: Annotated[bool, option("--json", "", "Print one JSON object.")] = False,
    quiet: Annotated[bool, option("--quiet", "", "No progress; print only where the models are.")] = False,
) -> None:
    """Train the nets of a run's best pairs; print what was predicted beside what they do.

    Epochs and thresholds are chosen on validation images, held out of the training images.
    Accuracies in the table are of test images, which choose nothing.
    """
    from zeroshot.training.train import CascadeTuning, Distillation, Recipe, train_pairs

    given = {name: ctx.params[key] for key, name in RECIPE.items() if ctx.params[key] is not None}
    if resume and given:
        names = ", ".join(f"--{name}" for name in given)
        raise UsageError("--resume goes on with the recipe of before.", f"Leave {names} out, or use --force.")
    with progress(quiet) as bar:
        try:
            result = train_pairs(
                run, top, data=data, recipe=Recipe(**given) if given else None, epochs=epochs, minutes=minutes,
                singles=singles, distil=Distillation(distil) if distil is not None else None,
                cascade_aware=CascadeTuning(cascade_aware) if cascade_aware is not None else None, policy=policy,
                threads=threads, jobs=jobs, force=force, resume=resume, progress=bar,
            )  # fmt: skip
        except KeyboardInterrupt:
            raise _interrupted(ctx, Path(run)) from None
    emit(
        result.summary(), lambda screen: _print(screen, result), json=json,
        quiet=str(result.folder) if quiet else None,
    )  # fmt: skip


def _interrupted(ctx: typer.Context, run: Path) -> Interrupted:
    if not (run / "models" / "train.json").exists():
        return Interrupted("interrupted before the first epoch; nothing was written.")
    # What was chosen then stands in the plan; these decide what is done with it.
    words = ["zeroshot", "train", str(run), *typed(ctx, ("top", "data", "policy", "jobs"))]
    words += [] if ctx.params["singles"] else ["--no-singles"]
    return Interrupted(
        f"interrupted; all whole epochs are saved in {run / 'models'}.",
        f"continue with: {shlex.join([*words, '--resume'])}",
    )


HEADERS = (
    ("", "#"), ("", ""), ("accuracy", "%"), ("little", "%"), ("big", "%"), ("big", "runs %"), ("latency", "ms"),
    ("single", "%"), ("gain", "points"),
)  # fmt: skip


def _print(screen: "Console", result: "TrainResult") -> None:
    n = len(result.pairs)
    which = "The best pair" if n == 1 else f"The best {n} pairs"
    prose(screen, f"{which} for {result.config['data']}, predicted and trained", "bold")
    lines = [cells for row in result.pairs for cells in (table_line(row, "predicted"), table_line(row, "test"))]
    texts = aligned([*zip(*HEADERS, strict=True), *lines], screen.width, left=2)
    screen.print("\n".join(texts[:2]), style="dim")
    for i, row in enumerate(result.pairs):
        screen.print(texts[2 + 2 * i])
        screen.print(texts[3 + 2 * i], style="bold")
        screen.print(f"    little {row['little']}")
        screen.print(f"    big    {row['big']}")
        if row["single"] is not None:
            words = f"the pair {row['verdict']}" if row["verdict"] else ""
            screen.print(f"    single {row['single']}  ", end="")
            screen.print(words, style="green" if row["verdict"] == "pays" else "yellow")
    prose(
        screen,
        "\ntest: measured on test images, float weights, with the threshold that validation images gave for the "
        "predicted rate. Latencies are the cost model's at the measured rate. ± and gain: 80 % intervals.",
        "dim",
    )
    for remark in result.remarks:
        prose(screen, f"note: {spoken(remark)}", "yellow")
    prose(screen, f"{_trainings(result)}, {result.seconds:.1f} s.")
    screen.print(f"Models: {result.folder}", style="bold")
    screen.print("  pairs.csv, nets.csv, summary.json; weights, outputs and history of each net")


def _trainings(result: "TrainResult") -> str:
    """What was trained, in words."""
    stages = [str(row["stage"]) for row in result.nets]
    tuned = sum("-with." in stage for stage in stages)
    taught = sum(stage in ("distilled", "born-again") for stage in stages)
    words = f"{len(stages) - tuned} nets trained for {result.recipe.epochs} epochs"
    words += f", {taught} of them by a teacher" if taught else ""
    return words + (f"; {tuned} finetuned for their pair" if tuned else "")


def table_line(row: dict[str, Any], kind: str) -> list[str]:
    """A line of the table under `HEADERS`: one pair, `predicted` or as its columns of another kind tell."""

    def percent(key: str) -> str:
        value = row[f"{key}_{kind}"]
        return "-" if value is None else f"{100 * value:.1f}"

    spread = 50 * (row[f"accuracy_{kind}_high"] - row[f"accuracy_{kind}_low"])
    return [
        f"{row['rank']:2}" if kind == "predicted" else "", kind, f"{percent('accuracy')} ± {spread:.1f}",
        percent("little_accuracy"), percent("big_accuracy"), percent("escalation_rate"),
        three(row[f"latency_ms_{kind}"]), percent("single_accuracy"), _gain(row, kind),
    ]  # fmt: skip


def _gain(row: dict[str, Any], kind: str) -> str:
    gain = row[f"gain_{kind}"]
    if gain is None:
        return "-"
    predicted = kind == "predicted"
    error = row["gain_predicted_error"] if predicted else (row[f"gain_{kind}_high"] - row[f"gain_{kind}_low"]) / 2
    return f"{round(100 * gain, 1) + 0.0:+.1f} ± {100 * error:.1f}"
