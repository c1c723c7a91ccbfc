"""The tables against exact arithmetic in decimals, and far from every tie."""

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest

from zeroshot.frontend import tables as module
from zeroshot.frontend.options import FrontEnd
from zeroshot.frontend.tables import hz_to_mel, tables_of

from ..sounds import FRONT_ENDS

DISTANCE = 1e-8  # of a value from a tie; doubles of these sizes are 1e-11 exact


def test_the_mel_scale_is_htk_s():
    """1127 ln(1 + f / 700), as HTK computes it, and its best known value: 1000 mel are about 1000 Hz."""
    for hz in (0.0, 100.0, 1000.0, 8000.0):
        assert hz_to_mel(hz) == pytest.approx(1127 * math.log1p(hz / 700), rel=1e-5)
    assert hz_to_mel(1000) == pytest.approx(1000, abs=0.02)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_no_value_lies_near_a_tie(name, monkeypatch):
    """So that every machine rounds alike, whatever its math library does to the last bits."""
    seen, real = [], module._rounded
    monkeypatch.setattr(module, "_rounded", lambda values: seen.extend(values) or real(values))
    tables_of.__wrapped__(FRONT_ENDS[name])
    distance = np.abs(np.abs(np.array(seen) % 1) - 0.5)
    assert len(seen) > 200
    assert distance.min() > DISTANCE


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_window_and_turns_against_decimals(name):
    front_end = FRONT_ENDS[name]
    tables = tables_of(front_end)
    n = front_end.frame
    assert tables.window.tolist() == [nearest((1 - cosine(k, n)) / 2) for k in range(n)]
    assert tables.turns[:, 0].tolist() == [nearest(cosine(k, front_end.fft)) for k in range(front_end.fft // 4)]
    assert tables.turns[:, 1].tolist() == [
        nearest(cosine(4 * k - front_end.fft, 4 * front_end.fft)) for k in range(front_end.fft // 4)
    ]
    half = front_end.fft // 2
    assert tables.twiddles[:, 2, 0].tolist() == [nearest(cosine(3 * j, half)) for j in range(half // 4)]


def nearest(value):
    return min(32767, int((value * 32768).to_integral_value()))


def cosine(part, whole):
    """Of a fraction of a turn, by its series, to 40 digits."""
    getcontext().prec = 50
    angle = 2 * Decimal("3.14159265358979323846264338327950288419716939937511") * abs(part) / whole
    total = term = Decimal(1)
    for k in range(1, 60):
        term *= -angle * angle / ((2 * k - 1) * (2 * k))
        total += term
    return total


def test_logarithms():
    found = tables_of(FrontEnd()).logarithms
    assert found.tolist() == [round(32768 * float(np.log2(1 + i / 64))) for i in range(65)]
    assert (found[0], found[-1]) == (0, 32768)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_weights_of_a_bin_add_up_to_one_between_the_outer_tops(name):
    front_end = FRONT_ENDS[name]
    tables = tables_of(front_end)
    assert len(tables.ends) == front_end.bands + 1
    assert (np.diff([tables.first_bin, *tables.ends]) >= 0).all()
    assert len(tables.weights) == tables.ends[-1] - tables.first_bin
    assert ((tables.weights >= 0) & (tables.weights <= 4096)).all()


def test_tables_are_not_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        tables_of(FrontEnd()).window[0] = 1
