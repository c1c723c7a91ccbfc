"""Structured pruning of one net: nothing changes where nothing is lost, targets are met, and it repeats."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode

from zeroshot.build import Add, Residual, build, initialise
from zeroshot.cost import counts
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import net_costs
from zeroshot.errors import InfeasibleError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.pruning._channels import wire
from zeroshot.pruning.options import SALIENCIES, CompressOptions
from zeroshot.pruning.prune import prune
from zeroshot.pruning.saliency import channel_saliency
from zeroshot.pruning.target import Target, make_target
from zeroshot.units import to_count

from ..strategies import examples, specs

# Every block, tied by a residual sum and free: identities and projections, with and without expansion, a head.
NETS = (
    "r8-s8-c3w16x2-c3w24x2/2-h32",
    "r8-s16/2-d3w16x1-d5w24x2/2",
    "r9-s16-m3e4w16x2-m3e3w24x2/2-m3e1w40x2-h48",
    "r8-s16-b3w16x2-b3w24x2/2-b1w32x1",
    "r7-s12/2-m3e2w24x1-b3w24x1-d3w12x1-c1w8x1/2-b3w8x1",
)
CLASSES = 5


pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


def trained(spec, seed=0, channels=2):
    """A float64 net with nothing at its initial value and no channel that is never active, as if trained."""
    net = build(NetSpec.parse(str(spec)), channels, CLASSES)
    generator = torch.Generator().manual_seed(seed)
    initialise(net, generator)
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.data.uniform_(0.2, 1.5, generator=generator)
        norm.bias.data.uniform_(-0.3, 0.5, generator=generator)
        norm.momentum = 1.0
    net.double().train()(images(spec, 64, channels, seed + 9)[0])
    for norm in norms:
        norm.momentum = 0.1
    return net.eval()


def images(spec, n=3, channels=2, seed=1):
    side = NetSpec.parse(str(spec)).resolution
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, channels, side, side, generator=generator, dtype=torch.float64)
    return x, torch.arange(n) % CLASSES


def norm_after(net):
    """Name of a convolution -> its batch norm, by their order in the net."""
    parts = [(name, part) for name, part in net.named_modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d)]
    return {name: norm for (name, _), (_, norm) in zip(parts[::2], parts[1::2], strict=True)}


def without(net, kept):
    """The net with scale and shift 0 in every channel that is not kept."""
    net = copy.deepcopy(net)
    for name, norm in norm_after(net).items():
        dead = [i for i in range(norm.num_features) if i not in kept[name]]
        norm.weight.data[dead] = 0
        norm.bias.data[dead] = 0
    return net


def costs(spec, channels=2, classes=CLASSES):
    table = layer_table(spec_array([NetSpec.parse(str(spec))]), channels, classes)
    found = net_costs(table, load_board("nucleo-l4r5zi"), load_engine("c99"))
    return {"macs": found.macs[0], "weights": counts.weights(table)[0], "flash": found.flash[0],
            "latency": found.latency[0]}  # fmt: skip


def pruned(spec, share, seed=0, **options):
    options.setdefault("batch", images(spec, 8))
    goal = Target(macs=costs(spec)["macs"] * share)
    return prune(trained(spec, seed), goal, spec=spec, **options)


def largest_difference(a, b, spec):
    x, _ = images(spec)
    with torch.no_grad():
        return float((a(x) - b(x)).abs().max())


# ---- what is left computes what it computed before


@pytest.mark.parametrize("saliency", SALIENCIES)
@pytest.mark.parametrize("spec", NETS)
def test_a_net_whose_other_channels_are_dead_is_the_pruned_net(spec, saliency):
    found = pruned(spec, 0.5, saliency=saliency)
    net = trained(spec)
    dead = without(net, found.kept)
    assert largest_difference(dead, found.module(), spec) < 1e-12
    assert largest_difference(net, found.module(), spec) > 1e-6


@examples(15)
@given(specs(widths=(4, 6, 8, 12)), st.floats(0.2, 0.9), st.sampled_from((1, 2, 4)), st.integers(0, 5))
def test_any_net(spec, share, multiple, seed):
    """Costs counted by torch, the structure, the channels and the function."""
    net, before = trained(spec, seed), costs(spec)
    limits = {"macs": before["macs"] * share, "weights": before["weights"] * (share + 1) / 2}
    try:
        found = prune(net, Target(**limits), spec=spec, multiple=multiple)
    except InfeasibleError as error:
        assert "smallest net" in error.message  # noqa: PT017
        return
    module = found.module()
    x, _ = images(spec, 1)
    with FlopCounterMode(display=False) as counter:
        module(x)
    assert counter.get_total_flops() == 2 * found.after["macs"] <= 2 * limits["macs"]
    kernels = sum(p.numel() for p in module.parameters() if p.ndim > 1)
    assert kernels == found.after["weights"] <= limits["weights"]
    assert found.after == costs(found.spec)
    assert found.before == before
    same = replace(found.spec, stem_width=1, head=0, stages=tuple(_shape(s) for s in found.spec.stages))
    assert same == replace(spec, stem_width=1, head=0, stages=tuple(_shape(s) for s in spec.stages))
    for old, new in zip(numbers(spec), numbers(found.spec), strict=True):
        assert new == old or (new < old and new % multiple == 0)
    assert largest_difference(without(net, found.kept), module, spec) < 1e-9


def _shape(stage):
    return replace(stage, width=1, expansion=1)


def numbers(spec):
    return spec.stem_width, spec.head, *(stage.width for stage in spec.stages)


@pytest.mark.parametrize("saliency", ["bn", "taylor"])
@pytest.mark.parametrize("spec", NETS)
def test_dead_channels_go_first(spec, saliency):
    """With a target that is exactly what the live channels cost, only dead ones are taken out."""
    alive = pruned(spec, 0.5)
    net = without(trained(spec), alive.kept)
    found = prune(net, Target(macs=alive.after["macs"]), spec=spec, saliency=saliency, batch=images(spec, 64))
    assert found.spec == alive.spec
    assert found.kept == alive.kept
    assert largest_difference(net, found.module(), spec) < 1e-12


def test_weights_are_those_of_the_kept_channels():
    """By hand, on a net in which every group has two users."""
    spec = "r8-s8-d3w16x1-c3w8x1"
    found, net = pruned(spec, 0.2), trained(spec).state_dict()
    stem, mid, last = (list(found.kept[name]) for name in ("stem.0", "body.0.3", "body.1.0"))
    assert len(stem) < 8
    assert len(mid) < 16
    assert found.kept["body.0.0"] == tuple(stem)
    new = found.weights
    assert torch.equal(new["stem.0.weight"], net["stem.0.weight"][stem])
    assert torch.equal(new["body.0.0.weight"], net["body.0.0.weight"][stem])
    assert torch.equal(new["body.0.3.weight"], net["body.0.3.weight"][mid][:, stem])
    assert torch.equal(new["body.1.0.weight"], net["body.1.0.weight"][last][:, mid])
    assert torch.equal(new["classifier.weight"], net["classifier.weight"][:, last])
    assert torch.equal(new["classifier.bias"], net["classifier.bias"])
    for tensor in ("weight", "bias", "running_mean", "running_var"):
        assert torch.equal(new[f"body.0.4.{tensor}"], net[f"body.0.4.{tensor}"][mid])


@pytest.mark.parametrize("spec", NETS)
def test_channels_that_are_added_are_chosen_together(spec):
    """Walks the modules: what goes into a sum comes from the last convolution of its body and of its shortcut."""
    found, net = pruned(spec, 0.5), trained(spec)
    names = {part: name for name, part in net.named_modules()}

    def last(part, before):
        return next((names[p] for p in reversed(list(part.modules())) if isinstance(p, nn.Conv2d)), before)

    entry, sums = last(net.stem, ""), 0
    for block in net.body:
        body = last(block.body if isinstance(block, Residual) else block, entry)
        if isinstance(block, Residual):
            assert found.kept[body] == found.kept[last(block.shortcut, entry)]
            sums += 1
        entry = body
    assert sums == sum(isinstance(part, Add) for part in net.modules())


def test_tensors_that_no_sum_ties_choose_their_channels_alone():
    net = trained("r8-s8-c3w8x2")
    norms = norm_after(net)
    for name, order in (("body.0.0", range(8)), ("body.1.0", range(7, -1, -1))):
        norms[name].weight.data = torch.tensor([1.0 + i for i in order], dtype=torch.float64)
    found = prune(net, Target(macs=costs("r8-s8-c3w4x2")["macs"]), spec="r8-s8-c3w8x2", multiple=4)
    assert str(found.spec) == "r8-s8-c3w4x2"
    assert (found.kept["body.0.0"], found.kept["body.1.0"]) == ((4, 5, 6, 7), (0, 1, 2, 3))


def test_the_structure_never_changes_where_widths_meet():
    """A width that would turn a projection into an identity, or add a residual sum, is skipped."""
    for spec in ("r8-s8-b3w20x1", "r8-s8-m3e2w20x1"):
        net = trained(spec)
        assert sum(isinstance(p, Add) for p in net.modules()) == ("b" in spec)
        for share in (0.9, 0.6, 0.4):
            found = prune(net, Target(macs=costs(spec)["macs"] * share), spec=spec)
            assert found.spec.stem_width != found.spec.stages[0].width
            assert found.weights.keys() == net.state_dict().keys()


# ---- saliencies against plain loops


def groups_of(spec):
    wiring = wire(NetSpec.parse(spec), 2, CLASSES)
    return wiring, wiring.layers


@pytest.mark.parametrize("spec", NETS)
def test_batch_norm_saliency(spec):
    net = trained(spec)
    wiring, layers = groups_of(spec)
    found, norms = channel_saliency(wiring, net, "bn"), norm_after(net)
    for group, scores in enumerate(found):
        writers = [norms[layer.name].weight.detach().abs() for layer in layers if layer.writes == group]
        for channel, score in enumerate(scores):
            parts = [float(w[channel]) / (sum(map(float, w)) / len(w)) for w in writers]
            assert score == pytest.approx(sum(parts) / len(parts))
        assert np.mean(scores) == pytest.approx(1)


@pytest.mark.parametrize(("kind", "power"), [("l1", 1), ("l2", 2)])
@pytest.mark.parametrize("spec", NETS)
def test_norm_saliencies_are_of_the_folded_kernels(spec, kind, power):
    """Folding is torch's own."""
    net = trained(spec)
    wiring, layers = groups_of(spec)
    norms, convs = norm_after(net), dict(net.named_modules())
    parts = [[] for _ in wiring.rows]
    for layer in layers:
        part = convs[layer.name]
        kernel = (fuse_conv_bn_eval(part, norms[layer.name]) if layer.norm else part).weight.detach().numpy()
        if layer.writes >= 0:
            parts[layer.writes].append([(abs(row) ** power).sum() ** (1 / power) for row in kernel])
        if layer.reads >= 0 and getattr(part, "groups", 1) == 1:
            columns = range(kernel.shape[1])
            parts[layer.reads].append([(abs(kernel[:, i]) ** power).sum() ** (1 / power) for i in columns])
    for scores, each in zip(channel_saliency(wiring, net, kind), parts, strict=True):
        expected = np.mean([np.array(values) / np.mean(values) for values in each], axis=0)
        np.testing.assert_allclose(scores, expected, rtol=1e-12)


