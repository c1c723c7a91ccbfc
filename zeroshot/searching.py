"""One search from a data set and a board to ranked big-little pairs, without training a net."""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zeroshot import data as datasets
from zeroshot.accuracy import PRIOR, expected_accuracy, task_anchor
from zeroshot.candidates import Candidates, draw, infeasible
from zeroshot.cascade.copula import PRIOR_COUPLING
from zeroshot.cascade.pairs import Ranking, rank_pairs
from zeroshot.cost.nets import NetCosts
from zeroshot.data import Dataset
from zeroshot.features import features
from zeroshot.net import layer_table, spec_of
from zeroshot.probe import Score
from zeroshot.ranking import fuse_ranks
from zeroshot.results import Population, Row, SearchResult, net_rows, pair_rows, single_fits, single_front, single_rows
from zeroshot.runs import RunFolder, check_run, open_run
from zeroshot.scoring import Batches, default_jobs, score_aggregate, score_probed, score_static
from zeroshot.settings import DEFAULT_BOARD, DEFAULT_ENGINE, DEFAULT_PROXIES, Setting, resolve
from zeroshot.units import Quantity

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
Progress = Callable[[str, int, int], None]

BATCHES = 2  # of labelled images for each probed net, unless a proxy wants more


@dataclass(frozen=True)
class _Task:
    """What is needed of the data once the search runs; the images themselves are let go.

    Attributes:
        anchor: `task_anchor` of the data.
        batches: Resolution -> labelled batches, for the probed proxies.
        remarks: What is odd about the data.
    """

    anchor: float
    batches: dict[int, Batches]
    remarks: list[str]


