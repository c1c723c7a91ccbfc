"""Scores of any module: the same numbers as by hand, no trace in the module, errors that name what is wrong."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

import zeroshot
from zeroshot.build import build, initialise
from zeroshot.data import batches, load
from zeroshot.errors import DataError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.probing.probe import Probe, Proxy, Score, evaluate
from zeroshot.scoring.modules import score, score_many
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import NetScores, joined, score_aggregate
from zeroshot.testing._lab import changed, random_states, snapshot
from zeroshot.workers import torch_threads

TEXTS = ("r8-s8-c3w8x1-c3w8x1", "r8-s8/2-d3w8x1-m3e2w8x1-h16", "r8-s8-b3w12x1-c3w8x1")
NAMES = ("macs", "zico", "naswot", "params", "linear_readout")


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def made(text=TEXTS[0], seed=0):
    net = build(NetSpec.parse(text), 1, 10)
    initialise(net, torch.Generator().manual_seed(seed))
    return net


def small(*middle, channels=1, classes=10, width=8):
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(channels, width, 3), nn.BatchNorm2d(width), nn.ReLU(), *middle, *head)


@pytest.fixture(autouse=True)
def _generators_kept():
    with torch.random.fork_rng(devices=[]):
        yield


def test_public_names():
    assert zeroshot.score is score
    assert zeroshot.score_many is score_many
    assert {"score", "score_many"} <= set(zeroshot.__all__)


def test_scores_are_those_of_the_steps_by_hand(digits):
    """The layer table of the spec, and a probe on the data's batches, are the oracle."""
    net = made()
    found = score(net, digits, proxies=NAMES, batch=16, seed=3)
    assert list(found) == list(NAMES)
    table = layer_table(spec_array([NetSpec.parse(TEXTS[0])]), 1, 10)
    for name in ("macs", "params"):
        (proxy,) = load_proxies([name])
        assert found[name] == Score(float(proxy.function(table)[0]))
    probed = load_proxies(["zico", "naswot", "linear_readout"])
    with torch_threads(1):
        want = evaluate(probed, Probe(net, batches(digits, 8, 16, 2, 3), 3, batches(digits, 8, 16, 32, 3)))
    assert {name: found[name] for name in want} == want


def test_fresh_weights_are_those_of_a_search(digits):
    """Whatever weights the module has; `initialise` with the seed is the oracle."""
    worn = made(seed=5)
    assert score(worn, digits, proxies=NAMES, seed=3, fresh=True) == score(made(seed=3), digits, proxies=NAMES, seed=3)
    assert score(worn, digits, proxies=NAMES, seed=3) != score(made(seed=3), digits, proxies=NAMES, seed=3)


def test_fresh_weights_of_other_layers(digits):
    net = small(nn.GroupNorm(2, 8))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.1)
    twin = small(nn.GroupNorm(2, 8))
    initialise(twin, torch.Generator().manual_seed(0))
    assert score(net, digits, proxies=["zico"], fresh=True) == score(twin, digits, proxies=["zico"])


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * self.scale


def test_layers_that_cannot_start_afresh_are_named(digits):
    net = small(Scaled())
    assert score(net, digits, proxies=["zico"])["zico"].status == "ok"
    with pytest.raises(UsageError, match=r"Layer '3' \(Scaled\) has parameters and no way") as error:
        score(net, digits, proxies=["zico"], fresh=True)
    assert "reset_parameters" in error.value.hint
    net.register_buffer("derived", net[0].weight * 2)
    with pytest.raises(UsageError, match="cannot be copied"):
        score(net, digits, proxies=["zico"], fresh=True)


@pytest.mark.parametrize("fresh", [False, True])
def test_the_module_and_the_generators_are_left_as_they_were(digits, fresh):
    net = made(TEXTS[1])
    net(batches(digits, 8, 8, 1, 0)[0][0]).sum().backward()
    net.eval()
    net.body[0].train()
    net.classifier.weight.requires_grad_(False)
    before, states, threads = snapshot(net), random_states(), torch.get_num_threads()
    found = score_many([net, made()], digits, proxies=[p.name for p in load_proxies()], fresh=fresh, batch=8)
    assert changed(before, snapshot(net)) == []
    assert random_states() == states
    assert torch.get_num_threads() == threads
    assert found[0].scores["zico"].status == "ok"


