"""Fixed-point arithmetic against exact fractions (reference.fixed_point, reference.scale_integer)."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zeroshot.errors import UsageError
from zeroshot.int8.arithmetic import (
    INT32_MAX,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    requantisation,
)
from zeroshot.int8.random import random_int8_net
from zeroshot.net import NetSpec

from .. import reference

RESIDUAL = "r6-s3-b3w3x1-m3e2w5x1"  # stem, conv, conv, add with ReLU, pointwise, depthwise, pointwise, pool, linear


def net(text=RESIDUAL, channels=2, classes=3, seed=0):
    return random_int8_net(NetSpec.parse(text), channels, classes, seed)


def scaled(x, real):
    multiplier, shift = quantize_multiplier(real)
    return multiply_by_quantized_multiplier(np.array([x]), np.int64(multiplier), np.int64(shift)).tolist()[0]


@settings(deadline=None)
@given(st.floats(2.0**-40, 2.0**29))
@example(1 - 2.0**-53)  # the mantissa rounds up to 1
@example(2.0**-32)
@example(2.0**-33)  # underflow
@example((1 - 2.0**-53) * 2.0**-32)
def test_a_multiplier_is_the_nearest_of_31_bits(real):
    assert quantize_multiplier(real) == reference.fixed_point(real)


@settings(deadline=None)
@given(st.floats(2.0**-32, 2.0**29))
def test_a_multiplier_stands_for_its_factor(real):
    multiplier, shift = quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    assert math.isclose(multiplier * 2.0 ** (shift - 31), real, rel_tol=2.0**-31)


@pytest.mark.parametrize("real", [-1e-9, math.nan, math.inf, 2.0**31])
def test_factors_without_a_fixed_point_form(real):
    with pytest.raises(UsageError, match="requantisation factor"):
        quantize_multiplier(real)


def test_zero_is_zero():
    assert quantize_multiplier(0.0) == (0, 0)
    assert scaled(12345, 0.0) == 0


@settings(deadline=None)
@given(st.integers(-(2**31), INT32_MAX), st.integers(2**30, INT32_MAX), st.integers(-31, 0))
@example(-(2**31), INT32_MAX, 0)
@example(-5, 2**30, 0)  # ties of both roundings, on both sides of zero
@example(5, 2**30, 0)
@example(-10, 2**30, -1)
@example(10, 2**30, -1)
@example(-1, 2**30, -31)
def test_products_are_rounded_twice(x, multiplier, shift):
    got = multiply_by_quantized_multiplier(np.array([x]), np.int64(multiplier), np.int64(shift))
    assert got.tolist() == [reference.scale_integer(x, multiplier, shift)]


@settings(deadline=None)
@given(st.integers(-(2**20), 2**20), st.integers(2**30, INT32_MAX), st.integers(1, 10))
def test_shifts_to_the_left(x, multiplier, shift):
    got = multiply_by_quantized_multiplier(np.array([x]), np.int64(multiplier), np.int64(shift))
    assert got.tolist() == [reference.scale_integer(x, multiplier, shift)]


def test_one_rounding_would_give_other_numbers():
    """Else nobody would notice which of TFLite's two variants this is."""
    rng = np.random.default_rng(0)
    x, multiplier, right = rng.integers(-(2**20), 2**20, 10_000), rng.integers(2**30, 2**31, 10_000), 12
    once = (x * multiplier + (1 << (30 + right))) >> (31 + right)
    twice = multiply_by_quantized_multiplier(x, multiplier, np.int64(-right))
    assert 1 <= np.count_nonzero(once != twice) < 100
    assert np.abs(once - twice).max() == 1


def test_the_factor_of_a_layer_is_a_product_of_doubles():
    it = net()
    made = requantisation(it, 0)
    factors = [float(it.scale[0]) * float(s) / float(it.scale[1]) for s in it.weight_scale[0]]
    assert list(zip(made.multiplier.tolist(), made.shift.tolist(), strict=True)) == [
        reference.fixed_point(f) for f in factors
    ]
    assert made.multiplier.dtype == made.shift.dtype == np.int32
    assert (made.low, made.high) == (int(it.zero[1]), 127)


def test_an_addition_has_three_factors_and_a_pooling_none():
    it = net()
    assert it.table.column("op").tolist()[3] == 3
    made = requantisation(it, 3)
    assert made.multiplier.shape == made.shift.shape == (3,)
    larger = int(np.argmax(it.scale[[3, 1]]))  # source is row 2, residual row 0
    assert (made.multiplier[larger], made.shift[larger]) == (2**30, 0)  # 1/2 exactly
    assert requantisation(it, 7).multiplier.shape == (0,)


def test_rows_without_relu_use_the_whole_range():
    it = net()
    rows = range(len(it.relu))
    lows = [requantisation(it, row).low for row in rows]
    assert lows == [int(it.zero[row + 1]) if it.relu[row] else -128 for row in rows]


def changed(it, row, **parts):
    """A copy whose weights, scales or biases of one row are others."""
    return dataclasses.replace(
        it, **{name: (*getattr(it, name)[:row], value, *getattr(it, name)[row + 1 :]) for name, value in parts.items()}
    )


def test_an_accumulator_that_might_overflow_is_refused():
    it = net()
    bias = it.bias[0].copy()
    sums = 256 * int(np.abs(it.weights[0][1].astype(int)).sum())
    bias[1] = INT32_MAX - sums
    requantisation(changed(it, 0, bias=bias), 0)
    bias[1] += 1
    with pytest.raises(UsageError, match="Channel 1 of row 0") as caught:
        requantisation(changed(it, 0, bias=bias), 0)
    assert "larger weight scale" in caught.value.hint


def test_a_factor_above_one_counts_in_the_overflow():
    it = net()
    scale = np.full_like(it.weight_scale[0], 2.0**12 * it.scale[1] / it.scale[0])
    bias = np.full_like(it.bias[0], 2**17)
    requantisation(changed(it, 0, weight_scale=scale, weights=np.zeros_like(it.weights[0]), bias=bias), 0)
    with pytest.raises(UsageError, match="may overflow"):
        requantisation(changed(it, 0, weight_scale=scale, weights=np.zeros_like(it.weights[0]), bias=4 * bias), 0)


def test_an_addition_whose_output_is_far_too_fine():
    it = net()
    scale = it.scale.copy()
    scale[4] = max(it.scale[1], it.scale[3]) * 2.0**-20
    with pytest.raises(UsageError, match="output scale too far below"):
        requantisation(dataclasses.replace(it, scale=scale), 3)
