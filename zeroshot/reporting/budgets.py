"""What a pair needs beside what it may have: bars of latency, energy, flash and SRAM."""

from dataclasses import dataclass

from zeroshot.reporting.contents import Contents
from zeroshot.runs.rows import PredictedPair
from zeroshot.runs.words import in_kib
from zeroshot.units import three

WIDTH = 300  # of the longest bar, pixels


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        name: Of the cost.
        text: Its value with the unit.
        length: Pixels.
        limit: Pixel of the run's budget; None without one.
        note: The budget, and what the board has.
        over: Whether the budget is overdrawn.
    """

    name: str
    text: str
    length: float
    limit: float | None
    note: str
    over: bool


def bars(found: Contents, pair: PredictedPair) -> list[Bar]:
    """The bars of a pair, by the search's figures; expected and worst cost share a scale."""
    asked, board = found.config, found.board
    latency, worst, energy = (asked.get(f"{name}_limit") for name in ("latency", "worst_latency", "energy"))
    ms, mj = max(pair.worst_latency_ms, latency or 0, worst or 0), max(pair.worst_energy_mj, energy or 0)
    sizes = [("flash", pair.flash_bytes), ("SRAM", pair.sram_bytes)]
    found_bars = [
        _bar("latency, expected", pair.latency_ms, latency, ms, "ms"),
        _bar("latency, worst", pair.worst_latency_ms, worst, ms, "ms"),
        _bar("energy, expected", pair.energy_mj, energy, mj, "mJ"),
        _bar("energy, worst", pair.worst_energy_mj, None, mj, "mJ"),
    ]
    for name, value in sizes:
        limit = asked.get(f"{name.lower()}_limit")
        has = getattr(board, f"{name.lower()}_bytes") if board is not None else None
        found_bars.append(_bar(name, value, limit, max(value, limit or 0, has or 0), "KiB", has))
    return found_bars


def _bar(
    name: str, value: float, limit: float | None, longest: float, unit: str, has: float | None = None
) -> Bar:  # fmt: skip
    shown = in_kib if unit == "KiB" else three
    notes = [] if limit is None else [f"budget {shown(limit)} {unit}"]
    notes += [] if has is None else [f"board {shown(has)} {unit}"]
    scale = WIDTH / longest if longest > 0 else 0.0
    return Bar(
        name, f"{shown(value)} {unit}", round(max(1.0, value * scale), 1),
        None if limit is None else round(limit * scale, 1), ", ".join(notes) or "no budget",
        limit is not None and value > limit * (1 + 1e-9),
    )  # fmt: skip
