"""Proxies against the truth of one task: every statistic that the tables show.

A net on which a proxy is undefined ranks last under it, so that all proxies stand on the same nets. `random` is what
scores that know nothing get on average, and how far they spread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zeroshot.bench import statistics as stats
from zeroshot.bench.statistics import Estimate
from zeroshot.bench.table import RANDOM, Truth
from zeroshot.errors import unknown
from zeroshot.types import BoolArray, FloatArray

# Shares of the nets, best by truth, that correlations are given on beside "all".
SHARES = {"top 10 %": 0.1, "top 5 %": 0.05}
CONTROLS = ("params", "macs")
PICKS = (5, 10, 100)
RESAMPLES = 1000


@dataclass(frozen=True)
class Options:
    """How to judge.

    Attributes:
        ks: Numbers of picked nets for precision, best rank and gain; by default those of `PICKS` that there are
            nets for.
        resamples: Of the bootstrap over nets, and random scores that `random` stands for; 0 for no intervals.
        seed: Of the bootstrap.
        band_cost: Cost (or score) inside whose bands correlations are given; by default macs, if the table has it.
        bands: Number of these bands.
    """

    ks: tuple[int, ...] | None = None
    resamples: int = RESAMPLES
    seed: int = 0
    band_cost: str | None = None
    bands: int = 4


@dataclass(frozen=True)
class Verdict:
    """What a proxy is worth on some nets and one task.

    Attributes:
        nets: Name of the table.
        task: Of its accuracies.
        proxy: Of its scores.
        n: Rows.
        distinct: Distinct nets among them.
        unscored: Rows on which it is undefined; they rank last.
        spearman: "all", or share of the nets (`SHARES`) -> correlation.
        kendall: Likewise, tau-b.
        partial: Spearman given params and MACs, as far as the table has them.
        ahead: `params` or `macs`, as far as the table has them -> Spearman's correlation less that of it, with an
            interval that holds for all proxies which were judged together; see `statistics.simultaneous`.
        bands: Spearman in each band of `Options.band_cost`, from cheap to dear, without intervals.
        precision: k -> share of the k picked that are among the k best.
        best_rank: k -> true rank of the best of the k picked.
        ndcg: k -> normalised gain.
    """

    nets: str
    task: str
    proxy: str
    n: int
    distinct: int
    unscored: int
    spearman: dict[str, Estimate]
    kendall: dict[str, Estimate]
    partial: Estimate
    ahead: dict[str, Estimate]
    bands: tuple[Estimate, ...]
    precision: dict[int, float]
    best_rank: dict[int, float]
    ndcg: dict[int, float]

    def row(self) -> dict[str, Any]:
        """Everything as one flat row."""
        out: dict[str, Any] = {
            "nets": self.nets, "task": self.task, "proxy": self.proxy, "n": self.n, "distinct": self.distinct,
            "unscored": self.unscored,
        }  # fmt: skip
        named = {f"{kind}, {share}": e for kind in ("spearman", "kendall") for share, e in getattr(self, kind).items()}
        named |= {"partial spearman": self.partial}
        named |= {f"spearman less {name}": e for name, e in self.ahead.items()}
        named |= {f"spearman, band {i}": e for i, e in enumerate(self.bands, 1)}
        for name, found in named.items():
            out |= {name: found.value, f"{name}, low": found.low, f"{name}, high": found.high, f"{name}, n": found.n}
        for kind in ("precision", "best_rank", "ndcg"):
            out |= {f"{kind.replace('_', ' ')}@{k}": value for k, value in getattr(self, kind).items()}
        out["note"] = "; ".join(sorted({f"{name}: {e.note}" for name, e in named.items() if e.note}))
        return out


def judge(truth: Truth, task: str, proxy: str, options: Options | None = None) -> Verdict:
    """Every statistic of one proxy.

    Args:
        truth: The nets.
        task: Of `truth.accuracy`.
        proxy: Of `truth.scores`.
        options: How.

    Raises:
        UsageError: A name, or the cost of the bands, is unknown, or there are fewer nets than a `k` picks.
    """
    return judge_all(truth, [task], [proxy], options)[0]


def judge_all(
    truth: Truth, tasks: Sequence[str], proxies: Sequence[str], options: Options | None = None
) -> list[Verdict]:
    """The verdicts on every proxy and task; errors as `judge`."""
    options = options or Options()
    if options.band_cost is not None and options.band_cost not in _band_costs(truth):
        raise unknown("cost", options.band_cost, _band_costs(truth))
    for kind, names, known in (("task", tasks, truth.accuracy), ("proxy", proxies, truth.scores)):
        for name in (name for name in names if name not in known):
            raise unknown(kind, name, known)
    return [verdict for task in tasks for verdict in _task(truth, task, proxies, options)]


@dataclass(frozen=True)
class _Found:
    """Correlations of several proxies on some nets: Spearman's, given the controls, Kendall's, and the resamples'."""

    rho: list[Estimate]
    given: list[Estimate]
    tau: list[Estimate]
    drawn: FloatArray


