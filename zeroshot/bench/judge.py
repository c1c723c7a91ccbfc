"""One proxy against the truth of one task: every statistic that the tables show."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from zeroshot.bench import statistics as stats
from zeroshot.bench.statistics import Estimate
from zeroshot.bench.table import Truth
from zeroshot.errors import UsageError, unknown
from zeroshot.types import FloatArray, Int64Array

# Shares of the nets, best by truth, that correlations are given on beside "all".
SHARES = {"top 10 %": 0.1, "top 5 %": 0.05}
CONTROLS = ("params", "macs")
PICKS = (5, 10, 100)


@dataclass(frozen=True)
class Options:
    """How to judge.

    Attributes:
        ks: Numbers of picked nets for precision, best rank and gain; by default those of `PICKS` that there are
            nets with a score for.
        resamples: Of the bootstrap over nets; 0 for no intervals.
        seed: Of the bootstrap.
        band_cost: Cost (or score) inside whose bands correlations are given; by default macs, if the table has it.
        bands: Number of these bands.
    """

    ks: tuple[int, ...] | None = None
    resamples: int = 200
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
        n: Rows with a score.
        distinct: Distinct nets among them.
        unscored: Rows without one; they take no part.
        spearman: "all", or share of the nets (`SHARES`) -> correlation.
        kendall: Likewise, tau-b.
        partial: Spearman given params and MACs, as far as the table has them.
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
        named |= {f"spearman, band {i}": e for i, e in enumerate(self.bands, 1)}
        for name, found in named.items():
            out |= {name: found.value, f"{name}, low": found.low, f"{name}, high": found.high, f"{name}, n": found.n}
        for kind in ("precision", "best_rank", "ndcg"):
            out |= {f"{kind.replace('_', ' ')}@{k}": value for k, value in getattr(self, kind).items()}
        out["note"] = "; ".join(sorted({f"{name}: {e.note}" for name, e in named.items() if e.note}))
        return out


def judge(truth: Truth, task: str, proxy: str, options: Options | None = None) -> Verdict:
    """Every statistic of one proxy on the rows that it has a score on.

    Args:
        truth: The nets.
        task: Of `truth.accuracy`.
        proxy: Of `truth.scores`.
        options: How.

    Raises:
        UsageError: A name, or the cost of the bands, is unknown, or fewer nets have a score than a `k` picks.
    """
    return judge_all(truth, [task], [proxy], options)[0]


def judge_all(
    truth: Truth, tasks: Sequence[str], proxies: Sequence[str], options: Options | None = None
) -> list[Verdict]:
    """The verdicts on every proxy and task; errors as `judge`."""
    options = options or Options()
    if options.band_cost is not None and options.band_cost not in _band_costs(truth):
        raise unknown("cost", options.band_cost, _band_costs(truth))
    found = []
    for task in tasks:
        if task not in truth.accuracy:
            raise unknown("task", task, truth.accuracy)
        references: dict[bytes, _Reference] = {}  # by the rows that a proxy has a score on; most have the same
        for proxy in proxies:
            if proxy not in truth.scores:
                raise unknown("proxy", proxy, truth.scores)
            scored = np.isfinite(truth.scores[proxy])
            key = scored.tobytes()
            if key not in references:
                references[key] = _Reference(truth, task, scored, options)
            found.append(_verdict(references[key], proxy))
    return found


class _Reference:
    """The truth of one task on some rows, with what all proxies that have a score on them are set against."""

    def __init__(self, truth: Truth, task: str, rows: npt.NDArray[np.bool_], options: Options) -> None:
        self.truth, self.task, self.rows, self.options = truth, task, rows, options
        self.y, self.groups = truth.accuracy[task][rows], truth.groups[rows]
        controls = [truth.scores[name][rows] for name in CONTROLS if name in truth.scores]
        self.controls = np.array(controls) if controls else np.zeros((0, len(self.y)))

    @cached_property
    def plain(self) -> stats.Ranked:
        """Each net once."""
        return stats.Ranked(self.y, self.controls)

    @cached_property
    def drawn(self) -> stats.Ranked | None:
        """Its resamples; None without."""
        if not self.options.resamples:
            return None
        weights = stats.resamples(self.groups, self.options.resamples, self.options.seed)
        return stats.Ranked(self.y, self.controls, weights)

    def whole(self, x: FloatArray) -> tuple[Estimate, Estimate, Estimate]:
        """Of all rows: Spearman's correlation, the same given the controls, and Kendall's."""
        note, n = stats.reason_undefined(x, self.y), len(x)
        if note:
            return (stats.undefined(n, note),) * 3
        drawn = self.drawn
        plain = self.plain.correlations(x)
        spread = (None, None) if drawn is None else drawn.correlations(x)
        given = stats.estimate(plain[1], spread[1], n)
        return (
            stats.estimate(plain[0], spread[0], n),
            given if len(self.controls) else stats.undefined(n, "undefined: the table has neither params nor macs"),
            stats.estimate(
                stats.kendall(x, self.y), None if drawn is None else stats.kendall(x, self.y, drawn.weights), n
            ),
        )


def _verdict(reference: _Reference, proxy: str) -> Verdict:
    truth, rows, options = reference.truth, reference.rows, reference.options
    x, y, groups = truth.scores[proxy][rows], reference.y, reference.groups
    ks = tuple(k for k in PICKS if k <= len(x)) if options.ks is None else options.ks
    for k in ks:
        if k > len(x):
            raise UsageError(
                f"{proxy!r} has a score on {len(x)} of {len(truth)} nets; its best {k} were asked for.", "Lower `k`."
            )
    whole, given, tau = reference.whole(x)
    spearman, kendall = {"all": whole}, {"all": tau}
    for name, share in SHARES.items():
        inside = stats.top(y, share)
        spearman[name], kendall[name] = stats.correlations(
            x[inside], y[inside], groups[inside], options.resamples, options.seed
        )
    return Verdict(
        nets=truth.name,
        task=reference.task,
        proxy=proxy,
        n=len(x),
        distinct=len(np.unique(groups)),
        unscored=int((~rows).sum()),
        spearman=spearman,
        kendall=kendall,
        partial=given,
        bands=_bands(truth, rows, x, y, groups, options),
        precision={k: stats.precision_at(x, y, k) for k in ks},
        best_rank={k: stats.best_rank_at(x, y, k) for k in ks},
        ndcg={k: stats.ndcg_at(x, y, k) for k in ks},
    )


def _band_costs(truth: Truth) -> dict[str, FloatArray]:
    return {**truth.scores, **truth.costs}


def _bands(
    truth: Truth, scored: npt.NDArray[np.bool_], x: FloatArray, y: FloatArray, groups: Int64Array, options: Options
) -> tuple[Estimate, ...]:
    cost = _band_costs(truth).get(options.band_cost or "macs")
    if cost is None or not len(x):
        return ()
    cost = cost[scored]
    measured = np.isfinite(cost)
    number = np.full(len(x), -1)
    number[measured] = stats.bands(cost[measured], options.bands) if measured.any() else -1
    chosen = [number == i for i in range(number.max() + 1)]
    return tuple(stats.correlations(x[b], y[b], groups[b], 0, options.seed)[0] for b in chosen)