@pytest.mark.parametrize("spec", NETS)
def test_taylor_saliency(spec):
    net, (x, y) = trained(spec), images(spec, 6)
    wiring, layers = groups_of(spec)
    found = channel_saliency(wiring, net, "taylor", (x, y))
    own = copy.deepcopy(net)
    cross_entropy(own(x), y).backward()
    change = {name: (p * p.grad).abs().detach() for name, p in own.named_parameters()}
    names = {part: name for name, part in own.named_modules()}
    depthwise = {name for part, name in names.items() if getattr(part, "groups", 1) > 1}
    norms = {name: names[norm] for name, norm in norm_after(own).items()}
    for group, scores in enumerate(found):
        for channel, score in enumerate(scores):
            total = 0.0
            for layer in layers:
                kernel = change[f"{layer.name}.weight"]
                if layer.writes == group:
                    norm = norms[layer.name]
                    total += float(kernel[channel].sum() + change[f"{norm}.weight"][channel])
                    total += float(change[f"{norm}.bias"][channel])
                if layer.reads == group and layer.name not in depthwise:
                    total += float(kernel[:, channel].sum())
            assert score == pytest.approx(total, rel=1e-9)


def test_a_module_is_left_as_it_was():
    spec, state = NETS[2], torch.get_rng_state()
    net = trained(spec).train()
    before = copy.deepcopy(net.state_dict())
    pruned_twice = [prune(net, Target(macs=2e5), spec=spec, saliency="taylor", batch=images(spec, 8)) for _ in range(2)]
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert net.training
    assert torch.equal(torch.get_rng_state(), state)
    a, b = pruned_twice
    assert (a.spec, a.kept) == (b.spec, b.kept)
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)
    a.weights["classifier.bias"][0] = 99  # not a view of the source
    assert net.state_dict()["classifier.bias"][0] != 99


