"""One search from a data set and a board to ranked big-little pairs, without training a net, or with a few."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri

from zeroshot import data as datasets
from zeroshot.accuracy.calibration import anchor_by_training
from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import STATIC, AccuracyModel, believed, expected_accuracy, prior_for, task_anchor
from zeroshot.cascade.copula import PRIOR_COUPLING
from zeroshot.cascade.pairs import Ranking, rank_pairs
from zeroshot.cost.boards import DEFAULT_BOARD
from zeroshot.cost.engines import DEFAULT_ENGINE
from zeroshot.cost.nets import NetCosts
from zeroshot.data import Dataset
from zeroshot.net import layer_table, spec_of
from zeroshot.runs.folder import RunFolder, check_run, open_run
from zeroshot.scoring.plugins import DEFAULT_PROXIES
from zeroshot.scoring.population import ProbeImages, default_jobs, probe_images, score_static
from zeroshot.scoring.ranking import fuse_ranks
from zeroshot.searching.candidates import Candidates, draw, infeasible
from zeroshot.searching.results import (
    Population,
    Row,
    SearchResult,
    net_rows,
    pair_rows,
    single_fits,
    single_front,
    single_rows,
)
from zeroshot.searching.settings import Setting, resolve
from zeroshot.searching.shortlist import Shortlist, probed
from zeroshot.types import FloatArray, Int64Array, Progress
from zeroshot.units import Quantity

if TYPE_CHECKING:
    from zeroshot.training.batches import Split


BATCHES = 2  # of labelled images for each probed net, unless a proxy wants more


@dataclass(frozen=True)
class _Task:
    """What is needed of the data once the search runs; the images themselves are let go.

    Attributes:
        anchor: `task_anchor` of the data.
        images: Resolution -> labelled images, for the probed proxies.
        remarks: What is odd about the data.
        split: For trainings that anchor the accuracies; None where there are none.
    """

    anchor: float
    images: dict[int, ProbeImages]
    remarks: list[str]
    split: "Split | None" = field(repr=False)


@dataclass(frozen=True, eq=False)
class _Final:
    """What the result is made of.

    Attributes:
        model: Of the accuracies; anchored, if nets were trained.
        accuracy: (n_candidates,) float64, expected; of nets that were not chosen from static proxies alone.
        ranking: Of the chosen nets' pairs.
        trained: A row a training.
    """

    model: AccuracyModel
    accuracy: FloatArray
    ranking: Ranking
    trained: list[Row]


def search(
    data: str | Path | Dataset = "digits",
    board: str = DEFAULT_BOARD,
    *,
    engine: str = DEFAULT_ENGINE,
    space: str = "mcu",
    flash: Quantity = None,
    sram: Quantity = None,
    latency: Quantity = None,
    energy: Quantity = None,
    worst_latency: Quantity = None,
    escalation: float = 0.5,
    nets: int = 1000,
    top: int = 10,
    per_net: int = 2,
    shortlist: int = 64,
    proxies: Sequence[str] = DEFAULT_PROXIES,
    objectives: Sequence[str] = ("accuracy", "latency"),
    batch: int = 32,
    calibrate: int = 0,
    calibrate_epochs: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    run: str | Path | None = None,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> SearchResult:
    """Rank big-little pairs for a data set on a board.

    Args:
        data: A data set, or what `zeroshot.data.load` understands: a name, an .npz file, an image folder.
        board: Name of a board, or a .toml file.
        engine: Inference engine that latency, flash and SRAM are of.
        space: Search space.
        flash: Limit for both models and the runtime ("128KiB", or bytes); the board's own if lower.
        sram: Limit for the shared arena, persistent data and the kept input; the board's own if lower.
        latency: Limit for the expected latency ("50ms", or ms).
        energy: Limit for the expected energy ("2mJ", or mJ).
        worst_latency: Limit for the latency when the big net runs.
        escalation: Highest escalation rate, a fraction. Beyond one half a second model rarely earns its flash.
        nets: Little candidates, and big ones as many.
        top: Pairs to list.
        per_net: No net stands in more than so many listed pairs.
        shortlist: Little nets to probe, as many big ones, and as many that may stand alone; 0 ranks by static proxies
            only.
        proxies: Proxies whose ranks are fused.
        objectives: Of the Pareto front: accuracy and one or more costs.
        batch: Images a batch; two batches a probed net.
        calibrate: Nets to train for a few epochs each, chosen by design, whose validation accuracies anchor those
            that are expected of all others; 0 trains none.
        calibrate_epochs: Of each; by default as many steps as the nets behind the shipped constants had.
        seed: The one seed.
        jobs: Processes that probe and train nets; by default as many as pay off. Results do not depend on it.
        run: Folder for the results; None writes nothing.
        force: Replace an earlier run in that folder.
        resume: Continue an interrupted run in that folder.
        progress: Called with what is being done, how many are done, of how many.

    Raises:
        UsageError: Unknown name or a value out of range.
        DataError: The data cannot be used.
        InfeasibleError: No pair fits the budgets.
        RunError: The run folder cannot be used.
        TrainError: The loss of a net that `calibrate` trains becomes NaN.
    """
    started = time.perf_counter()
    s, dataset = resolve(
        data, board, engine, space, flash, sram, latency, energy, worst_latency, escalation, nets, top, per_net,
        shortlist, proxies, objectives, batch, calibrate, calibrate_epochs, seed, jobs,
    )  # fmt: skip
    report = progress or (lambda what, done, total: None)
    if run is not None:
        check_run(Path(run), s.config, force=force, resume=resume)
    task = _task(s, dataset)
    del dataset  # hundreds of MB that the rest does not need, unless nets are trained
    report("drawing candidates", 0, 1)
    found = draw(s.space, s.cost_of, s.platform, s.budgets, nets, np.random.default_rng(seed))
    report("drawing candidates", 1, 1)
    table = layer_table(found.values, s.channels, s.classes)
    static, known = score_static(table, s.static), features(table)
    fused = fuse_ranks(static[:, [i for i, p in enumerate(s.static) if p.name in s.fused]])
    accuracy = expected_accuracy(fused, known, task.anchor, s.classes, STATIC)
    first = _rank(s, found.costs, accuracy, found.littles, found.bigs)
    if not first.n_feasible:
        raise infeasible(found.corner, s.platform, s.budgets)

    # Not earlier: a search that cannot start must not replace a run that could.
    folder = open_run(Path(run), s.config, force=force, resume=resume) if run is not None else None
    try:
        result = _finish(s, task, found, known, static, fused, accuracy, first, folder, report)
        if folder is not None:
            write_result(result, folder)
        result = replace(result, seconds=time.perf_counter() - started)
        if folder is not None:
            folder.write("summary.json", json.dumps(result.summary(), indent=2) + "\n")
    except Exception:
        if folder is not None:
            folder.discard()
        raise
    return result


def plan(**options: Any) -> dict[str, Any]:  # noqa: ANN401 - exactly the options of `search`
    """What `search` with these options would do: the settings, how much work, what would be written."""
    run, force, resume = options.pop("run", None), options.pop("force", False), options.pop("resume", False)
    options.pop("progress", None)
    defaults = {
        k: v for k, v in (search.__kwdefaults__ or {}).items() if k not in {"run", "force", "resume", "progress"}
    }
    s, _ = resolve(**({"data": "digits", "board": DEFAULT_BOARD} | defaults | options))
    in_use = run is not None and check_run(Path(run), s.config, force=force, resume=resume)
    probed = 3 * s.shortlist if s.probed else 0
    # Measured on nets of CIFAR-10, one thread: a net's default passes, and those of its readout.
    each = 0.06 + 0.2 * any(p.readout for p in s.probed)
    return {
        "space": s.space.count(), "candidates": 2 * s.nets, "pairs": s.nets**2, "probed_nets": probed,
        "trained_nets": s.calibrate, "seconds_about": round(6 + s.nets / 500 + each * probed),
        "run": str(run) if run is not None else None, "replaces": bool(force and in_use), "resumes": bool(resume),
        "config": s.config,
    }  # fmt: skip


def _task(s: Setting, dataset: Dataset) -> _Task:
    sides = s.space.resolutions if s.probed else ()
    count = max([BATCHES, *(p.batches for p in s.probed)])
    images = {side: probe_images(dataset, side, s.batch, count, s.probed, s.seed) for side in sides}
    split = None
    if s.calibrate:
        from zeroshot.searching.anchors import anchor_split

        split = anchor_split(dataset, s.seed)
    return _Task(task_anchor(dataset, s.seed), images, datasets.warnings_for(dataset), split)


def _rank(s: Setting, costs: NetCosts, accuracy: FloatArray, littles: Int64Array, bigs: Int64Array) -> Ranking:
    return rank_pairs(
        costs.take(littles), accuracy[littles], costs.take(bigs), accuracy[bigs], s.platform, s.budgets,
        top=s.top, per_net=s.per_net, objectives=s.objectives, threads=s.jobs or default_jobs(),
    )  # fmt: skip


def _finish(
    s: Setting, task: _Task, found: Candidates, own: dict[str, FloatArray], static: FloatArray, fused: FloatArray,
    accuracy: FloatArray, first: Ranking, folder: RunFolder | None, report: Progress,
) -> SearchResult:  # fmt: skip
    """Probe a shortlist, train a few of it, rank its pairs again, lay out the tables."""
    names = [str(spec_of(row)) for row in found.values]
    columns = {f"score_{p.name}": static[:, i] for i, p in enumerate(s.static)} | {"static_accuracy": accuracy}
    candidates = net_rows(names, found.costs, columns)
    if folder is not None:
        folder.write_table("candidates.csv", candidates)
        roles = {"littles": found.littles, "bigs": found.bigs, "specs": found.values}
        folder.write_arrays("candidates.npz", vars(found.costs) | columns | roles)
    if s.probed:
        chosen = probed(s, task.images, found, names, static, accuracy, first, folder, report)
    else:
        everyone = np.arange(len(names))
        chosen = Shortlist(everyone, found.littles, found.bigs, fused, {}, {})
    final = _final(s, task, found, names, own, accuracy, chosen, folder, report)
    rows, littles, bigs, accuracy, ranking = chosen.rows, chosen.littles, chosen.bigs, final.accuracy, final.ranking

    def population(index: Int64Array) -> Population:
        return Population([names[i] for i in index], found.costs.take(index), accuracy[index])

    alone = population(rows)
    front = single_front(alone, single_fits(alone.costs, s.platform, s.budgets))
    models = (population(littles), population(bigs), alone, front, final.model, PRIOR_COUPLING)
    pairs, singles = pair_rows(ranking.top, *models), single_rows(alone, front, s.platform, final.model)
    return SearchResult(
        pairs=pairs, front=pair_rows(ranking.front, *models),
        singles=singles, nets=candidates, trained=final.trained, accuracy_model=final.model.name,
        n_pairs=first.n_pairs, n_feasible=first.n_feasible, n_probed=len(rows) if s.probed else 0,
        undefined={name: n for name, n in chosen.undefined.items() if n}, seconds=0.0,
        remarks=task.remarks + _remarks(s, found, pairs, singles, chosen, final.model), config=s.config,
        run=folder.path if folder is not None else None,
    )  # fmt: skip


def _final(
    s: Setting, task: _Task, found: Candidates, names: list[str], own: dict[str, FloatArray], accuracy: FloatArray,
    chosen: Shortlist, folder: RunFolder | None, report: Progress,
) -> _Final:  # fmt: skip
    """What is expected of the chosen nets, after a few trainings if any were asked for, and their pairs' ranking."""
    rows, costs = chosen.rows, found.costs.take(chosen.rows)
    known = {name: column[rows] for name, column in own.items()} | chosen.scores
    its_names, prior = [names[i] for i in rows], prior_for(chosen.scores)
    fits = single_fits(costs, s.platform, s.budgets)

    def expect(model: AccuracyModel) -> FloatArray:
        return expected_accuracy(chosen.fused, known, task.anchor, s.classes, model)

    def whole(some: FloatArray) -> FloatArray:
        out = accuracy.copy()
        out[rows] = some
        return out

    def ranked(some: FloatArray) -> Ranking:
        return _rank(s, found.costs, whole(some), chosen.littles, chosen.bigs)

    def merit(mu: FloatArray) -> list[int]:
        """Nets of the best pair, the best single net, nets of the other listed pairs."""
        some = np.asarray(ndtr(mu))
        top = ranked(some).top
        nets = np.column_stack([chosen.littles[top.little], chosen.bigs[top.big]]).ravel()
        of_pairs = np.searchsorted(rows, nets).tolist()
        alone = single_front(Population(its_names, costs, some), fits)[-1:].tolist()
        return [*of_pairs[:2], *alone, *of_pairs[2:]]

    before = expect(prior)
    if task.split is None:
        return _Final(prior, whole(before), ranked(before), [])
    from zeroshot.searching.anchors import measure, short_epochs

    split, where = task.split, folder.path / "calibration" if folder is not None else None
    epochs, images = s.calibrate_epochs or short_epochs(split), len(split.validation)
    anchored = anchor_by_training(
        prior, believed(chosen.fused, known, prior), s.calibrate, task.anchor, images,
        expect=lambda model: np.asarray(ndtri(expect(model))),
        train=lambda some: measure([its_names[i] for i in some], split, epochs, s.seed, s.jobs, where, report),
        merit=merit,
    )  # fmt: skip
    after, final = expect(anchored.model), np.maximum(ndtr(anchored.mu), 1 / s.classes)
    trained: list[Row] = [
        {"net": its_names[i], "chosen": "spread" if k < anchored.spread else "merit",
         "expected_before": float(before[i]), "expected": float(after[i]), "measured": float(a),
         "validation_images": images, "epochs": epochs}
        for k, (i, a) in enumerate(zip(anchored.rows.tolist(), anchored.accuracy, strict=True))
    ]  # fmt: skip
    if folder is not None:
        folder.write_table("calibration.csv", trained)
    return _Final(anchored.model, whole(final), ranked(final), trained)