def test_the_module_is_left_as_it_was_when_it_fails(digits):
    net = small(channels=3)
    net[0].eval()
    before, states = snapshot(net), random_states()
    with pytest.raises(UsageError):
        score(net, digits)
    assert changed(before, snapshot(net)) == []
    assert random_states() == states


def test_a_snapshot_sees_what_changes():
    """Or the tests above could not fail."""
    net = made()
    for change in (
        lambda: net.stem[0].weight.data.mul_(1.5),
        lambda: net.train(not net.training),
        lambda: net.stem[1].running_mean.add_(1),
        lambda: net(torch.ones(2, 1, 8, 8)).sum().backward(),
        lambda: net.register_forward_hook(print),
        lambda: net.stem[0].weight.requires_grad_(False),
        lambda: setattr(net.stem[2], "inplace", True),
    ):
        before = snapshot(net)
        change()
        assert changed(before, snapshot(net))


def test_scores_of_a_net_do_not_depend_on_the_others(digits):
    nets = {text: made(text) for text in TEXTS}
    together = score_many(nets, digits, proxies=NAMES)
    assert [each.net for each in together] == list(TEXTS)
    for each in together:
        assert dict(each.scores) == score(nets[each.net], digits, proxies=NAMES)
    turned = score_many([nets[text] for text in TEXTS[::-1]], digits, proxies=NAMES)
    assert turned == [NetScores(f"net {i}", each.scores) for i, each in enumerate(together[::-1], 1)]


def test_aggregates_rank_the_nets_given(digits):
    """Each part by itself, and the aggregate's own function, are the oracle."""
    nets = [made(text) for text in TEXTS]
    (aggregate,) = load_proxies(["az_nas"])
    found = score_many(nets, digits, proxies=["az_nas", "zico"])
    assert [list(each.scores) for each in found] == [["az_nas", "zico"]] * 3
    parts = [[score(net, digits, proxies=[part])[part].value for net in nets] for part in aggregate.parts]
    want = aggregate.function(np.array(parts).T).tolist()
    assert [each.scores["az_nas"] for each in found] == [Score(value) for value in want]
    assert len(set(want)) > 1


def test_an_aggregate_of_one_net_has_no_score(digits):
    found = score(made(), digits, proxies=["az_nas", "te_nas", "macs"])
    for name in ("az_nas", "te_nas"):
        assert math.isnan(found[name].value)
        assert "population" in found[name].status
    assert found["macs"].status == "ok"


def test_score_aggregate_takes_its_parts_in_their_order():
    proxy = Proxy("x", lambda scores: scores[:, 0] - scores[:, 1], "aggregate", "", "", parts=("b", "a"))
    columns = {"a": np.array([1.0, 2.0]), "b": np.array([5.0, 5.0]), "c": np.zeros(2)}
    assert score_aggregate(proxy, columns).tolist() == [4.0, 3.0]


def test_joined_tables_hold_the_same_nets():
    one, two = ([NetSpec.parse(text) for text in texts] for texts in (TEXTS[:2], TEXTS[2:]))
    whole = layer_table(spec_array([*one, *two]), 1, 10)
    table = joined([layer_table(spec_array(some), 1, 10) for some in (one, two)])
    assert np.array_equal(table.rows, whole.rows)
    assert np.array_equal(table.ptr, whole.ptr)


def test_a_net_that_cannot_be_traced_keeps_its_probed_scores(digits):
    odd = small(nn.ConvTranspose2d(8, 8, 3))
    names = ["macs", "zico", "az_nas", "te_nas"]
    alone = score(odd, digits, proxies=names)
    assert alone["zico"].status == "ok"
    assert math.isnan(alone["macs"].value)
    assert "conv_transpose2d in layer '3'" in alone["macs"].status
    first, second, third = score_many([made(), odd, made(TEXTS[1])], digits, proxies=names)
    assert second.scores["macs"].status == alone["macs"].status
    # It has no complexity: it is no member of the population that az_nas ranks, but one of te_nas's.
    assert "conv_transpose2d" in second.scores["az_nas"].status
    assert second.scores["te_nas"].status == "ok"
    pair = score_many([made(), made(TEXTS[1])], digits, proxies=names)
    assert [first.scores["az_nas"], third.scores["az_nas"]] == [each.scores["az_nas"] for each in pair]