# ---- targets


@pytest.mark.parametrize("name", ["macs", "weights", "flash", "latency"])
@pytest.mark.parametrize("spec", NETS)
def test_every_cost_can_be_the_target_and_nothing_more_would_fit(spec, name):
    goal = costs(spec)[name] * 0.6
    found = prune(trained(spec), Target(**{name: goal}), spec=spec)
    assert costs(found.spec)[name] <= goal
    assert costs(found.spec)[name] == pytest.approx(found.after[name])
    source = NetSpec.parse(spec)
    for larger in wider(found.spec, source):
        assert costs(larger)[name] > goal, larger


def wider(spec, source):
    """Nets with one free width a step larger, all on the way to the source; tied widths are left out."""
    if spec.head and spec.head < source.head:
        yield replace(spec, head=min(spec.head + 4, source.head))
    for i, (stage, old) in enumerate(zip(spec.stages, source.stages, strict=True)):
        changes = []
        if stage.block in "cd" and stage.width < old.width:
            after = spec.stages[i + 1 : i + 2]
            if not (after and after[0].block in "bm"):
                changes.append({"width": min(stage.width + 4, old.width)})
        if stage.expansion < old.expansion:
            changes.append({"expansion": stage.expansion + 1})
        for change in changes:
            yield replace(spec, stages=(*spec.stages[:i], replace(stage, **change), *spec.stages[i + 1 :]))


