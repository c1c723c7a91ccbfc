"""The text of `proxy_tables.py`: results/proxy_bench.md."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zeroshot.bench import nasbench201 as nb
from zeroshot.bench.constrained import LIMITS
from zeroshot.bench.judge import Verdict
from zeroshot.bench.seeds import OverSeeds
from zeroshot.bench.statistics import Estimate
from zeroshot.bench.study import ALL, EVERY, PUBLISHED, Study

TASKS = tuple(nb.TASKS)
Rows = Sequence[Mapping[str, str]]
# Goals, on CIFAR-10, CIFAR-100 and ImageNet16-120, and the best published.
GOALS = {
    "training-free, all cells, Spearman": (0.93, 0.93, 0.91), "training-free, all cells, tau-b": (0.77, 0.77, 0.75),
    "training-free, all cells, top 5 %": (0.30, 0.30, 0.30),
    "training-free, no dead operations, Spearman": (0.945, None, None),
    "100 labels, Spearman": (0.955, 0.95, 0.93), "100 labels, top 5 %": (0.45, 0.45, 0.45),
}  # fmt: skip
FREE, OTHER_LABELS = "training-free", "labels of another data set"
ALIKE = 1e-4  # relative difference that rounding of another machine may make
# The fixed combination was named with half of the functions in view.
UNSEEN, WHOLE = "fixed, other half", "fixed, all rows"
KEYS = {"Spearman": "spearman", "tau-b": "kendall", "top 5 %": "top 5 %"}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *(f"| {' | '.join(row)} |" for row in rows), ""]


def number(found: Estimate) -> str:
    return "undefined" if found.note else f"{found.value:.3f}"


def interval(found: Estimate) -> str:
    return number(found) if np.isnan(found.low) else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def dot(text: str | float) -> str:
    return f"{float(text):.3f}" if text != "" else ""


def spread(row: Mapping[str, str], name: str) -> str:
    return dot(row[name]) if row[f"{name} sd"] == "nan" else f"{dot(row[name])} ± {dot(row[f'{name} sd'])}"


def escaped(text: str) -> str:
    return text.replace("_", "\\_")


def headline(choices: Rows, frozen: Rows, calibrated: Rows) -> list[str]:
    """The goals, what the best published is, and what is reached under each protocol."""
    if not choices:
        return []
    lines = [
        "## Goals and what is reached",
        "",
        "`fixed`: no labels; equal votes for parts that were named by hand, with figures of one half of the functions "
        "in view; the other half is judged. `chosen`: parts chosen by the accuracies of half of the functions on "
        "another data set, judged on the other half (mean over splits). `frozen`: weights found with 500 labels of "
        "another data set, judged on the functions without label. Both see no label of the data set that they are "
        "judged on. "
        "ImageNet16-120 and CIFAR-100: chosen or found on CIFAR-10; CIFAR-10: on CIFAR-100. `100 labels`: the Gaussian "
        "process on graph and scores, whose form was settled on CIFAR-10 and CIFAR-100 with half of the functions in "
        "view; mean over draws of labels. Best published, on all cells: without labels VKDNW's aggregate, Spearman "
        ".919/.919/.906, tau-b .750/.753/.743; with 100 labels .905/.907/.879. ± is the standard deviation over splits "
        "or draws of labels.",
        "",
    ]
    rows = []
    for name, goal in GOALS.items():
        key = KEYS[name.rsplit(", ", 1)[1]]
        if name.startswith(FREE):
            cells = PUBLISHED if PUBLISHED in name else ALL
            for kind, found in ((UNSEEN, choices), (WHOLE, choices), ("chosen", choices), ("frozen", frozen)):
                values = [_met(found, kind, cells, task, key) for task in TASKS]
                if any(values):
                    where = name if found is choices and kind != "chosen" else name.replace(FREE, OTHER_LABELS)
                    rows.append([f"{where}: {kind}", _targets(goal), *values])
        else:
            for cells in (ALL, PUBLISHED):
                values = [_calibrated(calibrated, cells, task, key) for task in TASKS]
                if any(values):
                    rows.append([f"{name}: {cells}", _targets(goal), *values])
    return [*lines, *table(["figure", "goal", *TASKS], rows)]


def against_lines(rows: Rows, most: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The fixed combination against the best single scores, and what no score of functions can exceed."""
    if not rows:
        return []
    shown = [
        [
            row["nets"], row["rows are"], f"{int(row['rows']):,}", row["task"], dot(row["fusion"]), f"`{row['score']}`",
            dot(row["spearman"]), f"{float(row['ahead']):+.3f} [{float(row['low']):+.3f}, {float(row['high']):+.3f}]",
        ]
        for row in rows
    ]  # fmt: skip
    tops = "; ".join(f"{nets}: {' / '.join(dot(v) for v in values.values())}" for nets, values in most.items())
    return [
        "### The fixed combination against single scores",
        "",
        "Spearman on equal rows; the difference has the 95 % interval of a paired bootstrap over functions. No score "
        "of a function can do better than the mean accuracy of its rows, which differ by their trainings alone "
        f"({tops}).",
        "",
        *table(["cells", "rows are", "rows", "task", "combination", "score", "its Spearman", "ahead by"], shown),
    ]


