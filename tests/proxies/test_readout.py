"""The linear readout against ridge regressions refitted without each image; what its formula implies; its views."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from torch import nn

from zeroshot.errors import UsageError
from zeroshot.probing.probe import Probe, evaluate
from zeroshot.proxies import readout
from zeroshot.scoring.plugins import load_proxies

from ..proxy_nets import NETS, SPECS, make, twin_of
from ..strategies import examples

(READOUT,) = load_proxies(["linear_readout"])
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1, 3, 10)


pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


def score(net, batches, readout=()):
    return evaluate([READOUT], Probe(net, batches, 0, readout))["linear_readout"]


def value(net, batches, readout=()):
    found = score(net, batches, readout)
    assert found.status == "ok"
    return found.value


def readable(text, strength=2.0, count=3):
    """A net and batches whose classes differ by a pattern of their own, under Gaussian noise."""
    net, batches = make(text, count=count)
    patterns = torch.randn(5, *batches[0][0].shape[1:], generator=torch.Generator().manual_seed(9)).double()
    return net, [(x + strength * patterns[y], y) for x, y in batches]


def vectors(strength, images=60, units=12, classes=4, seed=0):
    """Positive vectors, which a single ReLU hands on as they are, that name their class with this strength."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(images) % classes)
    rows = 20 + rng.normal(size=(images, units)) + strength * np.eye(classes, units)[labels]
    return torch.from_numpy(rows), torch.from_numpy(labels)


def naive_units(net, batches):
    """(images, units) means over positions after each ReLU, batch by batch in training mode."""
    rows = []
    for x, _ in batches:
        twin, outputs = twin_of(net), []
        for module in twin.modules():
            if isinstance(module, nn.ReLU):
                module.register_forward_hook(lambda _m, _x, out, kept=outputs: kept.append(out.detach().numpy()))
        twin(x)
        rows += [[float(channel.mean()) for out in outputs for channel in out[i]] for i in range(len(x))]
    return np.array(rows)


def naive_readout(net, batches):
    """Every image predicted by regressions that scikit-learn fits, intercept included, to all the others."""
    units = naive_units(net, batches)
    units = units[:, units.std(0) > 1e-9]
    z = (units - units.mean(0)) / units.std(0)
    t = np.eye(5)[torch.cat([y for _, y in batches]).numpy()]
    errors = []
    for penalty in PENALTIES:
        # The kernel z z' / units has mean eigenvalue 1, so its penalty is `units` times as much on the coefficients.
        ridge, error = Ridge(alpha=penalty * z.shape[1]), 0.0
        for i in range(len(z)):
            others = np.arange(len(z)) != i
            error += ((t[i] - ridge.fit(z[others], t[others]).predict(z[[i]])[0]) ** 2).sum()
        errors.append(error)
    return max(0.0, 1 - min(errors) / ((t - t.mean(0)) ** 2).sum())


@pytest.mark.parametrize(
    "text", [pytest.param(text, marks=[] if i in (2, 6, 7) else [pytest.mark.slow]) for i, text in enumerate(NETS)]
)
def test_against_regressions_refitted_without_each_image(text):
    net, batches = readable(text)
    expected = naive_readout(net, batches)
    assert expected > 0.1  # or the floor at 0 would agree with anything
    assert value(net, batches) == pytest.approx(expected, rel=1e-8)


# Seed 0, double precision, Kaiming-normal weights, three batches of eight images: patterns under Gaussian noise.
GOLDEN = {SPECS[3]: 0.429683592, SPECS[4]: 0.283054628, "cells": 0.637396063}


@pytest.mark.parametrize("text", GOLDEN)
def test_pinned_values(text):
    assert value(*readable(text)) == pytest.approx(GOLDEN[text], rel=1e-6)


@pytest.mark.parametrize("text", NETS)
def test_single_precision_is_close_to_double(text):
    net, batches = readable(text)
    single = value(net.float(), [(x.float(), y) for x, y in batches])
    assert single == pytest.approx(value(net.double(), batches), rel=1e-4)


@examples(15)
@given(st.permutations(range(8)), st.permutations(range(3)), st.sampled_from(NETS))
def test_the_order_of_images_and_of_batches_does_not_matter(order, turn, text):
    net, batches = readable(text)
    shuffled = [(x[order], y[order]) for x, y in (batches[i] for i in turn)]
    assert value(net, shuffled) == pytest.approx(value(net, batches), rel=1e-6)


