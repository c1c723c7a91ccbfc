"""What a run comes to, in one sentence, and which of its stages are done; all figures are those of its tables."""

from dataclasses import dataclass
from typing import Any

from zeroshot.errors import call
from zeroshot.reporting.contents import Contents
from zeroshot.runs import layout, words
from zeroshot.runs.rows import QUANTIZED_PAIRS, TRAINED_PAIRS, PredictedPair
from zeroshot.runs.words import percent
from zeroshot.units import three


def headline(found: Contents) -> str:
    """The first pair: what it reaches, what it costs, what it beats, how sure that is."""
    where = f"{found.config['data']} on {found.config.get('board', 'an unknown board')}"
    if found.pairs is None:
        nets = len(found.candidates or [])
        probed = f", {len(found.scores)} of them probed" if nets else ""
        return f"The search for pairs for {where} is not finished: {nets:,} candidates so far{probed}."
    if not found.pairs:
        return f"The search found no pair for {where}."
    if found.quantized:
        row = QUANTIZED_PAIRS.plain(found.quantized[0])
        return _measured(f"{where}, in int8, reaches", found.things, row, "int8", "_int8")
    if found.trained:
        row = TRAINED_PAIRS.plain(found.trained[0])
        return _measured(f"{where}, trained, reaches", found.things, row, "test", "")
    return _predicted(where, found.pairs[0])


def _predicted(where: str, pair: PredictedPair) -> str:
    costs = _costs(pair.latency_ms, pair.energy_mj, pair.worst_latency_ms, pair.escalation_rate)
    start = f"Pair {pair.rank} for {where} is expected to reach {words.accuracy(pair)} % at {costs}"
    if pair.single is None:
        return f"{start}; no single net is as fast."
    return (
        f"{start}; the best single net that is no slower is expected to reach {percent(pair.single_accuracy)} %: "
        f"the pair {words.verdict(pair)}, {words.gain(pair)} points."
    )


def _measured(reaches: str, things: str, row: dict[str, Any], kind: str, suffix: str) -> str:
    reached = words.measured_cells(row, kind)[2]
    costs = _costs(
        row[f"latency_ms_{kind}"], row[f"energy_mj_{kind}"], row["worst_latency_ms"], row[f"escalation_rate_{kind}"]
    )
    start = f"Pair {row['rank']} for {reaches} {reached} % of the test {things} at {costs}"
    if row[f"rival{suffix}"] is None:
        return f"{start}."
    return (
        f"{start}; what could be shipped instead is {words.rival(row, kind, suffix)}: the pair "
        f"{row[f'verdict{suffix}']}, {words.measured_gain(row, kind)} points."
    )


def _costs(latency: float, energy: float, worst: float, rate: float) -> str:
    return (
        f"{three(latency)} ms and {three(energy)} mJ on average, {three(worst)} ms where the big net runs, "
        f"{percent(rate)} % of the inputs"
    )


@dataclass(frozen=True)
class Stage:
    """One stage of a run: its name, whether it is done, and what is known of it or how to do it."""

    name: str
    done: bool
    note: str


def stages(found: Contents) -> list[Stage]:
    """All stages in their order."""
    return [_searched(found), _trained(found), _quantized(found), _exported(found), _compressed(found)]


def _searched(found: Contents) -> Stage:
    if found.pairs is None or "" not in found.summaries:
        again = call("search", ..., run=found.run, resume=True)
        return Stage("searched", False, f"The search is not finished. Finish it with its settings: {again}.")
    return Stage("searched", True, f"{len(found.pairs)} pairs listed")


def _trained(found: Contents) -> Stage:
    if found.trained is not None:
        return Stage("trained", True, f"{len(found.trained)} pairs trained")
    if (found.run / layout.MODELS).exists():
        return Stage("trained", False, f"The training is not finished: {call('train', found.run, resume=True)}.")
    return Stage("trained", False, f"No net is trained: {call('train', found.run)}.")


def _quantized(found: Contents) -> Stage:
    if found.quantized is not None:
        return Stage("quantised", True, f"{len(found.quantized)} pairs in int8")
    if (found.run / layout.INT8).exists():
        return Stage("quantised", False, f"Not finished: {call('quantize', found.run, resume=True)}.")
    return Stage("quantised", False, f"No net is quantised: {call('quantize', found.run)}.")


def _exported(found: Contents) -> Stage:
    if not found.exports:
        return Stage("exported", False, f"The run folder has no firmware: {call('export', found.run)}.")
    proved = sum(each.verification is not None for each in found.exports)
    return Stage("exported", True, f"{len(found.exports)} exported, {proved} verified")


def _compressed(found: Contents) -> Stage:
    if not found.pruned:
        return Stage("compressed", False, f"No net is pruned: {call('compress', found.run, '1:big')}.")
    return Stage("compressed", True, f"{len(found.pruned)} pruned")
