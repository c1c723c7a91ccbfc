"""The files that `zeroshot bench` writes on request."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ._options import check_folder

if TYPE_CHECKING:
    from zeroshot.bench.study import Study


@dataclass(frozen=True)
class Files:
    """Where verdicts go, each as the option of its name asks; None for nowhere."""

    csv: Path | None
    latex: Path | None
    plot: Path | None

    def check(self) -> None:
        """Refuse what could not be written, before minutes are spent on it."""
        from zeroshot.bench import plot

        for path in filter(None, (self.csv, self.latex, self.plot)):
            check_folder(path)
        if self.plot is not None:
            plot.check(self.plot)

    def write(self, found: "Study") -> list[Path]:
        """Write them, and return their paths."""
        from zeroshot.bench.plot import plotted
        from zeroshot.bench.written import csv_text, latex_text
        from zeroshot.runs.files import write_file

        made: list[Path] = []
        if self.csv is not None:
            made.append(write_file(self.csv, csv_text(found)))
        if self.latex is not None:
            made.append(write_file(self.latex, latex_text(found)))
        if self.plot is not None:
            made.append(write_file(self.plot, plotted(found, self.plot.suffix)))
        return made
