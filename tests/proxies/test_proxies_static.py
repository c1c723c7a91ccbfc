"""Proxies that read the layer table alone, against the specs and the closed forms of their authors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.build import build
from zeroshot.net import NetSpec, Stage, layer_table, spec_array
from zeroshot.scoring.plugins import load_proxies

from ..proxy_nets import weighted
from ..strategies import examples


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


@examples(20)
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
