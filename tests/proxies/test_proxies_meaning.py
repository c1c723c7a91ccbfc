"""What every proxy's formula implies: invariances, bounds, aggregates; pinned values."""

import copy
import doctest
import importlib
import math
import pkgutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import zeroshot.proxies
from zeroshot.errors import UsageError
from zeroshot.probing.probe import Probe, Proxy, evaluate
from zeroshot.scoring.plugins import load_proxies

from ..proxy_nets import AGGREGATES, PROBED, make, values, weighted, with_scaled_layer
from ..strategies import examples

# Proxies that draw their own images (or use none), and those that draw their own weights or directions.
BLIND = {
    "l2_norm", "synflow", "synflow_bn", "logsynflow", "meco", "zen", "zen_running", "grad_norm_global",
    "az_expressivity", "az_progressivity", "az_trainability",
}  # fmt: skip
DRAWS_WEIGHTS = {"zen", "zen_running", "grad_norm_global"}


pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


# Seed 0, Kaiming-normal weights, two batches of eight Gaussian images; in double precision.
GOLDEN = {
    "r12-s6-b3w6x1-b3w8x2/2": {
        "zico_accumulated": 68.9567429,
        "zico_bc": 39.414983,
        "grad_norm_global": 2.41566481,
        "plain": 1.84045208,
        "grasp": -2.63783503,
        "fisher": 0.0423546533,
        "fisher_fan_in": 1.22255149,
        "l2_norm": 33.4702395,
        "synflow_bn": 3.36226191,
        "logsynflow": 6002.81551,
        "jacob_cov": -8.18728797,
        "epe_nas": 33.5789868,
        "linear_regions": 8,
        "ntk_cond": -4.80533097,
        "swap": 256,
        "zen": 13.5483348,
        "zen_running": 7.84442126,
        "meco": 10.9237402,
        "gradsign": 7078,
        "vkdnw": 27.4120747,
        "az_expressivity": 7.3243127,
        "az_progressivity": -0.0042408768,
        "az_trainability": -0.0079999851,
    },
    "r8-s4-m3e2w4x1-d3w6x1/2-b3w8x1/2-c5w8x1-h12": {
        "zico_accumulated": 82.7760602,
        "zico_bc": 52.4003961,
        "grad_norm_global": 3.31502517,
        "plain": 0.177047187,
        "grasp": -1.46990522,
        "fisher": 0.0564150017,
        "fisher_fan_in": 1.44996563,
        "l2_norm": 44.6083516,
        "synflow_bn": 3.37230625,
        "logsynflow": 4174.72514,
        "jacob_cov": -8.29016936,
        "epe_nas": 47.2834506,
        "linear_regions": 8,
        "ntk_cond": -5.81502993,
        "swap": 256,
        "zen": 8.60429459,
        "zen_running": 3.59917486,
        "meco": 3.90567983,
        "gradsign": 4372,
        "vkdnw": 35.8582401,
        "az_expressivity": 9.45325217,
        "az_progressivity": -0.291404467,
        "az_trainability": -0.545310605,
    },
    "cells": {
        "zico_accumulated": 42.7271132,
        "zico_bc": 21.8723857,
        "grad_norm_global": 0.674018874,
        "plain": 0.32046256,
        "grasp": 0.862114524,
        "fisher": 0.100689175,
        "fisher_fan_in": 2.04224571,
        "l2_norm": 21.660684,
        "synflow_bn": 1.96450741,
        "logsynflow": 1089.54882,
        "jacob_cov": -8.50691342,
        "epe_nas": 28.3100737,
        "linear_regions": 8,
        "ntk_cond": -9.17747412,
        "swap": 235,
        "zen": 4.89368735,
        "zen_running": 1.85806836,
        "meco": 4.42780374,
        "gradsign": 1546,
        "vkdnw": 21.8213195,
        "az_expressivity": 5.19430561,
        "az_progressivity": -0.160510213,
        "az_trainability": -0.155871169,
    },
}


@pytest.mark.parametrize("text", GOLDEN)
def test_pinned_values(text):
    proxies = [proxy for proxy in PROBED if proxy.name in GOLDEN[text]]
    assert values(*make(text), proxies) == pytest.approx(GOLDEN[text], rel=1e-4)


@pytest.mark.parametrize("text", GOLDEN)
def test_single_precision_is_close_to_double(text):
    """zico divides by differences of near-equal gradients, progressivity is a difference of entropies."""
    loose = {"zico": 0.02, "zico_accumulated": 0.02, "zico_bc": 0.02, "naswot": 1e-3}
    single, double = values(*make(text, dtype=torch.float32)), values(*make(text))
    for name, value in double.items():
        assert single[name] == pytest.approx(value, rel=loose.get(name, 1e-4), abs=1e-5), name


