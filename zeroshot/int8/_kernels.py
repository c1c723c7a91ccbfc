"""The loops of the reference executor, compiled: int32 accumulators, channels last.

`x` is (n, height, width, channels) int8, `acc` (n, height, width, out) int32, `out` of the same shape int8. Weights are
int32, (kernel_h, kernel_w, in, out) or (kernel_h, kernel_w, channels), bias (out,) int32; multipliers and shifts (out,)
int64. `padding` is what lies above and left of the image.
"""

import numba
import numpy as np

from zeroshot.int8.arithmetic import ADD_SHIFT, multiply_by_quantized_multiplier

_multiply = numba.njit(cache=True)(multiply_by_quantized_multiplier)


@numba.njit(cache=True, nogil=True)
def convolve(x, acc, weights, bias, stride, padding, zero):  # type: ignore[no-untyped-def]
    """Convolution; 1x1 and fully connected layers too. Two pixels and four taps at a time."""
    high, wide, c_in, c_out = weights.shape
    above, before = padding
    taps = high * wide * c_in
    rows = np.zeros((taps + 3, c_out), np.int32)  # three more than there are taps, always 0
    rows[:taps] = weights.reshape(taps, c_out)
    patches = np.zeros((2, taps + 3), np.int32)
    spare = np.empty(c_out, np.int32)  # takes the second sum at the end of an odd line
    p, q = patches[0], patches[1]
    width = acc.shape[2]
    for i in range(acc.shape[0]):
        for oy in range(acc.shape[1]):
            for ox in range(0, width, 2):
                sum_p, sum_q = acc[i, oy, ox], acc[i, oy, ox + 1] if ox + 1 < width else spare
                sum_p[:] = bias
                sum_q[:] = bias
                top, left = oy * stride - above, ox * stride - before
                _gather(x[i], p, high, wide, top, left, zero)
                if ox + 1 < width:
                    _gather(x[i], q, high, wide, top, left + stride, zero)
                for t in range(0, taps, 4):
                    a, b, c, d = rows[t], rows[t + 1], rows[t + 2], rows[t + 3]
                    p0, p1, p2, p3 = p[t], p[t + 1], p[t + 2], p[t + 3]
                    q0, q1, q2, q3 = q[t], q[t + 1], q[t + 2], q[t + 3]
                    for o in range(c_out):
                        sum_p[o] += p0 * a[o] + p1 * b[o] + p2 * c[o] + p3 * d[o]
                        sum_q[o] += q0 * a[o] + q1 * b[o] + q2 * c[o] + q3 * d[o]


@numba.njit(cache=True, nogil=True)
def _gather(image, patch, high, wide, top, left, zero):  # type: ignore[no-untyped-def]
    """What one output pixel sees, minus the zero point: padding is 0 then."""
    channels = image.shape[2]
    at = 0
    for y in range(top, top + high):
        for x in range(left, left + wide):
            inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
            for c in range(channels):
                patch[at + c] = np.int32(image[y, x, c]) - np.int32(zero) if inside else np.int32(0)
            at += channels


@numba.njit(cache=True, nogil=True)
def convolve_depthwise(x, acc, weights, bias, stride, padding, zero):  # type: ignore[no-untyped-def]
    """Depthwise convolution, one output channel an input channel."""
    high, wide, channels = weights.shape
    above, before = padding
    minus = np.int32(zero)
    for i in range(acc.shape[0]):
        for oy in range(acc.shape[1]):
            for ox in range(acc.shape[2]):
                total = acc[i, oy, ox]
                total[:] = bias
                for ky in range(high):
                    y = oy * stride - above + ky
                    for kx in range(wide):
                        xx = ox * stride - before + kx
                        if 0 <= y < x.shape[1] and 0 <= xx < x.shape[2]:
                            pixel, tap = x[i, y, xx], weights[ky, kx]
                            for c in range(channels):
                                total[c] += (np.int32(pixel[c]) - minus) * tap[c]


@numba.njit(cache=True, nogil=True)
def requantise(acc, out, multiplier, shift, zero, low, high):  # type: ignore[no-untyped-def]
    """Scale accumulators to int8, channel by channel."""
    pixels, channels = acc.reshape(-1, acc.shape[3]), out.shape[3]
    flat = out.reshape(-1, channels)
    for i in range(len(flat)):
        for c in range(channels):
            value = _multiply(np.int64(pixels[i, c]), multiplier[c], shift[c]) + zero
            flat[i, c] = min(max(value, low), high)


@numba.njit(cache=True, nogil=True)
def add(x, y, out, zeros, multiplier, shift, low, high):  # type: ignore[no-untyped-def]
    """Sum of two tensors of one shape; `zeros` are the zero points of x, y and out, `multiplier` three too."""
    first, second, total = x.reshape(-1), y.reshape(-1), out.reshape(-1)
    for i in range(len(total)):
        a = _multiply((np.int64(first[i]) - zeros[0]) << ADD_SHIFT, multiplier[0], shift[0])
        b = _multiply((np.int64(second[i]) - zeros[1]) << ADD_SHIFT, multiplier[1], shift[1])
        value = _multiply(a + b, multiplier[2], shift[2]) + zeros[2]
        total[i] = min(max(value, low), high)


@numba.njit(cache=True, nogil=True)
def pool(x, out, low, high):  # type: ignore[no-untyped-def]
    """Mean over all pixels, rounded half away from zero; scale and zero point stay."""
    pixels = x.shape[1] * x.shape[2]
    half = pixels // 2
    for i in range(x.shape[0]):
        for c in range(x.shape[3]):
            total = 0
            for y in range(x.shape[1]):
                for xx in range(x.shape[2]):
                    total += x[i, y, xx, c]
            value = (total + half) // pixels if total > 0 else -((half - total) // pixels)
            out[i, 0, 0, c] = min(max(value, low), high)
