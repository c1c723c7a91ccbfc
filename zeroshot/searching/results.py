"""What a search returns, and what it writes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zeroshot.runs import layout
from zeroshot.runs.files import json_text
from zeroshot.runs.folder import RunFolder
from zeroshot.runs.rows import CalibrationNet, Candidate, PredictedNet, PredictedPair
from zeroshot.runs.tables import Rows


@dataclass(frozen=True)
class SearchResult:
    """A finished search; its tables are rows that become data frames, and that notebooks show.

    Attributes:
        pairs: The best pairs, best first.
        front: The Pareto front of pairs over the chosen objectives.
        singles: The Pareto front of single nets, accuracy against latency, inside the same budgets.
        nets: Every candidate with its costs and static scores.
        trained: The nets that were trained for a few epochs to anchor the accuracies, and what was expected of them.
        accuracy_model: Name of the accuracy model, with the number of trained nets if it was anchored.
        n_pairs: Pairs ranked.
        n_feasible: Of these, inside every budget.
        n_probed: Nets scored by forward and backward passes.
        undefined: Proxy -> number of probed nets on which it has no meaning; they rank last.
        seconds: Wall time.
        remarks: What the user should know, plain English.
        config: The options as they were resolved.
        run: The run folder, if one was asked for.
    """

    pairs: Rows[PredictedPair]
    front: Rows[PredictedPair]
    singles: Rows[PredictedNet]
    nets: Rows[Candidate] = field(repr=False)
    trained: Rows[CalibrationNet]
    accuracy_model: str
    n_pairs: int
    n_feasible: int
    n_probed: int
    undefined: dict[str, int]
    seconds: float
    remarks: list[str]
    config: Mapping[str, Any]
    run: Path | None = None

    def summary(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "n_pairs": self.n_pairs, "n_feasible": self.n_feasible, "n_probed": self.n_probed,
            "seconds": round(self.seconds, 3), "run": str(self.run) if self.run else None,
            "accuracy_model": self.accuracy_model, "cascade_model": self.config["cascade_model"],
            "engine": self.config["engine"], "undefined": self.undefined, "remarks": self.remarks,
            "trained": self.trained.plain(), "pairs": self.pairs.plain(), "singles": self.singles.plain(),
        }  # fmt: skip

    def plot(self, path: str | Path) -> None:
        """Draw the fronts, expected latency against expected accuracy, pairs against single nets, as a PNG."""
        from zeroshot.searching.plot import plot_fronts

        Path(path).write_bytes(plot_fronts(self))


def write_tables(result: SearchResult, folder: RunFolder) -> None:
    """Write the tables and the plot of a finished search into its run folder."""
    from zeroshot.searching.plot import plot_fronts

    if result.trained:
        folder.write(layout.CALIBRATION, result.trained.to_csv())
    folder.write(layout.PAIRS, result.pairs.to_csv())
    folder.write(layout.FRONT, result.front.to_csv())
    folder.write(layout.SINGLES, result.singles.to_csv())
    folder.write(layout.FRONT_PLOT, plot_fronts(result))


def write_summary(result: SearchResult, folder: RunFolder) -> None:
    """Write the summary, last: a run that has one is finished."""
    folder.write(layout.SUMMARY, json_text(result.summary()))
