"""What a battery life says of each pair, a dataclass a row."""

from collections.abc import Mapping
from dataclasses import dataclass

from zeroshot.runs.tables import Table


@dataclass(frozen=True)
class PairLife:
    """A pair in daily use; powers are averages over the interval, mW, lives days, None without a battery.

    Attributes (those that do not explain themselves):
        escalation_rate: Share of looks at which the big net runs.
        escalation_error: Half of its 80 % interval on the test data; None where it is expected.
        active_ms: That the device computes at a look, on average; `worst_active_ms` where the big net runs. None where
            the search let every input escalate, so that nobody knows what a net alone costs; so with powers.
        little_power_mw: Where the big net never runs: the little net and the decision.
        worst_power_mw: Where the big net always runs.
        single: The best net that is no slower on average; None where no single net is as fast.
        rates: Class -> share of its looks at which the big net runs; none without a prior.
    """

    rank: int
    little: str
    big: str
    escalation_rate: float
    escalation_error: float | None
    active_ms: float | None
    worst_active_ms: float
    little_power_mw: float | None
    power_mw: float | None
    worst_power_mw: float | None
    little_days: float | None
    days: float | None
    worst_days: float | None
    single: str | None
    single_power_mw: float | None
    single_days: float | None
    rates: Mapping[str, float]


LIVES = Table(PairLife, prefix={"rates": "rate_"})
