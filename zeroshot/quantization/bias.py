"""A decision bias a class, chosen so that a net's answers to validation images are worth most in the metric.

Training makes a net answer common classes more readily than a metric such as balanced accuracy wants, and what images
it meets later may have other shares. A bias on the logits moves the decision without another training (the logit
adjustment of Menon et al., arXiv 2007.07314, with offsets that are searched instead of derived from class shares).

One class after the other gets the offset that wins most, all others held, until none wins any more. An offset counts
only where what it wins is more than its standard error: on a few images a search among many offsets always wins
something.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from zeroshot.cascade.metric import Metric, share
from zeroshot.int8.decision import MOST_BIAS, Bias, biased
from zeroshot.quantization.quantized_net import QuantizedNet
from zeroshot.training.batches import Split
from zeroshot.types import FloatArray, Int8Array, Int64Array

FEW = 100  # validation examples of a class; a recall of 80 % has a standard error of 4 points on them
ROUNDS = 10  # over all classes; two or three are enough
OFFSETS = 2 * MOST_BIAS + 1


def choose_bias(logits: Int8Array, labels: Int64Array, weight: FloatArray | None = None) -> Bias:
    """The bias of a net.

    Args:
        logits: (n, classes) int8, on validation images.
        labels: (n,) integers.
        weight: (n,) of sum 1, what each image counts, see `zeroshot.cascade.metric`; None for accuracy.

    Returns:
        A whole number a class, from -127 to 127, in steps of the logits; empty where none wins anything.
    """
    wide, n = logits.astype(np.int64), len(labels)
    weights = np.full(n, 1 / n) if weight is None else weight
    bias = np.zeros(wide.shape[1], np.int64)
    for _ in range(ROUNDS):
        before = bias.copy()
        for each in range(len(bias)):
            bias[each] = _best_offset(wide + bias, labels, weights, each, int(bias[each]))
        if (bias == before).all():
            break
    return tuple(bias.tolist()) if bias.any() else ()


def _best_offset(sums: Int64Array, labels: Int64Array, weight: FloatArray, each: int, now: int) -> int:
    """The offset of one class that wins most over the one that it has; of equals the nearest to 0.

    Args:
        sums: (n, classes), logits with the bias so far.
        labels: (n,).
        weight: (n,).
        each: The class.
        now: Its offset so far.
    """
    others = sums.copy()
    others[:, each] = np.iinfo(np.int64).min
    rival = others.argmax(axis=1)
    best = others[np.arange(len(sums)), rival]
    # The least offset at which an image is answered with this class: of equal sums the first one counts.
    least = best - (sums[:, each] - now) + (each > rival)
    gain = weight * ((labels == each).astype(np.int64) - (rival == labels))
    at = np.clip(least, -MOST_BIAS, MOST_BIAS + 1) + MOST_BIAS
    won, spread = (np.cumsum(np.bincount(at, each, OFFSETS + 1))[:OFFSETS] for each in (gain, gain**2))
    won, spread = won - won[now + MOST_BIAS], np.abs(spread - spread[now + MOST_BIAS])
    # Rounding must not make more than its error of what is just as much.
    won = np.where((won > 0) & (won**2 > spread * (1 + 1e-9)), won.round(12), 0.0)
    offsets = np.arange(OFFSETS) - MOST_BIAS
    nearest = np.lexsort((np.abs(offsets), -won))[0]
    return int(offsets[nearest]) if won[nearest] > 0 else now


def on_bias(nets: Mapping[str, QuantizedNet], biases: Mapping[str, Bias], data: Split, metric: Metric) -> list[str]:
    """What the user should know of chosen biases.

    Args:
        nets: By name.
        biases: Of each.
        data: The split; the test part chooses nothing, but tells what is lost.
        metric: That the biases were chosen by.
    """
    if not any(biases.values()):
        return ["No bias wins more on the validation images than chance does: nets decide without."]
    return [*_few(data), *_lost(nets, biases, data, metric)]


def _few(data: Split) -> Iterator[str]:
    counts = np.bincount(data.labels("validation"))
    rare = int(np.where(counts > 0, counts, FEW).argmin())
    if counts[rare] < FEW:
        name, things = data.dataset.class_names[rare], data.dataset.things
        yield f"The bias was chosen on validation {things} of which {counts[rare]} are of class {name!r}: it is rough."


def _lost(nets: Mapping[str, QuantizedNet], biases: Mapping[str, Bias], data: Split, metric: Metric) -> Iterator[str]:
    """The net that loses most by its bias, where one does."""
    labels, things = data.labels("test"), data.dataset.things
    weight = metric.chosen_by(labels, "test")
    values = {
        name: [share(biased(net.outputs["test"], each).argmax(axis=1) == labels, weight) for each in ((), biases[name])]
        for name, net in nets.items()
    }
    losing = [name for name, (before, after) in values.items() if after < before]
    if losing:
        worst = max(losing, key=lambda name: values[name][0] - values[name][1])
        before, after = (100 * each for each in values[worst])
        yield (
            f"On test {things} the bias makes {len(losing)} of {len(nets)} nets worse, most of all {worst}: by what it "
            f"was chosen for from {before:.1f} to {after:.1f} %. Validation {things} may be few, or of few sources."
        )
