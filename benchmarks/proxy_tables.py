"""Proxies and their combinations against NAS-Bench-201: tables, CSV files and plots, from stored scores.

ZEROSHOT_DATA=... python benchmarks/proxy_tables.py [--calibrate] [--choose] [--freeze]

`--choose` chooses combinations anew, `--freeze` searches weights anew (minutes), `--calibrate` fits the calibrated
models anew (half an hour of one core); without, what is stored of them is shown. The scores themselves come from
`proxy_bench.py`.
"""

import argparse
import csv
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from proxy_plots import plot_correlations, plot_regret

from zeroshot.bench import nasbench201 as nb
from zeroshot.bench import scores as cell_scores
from zeroshot.bench import study as studies
from zeroshot.bench.calibrate import calibrate, features
from zeroshot.bench.combine import choose, freeze
from zeroshot.bench.constrained import LIMITS
from zeroshot.bench.graph import one_hot
from zeroshot.bench.judge import Options, Verdict
from zeroshot.bench.statistics import Estimate
from zeroshot.bench.table import Truth
from zeroshot.runs import processor
from zeroshot.spaces import nasbench201

RESULTS = Path(__file__).with_name("results")
STORED = RESULTS / "proxy_scores.npz"
VERDICTS, REGRETS = RESULTS / "proxy_bench.csv", RESULTS / "proxy_bench_regret.csv"
FROZEN = RESULTS / "proxy_bench_frozen.csv"
CHOICES, CALIBRATED = RESULTS / "proxy_bench_choices.csv", RESULTS / "proxy_bench_calibrated.csv"
OPTIONS = Options(resamples=300)
ENOUGH = 500  # nets to choose or calibrate on; on fewer the result is the luck of the draw
LABELS = {25: 5, 100: 5, 1000: 3}  # labels -> draws of them
FROZEN_LABELS, FROZEN_DRAWS = (100, 500), 5
Sets = Sequence[tuple[Truth, tuple[str, ...]]]


