"""What `zeroshot bench` shows: which nets, which scores, and every verdict and regret on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from zeroshot.bench import nasbench201 as nb
from zeroshot.bench import zoo
from zeroshot.bench.ceiling import Ceiling, ceilings
from zeroshot.bench.combine import with_fixed
from zeroshot.bench.computed import Wanted, on_zoo
from zeroshot.bench.constrained import Sweep, sweeps
from zeroshot.bench.graph import graph_features
from zeroshot.bench.judge import Options, Verdict, judge_all
from zeroshot.bench.remarks import remarks
from zeroshot.bench.scores import CellScores, on_all_rows
from zeroshot.bench.statistics import ranked_last
from zeroshot.bench.table import Truth, read_scores, read_table
from zeroshot.errors import UsageError, unknown
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import score_aggregate
from zeroshot.types import FloatArray, Int64Array

# Shown on all cells: sizes, what the graph alone says, and chance.
STATIC = ("params", "macs", "depth", "mean_depth", "path_convs", "clear_paths", "unpooled", "random")
BESIDE = ("params", "macs", "depth", "random")
FEWEST = 30  # scored cells below which no table is made of them
ALL, PUBLISHED, EVERY = "all cells", "no dead operations", "cells with every proxy"
LAST = "a net on which a score is undefined ranks last"
# Published columns that stand for proxies of ours in combinations: those of one protocol, as fidelity checks show.
STAND_IN = {"jacob_cov": "sz_jacov", "naswot": "sz_nwot"}


Sets = list[tuple[Truth, tuple[str, ...]]]  # nets, and the names of the scores that are judged on them


@dataclass(frozen=True)
class Study:
    """Verdicts on one or more sets of nets.

    Attributes:
        verdicts: One a set of nets, task and proxy.
        sweeps: What is picked along limits, one a set of nets, task, proxy and cost; none without costs.
        about: What each set of nets is, by its name.
        notes: What a reader must know.
        ceilings: One a set of nets, task and share of the nets; none where nobody knows how trainings of a net differ.
    """

    verdicts: tuple[Verdict, ...]
    sweeps: tuple[Sweep, ...]
    about: dict[str, str]
    notes: tuple[str, ...]
    ceilings: tuple[Ceiling, ...] = ()

    def ceiling(self, nets: str, task: str) -> dict[str, float]:
        """Share of the nets -> its ceiling on one set of nets and task; empty where none is known."""
        return {each.share: each.spearman for each in self.ceilings if (each.nets, each.task) == (nets, task)}

    def along(self, nets: str, task: str) -> list[Sweep]:
        """The sweeps on one set of nets and task."""
        return [each for each in self.sweeps if (each.nets, each.task) == (nets, task)]

    def of(self, nets: str) -> dict[str, list[Verdict]]:
        """The verdicts on one set of nets, by task."""
        mine = [verdict for verdict in self.verdicts if verdict.nets == nets]
        return {task: [v for v in mine if v.task == task] for task in dict.fromkeys(v.task for v in mine)}


def of_table(
    truth: Truth, options: Options, proxies: Sequence[str] | None = None, costs: Sequence[str] | None = None
) -> Study:
    """Judge every proxy of a table on every task of it.

    Args:
        truth: The nets.
        options: How; numbers of picked nets that exceed the table are an error.
        proxies: Of the table; all by default. Baselines come beside them always.
        costs: Of the table, to search under limits on; all but the baselines by default.

    Raises:
        UsageError: The table has no scores, or a proxy is unknown.
    """
    named = [name for name in truth.scores if name not in (*BESIDE,)] if proxies is None else list(proxies)
    for name in named:
        if name not in truth.scores:
            raise unknown("proxy", name, truth.scores)
    if not named and set(truth.scores) == {"random"}:
        raise UsageError(f"{truth.name} has no column of scores.", "Add one a proxy, numbers, higher is better.")
    shown = list(dict.fromkeys([*(name for name in BESIDE if name in truth.scores), *named]))
    verdicts = judge_all(truth, list(truth.accuracy), shown, options)
    costs = [cost for cost in truth.costs if cost not in BESIDE] if costs is None else costs
    swept = tuple(each for task in truth.accuracy for each in sweeps(truth, task, costs, shown))
    notes = remarks(truth, shown, costs)
    if not truth.noise:
        notes = (*notes, f"{truth.name}: no ceiling, for it does not say how far trainings of one net differ.")
    top = tuple(each for task in truth.accuracy for each in ceilings(truth, task))
    return Study(tuple(verdicts), swept, {truth.name: truth.duplicates()}, notes, top)


def of_file(
    path: Path, accuracy: Sequence[str], costs: Sequence[str], proxies: Sequence[str] | None, options: Options,
    net: str = "net",
) -> Study:  # fmt: skip
    """Judge the proxies of anybody's own table; see `read_table`."""
    return of_table(read_table(path, accuracy, costs, proxies, net), options, costs=list(costs) or None)


