"""Targets of a pruning: each cost, several at once, what cannot be met, and quantities with units."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import net_costs
from zeroshot.errors import InfeasibleError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.pruning.options import CompressOptions
from zeroshot.pruning.prune import prune
from zeroshot.pruning.target import Target, make_target
from zeroshot.units import to_count

from ..crossed import crossed
from .prunable import CLASSES, NETS, costs, images, pruned, trained

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


@pytest.mark.parametrize(("spec", "name"), crossed(NETS, ["macs", "weights", "flash", "latency"]))
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
