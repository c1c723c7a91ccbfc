"""What observers see of tensors, and their quantisation parameters, against the values themselves."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import TrainError, UsageError
from zeroshot.net import AVGPOOL, NetSpec, layer_table, spec_array
from zeroshot.quantization import observers
from zeroshot.quantization.fold import folded, relus, tensors
from zeroshot.quantization.observers import BINS, SHRINK, TAIL, affine, observe, qparams

from .test_quantize_fold import images, trained_like

SPEC = NetSpec.parse("r8-s4-b3w4x1-m3e2w4x1-d3w6x1/2")


def table(spec=SPEC):
    return layer_table(spec_array([spec]), 2, 3)


@given(st.floats(-100, 100, width=32), st.floats(-100, 100, width=32))
def test_256_integers_cover_the_range_and_0(a, b):
    low, high = min(a, b), max(a, b)
    scale, zero = affine(low, high)
    assert -128 <= zero <= 127
    ends = float(scale) * (np.array([-128, 127]) - zero)
    if high > 1e-30 or low < -1e-30:  # below that float32 has no scales
        step = float(scale)
        assert ends[0] <= min(low, 0) + 0.51 * step
        assert ends[1] >= max(high, 0) - 0.51 * step
        assert 255 * step == pytest.approx(max(high, 0) - min(low, 0), rel=1e-6)
    if low >= 0:
        assert zero == -128


def test_a_tensor_of_nothing_but_0_has_a_scale():
    assert affine(0.0, 0.0) == (1.0, -128)


def values_of(kind, n=20_000):
    rng = np.random.default_rng(0)
    x = {
        "relu": np.maximum(rng.normal(0, 1, n), 0), "wide": rng.normal(1, 3, n), "far": rng.normal(50, 1, n),
        "tailed": rng.standard_t(1.5, n), "negative": -rng.exponential(2, n), "one value": np.full(n, 3.0),
        "outlier": np.append(rng.normal(0, 1, 4 * n), 8),
    }[kind]  # fmt: skip
    return x.astype(np.float32)


def histogram(x):
    low, high = float(x.min()), float(x.max())
    return low, high, np.histogram(x, BINS, (low, high))[0] if high > low else np.eye(1, BINS, dtype=int)[0] * len(x)


KINDS = ("relu", "wide", "tailed", "negative", "one value", "far")


@pytest.mark.parametrize("kind", KINDS)
def test_minmax_and_percentile(kind):
    x = values_of(kind)
    seen = histogram(x)
    assert observers.minmax(*seen) == (x.min(), x.max())
    low, high = observers.percentile(*seen)
    bin_width = (seen[1] - seen[0]) / BINS
    outside = int(TAIL * len(x))
    exact = np.sort(x)[[outside, -1 - outside]].astype(float)
    assert abs(low - exact[0]) <= bin_width * 1.01
    assert abs(high - exact[1]) <= bin_width * 1.01
    assert ((x < low) | (x > high)).mean() <= 2 * TAIL


def error_of(low, high, x):
    """Mean squared error of rounding to 256 levels that cover the range and 0, as one would write it down."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / 255)
    zero = np.round(-128 - low / scale)
    whole = np.clip(np.round(x / scale) + zero, -128, 127)
    return (((whole - zero) * scale - x.astype(float)) ** 2).mean()


@pytest.mark.parametrize("kind", ["relu", "wide", "tailed", "outlier", "negative", "far"])
def test_mse_finds_about_the_smallest_error_of_all_shrunk_ranges(kind):
    x = values_of(kind)
    seen = histogram(x)
    found = error_of(*observers.mse(*seen), x)
    tops, bottoms = max(seen[1], 0) * SHRINK[::4], np.unique(min(seen[0], 0) * SHRINK[::4])
    best = min(error_of(bottom, top, x) for top in tops for bottom in bottoms)
    assert found <= 1.02 * best
    assert found <= error_of(*observers.minmax(*seen), x) * 1.001
    if kind == "outlier":
        assert found < 0.9 * error_of(*observers.minmax(*seen), x)


def test_what_is_observed_is_what_the_tensors_are():
    net, x = folded(trained_like(SPEC, dtype=torch.float32)), images(SPEC, n=200, dtype=torch.float32)
    observed = observe(net, "net", table(), x)
    whole = {}
    tensors(net, x, lambda row, values: whole.setdefault(row, []).append(values))
    for row, parts in whole.items():
        each = torch.cat(parts).numpy()
        assert (observed.low[row + 1], observed.high[row + 1]) == (each.min(), each.max())
        assert observed.counts[row + 1].sum() == each.size
        expected = np.histogram(each.astype(float), BINS, (each.min(), each.max()))[0]
        assert np.abs(np.cumsum(observed.counts[row + 1]) - np.cumsum(expected)).max() <= 0.001 * each.size
        axes = (0, 2, 3) if each.ndim == 4 else (0,)
        np.testing.assert_array_equal(observed.peaks[row + 1], np.abs(each).max(axes))


@pytest.mark.parametrize("ranges", observers.RANGES)
def test_parameters_of_a_net(ranges):
    net, x = folded(trained_like(SPEC, dtype=torch.float32)), images(SPEC, n=50, dtype=torch.float32)
    found = qparams(observe(net, "net", table(), x), table(), ranges, (-2.0, 3.1))
    assert (found.scale[0], found.zero[0]) == affine(-2.0, 3.1)
    pool = int(np.flatnonzero(table().column("op") == AVGPOOL)[0])
    assert (found.scale[pool + 1], found.zero[pool + 1]) == (found.scale[pool], found.zero[pool])
    assert (found.zero[1:][relus(net)] == -128).all()
    assert (found.scale.dtype, found.zero.dtype) == (np.float32, np.int32)


def test_unknown_ranges():
    net, x = folded(trained_like(SPEC, dtype=torch.float32)), images(SPEC, dtype=torch.float32)
    with pytest.raises(UsageError, match="percentil") as caught:
        qparams(observe(net, "net", table(), x), table(), "percentil", (0.0, 1.0))
    assert "percentile" in caught.value.hint


@pytest.mark.parametrize("at", [0, 150])
def test_outputs_of_nan(at):
    net, x = folded(trained_like(SPEC, dtype=torch.float32)), images(SPEC, n=200, dtype=torch.float32)
    x[at, 0, 0, 0] = float("nan")
    with pytest.raises(TrainError, match="Outputs of this net are NaN"):
        observe(net, "this net", table(), x)
