"""Quantisation: the trained nets of a run's pairs as int8 nets, their thresholds, and what the int8 cascades do.

Under the default policy a device decides in integers: an input escalates if and only if the largest int8 logit of the
little net minus the second largest, 0 to 255, is below the pair's `threshold_int8`, 0 (never) to 256 (always).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.data import Dataset
from zeroshot.options import takes_options
from zeroshot.quantization._curves import PairCurves, draw_curves
from zeroshot.quantization._measure_pairs import measure_pairs
from zeroshot.quantization._plan import Plan, make_plan, open_folder
from zeroshot.quantization.options import QuantizeOptions
from zeroshot.quantization.pixels_and_logits import pixel_table
from zeroshot.quantization.quantize_net import quantize_net
from zeroshot.quantization.quantized_net import QuantizedNet, load_quantized, outputs_file
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.runs import checkpoints as disk
from zeroshot.runs import layout
from zeroshot.runs.class_rows import CLASSES, CONFUSION, ClassAnswers, ClassShare
from zeroshot.runs.classes import class_shares
from zeroshot.runs.digests import seal
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import check_not_both
from zeroshot.runs.layout import INT8
from zeroshot.runs.lock import alone_in
from zeroshot.runs.reading import read_config, read_training
from zeroshot.runs.rows import QUANTIZED_NETS, QUANTIZED_PAIRS, QuantizedNetRow, QuantizedPair
from zeroshot.runs.steps import Steps
from zeroshot.runs.tables import Rows, as_html
from zeroshot.runs.write_pairs_csv import write_quantization, write_summary
from zeroshot.searching.plot import png
from zeroshot.training.batches import Split, hold_out
from zeroshot.training.run_data import checked_metric, coarse, run_dataset
from zeroshot.training.shift import shifted
from zeroshot.training.train_net import load_net
from zeroshot.training.trained import TrainedNet
from zeroshot.types import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "INT8", "Int8Recipe", "QuantizeOptions", "QuantizedNet", "QuantizedRun", "load_quantized", "pixel_table",
    "quantize", "quantize_net",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class QuantizedRun(Steps):
    """The quantised pairs of a run.

    Attributes:
        pairs: Predicted, float and int8 beside each other, best predicted first; those for which no threshold does
            what was asked for are left out, and `remarks` says so.
        nets: The int8 nets.
        classes: Of the data.
        confusion: What the int8 nets of each pair, and the pair, answer to the test images of each class.
        recipe: How they were quantised.
        options: As asked for; they say how thresholds were chosen.
        remarks: What the user should know, plain English.
        config: Of the run.
        seconds: Of this call.
        folder: Where the int8 nets are.
        curves: Every working point of each pair, in float and in int8.
        data: What this stage was given as its data.
    """

    pairs: Rows[QuantizedPair]
    nets: Rows[QuantizedNetRow]
    classes: Rows[ClassShare] = field(repr=False)
    confusion: Rows[ClassAnswers] = field(repr=False)
    recipe: Int8Recipe
    options: QuantizeOptions = field(repr=False)
    remarks: list[str]
    config: dict[str, Any] = field(repr=False)
    seconds: float
    folder: Path
    curves: list[PairCurves] = field(default_factory=list, repr=False)
    data: object = field(default=None, repr=False)

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.folder.parent

    def plot(self, path: str | Path | None = None) -> "list[Axes]":
        """Draw accuracy against expected latency over all thresholds, a panel a pair.

        Args:
            path: Write the figure there too, as a PNG.
        """
        figure, panels = draw_curves(self.curves, f"{self.config['data']}: trained pairs in float and in int8")
        if path is not None:
            write_file(path, png(figure))
        return panels

    def run_folder(self) -> Path:
        """Where the run lies."""
        return self.run

    def given_data(self) -> object:
        """What this stage was given as its data."""
        return self.data

    def _repr_html_(self) -> str:
        """As notebooks show it."""
        return as_html(f"{self.config['data']}: trained pairs in float and in int8", self.pairs, self.remarks)

    def summary(self) -> dict[str, Any]:
        """As plain values: what summary.json holds and `zeroshot quantize --json` prints."""
        return {
            "run": str(self.folder.parent), "int8": str(self.folder), "data": self.config["data"],
            "recipe": self.recipe.values(), "rule": self.options.rule(), "seconds": round(self.seconds, 3),
            "remarks": self.remarks, "metric": self.pairs[0].metric, "classes": self.classes.plain(),
            "pairs": self.pairs.plain(), "nets": self.nets.plain(),
        }  # fmt: skip


@takes_options(QuantizeOptions)
def quantize(
    run: str | Path,
    options: QuantizeOptions,
    *,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> QuantizedRun:
    """Quantise the trained nets of a run's pairs, choose each pair's threshold, and measure the int8 cascades.

    Thresholds are chosen on the int8 scores of the validation images, after quantisation; figures are of the test
    images, computed in integers as on the device.

    Args:
        run: Folder of a search whose pairs were trained.
        options: What is asked for, and how.
        force: Replace the run's int8 nets.
        resume: Go on after an interruption, or choose other thresholds, with the nets that are there.
        progress: Called with what is being done, how many steps are done, of how many.

    Raises:
        UsageError: A value is out of range or an unknown name, or two options exclude each other.
        RunError: No finished run, no trained nets, other data, int8 nets that are there already or were made
            otherwise, a damaged file, or a full disk.
        DataError: The data cannot be used, or are too few to calibrate on.
        TrainError: The loss of a net's finetuning is NaN or infinite; nets that are done are kept.
        InfeasibleError: No pair has a threshold that does what was asked for.
    """
    with alone_in(Path(run)):
        return _quantize(Path(run), options, force, resume, progress or (lambda what, done, total: None))


def _quantize(path: Path, options: QuantizeOptions, force: bool, resume: bool, report: Progress) -> QuantizedRun:
    started = time.perf_counter()
    check_not_both("quantisation", force=force, resume=resume)
    config, trained = read_config(path), read_training(path)
    folder, seed = path / INT8, int(config["seed"])
    dataset = run_dataset(config, options.data)
    plan = make_plan(folder, options, seed, force=force, resume=resume)
    names = list(dict.fromkeys(name for pair in trained for name in pair.models))
    float_nets = {name: _load(path / layout.MODELS, name, dataset, seed) for name in names}
    trained_as = float_nets[names[0]].recipe
    split = hold_out(dataset, seed, trained_as.validation)
    metric = checked_metric(options.metric or trained_as.metric, split)
    open_folder(folder, plan, force=force)
    int8_nets = _quantized(list(float_nets.values()), split, plan, folder, report)
    measured = measure_pairs(trained, float_nets, int8_nets, split, options, config, metric)
    result = QuantizedRun(
        pairs=Rows(QUANTIZED_PAIRS, measured.pairs),
        confusion=Rows(CONFUSION, measured.confusion),
        classes=Rows(CLASSES, class_shares(dataset)),
        nets=Rows(QUANTIZED_NETS, map(_net_row, int8_nets.values())),
        recipe=plan.recipe, options=options, config=config,
        remarks=measured.remarks + coarse(split) + shifted(split, _accuracies(int8_nets)),
        seconds=time.perf_counter() - started, folder=folder, curves=measured.curves, data=options.data,
    )  # fmt: skip
    write_quantization(path, result.pairs, result.nets, result.confusion)
    result.plot(folder / layout.CURVES_PLOT)
    write_summary(folder, result.summary())
    seal(folder)
    return result


def _load(folder: Path, name: str, dataset: Dataset, seed: int) -> TrainedNet:
    stem = disk.stem(name)
    known = {"net": name.partition(".")[0], "data_sha256": dataset.digest, "seed": seed}
    disk.check_same(disk.read_about(folder, stem), known, folder / f"{stem}.json")
    return load_net(folder, name)


def _quantized(
    nets: Sequence[TrainedNet], data: Split, plan: Plan, folder: Path, report: Progress
) -> dict[str, QuantizedNet]:
    """Name -> int8 net; every net has as many steps of progress."""
    int8_nets = {}
    for i, net in enumerate(nets):

        def progress(_what: str, done: int, total: int, i: int = i) -> None:
            report(f"quantising net {i + 1} of {len(nets)}", i * total + done, len(nets) * total)

        int8_nets[net.name] = quantize_net(
            net, data, plan.recipe, plan.seed, threads=plan.threads, folder=folder, resume=True, progress=progress
        )  # fmt: skip
    return int8_nets


def _accuracies(nets: Mapping[str, QuantizedNet]) -> dict[str, tuple[float, float]]:
    return {name: (net.accuracy["validation"], net.accuracy["test"]) for name, net in nets.items()}


def _net_row(net: QuantizedNet) -> QuantizedNetRow:
    finetuned = net.recipe.epochs > 0
    return QuantizedNetRow(
        net=net.net, name=net.name,
        float_validation_accuracy=net.float_accuracy["validation"], float_test_accuracy=net.float_accuracy["test"],
        ptq_validation_accuracy=net.ptq_accuracy["validation"], ptq_test_accuracy=net.ptq_accuracy["test"],
        qat_validation_accuracy=net.accuracy["validation"] if finetuned else None,
        qat_test_accuracy=net.accuracy["test"] if finetuned else None,
        best_epoch=net.best_epoch, epochs=net.recipe.epochs, seconds=round(net.seconds, 1),
        file=f"{disk.stem(net.name)}.npz", outputs=outputs_file(net.name),
    )  # fmt: skip