def _targets(goal: Sequence[float | None]) -> str:
    return " / ".join("-" if value is None else f"{value:g}" for value in goal)


def _met(rows: Rows, kind: str, cells: str, task: str, key: str) -> str:
    source = kind if kind in (UNSEEN, WHOLE) else "cifar100" if task == "cifar10" else "cifar10"
    label = "found on" if kind == "frozen" else "chosen on"
    for row in rows:
        if (row["nets"], row[label], row["reported on"]) == (cells, source, task) and row.get("labels", "500") == "500":
            return spread(row, key)
    return ""


def _calibrated(rows: Rows, cells: str, task: str, key: str) -> str:
    for row in rows:
        kind = (row["nets"], row["task"], row["labels"], row["model"], row["inputs of"])
        if kind == (cells, task, "100", "gaussian process", "graph + scores"):
            return spread(row, key)
    return ""


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """The correlations of one set of cells, one row a score; picks and what is left given the size on CIFAR-10."""
    found = {(v.task, v.proxy): v for v in verdicts}
    names = list(dict.fromkeys(v.proxy for v in verdicts))
    names.sort(key=lambda name: -np.nan_to_num(found[TASKS[0], name].spearman["all"].value, nan=-2))
    heads = ["score", "CIFAR-10: Spearman", "tau-b", "top 10 %", "top 5 %", "given params, MACs", "in MACs bands"]
    heads += ["precision@100", "best rank@10", "CIFAR-100: Spearman", "tau-b", "top 5 %"]
    heads += ["ImageNet16-120: Spearman", "tau-b", "top 5 %"]
    rows = []
    for name in names:
        v = found[TASKS[0], name]
        row = [f"`{name}`", interval(v.spearman["all"]), number(v.kendall["all"])]
        row += [number(v.spearman["top 10 %"]), number(v.spearman["top 5 %"]), number(v.partial)]
        row += [" ".join(number(band) for band in v.bands), at(v.precision, 100), at(v.best_rank, 10, 0)]
        for task in TASKS[1:]:
            v = found[task, name]
            row += [interval(v.spearman["all"]), number(v.kendall["all"]), number(v.spearman["top 5 %"])]
        rows.append(row)
    return table(heads, rows)


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
    for nets, tasks in study.regrets.items():
        if nets == EVERY:  # one row of several measured ones; others have all
            continue
        found = tasks["cifar10"]
        costs = list(next(iter(found.values())))
        order = sorted(found, key=lambda name: sum(found[name].values()))
        heads = ["score", *(" ".join(cost.split("/")[1:]) for cost in costs), "mean"]
        rows = [
            [f"`{n}`", *(f"{found[n][c]:.2f}" for c in costs), f"{np.mean(list(found[n].values())):.2f}"] for n in order
        ]
        lines += [f"### {nets}", "", *table(heads, rows)]
    return lines


