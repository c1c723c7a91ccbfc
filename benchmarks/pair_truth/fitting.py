"""The constants that are shipped, fitted on the calibration nets, and the file that holds them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from benchmarks.pair_truth.couplings import Curves, couple
from benchmarks.pair_truth.predictors import (
    SHIPPABLE,
    UNPROBED,
    WAYS,
    Judged,
    blend,
    cross_validate,
    fit_model,
    judge,
    simplest,
)
from benchmarks.pair_truth.regroup import GROUPS, WHOLE
from benchmarks.pair_truth.study import ENOUGH, FEW, STATIC, Sample, regrouped
from zeroshot import constants
from zeroshot.accuracy.model import AccuracyModel, believed, model_of
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
        chosen: The way whose columns the model has.
    """

    static: AccuracyModel
    model: AccuracyModel
    coupling: Coupling
    judged: dict[str, Judged]
    chosen: str


@dataclass(frozen=True)
class TaskFit:
    """How other tasks differ from the one that the line was fitted on.

    Attributes:
        slope: mu a unit of the anchor's probit.
        sd_task: Root mean square of what the slope, fitted to the other tasks, leaves of each task's offset.
        sd_slope: Root mean square of the factor on sizes, less 1.
        tasks: Number of tasks.
    """

    slope: float
    sd_task: float
    sd_slope: float
    tasks: int


def sizes_of(sample: Sample, model: AccuracyModel) -> FloatArray:
    """Of a population that was probed, ranks mixed in, (n,) mu."""
    return believed(sample.inputs.fused(), sample.inputs.everything, model)


def fit_tasks(sample: Sample, model: AccuracyModel, anchors: Mapping[str, float], names: Sequence[str]) -> TaskFit:
    """Offsets and factors of regrouped tasks on trained nets, and what their anchors explain.

    Args:
        sample: Of the calibration nets.
        model: Fitted to it.
        anchors: Task -> `task_anchor`.
        names: Of `regroup.GROUPS`; three or more.
    """
    away, offsets, factors = [], [], []
    for name in names:
        there = regrouped(sample, GROUPS[name], name)
        factor, level = np.polyfit(sizes_of(there, model), there.mu, 1)
        away.append(ndtri(anchors[name]) - ndtri(anchors[WHOLE]))
        offsets.append(level - model.intercept)
        factors.append(factor)
    x, y = np.array(away), np.array(offsets)
    every = np.arange(len(names))
    left = [y[i] - x[i] * (x[every != i] @ y[every != i]) / (x[every != i] @ x[every != i]) for i in every]
    return TaskFit(
        float(x @ y / (x @ x)), float(np.sqrt(np.mean(np.square(left)))),
        float(np.sqrt(np.mean((np.array(factors) - 1) ** 2))), len(names),
    )  # fmt: skip


def with_tasks(model: AccuracyModel, tasks: TaskFit, reference: float) -> AccuracyModel:
    """The model with constants for other tasks."""
    return replace(
        model, task_slope=tasks.slope, sd_task=tasks.sd_task, sd_slope=tasks.sd_slope, reference=reference
    )  # fmt: skip


def fit(sample: Sample, curves: Curves, anchors: Mapping[str, float]) -> Constants:
    """All constants from the calibration nets.

    Args:
        sample: Its nets; of the other half nothing is seen here.
        curves: Of their pairs.
        anchors: Task -> `task_anchor`.

    Raises:
        UsageError: There are fewer than `FEW` nets.
    """
    if len(sample) < FEW or set(sample.half) != {"calibration"}:
        raise UsageError(f"Constants need {FEW} calibration nets at least, and no others; there are {len(sample)}.")
    inputs, mu = sample.inputs, sample.mu
    judged = {name: judge(cross_validate(way, inputs, mu), mu) for name, way in WAYS.items()}
    about = f"{len(sample)} nets trained for 5 epochs on CIFAR-10, those of the zoo that calibrate"

    def shipped(name: str, way: str, fused: tuple[str, ...]) -> AccuracyModel:
        features, proxies = SHIPPABLE[way]
        model = fit_model(inputs, np.arange(len(mu)), mu, features, proxies, fused)
        alone = judge(cross_validate(blend(features, proxies, fused), inputs, mu, len(mu)), mu)
        model = with_tasks(model, fit_tasks(sample, model, anchors, tuple(GROUPS)), anchors[WHOLE])
        source = f"{way}, through {about}; other tasks from {len(GROUPS)} groupings of its classes"
        return replace(model, name=name, sd_net=alone.rmse, source=source)

    chosen = simplest(judged, SHIPPABLE)
    static = shipped(f"zoo-{len(sample)}-static", simplest(judged, UNPROBED), STATIC)
    model = shipped(f"zoo-{len(sample)}", chosen, tuple(DEFAULT_PROXIES))
    coupling = couple(curves, sample.accuracy)
    coupling = replace(coupling, name=f"copula-zoo-{len(sample)}", source=f"{len(curves)} pairs of {about}")
    return Constants(static, model, coupling, judged, chosen)


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
        "# score says beyond that sum; see zeroshot/accuracy.py.",
        *_model_lines("static", found.static, mark), "", *_model_lines("probed", found.model, mark),
    ]  # fmt: skip
    lines += [
        "", "# gamma = tanh(g0 + g1 mu_L), kappa = tanh(k0 + k1 mu_L + k2 (mu_B - mu_L)); see cascade/copula.py.",
        "[cascade]", *_pairs({
            "name": coupling.name + mark, "source": coupling.source, "gamma": [_short(g) for g in coupling.gamma],
            "kappa": [_short(k) for k in coupling.kappa],
        }),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _model_lines(part: str, model: AccuracyModel, mark: str) -> list[str]:
    numbers = ("intercept", "trust", "task_slope", "reference", "sd_net", "sd_task", "sd_slope")
    lines = [
        f"[accuracy.{part}]", *_pairs({"name": model.name + mark, "source": model.source}),
        *_pairs({key: _short(getattr(model, key)) for key in numbers}),
    ]  # fmt: skip
    for kind, parts in (("terms", model.terms), ("evidence", model.evidence)):
        for each in parts:
            values = {k: v if isinstance(v, str) else _short(v) for k, v in vars(each).items()}
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
