"""Proxies and their combinations against NAS-Bench-201: tables, CSV files and plots, from stored scores.

ZEROSHOT_DATA=... python benchmarks/proxy_tables.py [--calibrate] [--choose] [--freeze]

`--choose` chooses combinations anew, `--freeze` searches weights anew, `--calibrate` fits the calibrated models anew
(minutes each); without, what is stored of them is shown. The scores themselves come from `proxy_bench.py`.
"""

import argparse
import csv
import io
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import proxy_report as report
from proxy_plots import plot_correlations, plot_regret
from proxy_published import COLUMNS, compared
from proxy_report import UNSEEN, WHOLE

from zeroshot.bench import nasbench201 as nb
from zeroshot.bench import scores as cell_scores
from zeroshot.bench import statistics as stats
from zeroshot.bench import study as studies
from zeroshot.bench.calibrate import calibrate, features
from zeroshot.bench.combine import choose, freeze, halves
from zeroshot.bench.graph import one_hot
from zeroshot.bench.judge import Options
from zeroshot.bench.seeds import OverSeeds, over_seeds, shared_cells
from zeroshot.bench.table import Truth
from zeroshot.runs.folder import RunFolder
from zeroshot.spaces import nasbench201

RESULTS = Path(__file__).with_name("results")
STORED = RESULTS / "proxy_scores.npz"
SEEDS = [STORED, *(RESULTS / f"proxy_scores_seed{seed}.npz" for seed in (1, 2))]
ELSEWHERE = RESULTS / "proxy_scores_epyc.npz"
VERDICTS, REGRETS = RESULTS / "proxy_bench.csv", RESULTS / "proxy_bench_regret.csv"
FROZEN, PUBLISHED = RESULTS / "proxy_bench_frozen.csv", RESULTS / "proxy_bench_published.csv"
AGAINST = RESULTS / "proxy_bench_against.csv"
CHOICES, CALIBRATED = RESULTS / "proxy_bench_choices.csv", RESULTS / "proxy_bench_calibrated.csv"
OPTIONS = Options(resamples=200)
FIXED, SPLITS = "fuse: graph + jacob_cov + az_nas", 4
OTHERS = ("vkdnw_agg", "az_nas", "meco", "params")  # what the fixed combination is set against
LABELS = {25: 10, 100: 10, 1000: 3}  # labels -> draws of them
FROZEN_LABELS, FROZEN_DRAWS = (100, 500), 5
Sets = Sequence[tuple[Truth, tuple[str, ...]]]
FIGURES = ("spearman", "kendall", "top 5 %")


