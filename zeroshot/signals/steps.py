"""Measured values as int16: what a sample of 1 stands for."""

from collections.abc import Sequence

import numpy as np

from zeroshot.signals.table import UNIT
from zeroshot.signals.windows import FULL
from zeroshot.types import FloatArray


def step_of(logs: Sequence[FloatArray], names: Sequence[str]) -> FloatArray:
    """The finest step, a power of two, that holds all values of the training logs; 1 where they are whole numbers.

    Columns of one unit, in brackets behind their names, share a step, so that lengths of vectors keep their meaning;
    whole numbers are what a sensor counts, and stay as they are.

    Args:
        logs: Each (samples, channels) float64, finite.
        names: Of the channels, with their units.

    Returns:
        (channels,) float64.
    """
    peak = np.max([np.abs(log).max(axis=0) for log in logs], axis=0)
    whole = np.all([(log == np.rint(log)).all(axis=0) for log in logs], axis=0)
    step = np.ones(len(names))
    units = [(match[1] if (match := UNIT.search(name)) else name) for name in names]
    for unit in set(units):
        alike = np.array([each == unit for each in units])
        high = float(peak[alike].max())
        if high and not (whole[alike].all() and high <= FULL):
            step[alike] = 2.0 ** np.ceil(np.log2(high / FULL))
    return step
