"""The text of `proxy_tables.py`: results/proxy_bench.md."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.proxy_cells import TASKS, dot, interval, number
from benchmarks.script import table
from zeroshot.bench.constrained import LIMITS
from zeroshot.bench.judge import SHARES, Verdict
from zeroshot.bench.seeds import OverSeeds
from zeroshot.bench.study import ALL, EVERY, Study

ALIKE = 1e-4  # relative difference that rounding of another machine may make


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """The correlations of one set of cells, one row a score; picks and what is left given the size on CIFAR-10."""
    found = {(v.task, v.proxy): v for v in verdicts}
    names = list(dict.fromkeys(v.proxy for v in verdicts))
    names.sort(key=lambda name: -np.nan_to_num(found[TASKS[0], name].spearman["all"].value, nan=-2))
    heads = ["score", "CIFAR-10: Spearman", "tau-b", "top 10 %", "top 5 %", "given params, MACs", "in MACs bands"]
    heads += ["precision@100", "best rank@10", "less `params`", "CIFAR-100: Spearman", "tau-b", "top 5 %"]
    heads += ["ImageNet16-120: Spearman", "tau-b", "top 5 %"]
    rows = []
    for name in names:
        v = found[TASKS[0], name]
        row = [f"`{name}`", interval(v.spearman["all"]), number(v.kendall["all"])]
        row += [number(v.spearman["top 10 %"]), interval(v.spearman["top 5 %"]), number(v.partial)]
        row += [" ".join(number(band) for band in v.bands), at(v.precision, 100), at(v.best_rank, 10, 0)]
        row.append(interval(v.ahead["params"]) if "params" in v.ahead else "")
        for task in TASKS[1:]:
            v = found[task, name]
            row += [interval(v.spearman["all"]), number(v.kendall["all"]), interval(v.spearman["top 5 %"])]
        rows.append(row)
    return [*table(heads, rows), ""]


def ceiling_lines(study: Study) -> list[str]:
    """What differences between trainings leave to reach."""
    shares = ("all", *SHARES)
    where = dict.fromkeys((each.nets, each.task) for each in study.ceilings)
    rows = [[*pair, *(dot(study.ceiling(*pair)[share]) for share in shares)] for pair in where]
    return [
        "### What a score can reach",
        "",
        "Rows of one function differ by their trainings alone. Spearman of a score that knew each row's expected "
        "accuracy, about: that of the accuracies with those of trainings anew, whose spread is pooled over functions "
        "of like accuracy. It is rather too high than too low.",
        "",
        *table(["cells", "task", *shares], rows),
        "",
    ]


def at(values: Mapping[int, float], k: int, digits: int = 2) -> str:
    return f"{values[k]:.{digits}f}" if k in values else ""


def published_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Published figures of single proxies beside ours."""
    if not rows:
        return []
    agree = sum(row["reason"] == "agrees" for row in rows)
    heads = ["source", "score", "task", "published", "ours", "rows", "difference", "ours, no dead operations"]
    heads += ["Suite-Zero's scores there", "reason"]
    shown = [
        [
            str(row["source"]), f"`{row['proxy']}`", str(row["task"]), f"{row['published']:.3f}", dot(row["ours"]),
            f"{row['rows']:,}", f"{row['difference']:+.3f}", dot(row["ours, no dead operations"]),
            dot(row["Suite-Zero there"]), str(row["reason"]),
        ]
        for row in rows
    ]  # fmt: skip
    return [
        "## Single proxies against published figures",
        "",
        f"Ours: Spearman on {ALL}, or where a proxy was not computed on all, on {EVERY}; {agree} of {len(rows)} agree "
        "within .02. Published figures count dead operations, "
        "most start from other weights, and their rows are all cells or a draw of them; ours are without dead "
        "operations, from Kaiming-normal weights, on 2 batches of 32 images. Where Suite-Zero's own scores exist, the "
        "last two columns of figures tell rows from protocol: they stand on the same cells.",
        "",
        *table(heads, shown),
        "",
    ]


def seed_lines(found: Mapping[str, Sequence[OverSeeds]]) -> list[str]:
    """Between-seed spread."""
    if not found:
        return []
    first = next(iter(found.values()))
    order = sorted(first, key=lambda each: -each.spearman.mean())
    others = {task: {each.proxy: each for each in rows} for task, rows in found.items()}
    heads = ["score", "rank correlation between seeds"]
    heads += [f"{task}: mean ± sd [95 %]" for task in found]
    rows = []
    for each in order:
        row = [f"`{each.proxy}`", f"{each.stability:.3f}"]
        for task in found:
            v = others[task][each.proxy]
            row.append(f"{v.spearman.mean():.3f} ± {v.spearman.std(ddof=1):.3f} [{v.low:.3f}, {v.high:.3f}]")
        rows.append(row)
    count = len(first[0].spearman)
    return [
        "## Over seeds",
        "",
        f"The same {first[0].n} functions scored with {count} seeds, of weights and of images. Spearman with accuracy: "
        f"mean and standard deviation over the seeds; the interval is a bootstrap over functions and seeds. With "
        f"{count} seeds the standard deviation is itself rough.",
        "",
        *table(heads, rows),
        "",
    ]


def machine_lines(found: Mapping[str, tuple[int, float]], one: str, other: str) -> list[str]:
    """Largest relative differences between two machines, of `study.compare`."""
    if not found:
        return []
    apart = {name: value for name, (_, value) in found.items() if value > ALIKE}
    named = ", ".join(f"`{name}` {value:.2%}" for name, value in sorted(apart.items(), key=lambda each: -each[1]))
    more = f"; {named}" if named else ""
    return [
        "## Over machines",
        "",
        f"{max(n for n, _ in found.values())} cells were scored by {one} and by {other}. Largest relative difference "
        f"of a score: below {ALIKE:.2%} for {len(found) - len(apart)} of {len(found)} proxies{more}.",
        "",
    ]


def regret_lines(study: Study) -> list[str]:
    """Search under a limit."""
    lines = [
        "## Search under a limit (HW-NAS-Bench)",
        "",
        f"Points of accuracy that the favourite loses against the best net within a limit, mean over {LIMITS} limits "
        "at even quantiles of the cost; CIFAR-10. Cells that were not measured on a device take no part. `random`: the "
        "mean over all nets within the limit.",
        "",
    ]
    shown = [each for each in study.sweeps if each.task == "cifar10"]
    for nets in dict.fromkeys(each.nets for each in shown):
        if nets == EVERY:  # one row of several measured ones; others have all
            continue
        found: dict[str, dict[str, float]] = {}
        for each in shown:
            if each.nets == nets:
                found.setdefault(each.proxy, {})[each.cost] = each.points
        costs = list(next(iter(found.values())))
        order = sorted(found, key=lambda name: sum(found[name].values()))
        heads = ["score", *(" ".join(cost.split("/")[1:]) for cost in costs), "mean"]
        rows = [
            [f"`{n}`", *(f"{found[n][c]:.2f}" for c in costs), f"{np.mean(list(found[n].values())):.2f}"] for n in order
        ]
        lines += [f"### {nets}", "", *table(heads, rows), ""]
    return lines
