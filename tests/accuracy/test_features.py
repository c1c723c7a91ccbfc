"""Features of untrained nets, against sums over layers written out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zeroshot.accuracy.features import FEATURES, features
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.spaces import McuSpace
from zeroshot.tracing.trace import trace

from .. import reference
from ..strategies import examples

NETS = ["r16-s8/2-c3w8x2-d5w16x1/2", "r32-s16-b3w16x1-m5e4w24x2/2-h64", "r20-s12/2-c1w8x1-c7w12x1/2"]


def table_of(nets):
    return layer_table(spec_array([NetSpec.parse(net) for net in nets]), 3, 10)


def naive(net):
    """The features of one net from plain rows of layers."""
    rows = reference.layer_rows(NetSpec.parse(net), 3, 10)
    work = {"depthwise": 0, "conv": 0}
    total = outputs = layers = skips = weights = wide = logs = 0
    maps, spatial = [], []
    for row in rows:
        if row["op"] not in ("avgpool", "linear"):
            maps.append(row["out_height"] ** 2 * row["out_channels"])
        outputs += row["out_height"] ** 2 * row["out_channels"]
        skips += row["op"] == "add"
        if row["op"] in ("add", "avgpool"):
            continue
        fan_in = row["in_channels"] // row["groups"] * row["kernel_h"] * row["kernel_w"]
        done = fan_in * row["out_channels"] * row["out_height"] ** 2
        total, layers = total + done, layers + 1
        wide, logs = wide + done * (row["kernel_h"] >= 5), logs + math.log10(done)
        if row["kernel_h"] > 1:
            spatial.append(math.log10(done))
        # Two numbers of batch norm a channel after a convolution, one bias a class.
        weights += (fan_in + (1 if row["op"] == "linear" else 2)) * row["out_channels"]
        if row["op"] in work:
            work[row["op"]] += done
    return {
        "log_macs": math.log10(total), "log_params": math.log10(weights), "log_outputs": math.log10(outputs),
        "log_stem_outputs": math.log2(maps[0]), "log_narrowest": math.log2(min(maps)),
        "mean_log_macs": logs / layers, "mean_log_spatial_macs": sum(spatial) / len(spatial),
        "wide_kernel_share": wide / total, "log_side": math.log2(rows[0]["height"]),
        "log_last_side": math.log2(rows[-2]["height"]), "log_last_width": math.log2(rows[-1]["in_channels"]),
        "log_depth": math.log2(layers), "depthwise_share": work["depthwise"] / total,
        "dense_share": work["conv"] / total, "skip_share": skips / layers,
    }  # fmt: skip


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


def test_a_net_that_looks_at_single_positions_only_has_no_spatial_work():
    """Made by hand; nets of the spaces have a stem of 3x3. The 1x1 and the classifier count, the pooling does not."""
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    found = features(trace(net, (3, 8, 8)))
    assert found["mean_log_spatial_macs"].tolist() == [0.0]
    assert found["mean_log_macs"] == pytest.approx((math.log10(3 * 4 * 64) + math.log10(4 * 5)) / 2)
