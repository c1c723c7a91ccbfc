"""`zeroshot bench`: proxies judged by published ground truth, or by a table of your own."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as opt
from ._bench_files import Files
from ._bench_tables import payload, show
from ._output import emit, progress, tell

if TYPE_CHECKING:
    from zeroshot.bench.computed import Wanted
    from zeroshot.bench.judge import Options
    from zeroshot.bench.study import Drift, Study
    from zeroshot.types import Progress

STORED = opt.SOURCE / "benchmarks/results/proxy_scores.npz"
BENCHMARKS = ("nasbench201", "pair-truth")
TASKS = "cifar10,cifar100,imagenet16-120"
RESAMPLES, MOST_RESAMPLES, CELLS = 1000, 1_000_000, 300


def bench(
    benchmark: Annotated[
        str, typer.Argument(metavar="[nasbench201|pair-truth]", help="Ground truth; --table needs none.")
    ] = "",
    table: Annotated[
        Path | None, typer.Option("--table", metavar="FILE", help="Your nets, CSV or Parquet: name, accuracy, scores.")
    ] = None,
    net: Annotated[str, typer.Option("--net", metavar="A", help="Column of the table with the nets' names.")] = "net",
    accuracy: Annotated[
        str, typer.Option("--accuracy", metavar="A,B,...", help="Columns of the table with accuracies.")
    ] = "accuracy",
    costs: Annotated[str, typer.Option("--costs", metavar="A,B,...", help="Columns of the table with costs.")] = "",
    proxies: Annotated[
        str,
        typer.Option("--proxies", metavar="A,B,...", help="Columns with scores, or installed proxies; by default all."),
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", envvar="ZEROSHOT_DATA", show_envvar=False,
                     help="Holds nasbench201/accuracy.csv.gz and hwnasbench.csv.gz."),
    ] = None,
    scores: Annotated[
        Path,
        typer.Option("--scores", metavar="FILE", help="Stored scores of the proxies.", show_default=opt.SHIPPED),
    ] = STORED,
    zoo: Annotated[
        Path | None,
        typer.Option("--zoo", metavar="DIR", help="The trained nets of pair-truth; scores.csv stands beside it.",
                     show_default=opt.SHIPPED),
    ] = None,
    tasks: Annotated[
        str, typer.Option("--tasks", metavar="A,B,...", help="Of cifar10, cifar100, imagenet16-120.")
    ] = TASKS,
    published: Annotated[
        bool, typer.Option("--published", metavar="", help="Also NAS-Bench-Suite-Zero's scores.")
    ] = False,
    convert: Annotated[
        Path | None,
        typer.Option("--convert", metavar="FILE", help="Write --data's table of an official file, running none of it."),
    ] = None,
    rescore: Annotated[
        int, typer.Option("--rescore", metavar="N", help="Score the first N drawn cells anew and judge by these.")
    ] = 0,
    images: Annotated[
        str, typer.Option("--images", metavar="DATA", help="CIFAR-10 for scores that are not stored; an .npz file too.")
    ] = "cifar10",
    cells: Annotated[
        int, typer.Option("--cells", metavar="N", help="Drawn cells that --proxies are scored on if not stored.")
    ] = CELLS,
    k: Annotated[str, typer.Option("--k", metavar="K,L,...", help="Numbers of picked nets.")] = "",
    bands: Annotated[
        str, typer.Option("--bands", metavar="COST", help="Show Spearman in four bands of it, from cheap to dear.")
    ] = "",
    resamples: Annotated[int, typer.Option("--resamples", metavar="N", help="Of the bootstrap over nets.")] = RESAMPLES,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the bootstrap.")] = 0,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write every figure, a row a proxy.")
    ] = None,
    latex: Annotated[
        Path | None, typer.Option("--latex", metavar="FILE", help="Write the main figures, for booktabs.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw correlations and losses: .png, .pdf or .svg.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:  # fmt: skip
    """Judge proxies by trained nets: rank correlations, picks, regret under limits.

    Correlations are signed, with 95 % intervals from a bootstrap over distinct nets;
    params, MACs, depth and random scores stand beside every proxy. A net on which a
    proxy is undefined ranks last. pair-truth is the project's own zoo of trained mcu
    nets. With nasbench201, --table holds your own scores of its cells: a column net
    (index or string), and one a proxy. On both, --proxies takes a plug-in's, too.
    """
    from zeroshot.bench import study as studies
    from zeroshot.bench.computed import Wanted
    from zeroshot.bench.judge import Options
    from zeroshot.bench.pair_truth import FOLDER
    from zeroshot.errors import UsageError

    _check(benchmark, table, rescore)
    nasbench = {
        "--tasks": tasks != TASKS, "--published": published, "--rescore": bool(rescore), "--cells": cells != CELLS,
    }  # fmt: skip
    others = {"--accuracy": accuracy != "accuracy", "--costs": bool(costs), "--net": net != "net"}
    if benchmark == "nasbench201":
        _refuse(others, "a table or pair-truth")
    else:
        _refuse(nasbench, "nasbench201")
    if min(resamples, rescore, seed) < 0 or cells < 1:
        raise UsageError("--resamples, --rescore and --seed count from 0, --cells from 1.")
    if resamples > MOST_RESAMPLES:
        raise UsageError(f"--resamples is at most {MOST_RESAMPLES:,}, not {resamples}.", "1,000 are plenty.")
    if convert is not None:
        _convert(benchmark, convert, data, json)
        return
    numbers = tuple(opt.whole_numbers(k, "--k")) or None
    options = Options(ks=numbers, resamples=resamples, seed=seed, band_cost=bands or None)
    files = Files(csv, latex, plot)
    files.check()
    drift: dict[str, Drift] = {}
    named = opt.words(proxies) or None
    with progress(json) as report:
        wanted = None if named is None else Wanted(named, images, cells, tell, report)
        if benchmark == "nasbench201":
            asked = _Cells(data, scores, published, table, rescore, images)
            found, drift = _nasbench201(asked, wanted, opt.words(tasks), options, report)
        elif table is not None:
            found = studies.of_file(table, opt.words(accuracy), opt.words(costs), named, options, net)
        else:
            found = studies.of_zoo(zoo or FOLDER, wanted, options)
    written = files.write(found)
    emit(payload(found, drift), lambda screen: show(screen, found, drift, bands, resamples, written), json=json)


def _check(benchmark: str, table: Path | None, rescore: int) -> None:
    """Refuse calls without ground truth, or with two kinds of it."""
    from zeroshot.errors import UsageError, unknown

    if benchmark not in ("", *BENCHMARKS):
        raise unknown("benchmark", benchmark, BENCHMARKS)
    if not benchmark and table is None:
        raise UsageError("Name nasbench201, pair-truth or --table FILE.", "zeroshot bench --help shows them.")
    if benchmark == "pair-truth" and (table is not None or rescore):
        raise UsageError("--table and --rescore are not for pair-truth.", "Its scores stand beside its nets.")


def _refuse(given: dict[str, bool], where: str) -> None:
    """Refuse the first given one of options that belong elsewhere."""
    from zeroshot.errors import UsageError

    for name in (name for name, alien in given.items() if alien):
        raise UsageError(f"{name} is for {where}.", "zeroshot bench --help says what each takes.")


def _convert(benchmark: str, source: Path, data: Path | None, json: bool) -> None:
    from zeroshot.bench import nasbench201 as nb
    from zeroshot.bench.official import convert
    from zeroshot.errors import UsageError

    if benchmark != "nasbench201" or data is None:
        raise UsageError("--convert needs nasbench201 and a folder for its table.", "Name the folder with --data.")
    path = convert(source, nb.tables_of(data))
    emit({"written": str(path)}, lambda screen: screen.print(f"Written: {path}", highlight=False), json=json)


@dataclass(frozen=True)
class _Cells:
    """Which cells of NAS-Bench-201 are judged, and by which scores: the command's options of these names."""

    data: Path | None
    scores: Path
    published: bool
    table: Path | None
    rescore: int
    images: str


