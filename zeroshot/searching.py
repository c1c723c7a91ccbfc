"""One search from a data set and a board to ranked big-little pairs, without training a net."""

import json
import time
from collections.abc import Callable, Sequence
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
from zeroshot.cascade.pairs import Budgets, Ranking, check_objectives, rank_pairs
from zeroshot.cost.boards import Board, load_board
from zeroshot.cost.engines import Engine, load_engine
from zeroshot.cost.nets import NetCosts, Platform, net_costs, platform
from zeroshot.data import Dataset
from zeroshot.errors import UsageError, unknown
from zeroshot.net import IntArray, layer_table, spec_of
from zeroshot.plugins import load_proxies
from zeroshot.probe import Proxy, Score
from zeroshot.ranking import fuse_ranks
from zeroshot.results import (
    Population,
    SearchResult,
    net_rows,
    pair_rows,
    single_fits,
    single_front,
    single_rows,
)
from zeroshot.runs import RunFolder, open_run
from zeroshot.scoring import default_jobs, score_probed, score_static
from zeroshot.spaces import SPACES, McuSpace
from zeroshot.units import Quantity, to_bytes, to_mj, to_ms

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
Progress = Callable[[str, int, int], None]

DEFAULT_BOARD = "nucleo-l4r5zi"
DEFAULT_ENGINE = "tflm-cmsis-nn"
DEFAULT_PROXIES = ("params", "macs", "nn_degree", "zico", "naswot")
BATCHES = 2  # of labelled images for each probed net


@dataclass(frozen=True)
class _Setting:
    """Everything a search needs, resolved and checked."""

    dataset: Dataset
    board: Board
    engine: Engine
    space: McuSpace
    platform: Platform
    budgets: Budgets
    static: tuple[Proxy, ...]
    probed: tuple[Proxy, ...]
    objectives: tuple[str, ...]
    nets: int
    top: int
    per_net: int
    shortlist: int
    batch: int
    seed: int
    jobs: int
    config: dict[str, Any]

    def cost_of(self, values: IntArray) -> NetCosts:
        """Costs of the nets of a spec array."""
        return net_costs(layer_table(values, self.dataset.channels, self.dataset.classes), self.board, self.engine)


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
    escalation: float = 1.0,
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
        escalation: Highest escalation rate, a fraction.
        nets: Little candidates, and big ones as many.
        top: Pairs to list.
        per_net: No net stands in more than so many listed pairs.
        shortlist: Little nets to probe, and big ones as many; 0 ranks by static proxies alone.
        proxies: Proxies whose ranks are fused.
        objectives: Of the Pareto front: accuracy and one or more costs.
        batch: Images a batch; two batches a probed net.
        seed: The one seed.
        jobs: Processes that probe nets; all cores by default. Results do not depend on it.
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
    setting = _resolve(
        data, board, engine, space, flash, sram, latency, energy, worst_latency, escalation, nets, top, per_net,
        shortlist, proxies, objectives, batch, seed, jobs,
    )  # fmt: skip
    report = progress or (lambda what, done, total: None)
    report("drawing candidates", 0, 1)
    rng = np.random.default_rng(seed)
    found = draw(setting.space, setting.cost_of, setting.platform, setting.budgets, nets, rng)
    report("drawing candidates", 1, 1)
    anchor = task_anchor(setting.dataset, seed)
    table = layer_table(found.values, setting.dataset.channels, setting.dataset.classes)
    static = score_static(table, setting.static)
    accuracy = expected_accuracy(fuse_ranks(static), found.costs.macs, anchor, setting.dataset.classes)
    first = _rank(setting, found.costs, accuracy, found.littles, found.bigs)
    if not first.n_feasible:
        raise infeasible(found.costs.take(np.argsort(found.costs.latency)[:300]), setting.platform, setting.budgets)

    folder = open_run(Path(run), setting.config, force=force, resume=resume) if run is not None else None
    try:
        result = _finish(setting, found, static, accuracy, anchor, first, folder, report, started)
        if folder is not None:
            write_result(result, folder)
            result = replace(result, seconds=time.perf_counter() - started)
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
    setting = _resolve(**({"data": "digits", "board": DEFAULT_BOARD} | defaults | options))
    probed = 2 * setting.shortlist if setting.probed else 0
    return {
        "space": setting.space.count(), "candidates": 2 * setting.nets, "pairs": setting.nets**2,
        "probed_nets": probed, "seconds_about": round(6 + setting.nets / 500 + 0.12 * probed / setting.jobs),
        "run": str(run) if run is not None else None, "replaces": bool(force), "resumes": bool(resume),
        "config": setting.config,
    }  # fmt: skip


