"""The constants of a front end as integers: window, twiddle factors, mel weights, logarithms, DCT.

All are made in double precision and rounded to the nearest integer, half to even. No table holds a value that lies
halfway between two integers: sines of rational angles are rational only where they are 0, 1/2 or 1 (Niven's theorem),
and logarithms of the mel scale are irrational. So math libraries that differ in the last bit make the same tables.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from zeroshot.errors import UsageError
from zeroshot.frontend.options import FrontEnd
from zeroshot.types import Int64Array

Q15 = 2**15
WEIGHT_BITS = 12  # of a mel weight: 0 to 4096
LOG_BITS = 10  # of fraction of a logarithm
SEGMENTS = 64  # of the table of logarithms
LEVEL_BITS = 7  # of fraction of a level, which counts in steps of the output
TOP = 255 << LEVEL_BITS  # largest level
GAIN_BITS = 12  # of fraction of the gains
LIFTER = 22  # HTK's CEPLIFTER
LIFTED = 1 + LIFTER / 2  # largest lifter weight
SPECTRUM_BITS = 11  # the spectrum is DFT / fft, with so many bits of fraction


@dataclass(frozen=True, eq=False)
class Tables:
    """Integer tables of a front end.

    Attributes:
        window: (frame,) Q15. Hann, w[n] = (1 - cos(2 pi n / frame)) / 2.
        twiddles: (fft / 8, 3, 2) Q15: cosine and sine of 2 pi j m / (fft / 2), m = 1, 2, 3.
        turns: (fft / 4, 2) Q15: cosine and sine of 2 pi k / fft.
        first_bin: The first bin that any band weighs.
        ends: (bands + 1,): the bin after the last between two edges of bands.
        weights: (ends[-1] - first_bin,) Q12: how far a bin lies between its two edges.
        logarithms: (SEGMENTS + 1,) Q15: log2(1 + i / SEGMENTS).
        log_zero: Q10: log2 of the sum that gives the smallest output.
        log_gain: Q12: steps of a level for each 2^-10 of log2.
        dct: (coefficients, bands) Q15: liftered DCT-II, divided by the largest lifter weight.
        dct_gain: Q12: what undoes that division, and makes a mean of a sum.
    """

    window: Int64Array = field(repr=False)
    twiddles: Int64Array = field(repr=False)
    turns: Int64Array = field(repr=False)
    first_bin: int
    ends: Int64Array = field(repr=False)
    weights: Int64Array = field(repr=False)
    logarithms: Int64Array = field(repr=False)
    log_zero: int
    log_gain: int
    dct: Int64Array = field(repr=False)
    dct_gain: int

    @property
    def bytes(self) -> int:
        """Bytes of the tables in flash: 16 bits a number."""
        parts = (self.window, self.twiddles, self.turns, self.ends, self.weights, self.logarithms, self.dct)
        return 2 * sum(part.size for part in parts)


@lru_cache(maxsize=16)
def tables_of(front_end: FrontEnd) -> Tables:
    """Make the tables, or find those that were made; arrays are read-only.

    Raises:
        UsageError: A band is so narrow that no bin of the FFT lies in it.
    """
    half = front_end.fft // 2
    first_bin, ends, weights = _mel(front_end)
    # 0 dB: a sine of amplitude 2^15 gives 2^14 x (sum of the window) in its bin.
    loudest = 2 * math.log2(2 ** (14 + SPECTRUM_BITS) * front_end.frame / 2 / front_end.fft) + WEIGHT_BITS
    octave = 10 * math.log10(2)  # dB of a doubled power
    return Tables(
        window=_q15([0.5 - 0.5 * math.cos(2 * math.pi * n / front_end.frame) for n in range(front_end.frame)]),
        twiddles=_turns([[j * m / half for m in (1, 2, 3)] for j in range(half // 4)]),
        turns=_turns([k / front_end.fft for k in range(half // 2)]),
        first_bin=first_bin,
        ends=ends,
        weights=weights,
        logarithms=_rounded([math.log2(1 + i / SEGMENTS) * Q15 for i in range(SEGMENTS + 1)]),
        log_zero=round((loudest + front_end.lowest_db / octave) * 2**LOG_BITS),
        log_gain=round(octave / front_end.step_db * 2 ** (LEVEL_BITS + GAIN_BITS - LOG_BITS)),
        dct=_dct(front_end),
        dct_gain=round(LIFTED / front_end.bands * 2**GAIN_BITS),
    )


def hz_to_mel(hz: float) -> float:
    """Mel scale of HTK, 2595 log10(1 + f / 700) (O'Shaughnessy, Speech Communication, 1987; The HTK Book, 5.4).

    >>> round(hz_to_mel(1000.0), 2)
    999.99
    """
    return 2595 * math.log10(1 + hz / 700)


def _mel(front_end: FrontEnd) -> tuple[int, Int64Array, Int64Array]:
    """First bin, ends and weights: triangles with equal sides on the mel scale, 1 at their tops (The HTK Book, 5.4).

    A bin between two edges adds w of its power to the band that peaks at the upper one and 1 - w to the band that
    peaks at the lower one. So one weight a bin is enough, as in TensorFlow's microfrontend.
    """
    low, high = hz_to_mel(front_end.lowest_hz), hz_to_mel(front_end.top_hz)
    ends: list[int] = []
    weights: list[float] = []
    first = interval = 0
    for k in range(1, front_end.fft // 2):  # bin 0 and the last one lie on edges, or outside
        place = (hz_to_mel(k * front_end.sample_rate / front_end.fft) - low) / (high - low) * (front_end.bands + 1)
        if 0 <= place < front_end.bands + 1:
            first = first or k
            while interval < math.floor(place):
                ends.append(k)
                interval += 1
            weights.append((place - interval) * 2**WEIGHT_BITS)
    found = _rounded(weights)
    ends += [first + len(found)] * (front_end.bands + 1 - len(ends))
    starts = [first, *ends[:-1]]
    for band in range(front_end.bands):
        rising = found[starts[band] - first : ends[band] - first]
        falling = found[starts[band + 1] - first : ends[band + 1] - first]
        if not (rising > 0).any() and not (falling < 2**WEIGHT_BITS).any():
            raise UsageError(
                f"Band {band} of {front_end.bands} is so narrow that no bin of the FFT lies in it.",
                "Give fewer `bands`, a larger `frame_ms` or a higher `lowest_hz`.",
            )
    return first, _rounded(ends), found


def _dct(front_end: FrontEnd) -> Int64Array:
    """Row k: (1 + 11 sin(pi k / 22)) cos(pi k (m + 1/2) / bands) / 12 (The HTK Book, on liftering)."""
    rows = []
    for k in range(front_end.coefficients):
        # The lifter of HTK falls again after half its period; there it stays what it is.
        lift = 1 + LIFTER / 2 * math.sin(math.pi * min(k, LIFTER // 2) / LIFTER)
        angles = [math.pi * k * (m + 0.5) / front_end.bands for m in range(front_end.bands)]
        rows.append([lift / LIFTED * math.cos(angle) for angle in angles])
    return _q15(rows).reshape(front_end.coefficients, front_end.bands)


def _turns(parts: list[float] | list[list[float]]) -> Int64Array:
    """Cosines and sines of fractions of a turn, Q15, in a last axis of two."""
    angles = 2 * math.pi * np.array(parts)
    flat = [(math.cos(angle), math.sin(angle)) for angle in angles.ravel().tolist()]
    return _q15(flat).reshape(*angles.shape, 2)


def _q15(values: list[float] | list[list[float]] | list[tuple[float, float]]) -> Int64Array:
    """Q15 in 16 bits: 1 becomes 32767 / 32768."""
    scaled = (np.array(values, float) * Q15).ravel()
    return _rounded([min(value, Q15 - 1) for value in scaled.tolist()])


def _rounded(values: Sequence[float]) -> Int64Array:
    out = np.array([round(value) for value in values], np.int64)
    out.setflags(write=False)
    return out
