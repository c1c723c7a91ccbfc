"""How far our scores of NAS-Bench-201 cells agree with published ones, with themselves and with accuracy."""

import csv
import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import score_static
from zeroshot.spaces import nasbench201
from zeroshot.types import FloatArray, Int32Array

Scores = dict[int, float]
Table = dict[tuple[str, str, str, str, str], Scores]  # (proxy, init, seed, batch seed, images) -> cell -> score

RESAMPLES, RESAMPLING_SEED = 2000, 0
FAILED = -1e7  # Suite-Zero writes -1e8 where a score could not be computed

# Suite-Zero's column, what it needs, and the bar.
COUNTERPARTS = {
    "params": ("params", "static", 0.99),
    "macs": ("flops", "static", 0.99),
    "macs_bn_relu_pool": ("flops", "static", 0.99),
    "l2_norm": ("l2_norm", "data-free", 0.99),
    "synflow": ("synflow", "data-free", 0.99),
    "zen_running": ("zen", "data-free", 0.99),
    "naswot": ("nwot", "data", 0.90),
    "grad_norm": ("grad_norm", "data", 0.90),
    "snip": ("snip", "data", 0.90),
    "plain": ("plain", "data", 0.90),
    "grasp": ("grasp", "data", 0.90),
    "fisher_fan_in": ("fisher", "data", 0.90),
    "jacob_cov": ("jacov", "data", 0.90),
    "epe_nas": ("epe_nas", "data", 0.90),
}
# Same name elsewhere, another formula: shown so that nobody has to guess what the difference costs.
RELATIVES = {
    "fisher": "fisher", "zen": "zen", "logsynflow": "synflow", "synflow_bn": "synflow", "grad_norm_global": "grad_norm",
}  # fmt: skip


class Agreement(NamedTuple):
    """A rank correlation over cells.

    Attributes:
        value: Spearman, signed; NaN where it is undefined or the cells are too few.
        low: Of its 95 % percentile bootstrap interval.
        high: Likewise.
        cells: Their number.
    """

    value: float
    low: float
    high: float
    cells: int


def read_published(folder: Path) -> dict[int, dict[str, float]]:
    """Suite-Zero's scores and the trained accuracy of every cell that it covers, by published index."""
    with gzip.open(folder / "suite_zero_cifar10.csv.gz", "rt") as file:
        found = {int(row.pop("index")): {k: float(v) for k, v in row.items()} for row in csv.DictReader(file)}
    with gzip.open(folder / "accuracy.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            if int(row["index"]) in found:
                found[int(row["index"])]["accuracy"] = float(row["c10_test200"])
    return found


def spearman(a: FloatArray, b: FloatArray) -> FloatArray:
    """Signed rank correlation of each row of `a` with that row of `b`: (m, n) twice -> (m,); NaN for a constant."""
    a, b = (rankdata(x, axis=1) - (x.shape[1] + 1) / 2 for x in (a, b))
    with np.errstate(invalid="ignore"):
        return np.asarray((a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1)))


def correlation(a: Scores, b: Scores) -> Agreement:
    """Spearman over the cells that both have, its 95 % percentile bootstrap interval, and their number."""
    cells = [c for c in sorted(a) if c in b and np.isfinite(a[c]) and np.isfinite(b[c]) and b[c] > FAILED]
    if len(cells) < 10:
        return Agreement(np.nan, np.nan, np.nan, len(cells))
    x, y = np.array([a[c] for c in cells]), np.array([b[c] for c in cells])
    rows = np.random.default_rng(RESAMPLING_SEED).integers(0, len(cells), (RESAMPLES, len(cells)))
    if len(set(x.tolist())) < 2:
        return Agreement(np.nan, np.nan, np.nan, len(cells))
    low, high = np.nanquantile(spearman(x[rows], y[rows]), (0.025, 0.975))
    return Agreement(float(spearman(x[None], y[None])[0]), float(low), float(high), len(cells))


def gather(rows: list[dict[str, str]], cells: list[int]) -> Table:
    """The stored scores, and the static ones and the aggregates that follow from them."""
    table: Table = {}
    for row in rows:
        at = (row["proxy"], row["init"], row["seed"], row["batch_seed"], row["images"])
        table.setdefault(at, {})[int(row["index"])] = float(row["value"])
    digits = nasbench201.decode(cells)
    proxies = load_proxies()
    static = [p for p in proxies if p.cost == "static"]
    values = dict(zip((p.name for p in static), score_static(nasbench201.layer_table(digits), static).T, strict=True))
    values["params"] = nasbench201.params(digits).astype(float)  # its table folds batch norm in, see layer_table
    values["macs_bn_relu_pool"] = values["macs"] + elementwise(digits)
    starts = {at[1:] for at in table}
    for name, column in values.items():
        for start in starts:
            table[(name, *start)] = dict(zip(cells, column.tolist(), strict=True))
    for proxy in proxies:
        for start in starts if proxy.cost == "aggregate" else ():
            parts = [scores_of(table, part, *start) for part in proxy.parts]
            shared = [c for c in cells if all(c in part for part in parts)]
            if shared:
                total = proxy.function(np.array([[part[c] for part in parts] for c in shared]))
                table[(proxy.name, *start)] = dict(zip(shared, total.tolist(), strict=True))
    return table


def elementwise(digits: Int32Array) -> FloatArray:
    """What Suite-Zero's `flops` counts besides MACs, of the cells: 1 a ReLU, 2 a batch norm, 9 a pooled number."""
    per_edge = nasbench201.CELLS * sum(w * (32 >> stage) ** 2 for stage, w in enumerate(nasbench201.WIDTHS))
    convolutions = ((digits == 2) | (digits == 3)).sum(1)
    return np.asarray(per_edge * (3.0 * convolutions + 9.0 * (digits == 4).sum(1)))


def scores_of(
    table: Table, name: str, init: str = "default", seed: str = "0", batch: str = "0", images: str = "64"
) -> Scores:
    """A proxy's stored scores under one protocol; `ntk_cond` was computed on 16 images alone."""
    scores = table.get((name, init, seed, batch, images), {})
    return scores or (table.get((name, init, seed, batch, "16"), {}) if name == "ntk_cond" else {})


def ceilings_of(table: Table, name: str) -> tuple[Agreement, Agreement]:
    """Two runs of ours with other weights and images: all cells on the same images, each cell on its own."""
    both = correlation(scores_of(table, name, seed="1"), scores_of(table, name, batch="1"))
    return both, correlation(scores_of(table, name, batch="own0"), scores_of(table, name, seed="1", batch="own1"))


def against(table: Table, published: dict[int, dict[str, float]], name: str, theirs: str) -> Agreement:
    """Our scores' correlation with a published column."""
    return correlation(scores_of(table, name), {cell: scores[theirs] for cell, scores in published.items()})