def keep(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as CSV, whole or not at all; numbers with six digits."""
    rows = list(rows)
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    partial.replace(path)


def stored(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file of ours; none if it is not there."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def choices(sets: Sets) -> list[dict[str, Any]]:
    """A combination chosen on each task, for each set of cells."""
    rows = []
    for truth, names in sets:
        for task in truth.accuracy:
            found = choose(truth, task, candidates(names))
            for reported, estimate in found.reported.items():
                rows.append({
                    "nets": truth.name, "chosen on": task, "parts": " + ".join(found.parts),
                    "spearman there": found.chosen_on, "reported on": reported, "rows": found.n_reported,
                    "spearman": estimate.value, "low": estimate.low, "high": estimate.high,
                    "kendall": found.kendall[reported].value, "top 5 %": found.top[reported].value,
                    "all rows": found.everywhere[reported],
                })  # fmt: skip
        print("chosen on", truth.name, file=sys.stderr, flush=True)
    return rows


def candidates(names: Sequence[str]) -> list[str]:
    """Scores that a combination is made of: sizes once, no baseline without sense, no other combination."""
    graph = [name for name in studies.graph_names() if name != "macs"]
    others = [n for n in names if n != "random" and not n.startswith("fuse") and n not in graph and n != "macs"]
    return [*graph, *others]


def frozen(sets: Sets) -> Iterable[dict[str, Any]]:
    """Weights found with labels of one task, applied to all, for each set of cells."""
    for truth, names in sets:
        for task in truth.accuracy:
            for labels in FROZEN_LABELS:
                found = [freeze(truth, task, candidates(names), labels, seed) for seed in range(FROZEN_DRAWS)]
                for other in truth.accuracy:
                    row: dict[str, Any] = {
                        "nets": truth.name, "found on": task, "labels": labels, "draws": FROZEN_DRAWS,
                        "reported on": other, "rows": int(np.mean([each.rows for each in found])),
                        "seen": float(np.mean([each.seen for each in found])),
                    }  # fmt: skip
                    for name, key in (("spearman", "spearman"), ("kendall", "kendall"), ("top 5 %", "top")):
                        values = [getattr(each, key)[other] for each in found]
                        row |= {name: float(np.mean(values)), f"{name} sd": float(np.std(values, ddof=1))}
                    yield row
            print("frozen", truth.name, task, file=sys.stderr, flush=True)


def calibrated(sets: Sets) -> Iterable[dict[str, Any]]:
    """What models reach with few labels, for each set of cells."""
    for labels, draws in LABELS.items():
        for truth, names in sets:
            if labels > len(np.unique(truth.groups)) // 2:
                continue
            graph = one_hot(np.array([nasbench201.parse(net) for net in truth.nets]))
            given = [n for n in names if n != "random" and n not in studies.graph_names()]
            inputs = features(truth, given, graph)
            for task in truth.accuracy:
                for found in calibrate(truth, task, inputs, labels, draws=draws):
                    yield {
                        "nets": truth.name, "task": task, "labels": labels, "model": found.model, "draws": draws,
                        "inputs": inputs.x.shape[1], "rows": int(found.rows.mean()),
                        "spearman": float(found.spearman.mean()), "spearman sd": float(found.spearman.std(ddof=1)),
                        "kendall": float(found.kendall.mean()), "kendall sd": float(found.kendall.std(ddof=1)),
                        "top 5 %": float(found.top.mean()), "top 5 % sd": float(found.top.std(ddof=1)),
                    }  # fmt: skip
                print("calibrated", labels, truth.name, task, file=sys.stderr, flush=True)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *(f"| {' | '.join(row)} |" for row in rows), ""]


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """The correlations and picks of one set of cells and one task."""
    heads = ["score", "rows", "Spearman", "95 %", "tau-b", "95 %", "top 10 %", "top 5 %", "given params, MACs"]
    heads += ["inside MACs bands", "precision@10", "precision@100", "best rank@10", "gain@100"]
    rows = []
    for v in sorted(verdicts, key=lambda v: -np.nan_to_num(v.spearman["all"].value, nan=-2)):
        rho, tau = v.spearman["all"], v.kendall["all"]
        bands = " ".join(number(band) for band in v.bands)
        rows.append([
            f"`{v.proxy}`", str(v.n), number(rho), interval(rho), number(tau), interval(tau),
            number(v.spearman["top 10 %"]), number(v.spearman["top 5 %"]), number(v.partial), bands,
            at(v.precision, 10), at(v.precision, 100), at(v.best_rank, 10, 0), at(v.ndcg, 100),
        ])  # fmt: skip
    return table(heads, rows)


def at(values: dict[int, float], k: int, digits: int = 2) -> str:
    return f"{values[k]:.{digits}f}" if k in values else ""


def number(found: Estimate) -> str:
    return "undefined" if found.note else f"{found.value:.3f}"


def interval(found: Estimate) -> str:
    return "" if np.isnan(found.low) else f"{found.low:.3f} to {found.high:.3f}"


def report(study: studies.Study, machine: str) -> str:
    """The whole text."""
    lines = [
        "# Proxies against trained nets: NAS-Bench-201",
        "",
        f"Test accuracy after 200 epochs. {machine}. Correlations are signed; intervals are 95 % percentile bootstrap "
        f"intervals over distinct nets ({OPTIONS.resamples} resamples; rows that compute the same function are drawn "
        "together). Top 10 % and 5 %: of the rows, by true accuracy. Bands: four of MACs, from cheap to dear. "
        "precision@k: share of the k favourites that are among the k best; best rank@k: true rank of the best of k "
        "favourites; gain@k: discounted gain, halved for each point of accuracy below the best. `depth` is "
        "convolutions on the longest path of a cell. `fuse: ...` are mean log-ranks, fixed beforehand. Undefined: the "
        "score is constant, or follows from params and MACs.",
        "",
    ]
    for nets, about in study.about.items():
        lines += [f"## {nets}", "", f"{about}.", ""]
        for task in nb.TASKS:
            mine = [v for v in study.verdicts if (v.nets, v.task) == (nets, task)]
            lines += [f"### {task}", "", *verdict_lines(mine)] if mine else []
    lines += [*(f"Note: {note}" for note in study.notes), ""]
    return "\n".join([*lines, *regret_lines(study), *choice_lines(), *frozen_lines(), *calibrated_lines()]) + "\n"


def regret_lines(study: studies.Study) -> list[str]:
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
        found = tasks["cifar10"]
        costs = list(next(iter(found.values())))
        order = sorted(found, key=lambda name: sum(found[name].values()))
        heads = ["score", *(" ".join(cost.split("/")[1:]) for cost in costs), "mean"]
        rows = [
            [f"`{n}`", *(f"{found[n][c]:.2f}" for c in costs), f"{np.mean(list(found[n].values())):.2f}"] for n in order
        ]
        lines += [f"### {nets}", "", *table(heads, rows)]
    return lines


def choice_lines() -> list[str]:
    """Combinations chosen on one task and half of the functions."""
    rows = stored(CHOICES)
    if not rows:
        return []
    heads = ["cells", "chosen on", "parts", "there", "reported on", "rows", "Spearman", "95 %", "tau-b", "top 5 %"]
    heads.append("all rows")
    shown = [
        [
            row["nets"], row["chosen on"], row["parts"].replace("_", "\\_"), dot(row["spearman there"]),
            row["reported on"], row["rows"], dot(row["spearman"]), f"{dot(row['low'])} to {dot(row['high'])}",
            dot(row["kendall"]), dot(row["top 5 %"]), dot(row["all rows"]),
        ]
        for row in rows
        if row["chosen on"] != row["reported on"]
    ]  # fmt: skip
    return [
        "## Chosen combinations, training-free",
        "",
        "Parts are chosen by Spearman on one data set and a random half of the functions (there: the value on "
        "these), and judged on the other half of the functions and on the other data sets. The last column is "
        "Spearman on all rows of the set, which include those of the choice, on the other data set.",
        "",
        *table(heads, shown),
    ]


def frozen_lines() -> list[str]:
    """Weights found on one task."""
    rows = [row for row in stored(FROZEN) if row["found on"] != row["reported on"]]
    if not rows:
        return []
    heads = ["cells", "found on", "labels", "seen", "reported on", "rows", "Spearman", "tau-b", "top 5 %"]
    shown = [
        [
            row["nets"], row["found on"], row["labels"], dot(row["seen"]), row["reported on"], row["rows"],
            *(f"{dot(row[name])} ± {dot(row[f'{name} sd'])}" for name in ("spearman", "kendall", "top 5 %")),
        ]
        for row in rows
    ]  # fmt: skip
    return [
        "## Frozen weights",
        "",
        "A weighted sum of log-ranks of all scores of the set but those that repeat a size. The weights are found with "
        "so many labels of one data set (seen: Spearman on these labels) and judged, frozen, on the other data sets' "
        "accuracies of the functions that were not labelled. Mean and standard deviation over "
        f"{FROZEN_DRAWS} draws of labels.",
        "",
        *table(heads, shown),
    ]


def calibrated_lines() -> list[str]:
    """Models with labels."""
    rows = stored(CALIBRATED)
    if not rows:
        return []
    heads = ["cells", "labels", "task", "model", "rows", "Spearman", "tau-b", "top 5 %"]
    shown = [
        [
            row["nets"], row["labels"], row["task"], row["model"], row["rows"],
            *(f"{dot(row[name])} ± {dot(row[f'{name} sd'])}" for name in ("spearman", "kendall", "top 5 %")),
        ]
        for row in rows
    ]  # fmt: skip
    return [
        "## Calibrated with labels",
        "",
        "Inputs: the scores of the set, the graph of the cell without dead operations. Labels are drawn uniformly "
        "among rows, no two of one function; everything tuned is tuned on them; rows that compute the same function "
        "as a labelled one are not reported. Mean and standard deviation over draws of labels (5; 3 with 1,000). "
        "`blend`: the mean of the three models.",
        "",
        *table(heads, shown),
    ]


def dot(text: str) -> str:
    return f"{float(text):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calibrate", action="store_true", help="fit the calibrated models anew")
    parser.add_argument("--choose", action="store_true", help="choose combinations anew")
    parser.add_argument("--freeze", action="store_true", help="search weights anew")
    arguments = parser.parse_args()
    folder = os.environ.get("ZEROSHOT_DATA")
    if not folder:
        sys.exit("Set ZEROSHOT_DATA to the folder that holds nasbench201/.")
    truth, published = nb.load(Path(folder)), nb.suite_zero(Path(folder))
    scores = cell_scores.read(STORED) if STORED.exists() else None
    sets, about, notes = studies.nasbench201_sets(truth, scores, published)
    large = [(truth, names) for truth, names in sets if len(truth) >= ENOUGH]
    if arguments.choose:
        keep(CHOICES, choices(large))
    if arguments.freeze:
        keep(FROZEN, frozen(large))
    if arguments.calibrate:
        keep(CALIBRATED, calibrated(large))
    study = studies.of_nasbench201(sets, list(nb.TASKS), about, notes, OPTIONS)
    keep(VERDICTS, (verdict.row() for verdict in study.verdicts))
    keep(REGRETS, (
        {"nets": nets, "task": task, "score": name, "cost": cost, "mean regret": value}
        for nets, tasks in study.regrets.items() for task, proxies in tasks.items()
        for name, costs in proxies.items() for cost, value in costs.items()
    ))  # fmt: skip
    text = report(study, processor())
    (RESULTS / "proxy_bench.md").write_text(text)
    plot_correlations(study.verdicts, RESULTS / "proxy_bench.png")
    plot_regret(sets[-1][0], RESULTS / "proxy_bench_regret.png")
    print(text)


if __name__ == "__main__":
    main()
