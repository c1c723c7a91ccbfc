"""Two lists of parameters: quick where one of both is the first of its list, slow elsewhere."""

from collections.abc import Iterable

import pytest


def crossed(ones: Iterable[object], others: Iterable[object]) -> list[object]:
    """Every pair. Each value stands in a quick one, beside the first value of the other list."""
    ones, others = list(ones), list(others)
    return [
        pytest.param(one, other, marks=[] if i == 0 or j == 0 else [pytest.mark.slow])
        for i, one in enumerate(ones)
        for j, other in enumerate(others)
    ]
