"""`zeroshot truth`: the zoo of trained nets that predictions are calibrated on and judged by."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as opt
from ._output import aligned, emit, prose

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.bench.pair_truth import NetSummary


def truth(
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="The zoo.", show_default=opt.SHIPPED)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the trained nets that pairs are judged by: MACs, accuracy, seeds, half."""
    from zeroshot.bench.pair_truth import FOLDER, load

    folder = folder or FOLDER
    zoo = load(folder)
    rows, summary = zoo.rows(), zoo.summary()
    payload = {"folder": str(folder), "images": {part: len(truth) for part, truth in zoo.labels.items()}, "nets": rows}
    emit(payload, lambda screen: _print(screen, summary, len(rows)), json=json)


def _print(screen: "Console", rows: "list[NetSummary]", trained: int) -> None:
    rows = sorted(rows, key=lambda row: row.macs)
    lines = [("half", "M MACs", "accuracy %", "±", "seeds")]
    for row in rows:
        spread = f"{100 * row.spread:.2f}" if row.spread is not None else ""
        accuracy = f"{100 * row.accuracy:.2f}"
        lines.append((row.half, f"{row.macs / 1e6:.3f}", accuracy, spread, str(len(row.seeds))))
    texts = aligned(lines, screen.width, left=1)
    for text, net in zip(texts, ["net", *(row.net for row in rows)], strict=True):
        screen.print(f"{text}  {net}", style="dim" if net == "net" else None)
    prose(screen, f"\n{len(rows)} nets, {trained} trainings. Accuracy on the test images; with more seeds the mean, ± "
                  "their standard deviation. Predictions are calibrated on some and judged on the held-out ones.",
          "dim")  # fmt: skip