def test_undefined_scores_say_why(digits):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    found = score(net, digits, proxies=["naswot", "grad_norm"])
    assert "ReLU" in found["naswot"].status
    assert math.isnan(found["naswot"].value)
    assert found["grad_norm"].status == "ok"


def test_precision_and_resolution(digits):
    double = score(made().double(), digits, proxies=["grad_norm", "macs"])
    single = score(made(), digits, proxies=["grad_norm", "macs"])
    assert double["grad_norm"].value == pytest.approx(single["grad_norm"].value, rel=1e-4)
    assert double["grad_norm"] != single["grad_norm"]
    larger = score(small(), digits, proxies=["macs"], resolution=16)["macs"]
    assert larger.value == 14 * 14 * 8 * 9 + 80
    assert score(small(), "digits", proxies=["macs"])["macs"].value == 6 * 6 * 8 * 9 + 80


def test_no_nets(digits):
    assert score_many([], digits, proxies=NAMES) == []
    assert score_many({}, digits, proxies=["az_nas", "macs"]) == []


def weight_normed():
    net = small()
    nn.utils.parametrizations.weight_norm(net[0])
    return net


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: small(channels=3), ["layer '0' (Conv2d)", "(2, 1, 8, 8)", "3 channels", "1 channel of 8x8"]),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(49, 10)), ["layer '1' (Linear)", "(2, 64)", "8x8 pixels"]),
        (lambda: small(classes=5), ["5 outputs", "10 classes"]),
        (lambda: nn.Sequential(nn.Conv2d(1, 4, 3)), ["logits (2, classes)", "(2, 4, 6, 6)", "Wrap it"]),
        (lambda: nn.Sequential(nn.Flatten()), ["no parameters"]),
        (lambda: small().to("meta"), ["device meta", "net.cpu()"]),
        (lambda: small().half(), ["float16", "net.float()"]),
        (lambda: small(nn.LazyConv2d(8, 3)), ["'3.weight'", "Run the net once"]),
        (weight_normed, ["Layer '0' computes its weight", "remove_parametrizations"]),
        (lambda: [small()], ["torch.nn.Module, not a list"]),
        (lambda: small, ["torch.nn.Module, not a function"]),
    ],
)
def test_nets_that_cannot_be_scored(digits, make, words):
    net = make()
    for call, name in (
        (lambda: score(net, digits, proxies=NAMES), ""),
        (lambda: score_many({"mine": net}, digits, proxies=NAMES), "mine: "),
    ):
        with pytest.raises(UsageError) as error:
            call()
        text = f"{error.value.message} {error.value.hint}"
        assert text.startswith(name)
        assert all(word in text for word in words), text


def test_five_outputs_will_do_where_no_proxy_needs_labels(digits):
    assert score(small(classes=5), digits, proxies=["macs", "naswot"])["naswot"].status == "ok"


def test_usage_errors(digits):
    with pytest.raises(UsageError, match="Unknown proxy 'synflwo'"):
        score(small(), digits, proxies=["synflwo"])
    with pytest.raises(UsageError, match="'zico' needs 2 batches"):
        score(small(), digits, proxies=["zico"], batches=1)
    with pytest.raises(UsageError, match="resolution"):
        score(small(), digits, resolution=0)
    with pytest.raises(DataError, match="need 20000 training images"):
        score(small(), digits, batch=10000)
    with pytest.raises(DataError, match="does not exist"):
        score(small(), "no/such/folder")


def test_frozen_and_copied_nets_score_alike(digits):
    net = made()
    frozen = copy.deepcopy(net).requires_grad_(False).eval()
    assert score(net, digits, proxies=NAMES) == score(frozen, digits, proxies=NAMES)
