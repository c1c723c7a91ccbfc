"""What every part of the study stands on: the trained nets, what is known of them untrained, and their halves."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import ndtri
from scipy.stats import kendalltau, spearmanr

from benchmarks.pair_truth import scores
from zeroshot.accuracy.features import features
from zeroshot.bench.pair_truth import HALVES, Zoo, ZooNet, load
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.scoring.plugins import DEFAULT_PROXIES
from zeroshot.scoring.ranking import fuse_ranks
from zeroshot.types import FloatArray, Int64Array

HERE = Path(__file__).parent
ENOUGH = 40  # calibration nets below which no constants are shipped
FEW = 8  # nets below which no figure is printed
STATIC = ("macs",)  # the static one of a search's default proxies


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is known of a population without training any of it.

    Attributes:
        known: Feature -> (n,) float64.
        scores: Proxy -> (n,) float64, NaN where it is undefined.
    """

    known: dict[str, FloatArray] = field(repr=False)
    scores: dict[str, FloatArray] = field(repr=False)

    def __len__(self) -> int:
        return len(self.known["log_macs"])

    def take(self, rows: Int64Array) -> "Inputs":
        """Some of the nets as a population of their own."""
        return Inputs({k: v[rows] for k, v in self.known.items()}, {k: v[rows] for k, v in self.scores.items()})

    def joined(self, other: "Inputs") -> "Inputs":
        """Both as one population, with the scores that both have."""
        return Inputs(
            {k: np.concatenate([v, other.known[k]]) for k, v in self.known.items()},
            {k: np.concatenate([v, other.scores[k]]) for k, v in self.scores.items() if k in other.scores},
        )  # fmt: skip

    @property
    def everything(self) -> dict[str, FloatArray]:
        """Features and scores by name, as an accuracy model takes them."""
        return self.known | self.scores

    def fused(self, proxies: tuple[str, ...] = tuple(DEFAULT_PROXIES)) -> FloatArray:
        """Fused ranks within this population, as a search has them."""
        return fuse_ranks(np.column_stack([self.scores[name] for name in proxies]))


@dataclass(frozen=True, eq=False)
class Sample:
    """Trained nets of one seed with what is known of them untrained; all rows are of the same nets.

    Attributes:
        zoo: Of seed 0.
        inputs: Of the nets.
        half: (n,) names of `HALVES`.
    """

    zoo: Zoo = field(repr=False)
    inputs: Inputs = field(repr=False)
    half: tuple[str, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.zoo)

    def of(self, half: str) -> "Sample":
        """The nets of one half."""
        return self.take(np.flatnonzero(np.array(self.half) == half))

    def take(self, rows: Int64Array) -> "Sample":
        """Some of the nets."""
        zoo = Zoo(tuple(self.zoo.nets[i] for i in rows), self.zoo.labels)
        return Sample(zoo, self.inputs.take(rows), tuple(self.half[i] for i in rows))

    def joined(self, other: "Sample") -> "Sample":
        """Both as one, nets of the same images."""
        zoo = Zoo(self.zoo.nets + other.zoo.nets, self.zoo.labels)
        return Sample(zoo, self.inputs.joined(other.inputs), self.half + other.half)

    @property
    def accuracy(self) -> FloatArray:
        """On the test images, (n,)."""
        return np.array([net.test_accuracy for net in self.zoo.nets], np.float64)

    @property
    def validation(self) -> FloatArray:
        """On the validation images, (n,): what a user who trains a net has; half an image of either kind is added."""
        images = len(self.zoo.labels["validation"])
        return np.array([(net.validation_accuracy * images + 0.5) / (images + 1) for net in self.zoo.nets], np.float64)

    @property
    def mu(self) -> FloatArray:
        """Phi^-1 of the test accuracy, (n,); a net that errs nowhere counts as one with half an error."""
        half = 0.5 / len(self.zoo.labels["test"])
        return np.asarray(ndtri(np.clip(self.accuracy, half, 1 - half)), np.float64)


def load_sample(
    zoo: Path = HERE / "zoo", table: Path = HERE, channels: int = 3, classes: int = 10
) -> tuple[Sample, Zoo]:
    """The nets of seed 0 as a sample, and the whole zoo with its repeats.

    Args:
        zoo: Folder of trained nets.
        table: Folder of their scores.
        channels: Of the images.
        classes: Of the task.

    Raises:
        RunError: A file is missing or damaged, or a net has no scores.
    """
    whole = load(zoo)
    nets = whole.chosen()
    names = [net.net for net in nets.nets]
    known = features(layer_table(spec_array([NetSpec.parse(name) for name in names]), channels, classes))
    return Sample(nets, Inputs(known, scores.read(table).rows(names)), tuple(net.half for net in nets.nets)), whole


def zoo_sha256(zoo: Zoo) -> str:
    """One checksum of all trained nets, hex."""
    lines = sorted(f"{net.net} {net.seed} {net.half} {net.about['sha256']}\n" for net in zoo.nets)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def label_noise(zoo: Zoo) -> tuple[float, int]:
    """Standard deviation of a net's test accuracy between seeds, pooled, and the number of nets with more than one.

    Returns:
        NaN and 0 without repeats.
    """
    groups = [row for row in zoo.summary() if row.spread is not None]
    freedom = np.array([len(row.seeds) - 1 for row in groups], float)
    if not len(groups):
        return float("nan"), 0
    return float(np.sqrt((freedom * [(row.spread or 0.0) ** 2 for row in groups]).sum() / freedom.sum())), len(groups)


@cache
def _task_readouts() -> dict[str, dict[str, float]]:
    return scores.read_readouts()


def regrouped(sample: Sample, groups: tuple[int, ...], task: str = "") -> Sample:
    """The same nets on the task whose classes are groups of the former ones; confidences stay as they are.

    Args:
        sample: With predictions of classes 0 to len(groups) - 1.
        groups: New class of each former one.
        task: Its name; the one score that depends on the classes is then taken from the readouts of that task.
            Without a name, scores stay as they are.
    """
    of = np.array(groups, np.uint8)
    labels = {part: of[truth] for part, truth in sample.zoo.labels.items()}

    def moved(net: ZooNet) -> ZooNet:
        predicted = {part: of[said] for part, said in net.answers.predicted.items()}
        right = {part: float((predicted[part] == labels[part]).mean()) for part in predicted}
        answers = replace(net.answers, predicted=predicted)
        return replace(net, answers=answers, test_accuracy=right["test"], validation_accuracy=right["validation"])

    inputs = sample.inputs
    if task:
        own = _task_readouts()[task]
        column = np.array([own[net.net] for net in sample.zoo.nets])
        inputs = replace(inputs, scores=inputs.scores | {"linear_readout": column})
    return replace(sample, zoo=Zoo(tuple(moved(net) for net in sample.zoo.nets), labels), inputs=inputs)


def spearman(a: FloatArray, b: FloatArray) -> float:
    """Signed; NaN where a side is constant."""
    return float(spearmanr(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else float("nan")


def undefined_last(score: FloatArray) -> FloatArray:
    """A proxy's values, (n,), below all others where it is undefined."""
    return np.nan_to_num(score, nan=-1e300)


def kendall(a: FloatArray, b: FloatArray) -> float:
    """Kendall's tau-b; NaN where a side is constant."""
    return float(kendalltau(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else float("nan")


__all__ = [
    "ENOUGH", "FEW", "HALVES", "HERE", "STATIC", "Inputs", "Sample", "kendall", "label_noise", "load_sample",
    "regrouped", "spearman", "undefined_last", "zoo_sha256",
]  # fmt: skip
