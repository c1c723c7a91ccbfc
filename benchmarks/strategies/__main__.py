"""How far each search strategy comes with so many nets scored: expected accuracy of the best pair and the best net.

Nothing is trained: accuracies are those that nets' layers promise, so this says how well a strategy searches. How good
its finds are, of those that benchmarks.strategies.picks has trained, is one more chapter of the report.
ZEROSHOT_DATA holds nasbench201/, where true accuracies are known. python -m benchmarks.strategies [--long] [--missing]
[--report]
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from benchmarks.script import RESULTS, Arguments, exit_code, parser
from benchmarks.stored import fitted
from benchmarks.strategies.cases import CASES, Work, plan
from benchmarks.strategies.cells import CELL_RUNS, CellRun, CellWork, measure_cells, plan_cells
from benchmarks.strategies.cells_report import chapter as cells_chapter
from benchmarks.strategies.measuring import RUNS, Measured, measure, truth
from benchmarks.strategies.picks import ZOO, read_picks
from benchmarks.strategies.report import plot, report
from benchmarks.strategies.survival import chapter
from zeroshot.runs.files import write_file
from zeroshot.runs.tables import Table
from zeroshot.scoring.population import default_jobs
from zeroshot.searching.strategies import STRATEGIES

W = TypeVar("W")
R = TypeVar("R")


def runs(seeds: int, jobs: int, *, long: bool, stored: Sequence[Measured] = ()) -> list[Measured]:
    """All runs of the plan that are not stored, in its order, and behind those that are.

    What was expected by other constants cannot be compared and is run anew.
    """
    kept = [one for one in stored if one.constants == fitted()]
    there = [Work(one.case, one.strategy, one.nets, one.asked, one.seed) for one in kept]
    return [*kept, *_measured(measure, plan(seeds, tuple(STRATEGIES), long=long), there, jobs)]


def cell_runs(seeds: int, jobs: int, stored: Sequence[CellRun] = ()) -> list[CellRun]:
    """The same on NAS-Bench-201."""
    kept = [one for one in stored if one.constants == fitted()]
    there = [CellWork(one.device, one.told, one.strategy, one.asked, one.seed) for one in kept]
    return [*kept, *_measured(measure_cells, plan_cells(seeds), there, jobs)]


def _measured(measure: Callable[[W], R], plan: Iterable[W], there: Iterable[W], jobs: int) -> Iterator[R]:
    done = set(there)
    planned = [work for work in plan if work not in done]
    with ProcessPoolExecutor(jobs) as pool:
        for i, (work, one) in enumerate(zip(planned, pool.map(measure, planned), strict=True), 1):
            print(f"{i} of {len(planned)}: {work}", file=sys.stderr)
            yield one


def _stored(path: Path, rows: Table[R]) -> list[R]:
    return rows.from_csv(path.read_text(encoding="utf-8")) if path.exists() else []


def main(arguments: Arguments = None) -> None:
    options = parser("strategies", __doc__)
    options.add_argument("--seeds", type=int, default=10, help="runs of each strategy (10)")
    options.add_argument("--long", action="store_true", help="also runs that score 30,000 nets and more: 10 minutes")
    options.add_argument("--jobs", type=int, default=default_jobs(), help="processes (as many as pay off)")
    options.add_argument("--missing", action="store_true", help="keep the stored runs, add those that are not stored")
    options.add_argument("--report", action="store_true", help="write the report anew from the stored runs")
    given = options.parse_args(arguments)
    stored, cells = RESULTS / "strategies.csv", RESULTS / "strategies_cells.csv"
    if not given.report:
        found = cell_runs(given.seeds, given.jobs, _stored(cells, CELL_RUNS) if given.missing else [])
        write_file(cells, CELL_RUNS.to_csv(found))
        kept = _stored(stored, RUNS) if given.missing else []
        measured = runs(given.seeds, given.jobs, long=given.long, stored=kept)
        known = {case.name: truth(case) for case in CASES if case.listed}
        write_file(stored, RUNS.to_csv([replace(one, truth=known.get(one.case)) for one in measured]))
    rows = _stored(stored, RUNS)
    chapters = [*cells_chapter(_stored(cells, CELL_RUNS)), *chapter(read_picks(), ZOO)]
    write_file(RESULTS / "strategies.md", report(rows, chapters))
    plot(rows, RESULTS / "strategies.png")


if __name__ == "__main__":
    sys.exit(exit_code(main))
