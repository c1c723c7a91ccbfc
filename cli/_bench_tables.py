"""The tables of `zeroshot bench`."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ._bench_legend import legend
from ._dialect import spoken
from ._output import aligned, prose

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from zeroshot.bench.constrained import Sweep
    from zeroshot.bench.judge import Verdict
    from zeroshot.bench.statistics import Estimate
    from zeroshot.bench.study import Drift, Study


def payload(found: "Study", drift: "Mapping[str, Drift]") -> dict[str, Any]:
    """What --json prints."""
    return {
        "nets": found.about, "notes": [spoken(note) for note in found.notes],
        "verdicts": [verdict.row() for verdict in found.verdicts], "mean_regret": _nested(found),
        "ceilings": [each._asdict() for each in found.ceilings],
        "rescored": {
            name: {"cells": each.cells, "largest_relative_difference": each.difference} for name, each in drift.items()
        },
    }  # fmt: skip


def _nested(found: "Study") -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Set of nets -> task -> proxy -> cost -> mean regret in points."""
    tree: dict[str, dict[str, dict[str, dict[str, float]]]] = {nets: {} for nets in found.about}
    for each in found.sweeps:
        tree[each.nets].setdefault(each.task, {}).setdefault(each.proxy, {})[each.cost] = each.points
    return tree


def show(
    screen: "Console", found: "Study", drift: "Mapping[str, Drift]", bands: str, resamples: int, written: "list[Path]"
) -> None:
    """Print every set of nets, its tasks and tables, then the notes and what the heads mean."""
    from zeroshot.bench.constrained import LIMITS

    heads: list[str] = []
    for nets, about in found.about.items():
        screen.print(f"\n{nets}", style="bold")
        prose(screen, about, "dim")
        for task, verdicts in found.of(nets).items():
            screen.print(f"\n{task}")
            heads += _correlations(screen, verdicts, found.ceiling(nets, task))
            heads += _differences(screen, verdicts)
            if bands:
                _bands(screen, verdicts, bands)
            heads += _regrets(screen, found.along(nets, task))
    screen.print()
    compared = sorted({sum(len(v.ahead) for v in of) for nets in found.about for of in found.of(nets).values()})
    numbers = {"resamples": resamples, "limits": LIMITS, "compared": " or ".join(map(str, compared))}
    for line in legend(heads, **numbers):
        prose(screen, line, "dim")
    _undefined(screen, found.verdicts)
    for note in found.notes:
        prose(screen, f"note: {spoken(note)}", "yellow")
    if drift:
        n, value = max(each.cells for each in drift.values()), max(each.difference for each in drift.values())
        prose(screen, f"Scored anew: {n} cells are stored too; largest relative difference {value:.1e}.")
    for path in written:
        screen.print(f"Written: {path}")


def _undefined(screen: "Console", verdicts: "Iterable[Verdict]") -> None:
    """Why some figures are missing, and whose."""
    unclear: dict[str, list[str]] = {}
    for verdict in verdicts:
        for estimate in (*verdict.spearman.values(), *verdict.kendall.values(), verdict.partial):
            if estimate.note:
                unclear.setdefault(estimate.note, []).append(verdict.proxy)
    for reason, names in unclear.items():
        prose(screen, f"note: - stands for {reason}: {', '.join(dict.fromkeys(names))}", "yellow")


def _correlations(screen: "Console", verdicts: "list[Verdict]", ceiling: dict[str, float]) -> list[str]:
    ks = sorted({k for verdict in verdicts for k in verdict.precision})
    gaps = any(v.unscored for v in verdicts)
    heads = ["proxy", "nets", *["undefined"] * gaps, "Spearman", "95 %", "tau-b", "top 10 %", "top 5 %", "95 %"]
    heads += ["given size", *(f"p@{k}" for k in ks), *(f"best@{k}" for k in ks[:2]), *(f"gain@{k}" for k in ks[-1:])]
    lines = [
        [
            v.proxy, str(v.n), *[str(v.unscored or "")] * gaps, *_both(v.spearman["all"]), _number(v.kendall["all"]),
            _number(v.spearman["top 10 %"]), *_both(v.spearman["top 5 %"]), _number(v.partial),
            *(_known(v.precision, k, 2) for k in ks), *(_known(v.best_rank, k, 0) for k in ks[:2]),
            *(_known(v.ndcg, k, 2) for k in ks[-1:]),
        ]
        for v in sorted(verdicts, key=lambda v: -v.spearman["all"].value if v.spearman["all"].note == "" else 2.0)
    ]  # fmt: skip
    if ceiling:
        top = {"Spearman": "all", "top 10 %": "top 10 %", "top 5 %": "top 5 %"}
        shown = [f"{ceiling[top[head]]:.3f}" if top.get(head) in ceiling else "" for head in heads[1:]]
        lines = [["ceiling", *shown], *lines]
    _table(screen, heads, lines)
    return [*heads, *(line[0] for line in lines if line[0] in ("ceiling", "random"))]


def _differences(screen: "Console", verdicts: "list[Verdict]") -> list[str]:
    """What each proxy is ahead of the baselines."""
    names = list(dict.fromkeys(name for v in verdicts for name in v.ahead))
    known = [v for v in verdicts if v.ahead]
    if not known:
        return []
    heads = ["Spearman", *(text for name in names for text in (f"less {name}", "95 %"))]
    lines = [
        [v.proxy, *(text for name in names for text in (_both(v.ahead[name]) if name in v.ahead else ("", "")))]
        for v in sorted(known, key=lambda v: -v.spearman["all"].value)
    ]
    screen.print()
    _table(screen, heads, lines)
    return heads


def _bands(screen: "Console", verdicts: "list[Verdict]", cost: str) -> None:
    """Spearman among nets that cost about as much."""
    count = max(len(v.bands) for v in verdicts)
    sizes = next(([e.n for e in v.bands] for v in verdicts if len(v.bands) == count), [])
    lines = [
        [v.proxy, *(_number(e) for e in v.bands), *["-"] * (count - len(v.bands))]
        for v in sorted(verdicts, key=lambda v: -sum(e.value for e in v.bands if not e.note))
    ]
    screen.print()
    _table(screen, [f"Spearman inside bands of {cost}", *(f"{n} nets" for n in sizes)], lines)


def _regrets(screen: "Console", sweeps: "list[Sweep]") -> list[str]:
    """Points lost on average over a sweep of limits."""
    if not sweeps:
        return []
    costs = list(dict.fromkeys(each.cost for each in sweeps))
    rows: dict[str, list[float]] = {}
    for each in sweeps:
        rows.setdefault(each.proxy, []).append(each.points)
    order = sorted(rows, key=lambda name: sum(rows[name]))
    lines = [[name, *(f"{value:.2f}" for value in rows[name])] for name in order]
    heads = ["points lost under a limit", *(" ".join(cost.split("/")[-2:]) for cost in costs)]
    screen.print()
    _table(screen, heads, lines)
    return heads[:1]


def _table(screen: "Console", heads: list[str], lines: list[list[str]]) -> None:
    texts = aligned([heads, *lines], screen.width, left=1)
    screen.print(texts[0], style="dim")
    screen.print("\n".join(texts[1:]))


def _known(values: dict[int, float], k: int, digits: int) -> str:
    return f"{values[k]:.{digits}f}" if k in values else "-"


def _number(found: "Estimate") -> str:
    return "-" if found.note else f"{found.value:.3f}"


def _both(found: "Estimate") -> tuple[str, str]:
    """The value and its interval."""
    return _number(found), "" if found.note or found.low != found.low else f"{found.low:.3f}..{found.high:.3f}"
