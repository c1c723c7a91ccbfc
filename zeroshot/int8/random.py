"""Random int8 nets with plausible numbers: what tests and benchmarks run where nothing is trained."""

from dataclasses import dataclass

import numpy as np

from zeroshot.int8.arithmetic import HIGHEST, LOWEST
from zeroshot.int8.execute import accumulators
from zeroshot.int8.net import Int8Net
from zeroshot.net import ADD, AVGPOOL, LINEAR, LayerTable, NetSpec, layer_table, spec_array
from zeroshot.types import BoolArray, Float32Array, FloatArray, Int8Array, Int32Array

CALIBRATION_IMAGES = 4
OUTLIERS = 0.002  # share of a tensor's values that saturates on either side
WIDE = 0.25  # share of the rows with a ReLU whose scale covers negative values too, so that the clamp matters


@dataclass(frozen=True, eq=False)
class _Tensor:
    """Values (n, height, width, channels) int8 with their scale and zero point."""

    values: Int8Array
    scale: float
    zero: int

    def real(self) -> FloatArray:
        return (self.values.astype(np.float64) - self.zero) * self.scale


@dataclass(frozen=True, eq=False)
class _Layer:
    """Random parameters of a row and the real values (n, height, width, channels) that it gives before its ReLU."""

    real: FloatArray
    weights: Int8Array | None = None
    weight_scale: Float32Array | None = None
    bias: Int32Array | None = None


def random_int8_net(spec: NetSpec, channels: int, classes: int, seed: int) -> Int8Net:
    """A net with random weights, its scales fitted to the outputs that random images give.

    Weights are uniform int8, their scales spread over a factor of 16 in a layer, biases about half as large as the
    sums that they are added to. A layer's scale and zero point follow the range of its exact accumulators on four
    random images, so that few outputs saturate and hardly any channel is constant. Sums are exact, so the same seed
    gives the same net at any number of threads.

    Args:
        spec: The net.
        channels: Of the input image.
        classes: Outputs of the last layer.
        seed: Not negative.
    """
    rng = np.random.default_rng(seed)
    table = layer_table(spec_array([spec]), channels, classes)
    relu = relu_rows(spec)
    first = rng.integers(LOWEST, HIGHEST + 1, (CALIBRATION_IMAGES, spec.height, spec.width, channels), np.int8)
    # Normalised pixels reach from about -2 to 2.5.
    tensors = [_Tensor(first, float(np.float32(rng.uniform(0.012, 0.02))), int(rng.integers(-20, 10)))]
    layers = []
    for row, op in enumerate(table.column("op")):
        layer = _layer(table, row, tensors, rng)
        source = tensors[table.column("source")[row] + 1]
        positive = bool(relu[row]) and rng.random() >= WIDE
        scale, zero = (source.scale, source.zero) if op == AVGPOOL else _range(layer.real, positive=positive)
        values = np.clip(np.rint(layer.real / scale) + zero, zero if relu[row] else LOWEST, HIGHEST)
        tensors.append(_Tensor(values.astype(np.int8), scale, zero))
        layers.append(layer)
    return Int8Net(
        spec, channels, classes,
        scale=np.array([tensor.scale for tensor in tensors], np.float32),
        zero=np.array([tensor.zero for tensor in tensors], np.int32),
        relu=relu,
        weights=tuple(layer.weights for layer in layers),
        weight_scale=tuple(layer.weight_scale for layer in layers),
        bias=tuple(layer.bias for layer in layers),
    )  # fmt: skip


def random_images(net: Int8Net, n: int, seed: int) -> Int8Array:
    """Noise that fits a net: (n, height, width, channels) int8, all values alike."""
    return np.random.default_rng(seed).integers(LOWEST, HIGHEST + 1, (n, *net.input_shape), np.int8)


def relu_rows(spec: NetSpec) -> BoolArray:
    """Which rows of a net's LayerTable end in a ReLU, as `zeroshot.build` puts them: (n_rows,) bool.

    All do, except: the last convolution of an inverted bottleneck and its addition; the convolutions that a residual
    block adds; the pooling and the classifier.
    """
    table = layer_table(spec_array([spec]), 1, 1)
    op, cell = table.column("op"), table.column("cell")
    relu = (op != AVGPOOL) & (op != LINEAR)
    blocks = [stage.block for stage in spec.stages for _ in range(stage.depth)]
    for number, block in enumerate(blocks, 1):
        rows = np.flatnonzero(cell == number)
        if block == "m":
            relu[rows[-2:] if op[rows[-1]] == ADD else rows[-1:]] = False
        elif block == "b":
            relu[rows[1:-1]] = False
    return np.asarray(relu)


def _layer(table: LayerTable, row: int, tensors: list[_Tensor], rng: np.random.Generator) -> _Layer:
    op, source, residual, stride = (int(table.column(name)[row]) for name in ("op", "source", "residual", "stride"))
    x = tensors[source + 1]
    if op == AVGPOOL:
        return _Layer(x.real().mean(axis=(1, 2), keepdims=True))
    if op == ADD:
        return _Layer(x.real() + tensors[residual + 1].real())
    c_out, c_in, groups, high, wide = (
        int(table.column(name)[row]) for name in ("out_channels", "in_channels", "groups", "kernel_h", "kernel_w")
    )
    weights = rng.integers(-127, 128, (c_out, high, wide, c_in // groups), np.int8)
    sums = accumulators(x.values, x.zero, weights, np.zeros(c_out, np.int32), stride).astype(np.float64)
    # A channel whose input hardly varies gets no scale that blows it up: weights are about 73, inputs' steps about 10.
    spread = np.maximum(sums.std(axis=(0, 1, 2)), 730 * np.sqrt(weights[0].size))
    weight_scale = (2.0 ** rng.uniform(-2, 2, c_out) / (spread * x.scale)).astype(np.float32)
    bias = np.rint(rng.normal(0, 0.5, c_out) * spread).astype(np.int32)
    return _Layer((sums + bias) * (x.scale * weight_scale.astype(np.float64)), weights, weight_scale, bias)


def _range(real: FloatArray, *, positive: bool) -> tuple[float, int]:
    """Scale and zero point that cover nearly all values and 0; of `positive` ones from 0 up."""
    low, high = np.quantile(real, (OUTLIERS, 1 - OUTLIERS))
    low, high = 0.0 if positive else min(float(low), 0.0), max(float(high), 0.0)
    scale = float(np.float32(max(high - low, 1e-3) / 255))
    return scale, int(np.clip(np.rint(LOWEST - low / scale), LOWEST, HIGHEST))
