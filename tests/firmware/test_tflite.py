"""The .tflite file against TFLite Micro itself, which shares no code with the executor, and against the schema."""

import dataclasses
import sys

import numpy as np
import pytest

from zeroshot import __version__
from zeroshot.cost.arena import arena_bytes
from zeroshot.cost.counts import macs
from zeroshot.errors import UsageError, pip_install
from zeroshot.firmware.tflite import one_scale_linear, to_tflite
from zeroshot.int8 import arithmetic
from zeroshot.int8.execute import accumulators, run, tensors
from zeroshot.int8.random import random_images, random_int8_net
from zeroshot.net import NetSpec, layer_table, spec_of
from zeroshot.spaces.mcu import McuSpace

from .. import tflm

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="needs ai-edge-litert")

RESNET8 = "r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2"
MIXED = "r17-s8/2-c3w12x1-d5w16x1/2-m3e3w16x2-b3w24x1/2-h40"
# All blocks, kernels 1 to 7, odd and even sides at both strides, with and without head, down to one pixel.
SHAPES = [
    (RESNET8, 3, 10), (MIXED, 3, 10), ("r16-s8-c3w8x2-c5w16x1/2", 1, 2), ("r15-s8/2-d3w16x2/2-d7w24x1", 1, 100),
    ("r20-s8-m3e1w8x1-m5e6w12x2/2-h64", 3, 2), ("r9-s3-c1w5x1-b1w7x1/2", 2, 3), ("r33-s4/2-b5w8x2/2-m7e2w9x1", 3, 37),
    ("r1-s8-c3w8x1", 3, 10), ("r2-s1-c3w1x1-d3w1x1/2", 1, 5), ("r24-s16/2-m3e4w16x3-h128", 3, 20),
    ("r9x14-s8/2-c3w8x1-b3w12x1/2-m5e2w12x1", 3, 5), ("r49x10-s8/2-d3w16x2/2-d7w24x1-h40", 1, 12),
    ("r2x33-s4-d5w8x1/2-m7e2w9x2-b5w8x1/2", 3, 4), ("r1x37-s8/2-d3w8x1-c5w12x1/2-m7e3w16x2-b3w24x1/2-h40", 3, 6),
    ("r1x16-s4-d9w8x1/2-b1w8x1/2", 1, 2), ("r30x1-s4/2-d3w8x1/2-b5w6x2/2", 3, 3),
]  # fmt: skip


FULL = McuSpace()


def net(text=MIXED, channels=3, classes=10, seed=0):
    return random_int8_net(NetSpec.parse(text), channels, classes, seed)


def read(data):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))


def every_tensor_agrees(it, images):
    ours = tensors(it, images)
    theirs = tflm.tensors(to_tflite(it), images, len(ours))
    for t, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert np.array_equal(a.reshape(len(a), -1), b), f"{it.spec}: tensor {t - 1}"
    return ours


@pytest.mark.parametrize(("text", "channels", "classes"), SHAPES)
def test_every_tensor_is_that_of_tflite_micro(text, channels, classes):
    it = net(text, channels, classes)
    images = random_images(it, 4, 1)
    every_tensor_agrees(it, images)
    assert np.array_equal(run(it, images), tflm.outputs(to_tflite(it), images))


def drawn(n, seed, most, space=FULL):
    """Nets of a space with at most so many MACs, drawn by seed."""
    values = space.sample(20 * n, np.random.default_rng(seed))
    kept = values[macs(layer_table(values, 3, 10)) <= most][:n]
    assert len(kept) == n
    return [spec_of(row) for row in kept]


def sampled_nets_agree(n, seed, most, space=FULL):
    rng = np.random.default_rng(seed)
    for spec in drawn(n, seed, most, space):
        it = random_int8_net(spec, int(rng.choice([1, 3])), int(rng.integers(2, 101)), int(rng.integers(1000)))
        images = random_images(it, 2, seed)
        assert np.array_equal(run(it, images), tflm.outputs(to_tflite(it), images)), str(spec)


@pytest.mark.parametrize("space", [McuSpace(), McuSpace.for_images((20, 33)), McuSpace.for_signals((1, 128))])
def test_a_sample_of_the_space_agrees(space):
    sampled_nets_agree(8, 0, 8e6, space)


@pytest.mark.slow
def test_a_hundred_nets_of_the_space_agree():
    sampled_nets_agree(100, 1, 4e7)


