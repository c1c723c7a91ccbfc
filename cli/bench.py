"""`zeroshot bench`: proxies judged by published ground truth, or by a table of your own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _options as opt
from ._dialect import spoken
from ._output import aligned, emit, progress, prose

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.bench.judge import Options, Verdict
    from zeroshot.bench.statistics import Estimate
    from zeroshot.bench.study import Study

STORED = opt.SOURCE / "benchmarks/results/proxy_scores.npz"
BENCHMARKS = ("nasbench201", "pair-truth")
TASKS = "cifar10,cifar100,imagenet16-120"


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
        str, typer.Option("--proxies", metavar="A,B,...", help="Columns with scores; by default all other numbers.")
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
        str, typer.Option("--images", metavar="DATA", help="Where --rescore takes CIFAR-10 from; an .npz file too.")
    ] = "cifar10",
    k: Annotated[str, typer.Option("--k", metavar="K,L,...", help="Numbers of picked nets.")] = "",
    bands: Annotated[
        str, typer.Option("--bands", metavar="COST", help="Show Spearman in four bands of it, from cheap to dear.")
    ] = "",
    resamples: Annotated[int, typer.Option("--resamples", metavar="N", help="Of the bootstrap over nets.")] = 100,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the bootstrap.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:  # fmt: skip
    """Judge proxies by trained nets: rank correlations, picks, regret under limits.

    Correlations are signed, with 95 % intervals from a bootstrap over distinct nets;
    params, MACs, depth and random scores stand beside every proxy. pair-truth is the
    project's own zoo of trained mcu nets. With nasbench201, --table holds your own
    scores of its cells: a column net (index or string), and one a proxy.
    """
    from zeroshot.bench import study as studies
    from zeroshot.bench.judge import Options
    from zeroshot.bench.pair_truth import FOLDER
    from zeroshot.errors import UsageError, unknown

    if benchmark not in ("", *BENCHMARKS):
        raise unknown("benchmark", benchmark, BENCHMARKS)
    if not benchmark and table is None:
        raise UsageError("Name nasbench201, pair-truth or --table FILE.", "zeroshot bench --help shows them.")
    if benchmark == "pair-truth" and (table is not None or rescore):
        raise UsageError("--table and --rescore are not for pair-truth.", "Its scores stand beside its nets.")
    if benchmark == "nasbench201":
        alien = {
            "--accuracy": accuracy != "accuracy", "--costs": bool(costs), "--proxies": bool(proxies),
            "--net": net != "net",
        }  # fmt: skip
    else:
        alien = {"--tasks": tasks != TASKS, "--published": published, "--rescore": bool(rescore)}
    for name in (name for name, given in alien.items() if given):
        where = "a table or pair-truth" if benchmark == "nasbench201" else "nasbench201"
        raise UsageError(f"{name} is for {where}.", "zeroshot bench --help says what each takes.")
    if resamples < 0 or rescore < 0:
        raise UsageError("--resamples and --rescore count from 0.")
    if convert is not None:
        _convert(benchmark, convert, data, json)
        return
    numbers = tuple(opt.whole_numbers(k, "--k")) or None
    options = Options(ks=numbers, resamples=resamples, seed=seed, band_cost=bands or None)
    if benchmark != "nasbench201":
        named = opt.words(proxies) or None
        if table is not None:
            found = studies.of_file(table, opt.words(accuracy), opt.words(costs), named, options, net)
        else:
            found = studies.of_zoo(zoo or FOLDER, named, options)
        emit(_payload(found, {}), lambda screen: _print(screen, found, {}, bands), json=json)
        return
    found, drift = _nasbench201(data, scores, opt.words(tasks), published, table, rescore, images, options, json)
    emit(_payload(found, drift), lambda screen: _print(screen, found, drift, bands), json=json)


def _convert(benchmark: str, source: Path, data: Path | None, json: bool) -> None:
    from zeroshot.bench import nasbench201 as nb
    from zeroshot.bench.official import convert
    from zeroshot.errors import UsageError

    if benchmark != "nasbench201" or data is None:
        raise UsageError("--convert needs nasbench201 and a folder for its table.", "Name the folder with --data.")
    path = convert(source, nb.tables_of(data))
    emit({"written": str(path)}, lambda screen: screen.print(f"Written: {path}", highlight=False), json=json)


def _nasbench201(
    data: Path | None, stored: Path, tasks: list[str], published: bool, table: Path | None, rescore: int, images: str,
    options: "Options", json: bool,
) -> "tuple[Study, dict[str, tuple[int, float]]]":  # fmt: skip
    from zeroshot.bench import nasbench201 as nb
    from zeroshot.bench import scores as cell_scores
    from zeroshot.bench import study as studies
    from zeroshot.errors import UsageError

    if data is None:
        raise UsageError("The tables of NAS-Bench-201 are not part of the program.", "Name their folder with --data.")
    tasks = [nb.task_of(task) for task in tasks]
    truth = nb.load(data)
    own = cell_scores.read(stored) if stored.exists() or not (rescore or stored == STORED) else None
    drift = {}
    if rescore:
        with progress(json) as report:
            new = cell_scores.rescored(rescore, images, report, own)
        drift = studies.compare(own, new) if own else {}
        own = new
    sets, about, notes = studies.nasbench201_sets(truth, own, nb.suite_zero(data) if published else None, table)
    return studies.of_nasbench201(sets, tasks, about, notes, options), drift


def _payload(found: "Study", drift: dict[str, tuple[int, float]]) -> dict[str, Any]:
    return {
        "nets": found.about, "notes": found.notes, "verdicts": [verdict.row() for verdict in found.verdicts],
        "mean_regret": found.regrets,
        "rescored": {name: {"cells": n, "largest_relative_difference": value} for name, (n, value) in drift.items()},
    }  # fmt: skip


def _print(screen: "Console", found: "Study", drift: dict[str, tuple[int, float]], bands: str) -> None:
    for nets, about in found.about.items():
        screen.print(f"\n{nets}", style="bold")
        prose(screen, about, "dim")
        for task in dict.fromkeys(v.task for v in found.verdicts if v.nets == nets):
            verdicts = [v for v in found.verdicts if (v.nets, v.task) == (nets, task)]
            _correlations(screen, verdicts)
            if bands:
                _bands(screen, verdicts, bands)
            _regrets(screen, found.regrets.get(nets, {}).get(task, {}))
    unclear: dict[str, list[str]] = {}
    for verdict in found.verdicts:
        for estimate in (*verdict.spearman.values(), *verdict.kendall.values(), verdict.partial):
            if estimate.note:
                unclear.setdefault(estimate.note, []).append(verdict.proxy)
    for reason, names in unclear.items():
        prose(screen, f"note: - stands for {reason}: {', '.join(dict.fromkeys(names))}", "yellow")
    for note in found.notes:
        prose(screen, f"note: {spoken(note)}", "yellow")
    if drift:
        n, value = max(n for n, _ in drift.values()), max(v for _, v in drift.values())
        prose(screen, f"Scored anew: {n} cells are stored too; largest relative difference {value:.1e}.")


def _correlations(screen: "Console", verdicts: "list[Verdict]") -> None:
    ks = sorted({k for verdict in verdicts for k in verdict.precision})
    heads = ["proxy", "nets", "Spearman", "95 %", "tau-b", "top 10 %", "top 5 %", "given size"]
    heads += [f"p@{k}" for k in ks] + [f"best@{k}" for k in ks[:2]] + [f"gain@{k}" for k in ks[-1:]]
    lines = [
        [
            v.proxy, str(v.n), _number(v.spearman["all"]), _interval(v.spearman["all"]), _number(v.kendall["all"]),
            _number(v.spearman["top 10 %"]), _number(v.spearman["top 5 %"]), _number(v.partial),
            *(_known(v.precision, k, 2) for k in ks), *(_known(v.best_rank, k, 0) for k in ks[:2]),
            *(_known(v.ndcg, k, 2) for k in ks[-1:]),
        ]
        for v in sorted(verdicts, key=lambda v: -v.spearman["all"].value if v.spearman["all"].note == "" else 2.0)
    ]  # fmt: skip
    screen.print(f"\n{verdicts[0].task}")
    _table(screen, heads, lines)


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


def _regrets(screen: "Console", regrets: dict[str, dict[str, float]]) -> None:
    """Points lost on average over a sweep of limits."""
    if not regrets:
        return
    costs = list(next(iter(regrets.values())))
    order = sorted(regrets, key=lambda name: sum(regrets[name].values()))
    lines = [[name, *(f"{regrets[name][cost]:.2f}" for cost in costs)] for name in order]
    heads = ["points lost under a limit", *(" ".join(cost.split("/")[-2:]) for cost in costs)]
    screen.print()
    _table(screen, heads, lines)


def _table(screen: "Console", heads: list[str], lines: list[list[str]]) -> None:
    texts = aligned([heads, *lines], screen.width, left=1)
    screen.print(texts[0], style="dim")
    screen.print("\n".join(texts[1:]))


def _known(values: dict[int, float], k: int, digits: int) -> str:
    return f"{values[k]:.{digits}f}" if k in values else "-"


def _number(found: "Estimate") -> str:
    return "-" if found.note else f"{found.value:.3f}"


def _interval(found: "Estimate") -> str:
    return "" if found.note or found.low != found.low else f"{found.low:.3f}..{found.high:.3f}"
