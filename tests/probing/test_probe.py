"""The shared probe: views are right, computed once, and leave no trace; evaluation; finding proxies."""

import copy
import math
import subprocess
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from zeroshot.build import build, initialise
from zeroshot.errors import UsageError
from zeroshot.net import NetSpec
from zeroshot.probing.probe import Probe, Proxy, ProxyUndefined, Score, evaluate, example_probe
from zeroshot.scoring import plugins
from zeroshot.scoring.plugins import load_proxies

SPEC = NetSpec.parse("r8-s4-m3e2w4x1-d3w6x1/2-b3w8x1/2-c5w8x1-h12")
PROBED = ("naswot", "zico", "grad_norm", "snip", "synflow")
ALL = tuple(proxy for proxy in load_proxies() if proxy.cost not in ("static", "aggregate"))


pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


def make_net(seed=0):
    net = build(SPEC, 3, 5)
    initialise(net, torch.Generator().manual_seed(seed))
    return net


def make_batches(count=2, size=8, seed=1, channels=3):
    g = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(size, channels, 8, 8, generator=g), torch.randint(0, 5, (size,), generator=g))
        for _ in range(count)
    ]


def snapshot(net):
    return {
        "state": {name: value.clone() for name, value in net.state_dict().items()},
        "grads": [None if p.grad is None else p.grad.clone() for p in net.parameters()],
        "flags": [(m.training, getattr(m, "track_running_stats", None)) for m in net.modules()],
        "requires": [p.requires_grad for p in net.parameters()],
        "hooks": [len(m._forward_hooks) for m in net.modules()],
        "patched": ["forward" in vars(m) for m in net.modules()],
        "versions": [p._version for p in net.parameters()] + [b._version for b in net.buffers()],
        "rng": torch.get_rng_state(),
    }