def test_the_runtime_rounds_twice():
    """TFLite's other variant of the multiplication gives other bytes than the runtime, which computes as we do."""
    it = net(RESNET8)
    images = random_images(it, 8, 1)
    ours = tensors(it, images)
    theirs = tflm.tensors(to_tflite(it), images, len(ours))
    made = arithmetic.requantisation(it, 0)
    sums = accumulators(images, int(it.zero[0]), it.weights[0], it.bias[0], 1).astype(np.int64)
    total = 31 - made.shift.astype(np.int64)
    once = ((sums * made.multiplier + (1 << (total - 1))) >> total) + it.zero[1]
    once = np.clip(once, made.low, made.high).reshape(len(images), -1)
    assert np.array_equal(ours[1].reshape(len(images), -1), theirs[1])
    assert (once != theirs[1]).any()


def test_ties_and_saturation_agree():
    """Multipliers of powers of two make ties of every other sum; zero points at both ends make sums saturate."""
    it = net("r8-s8-b3w8x1-m3e2w8x1", seed=4)
    scale = np.float32(2.0) ** np.rint(np.log2(it.scale))
    weight_scale = tuple(None if s is None else np.float32(2.0) ** np.rint(np.log2(s)) for s in it.weight_scale)
    for low, high in ((-128, 127), (127, -128), (0, 0)):
        zero = np.resize(np.array([low, high], np.int32), len(it.zero))
        zero[-2] = zero[-3]  # a pooling keeps its zero point
        scale[-2] = scale[-3]
        tied = dataclasses.replace(it, scale=scale, weight_scale=weight_scale, zero=zero)
        extremes = np.stack([np.full(it.input_shape, v, np.int8) for v in (-128, 127)])
        every_tensor_agrees(tied, np.concatenate([random_images(it, 6, 0), extremes]))


def test_negative_ties_of_the_pooling_agree():
    """Means of k / 2 on both sides of zero: the pool's input is set by a net of one 2x2 map and weights of 0 or 1."""
    it = net("r2-s4-c1w4x1", 1, 4, seed=0)
    n = len(it.zero)
    images = np.random.default_rng(0).integers(-9, 9, (200, 2, 2, 1), np.int8)
    stem = np.zeros_like(it.weights[0])
    stem[:, 1, 1] = 1
    identity = np.eye(4, dtype=np.int8).reshape(4, 1, 1, 4)
    ones = tuple(None if s is None else np.ones_like(s) for s in it.weight_scale)
    nothing = tuple(None if b is None else np.zeros_like(b) for b in it.bias)
    weights = (stem, identity, None, identity)
    plain = dataclasses.replace(
        it, scale=np.ones(n, np.float32), zero=np.zeros(n, np.int32), relu=np.zeros(n - 1, bool), weights=weights,
        weight_scale=ones, bias=nothing,
    )  # fmt: skip
    ours = every_tensor_agrees(plain, images)
    exact = images.mean(axis=(1, 2, 3))
    assert np.array_equal(ours[-1][:, 0, 0, 0], np.trunc(exact + np.copysign(0.5, exact)))
    assert ((exact % 1 == 0.5) & (exact < 0)).sum() > 10


@pytest.mark.parametrize("text", [MIXED, RESNET8, "r9-s4-d3w8x1"])
def test_one_scale_for_the_classifier(text):
    it = net(text, classes=7)
    coarse = one_scale_linear(it)
    images = random_images(it, 6, 2)
    every_tensor_agrees(coarse, images)
    classifier = read(to_tflite(coarse)).subgraphs[0].operators[-1]
    many, one = (read(to_tflite(each)).subgraphs[0].tensors[classifier.inputs[1]] for each in (it, coarse))
    assert (len(many.quantization.scale), len(one.quantization.scale)) == (7, 1)
    # What it changes: the last layer's numbers alone, by half a step of the new scale at most.
    step = coarse.weight_scale[-1][0]
    assert it.weight_scale[-1].max() <= step < 2 * it.weight_scale[-1].max()
    assert np.frexp(step)[0] == 0.5
    real, rounded = (n.weights[-1] * n.weight_scale[-1][:, None, None, None].astype(float) for n in (it, coarse))
    assert np.abs(real - rounded).max() <= step / 2 * (1 + 1e-6)
    assert all(a is b for a, b in zip(it.weights[:-1], coarse.weights[:-1], strict=True))
    assert np.array_equal(tensors(it, images)[-2], tensors(coarse, images)[-2])