def test_several_limits_hold_at_once():
    spec = NETS[2]
    before = costs(spec)
    goal = Target(macs=before["macs"] * 0.7, weights=before["weights"] * 0.4, latency=before["latency"] * 0.8)
    found = prune(trained(spec), goal, spec=spec)
    assert not goal.unmet(found.after)
    alone = prune(trained(spec), Target(macs=before["macs"] * 0.7), spec=spec)
    assert alone.after["weights"] > found.after["weights"]


def test_a_target_that_is_met_changes_nothing():
    spec = NETS[0]
    net = trained(spec)
    found = prune(net, Target(macs=costs(spec)["macs"]), spec=spec)
    assert str(found.spec) == spec
    assert found.before == found.after
    assert all(torch.equal(found.weights[name], tensor) for name, tensor in net.state_dict().items())
    assert all(kept == tuple(range(len(kept))) for kept in found.kept.values())


def test_what_cannot_be_met_says_what_can():
    spec = "r8-s8-c3w16x1-h12"
    smallest = costs("r8-s4-c3w4x1-h4")["macs"]
    assert prune(trained(spec), Target(macs=float(smallest)), spec=spec).after["macs"] == smallest
    with pytest.raises(InfeasibleError, match=r"r8-s4-c3w4x1-h4, has .* macs where .* asked for") as caught:
        prune(trained(spec), Target(macs=smallest - 1.0), spec=spec)
    assert caught.value.hint
    with pytest.raises(InfeasibleError, match="KiB weights"):
        prune(trained(spec), Target(weights=1), spec=spec)
    with pytest.raises(InfeasibleError, match=spec):  # every width is below the multiple
        prune(trained(spec), Target(macs=1e3), spec=spec, multiple=32)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.25])
