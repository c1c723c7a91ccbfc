"""How int8 logits become an answer where each class has a bias: by the largest sum of both, the first of equals.

A bias is a whole number of steps of its net's output scale, so a device adds and compares integers. How sure an answer
is, the gap between the two largest sums, is told in a byte: what is above 255 is 255.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zeroshot.errors import UsageError
from zeroshot.types import Int64Array

# With these a class gains at most 509 steps on another, and the scores of a stream, sums of 255 decisions with factors
# up to 2^14, still differ by less than 2^31.
MOST_BIAS = 127
LARGEST_GAP = 255

Bias = tuple[int, ...]  # one a class; none of all for no bias


def biased(logits: npt.ArrayLike, bias: Sequence[int] = ()) -> Int64Array:
    """Logits plus bias, none more than 255 below the largest of its row.

    So `argmax` gives the answer and `zeroshot.cascade.policy.logit_gap` the gap, both as a device has them.

    Args:
        logits: (n, classes) int8, or any integers of that range.
        bias: Of each class; empty for none.

    Raises:
        UsageError: It is none of that net.
    """
    wide = np.asarray(logits, np.int64)
    if not len(bias):
        return wide
    check_bias(bias, wide.shape[1])
    sums = wide + np.asarray(bias, np.int64)
    return np.asarray(np.maximum(sums, sums.max(axis=1, keepdims=True) - LARGEST_GAP), np.int64)


def parse_bias(text: str | None) -> Bias:
    """The bias that a table of a run holds, whole numbers with spaces between; None for none.

    Raises:
        ValueError: It is something else.
    """
    return tuple(map(int, (text or "").split()))


def check_bias(bias: Sequence[int], classes: int) -> None:
    """Insist on a bias for each class, or none at all.

    Raises:
        UsageError: There are more or fewer, or one is out of range.
    """
    if len(bias) not in (0, classes) or any(abs(each) > MOST_BIAS for each in bias):
        raise UsageError(
            f"A bias of a net of {classes} classes is that many whole numbers from -{MOST_BIAS} to {MOST_BIAS}, "
            f"not {' '.join(map(str, bias))}."
        )