def test_equal_scales_that_are_no_power_of_two_stay_one_a_class():
    it = net(classes=3)
    equal = dataclasses.replace(it, weight_scale=(*it.weight_scale[:-1], np.full(3, 0.003, np.float32)))
    tensor = read(to_tflite(equal)).subgraphs[0].operators[-1].inputs[1]
    assert len(read(to_tflite(equal)).subgraphs[0].tensors[tensor].quantization.scale) == 3
    every_tensor_agrees(equal, random_images(it, 2, 0))


def test_what_the_file_says():
    it = net()
    model = read(to_tflite(it))
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    graph = model.subgraphs[0]
    kinds = [names[model.operatorCodes[op.opcodeIndex].builtinCode] for op in graph.operators]
    expected = {
        0: "CONV_2D",
        1: "DEPTHWISE_CONV_2D",
        2: "CONV_2D",
        3: "ADD",
        4: "AVERAGE_POOL_2D",
        5: "FULLY_CONNECTED",
    }
    assert kinds == [expected[op] for op in it.table.column("op").tolist()]
    assert model.description.decode() == f"{it.spec}, zeroshot {__version__}"
    assert [graph.tensors[t].name for t in (*graph.inputs, *graph.outputs)] == [b"input", b"output"]
    assert [list(graph.tensors[t].shape) for t in (*graph.inputs, *graph.outputs)] == [[1, 17, 17, 3], [1, 10]]
    assert len({tensor.name for tensor in graph.tensors}) == len(graph.tensors)
    activations = graph.tensors[: len(it.scale)]
    assert all(tensor.type == schema.TensorType.INT8 and tensor.buffer == 0 for tensor in activations)
    assert np.array_equal([tensor.quantization.scale[0] for tensor in activations], it.scale)
    assert np.array_equal([tensor.quantization.zeroPoint[0] for tensor in activations], it.zero)
    for row, op in enumerate(graph.operators):
        assert op.builtinOptions.fusedActivationFunction == int(it.relu[row])
        if it.weights[row] is None:
            continue
        weights, bias = (graph.tensors[t] for t in op.inputs[1:])
        assert np.array_equal(weights.quantization.scale, it.weight_scale[row])
        assert weights.shape[weights.quantization.quantizedDimension] == len(it.bias[row])
        assert np.array_equal(np.frombuffer(bytes(model.buffers[bias.buffer].data), "<i4"), it.bias[row])
        product = it.scale[it.table.column("source")[row] + 1] * it.weight_scale[row]
        assert np.array_equal(bias.quantization.scale, product)


def test_constants_are_aligned_and_the_bytes_repeat():
    data = to_tflite(net())
    assert data == to_tflite(net())
    assert data[4:8] == b"TFL3"
    model = schema.Model.GetRootAs(data, 0)
    start = np.frombuffer(data, np.uint8).ctypes.data
    seen = 0
    for i in range(model.BuffersLength()):
        values = model.Buffers(i).DataAsNumpy()
        if not isinstance(values, int):  # 0: no data
            assert (values.ctypes.data - start) % 16 == 0
            seen += 1
    assert seen == 2 * sum(weights is not None for weights in net().weights)


def test_the_file_is_little_more_than_the_numbers():
    it = net(RESNET8)
    numbers = sum(w.size + 4 * b.size for w, b in zip(it.weights, it.bias, strict=True) if w is not None)
    assert numbers < len(to_tflite(it)) < numbers + 16_000


# Sides, widths and classes that are no multiples of 16, skips, heads: ties and roundings of the planner.
ARENAS = [text for text, *_ in SHAPES] + [
    "r5-s3-c3w1x1", "r7-s5-m3e3w5x3-b3w5x2", "r11-s3-b3w7x2-c3w9x2", "r13-s1-d3w3x3/2-m5e4w3x2", "r6-s4-m3e2w4x4-h5",
    "r19-s6/2-m3e6w6x2-d3w13x2/2-h77",
]  # fmt: skip


@pytest.mark.parametrize("text", ARENAS)
def test_the_arena_head_is_the_greedy_plan(text):
    for channels, classes in ((3, 10), (1, 33)):
        it = net(text, channels, classes)
        head = tflm.arena_head(to_tflite(it), random_images(it, 1, 0))
        assert head == arena_bytes(it.table, "greedy")[0]


def test_one_class_is_refused():
    with pytest.raises(UsageError, match="1 class"):
        to_tflite(net(classes=1))


@pytest.mark.parametrize("missing", ["ai_edge_litert", "flatbuffers"])
def test_without_the_library(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=missing) as caught:
        to_tflite(net())
    assert caught.value.hint == pip_install("export")
