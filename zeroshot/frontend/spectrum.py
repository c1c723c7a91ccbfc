"""The power spectrum of frames in integers, as the C code computes it, bit for bit.

A real FFT of n samples is made of a complex one of h = n / 2 values, whose real and imaginary parts are the even and
odd samples (Press et al., Numerical Recipes, 12.3.2), decimated in time (Cooley and Tukey, Mathematics of Computation
19, 1965) in steps of radix 4, the first of radix 2 where log2(h) is odd. Values are 32 bits wide, factors 16, and a
product is (value x factor) >> 16, rounded down: one SMULWB of a Cortex-M4. As a factor is Q15, each step halves.

Nothing overflows, whatever the samples, and no block exponent is needed:

- A windowed sample is below 2^15 x 2^15, and (sample x window) >> 6, which halves too, below 2^24: unhalved 2^25, with
  10 bits of fraction.
- A step of radix r multiplies the largest modulus by r / 2 at most: with s steps of radix 4 by 2^s. A complex value of
  two full samples is sqrt(2) 2^25; a Hann window, of mean 1/2, halves the sum over all. So moduli are below
  2^(24.5 + s), 2^29.5 for the longest FFT (s = 5), and the sums of two of them, of the last step, below 2^30.5.
- Of the two halves that give bin k, each is at most half of that sum. Shifted by s to the right, the bin is
  DFT / n with 11 bits of fraction: below 2^25, as a bin sums n samples of 2^15 under a window of mean 1/2.
- A power is below 2^50. By Parseval all bins of a frame together hold at most 2^22 / n^2 x n x sum((w x)^2) / 2,
  below 2^22 x 2^30 x 3/8 / 2 < 2^50. So the sum of a band, weights being 2^12 at most, is below 2^62.

Rounding errors, mostly of the last shift, are a few units of a bin: 28 dB or more below samples that are noise of one
bit, the least that a recording holds.
"""

import numpy as np

from zeroshot.frontend.options import FrontEnd
from zeroshot.frontend.tables import Tables
from zeroshot.types import Int64Array


def power_spectrum(front_end: FrontEnd, tables: Tables, frames: Int64Array) -> Int64Array:
    """Squared moduli of bins 0 to fft / 2 - 1; bin 0, which no band weighs, is left 0.

    Args:
        front_end: The front end.
        tables: Its tables.
        frames: (n, frame) int64, samples.

    Returns:
        (n, fft / 2) int64, |DFT / fft|^2 with 22 bits of fraction.
    """
    re, im = spectrum(front_end, tables, frames)
    return re * re + im * im


def spectrum(front_end: FrontEnd, tables: Tables, frames: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Real and imaginary parts of bins 0 to fft / 2 - 1 (bin 0: 0), DFT / fft with 11 bits of fraction.

    Arguments as `power_spectrum`.
    """
    half = front_end.fft // 2
    zr, zi = _complex_fft(_packed(front_end, tables, frames), tables)
    re, im = np.zeros_like(zr), np.zeros_like(zi)
    k = np.arange(1, half // 2)
    cos, sin = tables.turns[k, 0], tables.turns[k, 1]
    ar, ai, br, bi = zr[:, k], zi[:, k], zr[:, half - k], zi[:, half - k]
    # s = Z[k] + conj Z[h - k], d = Z[k] - conj Z[h - k], W = exp(-2 pi i k / n):
    # X[k] = (s - i W d) / 2, X[h - k] = conj(s + i W d) / 2.
    sr, si, dr, di = (ar + br) >> 1, (ai - bi) >> 1, ar - br, ai + bi
    tr, ti = _times(di, cos) - _times(dr, sin), -(_times(dr, cos) + _times(di, sin))
    re[:, k], im[:, k] = sr + tr, si + ti
    re[:, half - k], im[:, half - k] = sr - tr, ti - si
    re[:, half // 2], im[:, half // 2] = zr[:, half // 2], -zi[:, half // 2]
    shift = (half.bit_length() - 1) // 2
    return (re + (1 << shift - 1)) >> shift, (im + (1 << shift - 1)) >> shift


def _packed(front_end: FrontEnd, tables: Tables, frames: Int64Array) -> Int64Array:
    """Windowed samples in pairs, in bit-reversed order: (2, n, fft / 2)."""
    half = front_end.fft // 2
    out = np.zeros((2, len(frames), half), np.int64)
    windowed = (frames * tables.window) >> 6
    out[:, :, : front_end.frame // 2] = windowed.reshape(len(frames), -1, 2).transpose(2, 0, 1)
    return out[:, :, _reversed(half)]


def _reversed(size: int) -> Int64Array:
    """0 to size - 1 with their bits in reverse.

    >>> _reversed(8).tolist()
    [0, 4, 2, 6, 1, 5, 3, 7]
    """
    order = np.zeros(1, np.int64)
    while len(order) < size:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def _complex_fft(packed: Int64Array, tables: Tables) -> tuple[Int64Array, Int64Array]:
    re, im = packed
    n, half = re.shape
    side = 4 if half.bit_length() % 2 else 2  # log2(half) is even: radix 4 from the start
    re, im = (part.reshape(n, -1, side, 1) for part in (re, im))
    re, im = (_radix_4 if side == 4 else _radix_2)(re, im)
    while (quarter := side) < half:
        side *= 4
        re, im = (part.reshape(n, -1, 4, quarter) for part in (re, im))
        re, im = _radix_4(*_turned(re, im, tables.twiddles[:: half // side]))
    return re.reshape(n, half), im.reshape(n, half)


def _turned(re: Int64Array, im: Int64Array, twiddles: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Quarters 1, 2 and 3, which hold every fourth value from 2, 1 and 3 on, times exp(-i angle); all halved."""
    out_re, out_im = re >> 1, im >> 1
    for place, m in ((1, 2), (2, 1), (3, 3)):
        cos, sin = twiddles[1:, m - 1, 0], twiddles[1:, m - 1, 1]
        r, i = re[:, :, place, 1:], im[:, :, place, 1:]
        out_re[:, :, place, 1:] = _times(r, cos) + _times(i, sin)
        out_im[:, :, place, 1:] = _times(i, cos) - _times(r, sin)
    return out_re, out_im


def _radix_2(re: Int64Array, im: Int64Array) -> tuple[Int64Array, Int64Array]:
    return np.stack([re[:, :, 0] + re[:, :, 1], re[:, :, 0] - re[:, :, 1]], 2), np.stack(
        [im[:, :, 0] + im[:, :, 1], im[:, :, 0] - im[:, :, 1]], 2
    )


def _radix_4(re: Int64Array, im: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Sums of four, with factors 1, -i, -1 and i; the second and third are in each other's place."""
    (ar, cr, br, dr), (ai, ci, bi, di) = (np.moveaxis(part, 2, 0) for part in (re, im))
    even_re, even_im, odd_re, odd_im = ar + cr, ai + ci, br + dr, bi + di
    left_re, left_im, right_re, right_im = ar - cr, ai - ci, br - dr, bi - di
    out_re = [even_re + odd_re, left_re + right_im, even_re - odd_re, left_re - right_im]
    out_im = [even_im + odd_im, left_im - right_re, even_im - odd_im, left_im + right_re]
    return np.stack(out_re, 2), np.stack(out_im, 2)


def _times(value: Int64Array, factor: Int64Array) -> Int64Array:
    """Half of value x Q15 factor, rounded down."""
    return (value * factor) >> 16
