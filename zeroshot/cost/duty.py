"""A device that looks, and sleeps until it looks again: average power and battery life.

Power is (energy of a look + power asleep x the rest of the interval) / interval: while it computes, a device draws what
the energy of the look already holds, so that sleep counts for the rest of the time only.
"""

from zeroshot.errors import UsageError
from zeroshot.units import YEAR, ms

MONTH = YEAR / 12  # hours


def average_power_mw(active_ms: float, energy_mj: float, every_ms: float, sleep_mw: float) -> float:
    """Average power of a device that looks at regular intervals, mW.

    Args:
        active_ms: Time of a look, ms; on average, where looks differ.
        energy_mj: Energy of it, mJ.
        every_ms: From one look to the next, ms.
        sleep_mw: Power between them, mW.

    Raises:
        UsageError: A look takes longer than the interval.

    >>> round(average_power_mw(active_ms=10.0, energy_mj=0.5, every_ms=100.0, sleep_mw=1.0), 6)
    5.9
    """
    if not active_ms <= every_ms:
        raise UsageError(f"It looks every {ms(every_ms)}, but needs {ms(active_ms)}.", "Let it look less often.")
    return (1000 * energy_mj + sleep_mw * (every_ms - active_ms)) / every_ms


def life_hours(capacity_mwh: float, power_mw: float, self_discharge: float = 0.0) -> float:
    """How long a battery lasts, hours.

    Args:
        capacity_mwh: What it holds, mWh; all of it is used.
        power_mw: Average power that is drawn, mW.
        self_discharge: Share of the capacity that it loses by itself each month, the same amount in every month.

    >>> life_hours(660.0, 2.0)
    330.0
    """
    return capacity_mwh / (power_mw + self_discharge * capacity_mwh / MONTH)
