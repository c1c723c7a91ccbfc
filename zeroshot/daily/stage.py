"""The pairs of a run's last stage: what is known of how often their big nets run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sys import float_info
from typing import Any, Self

from zeroshot.errors import RunError
from zeroshot.runs import layout
from zeroshot.runs.reading import read_rows, read_search
from zeroshot.runs.rows import (
    QUANTIZED_PAIRS,
    TRAINED_PAIRS,
    MeasuredCascade,
    MeasuredPair,
    PairForecast,
    PredictedPair,
    QuantizedPair,
)
from zeroshot.training.costs import SLACK

EXPECTED, FLOAT, INT8 = "expected", "float", "int8"


@dataclass(frozen=True)
class StagedPair:
    """A pair.

    Attributes:
        forecast: What the search says of it, its costs among that.
        rate: Share of the test data at which the big net runs; of the search the one that it expects.
        error: Half of the 80 % interval of a measured rate.
        answered: Its row, where its nets are trained.
    """

    forecast: PairForecast
    rate: float
    error: float | None = None
    answered: MeasuredPair | QuantizedPair | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Insist on costs that powers can be made of."""
        pair, most = self.forecast, float_info.max
        for mean, worst in ((pair.latency_ms, pair.worst_latency_ms), (pair.energy_mj, pair.worst_energy_mj)):
            if not 0 < mean <= worst * SLACK <= most:
                raise RunError(
                    f"Pair {pair.rank} of the run costs {mean:g} on average and {worst:g} at worst, which cannot be.",
                    "Search again with `force=True`.",
                )

    @classmethod
    def measured(cls, row: MeasuredPair | QuantizedPair, cascade: MeasuredCascade) -> Self:
        """One whose nets are trained, and what they did."""
        error = (cascade.escalation_rate_high - cascade.escalation_rate_low) / 2
        return cls(row.predicted, cascade.escalation_rate, error, row)


@dataclass(frozen=True)
class Stage:
    """The last stage of a run: `expected`, `float` or `int8`; its pairs, and the run's config."""

    name: str
    pairs: Sequence[StagedPair]
    config: dict[str, Any] = field(repr=False)


def last_stage(run: Path) -> Stage:
    """The last finished stage of a run.

    Raises:
        RunError: There is no finished search with pairs, or one of the run's tables is damaged: no file of rows, or
            costs that are none.
    """
    config, listed = read_search(run)
    quantized = read_rows(run / layout.INT8 / layout.PAIRS, QUANTIZED_PAIRS)
    if quantized:
        return Stage(INT8, [StagedPair.measured(row, row.int8) for row in quantized], config)
    trained = read_rows(run / layout.MODELS / layout.PAIRS, TRAINED_PAIRS)
    if trained:
        return Stage(FLOAT, [StagedPair.measured(row, row.test) for row in trained], config)
    return Stage(EXPECTED, [_listed(row) for row in listed], config)


def _listed(row: PredictedPair) -> StagedPair:
    return StagedPair(row, row.escalation_rate)
