"""The constants that are shipped, fitted on the calibration nets, and the file that holds them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pair_truth.couplings import Curves, couple
from benchmarks.pair_truth.predictors import (
    SIZED,
    TELLING,
    TRUST,
    UNPROBED_SIZED,
    WAYS,
    Judged,
    blend,
    cross_validate,
    fit_model,
    judge,
)
from benchmarks.pair_truth.regroup import GROUPS
from benchmarks.pair_truth.study import ENOUGH, FEW, STATIC, Sample
from benchmarks.tasks.levels import LevelFit, TaskNets, cifar10_tasks, fit_level
from benchmarks.tasks.longer import fit_longer
from zeroshot import constants
from zeroshot.accuracy.model import AccuracyModel, KnownTask, believed, model_of
from zeroshot.cascade.copula import Coupling, coupling_of
from zeroshot.errors import UsageError
from zeroshot.runs.files import write_file
from zeroshot.scoring.plugins import DEFAULT_PROXIES
from zeroshot.types import FloatArray

COMMAND = "python -m benchmarks.pair_truth --fit"


@dataclass(frozen=True, eq=False)
class Constants:
    """What was fitted.

    Attributes:
        static: Of single nets of which only layers are known.
        model: Of single nets that were probed.
        coupling: Of pairs.
        judged: Way -> how cross-validation judged it, on the calibration nets.
        tasks: Those of the levels, groupings of CIFAR-10's classes left out.
    """

    static: AccuracyModel
    model: AccuracyModel
    coupling: Coupling
    judged: dict[str, Judged]
    tasks: tuple[KnownTask, ...]


def sizes_of(sample: Sample, model: AccuracyModel) -> FloatArray:
    """Of a population that was probed, ranks mixed in, (n,) mu."""
    return believed(sample.inputs.fused(), sample.inputs.everything, model)


def with_tasks(model: AccuracyModel, found: LevelFit) -> AccuracyModel:
    """The model with constants for other tasks."""
    return replace(model, level=found.level, sd_task=found.sd_task, sd_slope=found.sd_slope)


def fit(sample: Sample, curves: Curves, others: Sample | None = None, tasks: Sequence[TaskNets] = ()) -> Constants:
    """All constants from the calibration nets, other nets of the same task and recipe, and other tasks.

    Args:
        sample: The calibration nets; of the other half nothing is seen here.
        curves: Of their pairs.
        others: Nets that the space's sampler does not draw; None for none.
        tasks: Other tasks.

    Raises:
        UsageError: There are fewer than `FEW` nets.
    """
    if len(sample) < FEW or set(sample.half) != {"calibration"}:
        raise UsageError(f"Constants need {FEW} calibration nets at least, and no others; there are {len(sample)}.")
    judged = {
        name: judge(cross_validate(way, sample.inputs, sample.mu), sample.mu) for name, way in WAYS.items()
    }  # fmt: skip
    inputs, mu = sample.inputs, sample.mu
    about = f"{len(sample)} nets trained for 5 epochs on CIFAR-10, those of the zoo that calibrate"
    if others is not None:
        inputs, mu = inputs.joined(others.inputs), np.concatenate([mu, others.mu])
        about += f", and {len(others)} other nets"
    every, longer = [*cifar10_tasks(sample), *tasks], fit_longer()
    names = f"{len(every)} tasks, {len(every) - len(tasks)} of them CIFAR-10 and groupings of its classes"
    names += f"; {len(longer.nets)} nets trained longer"

    def shipped(
        name: str, features: tuple[str, ...], proxies: tuple[str, ...], fused: tuple[str, ...]
    ) -> AccuracyModel:
        model = fit_model(inputs, np.arange(len(mu)), mu, features, proxies, fused, TRUST)
        alone = judge(cross_validate(blend(features, proxies, fused, TRUST), inputs, mu), mu)
        model = replace(model, longer=longer.terms, steps=every[0].traits.steps, sd_longer=longer.sd)
        model = replace(model, level=replace(model.level, steps=longer.steps))
        model = with_tasks(model, fit_level(every, model))
        return replace(model, name=name, sd_net=alone.rmse, source=f"non-negative ridge through {about}; {names}")

    static = shipped(f"zoo-{len(mu)}-static", UNPROBED_SIZED, (), STATIC)
    model = shipped(f"zoo-{len(mu)}", SIZED, TELLING, tuple(DEFAULT_PROXIES))
    coupling = couple(curves, sample.accuracy)
    source = f"{len(curves)} pairs of {len(sample)} nets trained for 5 epochs on CIFAR-10"
    coupling = replace(coupling, name=f"copula-zoo-{len(sample)}", source=source)
    known = tuple(
        KnownTask(each.name, each.traits.anchor, each.traits.images) for each in every if each.name not in GROUPS
    )
    return Constants(static, model, coupling, judged, known)


def check_enough(nets: int, draft: bool) -> None:
    """Raise a UsageError if constants would be shipped that stand on too few nets."""
    if nets < ENOUGH and not draft:
        raise UsageError(
            f"Only {nets} calibration nets are trained; constants that are shipped need {ENOUGH}.",
            "Train more (python -m benchmarks.pair_truth.zoo train), or look at a draft with --fit --draft.",
        )


def to_text(found: Constants, zoo_sha256: str, date: str, draft: bool) -> str:
    """The file's text. A draft says so in both names.

    Args:
        found: What was fitted.
        zoo_sha256: Of all trained nets.
        date: ISO.
        draft: Whether it stands on too few nets.
    """
    mark = " (draft)" if draft else ""
    coupling = found.coupling
    lines = [
        "# Constants of the accuracy and cascade predictions, and where they come from.",
        "# `python -m benchmarks.pair_truth --fit` writes this file from trained nets.", "",
        "[provenance]", *_pairs({
            "zoo_sha256": zoo_sha256, "nets": len(next(iter(found.judged.values())).errors), "date": date,
            "command": COMMAND + (" --draft" if draft else ""),
        }), "",
        "# mu = intercept + sum of weight * (feature - centre) / scale, on the probit scale; evidence: what a probed",
        "# score says beyond that sum; level: what a task's traits say. See zeroshot/accuracy/model.py.",
        *_model_lines("static", found.static, mark), "", *_model_lines("probed", found.model, mark), "",
        "# The tasks of the levels: on data unlike all of them a search trains a few nets of its own.",
    ]  # fmt: skip
    for task in found.tasks:
        lines += ["[[accuracy.tasks]]", *_pairs(vars(task)), ""]
    lines += [
        "# gamma = tanh(g0 + g1 mu_L), kappa = tanh(k0 + k1 mu_L + k2 (mu_B - mu_L)); see cascade/copula.py.",
        "[cascade]", *_pairs({
            "name": coupling.name + mark, "source": coupling.source, "gamma": [_short(g) for g in coupling.gamma],
            "kappa": [_short(k) for k in coupling.kappa],
        }),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _model_lines(part: str, model: AccuracyModel, mark: str) -> list[str]:
    numbers = ("intercept", "trust", "steps", "sd_net", "sd_longer", "sd_task", "sd_slope")
    lines = [
        f"[accuracy.{part}]", *_pairs({"name": model.name + mark, "source": model.source}),
        *_pairs({key: _short(getattr(model, key)) for key in numbers}),
    ]  # fmt: skip
    lines += ["", f"[accuracy.{part}.level]", *_pairs({key: _short(value) for key, value in vars(model.level).items()})]
    for kind, parts in (("terms", model.terms), ("evidence", model.evidence), ("longer", model.longer)):
        for each in parts:
            values = {k: v if isinstance(v, str | bool) else _short(v) for k, v in vars(each).items()}
            lines += ["", f"[[accuracy.{part}.{kind}]]", *_pairs(values)]
    return lines


def write(path: Path, text: str) -> None:
    """Write a constants file that the package can read.

    Raises:
        UsageError: It cannot.
        RunError: The disk refuses.
    """
    read = constants.parse(text, str(path))
    for part in constants.MODELS:
        model_of(read["accuracy"][part], str(path))
    coupling_of(read["cascade"], str(path))
    write_file(path, text)


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]


def _short(x: float) -> float:
    return float(f"{x:.6g}")
