"""Quantisation: the trained nets of a run's pairs as int8 nets, their thresholds, and what the int8 cascades do.

Under the default policy a device decides in integers: an input escalates if and only if the largest int8 logit of the
little net minus the second largest, 0 to 255, is below the pair's `threshold_int8`, 0 (never) to 256 (always).
"""

import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zeroshot.data import Dataset
from zeroshot.errors import RunError, UsageError, call
from zeroshot.quantization._curves import plot_curves
from zeroshot.quantization._pairs import ROLES, measure_pairs
from zeroshot.quantization._subject import pixel_table
from zeroshot.quantization.quantize_net import QuantizedNet, load_quantized, quantize_net
from zeroshot.quantization.ranges import RANGES
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.quantization.thresholds import Rule
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.folder import to_csv
from zeroshot.runs.layout import MODELS
from zeroshot.runs.reading import read_search
from zeroshot.training.batches import hold_out
from zeroshot.training.run_data import coarse, run_dataset
from zeroshot.training.train_net import TrainedNet, load_net
from zeroshot.training.trained import PARTS
from zeroshot.types import Progress

Row = dict[str, Any]
INT8, PLAN, PLOT = "int8", "quantize.json", "curves.png"

__all__ = [
    "RANGES", "Int8Recipe", "QuantizeResult", "QuantizedNet", "Rule", "load_quantized", "pixel_table", "quantize_net",
    "quantize_run",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class QuantizeResult:
    """The quantised pairs of a run.

    Attributes:
        pairs: Predicted, float and int8 beside each other, best predicted first; those for which no threshold does
            what was asked for are left out, and `remarks` says so.
        nets: One row an int8 net.
        recipe: How they were quantised.
        rule: How thresholds were chosen.
        remarks: What the user should know, plain English.
        config: Of the run.
        seconds: Of this call.
        folder: Where the int8 nets are.
    """

    pairs: list[Row]
    nets: list[Row]
    recipe: Int8Recipe
    rule: Rule
    remarks: list[str]
    config: Row = field(repr=False)
    seconds: float
    folder: Path

    def summary(self) -> Row:
        """What `zeroshot quantize --json` prints."""
        return {
            "run": str(self.folder.parent), "int8": str(self.folder), "data": self.config["data"],
            "recipe": self.recipe.values(), "rule": self.rule.values(), "seconds": round(self.seconds, 3),
            "remarks": self.remarks, "pairs": self.pairs, "nets": self.nets,
        }  # fmt: skip


def quantize_run(
    run: str | Path,
    recipe: Int8Recipe | None = None,
    rule: Rule | None = None,
    *,
    data: str | Path | Dataset | None = None,
    threads: int | None = None,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> QuantizeResult:
    """Quantise the trained nets of a run's pairs, choose each pair's threshold, and measure the int8 cascades.

    Thresholds are chosen on the int8 scores of the validation images, after quantisation; figures are of the test
    images, computed in integers as on the device.

    Args:
        run: Folder of a search whose pairs were trained.
        recipe: How to quantise; by default `Int8Recipe()`, or what is being resumed.
        rule: How thresholds are chosen; by default at the rates that the search had chosen.
        data: The data of the search, or where they are; None for a named set that the run knows.
        threads: Of torch, 1 by default.
        force: Replace the run's int8 nets.
        resume: Go on after an interruption, or choose other thresholds, with the nets that are there.
        progress: Called with what is being done, how many steps are done, of how many.

    Raises:
        UsageError: A value is out of range or an unknown name, or two options exclude each other.
        RunError: No finished run, no trained nets, other data, int8 nets that are there already or were made
            otherwise, a damaged file, or a full disk.
        DataError: The data cannot be used, or are too few to calibrate on.
        TrainError: The loss of a net's finetuning becomes NaN; nets that are done are kept.
        InfeasibleError: No pair has a threshold that does what was asked for.
    """
    started, path, report = time.perf_counter(), Path(run), progress or (lambda what, done, total: None)
    _check(threads, force, resume)
    config, listed = read_search(path)
    models = trained_pairs(path / MODELS)
    dataset, folder, seed, its_rule = run_dataset(config, data), path / INT8, int(config["seed"]), rule or Rule()
    wanted, its_threads = _plan(folder, recipe, threads, force=force, resume=resume)
    names = list(dict.fromkeys(name for roles in models.values() for name in roles.values() if name is not None))
    trained = {name: _load(path / MODELS, name, dataset, seed) for name in names}
    split = hold_out(dataset, seed, trained[names[0]].recipe.validation)
    disk.clear(folder, everything=force)
    made_by = {"recipe": wanted.values(), "threads": its_threads, "seed": seed}
    disk.write(folder, PLAN, json.dumps(made_by, indent=1) + "\n")
    nets = {}
    for i, name in enumerate(names):
        nets[name] = quantize_net(
            trained[name], split, wanted, seed, threads=its_threads, folder=folder, resume=True,
            progress=_step(report, i, len(names)),
        )  # fmt: skip
    pairs = [pair for pair in listed if pair.rank in models]
    found = measure_pairs(pairs, models, trained, nets, split, its_rule, seed)
    result = QuantizeResult(
        pairs=found.pairs, nets=[_net_row(nets[name]) for name in names], recipe=wanted, rule=its_rule,
        remarks=found.remarks + coarse(split), config=config,
        seconds=time.perf_counter() - started, folder=folder,
    )  # fmt: skip
    disk.write(folder, "pairs.csv", to_csv(result.pairs))
    disk.write(folder, "nets.csv", to_csv(result.nets))
    disk.write(folder, PLOT, plot_curves(found.curves, f"{config['data']}: trained pairs in float and in int8"))
    disk.write(folder, "summary.json", json.dumps(result.summary(), indent=2) + "\n")
    return result


def _check(threads: int | None, force: bool, resume: bool) -> None:
    if force and resume:
        raise UsageError("`resume=True` continues a quantisation, `force=True` replaces it.", "Give one of the two.")
    if threads is not None and threads < 1:
        raise UsageError(f"`threads` must be at least 1, not {threads}.", "Give a larger number.")


def _step(report: Progress, done_nets: int, n_nets: int) -> Callable[[int, int], None]:
    """The progress of one net as that of them all; every net has as many steps."""
    return lambda done, total: report(
        f"quantising net {done_nets + 1} of {n_nets}", done_nets * total + done, n_nets * total
    )


def trained_pairs(folder: Path) -> dict[int, dict[str, str | None]]:
    """Rank -> role -> name of the trained net, of all pairs that were trained; None for a net that was not.

    Args:
        folder: `models` of a run folder.

    Raises:
        RunError: Nothing was trained, the training is not finished, or its table is damaged.
    """
    path = folder / "pairs.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found = {int(row["rank"]): {role: row[f"{role}_model"] or None for role in ROLES} for row in rows}
    except FileNotFoundError as error:
        if folder.exists():
            hint = f"Finish it first: {call('train', folder.parent, resume=True)}."
            raise RunError(f"The training in {folder} was not finished: it has no pairs.csv.", hint) from error
        raise RunError(
            f"The nets of the run in {folder.parent} are not trained.", f"Train them: {call('train', folder.parent)}"
        ) from error
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise RunError(
            f"{path} cannot be read: {error}.", f"Train again: {call('train', folder.parent, force=True)}."
        ) from error
    if not found or any(roles["little"] is None or roles["big"] is None for roles in found.values()):
        raise RunError(f"{path} lists no trained pairs.", f"Train again: {call('train', folder.parent, force=True)}.")
    return found


def _load(folder: Path, name: str, dataset: Dataset, seed: int) -> TrainedNet:
    stem = disk.stem(name)
    known = {"net": name.partition(".")[0], "data_sha256": dataset.digest, "seed": seed}
    disk.check_same(disk.read_about(folder, stem), known, folder / f"{stem}.json")
    return load_net(folder, name)


def _plan(
    folder: Path, recipe: Int8Recipe | None, threads: int | None, *, force: bool, resume: bool
) -> tuple[Int8Recipe, int]:
    """Recipe and threads: what is asked for, or what is being resumed, which must not differ."""
    if not resume:
        if not force and folder.exists() and any(folder.iterdir()):
            raise RunError(
                f"{folder} holds int8 nets already.", "Continue with `resume=True`, or replace them with `force=True`."
            )
        return recipe or Int8Recipe(), threads or 1
    if not (folder / PLAN).exists():
        raise RunError(f"There is no quantisation to resume in {folder}.", "Leave `resume=True` out.")
    before = disk.read_about(folder, Path(PLAN).stem)
    try:
        stored, its_threads = Int8Recipe(**before["recipe"]), int(before["threads"])
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise RunError(
            f"{folder / PLAN} is no plan of a quantisation: {error}.", "Start over with `force=True`."
        ) from error
    now = {"recipe": (recipe or stored).values(), "threads": threads or its_threads}
    lines = disk.differences(before, now)
    if lines:
        raise RunError(
            f"The nets in {folder} were quantised otherwise. {lines}.", "Leave that out, or use `force=True`."
        )
    return stored, its_threads


def _net_row(net: QuantizedNet) -> Row:
    row: Row = {"net": net.net, "name": net.name}
    for kind, accuracy in _kinds(net):
        row |= {f"{kind}_{part}_accuracy": accuracy[part] if accuracy else None for part in PARTS}
    return row | {
        "best_epoch": net.best_epoch, "epochs": net.recipe.epochs, "seconds": round(net.seconds, 1),
        "file": f"{disk.stem(net.name)}.npz", "outputs": f"{disk.stem(net.name)}.outputs.npz",
    }  # fmt: skip


def _kinds(net: QuantizedNet) -> tuple[tuple[str, dict[str, float] | None], ...]:
    qat = net.accuracy if net.recipe.epochs else None
    return ("float", net.float_accuracy), ("ptq", net.ptq_accuracy), ("qat", qat)