def of_zoo(folder: Path, wanted: Wanted | None, options: Options) -> Study:
    """Judge proxies by the project's own trained nets, all that are stored, or those that are wanted.

    Errors as `zoo.load`, `computed.on_zoo` and `of_table`.
    """
    truth = with_fixed(zoo.load(folder))
    if wanted is None:
        return of_table(truth, options)
    return of_table(truth.with_scores(on_zoo(truth.nets, truth.scores, folder.parent, wanted)), options, wanted.proxies)


def nasbench201_sets(
    truth: Truth, scores: CellScores | None, published: dict[str, FloatArray] | None = None, users: Path | None = None
) -> tuple[list[tuple[Truth, tuple[str, ...]]], dict[str, str], tuple[str, ...]]:
    """The sets of cells that proxies are judged on, with the scores to judge on each; what they are; notes.

    Stored scores count on all cells where they are of every network; see `on_all_rows`. A set of its own, one row a
    function, has the cells on which every stored proxy was computed, so that all of them stand on the same rows.

    Args:
        truth: All cells, of `nasbench201.load`.
        scores: Stored scores of ours.
        published: Of `nasbench201.suite_zero`; with them, the cells without dead operations are a set too.
        users: A user's table of scores; see `read_scores`.

    Raises:
        DataError: The user's table cannot be used, or names a net that is no cell.
    """
    notes: list[str] = []
    if scores is not None:
        scores, stale = scores.current()
        if stale:
            notes.append(f"Stored scores of another version of their proxy are left out: {', '.join(stale)}.")
    else:
        notes.append("There are no stored scores: only what needs no pass is judged.")
    columns = on_all_rows(scores) if scores is not None else {}
    undefined = [f"{name} {len(scores.undefined[name]):,}" for name in columns if scores and scores.undefined.get(name)]
    if undefined:
        notes.append(f"Ranked last are the networks on which a proxy is undefined: {', '.join(undefined)}.")
    rows = with_combinations(truth.with_scores(columns).rows(np.arange(len(truth)), ALL))
    sets = [(rows, (*STATIC, *_beyond(rows, truth)))]
    about = {ALL: f"{truth.duplicates()} (4,930 functions, 6,466 published strings); counts without dead operations; "
                  f"341 rows have no path from input to output{' and rank last' if columns else ''}"}  # fmt: skip
    if columns:
        about[ALL] += f"; a proxy's score is that of the row's network, which rows may share; {LAST}"
    if published:
        there = np.asarray(np.isfinite(np.stack(list(published.values()))).any(axis=0), np.bool_)
        theirs = truth.with_scores({**columns, **published}).rows(there, PUBLISHED)
        theirs = theirs.with_scores({name: ranked_last(theirs.scores[name]) for name in published})
        theirs = with_combinations(theirs)
        theirs = with_fixed(theirs, STAND_IN)
        sets.append((theirs, (*BESIDE, *_beyond(theirs, truth))))
        about[PUBLISHED] = f"{theirs.duplicates()}, of which NAS-Bench-Suite-Zero has scores (sz_...); {LAST}"
    if scores is not None:
        cells = distinct_cells(truth, scores)
        if len(cells) >= FEWEST:
            own = scored_cells(truth, scores, cells)
            sets.append((own, (*BESIDE, *_beyond(own, truth))))
            about[EVERY] = (
                f"{own.duplicates()}, one a function, drawn with seed {scores.protocol.draw} among 4,929 that join "
                "input and output: those on which every stored proxy was computed. They were scored without dead "
                f"operations, on {scores.protocol.batches} batches of {scores.protocol.images} images; {LAST}"
            )
        else:
            notes.append(f"Every stored proxy was computed on {len(cells)} cells; fewer than {FEWEST} make no table.")
    if users is not None:
        nets, columns = read_scores(users)
        mine = nb.join(truth.rows(np.arange(len(truth)), users.name), nb.cells_of(nets), columns)
        sets.append((mine, (*BESIDE, *columns)))
        about[users.name] = f"{mine.duplicates()}, those of the table"
    return sets, about, tuple(notes)


