"""One listed pair as the page shows it: figures, budgets, curves, nets, memory."""

from collections.abc import Iterator
from dataclasses import dataclass

from zeroshot.errors import RunError, UsageError
from zeroshot.reporting import tables
from zeroshot.reporting.arena import Arena, arena_of
from zeroshot.reporting.budgets import Bar, bars
from zeroshot.reporting.contents import SHOWN, Contents
from zeroshot.reporting.layers import Net, net_of
from zeroshot.reporting.rates import Rates, rates_of
from zeroshot.reporting.seen import Seen
from zeroshot.reporting.tables import TextTable
from zeroshot.runs import words
from zeroshot.runs.rows import PredictedPair
from zeroshot.runs.words import percent
from zeroshot.units import si, three

DRAWN = 3  # pairs whose nets and memory are drawn


@dataclass(frozen=True)
class PairView:
    """A pair.

    Attributes:
        row: As the search lists it.
        figures: Name and text of each figure.
        verdict: Sentences.
        measured: Predicted beside measured; None where it is not trained.
        bars: Costs beside budgets.
        rates: Accuracy against escalation rate.
        nets: Its nets, where they are drawn.
        arena: Its memory map, where it is drawn.
        note: Why nets and map are missing; "" where they are there.
    """

    row: PredictedPair
    figures: list[tuple[str, str]]
    verdict: list[str]
    measured: TextTable | None
    bars: list[Bar]
    rates: Rates
    nets: list[Net]
    arena: Arena | None
    note: str


def pair_views(found: Contents, seen: Seen) -> Iterator[PairView]:
    """The listed pairs that are shown, best first."""
    measured, verdicts = tables.measured(found), tables.verdicts(found)
    for i, pair in enumerate((found.pairs or [])[:SHOWN]):
        nets, arena, note = _inside(found, pair) if i < DRAWN else ([], None, "")
        if i >= DRAWN:
            note = f"The nets and the memory of the first {DRAWN} pairs are drawn."
        yield PairView(
            row=pair, figures=_figures(pair), verdict=verdicts.get(pair.rank, [_predicted(pair)]),
            measured=measured.get(pair.rank), bars=bars(found, pair), rates=rates_of(found, pair, seen.of(pair.rank)),
            nets=nets, arena=arena, note=note,
        )  # fmt: skip


def _inside(found: Contents, pair: PredictedPair) -> tuple[list[Net], Arena | None, str]:
    try:
        nets = [net_of(found, role, getattr(pair, role)) for role in ("little", "big")]
        return nets, arena_of(found, pair), ""
    except (RunError, UsageError) as error:
        return [], None, f"The nets cannot be drawn. {error.message} {error.hint}"


def _figures(pair: PredictedPair) -> list[tuple[str, str]]:
    return [
        ("accuracy, expected", f"{words.accuracy(pair)} %"),
        ("little alone", f"{percent(pair.little_accuracy)} %"),
        ("big alone", f"{percent(pair.big_accuracy)} %"),
        ("big runs", f"{percent(pair.escalation_rate)} %"),
        ("latency", f"{three(pair.latency_ms)} ms, worst {three(pair.worst_latency_ms)} ms"),
        ("energy", f"{three(pair.energy_mj)} mJ, worst {three(pair.worst_energy_mj)} mJ"),
        ("MACs", si(pair.macs)),
        ("flash", f"{words.in_kib(pair.flash_bytes)} KiB"),
        ("SRAM", f"{words.in_kib(pair.sram_bytes)} KiB"),
        ("gain", f"{words.gain(pair)} points"),
    ]


def _predicted(pair: PredictedPair) -> str:
    if pair.single is None:
        return "No single net is as fast."
    return f"Best single net: {pair.single}, {percent(pair.single_accuracy)} %: the pair {words.verdict(pair)}."
