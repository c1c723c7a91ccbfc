"""What a reader of verdicts must know: who is undefined where, what says the same, and what was named with a view."""

from collections.abc import Mapping, Sequence

import numpy as np

from zeroshot.bench.combine import FUSION, VIEW
from zeroshot.bench.statistics import ranked_last
from zeroshot.bench.table import RANDOM, Truth
from zeroshot.types import FloatArray


def remarks(truth: Truth, proxies: Sequence[str], costs: Sequence[str]) -> tuple[str, ...]:
    """Sentences about some proxies and costs of a table.

    Args:
        truth: The nets.
        proxies: That are judged, of `truth.scores`.
        costs: That are limited, of `truth.costs`.
    """
    shown = {name: truth.scores[name] for name in proxies if name != RANDOM}
    found = [_undefined(shown), *_unmeasured(truth, costs), *_alike(shown), *_multiples(truth, costs), _fusions(shown)]
    return tuple(f"{truth.name}: {text}" for text in found if text)


def _undefined(shown: Mapping[str, FloatArray]) -> str:
    counts = {name: int((~np.isfinite(values)).sum()) for name, values in shown.items()}
    told = [f"{name} {count:,}" for name, count in counts.items() if count]
    return f"ranked last are the nets on which a proxy is undefined: {', '.join(told)}." if told else ""


def _unmeasured(truth: Truth, costs: Sequence[str]) -> list[str]:
    """Costs that some nets lack, those that lack the same in one sentence."""
    without: dict[bytes, list[str]] = {}
    for name in costs:
        without.setdefault(np.isfinite(truth.costs[name]).tobytes(), []).append(name)
    told = []
    for names in without.values():
        count = int((~np.isfinite(truth.costs[names[0]])).sum())
        if count:
            which = f"no {' and no '.join(names)}, and take no part in limits on {'it' if len(names) == 1 else 'them'}"
            told.append(f"{count:,} of {len(truth):,} nets have {which}.")
    return told


def _alike(shown: Mapping[str, FloatArray]) -> list[str]:
    """Proxies that equal another, or order all nets as another does."""
    first: dict[bytes, str] = {}
    equal: dict[str, list[str]] = {}
    order: dict[str, list[str]] = {}
    for name, values in shown.items():
        ranks = np.unique(ranked_last(values), return_inverse=True)[1]
        if not ranks.any():  # constant
            continue
        other = first.setdefault(ranks.astype(np.int32).tobytes(), name)
        if other != name:
            same = np.array_equal(values, shown[other], equal_nan=True)
            (equal if same else order).setdefault(other, []).append(name)
    said = [f"{_doing(names, 'equal')} {other} on all nets." for other, names in equal.items()]
    return said + [f"{_doing(names, 'order')} all nets as {other} does." for other, names in order.items()]


def _doing(names: Sequence[str], verb: str) -> str:
    return f"{' and '.join(names)} {verb}{'s' if len(names) == 1 else ''}"


def _multiples(truth: Truth, costs: Sequence[str]) -> list[str]:
    """Costs that are a multiple of an earlier one: limits on both choose the same nets."""
    said, done = [], set[str]()
    for i, name in enumerate(costs):
        for other in costs[:i]:
            factor = _factor(truth.costs[other], truth.costs[name])
            if factor and other not in done:
                said.append(f"{name} is {factor:.4g} times {other} on all nets: limits on both say the same.")
                done.add(name)
                break
    return said


def _factor(a: FloatArray, b: FloatArray) -> float | None:
    """The b / a that all nets have; None if they have several."""
    there = np.isfinite(a)
    if not np.array_equal(there, np.isfinite(b)) or not there.any() or not (a[there] > 0).all():
        return None
    ratio = b[there] / a[there]
    return float(ratio.mean()) if np.ptp(ratio) <= 1e-6 * ratio.mean() else None


def _fusions(shown: Mapping[str, FloatArray]) -> str:
    names = [name for name in shown if name.startswith(FUSION)]
    return f"{VIEW} Here: {', '.join(names)}." if names else ""
