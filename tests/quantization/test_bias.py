"""The decision bias that is chosen on validation images, against trying every offset."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cascade.metric import Metric
from zeroshot.data import Dataset
from zeroshot.int8.decision import MOST_BIAS
from zeroshot.quantization.bias import choose_bias, on_bias
from zeroshot.training.batches import Split

from ..strategies import examples


def drawn(seed, n, classes, spread):
    """Logits that know something, few distinct ones for a small spread so that many tie, and lopsided labels."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, n, p=rng.dirichlet(np.ones(classes)))
    logits = rng.normal(0, spread, (n, classes)) + spread * (labels[:, None] == np.arange(classes))
    return np.clip(np.rint(logits), -128, 127).astype(np.int8), labels.astype(np.int64)


def worth(logits, labels, bias, weight):
    return weight[(logits.astype(int) + bias).argmax(axis=1) == labels].sum()


def tried(logits, labels, weight):
    """One class after the other, every offset tried."""
    bias = np.zeros(logits.shape[1], int)
    for _ in range(10):
        before = bias.copy()
        for c in range(len(bias)):
            right = (logits.astype(int) + bias).argmax(axis=1) == labels
            found, most = bias[c], 0.0
            for offset in sorted(range(-MOST_BIAS, MOST_BIAS + 1), key=abs):
                other = bias.copy()
                other[c] = offset
                then = (logits.astype(int) + other).argmax(axis=1) == labels
                difference = weight * (then.astype(int) - right)
                won = round(difference.sum(), 12)
                if won > most and difference.sum() ** 2 > (difference**2).sum() * (1 + 1e-9):
                    found, most = offset, won
            bias[c] = found
        if (bias == before).all():
            break
    return tuple(bias.tolist()) if bias.any() else ()


@examples(10)
@given(st.integers(0, 1000), st.integers(1, 60), st.integers(2, 3), st.sampled_from([2, 20, 90]), st.booleans())
def test_the_best_offsets_are_found(seed, n, classes, spread, balanced):
    logits, labels = drawn(seed, n, classes, spread)
    weight = Metric("balanced").told(labels) if balanced else None
    found = choose_bias(logits, labels, weight)
    expected = tried(logits, labels, np.full(n, 1 / n) if weight is None else weight)
    weights = np.full(n, 1 / n) if weight is None else weight
    mine, theirs = (worth(logits, labels, each or (0,) * classes, weights) for each in (found, expected))
    assert mine == pytest.approx(theirs, abs=1e-9)
    assert mine >= worth(logits, labels, (0,) * classes, weights) - 1e-12


def test_a_net_that_prefers_the_common_class_is_set_right():
    """Class 1 is nine times as common and has 40 steps more than it should."""
    rng = np.random.default_rng(0)
    labels = (np.arange(1000) % 10 != 0).astype(np.int64)
    logits = np.rint(rng.normal(0, 15, (1000, 2)))
    logits[np.arange(1000), labels] += 25
    logits[:, 1] += 40
    logits = np.clip(logits, -128, 127).astype(np.int8)
    weight = Metric("balanced").told(labels)
    first, second = choose_bias(logits, labels, weight) or (0, 0)
    assert 25 < first - second < 55
    assert worth(logits, labels, (first, second), weight) > worth(logits, labels, (0, 0), weight) + 0.1


def test_what_chance_gives_is_no_bias():
    """One image more that is right is no reason."""
    logits = np.array([[3, 0], [3, 0], [0, 3], [1, 0]], np.int8)
    labels = np.array([0, 0, 1, 1])
    assert choose_bias(logits, labels) == ()


def judged(validation, test):
    """A net of two classes; on images of a part it has so many steps too many for class 1, in turn right and wrong."""
    logits = {part: np.array([[10, 0], [0, 10]] * 60, np.int8) for part in ("validation", "test")}
    for part, steps in (("validation", validation), ("test", test)):
        logits[part][:, 1] += steps
    return SimpleNamespace(outputs=logits)


@pytest.mark.parametrize(
    ("test", "n", "words"), [(15, 60, ("60 are",)), (0, 60, ("1 of 2", "worse", "50.0")), (0, 10, ("10 are", "worse"))]
)
def test_what_a_bias_loses_on_test_images_is_told(test, n, words):
    labels = np.arange(120) % 2
    x = np.zeros((240, 1, 1, 1), np.uint8)
    data = Dataset("made up", x, np.tile(labels, 2), x[:120], labels, ("even", "odd"))
    split = Split(data, np.arange(120, 240), np.arange(120)[: 2 * n])
    nets = {"shifted": judged(15, test), "plain": judged(0, 0)}
    outputs = nets["shifted"].outputs["validation"][: 2 * n]
    bias = choose_bias(outputs, split.labels("validation"), Metric("balanced").told(split.labels("validation")))
    first, second = bias
    assert first - second == 5  # no more than makes them right
    told = " ".join(on_bias(nets, {"shifted": (30, 0) if test == 0 else bias, "plain": ()}, split, Metric("balanced")))
    assert all(word in told for word in words)
    assert ("worse" in told) == ("worse" in words)
    assert "chance" in " ".join(on_bias(nets, {"shifted": (), "plain": ()}, split, Metric("balanced")))
