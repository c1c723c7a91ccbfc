"""The five first probed proxies against obvious versions, the invariants of their formulas, and pinned values."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zeroshot.build import build, initialise
from zeroshot.net import NetSpec
from zeroshot.probing.probe import Probe, evaluate
from zeroshot.scoring.plugins import load_proxies

from ..crossed import crossed
from ..proxy_nets import SPECS, make, weighted, with_scaled_layer, without_batch_norm
from ..proxy_nets import values as values_of
from ..strategies import examples

FIRST = load_proxies(["naswot", "zico", "grad_norm", "snip", "synflow"])

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


def values(net, batches):
    return values_of(net, batches, FIRST)


def statuses(net, batches):
    scores = evaluate(FIRST, Probe(net, batches))
    assert all(math.isnan(score.value) == (score.status != "ok") for score in scores.values())
    return {name: score.status for name, score in scores.items()}


def naive_gradients(net, batch):
    twin = copy.deepcopy(net).train()
    nn.functional.cross_entropy(twin(batch[0]), batch[1]).backward()
    return [m.weight.grad.numpy().ravel() for m in weighted(twin)]


def naive_grad_norm(net, batches):
    return sum(math.sqrt(sum(g * g for g in layer)) for layer in naive_gradients(net, batches[0]))


def naive_snip(net, batches):
    weights = [m.weight.detach().numpy().ravel() for m in weighted(net)]
    layers = zip(weights, naive_gradients(net, batches[0]), strict=True)
    return sum(abs(w * g) for layer in layers for w, g in zip(*layer, strict=True))


def naive_zico(net, batches):
    score = 0.0
    for layer in zip(*(naive_gradients(net, batch) for batch in batches), strict=True):
        total = 0.0
        for gradients in zip(*layer, strict=True):
            if np.std(gradients) > 0:
                total += np.mean(np.abs(gradients)) / np.std(gradients)
        if total > 0:
            score += math.log(total)
    return score


def naive_naswot(net, batches):
    twin = copy.deepcopy(net).train()
    outputs = []
    for module in twin.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _m, _x, out: outputs.append(out.detach().numpy()))
    twin(batches[0][0])
    codes = [np.concatenate([(out[i] > 0).ravel() for out in outputs]) for i in range(len(batches[0][0]))]
    kernel = [[(a & b).sum() + (~a & ~b).sum() for a in codes] for b in codes]
    return np.linalg.slogdet(np.array(kernel, float))[1]


def naive_synflow(net, batches):
    twin = without_batch_norm(copy.deepcopy(net).double())
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.abs_()
    twin(torch.ones(1, *batches[0][0].shape[1:], dtype=torch.float64)).sum().backward()
    return math.log(sum(float((m.weight.detach() * m.weight.grad).abs().sum()) for m in weighted(twin)))


ORACLES = {
    "naswot": naive_naswot,
    "zico": naive_zico,
    "grad_norm": naive_grad_norm,
    "snip": naive_snip,
    "synflow": naive_synflow,
}


@pytest.mark.parametrize(("text", "count"), crossed(SPECS, [2, 3]))
def test_probed_proxies_against_obvious_loops(text, count):
    net, batches = make(text, count=count)
    expected = {name: oracle(net, batches) for name, oracle in ORACLES.items()}
    # The oracles run in torch's default memory order, whose rounding zico's near-equal gradients magnify.
    assert values(net, batches) == pytest.approx(expected, rel=1e-5)


# Seed 0, double precision, Kaiming-normal weights, two batches of eight Gaussian images.
GOLDEN = {
    "r12-s6-b3w6x1-b3w8x2/2": {
        "naswot": 62.0338649,
        "zico": 64.3557745,
        "grad_norm": 6.32805536,
        "snip": 13.632439,
        "synflow": 19.1234445,
    },
    "r8-s4-m3e2w4x1-d3w6x1/2-b3w8x1/2-c5w8x1-h12": {
        "naswot": 55.1497943,
        "zico": 71.0564784,
        "grad_norm": 12.5488607,
        "snip": 20.6923962,
        "synflow": 17.2643803,
    },
}


@pytest.mark.parametrize("text", GOLDEN)
def test_pinned_values(text):
    assert values(*make(text)) == pytest.approx(GOLDEN[text], rel=1e-4)


@pytest.mark.parametrize("text", SPECS)
def test_single_precision_is_close_to_double(text):
    """Closer than nets differ; zico divides by differences of gradients and is the least steady."""
    single, double = values(*make(text, dtype=torch.float32)), values(*make(text))
    assert single.pop("zico") == pytest.approx(double.pop("zico"), rel=0.02)
    assert single.pop("naswot") == pytest.approx(double.pop("naswot"), rel=1e-3)
    assert single == pytest.approx(double, rel=1e-4)


def test_a_seed_repeats_exactly_and_another_differs():
    text = SPECS[-1]
    first, again, other = (values(*make(text, seed=s, dtype=torch.float32)) for s in (0, 0, 1))
    assert first == again
    assert all(first[name] != other[name] for name in first)


@examples(8)
@given(st.permutations(range(8)), st.sampled_from(SPECS))
def test_the_order_of_images_and_of_batches_does_not_matter(order, text):
    net, batches = make(text)
    x, y = batches[0]
    straight, shuffled = values(net, batches), values(net, [(x[order], y[order]), batches[1]])
    assert shuffled == pytest.approx(straight, rel=1e-5)
    assert values(net, batches[::-1])["zico"] == pytest.approx(straight["zico"], rel=1e-9)


@examples(10)
@given(st.integers(0, 2**31), st.sampled_from(SPECS))
def test_bounds(seed, text):
    net, batches = make(text, seed=seed)
    scores = values(net, batches)
    probe = Probe(net, batches)
    first, second = probe.weight_gradients(0), probe.weight_gradients(1)
    # Of two numbers the mean magnitude is at least half their distance, so each weight that varies counts at least 1.
    varying = [int((a != b).sum()) for a, b in zip(first, second, strict=True)]
    assert scores["zico"] >= sum(math.log(count) for count in varying if count) - 1e-9
    # Norms of layers add up to more than that of the whole; a layer's |w * g| to less than the product of norms.
    norms = [float(g.norm()) for g in first]
    assert 0 < math.hypot(*norms) <= scores["grad_norm"] * (1 + 1e-9)
    products = sum(float(m.weight.detach().norm()) * norm for m, norm in zip(weighted(net), norms, strict=True))
    assert 0 < scores["snip"] <= products * (1 + 1e-9)
    # K is a matrix of whole numbers, so its determinant is at least 1; and at most the diagonal's product.
    units = sum(code.shape[1] for code in probe.relu_codes())
    assert 0 <= scores["naswot"] <= 8 * math.log(units)
    assert scores["synflow"] < math.log(1e300)


@examples(10)
@given(st.floats(0.25, 8.0), st.integers(0, 3))
def test_scaling_a_normalised_layer(factor, layer):
    """Batch norm undoes the scale: codes, zico and snip stay, the gradient shrinks, synflow is linear."""
    net, scaled, batches = with_scaled_layer(factor, layer)
    a, b = values(net, batches), values(scaled, batches)
    for name in ("naswot", "zico", "snip"):
        assert b[name] == pytest.approx(a[name], rel=1e-4), name
    norm = float(Probe(net, batches).weight_gradients()[layer].norm())
    assert b["grad_norm"] - a["grad_norm"] == pytest.approx(norm / factor - norm, rel=1e-4, abs=1e-6)
    assert b["synflow"] - a["synflow"] == pytest.approx(math.log(factor), abs=1e-5)


def test_synflow_of_a_chain_is_layers_times_output():
    """Without shortcuts every layer carries the whole flow: the sum is (layers) * R."""
    net, batches = make("r8-s4-c3w6x2")
    twin = without_batch_norm(copy.deepcopy(net))
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.abs_()
        response = float(twin(torch.ones(1, 3, 8, 8, dtype=torch.float64)).sum())
    assert values(net, batches)["synflow"] == pytest.approx(math.log(4 * response), abs=1e-5)


def test_zico_counts_weights_when_gradients_are_opposite():
    """Gradients g and -g have mean |g| equal to their deviation: each weight counts 1."""
    net, batches = make("r8-s4-c3w6x1")
    probe = Probe(net, batches)
    probe._gradients[1] = [-g for g in probe.weight_gradients(0)]
    sizes = [np.count_nonzero(g.numpy()) for g in probe.weight_gradients(0)]
    score = load_proxies(["zico"])[0].function(probe)
    assert score == pytest.approx(sum(map(math.log, sizes)))


def test_naswot_of_disjoint_codes():
    """Two images in opposite states everywhere: K is units on the diagonal and 0 beside it."""
    probe = Probe(nn.ReLU(), [(torch.tensor([[1.0] * 70, [-1.0] * 70]), None)])
    assert load_proxies(["naswot"])[0].function(probe) == pytest.approx(2 * math.log(70))


def test_all_weights_zero():
    net = build(NetSpec.parse(SPECS[-1]), 3, 5)
    assert statuses(net, make(SPECS[-1], dtype=torch.float32)[1]) == {
        "naswot": "two images have the same ReLU code",
        "zico": "no gradient varies between the batches",
        "grad_norm": "no gradient reaches any weight",
        "snip": "no gradient reaches any weight",
        "synflow": "no signal passes through the net",
    }


def test_dead_relus():
    net, batches = make("r8-s4-c3w6x2")
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.bias, -100.0)
    found = statuses(net, batches)
    assert found.pop("synflow") == "ok"  # looks past batch norm
    assert "ok" not in found.values()


def test_one_dead_layer_is_left_out():
    net, batches = make("r8-s4-b3w4x1")
    nn.init.zeros_(net.body[0].body[0].weight)
    scores = values(net, batches)
    assert all(map(math.isfinite, scores.values()))
    assert scores["zico"] == pytest.approx(naive_zico(net, batches), rel=1e-5)


def test_not_a_number():
    net, batches = make("r8-s4-c3w6x2")
    with torch.no_grad():
        net.body[0][0].weight[0, 0, 0, 0] = math.nan
    found = statuses(net, batches)
    assert found["zico"] == found["grad_norm"] == found["snip"] == "a gradient is not finite"
    assert found["synflow"] == "the synaptic flow is not finite, even in float64"


def test_the_same_batch_twice_and_the_same_image_twice():
    net, (batch, other) = make("r8-s4-c3w6x2")
    found = statuses(net, [batch, batch])
    assert found.pop("zico") == "no gradient varies between the batches"
    assert set(found.values()) == {"ok"}
    x, y = batch
    assert statuses(net, [(x[[0, 1, 1]], y[:3]), other])["naswot"] == "two images have the same ReLU code"


def test_more_images_than_codes_can_tell_apart():
    """Eight images with eight codes, but of three units: K has rank four at most and no determinant."""
    codes = torch.tensor(list(itertools.product([1.0, -1.0], repeat=3)))
    probe = Probe(nn.ReLU(), [(codes, None)])
    assert evaluate(load_proxies(["naswot"]), probe)["naswot"].status == "the agreement of the ReLU codes is singular"


def test_a_net_without_relu():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    initialise(net, torch.Generator().manual_seed(0))
    g = torch.Generator().manual_seed(0)
    batches = [(torch.randn(4, 3, 2, 2, generator=g), torch.arange(4)) for _ in range(2)]
    found = statuses(net, batches)
    assert found.pop("naswot") == "the net has no ReLU modules"
    assert set(found.values()) == {"ok"}


def test_synflow_of_a_deep_net_leaves_single_precision_behind():
    net, batches = make("r4-s16-c3w16x50", dtype=torch.float32)
    synflow = load_proxies(["synflow"])
    score = evaluate(synflow, Probe(net, batches))["synflow"]
    assert score.value > math.log(3.4e38)
    assert score.value == pytest.approx(naive_synflow(net, batches), rel=1e-6)
    with torch.no_grad():
        for module in weighted(net):
            module.weight.mul_(1e6)
    assert evaluate(synflow, Probe(net, batches))["synflow"].status.startswith("the synaptic flow is not finite")
