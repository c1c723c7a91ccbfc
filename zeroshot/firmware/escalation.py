"""When the big net may run, and whether it is wanted as often as expected: what the C does, call by call."""

import math
from dataclasses import dataclass

from zeroshot.errors import UsageError

RATE_BITS = 24  # of a share
ONE = 1 << RATE_BITS
ERRORS = 5.0  # standard errors that the moving rate may be off


@dataclass(frozen=True)
class Budget:
    """A token bucket: every call brings a token, an escalation takes `calls` of them; it starts full.

    So over n calls there are at most n / calls + burst escalations, whatever is seen.

    Attributes:
        calls: Calls for each escalation.
        burst: Escalations for which tokens are saved up.
    """

    calls: int
    burst: int

    def __post_init__(self) -> None:
        if not (1 <= self.calls < 2**16 and 1 <= self.burst < 2**16):
            raise UsageError(
                f"A budget of one escalation in {self.calls} calls, {self.burst} at once.",
                "Both are 1 to 65535.",
            )

    @property
    def full(self) -> int:
        """Tokens that are held at most."""
        return self.calls * self.burst


@dataclass(frozen=True)
class Watch:
    """A moving share of the calls that want the big net, and the band in which it stays while all is as expected.

    Formula: r += (w - r) / N for each call, w being 1 where the little net is not sure, else 0. Of independent calls
    its standard error is sqrt(p (1 - p) / (2 N - 1)); the band is p with 5 of them and 1 / N to both sides.

    Attributes:
        expected: Share of calls, p.
        bits: Of N, the calls that it moves over.
    """

    expected: float
    bits: int

    def __post_init__(self) -> None:
        if not (0 <= self.expected <= 1 and 1 <= self.bits <= 16):
            raise UsageError(
                f"A watch for a rate of {self.expected} over 2^{self.bits} calls.", "Watch over 2 to 65536 calls."
            )

    @classmethod
    def over(cls, calls: int, expected: float) -> "Watch":
        """Over so many calls, rounded up to a power of two."""
        return cls(expected, max(1, (calls - 1).bit_length()))

    @property
    def start(self) -> int:
        """The expected share, of 2^24."""
        return round(self.expected * ONE)

    @property
    def band(self) -> tuple[int, int]:
        """Lowest and highest share that is as expected, of 2^24."""
        calls = 1 << self.bits
        off = ERRORS * math.sqrt(self.expected * (1 - self.expected) / (2 * calls - 1)) + 1 / calls
        low, high = max(0.0, self.expected - off), min(1.0, self.expected + off)
        return math.floor(low * ONE), math.ceil(high * ONE)


class Escalation:
    """What is kept from call to call.

    Attributes:
        rate: Moving share of calls that want the big net, of 2^24; 0 where none is watched.
        tokens: Held; 0 without a budget.
    """

    def __init__(self, limit: int = 0, budget: Budget | None = None, watch: Watch | None = None) -> None:
        self._limit, self._budget, self._watch = limit, budget, watch
        self._in_a_row = 0
        self.rate = watch.start if watch else 0
        self.tokens = budget.full if budget else 0

    def step(self, wanted: bool) -> bool:
        """Whether the big net runs in a call, where the little net wants it or does not."""
        watch, budget = self._watch, self._budget
        if watch:
            self.rate += ((wanted * ONE) - self.rate) >> watch.bits
        if budget:
            self.tokens = min(budget.full, self.tokens + 1)
        runs = wanted and not (self._limit and self._in_a_row >= self._limit)
        runs = runs and not (budget and self.tokens < budget.calls)
        self._in_a_row = self._in_a_row + 1 if runs else 0
        if runs and budget:
            self.tokens -= budget.calls
        return bool(runs)

    @property
    def drift(self) -> int:
        """1: the big net is wanted more often than expected, -1: less often, 0: as expected."""
        if self._watch is None:
            return 0
        low, high = self._watch.band
        return (self.rate > high) - (self.rate < low)
