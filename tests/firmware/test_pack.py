"""Weights and parameters in the kernels' order, against the plain sums and against TFLite's requantisation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroshot.firmware import pack as pack_module
from zeroshot.firmware.c_model import LAYER_BYTES, model_bytes
from zeroshot.firmware.pack import convolution_weights, depthwise_weights, pack
from zeroshot.frontend.c_text import c_array
from zeroshot.int8.arithmetic import multiply_by_quantized_multiplier, requantisation
from zeroshot.int8.random import random_int8_net
from zeroshot.net import ADD, DEPTHWISE, NetSpec

from ..strategies import examples

KERNELS = st.sampled_from([(1, 1), (3, 3), (5, 5), (1, 3), (1, 7), (5, 1), (3, 5)])


def naive_convolution(weights):
    """Byte by byte from the description in kernels.c."""
    out, high, wide, c_in = weights.shape
    run = wide * c_in
    fours = run - run % 4
    order = [(y, i) for y in range(high) for i in range(fours)] + [
        (y, i) for y in range(high) for i in range(fours, run)
    ]

    def value(f, k):
        if f >= out or k >= len(order):
            return 0
        y, i = order[k]
        return int(weights[f, y, i // c_in, i % c_in])

    bytes_ = []
    for f in range(0, out, 2):
        for k in range(0, len(order), 4):
            for a, b in ((0, 2), (1, 3)):
                bytes_ += [value(f, k + a), value(f + 1, k + a), value(f, k + b), value(f + 1, k + b)]
    return bytes_


@settings(deadline=None)
@given(st.integers(1, 7), KERNELS, st.integers(1, 9), st.integers(0, 99))
def test_convolution_weights(out, kernel, c_in, seed):
    weights = np.random.default_rng(seed).integers(-127, 128, (out, *kernel, c_in), np.int8)
    assert convolution_weights(weights).tolist() == naive_convolution(weights)


@given(st.integers(1, 9), KERNELS, st.integers(0, 99))
def test_depthwise_weights(channels, kernel, seed):
    weights = np.random.default_rng(seed).integers(-127, 128, (channels, *kernel, 1), np.int8)
    packed = depthwise_weights(weights)
    at = 0
    for group in range(0, channels, 4):
        for x in range(kernel[1]):
            for y in range(kernel[0]):
                for c in range(group, group + 4):
                    assert packed[at] == (weights[c, y, x, 0] if c < channels else 0)
                    at += 1
    assert at == len(packed)


def net(**changes):
    return replace(random_int8_net(NetSpec.parse("r9-s6-b3w7x1-m3e2w7x1"), 3, 5, 4), **changes)


def test_parameters_are_those_of_the_reference_padded_to_blocks():
    it = net()
    for row, layer in enumerate(pack(it)):
        op, weights, bias = it.table.column("op")[row], it.weights[row], it.bias[row]
        if weights is None:
            assert len(layer.weights) == len(layer.bias) == 0
            continue
        made, n = requantisation(it, row), len(bias)
        block = 4 if op == DEPTHWISE else 2
        assert len(layer.bias) == len(layer.multiplier) == len(layer.shift) == -(-n // block) * block
        assert layer.bias[:n].tolist() == bias.tolist()
        assert layer.multiplier[:n].tolist() == made.multiplier.tolist()
        assert layer.shift[:n].tolist() == made.shift.tolist()
        assert not layer.bias[n:].any()
        assert layer.low == made.low
        assert layer.fast


def with_scales(it, scales):
    """Tensors with other scales, of layers whose weights have scales in proportion: no accumulator overflows."""
    scale, kernels = it.scale.copy(), list(it.weight_scale)
    for tensor, value in scales.items():
        if kernels[tensor] is not None:
            kernels[tensor] = kernels[tensor] * (value / scale[tensor + 1])
        scale[tensor + 1] = value
    return replace(it, scale=scale, weight_scale=tuple(kernels))


def test_an_additions_larger_scale_comes_first():
    it = net()
    row = int(np.flatnonzero(it.table.column("op") == ADD)[0])
    source, residual = (int(it.table.column(name)[row]) for name in ("source", "residual"))
    larger, smaller, nothing = np.float32(0.06), np.float32(0.01), np.float32(1e-12)
    for first, second, swapped in (
        (larger, smaller, False), (smaller, larger, True), (larger, larger, False), (larger, nothing, False),
    ):  # fmt: skip
        changed = with_scales(it, {source: first, residual: second})
        layer = pack(changed)[row]
        assert layer.swapped == swapped
        # Whatever the form, the second operand's value is scaled as the reference scales it.
        made = requantisation(changed, row)
        at = 0 if swapped else 1
        for x in range(-255, 256):
            want = multiply_by_quantized_multiplier(
                np.int64(x << 20), np.int64(made.multiplier[at]), np.int64(made.shift[at])
            )
            high = ((x << int(layer.shift[0])) * int(layer.multiplier[0]) + 2**30) >> 31
            right = -int(layer.shift[1])
            assert right >= 1
            assert (high - (high < 0) + (1 << (right - 1))) >> right == want


def test_channels_without_weights_become_constants_that_the_fast_form_serves():
    it = net()
    weights, scale, bias = it.weights[0].copy(), it.weight_scale[0].copy(), it.bias[0].copy()
    weights[:3] = 0
    scale[:3] = 1e-9, 30.0, 1e-3
    bias[:3] = 10**8, 3, -20000
    changed = replace(
        it, weights=(weights, *it.weights[1:]), weight_scale=(scale, *it.weight_scale[1:]), bias=(bias, *it.bias[1:])
    )
    made, layer = requantisation(changed, 0), pack(changed)[0]
    assert not -23 <= made.shift[0] <= -1
    assert not -23 <= made.shift[1] <= -1
    assert layer.fast
    zero = int(changed.zero[1])
    for c in range(3):
        want = multiply_by_quantized_multiplier(
            np.int64(bias[c]), np.int64(made.multiplier[c]), np.int64(made.shift[c])
        )
        got = multiply_by_quantized_multiplier(
            np.int64(layer.bias[c]), np.int64(layer.multiplier[c]), np.int64(layer.shift[c])
        )
        low = made.low
        assert np.clip(got + zero, low, 127) == np.clip(want + zero, low, 127)


@examples(300)
@given(
    st.integers(24, 31), st.integers(2**30, 2**31 - 1), st.integers(-(2**30), 2**30), st.integers(0, 40),
    st.integers(-128, 127), st.booleans(),
)  # fmt: skip
def test_channels_that_hardly_vary_get_parameters_of_the_fast_form(right, multiplier, bias, weight, zero, clamped):
    """Every sum that the channel can reach, or a thousand of them with both ends, gives the same output."""
    low = zero if clamped else -128
    weights = np.array([[[[weight]]]], np.int8)
    before = np.array([bias], np.int32), np.array([multiplier], np.int32), np.array([-right], np.int32)
    made = tuple(each.copy() for each in before)
    pack_module._fold_flat_channels(weights, *made, zero, low)
    assert pack_module._served(made[2], made[1], pack_module.largest_sums(weights, made[0])).all()
    away = np.unique(np.linspace(-255 * weight, 255 * weight, 1001).astype(np.int64))
    outputs = [
        np.clip(multiply_by_quantized_multiplier(b.astype(np.int64) + away, m.astype(np.int64), s.astype(np.int64))
                + zero, low, 127)
        for b, m, s in (before, made)
    ]  # fmt: skip
    assert np.array_equal(*outputs)


def test_a_step_inside_a_channel_stays_where_it_was():
    """At each sum around the step; random examples rarely meet one."""
    for zero, value in ((0, 0), (0, 7), (-5, -3), (100, -120), (-128, 254)):
        for right, multiplier in ((24, 2**30), (25, 2**31 - 1), (26, 1_500_000_001)):
            middle = int((value + 0.5) * 2**31 / multiplier * 2**right)
            if abs(middle) >= 2**31 - 2**16:
                continue
            weights = np.array([[[[100]]]], np.int8)
            before = np.array([middle], np.int32), np.array([multiplier], np.int32), np.array([-right], np.int32)
            made = tuple(each.copy() for each in before)
            pack_module._fold_flat_channels(weights, *made, zero, -128)
            away = np.arange(-25_500, 25_501)
            old, new = (
                np.clip(multiply_by_quantized_multiplier(
                    b.astype(np.int64) + away, m.astype(np.int64), s.astype(np.int64)) + zero, -128, 127)
                for b, m, s in (before, made)
            )  # fmt: skip
            assert made[2][0] == -pack_module.FLAT_SHIFT
            assert len(set(old.tolist())) == 2
            assert np.array_equal(old, new)


@pytest.mark.parametrize(("factor", "fast"), [(1.0, True), (2.0**-24, True), (2.0**20, False)])
def test_scales_out_of_range_ask_for_the_general_form(factor, fast):
    it = net()
    scale = it.weight_scale[0].copy()
    scale[2] *= factor
    changed = replace(it, weight_scale=(scale, *it.weight_scale[1:]), bias=(it.bias[0] * 0, *it.bias[1:]))
    if factor > 1:
        small = it.weights[0].copy()
        small[2] = 0
        small[2, 0, 0, 0] = 1
        changed = replace(changed, weights=(small, *it.weights[1:]))
    assert pack(changed)[0].fast == fast


def test_bytes_and_arrays_as_text():
    packed = pack(net())
    arrays = sum(x.nbytes for layer in packed for x in (layer.weights, layer.bias, layer.multiplier, layer.shift))
    assert model_bytes(packed) == arrays + LAYER_BYTES * len(packed)
    text = c_array("int8_t", "x", range(-60, 60), aligned=True)
    assert text.startswith("ZS_ALIGNED static const int8_t x[120] = {\n  -60, -59,")
    assert [int(number) for number in text.split("{")[1].split("}")[0].split(",")] == list(range(-60, 60))
    assert max(map(len, text.splitlines())) <= 120
