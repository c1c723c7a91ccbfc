"""Ground truth for pairs: a zoo of trained nets with their answers, and the exact figures of every cascade of two.

Nothing here was predicted: with both nets' answers to the same images, every pair at every threshold is a sum.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import numpy.typing as npt

from zeroshot.bench import truth_files as files
from zeroshot.bench.truth_files import LEVELS, Answers
from zeroshot.cascade.measure import Outcome
from zeroshot.cascade.policy import DEFAULT_POLICY
from zeroshot.cost.boards import Board
from zeroshot.cost.engines import Engine
from zeroshot.cost.nets import NetCosts, net_costs
from zeroshot.errors import RunError, UsageError, unknown
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.types import BoolArray, ByteArray, FloatArray, Int64Array

HALVES = ("calibration", "held-out")
FOLDER = Path(__file__).resolve().parents[2] / "benchmarks/pair_truth/zoo"  # beside the cloned code; no wheel has it

__all__ = [
    "FOLDER",
    "HALVES",
    "LEVELS",
    "NetSummary",
    "PairTable",
    "Zoo",
    "ZooNet",
    "costs_on",
    "load",
    "outcome",
    "pair_table",
]


@dataclass(frozen=True, eq=False)
class ZooNet:
    """One trained net.

    Attributes:
        net: Short spec.
        seed: Of its training.
        half: `calibration` or `held-out`; all seeds of a net are in the same half.
        macs: Of one inference.
        validation_accuracy: A fraction, on the images that chose the epoch.
        test_accuracy: On images that chose nothing.
        about: All that is stored beside the answers: costs, recipe, accuracy of each epoch, machine, seconds.
        answers: To every validation and test image.
    """

    net: str
    seed: int
    half: str
    macs: int
    validation_accuracy: float
    test_accuracy: float
    about: dict[str, Any] = field(repr=False)
    answers: Answers = field(repr=False)


@dataclass(frozen=True)
class NetSummary:
    """The trainings of one net together.

    Attributes:
        net: Short spec.
        half: `calibration` or `held-out`.
        macs: Of one inference.
        seeds: Of the trainings, ascending.
        accuracy: Mean test accuracy, a fraction.
        spread: Its standard deviation over the seeds; None of one seed.
    """

    net: str
    half: str
    macs: int
    seeds: tuple[int, ...]
    accuracy: float
    spread: float | None


@dataclass(frozen=True, eq=False)
class Zoo:
    """Trained nets that answered the same images.

    Attributes:
        nets: In the order of their names, which is the order of the draw.
        labels: `validation` and `test` -> (n,) uint8.
    """

    nets: tuple[ZooNet, ...] = field(repr=False)
    labels: dict[str, ByteArray] = field(repr=False)

    def __len__(self) -> int:
        return len(self.nets)

    def chosen(self, half: str | None = None, seed: int | None = 0) -> "Zoo":
        """The nets of one half and one seed; None takes all.

        Raises:
            UsageError: Unknown half.
        """
        if half is not None and half not in HALVES:
            raise unknown("half", half, HALVES)
        kept = (net for net in self.nets if half in (None, net.half) and seed in (None, net.seed))
        return Zoo(tuple(kept), self.labels)

    def macs(self) -> Int64Array:
        """MACs of one inference, (n_nets,) int64."""
        return np.array([net.macs for net in self.nets], np.int64)

    def right(self, part: str = "test") -> BoolArray:
        """Whether each net is right on each image, (n_nets, n_images) bool."""
        truth = self.labels[part]
        rows = [net.answers.predicted[part] == truth for net in self.nets]
        return np.array(rows, bool).reshape(len(rows), len(truth))

    def levels(self, policy: str = DEFAULT_POLICY) -> ByteArray:
        """Confidence of each net on each test image, (n_nets, n_test) uint8.

        Raises:
            UsageError: A net holds no scores of this policy: repeats with other seeds keep the default one only.
        """
        for net in self.nets:
            if policy not in net.answers.levels:
                raise unknown("escalation policy", policy, net.answers.levels, f"{net.net}, seed {net.seed}.")
        rows = [net.answers.levels[policy] for net in self.nets]
        return np.array(rows, np.uint8).reshape(len(rows), len(self.labels["test"]))

    def rows(self) -> list[dict[str, Any]]:
        """One row a trained net: what `zeroshot truth --json` prints."""
        keys = ("position", "kind", "params", "costs", "best_epoch", "recipe", "machine", "seconds")
        return [
            {
                "net": net.net, "seed": net.seed, "half": net.half, "macs": net.macs,
                "validation_accuracy": net.validation_accuracy, "test_accuracy": net.test_accuracy,
                **{key: net.about[key] for key in keys if key in net.about},
            }
            for net in self.nets
        ]  # fmt: skip

    def summary(self) -> list[NetSummary]:
        """The nets, each with its seeds together."""
        groups: dict[str, list[ZooNet]] = defaultdict(list)
        for net in self.nets:
            groups[net.net].append(net)
        return [_summary(group) for group in groups.values()]


def _summary(group: list[ZooNet]) -> NetSummary:
    accuracies = [net.test_accuracy for net in group]
    seeds = tuple(sorted(net.seed for net in group))
    spread = stdev(accuracies) if len(group) > 1 else None
    return NetSummary(group[0].net, group[0].half, group[0].macs, seeds, mean(accuracies), spread)


def load(folder: str | Path = FOLDER) -> Zoo:
    """Read a zoo.

    Raises:
        RunError: There is none, or a file of it is damaged, missing, cut short or belongs to other labels.
    """
    where = Path(folder)
    if not (where / files.LABELS).exists():
        raise RunError(
            f"There is no zoo in {where}.",
            "It is part of the source repository; give its folder with `folder`, or make one: "
            "python -m benchmarks.pair_truth.zoo train --hours 1",
        )
    labels = files.load_labels(where)
    return Zoo(tuple(_net(where, name, labels) for name in files.names(where)), labels)


def _net(folder: Path, name: str, labels: dict[str, ByteArray]) -> ZooNet:
    about, said = files.load_net(folder, name, labels)
    try:
        net = ZooNet(
            about["net"], int(about["seed"]), about["half"], int(about["macs"]), float(about["validation_accuracy"]),
            float(about["test_accuracy"]), about, said,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder / name}.json lacks or garbles {error}.", files.AGAIN) from error
    counted = float((said.predicted["test"] == labels["test"]).mean())
    if abs(counted - net.test_accuracy) > 1e-9:
        raise RunError(
            f"{folder / name}.json says {net.test_accuracy} of the test images are right, its answers {counted}.",
            files.AGAIN,
        )
    return net


def outcome(zoo: Zoo, little: int, big: int, policy: str = DEFAULT_POLICY) -> Outcome:
    """A pair's test images as `zeroshot.cascade.measure` takes them; scores are levels, thresholds 0 to 256.

    Args:
        zoo: The nets.
        little: Row of the little net.
        big: Row of the big one.
        policy: Of the escalation.
    """
    pair = Zoo((zoo.nets[little], zoo.nets[big]), zoo.labels)
    right = pair.right()
    return Outcome(Zoo(pair.nets[:1], zoo.labels).levels(policy)[0].astype(np.float64), right[0], right[1])


@dataclass(frozen=True, eq=False)
class PairTable:
    """Every ordered pair at every threshold, on the test images.

    Attributes:
        little: (n_pairs,) int64, row of the little net in the zoo.
        big: (n_pairs,) int64; it has more MACs.
        threshold: (n_levels,) int64: level k escalates the images whose level is below k, which k/256 of the
            *validation* images are at most. 0 is the little net alone, 256 the big one.
        p: (n_pairs, n_levels) float64, escalation rate on the test images.
        accuracy: (n_pairs, n_levels) float64, of the cascade.
        macs: (n_pairs, n_levels) float64, expected.
    """

    little: Int64Array
    big: Int64Array
    threshold: Int64Array
    p: FloatArray = field(repr=False)
    accuracy: FloatArray = field(repr=False)
    macs: FloatArray = field(repr=False)

    def __len__(self) -> int:
        return len(self.little)

    def expected(self, cost: npt.ArrayLike, decision: float = 0.0) -> FloatArray:
        """Expected cost of every pair at every threshold, (n_pairs, n_levels) float64, in the unit of `cost`.

        Args:
            cost: (n_nets,), of one inference of each net of the zoo.
            decision: Of one escalation decision.
        """
        each = np.asarray(cost, np.float64)
        return np.asarray((each[self.little] + decision)[:, None] + self.p * each[self.big][:, None], np.float64)


def pair_table(zoo: Zoo, policy: str = DEFAULT_POLICY, thresholds: Sequence[int] | None = None) -> PairTable:
    """The exact figures of all ordered pairs of different nets in which the big net has more MACs.

    Args:
        zoo: At least two nets.
        policy: A name of `zeroshot.cascade.policy.POLICIES`.
        thresholds: Levels from 0 to 256; None for all of them.

    Raises:
        UsageError: A threshold out of range, or no pair.
    """
    grid = np.arange(LEVELS + 1) if thresholds is None else np.asarray(thresholds, np.int64)
    if grid.ndim != 1 or not len(grid) or grid.min() < 0 or grid.max() > LEVELS:
        raise UsageError(f"Thresholds are levels from 0 to {LEVELS}.")
    macs = zoo.macs()
    if len(np.unique(macs)) < 2:
        raise UsageError("A pair needs two nets, one with more MACs than the other.")
    right, score = zoo.right(), zoo.levels(policy)
    parts = [(i, np.flatnonzero(macs > macs[i])) for i in range(len(zoo))]
    little = np.concatenate([np.full(len(bigs), i) for i, bigs in parts])
    big = np.concatenate([bigs for _, bigs in parts])
    curves = [_curves(score[i], right[i], right[bigs], grid) for i, bigs in parts]
    p, accuracy = (np.concatenate(column) for column in zip(*curves, strict=True))
    cost = macs.astype(np.float64)
    return PairTable(little, big, grid, p, accuracy, cost[little][:, None] + p * cost[big][:, None])


def _curves(score: ByteArray, little: BoolArray, bigs: BoolArray, grid: Int64Array) -> tuple[FloatArray, FloatArray]:
    """Escalation rate and accuracy of one little net with each big one, both (n_bigs, n_levels): sums of integers."""
    n, order = len(score), np.argsort(score, kind="stable")
    escalated = np.searchsorted(score[order], grid, side="left")
    gain = np.zeros((len(bigs), n + 1), np.int64)
    np.cumsum(bigs[:, order].astype(np.int8) - little[order].astype(np.int8), axis=1, dtype=np.int64, out=gain[:, 1:])
    accuracy = (int(little.sum()) + gain[:, escalated]) / n
    return np.broadcast_to(escalated / n, accuracy.shape), accuracy


def costs_on(zoo: Zoo, board: Board, engine: Engine, channels: int = 3, classes: int = 10) -> NetCosts:
    """What each net of the zoo needs on a board; with `PairTable.expected`, a pair's latency or energy."""
    return net_costs(
        layer_table(spec_array([NetSpec.parse(n.net) for n in zoo.nets]), channels, classes), board, engine
    )
