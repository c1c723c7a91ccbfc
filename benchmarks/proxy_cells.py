"""How figures of the proxies' benchmark are written in tables."""

from collections.abc import Mapping, Sequence

import numpy as np

from zeroshot.bench import nasbench201 as nb
from zeroshot.bench.statistics import Estimate

TASKS = tuple(nb.TASKS)
Rows = Sequence[Mapping[str, str]]  # of a stored table


def number(found: Estimate) -> str:
    return "undefined" if found.note else f"{found.value:.3f}"


def interval(found: Estimate) -> str:
    return number(found) if np.isnan(found.low) else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def dot(text: str | float) -> str:
    return f"{float(text):.3f}" if text != "" else ""


def spread(row: Mapping[str, str], name: str) -> str:
    return dot(row[name]) if row[f"{name} sd"] == "nan" else f"{dot(row[name])} ± {dot(row[f'{name} sd'])}"


def escaped(text: str) -> str:
    return text.replace("_", "\\_")