def _resolve(
    data: str | Path | Dataset, board: str, engine: str, space: str, flash: Quantity, sram: Quantity,
    latency: Quantity, energy: Quantity, worst_latency: Quantity, escalation: float, nets: int, top: int, per_net: int,
    shortlist: int, proxies: Sequence[str], objectives: Sequence[str], batch: int, seed: int, jobs: int | None,
) -> _Setting:  # fmt: skip
    jobs = default_jobs() if jobs is None else jobs
    counts = {"nets": nets, "top": top, "per_net": per_net, "jobs": jobs, "batch": batch}
    for name, value in counts.items():
        if value < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 1, not {value}.")
    if shortlist < 0 or seed < 0:
        raise UsageError("--shortlist and --seed must not be negative.")
    if not 0 < escalation <= 1:
        raise UsageError(f"--escalation {escalation} is not a rate between 0 and 1.", "For 30 % write 0.3.")
    check_objectives(tuple(objectives))
    its_board, its_engine = load_board(board), load_engine(engine)
    if space not in SPACES:
        raise unknown("space", space, SPACES)
    chosen = load_proxies(proxies)
    static = tuple(p for p in chosen if p.cost == "static")
    probed = tuple(p for p in chosen if p.cost != "static") if shortlist else ()
    if not static:
        raise UsageError("The first ranking of all pairs needs a static proxy.", "Add macs, params or nn_degree.")
    budgets = Budgets(
        flash=min(to_bytes(flash, "--flash"), its_board.flash_bytes),
        sram=min(to_bytes(sram, "--sram"), its_board.sram_bytes),
        latency=to_ms(latency, "--latency"), energy=to_mj(energy, "--energy"),
        worst_latency=to_ms(worst_latency, "--worst-latency"), escalation=escalation,
    )  # fmt: skip
    dataset = data if isinstance(data, Dataset) else datasets.load(str(data), seed)
    limits = {f"{k}_limit": v if isfinite(v) else None for k, v in vars(budgets).items()}
    config = {
        "data": dataset.name, "data_sha256": dataset.digest, "board": its_board.name, "engine": its_engine.name,
        "space": space, **limits, "nets": nets, "top": top, "per_net": per_net, "shortlist": shortlist,
        "proxies": [f"{p.name}@{p.version}" for p in chosen], "objectives": list(objectives), "batch": batch,
        "seed": seed, "accuracy_model": PRIOR.name, "cascade_model": PRIOR_COUPLING.name,
    }  # fmt: skip
    return _Setting(
        dataset, its_board, its_engine, SPACES[space](dataset.side),
        platform(its_board, its_engine, dataset.classes), budgets, static, probed, tuple(objectives),
        nets, top, per_net, shortlist, batch, seed, jobs, config,
    )  # fmt: skip


def _rank(s: _Setting, costs: NetCosts, accuracy: FloatArray, littles: Int64Array, bigs: Int64Array) -> Ranking:
    return rank_pairs(
        costs.take(littles), accuracy[littles], costs.take(bigs), accuracy[bigs], s.platform, s.budgets,
        top=s.top, per_net=s.per_net, objectives=s.objectives, threads=s.jobs,
    )  # fmt: skip