def _remarks(
    s: Setting, found: Candidates, pairs: list[Row], singles: list[Row], chosen: Shortlist, model: AccuracyModel
) -> list[str]:
    remarks = []
    if min(len(found.littles), len(found.bigs)) < s.nets:
        remarks.append(
            f"Only {len(found.littles)} little and {len(found.bigs)} big nets inside the budgets were found "
            f"among {found.drawn:,} drawn."
        )
    if not any(isfinite(getattr(s.budgets, name)) for name in ("latency", "energy", "worst_latency")):
        remarks.append("No `latency`, `energy` or `worst_latency` was given: the list favours large nets.")
    if model.trust == 0:
        remarks.append("The accuracy model puts no trust in the ranks of these proxies: they do not count.")
    best_single = max(singles, key=lambda row: float(row["accuracy"]), default=None)
    if pairs and best_single and best_single["accuracy"] > pairs[0]["accuracy"]:
        remarks.append(
            f"One net does better inside the same budgets: {best_single['net']}, {100 * best_single['accuracy']:.1f} % "
            f"expected, {best_single['latency_ms']:.3g} ms."
        )
    if not pairs:
        remarks.append("In no pair of probed nets is the big net expected to beat the little one: use one net.")
    elif not any(row["pays"] for row in pairs):
        remarks.append("No listed pair is expected to beat the best single net at its cost: consider one net.")
    remarks += [f"{name} is undefined on {n} probed nets; they rank last." for name, n in chosen.undefined.items() if n]
    return remarks


def write_result(result: SearchResult, folder: RunFolder) -> None:
    """Write the tables and the plot of a finished search into its run folder."""
    from zeroshot.searching.plot import plot_fronts

    for name in ("pairs", "front", "singles"):
        folder.write_table(f"{name}.csv", getattr(result, name))
    folder.write("pareto.png", plot_fronts(result))
