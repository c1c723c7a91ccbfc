"""What could be shipped instead of a pair, and whether the pair pays beside the best of that.

A rival is a trained net that answers alone: the pair's little net, and every other trained net of the run that is no
slower than the pair and keeps the budgets. Flash, SRAM and the worst case need no look: a net of a pair takes less of
each without its partner, and the search lists single nets inside the budgets.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.measure import Outcome, hits, right_answers, verdict
from zeroshot.cascade.metric import share
from zeroshot.runs.rows import PairForecast, PairModels
from zeroshot.training.batches import Split
from zeroshot.training.costs import SLACK, CostLimits, cost_of
from zeroshot.training.trained import PARTS
from zeroshot.types import BoolArray, FloatArray


class Judged(Protocol):
    """A net whose outputs are known: a `TrainedNet`, or an int8 net."""

    @property
    def outputs(self) -> Mapping[str, npt.NDArray[Any]]:
        """`validation` and `test` -> logits (n, classes), of any one unit."""

    @property
    def test_accuracy(self) -> float:
        """A fraction."""


@dataclass(frozen=True, eq=False)
class Alone:
    """A trained net that could answer alone.

    Attributes:
        name: Of the trained net.
        latency_ms: By the cost model; NaN where the search let every input escalate and it is the little net.
        energy_mj: The same.
        validation: (n,) bool, which validation images it gets right; they choose the rival.
        test: (n,) bool, which test images.
    """

    name: str
    latency_ms: float
    energy_mj: float
    validation: BoolArray = field(repr=False)
    test: BoolArray = field(repr=False)


def all_alone(pairs: Iterable[tuple[PairForecast, PairModels]], nets: Mapping[str, Judged], data: Split) -> list[Alone]:
    """Every trained net of some pairs, each once.

    Args:
        pairs: The pairs, and the names of their trained nets.
        nets: Name -> net.
        data: The split that they were trained on.
    """
    found: dict[str, float] = {}
    power = nan
    for predicted, models in pairs:
        power = predicted.worst_energy_mj / predicted.worst_latency_ms  # a board's, the same for all nets
        for name, latency in _latencies(predicted, models).items():
            # A little net's holds the decision too, and another pair may know it without.
            found[name] = float(np.fmin(latency, found.get(name, nan)))
    return [
        Alone(
            name, latency, latency * power, *(hits(nets[name].outputs[part], data.labels(part)) for part in PARTS)
        )
        for name, latency in found.items()
    ]  # fmt: skip


def _latencies(predicted: PairForecast, models: PairModels) -> dict[str, float]:
    """Name -> latency of each net of a pair without the others."""
    base = cost_of(predicted, "latency_ms", 0.0)
    big = predicted.worst_latency_ms - (0.0 if isnan(base) else base)  # at most, where nobody knows the little net's
    known = {models.little: base, models.big: big}
    if models.single is not None and predicted.single_latency_ms is not None:
        known[models.single] = predicted.single_latency_ms
    return known


def rivals_of(
    models: PairModels, alone: Sequence[Alone], latency_ms: float, limits: CostLimits, weight: FloatArray | None = None
) -> list[Alone]:
    """What could be shipped instead of a pair, the best on the validation images first; of equals the fastest.

    Args:
        models: The pair's.
        alone: Every trained net.
        latency_ms: The pair's.
        limits: Budgets that a rival keeps. The pair's little net is a rival in any case: it costs less than the pair.
        weight: What each validation image counts in the metric; None for accuracy.
    """
    most = min(latency_ms, limits.latency_ms) * SLACK
    able = [
        net for net in alone
        if net.name == models.little or (net.latency_ms <= most and net.energy_mj <= limits.energy_mj * SLACK)
    ]  # fmt: skip
    return sorted(able, key=lambda net: (-share(net.validation, weight), net.latency_ms))


def against(
    rivals: Sequence[Alone], models: PairModels, tested: Outcome, threshold: float, seed: int
) -> dict[str, Any]:
    """The columns of a `MeasuredCascade` that compare it with its rivals on the test images.

    The gain is over the rival that the validation images prefer. The pair "pays" where the interval of that gain is
    above zero and no other rival has as many right answers on the test images; it "does not pay" where there is no
    gain, else it "may pay".

    Args:
        rivals: As `rivals_of` gives them.
        models: The pair's.
        tested: The pair on the test images; with weights, all is about their metric instead of right answers.
        threshold: Of its scores.
        seed: Of the bootstrap.
    """
    best = rivals[0]
    told = verdict(tested, threshold, best.test, seed=seed)
    pair = share(right_answers(tested, threshold), tested.weight)
    ahead = [net.name for net in rivals[1:] if share(net.test, tested.weight) >= pair]
    roles = {models.little: "little", models.big: "big"}
    return {
        "rival": roles.get(best.name, "single"), "rival_model": best.name,
        "rival_accuracy": float(best.test.mean()), "rival_value": share(best.test, tested.weight),
        "rival_latency_ms": None if isnan(best.latency_ms) else best.latency_ms,
        "rivals_ahead": " ".join(ahead) or None,
        "gain": told.gain, "gain_low": told.interval[0], "gain_high": told.interval[1],
        "verdict": "may pay" if told.words == "pays" and ahead else told.words,
    }  # fmt: skip