def _finish(
    s: _Setting, found: Candidates, static: FloatArray, accuracy: FloatArray, anchor: float, first: Ranking,
    folder: RunFolder | None, report: Progress, started: float,
) -> SearchResult:  # fmt: skip
    """Probe the shortlist, rank again what was probed, and lay out the tables."""
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
        littles = shortlist(
            found.costs,
            accuracy,
            found.littles[first.little_fits],
            _listed(first, "little", found.littles),
            s.shortlist,
        )
        bigs = shortlist(
            found.costs, accuracy, found.bigs[first.big_fits], _listed(first, "big", found.bigs), s.shortlist
        )
        rows = np.unique(np.concatenate([littles, bigs]))
        scores = _probe(s, [names[i] for i in rows], folder, report)
        undefined = {p.name: int(np.isnan(column).sum()) for p, column in zip(s.probed, scores.T, strict=True)}
        fused = fuse_ranks(np.column_stack([static[rows], scores]))
        accuracy = accuracy.copy()
        accuracy[rows] = expected_accuracy(fused, found.costs.macs[rows], anchor, s.dataset.classes)
        ranking = _rank(s, found.costs, accuracy, littles, bigs)

    def population(index: Int64Array) -> Population:
        return Population([names[i] for i in index], found.costs.take(index), accuracy[index])

    alone = population(rows)
    front = single_front(alone, single_fits(alone.costs, s.platform, s.budgets))
    models = (population(littles), population(bigs), alone, front, PRIOR, PRIOR_COUPLING)
    return SearchResult(
        pairs=pair_rows(ranking.top, *models), front=pair_rows(ranking.front, *models),
        singles=single_rows(alone, front, s.platform, PRIOR), nets=candidates,
        n_pairs=first.n_pairs, n_feasible=first.n_feasible, n_probed=len(rows) if s.probed else 0,
        undefined={name: n for name, n in undefined.items() if n}, seconds=time.perf_counter() - started,
        remarks=_remarks(s, found, undefined), config=s.config, run=folder.path if folder is not None else None,
    )  # fmt: skip


def _listed(ranking: Ranking, role: str, rows: Int64Array) -> Int64Array:
    """Candidates that stand in the best pairs, then those on the front, each once."""
    both = np.concatenate([getattr(ranking.top, role), getattr(ranking.front, role)])
    _, first = np.unique(both, return_index=True)
    return np.asarray(rows[both[np.sort(first)]])


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
        chosen += rest[layer][: n - len(chosen)].tolist()
        rest = rest[~layer]
    return np.array(sorted(chosen), np.int64)


def _probe(s: _Setting, names: list[str], folder: RunFolder | None, report: Progress) -> FloatArray:
    """(n_nets, n_proxies) probed scores; those already in the run folder are not computed again."""
    wanted = [p.name for p in s.probed]
    done: dict[str, dict[str, Score]] = folder.scores() if folder is not None else {}
    missing = [net for net in names if any(name not in done.get(net, {}) for name in wanted)]
    sides = sorted({int(net.split("-")[0][1:]) for net in missing})
    batches = {side: datasets.batches(s.dataset, side, s.batch, BATCHES, s.seed) for side in sides}
    report("probing nets", len(names) - len(missing), len(names))
    for i, result in enumerate(score_probed(missing, s.dataset.classes, batches, s.probed, s.seed, s.jobs), 1):
        if folder is not None:
            folder.append_scores(result)
        done[result.net] = dict(result.scores)
        report("probing nets", len(names) - len(missing) + i, len(names))
    return np.array([[done[net][name].value for name in wanted] for net in names])


def _remarks(s: _Setting, found: Candidates, undefined: dict[str, int]) -> list[str]:
    remarks = datasets.warnings_for(s.dataset)
    if min(len(found.littles), len(found.bigs)) < s.nets:
        remarks.append(
            f"Only {len(found.littles)} little and {len(found.bigs)} big nets inside the budgets were found "
            f"among {found.drawn:,} drawn."
        )
    if not any(isfinite(getattr(s.budgets, name)) for name in ("latency", "energy", "worst_latency")):
        remarks.append("No --latency, --energy or --worst-latency was given: the list favours large nets.")
    remarks += [f"{name} is undefined on {n} probed nets; they rank last." for name, n in undefined.items() if n]
    return remarks


def write_result(result: SearchResult, folder: RunFolder) -> None:
    """Write the tables and the plot of a finished search into its run folder."""
    from zeroshot.report import plot_fronts

    for name in ("pairs", "front", "singles"):
        folder.write_table(f"{name}.csv", getattr(result, name))
    folder.write("pareto.png", plot_fronts(result))
