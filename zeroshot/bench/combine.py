"""Combinations of scores by rank: fixed ones, and ones chosen or weighted by labels that are not reported.

A fused score is the mean log-rank of its parts (`zeroshot.scoring.ranking.fuse_ranks`), so it depends on the
population.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from zeroshot.bench import statistics as stats
from zeroshot.bench.calibrate import draw_labels
from zeroshot.bench.table import Truth
from zeroshot.errors import UsageError, unknown
from zeroshot.scoring.ranking import fuse_ranks
from zeroshot.types import FloatArray

# Equal votes, none fitted. Reasons: size; how deep convolutions lie on the signal's way; how many ways of convolutions
# no pooling blurs, and how many 3x3 ones are on them; whether the input arrives unchanged, which lets gradients pass;
# what initial features, gradients and codes say. They were named by hand with figures of this benchmark in view: the
# first with those of all functions, the last one, of nine parts, with those of half of them (`halves`). What labels of
# another data set and other functions would have chosen, `choose` tells.
GRAPH = ("params", "mean_depth", "clear_paths", "residual")
AZ = ("az_expressivity", "az_progressivity", "az_trainability")
FIXED = {
    "fuse: size + depth": ("params", "mean_depth"),
    "fuse: graph": GRAPH,
    "fuse: size + jacob_cov": ("params", "jacob_cov"),
    "fuse: graph + jacob_cov + naswot": (*GRAPH, "jacob_cov", "naswot"),
    "fuse: graph + jacob_cov + az_nas": (*GRAPH, "clear_convs3", "jacob_cov", *AZ),
}
FUSION = "fuse: "  # what their names begin with
VIEW = (
    "The parts of fusions were named by hand with figures of NAS-Bench-201 in view: of all its functions, or of "
    "half of them for graph + jacob_cov + az_nas. What they reach on it flatters them."
)
MOST = 10  # parts of a chosen combination
BEAM = 10  # sets of each size that are carried on
LEAST_GAIN = 0.001  # of Spearman's correlation, for a further part
# Of the search for weights; a mean weight of 1 costs `SPARE` of Spearman's correlation, so that idle ones stay small.
GENERATIONS, MEMBERS, SPARE = 60, 6, 0.01


@dataclass(frozen=True)
class Choice:
    """A combination chosen on one task and half of the nets.

    Attributes:
        task: It was chosen on this task's accuracies.
        parts: The proxies, in the order in which they were taken.
        chosen_on: Spearman on the task and the half that it was chosen on.
        reported: Task -> Spearman on the other half.
        kendall: Task -> Kendall's tau-b on the other half.
        top: Task -> Spearman on the top 5 % of the other half.
        n_reported: Rows of the other half.
        everywhere: Task -> Spearman on all rows, which include those it was chosen on.
    """

    task: str
    parts: tuple[str, ...]
    chosen_on: float
    reported: Mapping[str, stats.Estimate]
    kendall: Mapping[str, stats.Estimate]
    top: Mapping[str, stats.Estimate]
    n_reported: int
    everywhere: Mapping[str, float]


def fused(truth: Truth, parts: Sequence[str]) -> FloatArray:
    """Mean log-rank of the parts over all rows: (n,) float64; a net without one of the scores ranks last there.

    Raises:
        UsageError: A part is unknown, or there is none.
    """
    if not parts:
        raise UsageError("A combination needs at least one proxy.")
    for part in parts:
        if part not in truth.scores:
            raise unknown("proxy", part, truth.scores)
    return fuse_ranks(np.column_stack([truth.scores[part] for part in parts]))


def with_fixed(truth: Truth, alias: Mapping[str, str] | None = None) -> Truth:
    """The table with every combination of `FIXED` whose parts it has, over its own rows.

    Args:
        truth: The nets.
        alias: Our name of a proxy -> column that stands for it, like a published score of the same protocol; the
            combination is named after the column.
    """
    more = {}
    for name, parts in FIXED.items():
        columns = [(alias or {}).get(part, part) for part in parts]
        for part, column in zip(parts, columns, strict=True):
            name = name.replace(part, column)
        if all(column in truth.scores for column in columns) and name not in truth.scores:
            more[name] = fused(truth, columns)
    return truth.with_scores(more)


def halves(groups: npt.ArrayLike, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Half of the distinct nets, drawn at random, with all their rows: (n,) bool."""
    values, inverse = np.unique(np.asarray(groups), return_inverse=True)
    chosen = np.zeros(len(values), np.bool_)
    chosen[np.random.default_rng(seed).permutation(len(values))[: len(values) // 2]] = True
    return np.asarray(chosen[inverse])


def choose(truth: Truth, task: str, candidates: Sequence[str], weights: int = 200, seed: int = 0) -> Choice:
    """Choose parts on one task and half of the nets; report on the other half, for every task.

    A beam search over sets of candidates by Spearman's correlation: every part must gain `LEAST_GAIN`, and there are
    at most `MOST`.

    Args:
        truth: The nets.
        task: Whose accuracies to choose by.
        candidates: Names of scores.
        weights: Resamples of the intervals.
        seed: Of the halves and the bootstrap.
    """
    half = halves(truth.groups, seed)
    ours, others = truth.rows(half), truth.rows(~half)
    parts, value = _beam(ours, task, candidates)
    x = fused(others, parts)
    reported, kendall, best = {}, {}, {}
    for name, y in others.accuracy.items():
        reported[name], kendall[name] = stats.correlations(x, y, others.groups, weights, seed)
        inside = stats.top(y, 0.05)
        best[name] = stats.correlations(x[inside], y[inside], others.groups[inside], weights, seed)[0]
    whole = fused(truth, parts)
    everywhere = {name: float(stats.spearman(whole, y)[0]) for name, y in truth.accuracy.items()}
    return Choice(task, parts, value, reported, kendall, best, len(others), everywhere)


def _beam(truth: Truth, task: str, candidates: Sequence[str]) -> tuple[tuple[str, ...], float]:
    """The parts, and Spearman's correlation that they reach; the `BEAM` best of each size are carried on."""
    y = truth.accuracy[task]
    logs = {name: fused(truth, [name]) for name in candidates}
    beam: list[tuple[str, ...]] = [()]
    chosen: tuple[str, ...] = ()
    best = -1.0
    for _ in range(min(MOST, len(candidates))):
        grown: dict[frozenset[str], tuple[float, tuple[str, ...]]] = {}
        for parts in beam:
            total = np.sum([logs[part] for part in parts], axis=0) if parts else np.zeros(len(truth))
            for name in candidates:
                if name not in parts and frozenset((*parts, name)) not in grown:
                    value = float(np.nan_to_num(stats.spearman(total + logs[name], y)[0], nan=-1.0))
                    grown[frozenset((*parts, name))] = (value, (*parts, name))
        order = sorted(grown.values(), key=lambda found: -found[0])[:BEAM]
        beam = [parts for _, parts in order]
        value, parts = order[0]
        if not chosen or value >= best + LEAST_GAIN * (len(parts) - len(chosen)):
            chosen, best = parts, value
    return chosen, best


@dataclass(frozen=True)
class Frozen:
    """Weights of log-ranks found with some labels of one task, then applied to all tasks as they are.

    Attributes:
        task: Whose labels were seen.
        labels: Nets whose accuracy was seen.
        weights: Proxy -> weight, the largest of magnitude 1.
        seen: Spearman on the labelled nets.
        rows: Rows reported: those of nets that were not labelled.
        spearman: Task -> Spearman on them.
        kendall: Task -> Kendall's tau-b.
        top: Task -> Spearman on the best 5 % of them.
    """

    task: str
    labels: int
    weights: Mapping[str, float]
    seen: float
    rows: int
    spearman: Mapping[str, float]
    kendall: Mapping[str, float]
    top: Mapping[str, float]


def freeze(truth: Truth, task: str, candidates: Sequence[str], labels: int, seed: int = 0) -> Frozen:
    """Search weights of the candidates' log-ranks on few nets of one task; judge them, frozen, on the others' nets.

    The weights come from differential evolution (Storn and Price, Journal of Global Optimization 11, 1997), as
    Spearman's correlation of a few labels is a step function of them. Log-ranks are over all rows; they know no
    accuracy.

    Args:
        truth: The nets.
        task: Whose accuracies are the labels.
        candidates: Names of scores.
        labels: Distinct nets, drawn as `calibrate.draw_labels` draws them.
        seed: Of the draw and the search.

    Raises:
        UsageError: A candidate is unknown, or there are not twice as many distinct nets as labels.
    """
    from scipy.optimize import differential_evolution

    distinct = len(np.unique(truth.groups))
    if not 5 <= labels <= distinct // 2:
        raise UsageError(f"{labels} labels of {distinct:,} distinct nets: take 5 to half of them.")
    logs = np.column_stack([fused(truth, [name]) for name in candidates])
    own = draw_labels(truth.groups, labels, seed)
    aim = rankdata(truth.accuracy[task][own])

    def loss(weights: FloatArray) -> float:
        found = rankdata(logs[own] @ weights)
        met = np.corrcoef(found, aim)[0, 1] if np.ptp(found) else -1.0
        return float(SPARE * np.abs(weights).mean() - met)

    bounds = [(-1.0, 1.0)] * len(candidates)
    weights = differential_evolution(
        loss, bounds, maxiter=GENERATIONS, popsize=MEMBERS, rng=np.random.default_rng(seed), polish=False, tol=0.0
    ).x  # fmt: skip
    weights = weights / np.abs(weights).max()
    rest = np.flatnonzero(~np.isin(truth.groups, truth.groups[own]))
    x = logs[rest] @ weights
    spearman, kendall, best = {}, {}, {}
    for name, y in truth.accuracy.items():
        inside = stats.top(y[rest], 0.05)
        spearman[name] = float(stats.spearman(x, y[rest])[0])
        kendall[name] = float(stats.kendall(x, y[rest])[0])
        best[name] = float(stats.spearman(x[inside], y[rest][inside])[0])
    seen = float(stats.spearman(logs[own] @ weights, truth.accuracy[task][own])[0])
    named = dict(zip(candidates, weights.tolist(), strict=True))
    return Frozen(task, labels, named, seen, len(rest), spearman, kendall, best)
