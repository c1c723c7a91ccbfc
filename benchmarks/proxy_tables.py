"""Proxies and their combinations against NAS-Bench-201: tables, CSV files and plots, from stored scores.

ZEROSHOT_DATA=... python -m benchmarks.proxy_tables [--calibrate] [--choose] [--freeze]

`--choose` chooses combinations anew, `--freeze` searches weights anew, `--calibrate` fits the calibrated models anew
(minutes each); without, what is stored of them is shown. The scores themselves come from `proxy_bench.py`.
"""

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import proxy_combined_report as combined
from benchmarks import proxy_report as report
from benchmarks.proxy_combined import FIXED, OPTIONS, against_others, calibrated, choices, frozen
from benchmarks.proxy_plots import plot_correlations, plot_regret
from benchmarks.proxy_published import COLUMNS, compared
from benchmarks.script import RESULTS, Arguments, data_folder, exit_code, parser
from zeroshot.bench import nasbench201 as nb
from zeroshot.bench import scores as cell_scores
from zeroshot.bench import statistics as stats
from zeroshot.bench import study as studies
from zeroshot.bench.combine import VIEW
from zeroshot.bench.seeds import OverSeeds, over_seeds, shared_cells
from zeroshot.bench.table import Truth
from zeroshot.runs.files import write_file
from zeroshot.spaces import nasbench201
from zeroshot.types import FloatArray

STORED = RESULTS / "proxy_scores.npz"
SEEDS = [STORED, *(RESULTS / f"proxy_scores_seed{seed}.npz" for seed in (1, 2))]
ELSEWHERE = RESULTS / "proxy_scores_epyc.npz"
VERDICTS, REGRETS = RESULTS / "proxy_bench.csv", RESULTS / "proxy_bench_regret.csv"
FROZEN, PUBLISHED = RESULTS / "proxy_bench_frozen.csv", RESULTS / "proxy_bench_published.csv"
AGAINST = RESULTS / "proxy_bench_against.csv"
CHOICES, CALIBRATED = RESULTS / "proxy_bench_choices.csv", RESULTS / "proxy_bench_calibrated.csv"


def keep(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as CSV, whole or not at all; numbers with five digits."""
    rows = list(rows)
    file = io.StringIO()
    writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    write_file(path, file.getvalue())


def stored(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file of ours; none if it is not there."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


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
    return {
        task: over_seeds(columns, truth.accuracy[task][cells], OPTIONS.resamples, OPTIONS.seed) for task in nb.TASKS
    }


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
    own: Truth, names: Sequence[str], published: dict[str, FloatArray]
) -> dict[tuple[str, str], tuple[float, float]]:
    """(proxy, task) -> Spearman of ours and of Suite-Zero's scores on the cells that both have."""
    cells, found = nb.cells_of(own.nets), {}
    for name in names:
        if COLUMNS.get(name) in published:
            ours, theirs = own.scores[name], published[COLUMNS[name]][cells]
            both = np.isfinite(ours) & np.isfinite(theirs)
            for task, y in own.accuracy.items():
                mine, its = (float(stats.spearman(x[both], y[both])[0]) for x in (ours, theirs))
                found[name, task] = mine, its
    return found


def over_machines() -> list[str]:
    """What another machine made of the same cells."""
    if not ELSEWHERE.exists():
        return []
    here, there = cell_scores.read(STORED), cell_scores.read(ELSEWHERE)
    return report.machine_lines(studies.compare(here, there), here.machine, there.machine)


def text(
    study: studies.Study, seeds: dict[str, list[OverSeeds]], published: Sequence[dict[str, Any]],
    machine: str,
) -> str:  # fmt: skip
    """The whole report."""
    choice_rows, frozen_rows, calibrated_rows = stored(CHOICES), stored(FROZEN), stored(CALIBRATED)
    lines = [
        "# Proxies against trained nets: NAS-Bench-201",
        "",
        f"Test accuracy after 200 epochs. Scored on {machine}. Correlations are signed; intervals are 95 % percentile "
        f"bootstrap intervals over distinct nets ({OPTIONS.resamples:,} resamples; rows that compute the same function "
        "are drawn together): how a figure would vary over another draw of functions like these, with weights, images "
        "and trainings as they are. Top 10 % and 5 %: of the rows, by true accuracy. Figures that are not shown here, "
        "intervals of all of them among these, are in proxy_bench.csv.",
        "",
        *combined.headline(choice_rows, frozen_rows, calibrated_rows),
        *combined.against_lines(stored(AGAINST)),
        *report.ceiling_lines(study),
        "## Every score",
        "",
        "Bands: four of MACs, from cheap to dear. precision@100: share of the 100 favourites that are among the 100 "
        "best; best rank@10: true rank of the best of 10 favourites. Less `params`: of Spearman, in equal resamples; "
        "the intervals hold for all differences of a set and task at once (max-t bootstrap). `random`: what scores "
        "that know nothing get on average, and where 95 % of them lie. `depth` is convolutions on the longest path of "
        f"a cell. `fuse: ...` are mean log-ranks. {VIEW} Undefined: the score is constant, or follows from params and "
        "MACs. No interval: in some resamples it is constant.",
        "",
    ]
    for nets, about in study.about.items():
        mine = [v for v in study.verdicts if v.nets == nets]
        if mine:
            lines += [f"### {nets}", "", f"{about}.", "", *report.verdict_lines(mine)]
    lines += [*(f"Note: {note}" for note in study.notes), ""]
    lines += report.published_lines(published) + report.seed_lines(seeds) + over_machines()
    lines += report.regret_lines(study)
    lines += combined.choice_lines(choice_rows) + combined.frozen_lines(frozen_rows)
    return "\n".join([*lines, *combined.calibrated_lines(calibrated_rows)]) + "\n"


def main(arguments: Arguments = None) -> None:
    options = parser("proxy_tables", __doc__)
    options.add_argument("--calibrate", action="store_true", help="fit the calibrated models anew")
    options.add_argument("--choose", action="store_true", help="choose combinations anew")
    options.add_argument("--freeze", action="store_true", help="search weights anew")
    given = options.parse_args(arguments)
    folder = data_folder("nasbench201")
    truth, published = nb.load(folder), nb.suite_zero(folder)
    scores = cell_scores.read(STORED)
    sets, about, notes = studies.nasbench201_sets(truth, scores, published)
    large = [each for each in sets if each[0].name != studies.EVERY]
    if not all(FIXED in each.scores for each, _ in large):
        sys.exit(f"{STORED} lacks networks: run proxy_bench.py first.")
    if given.choose:
        keep(CHOICES, choices(large))
    if given.freeze:
        keep(FROZEN, frozen(large))
    if given.calibrate:
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
        {"nets": each.nets, "task": each.task, "score": each.proxy, "cost": each.cost, "mean regret": each.points}
        for each in study.sweeps if each.nets != studies.EVERY
    ))  # fmt: skip
    whole = text(study, seeds, beside, scores.machine)
    write_file(RESULTS / "proxy_bench.md", whole)
    plot_correlations(study.verdicts, RESULTS / "proxy_bench.png")
    plot_regret(large[0][0], RESULTS / "proxy_bench_regret.png")
    print(whole)


if __name__ == "__main__":
    sys.exit(exit_code(main))