def test_part_of_the_way(share):
    goal = Target(macs=1e5, weights=1e9)
    before = {"macs": 1.6e6, "weights": 100, "flash": 1, "latency": 1.0}
    found = goal.part_way(before, share)
    assert found.macs == pytest.approx(1.6e6 ** (1 - share) * 1e5**share)
    assert found.weights == 1e9
    assert goal.part_way(before, 1.0) is goal


@pytest.mark.parametrize(
    ("text", "value"), [("1M", 1e6), ("1.5m", 1.5e6), ("800k", 8e5), (" 2 G", 2e9), (12, 12.0), (None, math.inf)]
)
def test_counts(text, value):
    assert to_count(text) == value


@pytest.mark.parametrize("text", ["", "0", "-1M", "M", "1MB", "nan", "inf", "1e400", "1 2"])
def test_counts_that_are_none(text):
    with pytest.raises(UsageError, match="not a positive quantity"):
        to_count(text)


def test_targets_with_units():
    goal = make_target(CompressOptions(macs="1M", weights="32KiB", latency="10ms", board="raspberry-pi-pico"))
    assert (goal.macs, goal.weights, goal.flash, goal.latency) == (1e6, 32768, math.inf, 10)
    assert goal.values() == {
        "macs": 1e6, "weights": 32768, "latency": 10, "board": "raspberry-pi-pico", "engine": "c99",
    }  # fmt: skip
    table = layer_table(spec_array([NetSpec.parse(NETS[0])]), 2, CLASSES)
    pico = net_costs(table, load_board("raspberry-pi-pico"), load_engine("c99"))
    assert goal.costs(table)["latency"] == pico.latency[0] != costs(NETS[0])["latency"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Target(),
        lambda: Target(macs=0),
        lambda: Target(macs=-1),
        lambda: Target(weights=math.nan),
        lambda: Target(latency=math.inf),
        lambda: make_target(CompressOptions()),
        lambda: make_target(CompressOptions(macs="1M", board="arduino")),
        lambda: make_target(CompressOptions(macs="1M"), engine="torch"),
        lambda: pruned(NETS[0], 0.5, saliency="gradient"),
        lambda: pruned(NETS[0], 0.5, saliency="taylor", batch=None),
        lambda: pruned(NETS[0], 0.5, saliency="taylor", batch=(torch.zeros(2, 3, 8, 8), torch.zeros(2).long())),
        lambda: pruned(NETS[0], 0.5, saliency="taylor", batch=(images(NETS[0])[0], torch.tensor([0, 1, 9]))),
        lambda: pruned(NETS[0], 0.5, multiple=0),
        lambda: prune(trained(NETS[0]), Target(macs=1)),
        lambda: prune(trained(NETS[0]), Target(macs=1), spec=NETS[1]),
        lambda: prune(nn.Linear(3, 4), Target(macs=1), spec=NETS[0]),
        lambda: prune(nn.Flatten(), Target(macs=1), spec=NETS[0]),
        lambda: prune(trained(NETS[0]), Target(macs=1), spec="resnet"),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.message


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_of_nan(value):
    net = trained(NETS[0])
    net.stem[0].weight.data[0, 0, 0, 0] = value
    with pytest.raises(UsageError, match="are NaN or infinite"):
        prune(net, Target(macs=1e4), spec=NETS[0])


def test_a_net_in_which_nothing_matters_is_pruned_evenly():
    """No scores to go by, but no division by zero either."""
    net = trained(NETS[0])
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.weight.data.zero_()
    found = prune(net, Target(macs=costs(NETS[0])["macs"] / 2), spec=NETS[0])
    assert found.kept["stem.0"] == tuple(range(found.spec.stem_width))
