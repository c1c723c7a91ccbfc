"""Cross-layer equalisation: the same function with evener channels."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroshot._equalise import equalise, factors, readers
from zeroshot._fold import folded
from zeroshot._ranges import look
from zeroshot.net import NetSpec, layer_table, spec_array

from .strategies import specs
from .test_quantize_fold import images, trained_like


def table(spec):
    return layer_table(spec_array([spec]), 2, 3)


@given(specs(), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_net_stays_the_same_function(spec, seed):
    net, x = folded(trained_like(spec, seed=seed)), images(spec)
    with torch.no_grad():
        expected = net(x)
        before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        equalise(net, table(spec), look(net, "net", table(spec), x).peaks)
        torch.testing.assert_close(net(x), expected, rtol=1e-8, atol=1e-8 * float(expected.abs().max() + 1))
    changed = [name for name, tensor in net.state_dict().items() if not torch.equal(before[name], tensor)]
    assert changed or spec.stem_width == 1 or not expected.any()


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
    before = look(net, "net", table(spec), x).peaks[1]
    equalise(net, table(spec), look(net, "net", table(spec), x).peaks)
    after = look(net, "net", table(spec), x).peaks
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