def chosen_sets(sets: Sets, named: Sequence[str]) -> Sets:
    """The sets that have one of some scores, with these and the baselines.

    Raises:
        UsageError: No set has one of them.
    """
    for name in named:
        if not any(name in truth.scores for truth, _ in sets):
            raise unknown("proxy", name, {each for truth, _ in sets for each in truth.scores})
    kept = [(truth, tuple(n for n in (*BESIDE, *named) if n in truth.scores)) for truth, _ in sets]
    return [(truth, tuple(dict.fromkeys(names))) for truth, names in kept if set(names) & set(named)]


def distinct_cells(truth: Truth, scores: CellScores) -> Int64Array:
    """Rows of the stored scores on which every proxy was computed, the first of each function: (n,) int64."""
    known = np.logical_and.reduce([np.ones(len(scores.cells), np.bool_), *map(scores.known, scores.columns)])
    rows = np.flatnonzero(known)
    _, first = np.unique(truth.groups[scores.cells[rows]], return_index=True)
    return np.asarray(rows[np.sort(first)])


def scored_cells(truth: Truth, scores: CellScores, rows: Int64Array) -> Truth:
    """Some rows of the stored scores, with static proxies, aggregates and combinations over these."""
    columns = {proxy: ranked_last(values[rows].astype(np.float64)) for proxy, values in scores.columns.items()}
    return with_combinations(truth.rows(scores.cells[rows], EVERY).with_scores(columns))


def with_combinations(truth: Truth) -> Truth:
    """The table with every published aggregate and every fixed combination whose parts it has, over its own rows."""
    for proxy in load_proxies():
        known = {**truth.scores, "az_complexity": truth.scores["macs"]}
        if proxy.parts and all(part in known for part in proxy.parts):
            truth = truth.with_scores({proxy.name: score_aggregate(proxy, known)})
    return with_fixed(truth)


def _beyond(own: Truth, truth: Truth) -> tuple[str, ...]:
    """Scores that a set has beside those which every cell has."""
    return tuple(name for name in own.scores if name not in truth.scores)


def of_nasbench201(
    sets: Sets, tasks: Sequence[str], about: dict[str, str], notes: Sequence[str], options: Options
) -> Study:
    """Judge the given scores on each set of cells, and what they pick under limits on measured costs.

    Raises:
        UsageError: A task is unknown.
    """
    verdicts: list[Verdict] = []
    swept: list[Sweep] = []
    top: list[Ceiling] = []
    said = list(notes)
    for truth, names in sets:
        verdicts += judge_all(truth, [nb.task_of(task) for task in tasks], names, options)
        limited = []
        for task in tasks:
            costs = [cost for cost in truth.costs if cost.startswith(f"{task}/")]
            swept += sweeps(truth, task, costs, names)
            top += ceilings(truth, task)
            limited += costs
        said += remarks(truth, names, limited)
    shown = {truth.name: about.get(truth.name, truth.duplicates()) for truth, _ in sets}
    return Study(tuple(verdicts), tuple(swept), shown, tuple(said), tuple(top))


class Drift(NamedTuple):
    """How far two computations of the same scores are apart: cells in both, and the largest relative difference."""

    cells: int
    difference: float


def compare(old: CellScores, new: CellScores) -> dict[str, Drift]:
    """Two computations of the same scores, by proxy.

    The difference is infinite where a score is defined in one and undefined in the other. Without proxies that share
    no cell, or of which the two have different versions.
    """
    _, i, j = np.intersect1d(old.cells, new.cells, return_indices=True)
    out = {}
    for name in new.columns:
        if name not in old.columns or old.versions.get(name) != new.versions.get(name):
            continue
        both = old.known(name)[i] & new.known(name)[j]
        a, b = (s.columns[name][rows][both].astype(np.float64) for s, rows in ((old, i), (new, j)))
        if len(a):
            lone = np.isfinite(a) != np.isfinite(b)
            apart = np.nan_to_num(np.abs(a - b) / np.maximum(1e-30, np.maximum(np.abs(a), np.abs(b))))
            out[name] = Drift(len(a), float(np.where(lone, np.inf, apart).max()))
    return out


def graph_names() -> tuple[str, ...]:
    """Names of the scores that need no pass."""
    return tuple(graph_features(np.zeros((1, 6), np.int32)))