def choice_lines(rows: Rows) -> list[str]:
    """Combinations chosen on one task and half of the functions."""
    if not rows:
        return []
    heads = [
        "cells",
        "chosen on",
        "parts (first split)",
        "there",
        "reported on",
        "rows",
        "Spearman",
        "95 %, first split",
    ]
    heads += ["tau-b", "top 5 %", "all rows"]
    shown = [
        [
            row["nets"], row["chosen on"], escaped(row["parts"]), dot(row["spearman there"]), row["reported on"],
            row["rows"], spread(row, "spearman"), f"{dot(row['low, first split'])} to {dot(row['high, first split'])}",
            spread(row, "kendall"),
            spread(row, "top 5 %"), dot(row["all rows"]),
        ]
        for row in rows
        if row["chosen on"] != row["reported on"]
    ]  # fmt: skip
    return [
        "## Chosen combinations",
        "",
        "Parts are chosen by Spearman on one data set and a random half of the functions (there: the value on these), "
        "and judged on the other half of the functions and on the other data sets; mean and standard deviation over "
        f"{max(int(row['splits']) for row in rows)} splits into halves. All rows: Spearman on all rows of the set, "
        "which include those of the choice, on the other data set. `fixed`: the combination that was named by hand "
        "while half of the functions were in view, on the other half and on all rows.",
        "",
        *table(heads, shown),
    ]


def frozen_lines(rows: Rows) -> list[str]:
    """Weights found on one task."""
    rows = [row for row in rows if row["found on"] != row["reported on"]]
    if not rows:
        return []
    heads = ["cells", "found on", "labels", "seen", "reported on", "rows", "Spearman", "tau-b", "top 5 %"]
    shown = [
        [
            row["nets"], row["found on"], row["labels"], dot(row["seen"]), row["reported on"], row["rows"],
            *(spread(row, name) for name in KEYS.values()),
        ]
        for row in rows
    ]  # fmt: skip
    return [
        "## Frozen weights",
        "",
        "A weighted sum of log-ranks of all scores of the set but those that repeat a size. The weights are found with "
        "so many labels of one data set (seen: Spearman on these labels) and judged, frozen, on the other data sets' "
        f"accuracies of the functions that were not labelled. Mean and standard deviation over {rows[0]['draws']} "
        "draws of labels.",
        "",
        *table(heads, shown),
    ]


def calibrated_lines(rows: Rows) -> list[str]:
    """Models with labels, one row for the three tasks."""
    if not rows:
        return []
    found = {(row["nets"], row["inputs of"], row["labels"], row["model"], row["task"]): row for row in rows}
    kinds = list(dict.fromkeys(key[:-1] for key in found))
    heads = ["cells", "inputs", "labels", "model", *(f"{task}: {name}" for task in TASKS for name in KEYS)]
    shown = [
        [*kind, *(spread(found[*kind, task], key) for task in TASKS for key in KEYS.values())]
        for kind in kinds
    ]  # fmt: skip
    return [
        "## Calibrated with labels",
        "",
        "Inputs: the cell's graph without dead operations, and where it says so the scores of the set. Labels are "
        "drawn uniformly among rows, no two of one function; everything tuned is tuned on them; rows that compute the "
        "same function as a labelled one are not reported. Mean and standard deviation over draws of labels ("
        + ", ".join(f"{n} with {k}" for k, n in sorted({(int(r["labels"]), int(r["draws"])) for r in rows}))
        + "). `blend`: the mean of the three models. The Gaussian process's form was settled on CIFAR-10 and CIFAR-100 "
        "with half of the functions in view.",
        "",
        *table(heads, shown),
    ]
