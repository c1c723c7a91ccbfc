"""Quantisation of single nets: calibration, equalisation, finetuning."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from zeroshot.cascade.measure import hits
from zeroshot.data import Dataset
from zeroshot.errors import RunError
from zeroshot.quantization._float_net import FloatNet
from zeroshot.quantization.equalise import equalise
from zeroshot.quantization.observers import observe, qparams
from zeroshot.quantization.pixels_and_logits import pixel_table
from zeroshot.quantization.qat import Finetuner, candidate
from zeroshot.quantization.quantized_net import QuantizedNet, identity, is_stored, load_quantized, save_quantized
from zeroshot.quantization.recipe import Int8Recipe
from zeroshot.scoring.population import net_seed
from zeroshot.training.batches import Split, hold_out
from zeroshot.training.recipe import check_seed_and_threads
from zeroshot.training.trained import PARTS, TrainedNet
from zeroshot.workers import torch_threads


def quantize_net(
    trained: TrainedNet,
    data: Dataset | Split,
    recipe: Int8Recipe | None = None,
    seed: int = 0,
    *,
    threads: int = 1,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> QuantizedNet:
    """Quantise one trained net. The same call gives the same integers on the same machine.

    Args:
        trained: The float net.
        data: The data set that it was trained on, of which `hold_out` makes the split again, or that split.
        recipe: How; by default `Int8Recipe()`.
        seed: That of the training; the choice of calibration images and batches derive from it and the net.
        threads: Of torch; another number rounds sums otherwise.
        folder: Where the result is kept; None keeps nothing.
        resume: A net that is there already is read, not quantised again.
        progress: Called with how many steps are done, of how many: calibration, then each epoch.

    Raises:
        UsageError: A value is out of range, or the data have other channels or classes than the net.
        DataError: There are too few training images to calibrate on.
        TrainError: The float net's outputs, or the loss of its finetuning, are NaN or infinite.
        RunError: The folder holds this net already and `resume` was not asked for; what is there is damaged or was
            made of something else; the disk is full.
    """
    check_seed_and_threads(seed, threads)
    wanted, report = recipe or Int8Recipe(), progress or (lambda done, total: None)
    split = data if isinstance(data, Split) else hold_out(data, seed, trained.recipe.validation)
    made_of = identity(trained, split, wanted, seed, threads)
    where = Path(folder) if folder is not None else None
    if where is not None and is_stored(where, trained.name):
        if not resume:
            raise RunError(
                f"{where} holds {trained.name} already.",
                "Continue with `resume=True`, or start over with `force=True`.",
            )
        return load_quantized(where, trained.name, made_of)
    with torch_threads(threads):
        result = _quantized(FloatNet(trained, split), wanted, net_seed(seed, f"{trained.name} int8"), report)
    if where is not None:
        save_quantized(result, made_of, where)
    return result


def _quantized(float_net: FloatNet, recipe: Int8Recipe, seed: int, report: Callable[[int, int], None]) -> QuantizedNet:
    started, trained, data = time.perf_counter(), float_net.trained, float_net.data
    net, x = float_net.folded(), float_net.calibration(recipe.images, seed)
    observed = observe(net, trained.net, float_net.table, x)
    if recipe.equalise:
        equalise(net, float_net.table, observed.peaks)
        observed = observe(net, trained.net, float_net.table, x)
    calibrated = qparams(observed, float_net.table, recipe.ranges, float_net.input_range)
    ptq = candidate(float_net, float_net.int8(net, calibrated), 0, None)
    report(1, recipe.epochs + 1)
    candidates = [ptq]
    if recipe.epochs:
        finetuner = Finetuner(float_net, net, calibrated, recipe, seed)
        for epoch in range(1, recipe.epochs + 1):
            candidates.append(finetuner.epoch(epoch))
            report(epoch + 1, recipe.epochs + 1)
    best = max(candidates, key=lambda each: each.merit)  # the first of equals
    outputs = {part: float_net.logits(best.net, part) for part in PARTS}
    before = outputs if best is ptq else {part: float_net.logits(ptq.net, part) for part in PARTS}
    return QuantizedNet(
        net=trained.net, name=trained.name, int8=best.net, recipe=recipe, best_epoch=best.row["epoch"],
        history=[each.row for each in candidates], float_accuracy=_accuracies(trained.outputs, data),
        ptq_accuracy=_accuracies(before, data), accuracy=_accuracies(outputs, data),
        seconds=time.perf_counter() - started, outputs=outputs, pixels=pixel_table(best.net, data.dataset),
    )  # fmt: skip


def _accuracies(outputs: Mapping[str, npt.NDArray[Any]], data: Split) -> dict[str, float]:
    return {part: float(hits(outputs[part], data.labels(part)).mean()) for part in PARTS}