def _nasbench201(
    asked: _Cells, wanted: "Wanted | None", tasks: list[str], options: "Options", report: "Progress"
) -> "tuple[Study, dict[str, Drift]]":
    from zeroshot.bench import nasbench201 as nb
    from zeroshot.bench import scores as cell_scores
    from zeroshot.bench import study as studies
    from zeroshot.bench.combine import FIXED
    from zeroshot.bench.computed import on_cells
    from zeroshot.bench.table import read_scores
    from zeroshot.errors import UsageError

    if asked.data is None:
        raise UsageError("The tables of NAS-Bench-201 are not part of the program.", "Name their folder with --data.")
    tasks = [nb.task_of(task) for task in tasks]
    truth = nb.load(asked.data)
    optional = asked.rescore or asked.scores == STORED
    own = cell_scores.read(asked.scores) if asked.scores.exists() or not optional else None
    drift = {}
    if asked.rescore:
        new = cell_scores.rescored(asked.rescore, asked.images, report, own)
        drift = studies.compare(own, new) if own else {}
        own = new
    published = nb.suite_zero(asked.data) if asked.published else None
    users = read_scores(asked.table) if asked.table is not None else None
    if wanted is not None:
        known = {*truth.scores, *FIXED, *(published or {}), *(users[1] if users else {})}
        own, static = on_cells(own, known, wanted)
        truth = truth.with_scores(static)
    sets, about, notes = studies.nasbench201_sets(truth, own, published, asked.table)
    if wanted is not None:
        sets = studies.chosen_sets(sets, wanted.proxies)
    return studies.of_nasbench201(sets, tasks, about, notes, options), drift
