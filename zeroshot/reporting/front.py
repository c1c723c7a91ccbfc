"""The Pareto plot: expected latency against expected accuracy, of pairs and of single nets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from zeroshot.reporting.contents import SHOWN, Contents
from zeroshot.reporting.scales import Chart, chart
from zeroshot.runs import words
from zeroshot.runs.rows import PredictedNet, PredictedPair
from zeroshot.runs.words import percent
from zeroshot.units import ms, three

Row = TypeVar("Row", PredictedPair, PredictedNet)
POINTS = 400  # of a front that are drawn; it is a staircase of all of them
NO_TIME, FOREVER = 1e-9, 1e12  # ms
RIGHT = 1.15  # how far a staircase goes on beyond its last point


@dataclass(frozen=True)
class Mark:
    """A point: pixels, the ends of its interval, and the lines that it shows when asked.

    Attributes:
        x: Across.
        y: Down.
        low: Pixel of the lower end of the interval.
        high: Of the upper end.
        lines: What it is.
        rank: Of a listed pair, else 0.
    """

    x: float
    y: float
    low: float
    high: float
    lines: tuple[str, ...]
    rank: int = 0


@dataclass(frozen=True)
class Front:
    """The plot.

    Attributes:
        chart: Its axes.
        pairs: The front of pairs.
        singles: The front of single nets.
        listed: The listed pairs.
        pair_steps: Staircase under the front of pairs, an SVG path.
        single_steps: The same of single nets.
        budgets: Pixel and name of each limit of latency.
    """

    chart: Chart
    pairs: list[Mark]
    singles: list[Mark]
    listed: list[Mark]
    pair_steps: str
    single_steps: str
    budgets: list[tuple[float, str]]


def front_of(found: Contents) -> Front | str:
    """The plot, or why there is none."""
    listed, front, singles = _drawable(found.pairs)[:SHOWN], _drawable(found.front), _drawable(found.singles)
    every: list[PredictedPair | PredictedNet] = [*listed, *front, *singles]
    if not every:
        return "There is nothing to plot yet: the search has listed no pair and no net."
    limit = found.config.get("latency_limit")
    limit = limit if limit is not None and NO_TIME < limit < FOREVER else None
    latencies = [row.latency_ms for row in every] + ([float(limit)] if limit is not None else [])
    ends = [end for row in listed for end in (row.accuracy_low, row.accuracy_high)]
    reached = [100 * min(max(value, 0.0), 1.0) for value in (*(row.accuracy for row in every), *ends)]
    room = 0.05 * (max(reached) - min(reached))
    about = f"expected latency on {found.config.get('board')}, ms ({found.config.get('engine')})"
    drawn = chart(
        (min(latencies), max(latencies) * RIGHT), (max(0.0, min(reached) - room), min(100.5, max(reached) + room)),
        (about, "expected accuracy, %"), log=True,
    )  # fmt: skip
    return Front(
        chart=drawn,
        pairs=[_mark(drawn, row, _pair_lines(row)) for row in _some(front)],
        singles=[_mark(drawn, row, _net_lines(row)) for row in _some(singles)],
        listed=[_mark(drawn, row, (f"pair {row.rank}", *_pair_lines(row)), row.rank) for row in listed],
        pair_steps=_steps(drawn, front), single_steps=_steps(drawn, singles),
        budgets=[] if limit is None else [(drawn.x.at(float(limit)), f"latency budget {ms(float(limit))}")],
    )  # fmt: skip


def _drawable(rows: Sequence[Row] | None) -> list[Row]:
    """Those with a place in the plot: figures of a damaged table may have none."""
    return [row for row in rows or [] if NO_TIME < row.latency_ms < FOREVER and 0 <= row.accuracy <= 1]


def _some(rows: Sequence[PredictedPair | PredictedNet]) -> Sequence[PredictedPair | PredictedNet]:
    return rows[:: max(1, -(-len(rows) // POINTS))]


def _mark(drawn: Chart, row: PredictedPair | PredictedNet, lines: tuple[str, ...], rank: int = 0) -> Mark:
    y, low, high = (drawn.y.at(100 * each) for each in (row.accuracy, row.accuracy_low, row.accuracy_high))
    return Mark(drawn.x.at(row.latency_ms), y, low, high, lines, rank)


def _pair_lines(row: PredictedPair | PredictedNet) -> tuple[str, ...]:
    if not isinstance(row, PredictedPair):
        return _net_lines(row)
    return (
        f"little {row.little}", f"big {row.big}", f"accuracy {words.accuracy(row)} %, gain {words.gain(row)} points",
        f"latency {three(row.latency_ms)} ms, worst {three(row.worst_latency_ms)} ms, "
        f"big runs {percent(row.escalation_rate)} %",
        f"energy {three(row.energy_mj)} mJ, {_memory(row)}",
    )  # fmt: skip


def _net_lines(row: PredictedPair | PredictedNet) -> tuple[str, ...]:
    name = row.net if isinstance(row, PredictedNet) else row.little
    error = 100 * (row.accuracy - row.accuracy_low)
    return (
        f"single {name}", f"accuracy {percent(row.accuracy)} ± {error:.1f} %",
        f"latency {three(row.latency_ms)} ms, energy {three(row.energy_mj)} mJ", _memory(row),
    )  # fmt: skip


def _memory(row: PredictedPair | PredictedNet) -> str:
    return f"flash {words.in_kib(row.flash_bytes)} KiB, SRAM {words.in_kib(row.sram_bytes)} KiB"


def _steps(drawn: Chart, rows: Sequence[PredictedPair | PredictedNet]) -> str:
    """What a given latency buys."""
    if not rows:
        return ""
    points: list[tuple[float, float]] = []
    best = None
    for row in sorted(rows, key=lambda each: (each.latency_ms, -each.accuracy)):
        if best is None or row.accuracy > best:
            if best is not None:
                points.append((row.latency_ms, 100 * best))
            points.append((row.latency_ms, 100 * row.accuracy))
            best = row.accuracy
    return drawn.path([*points, (RIGHT * points[-1][0], points[-1][1])])
