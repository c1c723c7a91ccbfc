"""MACs, weights and parameters against a layer-by-layer count (reference.count_layers) and published totals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroshot.cost import counts
from zeroshot.net import NetSpec, layer_table, spec_array

from .. import reference
from ..strategies import specs

RESNET8 = "r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2"
MOBILENET = "r96-s8/2-d3w16x1-d3w32x2/2-d3w64x2/2-d3w128x6/2-d3w256x2/2"


@settings(deadline=None)
@given(st.lists(specs(), min_size=1, max_size=4), st.integers(1, 4), st.integers(1, 11))
def test_totals_are_those_of_the_naive_count(nets, channels, classes):
    table = layer_table(spec_array(nets), channels, classes)
    expected = [reference.count_layers(reference.layer_rows(net, channels, classes)) for net in nets]
    found = (counts.macs(table), counts.weights(table), counts.params(table))
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


@settings(deadline=None)
@given(specs())
def test_layers_add_up_and_outputs_are_elements(net):
    table = layer_table(spec_array([net]), 3, 10)
    rows = reference.layer_rows(net, 3, 10)
    assert counts.layer_outputs(table).tolist() == [
        row["out_height"] * row["out_width"] * row["out_channels"] for row in rows
    ]
    assert counts.layer_macs(table).sum() == counts.macs(table)[0]
    assert counts.layer_weights(table).sum() == counts.weights(table)[0]
    params = [reference.count_layers([row])[2] for row in rows]
    assert counts.layer_params(table).tolist() == params


@pytest.mark.parametrize(
    ("text", "classes", "macs", "weights"),
    # MLPerf Tiny: 12.5 M and about 78 k; 7.49 M and about 0.21 M (208,112 kernels of MobileNetV1-0.25, by hand).
    [(RESNET8, 10, 12_501_632, 77_360), (MOBILENET, 2, 7_489_664, 208_112)],
)
def test_published_totals(text, classes, macs, weights):
    table = layer_table(spec_array([NetSpec.parse(text)]), 3, classes)
    assert counts.macs(table)[0] == macs
    assert counts.weights(table)[0] == weights


def test_large_layers_do_not_overflow():
    # 4096 x 4096 channels at 1,000 x 1,000 pixels and 7 x 7: 8.2e14 MACs, far beyond 32 bits.
    table = layer_table(spec_array([NetSpec.parse("r1000-s4096-c7w4096x1")]), 3, 2)
    assert counts.layer_macs(table)[1] == 4096 * 4096 * 49 * 1_000_000
    assert counts.layer_outputs(table)[1] == 4096 * 1_000_000


def test_no_nets():
    table = layer_table(spec_array([]), 3, 10)
    assert counts.macs(table).shape == counts.weights(table).shape == counts.params(table).shape == (0,)
    assert counts.per_net(table, np.zeros(0, np.int64)).dtype == np.int64