def assert_same(before, after):
    for name in before["state"]:
        assert torch.equal(before["state"][name], after["state"][name]), name
    assert torch.equal(before["rng"], after["rng"])
    for a, b in zip(before["grads"], after["grads"], strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.equal(a, b)
    for key in ("flags", "requires", "hooks", "patched", "versions"):
        assert before[key] == after[key], key


def worn_net():
    """A net in a state that a careless probe would destroy: statistics, gradients, modes, frozen weights."""
    net = make_net()
    net(make_batches()[0][0]).sum().backward()
    net.eval()
    net.body[0].train()
    net.stem[0].weight.requires_grad_(False)
    return net


def test_leaves_the_module_and_the_global_generator_as_they_were():
    net = worn_net()
    before = snapshot(net)
    scores = evaluate(ALL, Probe(net, make_batches()))
    assert all(score.status == "ok" for score in scores.values())
    assert_same(before, snapshot(net))


@pytest.mark.parametrize("proxy", ALL, ids=lambda proxy: proxy.name)
def test_every_proxy_alone_leaves_no_trace(proxy):
    net = worn_net()
    net.body[1][2].inplace = True
    net.register_buffer("own", torch.ones(1))
    vars(net.pool)["forward"] = net.pool.forward  # a forward that somebody else patched in
    before, batches = snapshot(net), make_batches()
    images = [x.clone() for x, _ in batches]
    assert evaluate([proxy], Probe(net, batches))[proxy.name].status == "ok"
    assert_same(before, snapshot(net))
    assert net.body[1][2].inplace
    assert all(torch.equal(x, image) for (x, _), image in zip(batches, images, strict=True))
    assert not any(x.requires_grad for x, _ in batches)


def test_leaves_the_module_as_it_was_when_a_pass_fails():
    net = worn_net()
    before = snapshot(net)
    probe = Probe(net, make_batches(channels=4))
    for proxy in ALL:
        if proxy.name != "l2_norm":
            with pytest.raises(UsageError, match=r"layer 'stem.0' \(Conv2d\) on input .*4, 8, 8\)"):
                proxy.function(probe)
    assert_same(before, snapshot(net))


def test_works_inside_no_grad():
    with torch.no_grad():
        inside = evaluate(load_proxies(PROBED), Probe(make_net(), make_batches()))
    assert inside == evaluate(load_proxies(PROBED), Probe(make_net(), make_batches()))


def test_one_pass_a_batch_serves_all():
    net = make_net()
    calls = []
    net.register_forward_hook(lambda _m, x, _o: calls.append(len(x[0])))
    evaluate(load_proxies(PROBED), Probe(net, make_batches()))
    assert sorted(calls) == [1, 8, 8]  # synflow's image of ones, two batches
    calls.clear()
    evaluate(load_proxies(["grad_norm", "naswot", "snip"]), Probe(net, make_batches()))
    assert calls == [8]


def test_all_proxies_together_run_as_many_passes_as_there_are_kinds():
    net = make_net()
    calls = []
    net.register_forward_hook(lambda _m, x, _o: calls.append(len(x[0])))
    evaluate(ALL, Probe(net, make_batches()))
    # Images alone as batches (ones with and without batch norm, noise); the two batches, each image by itself,
    # noise, noise under drawn weights and moved, gradients of it; jets; the two batches once more, without a graph.
    assert sorted(calls) == [1, 1, 1, 8, 8, 8, 8, 8, 8, 8, 8, 8, 32]
    calls.clear()
    for _ in range(2):
        evaluate(ALL, probe := Probe(net, make_batches()[:2]))
    assert len(calls) == 26
    evaluate(ALL, probe)
    assert len(calls) < 26 + 8  # what is cached is not run again


def test_order_of_proxies_does_not_matter():
    forward = evaluate(ALL, Probe(make_net(), make_batches()))
    backward = evaluate(ALL[::-1], Probe(make_net(), make_batches()))
    assert forward == backward
    for proxy in ALL:
        assert evaluate([proxy], Probe(make_net(), make_batches()))[proxy.name] == forward[proxy.name]


def test_gradients_are_those_of_backward():
    net, batches = make_net(), make_batches()
    probe = Probe(net, batches)
    for i, (x, y) in enumerate(batches):
        twin = copy.deepcopy(net).train()
        nn.functional.cross_entropy(twin(x), y).backward()
        expected = [m.weight.grad for m in twin.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        assert len(probe.weights) == len(expected) == 12
        for ours, theirs in zip(probe.weight_gradients(i), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("in_place", [False, True])
def test_codes_are_the_signs_after_each_relu(in_place):
    net, (batch, *_) = make_net(), make_batches()
    probe = Probe(net, [batch])
    twin = copy.deepcopy(net).train()
    active = []
    for module in twin.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _m, _x, out: active.append((out > 0).sum((1, 2, 3))))
    twin(batch[0])
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = in_place
    codes = probe.relu_codes()
    assert [code.dtype for code in codes] == [torch.bool] * len(active)
    assert [code.sum(1).tolist() for code in codes] == [count.tolist() for count in active]


class Odd(nn.Module):
    """What users bring: dropout, an unused layer, an output that is not from the last registered module."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(3, 3)
        self.conv = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU()
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(4, 5)

    def forward(self, x):
        return self.out(self.drop(self.relu(self.conv(x))).mean((2, 3)))


def test_unused_layers_and_dropout():
    net = Odd()
    initialise(net, torch.Generator().manual_seed(0))
    before = snapshot(net)
    scores = [evaluate(load_proxies(PROBED), Probe(net, make_batches(), seed=s)) for s in (0, 0, 1)]
    assert_same(before, snapshot(net))
    assert scores[0] == scores[1] != scores[2]
    assert all(score.status == "ok" for score in scores[0].values())
    assert scores[0]["synflow"] == scores[2]["synflow"]  # evaluation mode: nothing is dropped
    assert not Probe(net, make_batches()).weight_gradients()[0].any()


def test_one_channel_images_give_the_same_scores_in_either_memory_order():
    net = build(SPEC, 1, 5)
    initialise(net, torch.Generator().manual_seed(0))
    batches = make_batches(channels=1)
    last = [(x.contiguous(memory_format=torch.channels_last), y) for x, y in batches]
    assert evaluate(load_proxies(PROBED), Probe(net, batches)) == evaluate(load_proxies(PROBED), Probe(net, last))
    batch = Probe(net, batches).batches[0][0]
    assert torch.equal(batch, batches[0][0])
    assert batch.stride() == (64, 1, 8, 1)


def undefined(_probe):
    raise ProxyUndefined("because")


def test_evaluate_turns_missing_values_into_statuses():
    table = [
        Proxy("good", lambda probe: len(probe.batches), "forward", "", ""),
        Proxy("undefined", undefined, "forward", "", ""),
        Proxy("infinite", lambda _probe: -math.inf, "forward", "", ""),
    ]
    scores = evaluate(table, example_probe())
    assert scores["good"] == Score(2.0)
    assert math.isnan(scores["undefined"].value)
    assert scores["undefined"].status == "because"
    assert math.isnan(scores["infinite"].value)
    assert scores["infinite"].status == "the score is -inf"


def test_evaluate_passes_real_errors_on():
    broken = Proxy("broken", lambda _probe: 1 / 0, "forward", "", "")
    with pytest.raises(ZeroDivisionError):
        evaluate([broken], example_probe())


def test_usage_errors():
    net, (batch, *_) = make_net(), make_batches()
    with pytest.raises(UsageError, match="at least one batch"):
        Probe(net, [])
    with pytest.raises(UsageError, match="'zico' needs 2 batches"):
        evaluate(load_proxies(["zico"]), Probe(net, [batch]))
    with pytest.raises(UsageError, match="static"):
        evaluate(load_proxies(["macs"]), Probe(net, [batch]))
    with pytest.raises(UsageError, match="cost 'dear'"):
        Proxy("x", undefined, "dear", "", "")
    unlabelled = Probe(net, [(batch[0], None)])
    assert evaluate(load_proxies(["naswot", "synflow"]), unlabelled)["naswot"].status == "ok"
    with pytest.raises(UsageError, match="labels"):
        evaluate(load_proxies(["snip"]), unlabelled)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((torch.full((2, 3, 8, 8), torch.nan), torch.arange(2)), "Batch 1 has images that are not finite"),
        ((torch.full((2, 3, 8, 8), -torch.inf), None), "not finite"),
        ((torch.zeros(0, 3, 8, 8), None), "must hold floating-point images"),
        ((torch.zeros(2, 3, 8, 8, dtype=torch.uint8), None), "uint8"),
        ((torch.zeros(2), None), "shape \\(2,\\)"),
        ((torch.zeros(2, 3, 8, 8), torch.arange(3)), "label for each of its 2 images"),
        ((torch.zeros(2, 3, 8, 8), torch.rand(2)), "whole-number label"),
        ((torch.zeros(2, 3, 8, 8, device="meta"), None), "Batch 1 is on device meta"),
    ],
)
def test_batches_that_cannot_be_used(batch, message):
    with pytest.raises(UsageError, match=message):
        Probe(make_net(), [batch])


def test_labels_that_the_net_does_not_know():
    (x, y), other = make_batches()
    for labels in (y + 5, y - 5):
        for proxy in ALL:
            if proxy.needs_labels and proxy.name != "epe_nas":
                with pytest.raises(UsageError, match="do not fit the 5 classes"):
                    proxy.function(Probe(make_net(), [(x, labels), other]))


def test_labels_that_are_missing():
    batches = [(x, None) for x, _ in make_batches()]
    for proxy in ALL:
        if proxy.needs_labels:
            with pytest.raises(UsageError, match="needs? labels"):
                evaluate([proxy], Probe(make_net(), batches))
        else:
            assert evaluate([proxy], Probe(make_net(), batches))[proxy.name].status == "ok"


def test_nets_that_cannot_be_probed():
    batches = make_batches()
    with pytest.raises(UsageError, match=r"'stem.0.weight' is on device meta"):
        Probe(make_net().to("meta"), batches)
    with pytest.raises(UsageError, match="has no shape yet"):
        Probe(nn.Sequential(nn.Flatten(), nn.LazyLinear(5)), batches)
    with pytest.raises(UsageError, match="parametrised weights"):
        Probe(nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 5, 8)), nn.Flatten()), batches)
    with pytest.raises(UsageError, match=r"must return logits \(8, classes\); it returned \(8, 4, 6, 6\)"):
        Probe(nn.Conv2d(3, 4, 3), batches).relu_codes()
    with pytest.raises(UsageError, match="it returned tuple"):
        Probe(Fails(lambda x: (x, x)), batches).relu_codes()
    with pytest.raises(UsageError, match=r"fails in layer Fails on input \(8, 3, 8, 8\): integer .* by zero"):
        Probe(Fails(lambda x: x / (1 // 0)), batches).relu_codes()
    with pytest.raises(UsageError, match=r"fails in layer 'conv' \(Conv2d\) on input \(8, 3, 8\)"):
        Probe(Fails(lambda x: x[:, :, 0]), batches).relu_codes()


class Fails(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.first, self.conv = first, nn.Conv2d(3, 5, 8)

    def forward(self, x):
        out = self.first(x)
        return self.conv(out).flatten(1) if isinstance(out, torch.Tensor) else out


def test_layers_that_compute_otherwise_have_no_gradients_of_single_images():
    class Doubled(nn.Conv2d):
        def forward(self, x):
            return 2 * super().forward(x)

    net = nn.Sequential(Doubled(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    initialise(net, torch.Generator().manual_seed(0))
    scores = evaluate(ALL, Probe(net, make_batches()))
    assert scores["gradsign"].status == scores["vkdnw"].status == "a layer has a forward of its own"
    assert scores["snip"].status == scores["grasp"].status == scores["synflow"].status == "ok"


def test_load_proxies_finds_the_built_in_ones_in_the_order_asked():
    names = [proxy.name for proxy in load_proxies()]
    assert len(names) == len(set(names))
    assert set(PROBED) | {"params", "macs", "depth", "nn_mass", "nn_degree"} <= set(names)
    assert [proxy.name for proxy in load_proxies(["zico", "macs", "zico"])] == ["zico", "macs"]
    assert all(proxy.summary and proxy.paper and proxy.function.__doc__ for proxy in load_proxies())


def test_load_proxies_names_the_nearest():
    with pytest.raises(UsageError, match="Unknown proxy 'synflwo'") as error:
        load_proxies(["synflwo"])
    assert error.value.hint == "Did you mean synflow?"


def provide(monkeypatch, tables):
    """Pretend that these providers are installed: {entry point name: PROXIES}."""
    modules = {name: SimpleNamespace(PROXIES=table) for name, table in tables.items()}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, f"plug_{name}", module)
    points = [EntryPoint(name, f"plug_{name}", plugins.GROUP) for name in tables]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == plugins.GROUP else [])


def test_a_plug_in_takes_the_same_road(monkeypatch):
    mine = Proxy("mine", lambda _probe: 1.0, "forward", "", "")
    provide(monkeypatch, {"third": (mine,), "builtin": (Proxy("other", undefined, "static", "", ""),)})
    assert [proxy.name for proxy in load_proxies()] == ["other", "mine"]
    assert evaluate(load_proxies(["mine"]), example_probe()) == {"mine": Score(1.0)}


def test_two_providers_of_one_name_are_both_named(monkeypatch):
    twin = Proxy("twin", undefined, "forward", "", "")
    provide(monkeypatch, {"first": (twin,), "second": [twin]})
    with pytest.raises(UsageError, match=r"'twin' is provided twice, by first .* and by second"):
        load_proxies(["twin"])


@pytest.mark.parametrize("table", [None, ("not a proxy",)])
def test_a_provider_without_a_table(monkeypatch, table):
    provide(monkeypatch, {"bad": table})
    with pytest.raises(UsageError, match=r"bad \(plug_bad\) has no table"):
        load_proxies()


def test_a_provider_that_does_not_import(monkeypatch):
    point = EntryPoint("gone", "no_such_module_anywhere", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == plugins.GROUP else [])
    with pytest.raises(UsageError, match="gone .* cannot be loaded"):
        load_proxies()


def test_listing_proxies_does_not_import_torch():
    code = "import sys, zeroshot.scoring.plugins as p; p.load_proxies(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
