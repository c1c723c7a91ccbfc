"""Structured pruning of one net: nothing changes where nothing is lost, any net can be pruned, and it repeats."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from zeroshot.build import Add, Residual
from zeroshot.errors import InfeasibleError, UsageError
from zeroshot.pruning.options import SALIENCIES
from zeroshot.pruning.prune import prune
from zeroshot.pruning.target import Target

from ..crossed import crossed
from ..strategies import examples, specs
from .prunable import NETS, costs, images, largest_difference, norm_after, pruned, trained, without

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


@pytest.mark.parametrize(("spec", "saliency"), crossed(NETS, SALIENCIES))
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


@pytest.mark.parametrize(("spec", "saliency"), crossed(NETS, ["bn", "taylor"]))
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
