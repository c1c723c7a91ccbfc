"""`zeroshot report`: one call of the engine's `report`."""

import webbrowser
from typing import Annotated

import typer

from ._options import option
from ._output import emit


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a search, at whatever stage.")],
    out: Annotated[str | None, option("--out", "FILE", "File to write.", show_default="RUN/report.html")] = None,
    data: Annotated[
        str | None, option("--data", "DATA", "The data of the search, where they are no named set.")
    ] = None,
    open_: Annotated[bool, option("--open", "", "Show the page in the browser.")] = False,
    json: Annotated[bool, option("--json", "", "Print one JSON object.")] = False,
    quiet: Annotated[bool, option("--quiet", "", "Print only where the page is.")] = False,
) -> None:
    """Write a page that shows a run: what it found, what it costs, how sure it is, and what is still to be done.

    One HTML file that needs nothing else, no network either.

    Example: zeroshot report runs/digits --open
    """
    from zeroshot.reporting.report import report as engine

    page = engine(run, out, data)
    size = page.stat().st_size
    emit(
        {"report": str(page), "bytes": size},
        lambda screen: screen.print(f"Report: {page} ({size / 1024:.0f} KiB)", style="bold"),
        json=json, quiet=str(page) if quiet else None,
    )  # fmt: skip
    if open_:
        webbrowser.open(page.resolve().as_uri())
