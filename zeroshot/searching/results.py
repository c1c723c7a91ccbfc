"""What a search returns, and what it writes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.runs import layout
from zeroshot.runs.class_rows import ClassShare
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import new_folder, open_run
from zeroshot.runs.rows import CalibrationNet, Candidate, PredictedNet, PredictedPair
from zeroshot.runs.steps import Steps
from zeroshot.runs.tables import Rows, as_html
from zeroshot.runs.write_pairs_csv import write_classes, write_search, write_summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class SearchResult(Steps):
    """A finished search.

    Attributes:
        pairs: The best pairs, best first.
        front: The Pareto front of pairs over the chosen objectives.
        singles: The Pareto front of single nets, accuracy against latency, inside the same budgets.
        nets: Every candidate with its costs and static scores.
        classes: Of the data, with how many examples each has.
        trained: The nets that were trained for a few epochs to anchor the accuracies, and what was expected of them.
        accuracy_model: Name of the accuracy model, with the number of trained nets if it was anchored.
        n_scored: Nets that the strategy looked at.
        n_pairs: Pairs ranked.
        n_feasible: Of these, inside every budget.
        n_probed: Nets scored by forward and backward passes.
        undefined: Proxy -> number of probed nets on which it has no meaning; they rank last.
        seconds: Wall time.
        remarks: What the user should know, plain English.
        config: The options as they were resolved.
        run: The run folder, if one was asked for.
        data: What the search was given as its data.
    """

    pairs: Rows[PredictedPair]
    front: Rows[PredictedPair]
    singles: Rows[PredictedNet]
    nets: Rows[Candidate] = field(repr=False)
    classes: Rows[ClassShare] = field(repr=False)
    trained: Rows[CalibrationNet]
    accuracy_model: str
    n_scored: int
    n_pairs: int
    n_feasible: int
    n_probed: int
    undefined: dict[str, int]
    seconds: float
    remarks: list[str]
    config: Mapping[str, Any]
    run: Path | None = None
    data: object = field(default=None, repr=False)

    @cached_property
    def saved(self) -> Path:
        """The run folder; of a search that was given none, a new one below `runs`, written when first asked for."""
        if self.run is not None:
            return self.run
        folder = open_run(new_folder(str(self.config["data"])), self.config, force=False, resume=False)
        write_result(self, folder.path)
        write_summary(folder.path, self.summary())
        return folder.path

    def run_folder(self) -> Path:
        """Where the run lies, see `saved`."""
        return self.saved

    def given_data(self) -> object:
        """What the search was given, but for a named set, which the run knows."""
        return None if self.config["data_by_name"] else self.data

    def summary(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "n_scored": self.n_scored, "n_pairs": self.n_pairs, "n_feasible": self.n_feasible,
            "n_probed": self.n_probed, "seconds": round(self.seconds, 3), "run": str(self.run) if self.run else None,
            "accuracy_model": self.accuracy_model, "cascade_model": self.config["cascade_model"],
            "engine": self.config["engine"], "undefined": self.undefined, "remarks": self.remarks,
            "metric": self.config["metric"], "classes": self.classes.plain(),
            "trained": self.trained.plain(), "pairs": self.pairs.plain(), "singles": self.singles.plain(),
        }  # fmt: skip

    def plot(self, path: str | Path | None = None, axes: "Axes | None" = None) -> "Axes":
        """Draw the fronts, expected latency against expected accuracy, pairs against single nets.

        Args:
            path: Write the figure there too, as a PNG.
            axes: Draw into these, instead of a figure of its own.
        """
        from zeroshot.searching.plot import draw_fronts, new_axes, png

        axes = new_axes() if axes is None else axes
        draw_fronts(self, axes)
        if path is not None:
            write_file(path, png(axes.figure))
        return axes

    def _repr_html_(self) -> str:
        """As notebooks show it."""
        head = f"{self.config['data']} on {self.config['board']}: {self.n_pairs:,} pairs ranked"
        return as_html(head, self.pairs, self.remarks)


def write_result(result: SearchResult, run: Path) -> None:
    """Write the tables and the plot of a finished search into its run folder."""
    write_classes(run, result.classes)
    write_search(run, result.pairs, result.front, result.singles, result.trained)
    result.plot(run / layout.FRONT_PLOT)
