"""Intervals of means over a few trainings."""

from collections.abc import Sequence
from math import sqrt
from statistics import stdev

from scipy.stats import t

from zeroshot.cascade.measure import LEVEL


def half_width(values: Sequence[float]) -> float:
    """Half the width of the interval of a mean by Student's t, of `LEVEL`; nan of fewer than two values."""
    if len(values) < 2:
        return float("nan")
    return float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * stdev(values) / sqrt(len(values))
