"""The options of a search."""

import os
from dataclasses import dataclass
from pathlib import Path

from zeroshot.cascade.options import metric_option
from zeroshot.cost.boards import DEFAULT_BOARD
from zeroshot.cost.engines import DEFAULT_ENGINE
from zeroshot.errors import UsageError
from zeroshot.options import RUN, option
from zeroshot.scoring.defaults import DEFAULT_PROXIES
from zeroshot.signals.folder_options import SignalOptions
from zeroshot.training.recipe import Recipe
from zeroshot.units import Quantity

TASK, BUDGETS, SEARCH = "Task", "Budgets", "Search"
# In `zeroshot.searching.strategies`, which imports too much for a page of options.
STRATEGY_NAMES = (
    "random", "uniform", "grid", "stratified", "scaling", "evolution", "metropolis", "nsga2", "flash", "tpe", "halving",
)  # fmt: skip
DEFAULT_STRATEGY = "evolution"


@dataclass(frozen=True)
class SearchOptions(SignalOptions):
    """What to search for, how, and where to put it; values are checked when it is made.

    `data` is a `Dataset`, or what `zeroshot.load` understands; the options of `SignalOptions` say how a folder of
    recordings or sensor logs is read. Without `run`, nothing is written. Names of boards,
    engines, spaces, proxies and objectives are looked up when the search starts.

    Raises:
        UsageError: A value of the wrong type or out of its range, or two that do not go together.
    """

    data: object = option(
        "digits",
        "digits, cifar10, cifar100, fashion-mnist, an .npz file, or a folder of images, recordings or sensor logs.",
        metavar="DATA", panel=TASK,
    )  # fmt: skip
    board: str = option(DEFAULT_BOARD, "Name of a board, or a .toml file.", metavar="NAME", panel=TASK)
    engine: str = option(DEFAULT_ENGINE, "Inference engine that all costs are of.", metavar="NAME", panel=TASK)
    space: str | None = option(
        None, "Search space: mcu, or mcu1d for signals.", metavar="NAME", panel=TASK, shown="by the height of inputs"
    )  # fmt: skip
    square: bool = option(False, "Crop images to the square in their middle; else nets see them whole.", panel=TASK)
    metric: str = metric_option(TASK)
    epochs: int = option(
        Recipe.epochs, "Of the training that accuracies are expected of.", metavar="N", panel=TASK, least=1
    )

    flash: Quantity = option(
        None, "Both models and the runtime, like 512KiB; the board's if lower.", metavar="SIZE", panel=BUDGETS,
        unit="size",
    )  # fmt: skip
    sram: Quantity = option(
        None, "Working memory, like 128KiB; the board's if lower.", metavar="SIZE", panel=BUDGETS, unit="size"
    )
    latency: Quantity = option(
        None, "Expected latency, like 50ms.", metavar="TIME", panel=BUDGETS, unit="time"
    )  # fmt: skip
    energy: Quantity = option(None, "Expected energy, like 2mJ.", metavar="ENERGY", panel=BUDGETS, unit="energy")
    worst_latency: Quantity = option(
        None, "Latency when the big net runs, like 200ms.", metavar="TIME", panel=BUDGETS, unit="time"
    )
    # Beyond one half a second model rarely earns its flash.
    escalation: float = option(
        0.5, "Highest rate at which the big net runs, 0.3 for 30 %.", metavar="RATE", panel=BUDGETS
    )

    little: str | None = option(
        None, "The little net of every pair, where there is one already.", metavar="NET", panel=SEARCH, shown="any"
    )
    big: str | None = option(
        None, "The big net of every pair, where there is one already.", metavar="NET", panel=SEARCH, shown="any"
    )
    nets: int = option(1000, "Little candidates, and big ones as many.", metavar="N", panel=SEARCH, least=1)
    strategy: str = option(
        DEFAULT_STRATEGY,
        f"Where candidates come from: {', '.join(STRATEGY_NAMES)}.",
        metavar="NAME",
        panel=SEARCH,
        names=lambda: STRATEGY_NAMES,
    )
    scored: int | None = option(
        None, "Nets whose layers a strategy may score.", metavar="N", panel=SEARCH, least=1,
        shown="10 a candidate, at least 1000; random draws what it needs",
    )  # fmt: skip
    seconds: float | None = option(
        None, "Seconds for the strategy, about, instead of a number of nets.", metavar="N", panel=SEARCH, above=0
    )
    seeds: tuple[str, ...] = option(
        (), "Nets that are always candidates, and start a strategy.", metavar="NET,...", panel=SEARCH, shown="none"
    )
    from_: str | None = option(
        None, "Folder of an earlier run whose candidates are seeds: for other data, board or budgets too.",
        metavar="RUN", panel=SEARCH, shown="none",
    )  # fmt: skip
    top: int = option(10, "Pairs to list.", metavar="N", panel=SEARCH, least=1)
    per_net: int = option(
        2, "No net stands in more than so many listed pairs.", metavar="N", panel=SEARCH, least=1
    )  # fmt: skip
    shortlist: int = option(
        24, "Little, big and single nets to probe, N of each; 0: static proxies alone.", metavar="N", panel=SEARCH,
        least=0,
    )  # fmt: skip
    proxies: tuple[str, ...] = option(
        DEFAULT_PROXIES, "Names of proxies whose ranks are fused, or all.", metavar="A,B,...", panel=SEARCH
    )
    objectives: tuple[str, ...] = option(
        ("accuracy", "latency"), "Of the Pareto front: accuracy and one or more costs.", metavar="A,B,...", panel=SEARCH
    )
    batch: int = option(32, "Images a batch; two batches a probed net.", metavar="N", panel=SEARCH, least=1)
    calibrate: int | None = option(
        None, "Train N nets briefly: they anchor all expected accuracies.", metavar="N", panel=SEARCH, least=0,
        shown="0; a minute's worth on data unlike those that accuracies were learnt from",
    )  # fmt: skip
    calibrate_epochs: int | None = option(
        None, "Epochs of each of them.", metavar="N", panel=SEARCH, least=1,
        shown="5 to 30, the fewer the more images",
    )  # fmt: skip
    seed: int = option(0, "The one seed.", metavar="N", panel=SEARCH, least=0)
    jobs: int | None = option(
        None, "Processes that probe and train nets; results do not depend on it.", metavar="N", panel=SEARCH, least=1,
        shown="as many as pay off",
    )  # fmt: skip
    run: str | None = option(
        None, "Folder for the results.", metavar="DIR", panel=RUN, shown="runs/<date>-<time>-<data>"
    )

    def __post_init__(self) -> None:
        """Check every field, and those that depend on each other."""
        super().__post_init__()
        if isinstance(self.data, os.PathLike):
            object.__setattr__(self, "data", os.fspath(self.data))
        if not 0 < self.escalation <= 1:
            raise UsageError(f"`escalation` {self.escalation} is not a rate between 0 and 1.", "For 30 % write 0.3.")
        if (self.calibrate or 0) > self.nets:
            raise UsageError(
                f"`calibrate` must be from 0 to `nets`, not {self.calibrate}.", "Eight nets are a good start."
            )
        self._check_strategy()
        if None not in (self.from_, self.run) and Path(str(self.from_)).resolve() == Path(str(self.run)).resolve():
            raise UsageError(f"`from_` and `run` are the same folder, {self.run}.", "Name another folder with `run`.")
        if self.calibrate_epochs is not None and not self.calibrate:
            raise UsageError(
                f"`calibrate_epochs` {self.calibrate_epochs} is for nets that `calibrate` trains.",
                "For example `calibrate=8`, `calibrate_epochs=5`.",
            )

    def _check_strategy(self) -> None:
        """How long it looks must suit it, and be said once."""
        for name, value in (("scored", self.scored), ("seconds", self.seconds)):
            if value is not None and self.strategy == "random":
                raise UsageError(
                    f"`{name}` {value:g} is for strategies that judge nets; `random` draws until it has enough.",
                    "Leave it out, or name another `strategy`.",
                )
        if self.scored is not None and self.seconds is not None:
            raise UsageError(
                f"`scored` {self.scored} and `seconds` {self.seconds:g} both say how long the strategy looks.",
                "Give one of the two.",
            )
