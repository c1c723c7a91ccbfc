"""What trained pairs answered on the test images, from the outputs that the run stores, and the labels of its data."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.measure import Curve, Outcome, curve
from zeroshot.cascade.policy import confidence
from zeroshot.errors import RunError
from zeroshot.quantization.quantized_net import load_quantized
from zeroshot.quantization.thresholds import comparable
from zeroshot.runs import layout
from zeroshot.runs.rows import MeasuredCascade, MeasuredPair, PairModels, QuantizedPair
from zeroshot.training.train_net import load_net
from zeroshot.types import BoolArray, FloatArray, Int64Array


@dataclass(frozen=True, eq=False)
class Answers:
    """A pair on the test images.

    Attributes:
        rank: Of the pair.
        kind: `float` or `int8`.
        labels: (n,) what the images are.
        little: (n,) what the little net answers.
        big: (n,) what the big net answers.
        score: (n,) how sure the little net is.
        escalated: (n,) bool, whether the big net is asked.
        measured: The pair's row of the run's table, which these answers give.
    """

    rank: int
    kind: str
    labels: Int64Array = field(repr=False)
    little: Int64Array = field(repr=False)
    big: Int64Array = field(repr=False)
    score: FloatArray = field(repr=False)
    escalated: BoolArray = field(repr=False)
    measured: MeasuredCascade = field(repr=False)

    @property
    def pair(self) -> Int64Array:
        """What the pair answers, (n,)."""
        return np.where(self.escalated, self.big, self.little)

    def curve(self) -> Curve:
        """Accuracy over every escalation rate."""
        return curve(Outcome(self.score, self.little == self.labels, self.big == self.labels))


def pair_answers(run: Path, pair: MeasuredPair | QuantizedPair, labels: Int64Array) -> Answers:
    """What a pair answers: trained in float, or in int8.

    Args:
        run: Folder of the run.
        pair: As its table has it.
        labels: (n,) of the test images.

    Raises:
        RunError: A stored net is missing or damaged, or its outputs are not those of the run's tables.
    """
    kind = "int8" if isinstance(pair, QuantizedPair) else "float"
    measured = pair.int8 if isinstance(pair, QuantizedPair) else pair.test
    little, big, score = _outputs(run, pair.models, pair.policy, kind)
    limits = np.array([float(each) for each in str(measured.threshold).split()])
    escalated = score < (limits[0] if len(limits) == 1 else limits[little])
    answers = Answers(pair.predicted.rank, kind, labels, little, big, score, escalated, measured)
    rate, right = float(escalated.mean()), float((answers.pair == labels).mean())
    if abs(rate - measured.escalation_rate) > 1e-9 or abs(right - measured.accuracy) > 1e-9:
        raise RunError(
            f"Pair {answers.rank} in {kind} escalates {rate:.4f} and is right {right:.4f} times by its stored outputs, "
            f"but {measured.escalation_rate:.4f} and {measured.accuracy:.4f} times by the run's table.",
            "Make the outputs again: the stage that wrote them takes `force=True`.",
        )
    return answers


def _outputs(
    run: Path, models: PairModels, policy: str, kind: str
) -> tuple[Int64Array, Int64Array, FloatArray]:  # fmt: skip
    """Answers of the little and of the big net, and the little net's scores."""
    logits: npt.NDArray[Any]
    other: npt.NDArray[Any]
    if kind == "int8":
        folder = run / layout.INT8
        little, big = (load_quantized(folder, name) for name in (models.little, models.big))
        logits, other = comparable(little.int8, little.outputs["test"], policy), big.outputs["test"]
    else:
        folder = run / layout.MODELS
        logits, other = (load_net(folder, name).outputs["test"] for name in (models.little, models.big))
    return logits.argmax(axis=1), other.argmax(axis=1), confidence(logits, policy)
