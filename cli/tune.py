"""`zeroshot tune-space`: which part of the space suits a board."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zeroshot.errors import UsageError
from zeroshot.searching.tune_options import TuneOptions

from ._declared import takes
from ._options import check_folder
from ._output import aligned, emit, prose

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.searching.tune import SubSpace, TunedSpace


@takes(TuneOptions)
def tune_space(
    options: TuneOptions,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw how large nets are in each part: .png.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say which input side and widths suit a board: where nets that fit it are largest, and where most is expected.

    The first step of TinyNAS (MCUNet, NeurIPS 2020): of the nets that meet the budgets, the more multiply-accumulates
    on average, the better the space. Beside it stands what their layers promise. Nothing is trained.
    """
    from zeroshot.runs.files import write_file
    from zeroshot.searching.tune import tune_space as tuned

    if plot is not None:
        _check(plot)
    found = tuned(options)
    if plot is not None:
        write_file(plot, found.plot())
    emit(found.summary(), lambda screen: _print(screen, found), json=json)


def _check(plot: Path) -> None:
    if plot.suffix != ".png":
        raise UsageError(f"{plot} is no kind of plot.", "Name a file that ends in .png.")
    check_folder(plot)


def _print(screen: "Console", found: "TunedSpace") -> None:
    heads = [("", "", "fit", "MACs, M", "", "", "", "expected, %", ""),
             ("side", "widths", "%", "10 %", "median", "90 %", "mean", "mean", "best")]  # fmt: skip
    texts = aligned([*heads, *map(_cells, found.parts)], screen.width)
    screen.print("\n".join(texts[:2]), style="dim")
    for part, text in zip(found.parts, texts[2:], strict=True):
        named = part in (found.largest, found.likeliest)
        screen.print(text, style="bold" if named else None)
    prose(screen, f"\nNets that fit {found.board} with {found.engine} are largest at {found.largest} (TinyNAS's rule).")
    prose(screen, f"Most is expected of those at {found.likeliest}, by their layers alone.")


def _cells(part: "SubSpace") -> tuple[str, ...]:
    sizes = (part.macs_10, part.macs_50, part.macs_90, part.macs_mean)
    return (
        str(part.side), f"{part.narrowest}-{part.widest}", f"{100 * part.fits / part.drawn:.1f}",
        *("–" if size is None else f"{size / 1e6:.3g}" for size in sizes),
        *("–" if share is None else f"{100 * share:.1f}" for share in (part.accuracy, part.accuracy_best)),
    )  # fmt: skip