@examples(5)
@given(st.permutations(range(8)), st.sampled_from(sorted(GOLDEN)))
def test_the_order_of_the_images_does_not_matter(order, text):
    net, batches = make(text)
    shuffled = [(x[order], y[order]) for x, y in batches]
    assert values(net, shuffled) == pytest.approx(values(net, batches), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("text", GOLDEN)
def test_some_proxies_see_no_data(text):
    net, batches = make(text)
    other = [(torch.rand_like(x), None) for x, _ in batches]
    blind = [proxy for proxy in PROBED if proxy.name in BLIND]
    assert not any(proxy.needs_labels for proxy in blind)
    assert values(net, other, blind) == values(net, batches, blind)
    seeing = [proxy for proxy in PROBED if proxy.name not in BLIND and not proxy.needs_labels]
    changed = evaluate(seeing, Probe(net, other))
    same = {name for name, value in values(net, batches, seeing).items() if changed[name].value == value}
    assert same <= {"linear_regions", "swap"}  # small whole numbers


@examples(5)
@given(st.permutations(range(5)), st.sampled_from(sorted(GOLDEN)))
def test_the_names_of_the_classes_do_not_matter(order, text):
    net, batches = make(text)
    twin = copy.deepcopy(net)
    with torch.no_grad():
        twin.classifier.weight.copy_(net.classifier.weight[order])
    renamed = [(x, torch.argsort(torch.tensor(order))[y]) for x, y in batches]
    drawn = DRAWS_WEIGHTS | {"vkdnw"}  # vkdnw looks at the first class's weight
    proxies = [proxy for proxy in PROBED if proxy.name not in drawn]
    assert values(twin, renamed, proxies) == pytest.approx(values(net, batches, proxies), rel=1e-6, abs=1e-9)


@examples(5)
@given(st.permutations(range(6)))
def test_the_order_of_the_channels_does_not_matter(order):
    net, batches = make("r8-s6-c3w6x1")
    twin = copy.deepcopy(net)
    with torch.no_grad():
        twin.stem[0].weight.copy_(net.stem[0].weight[order])
        twin.body[0][0].weight.copy_(net.body[0][0].weight[:, order])
    # Drawn weights, random signs and the first channel stay where they are.
    proxies = [p for p in PROBED if p.name not in DRAWS_WEIGHTS | {"vkdnw", "az_trainability"}]
    assert values(twin, batches, proxies) == pytest.approx(values(net, batches, proxies), rel=1e-6, abs=1e-9)


@examples(5)
@given(st.floats(0.25, 8.0), st.integers(0, 3))
def test_the_scale_of_a_normalised_layer_does_not_matter(factor, layer):
    net, scaled, batches = with_scaled_layer(factor, layer)
    # These are gradients by weights, or sizes of weights, and change with the unit that weights are measured in.
    units = {"l2_norm", "grad_norm", "grasp", "ntk_cond", "synflow", "logsynflow", "vkdnw"}
    proxies = [proxy for proxy in PROBED if proxy.name not in units]
    assert values(scaled, batches, proxies) == pytest.approx(values(net, batches, proxies), rel=1e-4, abs=1e-6)
    norm = float(weighted(net)[layer].weight.detach().norm())
    l2 = [proxy for proxy in PROBED if proxy.name == "l2_norm"]
    gain = values(scaled, batches, l2)["l2_norm"] - values(net, batches, l2)["l2_norm"]
    assert gain == pytest.approx((factor - 1) * norm)


@examples(8)
@given(st.integers(0, 2**31), st.sampled_from(sorted(GOLDEN)))
def test_bounds(seed, text):
    net, batches = make(text, seed=seed)
    scores = values(net, batches, seed=seed)
    weights = sum(module.weight.numel() for module in weighted(net))
    assert 0 < scores["gradsign"] <= 8 * weights
    assert 1 <= scores["linear_regions"] <= 8
    assert 1 <= scores["swap"] <= 2**8
    assert scores["ntk_cond"] <= -1
    assert scores["az_trainability"] <= 1e-5
    assert scores["az_expressivity"] <= sum(math.log(f.shape[1]) for f in Probe(net, batches).block_features)
    assert 0 <= scores["vkdnw"] - len(list(net.parameters())) <= math.log(9) + 1e-9
    assert scores["fisher"] <= scores["fisher_fan_in"]
    # Eigenvalues of a correlation matrix are positive and sum to the number of images.
    assert scores["jacob_cov"] <= -8 * (math.log(1 + 1e-5) + 1 / (1 + 1e-5)) + 1e-9
    maps = Probe(net, batches, seed).noise_maps()
    assert scores["meco"] <= sum(1 for m in maps if len(m) < m.shape[1])  # an eigenvalue below the mean, which is 1


def test_random_streams_differ_and_follow_the_seed():
    """Bits that torch's generator drops must not be what tells two streams apart."""
    net, batches = make("cells")
    runners = [Probe(net, batches, seed)._runner for seed in (0, 2**55)]
    streams = [runner.noise((4,), batches[0][0], stream) for runner in runners for stream in (1, 2, 3)]
    assert len({tuple(s.tolist()) for s in streams}) == 6
    draws = [proxy for proxy in PROBED if proxy.name in BLIND - {"l2_norm", "synflow", "synflow_bn", "logsynflow"}]
    first, again, other = (values(net, batches, draws, seed) for seed in (1, 1, 2))
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_zico_accumulated_of_opposite_gradients():
    """Gradients g and -g: the running sums are g and 0, mean |g| / 2 over deviation |g| / 2."""
    net, batches = make("r8-s4-c3w6x1")
    probe = Probe(net, batches)
    probe._gradients[1] = [-g for g in probe.weight_gradients(0)]
    sizes = [np.count_nonzero(g.numpy()) for g in probe.weight_gradients(0)]
    score = load_proxies(["zico_accumulated"])[0].function(probe)
    assert score == pytest.approx(sum(map(math.log, sizes)))


def test_linear_regions_and_swap_of_known_codes():
    """Three images, two of one code; four units, of which the patterns are 110, 001, 111, 111."""
    x = torch.tensor([[1.0, -1.0, 1.0, 1.0], [1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, 1.0, 1.0]])
    found = evaluate(load_proxies(["linear_regions", "swap"]), Probe(nn.ReLU(), [(x, None)]))
    assert (found["linear_regions"].value, found["swap"].value) == (2, 3)
    many = (torch.arange(2**7)[:, None] >> torch.arange(7) & 1).float() - 0.5  # 128 images: two words a pattern
    assert evaluate(load_proxies(["swap"]), Probe(nn.ReLU(), [(many, None)]))["swap"].value == 7


def naive_log_ranks(scores):
    n = len(scores)
    columns = [[-math.inf if math.isnan(v) else v for v in column] for column in zip(*scores, strict=True)]
    ranks = [[(sum(o < v for o in c) + sum(o <= v for o in c) + 1) / 2 for v in c] for c in columns]
    return [sum(math.log(column[i] / n) for column in ranks) for i in range(n)]


@examples(50)
@given(st.lists(st.lists(st.sampled_from([math.nan, -2.0, 0.0, 1.0, 5.0]), min_size=4, max_size=4), min_size=1))
def test_az_nas_adds_log_ranks(rows):
    (az_nas,) = load_proxies(["az_nas"])
    scores = np.array(rows)
    found = az_nas.function(scores)
    np.testing.assert_allclose(found, naive_log_ranks(rows), atol=1e-12)
    np.testing.assert_allclose(az_nas.function(np.exp(scores)), found)  # only the order matters
    assert (found <= 0).all()


def test_aggregates_name_known_parts_and_take_their_columns():
    names = {proxy.name for proxy in load_proxies()}
    assert {proxy.name for proxy in AGGREGATES} == {"az_nas", "vkdnw_agg", "te_nas", "reg_swap"}
    for proxy in AGGREGATES:
        assert set(proxy.parts) <= names
        scores = np.random.default_rng(0).normal(size=(7, len(proxy.parts)))
        assert proxy.function(scores).shape == (7,)
        assert proxy.function(scores[:0]).shape == (0,)
        assert proxy.function(scores[:1]).shape == (1,)
        shuffled = np.random.default_rng(1).permutation(7)
        np.testing.assert_allclose(proxy.function(scores[shuffled]), proxy.function(scores)[shuffled])
        with pytest.raises(UsageError, match="ranks a population"):
            evaluate([proxy], Probe(*make("cells")))
    with pytest.raises(UsageError, match="belong together"):
        Proxy("x", len, "aggregate", "", "")
    with pytest.raises(UsageError, match="belong together"):
        Proxy("x", len, "forward", "", "", parts=("macs",))


def test_reg_swap_keeps_undefined_and_equal_sizes():
    (reg_swap,) = load_proxies(["reg_swap"])
    found = reg_swap.function(np.array([[5.0, 2.0], [math.nan, 2.0], [4.0, 2.0]]))
    np.testing.assert_array_equal(found, [5.0, math.nan, 4.0])


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(zeroshot.proxies.__path__)])
def test_docstring_examples(module):
    result = doctest.testmod(importlib.import_module(f"zeroshot.proxies.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_every_docstring_states_the_protocol():
    for proxy in load_proxies():
        words = ("Citation",) if proxy.cost == "aggregate" else ("Citation", "Protocol")
        if proxy.paper != "baseline":
            assert all(word in proxy.function.__doc__ for word in words), proxy.name
        if proxy.cost not in ("static", "aggregate"):
            assert f"Cost: {proxy.cost}" in proxy.function.__doc__, proxy.name
            assert ("Needs labels" in proxy.function.__doc__) == proxy.needs_labels, proxy.name
