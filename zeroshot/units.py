"""Quantities with units, read and printed: 128KiB, 50ms, 1.5mJ, 1.5M, 220mAh."""

import re
from math import inf, isfinite

from zeroshot.errors import UsageError

BYTES = {"b": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3, "kb": 1000, "mb": 1000**2, "gb": 1000**3}
MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
MILLIJOULES = {"uj": 1e-3, "mj": 1.0, "j": 1e3}
MILLIWATTS = {"uw": 1e-3, "mw": 1.0, "w": 1e3}
VOLTS = {"mv": 1e-3, "v": 1.0}
CHARGES = {"mah": 1.0, "ah": 1e3}
ENERGIES = {"mwh": 1.0, "wh": 1e3}
COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
EXAMPLES = {
    "b": "128KiB", "ms": "50ms", "mj": "2mJ", "mw": "0.5mW", "v": "3.0V", "battery": "220mAh or 660mWh",
    "": "1.5M or 800k",
}  # fmt: skip

DAY = 24.0  # hours
YEAR = 365.25 * DAY

Quantity = str | float | int | None


def _parse(value: Quantity, units: dict[str, float] | dict[str, int], base: str, what: str) -> float:
    if value is None:
        return inf
    match = re.fullmatch(r"\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([a-z]*)\s*", str(value).lower())
    try:
        number = float(match[1]) if match else float("nan")
    except ValueError:
        number = float("nan")
    unit = (match[2] if match else "") or base
    if not isfinite(number * units.get(unit, inf)) or number <= 0:
        raise UsageError(f"{what} {value!r} is not a positive quantity.", f"Write it like {EXAMPLES[base]}.")
    return number * units[unit]


def to_bytes(value: Quantity, what: str = "Size") -> float:
    """Bytes of a size; a plain number is bytes, None is no limit.

    >>> to_bytes("128KiB"), to_bytes(2048)
    (131072.0, 2048.0)
    """
    return _parse(value, BYTES, "b", what)


def to_ms(value: Quantity, what: str = "Time") -> float:
    """Milliseconds of a time; a plain number is ms, None is no limit.

    >>> to_ms("0.5s")
    500.0
    """
    return _parse(value, MILLISECONDS, "ms", what)


def to_mj(value: Quantity, what: str = "Energy") -> float:
    """Millijoules of an energy; a plain number is mJ, None is no limit.

    >>> to_mj("250uJ")
    0.25
    """
    return _parse(value, MILLIJOULES, "mj", what)


def to_mw(value: Quantity, what: str = "Power") -> float:
    """Milliwatts of a power; a plain number is mW, None is no limit.

    >>> to_mw("15uW")
    0.015
    """
    return _parse(value, MILLIWATTS, "mw", what)


def to_volts(value: Quantity, what: str = "Voltage") -> float:
    """Volts of a voltage; a plain number is V, None is no limit.

    >>> to_volts("3.7V")
    3.7
    """
    return _parse(value, VOLTS, "v", what)


def to_mwh(value: Quantity, what: str = "Battery", volts: float = 1.0) -> float:
    """Milliwatt-hours of a battery: its energy, or its charge at so many volts; a plain number is refused.

    >>> to_mwh("220mAh", volts=3.0), to_mwh("0.66Wh")
    (660.0, 660.0)
    """
    return _parse(value, {unit: volts * factor for unit, factor in CHARGES.items()} | ENERGIES, "battery", what)


def is_charge(value: Quantity) -> bool:
    """Whether a battery is told by its charge, which needs a voltage.

    >>> is_charge("220 mAh"), is_charge("660mWh")
    (True, False)
    """
    return str(value).strip().lower().endswith(tuple(CHARGES))


def to_count(value: Quantity, what: str = "Count") -> float:
    """A number of something; None is no limit.

    >>> to_count("1.5M"), to_count("800k"), to_count(1000)
    (1500000.0, 800000.0, 1000.0)
    """
    return _parse(value, COUNTS, "", what)


def kib(n: float) -> str:
    """Bytes for people.

    >>> kib(131072)
    '128.0 KiB'
    """
    return f"{n / 1024:.1f} KiB"


def si(n: float) -> str:
    """A count for people, three significant digits.

    >>> si(12_500_000), si(350_400), si(87)
    ('12.5 M', '350 k', '87')
    """
    rounded = float(f"{n:.3g}")
    for scale, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if rounded >= scale:
            return f"{rounded / scale:.4g}{letter}"
    return f"{rounded:g}"


def ms(value: float) -> str:
    """Milliseconds for people, three significant digits.

    >>> ms(50.0), ms(1234.0), ms(0.0123)
    ('50 ms', '1.23 s', '0.0123 ms')
    """
    rounded = float(f"{value:.3g}")
    return f"{rounded / 1e3:.4g} s" if rounded >= 1e3 else f"{rounded:g} ms"


def duration(hours: float) -> str:
    """A long time for people, three significant digits.

    >>> duration(0.25), duration(36.0), duration(200.0), duration(20_000.0)
    ('0.250 hours', '36.0 hours', '8.33 days', '2.28 years')
    """
    if hours < 2 * DAY:
        return f"{three(hours)} hours"
    return f"{three(hours / DAY)} days" if hours < 2 * YEAR else f"{three(hours / YEAR)} years"


def three(value: float) -> str:
    """Three significant digits, never an exponent from 0.001 up.

    >>> three(5.0), three(1234.5), three(0.0286)
    ('5.00', '1234', '0.0286')
    """
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")
