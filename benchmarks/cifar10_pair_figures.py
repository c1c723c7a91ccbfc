"""The nets of the CIFAR-10 pair, what they cost, and how the pair does at its working point."""

from dataclasses import dataclass

import numpy as np

from zeroshot.cascade.measure import Measured, Outcome, Verdict, hits, measure, outcome, verdict
from zeroshot.cascade.thresholds import relative_to_class, threshold_for_rate, thresholds_per_class
from zeroshot.cost.arena import arena_bytes
from zeroshot.cost.counts import layer_weights, macs, per_net
from zeroshot.net import LayerTable, NetSpec, layer_table, spec_array
from zeroshot.quantization.quantize import Int8Recipe, QuantizedNet
from zeroshot.training.train import Split

CHANNELS, CLASSES, SIDE = 3, 10, 32
# Chosen by hand, before anything was trained, for the budgets: a big net of residual blocks, which train fastest on a
# CPU, a little one of inverted bottlenecks, which do most with few MACs, and two single nets that have about the pair's
# expected MACs: one of residual blocks, and one of inverted bottlenecks, the harder rival.
NETS = {
    "little": "r32-s16/2-m3e4w24x1-m3e4w32x2/2",
    "big": "r32-s16-b3w16x1-b3w32x2/2-b3w48x1/2",
    "single": "r32-s10-b3w10x1-b3w24x1/2-b3w48x1/2",
    "rival": "r32-s16-d3w24x1/2-m3e4w24x2-m3e4w40x3/2-h128",
}
SINGLES = ("single", "rival")
# The second was added when the rival had beaten the first; which of them is exported, validation images decide.
PAIRS = {"little + big": ("little", "big"), "little + rival": ("little", "rival")}
RECIPES = {"calibrated": Int8Recipe(epochs=0), "finetuned": Int8Recipe()}
SHIPPED = "finetuned"  # the default of `zeroshot quantize`: what rates and firmware are of
WEIGHTS_KIB, ARENA_KIB, EXPECTED_MACS, GOAL = 96, 64, 6.25e6, 0.856
Nets = dict[str, QuantizedNet]  # role -> net


@dataclass(frozen=True)
class PairRow:
    """A pair at one working point, on the test images.

    Attributes:
        seed: Of the trainings.
        how: Key of `RECIPES`.
        pair: Key of `PAIRS`.
        kind: Of threshold.
        got: The cascade's figures.
        macs: Expected.
        against: Single net -> whether the pair beats it.
    """

    seed: int
    how: str
    pair: str
    kind: str
    got: Measured
    macs: float
    against: dict[str, Verdict]


def table_of(spec: str) -> LayerTable:
    return layer_table(spec_array([NetSpec.parse(spec)]), CHANNELS, CLASSES)


def costs(spec: str) -> dict[str, float]:
    """MACs, bytes of int8 weights and int32 biases, bytes of activations."""
    table = table_of(spec)
    biases = per_net(table, np.where(layer_weights(table) > 0, table.column("out_channels"), 0).astype(np.int64))
    weights = int(per_net(table, layer_weights(table))[0]) + 4 * int(biases[0])
    return {"macs": int(macs(table)[0]), "weights": weights, "arena": int(arena_bytes(table, "bound")[0])}


def rate_inside(pair: str) -> float:
    """The highest escalation rate inside the budget of MACs."""
    little, big = (costs(NETS[role])["macs"] for role in PAIRS[pair])
    return min(1.0, (EXPECTED_MACS - little) / big)


def pair_rows(seed: int, how: str, pair: str, nets: Nets, split: Split) -> list[PairRow]:
    """A pair's figures at the highest escalation rate inside the budget of MACs, with two kinds of threshold."""
    little = nets[PAIRS[pair][0]]
    start, more = (costs(NETS[role])["macs"] for role in PAIRS[pair])
    rate = rate_inside(pair)
    found = {part: outcome_of(pair, nets, split, part) for part in ("validation", "test")}
    answers = {part: little.outputs[part].argmax(axis=1) for part in found}
    threshold = threshold_for_rate(found["validation"].score, rate)
    limits = thresholds_per_class(found["validation"], answers["validation"], CLASSES, rate)
    kinds = {
        "one threshold": (found["test"], threshold),
        "a threshold a class": (relative_to_class(found["test"], answers["test"], limits), 0.0),
    }
    alone = {role: hits(nets[role].outputs["test"], split.labels("test")) for role in SINGLES}
    rows = []
    for kind, (tested, limit) in kinds.items():
        got = measure(tested, limit, seed=seed)
        against = {role: verdict(tested, limit, each, seed=seed) for role, each in alone.items()}
        rows.append(PairRow(seed, how, pair, kind, got, start + got.p * more, against))
    return rows


def outcome_of(pair: str, nets: Nets, split: Split, part: str) -> Outcome:
    """The answers of a pair's int8 nets to one part of the data."""
    little, big = (nets[role] for role in PAIRS[pair])
    return outcome(little.outputs[part].astype(np.int16), big.outputs[part], split.labels(part))


def chosen(nets: Nets, split: Split) -> str:
    """The pair of highest accuracy on validation images inside the budget of MACs, at the threshold chosen there."""

    def accuracy(pair: str) -> float:
        found = outcome_of(pair, nets, split, "validation")
        return measure(found, threshold_for_rate(found.score, rate_inside(pair))).accuracy

    return max(PAIRS, key=accuracy)
