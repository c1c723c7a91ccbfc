"""Features of untrained nets, against sums over layers written out by hand."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from zeroshot.accuracy.features import FEATURES, features
from zeroshot.build import build
from zeroshot.net import NetSpec, layer_table, spec_array, spec_of
from zeroshot.spaces import McuSpace
from zeroshot.tracing.trace import trace

from .. import reference
from ..strategies import examples

NETS = ["r16-s8/2-c3w8x2-d5w16x1/2", "r32-s16-b3w16x1-m5e4w24x2/2-h64", "r20-s12/2-c1w8x1-c7w12x1/2"]


CONVOLUTIONS = ("conv", "depthwise", "pointwise")


def table_of(nets):
    return layer_table(spec_array([NetSpec.parse(net) for net in nets]), 3, 10)


def naive(net):
    """The features of one net from plain rows of layers."""
    rows = reference.layer_rows(NetSpec.parse(net), 3, 10)
    total = outputs = layers = weights = 0
    maps, at = [], Counter()
    for number, row in enumerate(rows):
        if row["op"] not in ("avgpool", "linear"):
            maps.append(row["out_height"] ** 2 * row["out_channels"])
        if number and row["op"] in CONVOLUTIONS:
            outputs += row["out_height"] ** 2 * row["out_channels"]
        if row["op"] in ("add", "avgpool"):
            continue
        fan_in = row["in_channels"] // row["groups"] * row["kernel_h"] * row["kernel_w"]
        done = fan_in * row["out_channels"] * row["out_height"] ** 2
        total, layers = total + done, layers + 1
        at[row["out_height"]] += done if number else 0
        # Two numbers of batch norm a channel after a convolution, one bias a class.
        weights += (fan_in + (1 if row["op"] == "linear" else 2)) * row["out_channels"]
    return {
        "log_macs": math.log10(total), "log_params": math.log10(weights), "log_outputs": math.log10(outputs),
        "log_stem_outputs": math.log2(maps[0]), "log_segment_macs": segments_of(net),
        "log_narrowest": math.log2(min(row["out_channels"] for row in rows if row["op"] in CONVOLUTIONS)),
        "log_balanced_macs": 3 * math.log10(sum(math.cbrt(each) for each in at.values())),
        "log_field": math.log2(min(0.75, field_of(net))), "log_side": math.log2(rows[0]["height"]),
        "log_depth": math.log2(layers),
    }  # fmt: skip


def segments_of(net):
    """Mean log10 of the work between two maps that every path passes: blocks with a shortcut are one, layers else."""
    spec = NetSpec.parse(net)
    side, width = spec.resolution // spec.stem_stride, spec.stem_width
    work = [27 * width * side**2]
    for stage in spec.stages:
        for i in range(stage.depth):
            before, side = side, side // (stage.stride if i == 0 else 1)
            k, new, px = stage.kernel**2, stage.width, side**2
            if stage.block == "c":
                work.append(k * width * new * px)
            elif stage.block == "d":
                work.append(width * new * px)
            elif stage.block == "m":
                hidden = stage.expansion * width
                parts = [width * hidden * before**2] if stage.expansion > 1 else []
                parts.append(hidden * new * px)
                work += [sum(parts)] if width == new and before == side else parts
            else:
                shortcut = width * new * px if width != new or before != side else 0
                work.append(k * width * new * px + k * new * new * px + shortcut)
            width = new
    if spec.head:
        work.append(width * spec.head * side**2)
    return sum(map(math.log10, work)) / len(work)


def field_of(net):
    """Share of the image's side that one position of the last map sees, by the gradient of the net itself.

    Weights of 1 and no batch norm: what a pixel cannot reach has no gradient. Without padding's edges in the way the
    image is three times as wide, and the middle position looks.
    """
    spec = NetSpec.parse(net)
    wide = replace(spec, resolution=8 * spec.resolution)
    module = build(wide, 1, 2)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.ones_(part.weight)
    body = nn.Sequential(module.stem, module.body, module.head).eval()
    x = torch.ones(1, 1, wide.resolution, wide.resolution, dtype=torch.float64, requires_grad=True)
    out = body.double()(x)
    middle = out.shape[-1] // 2
    (gradient,) = torch.autograd.grad(out[0, 0, middle, middle], x)
    return int((gradient[0, 0].abs().sum(dim=0) > 0).sum()) / spec.resolution


def test_features_are_those_of_rows_written_out():
    found = features(table_of(NETS))
    assert found.keys() == FEATURES.keys()
    for i, net in enumerate(NETS):
        assert {name: column[i] for name, column in found.items()} == pytest.approx(naive(net))


@examples(10)
@given(st.integers(0, 2**32 - 1))
def test_a_net_has_the_same_features_in_every_population(seed):
    values = McuSpace.for_images(32).sample(6, np.random.default_rng(seed))
    whole = features(layer_table(values, 3, 10))
    for name, column in whole.items():
        assert column.shape == (6,)
        assert np.isfinite(column).all()
        alone = [features(layer_table(values[i : i + 1], 3, 10))[name][0] for i in range(6)]
        assert column.tolist() == alone


def test_nothing_has_no_features():
    empty = layer_table(np.zeros((0, 11), np.int32), 3, 10)
    assert {name: column.shape for name, column in features(empty).items()} == dict.fromkeys(FEATURES, (0,))


def test_a_net_that_looks_at_single_positions_only_sees_one_of_eight():
    """Made by hand; nets of the spaces have a stem of 3x3."""
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    found = features(trace(net, (3, 8, 8)))
    assert found["log_field"].tolist() == [math.log2(1 / 8)]


def test_the_side_of_any_shape_is_that_of_the_square_with_as_many_pixels():
    sides = features(table_of(["r32-s4-c3w4x1", "r16x64-s4-c3w4x1", "r1x1024-s4-c3w4x1", "r64x16-s4-c3w4x1"]))
    assert sides["log_side"].tolist() == [5.0] * 4


def test_the_field_of_a_rectangle_is_the_geometric_mean_of_both_axes():
    """Two 3x3 kernels see 5 of 10 rows and 5 of 40 columns; of a signal its axis counts; at most 3/4 along each."""
    field = features(table_of(["r10x40-s4-c3w4x1", "r1x40-s4-c3w4x1", "r40x1-s4-c3w4x1", "r5x40-s4-c3w4x1"]))
    expected = [math.sqrt(5 / 10 * 5 / 40), 5 / 40, 5 / 40, math.sqrt(0.75 * 5 / 40)]
    assert field["log_field"] == pytest.approx(np.log2(expected))


def test_work_at_two_resolutions_counts_four_times_and_the_stems_not_at_all():
    """The same number of operations behind the stem, on one map and on two."""
    equal = [nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(3)]
    coarse = nn.Conv2d(8, 32, 3, padding=1, stride=2, bias=False)
    one = features(trace(nn.Sequential(*equal), (8, 16, 16)))
    two = features(trace(nn.Sequential(*equal[:2], coarse), (8, 16, 16)))
    assert one["log_macs"] == two["log_macs"]
    assert 10 ** one["log_balanced_macs"] == pytest.approx(2 / 3 * 10 ** one["log_macs"])
    assert two["log_balanced_macs"] == pytest.approx(one["log_balanced_macs"] + math.log10(4))


class Branches(nn.Module):
    """Two ways to one sum: of 5x5 over 3x3, and of 3x3 alone."""

    def __init__(self):
        super().__init__()
        self.long = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 5, padding=2))
        self.short = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))

    def forward(self, x):
        return self.last(self.long(x) + self.short(x))


def test_of_two_ways_the_one_that_sees_more_counts():
    assert features(trace(Branches(), (3, 32, 32)))["log_field"] == pytest.approx(math.log2(7 / 32))


WIDER = st.sampled_from([0, 1, 2, 3, 4])


@example(1039, 1)  # loses a shortcut
@settings(deadline=None)
@given(st.integers(0, 2**16), WIDER)
def test_more_layers_or_channels_never_lower_a_feature_but_by_a_cheap_segment(seed, how):
    """All else equal: a stage deeper, wider, a larger kernel, a wider stem, a larger image."""
    space = McuSpace.for_images(32)
    spec = spec_of(space.sample(1, np.random.default_rng(seed), 2)[0])
    stage = spec.stages[0]
    more = {
        0: replace(spec, stages=(replace(stage, depth=stage.depth + 1), *spec.stages[1:])),
        1: replace(spec, stages=(replace(stage, width=stage.width + 8), *spec.stages[1:])),
        2: replace(spec, stages=(replace(stage, kernel=stage.kernel + 2), *spec.stages[1:])),
        3: replace(spec, stem_width=spec.stem_width + 8),
        4: replace(spec, resolution=2 * spec.resolution),
    }[how]
    before, after = (features(table_of([str(each)])) for each in (spec, more))
    # The share of a larger image; blocks that are narrower or cheaper than the others; the addition of a shortcut that
    # a block loses, since what enters is no longer as wide as what leaves.
    unlike = {"log_segment_macs", "log_depth"}
    may_fall = {4: {"log_field"}, 0: {"log_segment_macs"}, 1: unlike, 3: unlike}
    grown = [name for name in FEATURES if name not in may_fall.get(how, ())]
    for name in grown:
        assert after[name][0] >= before[name][0] - 1e-12, name


def test_a_cheap_layer_holds_a_net_back_unless_a_shortcut_passes_it():
    """Made by hand: 8 and 2 channels in turn, with and without a way around the narrow ones."""
    wide, narrow = nn.Conv2d(8, 8, 3, padding=1), nn.Sequential(nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1))
    chain = features(trace(nn.Sequential(wide, narrow), (8, 4, 4)))["log_segment_macs"][0]
    assert chain == pytest.approx((math.log10(9 * 64 * 16) + 2 * math.log10(16 * 16)) / 3)
    around = features(trace(nn.Sequential(wide, Around(narrow)), (8, 4, 4)))["log_segment_macs"][0]
    assert around == pytest.approx((math.log10(9 * 64 * 16) + math.log10(2 * 16 * 16)) / 2)


def test_depthwise_layers_alone_are_no_segments():
    alone = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert features(trace(alone, (4, 8, 8)))["log_segment_macs"].tolist() == [0]


class Around(nn.Module):
    """Something beside a shortcut."""

    def __init__(self, inside):
        super().__init__()
        self.inside = inside

    def forward(self, x):
        return x + self.inside(x)