@examples(30)
@given(st.lists(st.floats(0.01, 100), min_size=12, max_size=12), st.lists(st.floats(0, 100), min_size=12, max_size=12))
def test_scale_and_offset_of_a_unit_do_not_matter(factors, offsets):
    x, y = vectors(strength=4)
    other = x * torch.tensor(factors, dtype=torch.float64) + torch.tensor(offsets, dtype=torch.float64)
    assert value(nn.ReLU(), [(other, y)]) == pytest.approx(value(nn.ReLU(), [(x, y)]), rel=1e-6)


@examples(15)
@given(st.permutations(range(4)), st.permutations(range(12)))
def test_names_of_classes_and_units_do_not_matter(classes, units):
    x, y = vectors(strength=4)
    found = value(nn.ReLU(), [(x[:, units], torch.tensor(classes)[y])])
    assert found == pytest.approx(value(nn.ReLU(), [(x, y)]), rel=1e-6)


@examples(20)
@given(st.integers(0, 2**31), st.floats(0, 30), st.integers(2, 40))
def test_bounds(seed, strength, images):
    x, y = vectors(strength, images, seed=seed)
    assert 0 <= value(nn.ReLU(), [(x, y)]) < 1


def test_units_that_say_nothing_new_change_nothing():
    """A ReLU after a ReLU repeats every unit; a unit that never varies is no unit; ReLU6 is a ReLU."""
    x, y = vectors(strength=4)
    alone = value(nn.ReLU(), [(x, y)])
    assert alone > 0.7
    assert value(nn.Sequential(nn.ReLU(), nn.ReLU()), [(x, y)]) == pytest.approx(alone, rel=1e-9)
    assert value(nn.ReLU(), [(torch.cat([x, torch.full((60, 5), 3.0)], 1), y)]) == pytest.approx(alone, rel=1e-9)
    assert value(nn.ReLU6(), [(x / 10, y)]) == pytest.approx(alone, rel=1e-9)
    assert value(nn.ReLU(), [(x[:25], y[:25]), (x[25:], y[25:])]) == pytest.approx(alone, rel=1e-9)


