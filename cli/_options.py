"""The options of `search` and `demo`, and what commands do with theirs.

Defaults stand at the commands; tests compare them with the engine's.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from ._config import load_file, variable

TASK, BUDGETS, SEARCH, RUN = "Task", "Budgets", "Search", "Run and output"
# Stored nets and scores lie beside the code that was cloned; no wheel has them.
SOURCE = Path(__file__).resolve().parents[1]
SHIPPED = "that of the source folder"


def option(name: str, metavar: str, text: str, **more: Any) -> Any:  # noqa: ANN401 - as typer.Option
    """An option of the command line alone."""
    return typer.Option(name, metavar=metavar, help=text, **more)


def typed(ctx: typer.Context, names: Iterable[str]) -> list[str]:
    """The words of those of these parameters that were typed: for a command that goes on where this one stopped."""
    out = []
    for name in names:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            flag, value = f"--{name.replace('_', '-')}", ctx.params[name]
            out += [flag] if value is True else [flag, str(value)]
    return out


def _setting(name: str, panel: str, metavar: str, text: str, **more: Any) -> Any:  # noqa: ANN401 - as typer.Option
    """An option that can also be set in the environment and in a TOML file."""
    flag = f"--{name.replace('_', '-')}"
    return typer.Option(
        flag, envvar=variable(name), show_envvar=False, metavar=metavar, help=text, rich_help_panel=panel, **more
    )


def _flag(name: str, text: str) -> Any:  # noqa: ANN401 - as typer.Option
    return typer.Option(name, metavar="", help=text, rich_help_panel=RUN)


Data = Annotated[
    str, _setting("data", TASK, "DATA", "digits, cifar10, cifar100, fashion-mnist, an .npz file or an image folder.")
]
Board = Annotated[str, _setting("board", TASK, "NAME", "A name from `zeroshot boards`, or a .toml file.")]
Engine = Annotated[str, _setting("engine", TASK, "NAME", "Inference engine that all costs are of.")]
Space = Annotated[str, _setting("space", TASK, "NAME", "A name from `zeroshot spaces`.")]

Flash = Annotated[
    str | None, _setting("flash", BUDGETS, "SIZE", "Both models and the runtime, like 512KiB; the board's if lower.")
]
Sram = Annotated[str | None, _setting("sram", BUDGETS, "SIZE", "Working memory, like 128KiB; the board's if lower.")]
Latency = Annotated[str | None, _setting("latency", BUDGETS, "TIME", "Expected latency, like 50ms.")]
Energy = Annotated[str | None, _setting("energy", BUDGETS, "ENERGY", "Expected energy, like 2mJ.")]
WorstLatency = Annotated[
    str | None, _setting("worst_latency", BUDGETS, "TIME", "Latency when the big net runs, like 200ms.")
]
Escalation = Annotated[
    float, _setting("escalation", BUDGETS, "RATE", "Highest rate at which the big net runs, 0.3 for 30 %.")
]

Nets = Annotated[int, _setting("nets", SEARCH, "N", "Little candidates, and big ones as many.")]
Top = Annotated[int, _setting("top", SEARCH, "N", "Pairs to list.")]
PerNet = Annotated[int, _setting("per_net", SEARCH, "N", "No net stands in more than so many listed pairs.")]
Shortlist = Annotated[
    int, _setting("shortlist", SEARCH, "N", "Little, big and single nets to probe, N of each; 0: static proxies alone.")
]
Proxies = Annotated[
    str, _setting("proxies", SEARCH, "A,B,...", "Names from `zeroshot proxies` whose ranks are fused, or all.")
]
Objectives = Annotated[
    str, _setting("objectives", SEARCH, "A,B,...", "Of the Pareto front: accuracy and one or more costs.")
]
Batch = Annotated[int, _setting("batch", SEARCH, "N", "Images a batch; two batches a probed net.")]
Calibrate = Annotated[
    int, _setting("calibrate", SEARCH, "N", "Train N nets briefly to anchor all expected accuracies; 0 trains none.")
]
CalibrateEpochs = Annotated[
    int | None,
    _setting(
        "calibrate_epochs", SEARCH, "N", "Epochs of each of them.", show_default="5 to 30, the fewer the more images"
    ),
]
Seed = Annotated[int, _setting("seed", SEARCH, "N", "The one seed.")]
Jobs = Annotated[
    int | None,
    _setting(
        "jobs",
        SEARCH,
        "N",
        "Processes that probe and train nets; results do not depend on it.",
        show_default="as many as pay off",
    ),
]

Run = Annotated[
    str | None,
    _setting("run", RUN, "DIR", "Folder for the results.", show_default="runs/<date>-<time>-<data>"),
]
Force = Annotated[bool, _flag("--force", "Replace an earlier run in that folder.")]
Resume = Annotated[bool, _flag("--resume", "Continue an interrupted run; takes the same settings and --run.")]
Json = Annotated[bool, _flag("--json", "Print one JSON object.")]
Quiet = Annotated[bool, _flag("--quiet", "No progress; print only where the run folder is.")]
DryRun = Annotated[bool, _flag("--dry-run", "Say what would be done and written, and do nothing.")]
Config = Annotated[
    str | None,
    typer.Option(
        "--config", envvar="ZEROSHOT_CONFIG", show_envvar=False, metavar="FILE", is_eager=True, callback=load_file,
        help="TOML file of settings, named as these options.", rich_help_panel=RUN,
    ),
]  # fmt: skip


def words(text: str) -> list[str]:
    """The names of a comma-separated option.

    >>> words("zico, macs,")
    ['zico', 'macs']
    """
    return [word.strip() for word in text.split(",") if word.strip()]


def whole_numbers(text: str, option: str) -> list[int]:
    """The numbers of a comma-separated option.

    Raises:
        UsageError: One is no whole number.
    """
    from zeroshot.errors import UsageError

    found = words(text)
    if not all(word.isdigit() for word in found):
        raise UsageError(f"{option} takes whole numbers, not {text!r}.", f"For example {option} 5,10.")
    return [int(word) for word in found]
