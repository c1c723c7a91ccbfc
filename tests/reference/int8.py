"""Int8 arithmetic in exact fractions, one value after the other."""

import math
from fractions import Fraction
from itertools import product

from .nets import same_padding


def fixed_point(real):
    """(multiplier, shift) with real = multiplier / 2^31 * 2^shift, the mantissa in [1/2, 1) rounded half up."""
    mantissa, shift = Fraction(real), 0
    if mantissa == 0:
        return 0, 0
    while mantissa >= 1:
        mantissa, shift = mantissa / 2, shift + 1
    while mantissa < Fraction(1, 2):
        mantissa, shift = mantissa * 2, shift - 1
    multiplier = math.floor(mantissa * 2**31 + Fraction(1, 2))
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def scale_integer(x, multiplier, shift):
    """gemmlowp's SaturatingRoundingDoublingHighMul (half up), then its RoundingDivideByPOT (half away from zero)."""
    half = Fraction(1, 2)
    high = math.floor(Fraction(x * 2 ** max(shift, 0) * multiplier, 2**31) + half)
    quotient = Fraction(high, 2 ** max(-shift, 0))
    return math.floor(abs(quotient) + half) * (1 if quotient > 0 else -1)


def int8_tensors(net, rows, image):
    """Every tensor of an int8 net for one image (height, width, channels), as nested lists, the image first."""
    scale, zero = [float(s) for s in net.scale], [int(z) for z in net.zero]
    out = [[[[int(v) for v in pixel] for pixel in line] for line in image]]
    for r, row in enumerate(rows):
        low = max(zero[r + 1], -128) if net.relu[r] else -128
        s = row["source"] + 1
        if row["op"] == "add":
            t = row["residual"] + 1
            twice = 2 * max(scale[s], scale[t])
            factors = [scale[s] / twice, scale[t] / twice, twice / (2**20 * scale[r + 1])]
            made = int8_addition(out[s], out[t], (zero[s], zero[t], zero[r + 1]), [fixed_point(f) for f in factors])
        elif row["op"] == "avgpool":
            made = int8_pooling(out[s])
        else:
            factors = [fixed_point(scale[s] * float(w) / scale[r + 1]) for w in net.weight_scale[r]]
            sums = int8_sums(row, out[s], zero[s], net.weights[r].tolist(), net.bias[r].tolist())
            made = [
                [
                    [scale_integer(v, *f) + zero[r + 1] for v, f in zip(pixel, factors, strict=True)]
                    for pixel in line
                ]
                for line in sums
            ]  # fmt: skip
        out.append([[[min(max(v, low), 127) for v in pixel] for pixel in line] for line in made])
    return out


def int8_sums(row, image, zero, weights, bias):
    """Accumulators of a convolution, depthwise or fully connected layer: nested lists (height, width, out)."""
    depthwise = row["groups"] > 1
    stride, kernel_h, kernel_w = row["stride"], row["kernel_h"], row["kernel_w"]
    top, _ = same_padding(row["height"], kernel_h, stride)
    left, _ = same_padding(row["width"], kernel_w, stride)
    out = [[[0] * row["out_channels"] for _ in range(row["out_width"])] for _ in range(row["out_height"])]
    for oy, ox, o in product(range(row["out_height"]), range(row["out_width"]), range(row["out_channels"])):
        total = 0
        for ky, kx in product(range(kernel_h), range(kernel_w)):
            y, x = oy * stride - top + ky, ox * stride - left + kx
            if 0 <= y < row["height"] and 0 <= x < row["width"]:
                for i in range(row["in_channels"] // row["groups"]):
                    channel = o if depthwise else i
                    total += weights[o][ky][kx][i] * (image[y][x][channel] - zero)
        out[oy][ox][o] = total + bias[o]
    return out


def int8_addition(a, b, zeros, factors):
    """Both to twice the larger scale with 20 more bits, their sum to the output's."""
    first, second, last = factors

    def one(x, y):
        total = scale_integer((x - zeros[0]) * 2**20, *first) + scale_integer((y - zeros[1]) * 2**20, *second)
        return scale_integer(total, *last) + zeros[2]

    return [
        [[one(x, y) for x, y in zip(p, q, strict=True)] for p, q in zip(l, m, strict=True)]
        for l, m in zip(a, b, strict=True)  # noqa: E741
    ]


def int8_pooling(image):
    """Mean over all pixels, rounded half away from zero."""
    pixels = [pixel for line in image for pixel in line]
    means = [Fraction(sum(values), len(pixels)) for values in zip(*pixels, strict=True)]
    return [[[math.floor(abs(m) + Fraction(1, 2)) * (1 if m > 0 else -1) for m in means]]]
