"""From how often a big net runs to what a pair draws, and how long a battery lasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zeroshot.daily.device import Device, active_mw
from zeroshot.daily.prior import class_rates, looks_by_class, rate_under
from zeroshot.daily.rows import PairLife
from zeroshot.daily.stage import StagedPair
from zeroshot.data import Dataset
from zeroshot.quantization.answers import pair_answers
from zeroshot.runs.rows import PairForecast


@dataclass(frozen=True)
class PairRate:
    """How often a big net runs, half of the 80 % interval where it was measured, and how often on each class."""

    rate: float
    error: float | None = None
    classes: Mapping[str, float] = field(default_factory=dict)


def rates_of(
    run: Path, pairs: Sequence[StagedPair], data: Dataset, prior: Mapping[str, float]
) -> tuple[dict[str, float], list[PairRate]]:
    """Share of each class under a prior, and how often the big net of each trained pair then runs.

    Raises:
        UsageError: As `looks_by_class`.
        RunError: As `pair_answers`.
    """
    names, counts = data.class_names, np.bincount(data.y_test, minlength=data.classes)
    shares, found = looks_by_class(prior, names, counts), []
    for answered in (pair.answered for pair in pairs if pair.answered is not None):
        rates = class_rates(pair_answers(run, answered, data.y_test), data.classes)
        known = {name: float(rate) for name, rate, n in zip(names, rates, counts, strict=True) if n}
        found.append(PairRate(*rate_under(shares, rates, counts), known))
    return dict(zip(names, shares.tolist(), strict=True)), found


def life(device: Device, pair: PairForecast, rate: PairRate) -> PairLife:
    """A pair in daily use: as often as its big net runs, never, always; beside it the single net."""
    little, mean, worst = (device.power_at(pair, share) for share in (0.0, rate.rate, 1.0))
    single = None
    if pair.single_latency_ms is not None:
        draws = active_mw(pair)
        single = device.power_mw(pair.single_latency_ms, pair.single_latency_ms * draws / 1000, draws)
    return PairLife(
        rank=pair.rank, little=pair.little, big=pair.big, escalation_rate=rate.rate, escalation_error=rate.error,
        active_ms=device.active_at(pair, rate.rate), worst_active_ms=device.needs_ms(pair.worst_latency_ms),
        little_power_mw=little, power_mw=mean, worst_power_mw=worst,
        little_days=device.days(little), days=device.days(mean), worst_days=device.days(worst),
        single=pair.single, single_power_mw=single, single_days=device.days(single), rates=rate.classes,
    )  # fmt: skip
