"""The executor against plain Python loops (reference.int8_tensors), row by row and bit by bit."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import UsageError
from zeroshot.int8 import execute
from zeroshot.int8.arithmetic import requantisation
from zeroshot.int8.execute import accumulators, quantize_input, quantize_pixels, run, tensors
from zeroshot.int8.random import random_images, random_int8_net
from zeroshot.net import NetSpec

from .. import reference
from ..strategies import examples, specs

EVERYTHING = "r7-s3/2-c3w4x1-d5w5x1/2-m3e2w5x1-b3w4x1/2-h6"


def net(text=EVERYTHING, channels=3, classes=4, seed=0):
    return random_int8_net(NetSpec.parse(text), channels, classes, seed)


def agrees(it, images):
    """Compare every tensor of every image with the naive one."""
    rows = reference.layer_rows(it.spec, it.channels, it.classes)
    ours = tensors(it, images)
    for i, image in enumerate(images):
        naive = reference.int8_tensors(it, rows, image.tolist())
        assert len(naive) == len(ours)
        for t, (got, expected) in enumerate(zip(ours, naive, strict=True)):
            assert got[i].tolist() == expected, f"image {i}, tensor {t - 1}"


# One row under test in each: kernels 1 to 7, both strides, even and odd sides, images smaller than the kernel.
@pytest.mark.parametrize(
    "text",
    [
        "r6-s3-c3w4x1", "r7-s3-c3w4x1", "r6-s3/2-c3w4x1/2", "r7-s3/2-c3w5x1/2", "r8-s2-c5w3x1/2", "r9-s2-c7w3x1/2",
        "r2-s4-c7w3x1", "r1-s3-c3w4x1/2", "r6-s3-c1w7x1", "r5-s4-c1w3x1/2",
        "r6-s5-d3w4x1", "r7-s5-d3w4x1/2", "r6-s5-d5w4x1/2", "r3-s5-d7w4x1", "r4-s1-d3w2x1",
        "r6-s4-m3e1w4x1", "r6-s4-m3e3w4x2", "r7-s4-m5e2w3x1/2", "r6-s4-b3w4x1", "r7-s4-b3w6x2/2", "r5-s4-b1w4x1",
        "r4-s3-c1w3x1-h9", EVERYTHING,
        "r6x3-s3/2-c3w4x1/2", "r5x8-s2-c5w3x1/2", "r2x9-s5-d7w4x1/2", "r7x4-s4-m5e2w3x1/2", "r3x6-s4-b3w6x2/2",
        "r1x9-s3/2-c3w4x1/2", "r1x12-s5-d7w4x1/2", "r1x8-s4-m5e2w3x2/2", "r11x1-s4-b3w6x2/2",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (3, 5)])
def test_every_tensor_is_the_naive_one(text, channels, classes):
    it = net(text, channels, classes)
    agrees(it, random_images(it, 2, 1))


@examples(25)
@given(specs(widths=(1, 2, 5)), st.integers(1, 3), st.integers(1, 5), st.integers(0, 99))
def test_nets_of_any_shape(spec, channels, classes, seed):
    small = dataclasses.replace(
        spec, resolution=(1 + spec.height % 7, 1 + spec.width % 7), stages=spec.stages[:2], head=spec.head % 8
    )
    it = random_int8_net(small, channels, classes, seed)
    agrees(it, random_images(it, 1, seed))


def test_extreme_values_and_zero_points():
    """Inputs and weights at both ends of int8, zero points at both ends, sums that saturate."""
    it = net("r4-s3-b3w3x1-d3w3x1", seed=3)
    for low, high in ((-128, 127), (127, -128)):
        zero = it.zero.copy()
        zero[:5] = (low, high, low, high, low)
        weights = tuple(None if w is None else np.where(w < 0, -127, 127).astype(np.int8) for w in it.weights)
        extreme = dataclasses.replace(it, zero=zero, weights=weights)
        images = np.stack([np.full(it.input_shape, v, np.int8) for v in (-128, 127, 0)])
        agrees(extreme, images)


@pytest.mark.parametrize("text", ["r4-s5-b3w5x1", "r4-s5-m3e2w5x1"])
def test_additions_of_every_pair_of_bytes(text):
    """A block whose two inputs run through all 65,536 pairs: with and without ReLU, scales apart by up to 2^10."""
    it = net(text)
    row = it.table.column("op").tolist().index(3)
    source, residual = (int(it.table.column(name)[row]) + 1 for name in ("source", "residual"))
    pairs = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)), -1).reshape(-1, 2).astype(np.int8)
    for scales, zeros in (
        ((0.1, 0.1, 0.1), (0, 0, 0)),
        ((0.5, 0.0005, 0.3), (-128, 127, -30)),
        ((1, 3, 2), (5, -7, 11)),
    ):
        scale, zero = it.scale.copy(), it.zero.copy()
        scale[[source, residual, row + 1]], zero[[source, residual, row + 1]] = scales, zeros
        other = dataclasses.replace(it, scale=scale, zero=zero)
        made = requantisation(other, row)
        out = np.empty(len(pairs), np.int8)
        first, second = (np.ascontiguousarray(column) for column in pairs.T)
        execute.add(
            first, second, out, zeros, made.multiplier.astype(np.int64), made.shift.astype(np.int64), made.low, 127
        )
        picked = np.random.default_rng(0).choice(len(pairs), 500, replace=False)
        factors = list(zip(made.multiplier.tolist(), made.shift.tolist(), strict=True))
        for i in picked:
            ((naive,),) = reference.int8_addition([[[int(first[i])]]], [[[int(second[i])]]], zeros, factors)
            assert out[i] == min(max(naive[0], made.low), 127)


def test_poolings_round_half_away_from_zero():
    x = np.array([[1, 2], [-1, -2], [127, 127], [-128, -128], [0, -1], [0, 1]], np.int8).reshape(6, 1, 2, 1)
    out = np.empty((6, 1, 1, 1), np.int8)
    execute.pool(x, out, -128, 127)
    assert out.ravel().tolist() == [2, -2, 127, -128, -1, 1]


def test_outputs_are_the_last_tensor_and_do_not_depend_on_the_batch(monkeypatch):
    it = net()
    images = random_images(it, 9, 0)
    together = run(it, images)
    assert together.shape == (9, 4)
    assert together.dtype == np.int8
    assert np.array_equal(together, tensors(it, images)[-1].reshape(9, 4))
    monkeypatch.setattr(execute, "BATCH_BYTES", 1)
    assert np.array_equal(together, run(it, images))
    assert np.array_equal(together, np.concatenate([run(it, images[i : i + 1]) for i in range(9)]))
    assert np.array_equal(together[::-1], run(it, images[::-1]))


def test_no_images():
    it = net()
    assert run(it, random_images(it, 0, 0)).shape == (0, 4)
    assert [t.shape for t in tensors(it, random_images(it, 0, 0))][-1] == (0, 1, 1, 4)


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 7, 7, 3), np.uint8), np.zeros((1, 7, 7, 1), np.int8), np.zeros((7, 7, 3), np.int8)],
    ids=["uint8", "one channel", "one image"],
)
@pytest.mark.parametrize("function", [run, tensors])
def test_images_that_do_not_fit(function, images):
    with pytest.raises(UsageError, match=r"must be \(n, 7, 7, 3\) int8"):
        function(net(), images)


def test_a_net_that_may_overflow_is_not_run():
    it = net()
    bias = (np.full_like(it.bias[0], 2**31 - 1), *it.bias[1:])
    with pytest.raises(UsageError, match="may overflow"):
        run(dataclasses.replace(it, bias=bias), random_images(it, 1, 0))


def test_accumulators_are_those_of_the_naive_loops():
    it = net("r5-s4-d3w3x1/2")
    rows = reference.layer_rows(it.spec, 3, 4)
    x = tensors(it, random_images(it, 1, 0))
    for row in (0, 1, 2):
        got = accumulators(x[row], int(it.zero[row]), it.weights[row], it.bias[row], rows[row]["stride"])
        naive = reference.int8_sums(
            rows[row], x[row][0].tolist(), int(it.zero[row]), it.weights[row].tolist(), it.bias[row].tolist()
        )
        assert got.dtype == np.int32
        assert got[0].tolist() == naive


def test_inputs_are_rounded_half_to_even_and_clamped():
    it = net()
    scale, zero = it.scale.copy(), it.zero.copy()
    scale[0], zero[0] = 0.5, 3
    it = dataclasses.replace(it, scale=scale, zero=zero)
    x = np.array([0.0, 0.25, 0.75, -0.25, -0.75, 0.5, 1e9, -1e9], np.float32)
    assert quantize_input(it, x).tolist() == [3, 3, 5, 3, 1, 4, 127, -128]
    assert quantize_input(it, x).dtype == np.int8
    with pytest.raises(UsageError, match="finite"):
        quantize_input(it, np.array([np.nan], np.float32))


def test_pixels_are_looked_up_channel_by_channel():
    it = net()
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.25, 0.3])
    levels = np.arange(256)[:, None]
    table = quantize_input(it, ((levels / 255 - mean) / std).astype(np.float32))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 7, 7, 3), np.uint8)
    direct = quantize_input(it, ((pixels / 255 - mean) / std).astype(np.float32))
    assert np.array_equal(quantize_pixels(table, pixels), direct)
    assert quantize_pixels(table, pixels).dtype == np.int8


@pytest.mark.parametrize(
    ("table", "pixels"),
    [
        (np.zeros((256, 1), np.int8), np.zeros((1, 7, 7, 3), np.uint8)),
        (np.zeros((256, 3), np.uint8), np.zeros((1, 7, 7, 3), np.uint8)),
        (np.zeros((256, 3), np.int8), np.zeros((1, 7, 7, 3), np.int8)),
    ],
)
def test_tables_that_do_not_fit(table, pixels):
    with pytest.raises(UsageError, match="does not fit pixels"):
        quantize_pixels(table, pixels)
