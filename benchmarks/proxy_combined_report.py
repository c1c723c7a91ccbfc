"""The part of results/proxy_bench.md on combinations: goals, choices, frozen weights, models with labels."""

from collections.abc import Sequence

from benchmarks.proxy_cells import TASKS, Rows, dot, escaped, spread
from benchmarks.script import table
from zeroshot.bench.study import ALL, PUBLISHED

# Goals, on CIFAR-10, CIFAR-100 and ImageNet16-120, and the best published.
GOALS = {
    "training-free, all cells, Spearman": (0.93, 0.93, 0.91), "training-free, all cells, tau-b": (0.77, 0.77, 0.75),
    "training-free, all cells, top 5 %": (0.30, 0.30, 0.30),
    "training-free, no dead operations, Spearman": (0.945, None, None),
    "100 labels, Spearman": (0.955, 0.95, 0.93), "100 labels, top 5 %": (0.45, 0.45, 0.45),
}  # fmt: skip
FREE, OTHER_LABELS = "training-free", "labels of another data set"
# The fixed combination was named with half of the functions in view.
UNSEEN, WHOLE = "fixed, other half", "fixed, all rows"
KEYS = {"Spearman": "spearman", "tau-b": "kendall", "top 5 %": "top 5 %"}


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
    return [*lines, *table(["figure", "goal", *TASKS], rows), ""]


def against_lines(rows: Rows) -> list[str]:
    """The fixed combination against the best single scores."""
    if not rows:
        return []
    shown = [
        [
            row["nets"], row["rows are"], f"{int(row['rows']):,}", row["task"], dot(row["fusion"]), f"`{row['score']}`",
            dot(row["spearman"]), f"{float(row['ahead']):+.3f} [{float(row['low']):+.3f}, {float(row['high']):+.3f}]",
        ]
        for row in rows
    ]  # fmt: skip
    return [
        "### The fixed combination against single scores",
        "",
        "Spearman on equal rows; the difference has the 95 % interval of a paired bootstrap over functions.",
        "",
        *table(["cells", "rows are", "rows", "task", "combination", "score", "its Spearman", "ahead by"], shown),
        "",
    ]


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
        "",
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
        "",
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
        "",
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
