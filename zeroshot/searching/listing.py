"""The rows that a search lists: pairs, each beside the best single net, and single nets, with 80 % intervals."""

from typing import Any

import numpy as np

from zeroshot.accuracy.model import AccuracyModel
from zeroshot.cascade.copula import Coupling
from zeroshot.cascade.rank_pairs import Pairs
from zeroshot.cost.nets import Platform
from zeroshot.runs.rows import PredictedNet, PredictedPair
from zeroshot.searching.error_bars import gain_error, net_interval, pair_interval
from zeroshot.searching.population import Contenders, Population

ALONE = ("single", "single_accuracy", "single_latency_ms", "gain", "gain_error", "pays")


def pair_rows(
    pairs: Pairs, contenders: Contenders, singles: Population, model: AccuracyModel, coupling: Coupling
) -> list[PredictedPair]:
    """Pairs as rows, each beside the best single net at the same expected latency.

    Args:
        pairs: The pairs; indices point into the littles and bigs of the contenders.
        contenders: The nets.
        singles: The Pareto front of nets that may stand alone, by rising latency.
        model: Gives the error bars: 80 % intervals.
        coupling: The copula's constants.
    """
    nets, little, big = contenders.nets, contenders.littles[pairs.little], contenders.bigs[pairs.big]
    a_l, a_b = nets.accuracy[little], nets.accuracy[big]
    known = (a_l, nets.sd[little]), (a_b, nets.sd[big])
    low, high = pair_interval(*known, pairs.p, model, coupling)
    beside = np.searchsorted(singles.costs.latency, pairs.latency, side="right") - 1
    at = np.maximum(beside, 0)
    if len(singles.names):
        names = np.array(singles.names)[at]
        same = np.array(nets.names)[little] == names, np.array(nets.names)[big] == names
        errors = gain_error(known, pairs.p, (singles.accuracy[at], singles.sd[at]), same, model, coupling)
    return [
        PredictedPair(
            rank=i + 1, little=nets.names[little[i]], big=nets.names[big[i]],
            accuracy=float(pairs.accuracy[i]),
            accuracy_low=float(low[i]), accuracy_high=float(high[i]),
            little_accuracy=float(a_l[i]), big_accuracy=float(a_b[i]), escalation_rate=float(pairs.p[i]),
            latency_ms=float(pairs.latency[i]), worst_latency_ms=float(pairs.worst_latency[i]),
            energy_mj=float(pairs.energy[i]), worst_energy_mj=float(pairs.worst_energy[i]),
            macs=float(pairs.macs[i]), flash_bytes=int(pairs.flash[i]), sram_bytes=int(pairs.sram[i]),
            **(_beside(singles, int(beside[i]), float(pairs.accuracy[i]), float(errors[i])) if beside[i] >= 0
               else dict.fromkeys(ALONE)),
        )
        for i in range(len(pairs))
    ]  # fmt: skip


def _beside(singles: Population, single: int, accuracy: float, error: float) -> dict[str, Any]:
    """The single net beside a pair, and what the pair gains."""
    alone = singles.accuracy[single]
    gain = float(accuracy - alone)
    figures = (singles.names[single], float(alone), float(singles.costs.latency[single]), gain, error, gain > 0)
    return dict(zip(ALONE, figures, strict=True))


def single_rows(nets: Population, platform: Platform, model: AccuracyModel) -> list[PredictedNet]:
    """Single nets as rows."""
    costs, accuracy = nets.costs, nets.accuracy
    low, high = net_interval(accuracy, nets.sd, model)
    return [
        PredictedNet(
            net=name, accuracy=float(accuracy[i]), accuracy_low=float(low[i]), accuracy_high=float(high[i]),
            latency_ms=float(costs.latency[i]), energy_mj=float(costs.energy[i]), macs=int(costs.macs[i]),
            flash_bytes=int(costs.flash[i] + platform.runtime[costs.ops[i]]),
            sram_bytes=int(costs.arena[i] + costs.persistent[i]),
        )
        for i, name in enumerate(nets.names)
    ]  # fmt: skip
