"""Every proxy against an obvious reimplementation, the invariants its formula implies, and pinned values."""

import copy
import doctest
import importlib
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zeroshot.build import build, initialise
from zeroshot.net import NetSpec, Stage, layer_table, spec_array
from zeroshot.probing.probe import Probe, evaluate
from zeroshot.scoring.plugins import load_proxies

from ..strategies import examples

SPECS = (
    "r8-s4-c3w6x2",
    "r9-s4/2-d5w6x2-d3w8x1/2-h12",
    "r8-s4-m3e3w4x2-m5e1w6x2/2",
    "r12-s6-b3w6x1-b3w8x2/2",
    "r8-s4-m3e2w4x1-d3w6x1/2-b3w8x1/2-c5w8x1-h12",
)
PROBED = load_proxies(["naswot", "zico", "grad_norm", "snip", "synflow"])
MODULES = ("size", "topology", "gradients", "zico", "naswot", "synflow")


pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


def make(text, seed=0, dtype=torch.float64, images=8, count=2):
    """Net and batches; in double, so that tests see the protocol and not the rounding of one machine."""
    spec = NetSpec.parse(text)
    net = build(spec, 3, 5)
    g = torch.Generator().manual_seed(seed)
    initialise(net, g)
    size = spec.resolution
    batches = [
        (
            torch.randn(images, 3, size, size, generator=g).to(dtype),
            torch.randint(0, 5, (images,), generator=g),
        )
        for _ in range(count)
    ]
    return net.to(dtype), batches


def values(net, batches):
    scores = evaluate(PROBED, Probe(net, batches))
    assert {score.status for score in scores.values()} == {"ok"}
    return {name: score.value for name, score in scores.items()}


def statuses(net, batches):
    scores = evaluate(PROBED, Probe(net, batches))
    assert all(math.isnan(score.value) == (score.status != "ok") for score in scores.values())
    return {name: score.status for name, score in scores.items()}


def weighted(net):
    return [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


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


def without_batch_norm(module):
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.Identity())
        else:
            without_batch_norm(child)
    return module


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


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("text", SPECS)
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


@examples(15)
@given(st.permutations(range(8)), st.sampled_from(SPECS))
def test_the_order_of_images_and_of_batches_does_not_matter(order, text):
    net, batches = make(text)
    x, y = batches[0]
    straight, shuffled = values(net, batches), values(net, [(x[order], y[order]), batches[1]])
    assert shuffled == pytest.approx(straight, rel=1e-5)
    assert values(net, batches[::-1])["zico"] == pytest.approx(straight["zico"], rel=1e-9)


@examples(15)
@given(st.integers(0, 2**31), st.sampled_from(SPECS))
def test_bounds(seed, text):
    net, batches = make(text, seed=seed)
    scores = values(net, batches)
    # Of two numbers the mean magnitude is at least half their distance, so each weight counts at least 1.
    assert scores["zico"] >= 0
    assert scores["grad_norm"] > 0
    assert scores["snip"] > 0
    # K is a matrix of whole numbers, so its determinant is at least 1; and at most the diagonal's product.
    units = sum(code.shape[1] for code in Probe(net, batches).relu_codes())
    assert 0 <= scores["naswot"] <= 8 * math.log(units)
    assert scores["synflow"] < math.log(1e300)


@examples(10)
@given(st.floats(0.25, 8.0), st.integers(0, 3))
def test_scaling_a_normalised_layer(factor, layer):
    """Batch norm undoes the scale: codes, zico and snip stay, the gradient shrinks, synflow is linear."""
    net, batches = make("r8-s8-c3w8x1-d3w8x1")
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-12
    scaled = copy.deepcopy(net)
    with torch.no_grad():
        weighted(scaled)[layer].weight.mul_(factor)
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


def blocks(spec):
    """(input channels of the main path's layers, skip channels) of every block, from the spec alone."""
    width = spec.stem_width
    for stage in spec.stages:
        for i in range(stage.depth):
            same = width == stage.width and (stage.stride == 1 or i > 0)
            if stage.block == "c":
                yield [width], 0
            elif stage.block == "d":
                yield [width, width], 0
            elif stage.block == "b":
                yield [width, stage.width], width
            elif stage.expansion == 1:
                yield [width, width], width if same else 0
            else:
                hidden = width * stage.expansion
                yield [width, hidden, hidden], width if same else 0
            width = stage.width


def naive_mass(spec):
    total = 0.0
    for inputs, skip in blocks(spec):
        possible = sum(inputs[i] for end in range(2, len(inputs) + 1) for i in range(end - 1))
        width = sum(inputs) / len(inputs)
        total += (skip / possible if possible else 0.0) * width * len(inputs)
    return total


def naive_degree(spec):
    return sum(sum(inputs) / len(inputs) + skip / sum(inputs) for inputs, skip in blocks(spec))


@st.composite
def specs(draw):
    stages = []
    for _ in range(draw(st.integers(1, 4))):
        block = draw(st.sampled_from("cdmb"))
        expansion = draw(st.integers(1, 6)) if block == "m" else 1
        kernel = draw(st.sampled_from([1, 3, 5, 7]))
        width, depth, stride = draw(st.integers(1, 12)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
        stages.append(Stage(block, kernel, width, depth, stride, expansion))
    stem = draw(st.integers(1, 12)), draw(st.integers(1, 2))
    return NetSpec(draw(st.integers(1, 32)), *stem, tuple(stages), draw(st.sampled_from([0, 5])))


def static(name, table):
    return load_proxies([name])[0].function(table)


@examples(60)
@given(st.lists(specs(), min_size=1, max_size=5))
def test_static_proxies_against_the_specs(population):
    table = layer_table(spec_array(population), 3, 7)
    for name in ("params", "macs", "depth", "nn_mass", "nn_degree"):
        scores = static(name, table)
        assert scores.dtype == np.float64
        assert scores.shape == (len(population),)
    np.testing.assert_allclose(static("nn_mass", table), [naive_mass(spec) for spec in population])
    np.testing.assert_allclose(static("nn_degree", table), [naive_degree(spec) for spec in population])
    nets = [build(spec, 3, 7) for spec in population]
    assert static("params", table).tolist() == [sum(p.numel() for p in net.parameters()) for net in nets]
    assert static("depth", table).tolist() == [len(weighted(net)) for net in nets]


def test_static_proxies_of_nobody():
    table = layer_table(np.zeros((0, 11), np.int32), 3, 10)
    for name in ("params", "macs", "depth", "nn_mass", "nn_degree"):
        assert static(name, table).shape == (0,)


def test_nn_mass_agrees_with_the_authors_closed_forms():
    """Their MobileNet block of n channels and hidden width h, and their basic block from n to m channels."""
    n, h = 24, 144
    assert _mass("r8-s24-m3e6w24x1") == pytest.approx((n + 2 * h) * n / (2 * n + h))
    assert _mass("r8-s16-b3w32x1/2") == 16 + 32
    assert _mass("r8-s16-c3w16x2-d3w16x2-m3e4w24x1") == 0.0


def _mass(text):
    return static("nn_mass", layer_table(spec_array([NetSpec.parse(text)]), 3, 10))[0]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    result = doctest.testmod(importlib.import_module(f"zeroshot.proxies.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
