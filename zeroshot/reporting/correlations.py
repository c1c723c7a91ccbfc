"""How alike the proxies order the nets that were probed: Spearman's rank correlations."""

from dataclasses import dataclass
from math import isfinite

import numpy as np
from scipy.stats import rankdata

from zeroshot.reporting.contents import Contents
from zeroshot.types import FloatArray

FEWEST = 4  # nets; with fewer every order is one
SHADES = 5


@dataclass(frozen=True)
class Correlations:
    """A table: names, and a line a proxy of text and shade from -5 to 5; how many nets it is of."""

    names: list[str]
    lines: list[tuple[str, list[tuple[str, int]]]]
    nets: int


def correlations(found: Contents) -> Correlations | str:
    """The table, or why there is none."""
    known = found.by_name
    probed = [net for net in found.scores if net in known]
    if len(probed) < FEWEST:
        return f"{len(probed)} nets of the run were probed: too few to compare how proxies order them."
    static = list(known[probed[0]].scores)
    others = sorted({name for net in probed for name in found.scores[net]} - set(static))
    names = [*static, *others, "expected by layers"]
    columns = np.array([
        [known[net].scores.get(name, np.nan) for name in static]
        + [found.scores[net][name].value if name in found.scores[net] else np.nan for name in others]
        + [known[net].static_accuracy]
        for net in probed
    ])  # fmt: skip
    return Correlations(
        names,
        [(a, [_cell(columns[:, i], columns[:, j]) for j in range(len(names))]) for i, a in enumerate(names)],
        len(probed),
    )


def _cell(a: FloatArray, b: FloatArray) -> tuple[str, int]:
    value = spearman(a, b)
    return ("-", 0) if value is None else (f"{value:.2f}", round(SHADES * value))


def spearman(a: FloatArray, b: FloatArray) -> float | None:
    """Rank correlation of two scores, over the nets that have both; None where one is constant.

    >>> spearman(np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, 8.0, 27.0, 0.0]))
    1.0
    """
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 2:
        return None
    x, y = (rankdata(each[both]) for each in (a, b))
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    value = float(x @ y) / spread if spread > 0 else float("nan")
    return round(value, 12) if isfinite(value) else None
