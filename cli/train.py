"""`zeroshot train`: one call of the engine's `train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.options import RUN
from zeroshot.runs.layout import MODELS, TRAINING_PLAN
from zeroshot.runs.words import MEASURED, measured_cells
from zeroshot.training.options import TrainOptions

from ._declared import takes
from ._dialect import spoken
from ._errors import Interrupted
from ._measured import LEGEND, print_classes, print_verdict
from ._options import option, typed
from ._output import aligned, emit, prose
from ._resumption import interruptible, nothing_saved, saved

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.training.train import TrainedRun

# What a resumption is told again; how the nets are trained stands in the plan.
AGAIN = ("top", "data", "policy", "jobs", "singles")


@takes(TrainOptions)
def train(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a finished search.")],
    options: TrainOptions,
    force: Annotated[bool, option("--force", "", "Replace the run's trained models.", rich_help_panel=RUN)] = False,
    resume: Annotated[bool, option("--resume", "", "Go on after an interruption.", rich_help_panel=RUN)] = False,
    json: Annotated[bool, option("--json", "", "Print one JSON object.", rich_help_panel=RUN)] = False,
    quiet: Annotated[
        bool, option("--quiet", "", "No progress; print only where the models are.", rich_help_panel=RUN)
    ] = False,
) -> None:
    """Train the nets of a run's best pairs; print what was predicted beside what they do.

    Epochs and thresholds are chosen on validation images, held out of the training images.
    Accuracies in the table are of test images, which choose nothing.
    """
    from zeroshot.training import train as engine

    with interruptible(quiet, lambda: _interrupted(ctx, Path(run))) as bar:
        result = engine.train(run, options, force=force, resume=resume, progress=bar)
    emit(
        result.summary(), lambda screen: _print(screen, result), json=json,
        quiet=str(result.folder) if quiet else None,
    )  # fmt: skip


def _interrupted(ctx: typer.Context, run: Path) -> Interrupted:
    if not (run / MODELS / TRAINING_PLAN).exists():
        return nothing_saved("the first epoch")
    again = typed(ctx, AGAIN)
    return saved(f"all whole epochs are saved in {run / MODELS}", "train", str(run), *again, "--resume")


def _print(screen: "Console", result: "TrainedRun") -> None:
    from zeroshot.runs.rows import TRAINED_PAIRS

    n = len(result.pairs)
    which = "The best pair" if n == 1 else f"The best {n} pairs"
    prose(screen, f"{which} for {result.config['data']}, predicted and trained", "bold")
    rows = [TRAINED_PAIRS.plain(pair) for pair in result.pairs]
    lines = [cells for row in rows for cells in (measured_cells(row, "predicted"), measured_cells(row, "test"))]
    texts = aligned([*zip(*MEASURED, strict=True), *lines], screen.width, left=2)
    screen.print("\n".join(texts[:2]), style="dim")
    for i, row in enumerate(rows):
        screen.print(texts[2 + 2 * i])
        screen.print(texts[3 + 2 * i], style="bold")
        print_verdict(screen, row, "test")
    prose(
        screen,
        "\ntest: measured on test images, float weights, with the threshold that validation images gave for the "
        f"predicted rate. {LEGEND}",
        "dim",
    )
    print_classes(screen, result)
    for remark in result.remarks:
        prose(screen, f"note: {spoken(remark)}", "yellow")
    prose(screen, f"{_trainings(result)}, {result.seconds:.1f} s.")
    screen.print(f"Models: {result.folder}", style="bold")
    prose(screen, "  pairs.csv, nets.csv, confusion.csv, summary.json; weights, outputs and history of each net")


def _trainings(result: "TrainedRun") -> str:
    """What was trained, in words."""
    stages = [net.stage for net in result.nets]
    tuned = sum("-with." in stage for stage in stages)
    taught = sum(stage in ("distilled", "born-again") for stage in stages)
    words = f"{len(stages) - tuned} nets trained for {result.recipe.epochs} epochs"
    words += f", {taught} of them by a teacher" if taught else ""
    return words + (f"; {tuned} finetuned for their pair" if tuned else "")