def keep(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as CSV, whole or not at all; numbers with five digits."""
    rows = list(rows)
    file = io.StringIO()
    writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    RunFolder(path.parent, made_here=False).write(path.name, file.getvalue())


def stored(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file of ours; none if it is not there."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def summary(values: Sequence[tuple[float, ...]]) -> dict[str, float]:
    """Mean and standard deviation of each of `FIGURES` over splits or draws."""
    found = np.array(values)
    spread = found.std(axis=0, ddof=1) if len(found) > 1 else np.full(len(FIGURES), np.nan)
    means = dict(zip(FIGURES, found.mean(axis=0).tolist(), strict=True))
    return means | dict(zip((f"{name} sd" for name in FIGURES), spread.tolist(), strict=True))


def choices(sets: Sets) -> Iterable[dict[str, Any]]:
    """A combination chosen on each task, for each set of cells; and the one fixed by reasoning."""
    for truth, names in sets:
        yield from by_reasoning(truth)
        for task in truth.accuracy:
            found = [choose(truth, task, candidates(names), seed=seed) for seed in range(SPLITS)]
            for other, estimate in found[0].reported.items():
                figures = [(f.reported[other].value, f.kendall[other].value, f.top[other].value) for f in found]
                yield {
                    "nets": truth.name, "chosen on": task, "parts": " + ".join(found[0].parts), "splits": SPLITS,
                    "spearman there": float(np.mean([f.chosen_on for f in found])), "reported on": other,
                    "rows": found[0].n_reported, "low, first split": estimate.low, "high, first split": estimate.high,
                    **summary(figures),
                    "all rows": float(np.mean([f.everywhere[other] for f in found])),
                }  # fmt: skip
            print("chosen on", truth.name, task, file=sys.stderr, flush=True)


def rows_by_view(truth: Truth) -> dict[str, np.ndarray]:
    """The rows of the functions that were not looked at when the fixed combination was named, and all rows."""
    seen = halves(nasbench201.canonical_classes())[nb.cells_of(truth.nets)]
    return {UNSEEN: ~seen, WHOLE: np.ones(len(truth), np.bool_)}


def by_reasoning(truth: Truth) -> Iterable[dict[str, Any]]:
    """The fixed combination on the half of the functions that was not looked at when it was named, and on all rows."""
    x, kinds = truth.scores[FIXED], rows_by_view(truth)
    seen = ~kinds[UNSEEN]
    for what, rows in kinds.items():
        for task, truths in truth.accuracy.items():
            z, y, groups = x[rows], truths[rows], truth.groups[rows]
            rho, tau = stats.correlations(z, y, groups, OPTIONS.resamples, OPTIONS.seed)
            inside = stats.top(y, 0.05)
            yield {
                "nets": truth.name, "chosen on": what, "parts": FIXED, "splits": 1,
                "spearman there": float(stats.spearman(x[seen], truths[seen])[0]), "reported on": task,
                "rows": len(z), "low, first split": rho.low, "high, first split": rho.high,
                **summary([(rho.value, tau.value, float(stats.spearman(z[inside], y[inside])[0]))]),
                "all rows": float(stats.spearman(x, truths)[0]),
            }  # fmt: skip


def against_others(truth: Truth) -> Iterable[dict[str, Any]]:
    """The fixed combination less each of the best single scores, on equal rows and in equal resamples."""
    for what, rows in rows_by_view(truth).items():
        weights = stats.resamples(truth.groups[rows], OPTIONS.resamples, OPTIONS.seed)
        for task, truths in truth.accuracy.items():
            once, drawn = (stats.Ranked(truths[rows], np.zeros((0, rows.sum())), w) for w in (None, weights))
            mine, mine_drawn = (each.correlations(truth.scores[FIXED][rows])[0] for each in (once, drawn))
            for other in (name for name in OTHERS if name in truth.scores):
                theirs, theirs_drawn = (each.correlations(truth.scores[other][rows])[0] for each in (once, drawn))
                found = stats.estimate(mine - theirs, mine_drawn - theirs_drawn, int(rows.sum()))
                yield {
                    "nets": truth.name, "rows are": what, "rows": found.n, "task": task, "score": other,
                    "spearman": float(theirs[0]), "fusion": float(mine[0]), "ahead": found.value, "low": found.low,
                    "high": found.high,
                }  # fmt: skip


def ceiling(truth: Truth) -> dict[str, float]:
    """Spearman that the mean accuracy of each function would have: rows of one function differ by training alone."""
    found = {}
    for task, y in truth.accuracy.items():
        _, net = np.unique(truth.groups, return_inverse=True)
        means = np.bincount(net, y) / np.bincount(net)
        found[task] = float(stats.spearman(means[net], y)[0])
    return found


def candidates(names: Sequence[str]) -> list[str]:
    """Scores that a combination is made of: our own, sizes once, no baseline without sense, no other combination."""
    graph = [name for name in studies.graph_names() if name != "macs"]
    left_out = {"random", "macs", "linear_regions", *graph}
    return [*graph, *(n for n in names if n not in left_out and not n.startswith(("fuse", "sz_")))]


def frozen(sets: Sets) -> Iterable[dict[str, Any]]:
    """Weights found with labels of one task, applied to all, for each set of cells."""
    for truth, names in sets:
        for task in truth.accuracy:
            for labels in FROZEN_LABELS:
                found = [freeze(truth, task, candidates(names), labels, seed) for seed in range(FROZEN_DRAWS)]
                for other in truth.accuracy:
                    yield {
                        "nets": truth.name, "found on": task, "labels": labels, "draws": FROZEN_DRAWS,
                        "reported on": other, "rows": int(np.mean([each.rows for each in found])),
                        "seen": float(np.mean([each.seen for each in found])),
                        **summary([(f.spearman[other], f.kendall[other], f.top[other]) for f in found]),
                    }  # fmt: skip
            print("frozen", truth.name, task, file=sys.stderr, flush=True)


def calibrated(sets: Sets) -> Iterable[dict[str, Any]]:
    """What models reach with few labels, for each set of cells, with scores that need passes and without."""
    for truth, names in sets:
        graph = one_hot(np.array([nasbench201.parse(net) for net in truth.nets]))
        counted = [name for name in studies.graph_names() if name != "macs"]
        given = {"graph": counted, "graph + scores": candidates(names)}
        for what, scores in given.items():
            inputs = features(truth, scores, graph)
            for labels, draws in LABELS.items():
                for task in truth.accuracy:
                    for found in calibrate(truth, task, inputs, labels, draws=draws):
                        yield {
                            "nets": truth.name, "inputs of": what, "task": task, "labels": labels,
                            "model": found.model, "draws": draws, "inputs": inputs.x.shape[1],
                            "rows": int(found.rows.mean()),
                            **summary(list(zip(found.spearman, found.kendall, found.top, strict=True))),
                        }  # fmt: skip
                print("calibrated", truth.name, what, labels, file=sys.stderr, flush=True)


def across_seeds(truth: Truth) -> dict[str, list[OverSeeds]]:
    """Task -> every score of the cells that each seed has, with the combinations of these cells."""
    files = [cell_scores.read(path) for path in SEEDS if path.exists()]
    if len(files) < 2:
        return {}
    cells = shared_cells(files)
    tables = []
    for file in files:
        at = {cell: row for row, cell in enumerate(file.cells.tolist())}
        rows = np.array([at[cell] for cell in cells.tolist()])
        own = truth.rows(cells).with_scores({n: v[rows].astype(float) for n, v in file.columns.items()})
        tables.append(studies.with_combinations(own))
    names = [n for n in tables[0].scores if n not in truth.scores and all(n in other.scores for other in tables)]
    columns = {name: np.stack([each.scores[name] for each in tables]) for name in names}
    return {task: over_seeds(columns, truth.accuracy[task][cells], 300, 0) for task in nb.TASKS}


def with_dead_operations(truth: Truth) -> dict[tuple[str, str], float]:
    """(size, task) -> Spearman on all cells of the sizes as the published tables count them."""
    cells = nasbench201.decode(np.arange(nasbench201.COUNT))
    sizes = {"params": nasbench201.params(cells), "macs": nasbench201.flops(cells)}
    return {
        (name, task): float(stats.spearman(x.astype(float), y)[0])
        for name, x in sizes.items()
        for task, y in truth.accuracy.items()
    }


def on_equal_rows(
    own: Truth, names: Sequence[str], published: dict[str, np.ndarray]
) -> dict[tuple[str, str], tuple[float, float]]:
    """(proxy, task) -> Spearman of ours and of Suite-Zero's scores on the cells that both have."""
    cells, found = nb.cells_of(own.nets), {}
    for name in names:
        if COLUMNS.get(name) in published:
            ours, theirs = own.scores[name], published[COLUMNS[name]][cells]
            both = np.isfinite(ours) & np.isfinite(theirs)
            for task, y in own.accuracy.items():
                found[name, task] = tuple(float(stats.spearman(x[both], y[both])[0]) for x in (ours, theirs))
    return found


def over_machines() -> list[str]:
    """What another machine made of the same cells."""
    if not ELSEWHERE.exists():
        return []
    here, there = cell_scores.read(STORED), cell_scores.read(ELSEWHERE)
    return report.machine_lines(studies.compare(here, there), here.machine, there.machine)


def text(
    study: studies.Study, seeds: dict[str, list[OverSeeds]], published: Sequence[dict[str, Any]],
    most: dict[str, dict[str, float]], machine: str,
) -> str:  # fmt: skip
    """The whole report."""
    choice_rows, frozen_rows, calibrated_rows = stored(CHOICES), stored(FROZEN), stored(CALIBRATED)
    lines = [
        "# Proxies against trained nets: NAS-Bench-201",
        "",
        f"Test accuracy after 200 epochs. Scored on {machine}. Correlations are signed; intervals are 95 % percentile "
        f"bootstrap intervals over distinct nets ({OPTIONS.resamples} resamples; rows that compute the same function "
        "are drawn together): how a figure would vary over another draw of functions like these, with weights, images "
        "and trainings as they are. Top 10 % and 5 %: of the rows, by true accuracy. Figures that are not shown here, "
        "intervals of all of them among these, are in proxy_bench.csv.",
        "",
        *report.headline(choice_rows, frozen_rows, calibrated_rows),
        *report.against_lines(stored(AGAINST), most),
        "## Every score",
        "",
        "Bands: four of MACs, from cheap to dear. precision@100: share of the 100 favourites that are among the 100 "
        "best; best rank@10: true rank of the best of 10 favourites. `depth` is convolutions on the longest path of a "
        "cell. `fuse: ...` are mean log-ranks of parts that were named by hand. Undefined: the score is constant, or "
        "follows from params and MACs. No interval: in some resamples it is constant.",
        "",
    ]
    for nets, about in study.about.items():
        mine = [v for v in study.verdicts if v.nets == nets]
        if mine:
            lines += [f"### {nets}", "", f"{about}.", "", *report.verdict_lines(mine)]
    lines += [*(f"Note: {note}" for note in study.notes), ""]
    lines += report.published_lines(published) + report.seed_lines(seeds) + over_machines()
    lines += report.regret_lines(study)
    lines += report.choice_lines(choice_rows) + report.frozen_lines(frozen_rows)
    return "\n".join([*lines, *report.calibrated_lines(calibrated_rows)]) + "\n"


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
    scores = cell_scores.read(STORED)
    sets, about, notes = studies.nasbench201_sets(truth, scores, published)
    large = [each for each in sets if each[0].name != studies.EVERY]
    if not all(FIXED in each.scores for each, _ in large):
        sys.exit(f"{STORED} lacks networks: run proxy_bench.py first.")
    if arguments.choose:
        keep(CHOICES, choices(large))
    if arguments.freeze:
        keep(FROZEN, frozen(large))
    if arguments.calibrate:
        keep(CALIBRATED, calibrated(large))
    study = studies.of_nasbench201(sets, list(nb.TASKS), about, notes, OPTIONS)
    seeds = across_seeds(truth)
    own = next(each for each, _ in sets if each.name == studies.EVERY)
    late = [name for name in own.scores if name not in large[0][0].scores]
    equal = on_equal_rows(own, late, published)
    beside = compared(study.verdicts, seeds.get("cifar10", []), with_dead_operations(truth), equal)
    keep(AGAINST, (row for each, _ in sets for row in against_others(each)))
    keep(VERDICTS, (verdict.row() for verdict in study.verdicts))
    keep(PUBLISHED, beside)
    keep(REGRETS, (
        {"nets": nets, "task": task, "score": name, "cost": cost, "mean regret": value}
        for nets, tasks in study.regrets.items() if nets != studies.EVERY for task, proxies in tasks.items()
        for name, costs in proxies.items() for cost, value in costs.items()
    ))  # fmt: skip
    most = {each.name: ceiling(each) for each, _ in large}
    whole = text(study, seeds, beside, most, scores.machine)
    RunFolder(RESULTS, made_here=False).write("proxy_bench.md", whole)
    plot_correlations(study.verdicts, RESULTS / "proxy_bench.png")
    plot_regret(large[0][0], RESULTS / "proxy_bench_regret.png")
    print(whole)


if __name__ == "__main__":
    main()
