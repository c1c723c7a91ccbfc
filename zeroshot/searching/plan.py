"""What a search would do, without doing it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any

from zeroshot.options import takes_options
from zeroshot.runs.folder import check_run
from zeroshot.runs.lock import check_free
from zeroshot.searching.find import scored_nets
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.pace import counted_before
from zeroshot.searching.problem import resolve

PACES = {"random": inf, "flash": 1200, "tpe": 600, "halving": 2000}  # nets that are scored in a second; 5000 else


@dataclass(frozen=True)
class SearchPlan:
    """How much work a search would be, and where its results would go.

    Attributes:
        space: Nets in the space.
        candidates: Nets to draw at most.
        pairs: Pairs to rank at most.
        probed_nets: At most.
        trained_nets: To anchor the accuracies, at most; None where the data decide.
        seconds_about: A rough guess, without the trainings.
        run: The run folder, if one was asked for.
        replaces: Whether an earlier run there would be lost.
        resumes: Whether an earlier run there would be continued.
        config: The options as they are resolved.
    """

    space: int
    candidates: int
    pairs: int
    probed_nets: int
    trained_nets: int | None
    seconds_about: int
    run: str | None
    replaces: bool
    resumes: bool
    config: Mapping[str, Any]

    def summary(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


@takes_options(SearchOptions, "data", "board")
def plan(options: SearchOptions, *, force: bool = False, resume: bool = False) -> SearchPlan:
    """Say what a search with these options would do.

    Args:
        options: As `zeroshot.search`.
        force: Replace an earlier run in that folder.
        resume: Continue an interrupted run in that folder.

    Raises:
        UsageError: Unknown name or a value out of range.
        DataError: The data cannot be used.
        RunError: The run folder cannot be used, or the run to start from.
        InfeasibleError: No pair with the fixed nets meets the budgets.
    """
    problem, _ = resolve(options)
    if options.run is not None:
        check_free(Path(options.run))
    if resume and options.run is not None:
        problem = counted_before(problem, Path(options.run))
    in_use = options.run is not None and check_run(Path(options.run), problem.config, force=force, resume=resume)
    fixed, sought = len(problem.roles.fixed), problem.free * options.nets
    probed = (1 + problem.free) * options.shortlist + fixed if problem.proxies.probed else 0
    # Measured on nets of CIFAR-10, two at a time: a net's default passes, and those of its readout.
    looking = options.seconds or scored_nets(problem) / PACES.get(options.strategy, 5000)
    each = 0.05 + 0.1 * any(p.readout for p in problem.proxies.probed)
    return SearchPlan(
        space=problem.space.count(),
        candidates=sought + fixed,
        pairs=options.nets**problem.free,
        probed_nets=probed,
        trained_nets=options.calibrate,
        seconds_about=round(6 + options.nets / 500 + looking + each * probed),
        run=options.run,
        replaces=force and in_use,
        resumes=resume,
        config=problem.config,
    )
