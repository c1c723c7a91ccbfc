"""How often each class is there in daily use, and how often a big net then runs."""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np

from zeroshot.cascade.measure import LEVEL
from zeroshot.errors import UsageError, unknown
from zeroshot.quantization.answers import Answers
from zeroshot.types import FloatArray, Int64Array

WIDE = NormalDist().inv_cdf((1 + LEVEL) / 2)  # half of an interval in standard errors


def looks_by_class(prior: Mapping[str, float], names: Sequence[str], counts: Int64Array) -> FloatArray:
    """Share of all looks at which each class is there: (classes,) float64, in all 1.

    Args:
        prior: Class -> share; those that it does not name share the rest in proportion to their counts.
        names: Of the classes.
        counts: (classes,) examples of each in the test data.

    Raises:
        UsageError: An unknown class, one with a share and no example, or a rest that no class is left for.
    """
    for name in prior:
        if name not in names:
            raise unknown("class", name, names, "In `prior`.")
    named = np.array([name in prior for name in names])
    out = np.array([prior.get(name, 0.0) for name in names])
    rest, others = max(0.0, 1.0 - float(out.sum())), np.where(named, 0, counts)
    if rest > 1e-9 and not others.any():
        raise UsageError(
            f"The shares in `prior` add up to {out.sum():g}, and no other class is left for the rest.",
            "Let them add up to 1.",
        )
    if others.any():
        out = out + rest * others / others.sum()
    missing = [name for name, share, n in zip(names, out, counts, strict=True) if share > 0 and not n]
    if missing:
        raise UsageError(
            f"The test data have no {', '.join(missing)}: nobody knows how often the big net runs there.",
            "Leave it out of `prior`.",
        )
    return np.asarray(out)


def class_rates(answers: Answers, classes: int) -> FloatArray:
    """Share of the test examples of each class at which the big net runs, (classes,); NaN of a class without any."""
    counts = np.bincount(answers.labels, minlength=classes)
    escalated = np.bincount(answers.labels[answers.escalated], minlength=classes)
    return np.asarray(np.where(counts > 0, escalated / np.maximum(counts, 1), np.nan))


def rate_under(shares: FloatArray, rates: FloatArray, counts: Int64Array) -> tuple[float, float]:
    """How often the big net runs where classes have these shares, and half of the 80 % interval.

    The rate is the sum of share x rate. Its standard error adds up that of each class, whose examples are so many
    draws; half an example more on either side keeps a rate of 0 from looking certain.

    Args:
        shares: (classes,), in all 1.
        rates: (classes,), measured.
        counts: (classes,) test examples.
    """
    there = shares > 0
    share, rate, n = shares[there], rates[there], counts[there]
    smooth = (rate * n + 0.5) / (n + 1)
    error = sqrt(float((share**2 * smooth * (1 - smooth) / n).sum()))
    return float((share * rate).sum()), WIDE * error
