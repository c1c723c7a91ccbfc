"""Cross-layer equalisation: the same function with evener channels."""

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from zeroshot.build import layers
from zeroshot.net import DEPTHWISE, NetSpec, Stage, layer_table, spec_array
from zeroshot.quantization.equalise import equalise, factors, readers
from zeroshot.quantization.fold import folded
from zeroshot.quantization.observers import observe

from ..strategies import examples, specs
from .test_quantize_fold import images, trained_like


def table(spec):
    return layer_table(spec_array([spec]), 2, 3)


def uneven(net, table, peaks):
    """Rows that have two channels whose peaks, for the weights that read them, differ by a hundredth or more."""
    found = []
    for row, reader in readers(table):
        weight, burdens = layers(net)[reader].weight, []
        for channel, peak in enumerate(peaks[row + 1]):
            reads = 1.0 if table.column("op")[reader] == DEPTHWISE else float(weight[:, channel].abs().max())
            if peak > 0 and reads > 0:
                burdens.append(peak / reads)
        if burdens and max(burdens) > 1.01 * min(burdens):
            found.append(row)
    return found


@given(specs(), st.integers(0, 99))
@example(NetSpec(1, 3, 1, (Stage("c", 1, 1),)), 0)  # the stem has one channel that lives, nothing to even out
@example(NetSpec(1, 3, 1, (Stage("c", 1, 1),)), 1)  # two of them
@examples(25)
def test_the_net_stays_the_same_function(spec, seed):
    net, x = folded(trained_like(spec, seed=seed)), images(spec)
    before = observe(net, "net", table(spec), x).peaks
    with torch.no_grad():
        expected, possible = net(x), uneven(net, table(spec), before)
        equalise(net, table(spec), before)
        torch.testing.assert_close(net(x), expected, rtol=1e-8, atol=1e-8 * float(expected.abs().max() + 1))
    after = observe(net, "net", table(spec), x).peaks
    for row in possible:
        alive = before[row + 1] > 0
        assert np.abs(after[row + 1][alive] / before[row + 1][alive] - 1).max() > 1e-3


def test_factors_pass_only_where_one_layer_alone_reads_all():
    def of(text):
        return readers(table(NetSpec.parse(text)))

    assert of("r8-s4-c3w4x2") == [(0, 1), (1, 2), (2, 4)]  # stem, two convolutions, past the pooling to the last layer
    assert of("r8-s4-d3w8x1-h6") == [(0, 1), (1, 2), (2, 3), (3, 5)]
    # Stem; two convolutions and a sum that the stem's output joins; pooling; the last layer.
    assert of("r8-s4-b3w4x1") == [(1, 2)]
    # The projection and the body's second convolution end in the sum; two layers read the stem's output.
    assert of("r8-s4-b3w8x1") == [(1, 2)]
    assert of("r8-s4-m3e2w4x1") == [(1, 2), (2, 3)]


def test_channels_before_a_depthwise_layer_become_alike():
    spec = NetSpec.parse("r8-s8-d3w6x1")
    net, x = folded(trained_like(spec)), images(spec, n=50)
    before = observe(net, "net", table(spec), x).peaks[1]
    equalise(net, table(spec), observe(net, "net", table(spec), x).peaks)
    after = observe(net, "net", table(spec), x).peaks
    assert before.max() > 1.5 * before.min()
    np.testing.assert_allclose(after[1], after[1][0], rtol=1e-9)


def test_elsewhere_tensor_and_weights_share_the_burden():
    """With s = sqrt(a / w) up to a constant, the channel's peak a / s is to its weights' w s as that constant."""
    a, w = np.array([4.0, 1.0, 0.25]), np.array([1.0, 1.0, 4.0])
    s = factors(a, w)
    ratio = (a / s) / (w * s)
    np.testing.assert_allclose(ratio, ratio[0])
    np.testing.assert_allclose(np.prod(s), 1)
    np.testing.assert_allclose(factors(a, None), [4, 1, 0.25])


def test_dead_channels_and_wild_ones():
    assert factors(np.array([0.0, 2.0, 2.0]), np.array([1.0, 0.0, 3.0])).tolist() == [1, 1, 1]
    assert factors(np.zeros(2), None).tolist() == [1, 1]
    s = factors(np.array([1e-30, 1.0, 1.0]), None)
    assert s.min() >= 1 / 64
    assert np.isfinite(s).all()