def search(
    data: str | Path | Dataset = "digits",
    board: str = DEFAULT_BOARD,
    *,
    engine: str = DEFAULT_ENGINE,
    space: str = "mcu",
    flash: Quantity = None,
    sram: Quantity = None,
    latency: Quantity = None,
    energy: Quantity = None,
    worst_latency: Quantity = None,
    escalation: float = 0.5,
    nets: int = 1000,
    top: int = 10,
    per_net: int = 2,
    shortlist: int = 64,
    proxies: Sequence[str] = DEFAULT_PROXIES,
    objectives: Sequence[str] = ("accuracy", "latency"),
    batch: int = 32,
    seed: int = 0,
    jobs: int | None = None,
    run: str | Path | None = None,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> SearchResult:
    """Rank big-little pairs for a data set on a board.

    Args:
        data: A data set, or what `zeroshot.data.load` understands: a name, an .npz file, an image folder.
        board: Name of a board, or a .toml file.
        engine: Inference engine that latency, flash and SRAM are of.
        space: Search space.
        flash: Limit for both models and the runtime ("128KiB", or bytes); the board's own if lower.
        sram: Limit for the shared arena, persistent data and the kept input; the board's own if lower.
        latency: Limit for the expected latency ("50ms", or ms).
        energy: Limit for the expected energy ("2mJ", or mJ).
        worst_latency: Limit for the latency when the big net runs.
        escalation: Highest escalation rate, a fraction. Beyond one half a second model rarely earns its flash.
        nets: Little candidates, and big ones as many.
        top: Pairs to list.
        per_net: No net stands in more than so many listed pairs.
        shortlist: Little nets to probe, as many big ones, and as many that may stand alone; 0 ranks by static proxies
            only.
        proxies: Proxies whose ranks are fused.
        objectives: Of the Pareto front: accuracy and one or more costs.
        batch: Images a batch; two batches a probed net.
        seed: The one seed.
        jobs: Processes that probe nets; by default as many as pay off. Results do not depend on it.
        run: Folder for the results; None writes nothing.
        force: Replace an earlier run in that folder.
        resume: Continue an interrupted run in that folder.
        progress: Called with what is being done, how many are done, of how many.

    Raises:
        UsageError: Unknown name or a value out of range.
        DataError: The data cannot be used.
        InfeasibleError: No pair fits the budgets.
        RunError: The run folder cannot be used.
    """
    started = time.perf_counter()
    s, dataset = resolve(
        data, board, engine, space, flash, sram, latency, energy, worst_latency, escalation, nets, top, per_net,
        shortlist, proxies, objectives, batch, seed, jobs,
    )  # fmt: skip
    report = progress or (lambda what, done, total: None)
    if run is not None:
        check_run(Path(run), s.config, force=force, resume=resume)
    task = _task(s, dataset)
    del dataset  # hundreds of MB that the rest does not need
    report("drawing candidates", 0, 1)
    found = draw(s.space, s.cost_of, s.platform, s.budgets, nets, np.random.default_rng(seed))
    report("drawing candidates", 1, 1)
    table = layer_table(found.values, s.channels, s.classes)
    static, known = score_static(table, s.static), features(table)
    asked = [i for i, p in enumerate(s.static) if p.name in s.fused]
    accuracy = expected_accuracy(fuse_ranks(static[:, asked]), known, PRIOR.trust_static, task.anchor, s.classes)
    first = _rank(s, found.costs, accuracy, found.littles, found.bigs)
    if not first.n_feasible:
        raise infeasible(found.corner, s.platform, s.budgets)

    # Not earlier: a search that cannot start must not replace a run that could.
    folder = open_run(Path(run), s.config, force=force, resume=resume) if run is not None else None
    try:
        result = _finish(s, task, found, known, static, accuracy, first, folder, report)
        if folder is not None:
            write_result(result, folder)
        result = replace(result, seconds=time.perf_counter() - started)
        if folder is not None:
            folder.write("summary.json", json.dumps(result.summary(), indent=2) + "\n")
    except Exception:
        if folder is not None:
            folder.discard()
        raise
    return result


def plan(**options: Any) -> dict[str, Any]:  # noqa: ANN401 - exactly the options of `search`
    """What `search` with these options would do: the settings, how much work, what would be written."""
    run, force, resume = options.pop("run", None), options.pop("force", False), options.pop("resume", False)
    options.pop("progress", None)
    defaults = {
        k: v for k, v in (search.__kwdefaults__ or {}).items() if k not in {"run", "force", "resume", "progress"}
    }
    s, _ = resolve(**({"data": "digits", "board": DEFAULT_BOARD} | defaults | options))
    in_use = run is not None and check_run(Path(run), s.config, force=force, resume=resume)
    probed = 3 * s.shortlist if s.probed else 0
    return {
        "space": s.space.count(), "candidates": 2 * s.nets, "pairs": s.nets**2, "probed_nets": probed,
        "seconds_about": round(6 + s.nets / 500 + 0.06 * probed),
        "run": str(run) if run is not None else None, "replaces": bool(force and in_use), "resumes": bool(resume),
        "config": s.config,
    }  # fmt: skip


def _task(s: Setting, dataset: Dataset) -> _Task:
    sides = s.space.resolutions if s.probed else ()
    count = max([BATCHES, *(p.batches for p in s.probed)])
    batches = {side: datasets.batches(dataset, side, s.batch, count, s.seed) for side in sides}
    return _Task(task_anchor(dataset, s.seed), batches, datasets.warnings_for(dataset))


def _rank(s: Setting, costs: NetCosts, accuracy: FloatArray, littles: Int64Array, bigs: Int64Array) -> Ranking:
    return rank_pairs(
        costs.take(littles), accuracy[littles], costs.take(bigs), accuracy[bigs], s.platform, s.budgets,
        top=s.top, per_net=s.per_net, objectives=s.objectives, threads=s.jobs or default_jobs(),
    )  # fmt: skip


def _finish(
    s: Setting, task: _Task, found: Candidates, own: dict[str, FloatArray], static: FloatArray,
    accuracy: FloatArray, first: Ranking, folder: RunFolder | None, report: Progress,
) -> SearchResult:  # fmt: skip
    """Probe a shortlist, rank its pairs again, lay out the tables."""
    names = [str(spec_of(row)) for row in found.values]
    columns = {f"score_{p.name}": static[:, i] for i, p in enumerate(s.static)} | {"static_accuracy": accuracy}
    candidates = net_rows(names, found.costs, columns)
    if folder is not None:
        folder.write_table("candidates.csv", candidates)
        roles = {"littles": found.littles, "bigs": found.bigs, "specs": found.values}
        folder.write_arrays("candidates.npz", vars(found.costs) | columns | roles)
    rows, littles, bigs, ranking = np.arange(len(names)), found.littles, found.bigs, first
    undefined: dict[str, int] = {}
    if s.probed:
        littles = _shortlist(s, found, accuracy, first, "little")
        bigs = _shortlist(s, found, accuracy, first, "big")
        # Single nets get places of their own: a pair must beat the best of them, not the best of what pairs left.
        static_alone = Population(names, found.costs, accuracy)
        best_alone = single_front(static_alone, single_fits(found.costs, s.platform, s.budgets))
        alone_rows = shortlist(found.costs, accuracy, best_alone, best_alone[:0], s.shortlist)
        rows = np.unique(np.concatenate([littles, bigs, alone_rows]))
        scores = _probe(s, task.batches, [names[i] for i in rows], folder, report)
        undefined = {p.name: int(np.isnan(column).sum()) for p, column in zip(s.probed, scores.T, strict=True)}
        known = {p.name: static[rows, i] for i, p in enumerate(s.static)}
        known |= {p.name: scores[:, i] for i, p in enumerate(s.probed)}
        known |= {p.name: score_aggregate(p, known) for p in s.aggregates}
        fused = fuse_ranks(np.column_stack([known[name] for name in s.fused]))
        accuracy = accuracy.copy()
        of_rows = {name: column[rows] for name, column in own.items()}
        accuracy[rows] = expected_accuracy(fused, of_rows, PRIOR.trust_probed, task.anchor, s.classes)
        ranking = _rank(s, found.costs, accuracy, littles, bigs)

    def population(index: Int64Array) -> Population:
        return Population([names[i] for i in index], found.costs.take(index), accuracy[index])

    alone = population(rows)
    front = single_front(alone, single_fits(alone.costs, s.platform, s.budgets))
    models = (population(littles), population(bigs), alone, front, PRIOR, PRIOR_COUPLING)
    pairs, singles = pair_rows(ranking.top, *models), single_rows(alone, front, s.platform, PRIOR)
    return SearchResult(
        pairs=pairs, front=pair_rows(ranking.front, *models),
        singles=singles, nets=candidates,
        n_pairs=first.n_pairs, n_feasible=first.n_feasible, n_probed=len(rows) if s.probed else 0,
        undefined={name: n for name, n in undefined.items() if n}, seconds=0.0,
        remarks=task.remarks + _remarks(s, found, pairs, singles, undefined), config=s.config,
        run=folder.path if folder is not None else None,
    )  # fmt: skip


def _shortlist(s: Setting, found: Candidates, accuracy: FloatArray, ranking: Ranking, role: str) -> Int64Array:
    """Candidates of one role to probe; those of the best pairs, then those of the front, are listed first."""
    rows: Int64Array = getattr(found, role + "s")
    both = np.concatenate([getattr(ranking.top, role), getattr(ranking.front, role)])
    _, first = np.unique(both, return_index=True)
    listed = rows[both[np.sort(first)]]
    return shortlist(found.costs, accuracy, rows[getattr(ranking, role + "_fits")], listed, s.shortlist)


def shortlist(costs: NetCosts, accuracy: FloatArray, allowed: Int64Array, listed: Int64Array, n: int) -> Int64Array:
    """Nets worth probing: half the places for those in the best pairs so far, the rest by Pareto layers.

    Args:
        costs: Of all candidates.
        accuracy: (n_nets,) float64, expected from the static proxies.
        allowed: Rows of nets that stand in some pair inside the budgets.
        listed: Rows of nets in the best pairs and on the front, in order of merit.
        n: Places.

    Returns:
        (at most n,) sorted rows.
    """
    # Evenly, not the first half: the front runs from cheap to dear. The first, of the best pair, is always in.
    places = np.linspace(0, len(listed) - 1, min(n // 2, len(listed))).astype(int)
    chosen: list[int] = listed[places].tolist() or listed[:1].tolist()
    rest = np.setdiff1d(allowed, chosen)
    rest = rest[np.lexsort((-accuracy[rest], costs.latency[rest]))]
    while len(chosen) < n and len(rest):
        best = np.maximum.accumulate(np.concatenate([[-inf], accuracy[rest]]))[:-1]
        layer = accuracy[rest] > best
        places = np.linspace(0, layer.sum() - 1, min(n - len(chosen), int(layer.sum()))).astype(int)
        chosen += rest[layer][places].tolist()
        rest = rest[~layer]
    return np.array(sorted(chosen), np.int64)


def _probe(
    s: Setting, batches: dict[int, Batches], names: list[str], folder: RunFolder | None, report: Progress
) -> FloatArray:
    """(n_nets, n_proxies) probed scores; those already in the run folder are not computed again."""
    wanted = [p.name for p in s.probed]
    done: dict[str, dict[str, Score]] = folder.scores() if folder is not None else {}
    missing = [net for net in names if any(name not in done.get(net, {}) for name in wanted)]
    report("probing nets", len(names) - len(missing), len(names))
    # Closed by name: an interrupt must stop the workers now, not when the garbage is collected.
    with closing(score_probed(missing, s.classes, batches, s.probed, s.seed, s.jobs)) as results:
        for i, result in enumerate(results, len(names) - len(missing) + 1):
            if folder is not None:
                folder.append_scores(result)
            done[result.net] = dict(result.scores)
            report("probing nets", i, len(names))
    return np.array([[done[net][name].value for name in wanted] for net in names])


def _remarks(
    s: Setting, found: Candidates, pairs: list[Row], singles: list[Row], undefined: dict[str, int]
) -> list[str]:
    remarks = []
    if min(len(found.littles), len(found.bigs)) < s.nets:
        remarks.append(
            f"Only {len(found.littles)} little and {len(found.bigs)} big nets inside the budgets were found "
            f"among {found.drawn:,} drawn."
        )
    if not any(isfinite(getattr(s.budgets, name)) for name in ("latency", "energy", "worst_latency")):
        remarks.append("No --latency, --energy or --worst-latency was given: the list favours large nets.")
    if (PRIOR.trust_probed if s.probed else PRIOR.trust_static) == 0:
        remarks.append("The accuracy model puts no trust in the ranks of these proxies: they do not count.")
    best_single = max(singles, key=lambda row: float(row["accuracy"]), default=None)
    if pairs and best_single and best_single["accuracy"] > pairs[0]["accuracy"]:
        remarks.append(
            f"One net does better inside the same budgets: {best_single['net']}, {100 * best_single['accuracy']:.1f} % "
            f"expected, {best_single['latency_ms']:.3g} ms."
        )
    if not pairs:
        remarks.append("In no pair of probed nets is the big net expected to beat the little one: use one net.")
    elif not any(row["pays"] for row in pairs):
        remarks.append("No listed pair is expected to beat the best single net at its cost: consider one net.")
    remarks += [f"{name} is undefined on {n} probed nets; they rank last." for name, n in undefined.items() if n]
    return remarks


def write_result(result: SearchResult, folder: RunFolder) -> None:
    """Write the tables and the plot of a finished search into its run folder."""
    from zeroshot.report import plot_fronts

    for name in ("pairs", "front", "singles"):
        folder.write_table(f"{name}.csv", getattr(result, name))
    folder.write("pareto.png", plot_fronts(result))
