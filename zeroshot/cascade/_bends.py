"""How far the copula's table may rise above its corners: measured, for any coupling, so that bounds presume nothing."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from zeroshot.cascade._rating import cubic
from zeroshot.cascade.copula import MU_LOW, MU_STEP, U_HALF, U_NODES, Coupling, cascade_table
from zeroshot.types import FloatArray

MARGIN = 1.5  # on what is measured at nodes, for what lies between them


class Bends(NamedTuple):
    """How far the table may rise above what its nodes say.

    Attributes:
        slack: Of an accuracy at any rate up to some u above that at the lesser of u and the best rate.
        bend: The greatest downward second derivative of accuracy in mu_L or mu_B.
        kink: The greatest difference of slopes where two cubics meet.
    """

    slack: float
    bend: float
    kink: float


@lru_cache(maxsize=64)
def bends(coupling: Coupling, first: int, last: int) -> Bends:
    """Measure a table between two nodes of both mu, the last not included; at least four."""
    table = cascade_table(coupling)
    part = slice(first, last)
    mu = MU_LOW + MU_STEP * np.arange(first, last)
    accuracy = table.gain[part, part] + ndtr(mu)[:, None]
    bend = kink = 0.0
    for axis in (0, 1):
        second = np.moveaxis(np.diff(accuracy, 2, axis=axis), axis, 0)
        ends = 2 * second[[0, -1]] - second[[1, -2]]  # of the outermost cubics, at the table's edges
        bend = max(bend, -second.min(), -ends.min())
        if last - first > 4:
            kink = max(kink, np.abs(np.diff(accuracy, 4, axis=axis)).max() / 6)
    return Bends(MARGIN * _slack(accuracy, table.best[part, part]), MARGIN * bend / MU_STEP**2, MARGIN * kink / MU_STEP)


def _slack(accuracy: FloatArray, best: FloatArray) -> float:
    """The slack of `Bends` at the nodes and halfway, and how far a cubic over u rises between its nodes."""
    half = np.kron(np.eye(len(best)), [[1.0], [0.0]])[:-1]
    for i in range(len(best) - 1):
        at = min(max(i - 1, 0), len(best) - 4)
        half[2 * i + 1, at : at + 4] = cubic(i + 0.5 - at)
    accuracy = np.einsum("xb,yl,blu->xyu", half, half, accuracy, optimize=True)
    u = np.clip(half @ best @ half.T, 0, 1) * (U_NODES - 1)
    at = np.where(
        u <= U_HALF, np.clip(u.astype(int) - 1, 0, U_HALF - 3), np.clip(u.astype(int) - 1, U_HALF, U_NODES - 4)
    )
    nodes = np.take_along_axis(accuracy, at[..., None] + np.arange(4), axis=2)
    reached = (np.stack(cubic(u - at), axis=2) * nodes).sum(axis=2)
    highest = np.maximum.accumulate(accuracy, axis=2)
    rising = np.where(np.arange(U_NODES) <= u[..., None], highest - accuracy, 0).max()
    halves = accuracy[..., : U_HALF + 1], accuracy[..., U_HALF:]
    return float(
        max(rising, (highest[..., -1] - reached).max()) + max(-np.diff(x, 2, axis=2).min() for x in halves) / 8
    )