def test_only_means_over_positions_count():
    x, y = vectors(strength=4)
    noise = torch.randn(60, 12, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    maps = x[:, :, None, None] + noise - noise.mean((2, 3), keepdim=True)
    net = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert value(net, [(maps, y)]) == pytest.approx(value(nn.ReLU(), [(x, y)]), rel=1e-9)


@pytest.mark.parametrize("text", NETS)
def test_classes_that_are_easier_to_tell_apart_score_higher(text):
    scores = [value(*readable(text, strength)) for strength in (0, 1, 2, 4)]
    assert scores == sorted(scores)
    assert scores[0] < 0.02
    assert scores[-1] > 0.4


@pytest.mark.parametrize("seed", range(8))
def test_labels_that_have_nothing_to_do_with_the_images(seed):
    """Not quite 0: the best of seven penalties is taken on the images themselves."""
    x, y = vectors(strength=8, images=120, seed=seed)
    shuffled = y[torch.randperm(120, generator=torch.Generator().manual_seed(seed))]
    assert value(nn.ReLU(), [(x, shuffled)]) < 0.02
    assert value(nn.ReLU(), [(x, y)]) > 0.9


def test_one_image_a_class_is_read_without_error():
    net, batches = make("cells", images=20)
    pictures = batches[0][0][:5]
    labels = torch.arange(20) % 5
    found = value(net, [(pictures[labels], labels)] * 2)
    # Of the smallest penalty alone, 0.01 of a mean eigenvalue where four are 40 / 4 on average.
    assert 0.99 < found < 1


def test_what_the_net_throws_away_cannot_be_read():
    """Stripes one pixel wide, which averaging two by two removes before the first ReLU."""
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 2
    stripes = (torch.arange(8) % 2 * 2.0 - 1).expand(1, 8, 8)
    x = torch.randn(40, 1, 8, 8, generator=g) + 3 * labels[:, None, None, None] * stripes
    layers = (nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    for part in (layers[0], layers[4]):
        nn.init.kaiming_normal_(part.weight, generator=g)
    fine, coarse = nn.Sequential(*layers), nn.Sequential(nn.AvgPool2d(2), *layers)
    assert value(fine, [(x, labels)]) > 0.8
    assert value(coarse, [(x, labels)]) < 0.1


def test_readout_batches_are_read_where_there_are_some():
    net, batches = readable("cells", count=5)
    few, many = batches[:2], batches[2:]
    assert value(net, few, many) == value(net, many)
    assert value(net, few) == value(net, few, few)
    assert value(net, few, many) != value(net, few)
    unlabelled = [(x, None) for x, _ in few]
    assert value(net, unlabelled, many) == value(net, many)


def test_mean_activations_are_those_of_hooks_and_carry_no_graph():
    net, batches = make("r8-s4-b3w6x2", count=3)
    found, labels = Probe(net, batches[:1], 0, batches[1:]).mean_activations()
    np.testing.assert_allclose(found.numpy(), naive_units(net, batches[1:]), rtol=1e-9)
    assert not found.requires_grad
    assert labels.tolist() == [*batches[1][1].tolist(), *batches[2][1].tolist()]


def test_every_batch_is_read_with_the_same_draw_of_the_module_s_own():
    """A net with dropout: equal images give equal activations, in whichever batch they lie."""
    net, batches = make("cells", count=2)
    net = nn.Sequential(nn.Dropout(0.5), net)
    x, y = batches[0]
    found, _ = Probe(net, [(x, y), batches[1], (x, y)]).mean_activations()
    assert torch.equal(found[: len(x)], found[-len(x) :])
    assert not torch.equal(found[: len(x)], found[len(x) : 2 * len(x)])


class Folded(nn.Module):
    """A ReLU over pairs of images."""

    def __init__(self):
        super().__init__()
        self.relu, self.out = nn.ReLU(), nn.Linear(192, 5)

    def forward(self, x):
        return self.out(self.relu(x.reshape(len(x) // 2, 2, -1).flatten(1)).reshape(len(x), -1))


def test_a_relu_over_several_images_at_once_has_no_readout():
    _, batches = make("cells")
    found = score(Folded(), [(x.float(), y) for x, y in batches])
    assert found.status == f"a ReLU's output has no row for each of {len(batches[0][0])} images"


def filled(net, number):
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(number)
    return net


HEAD = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
UNDEFINED = {
    "the net has no ReLU modules": nn.Sequential(nn.Flatten(), nn.Linear(192, 5)),
    "no unit varies between the images": filled(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *HEAD), 0.0),
    "an activation is not finite": filled(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *HEAD), math.inf),
}


@pytest.mark.parametrize("reason", UNDEFINED)
def test_nets_without_a_readout(reason):
    batches = [(x.float(), y) for x, y in make("cells")[1]]
    found = score(UNDEFINED[reason], batches)
    assert found.status == reason
    assert math.isnan(found.value)


def test_images_of_one_class_have_no_readout():
    net, batches = readable("cells")
    single = [(x, torch.full_like(y, 3)) for x, y in batches]
    assert score(net, single).status == "all images are of one class"
    assert score(net, [(x[:1], y[:1]) for x, y in batches[:1]]).status == "all images are of one class"
    # One class a batch is fine, and so are classes that no image is of.
    two = [(x, torch.full_like(y, 4 * (i % 2))) for i, (x, y) in enumerate(batches)]
    assert score(net, two).status == "ok"


def test_readout_batches_that_cannot_be_used():
    net, ((x, y), other) = make("cells")
    with pytest.raises(UsageError, match="Batch 2 has images that are not finite"):
        Probe(net, [other], 0, [(x * math.nan, y)])
    with pytest.raises(UsageError, match="Batch 3 needs a whole-number label"):
        Probe(net, [other], 0, [other, (x, y[:3])])
    with pytest.raises(UsageError, match="needs labels; a batch has none"):
        score(net, [other], [other, (x, None)])
    for labels, words in ((y + 5, "do not fit the 5 classes"), (y - 5, "do not fit the 5 classes")):
        with pytest.raises(UsageError, match=words):
            score(net, [other], [other, (x, labels)])


@pytest.mark.parametrize(("images", "units"), [(40, 12), (12, 40), (20, 20)])
def test_either_product_gives_the_error_of_a_loop_of_fits(images, units):
    """The hat matrix of each penalty by a plain inverse, without and with more units than images."""
    generator = torch.Generator().manual_seed(images)
    z = readout._standardised(torch.randn(images, units, generator=generator))
    targets = readout._centred_one_hot(torch.arange(images) % 3)
    errors = []
    for penalty in readout.PENALTIES:
        inverse = torch.linalg.inv(z.T @ z + penalty * units * torch.eye(units, dtype=torch.float64))
        hat = z @ inverse @ z.T + 1 / images
        left_out = (targets - hat @ targets) / (1 - hat.diagonal())[:, None]
        errors.append(float(left_out.square().sum() / targets.square().sum()))
    assert readout._left_out_error(z, targets) == pytest.approx(min(errors), rel=1e-9)
