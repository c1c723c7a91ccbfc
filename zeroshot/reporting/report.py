"""The page of a run: `zeroshot.report`."""

from pathlib import Path

from zeroshot.reporting import origin, tables
from zeroshot.reporting.battery import battery_view
from zeroshot.reporting.contents import SHOWN, Contents, read_run
from zeroshot.reporting.correlations import correlations
from zeroshot.reporting.front import front_of
from zeroshot.reporting.page import page
from zeroshot.reporting.pairs import pair_views
from zeroshot.reporting.seen import see
from zeroshot.reporting.verdict import headline, stages
from zeroshot.runs import layout, words
from zeroshot.runs.digests import seal_more
from zeroshot.runs.files import write_file

HINT = "Name another file with `out`."


def report(run: str | Path, out: str | Path | None = None, data: object = None) -> Path:
    """Write a page that shows a run, at whatever stage it is: one HTML file that needs nothing else.

    Figures are those of the run's tables. The page says what is not there yet. Pictures of test images, confusion
    matrices and measured curves need the data; a named set is not downloaded for them.

    Args:
        run: Folder of a search.
        out: File to write; by default `report.html` in the run folder.
        data: The data of the search, or where they are; needed for a file or folder.

    Returns:
        The file.

    Raises:
        RunError: There is no run, it has another format, one of its tables is damaged, or the page cannot be written.
    """
    folder = Path(run)
    text = render(folder, data)
    if out is not None:
        return write_file(out, text, HINT)
    path = write_file(folder / layout.REPORT, text, HINT)
    seal_more(folder, [layout.REPORT])
    return path


def render(run: Path, data: object = None) -> str:
    """The page as text; arguments and errors as `report`."""
    found = read_run(run)
    seen = see(found, data)
    return page({
        "run": str(found.run), "things": found.things,
        "title": f"{found.config['data']} on {found.config.get('board', 'an unknown board')}",
        "headline": headline(found), "stages": stages(found), "remarks": origin.remarks(found),
        "sure": _sure(found), "front": front_of(found), "pairs": list(pair_views(found, seen)),
        "unlisted": max(0, len(found.pairs or []) - SHOWN), "battery": battery_view(found, data), "seen": seen,
        "trained_nets": tables.trained_nets(found), "int8_nets": tables.int8_nets(found),
        "pruned": tables.pruned_nets(found), "anchors": tables.anchors(found),
        "firmware": [tables.firmware(each) for each in found.exports], "correlations": correlations(found),
        "times": origin.times(found), "settings": origin.settings(found), "versions": origin.versions(found),
    })  # fmt: skip


def _sure(found: Contents) -> str:
    """What kind of figures these are."""
    config, summary = found.config, found.summaries.get("", {})
    limits = f"Budgets: {words.budgets(config)}. " if "escalation_limit" in config else ""
    model = summary.get("accuracy_model", config.get("accuracy_model"))
    return (
        f"{limits}± is an 80 % interval. What is expected is of {config.get('epochs', 'some')} epochs of training, not "
        f"measured, by {model} and {config.get('cascade_model')}; costs are of {config.get('engine')} on "
        f"{config.get('board')}, by the cost model."
    )
