"""One search from a data set and a board to ranked big-little pairs, without training a net, or with a few.

The page: each step takes what the step before it gives.

    options -> problem, task -> candidates, looked for and costed -> ranked by their layers -> shortlist -> probed
    -> expected accuracies -> ranked again -> result
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from zeroshot.cascade.copula import PRIOR_COUPLING
from zeroshot.cascade.rank_pairs import Ranking
from zeroshot.options import takes_options
from zeroshot.runs.class_rows import CLASSES
from zeroshot.runs.digests import seal
from zeroshot.runs.files import disk
from zeroshot.runs.folder import RunFolder, check_run, open_run
from zeroshot.runs.layout import CALIBRATION_NETS
from zeroshot.runs.lock import alone_in, check_free
from zeroshot.runs.rows import CALIBRATION, PAIRS, SINGLES, Candidate
from zeroshot.runs.tables import Rows
from zeroshot.runs.write_pairs_csv import write_summary
from zeroshot.searching.candidates import Candidates
from zeroshot.searching.expectation import Expectation, expect
from zeroshot.searching.find import find_candidates
from zeroshot.searching.layers import on_a_middling_task, score_layers, write_candidates
from zeroshot.searching.listing import pair_rows, single_rows
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.pace import counted_before, counted_now
from zeroshot.searching.population import best_singles, rank
from zeroshot.searching.probes import ProbedNets, probe
from zeroshot.searching.problem import SearchProblem, resolve
from zeroshot.searching.remarks import remarks_on
from zeroshot.searching.results import SearchResult, write_result
from zeroshot.searching.shortlist import shorten
from zeroshot.searching.task import TaskSample, sample_task
from zeroshot.types import Progress


@takes_options(SearchOptions, "data", "board")
def search(
    options: SearchOptions, *, force: bool = False, resume: bool = False, progress: Progress | None = None
) -> SearchResult:
    """Rank big-little pairs for a data set on a board.

    Called with the options themselves, `search("digits", "nucleo-l4r5zi", latency="5ms")`, or with a `SearchOptions`.
    Without `run`, nothing is written.

    Args:
        options: What to search for, and how.
        force: Replace an earlier run in that folder.
        resume: Continue an interrupted run in that folder.
        progress: Called with what is being done, how many are done, of how many.

    Raises:
        UsageError: Unknown name or a value out of range.
        DataError: The data cannot be used.
        InfeasibleError: No pair fits the budgets.
        RunError: The run folder cannot be used.
        TrainError: The loss of a net that `calibrate` trains becomes NaN.
    """
    started, report = time.perf_counter(), progress or (lambda what, done, total: None)
    problem, dataset = resolve(options)
    if options.run is not None:
        check_free(Path(options.run))
        problem = counted_before(problem, Path(options.run)) if resume else problem
        check_run(Path(options.run), problem.config, force=force, resume=resume)
    task = sample_task(problem, dataset)
    del dataset  # hundreds of MB that the rest does not need, unless nets are trained

    report("drawing candidates", 0, 1)
    problem = counted_now(problem, task)
    candidates = find_candidates(problem, task)
    report("drawing candidates", 1, 1)
    layers = score_layers(problem, task, candidates)
    first = rank(problem, layers.contenders, problem.options.shortlist)
    if not first.n_feasible:
        # Costs are not to blame if all nets are expected at one end of what there is.
        layers = on_a_middling_task(problem, layers)
        first = rank(problem, layers.contenders, problem.options.shortlist)
    if not first.n_feasible and problem.free:
        raise problem.roles.infeasible()

    # Not earlier: a search that cannot start must not replace a run that could.
    with run_folder(problem, force=force, resume=resume) as folder:
        rows = layers.rows()
        if folder is not None:
            write_candidates(layers, rows, folder)
        shortlist = shorten(problem, layers, first)
        probed = probe(problem, task, layers, shortlist, folder, report)
        expected = expect(problem, task, probed, folder, report)
        final = rank(problem, expected.contenders)

        result = lay_out(problem, task, candidates, rows, first, probed, expected, final)
        remarks = [
            *task.remarks, *expected.remarks, *remarks_on(problem, candidates, result, expected)
        ]  # fmt: skip
        result = replace(result, remarks=remarks, run=folder.path if folder is not None else None)
        if folder is not None:
            write_result(result, folder.path)
        result = replace(result, seconds=time.perf_counter() - started)
        if folder is not None:
            write_summary(folder.path, result.summary())
            seal(folder.path, CALIBRATION_NETS)
    return result


@contextmanager
def run_folder(problem: SearchProblem, *, force: bool, resume: bool) -> Iterator[RunFolder | None]:
    """The folder that the options name, if any; after a failure a new one is gone again."""
    if problem.options.run is None:
        yield None
        return
    path = Path(problem.options.run)
    with disk(path, "Name another folder with `run`."):
        path.mkdir(parents=True, exist_ok=True)
    with alone_in(path):
        folder = open_run(path, problem.config, force=force, resume=resume)
        try:
            yield folder
        except Exception:
            folder.discard()
            raise


def lay_out(
    problem: SearchProblem, task: TaskSample, candidates: Candidates, rows: Rows[Candidate], first: Ranking,
    probed: ProbedNets, expected: Expectation, final: Ranking,
) -> SearchResult:  # fmt: skip
    """The tables of a result."""
    contenders, model = expected.contenders, expected.model
    singles = contenders.nets.take(best_singles(problem, contenders.nets))
    pairs, front = (pair_rows(some, contenders, singles, model, PRIOR_COUPLING) for some in (final.top, final.front))
    return SearchResult(
        pairs=Rows(PAIRS, pairs),
        front=Rows(PAIRS, front),
        singles=Rows(SINGLES, single_rows(singles, problem.platform, model)),
        nets=rows,
        classes=Rows(CLASSES, task.classes),
        trained=Rows(CALIBRATION, expected.trained),
        accuracy_model=model.name,
        n_scored=candidates.drawn,
        n_pairs=first.n_pairs,
        n_feasible=first.n_feasible,
        n_probed=len(probed.names) if problem.proxies.probed else 0,
        undefined={name: n for name, n in probed.undefined.items() if n},
        seconds=0.0,
        remarks=[],
        config=problem.config,
        data=problem.options.data,
    )