def _task(truth: Truth, task: str, proxies: Sequence[str], options: Options) -> list[Verdict]:
    y = truth.accuracy[task]
    controls = [name for name in CONTROLS if name in truth.scores]
    names = list(dict.fromkeys([*proxies, *controls]))
    scores = np.array([stats.ranked_last(truth.scores[name]) for name in names]).reshape(len(names), len(y))
    ks = tuple(k for k in PICKS if k <= len(y)) if options.ks is None else options.ks
    shares = {"all": np.ones(len(y), np.bool_)} | {name: stats.top(y, share) for name, share in SHARES.items()}
    found = {name: _correlated(truth, task, names, scores, rows, options) for name, rows in shares.items()}
    bands = [_correlated(truth, task, names, scores, rows, options, once=True) for rows in _bands(truth, options)]
    ahead = _ahead(names, controls, found["all"])
    picked = np.nan_to_num(scores)  # a proxy that is undefined on all nets prefers none
    return [
        Verdict(
            nets=truth.name,
            task=task,
            proxy=name,
            n=len(y),
            distinct=len(np.unique(truth.groups)),
            unscored=int((~np.isfinite(truth.scores[name])).sum()),
            spearman={share: each.rho[at] for share, each in found.items()},
            kendall={share: each.tau[at] for share, each in found.items()},
            partial=found["all"].given[at],
            ahead=ahead[name],
            bands=tuple(band.rho[at] for band in bands),
            precision={k: stats.precision_at(picked[at], y, k) for k in ks},
            best_rank={k: stats.best_rank_at(picked[at], y, k) for k in ks},
            ndcg={k: stats.ndcg_at(picked[at], y, k) for k in ks},
        )
        for name, at in ((name, names.index(name)) for name in proxies)
    ]


def _correlated(
    truth: Truth, task: str, names: Sequence[str], scores: FloatArray, rows: BoolArray, options: Options,
    once: bool = False,
) -> _Found:  # fmt: skip
    """All correlations on some rows; `once` for Spearman's alone, without intervals."""
    x, y, groups = scores[:, rows], truth.accuracy[task][rows], truth.groups[rows]
    controls = np.array([truth.scores[name][rows] for name in CONTROLS if name in truth.scores]).reshape(-1, len(y))
    count = 0 if once else options.resamples
    plain, partial = (values[:, 0] for values in stats.rank_correlations(x, y, controls))
    weights = stats.resamples(groups, count, options.seed)
    drawn, drawn_partial = stats.rank_correlations(x, y, controls, weights)
    found = []
    for at, name in enumerate(names):
        n, note = len(y), stats.reason_undefined(x[at], y)
        if name == RANDOM:
            found.append(stats.chance(y, controls, groups, count, options.seed))
        elif note:
            found.append((stats.undefined(n, note),) * 3)
        else:
            tau = stats.undefined(n, "") if once else stats.estimate(
                stats.kendall(x[at], y), stats.kendall(x[at], y, weights), n
            )  # fmt: skip
            rho, given = stats.estimate(plain[at], drawn[at], n), stats.estimate(partial[at], drawn_partial[at], n)
            found.append((rho, given, tau))
    plains, givens, taus = ([each[kind] for each in found] for kind in range(3))
    if not len(controls):
        givens = [stats.undefined(len(y), "undefined: the table has neither params nor macs")] * len(names)
    return _Found(plains, givens, taus, drawn)


def _ahead(names: Sequence[str], controls: Sequence[str], found: _Found) -> dict[str, dict[str, Estimate]]:
    """Each proxy's correlation less each control's, in the same resamples."""
    at = {name: row for row, name in enumerate(names)}
    pairs = [
        (name, control) for control in controls for name in names
        if name not in (RANDOM, control) and not found.rho[at[name]].note and not found.rho[at[control]].note
    ]  # fmt: skip
    out: dict[str, dict[str, Estimate]] = {name: {} for name in names}
    if pairs:
        i, j = (np.array([at[pair[side]] for pair in pairs]) for side in (0, 1))
        rho = np.array([each.value for each in found.rho])
        low, high = stats.simultaneous(rho[i] - rho[j], found.drawn[i] - found.drawn[j])
        for row, (name, control) in enumerate(pairs):
            n = found.rho[at[name]].n
            out[name][control] = Estimate(float(rho[i[row]] - rho[j[row]]), float(low[row]), float(high[row]), n)
    return out


def _band_costs(truth: Truth) -> dict[str, FloatArray]:
    return {**truth.scores, **truth.costs}


def _bands(truth: Truth, options: Options) -> list[BoolArray]:
    """The rows of each band of the cost."""
    cost = _band_costs(truth).get(options.band_cost or "macs")
    if cost is None or not np.isfinite(cost).any():
        return []
    measured = np.isfinite(cost)
    number = np.full(len(cost), -1)
    number[measured] = stats.bands(cost[measured], options.bands)
    return [number == i for i in range(number.max() + 1)]
