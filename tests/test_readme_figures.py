"""README's figures of NAS-Bench-201 are those of the stored tables: who rewrites one must rewrite the other."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
TASKS = ("cifar10", "cifar100", "imagenet16-120")
ALL, EVERY, ALIVE = "all cells", "cells with every proxy", "no dead operations"
FUSION = "fuse: graph + jacob_cov + az_nas"
UNSEEN, WHOLE = "fixed, other half", "fixed, all rows"


def rows(name):
    with (RESULTS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def only(table, **wanted):
    """The one row with these values."""
    found = [row for row in table if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, len(found))
    return found[0]


@pytest.fixture(scope="module")
def block():
    """README's part between its two marks, as one line of words."""
    text = (ROOT / "README.md").read_text()
    return " ".join(text.split("<!-- nasbench201 -->")[1].split("<!-- /nasbench201 -->")[0].split())


@pytest.fixture(scope="module")
def shown(block):
    """First words of a row of README's table -> its three cells."""
    cells = [[cell.strip() for cell in line.split("|")] for line in re.findall(r"\| ([^|]+(?:\|[^|]+){3}) \|", block)]
    return {name: values for name, *values in cells}


def dot(value):
    """Three digits, no zero before the point."""
    return f"{float(value):.3f}".replace("0.", ".", 1)


def cells(found, whole="spearman", best="top 5 %"):
    return [f"{dot(row[whole])} ({dot(row[best])})" for row in found]


def slashed(found, key):
    return "/".join(dot(row[key]) for row in found)


@pytest.mark.parametrize(
    ("label", "proxy"),
    [
        ("number of parameters", "params"),
        ("naswot", "naswot"),
        ("zico", "zico"),
        ("meco, the best single one", "meco"),
        ("AZ-NAS, its four parts", "az_nas"),
        ("four counts of the graph, equal votes", "fuse: graph"),
        ("fusion of nine parts, equal votes", FUSION),
    ],
)
def test_scores_without_labels(shown, label, proxy):
    table = rows("proxy_bench")
    found = [only(table, nets=ALL, task=task, proxy=proxy) for task in TASKS]
    assert shown[label] == cells(found, "spearman, all", "spearman, top 5 %")


def test_meco_is_the_best_single_score():
    table = rows("proxy_bench")
    combined = ("fuse: ", "az_nas")
    for task in TASKS:
        mine = {r["proxy"]: r for r in table if (r["nets"], r["task"]) == (ALL, task)}
        single = {k: float(r["spearman, all"]) for k, r in mine.items() if not k.startswith(combined)}
        assert max(single, key=single.get) == "meco"


def elsewhere(task):
    """The data set whose labels a combination is chosen by, to be judged on `task`."""
    return "cifar100" if task == "cifar10" else "cifar10"


def test_combinations(shown):
    chosen, frozen = rows("proxy_bench_choices"), rows("proxy_bench_frozen")
    key = "reported on"
    half = [only(chosen, nets=ALL, **{"chosen on": UNSEEN, key: task}) for task in TASKS]
    assert shown["the same, on the half of the functions that was not looked at"] == cells(half)
    other = [only(chosen, nets=ALL, **{"chosen on": elsewhere(task), key: task}) for task in TASKS]
    name = "parts chosen by labels of another data set, other half of the functions"
    assert shown[name] == cells(other)
    found = [
        only(frozen, nets=ALL, labels="500", **{"found on": elsewhere(task), key: task}) for task in TASKS
    ]  # fmt: skip
    assert shown["weights found with 500 labels of another data set"] == cells(found)


@pytest.mark.parametrize("labels", [25, 100, 1000])
def test_calibrated(shown, labels):
    kind = {"nets": ALL, "inputs of": "graph + scores", "labels": str(labels), "model": "gaussian process"}
    found = [only(rows("proxy_bench_calibrated"), task=task, **kind) for task in TASKS]
    assert shown[f"Gaussian process on graph and scores, {labels:,} labels"] == cells(found)


def ahead(nets, other, kind=WHOLE):
    """Rows of the paired comparison, and how README words them."""
    table = rows("proxy_bench_against")
    found = [only(table, nets=nets, task=task, score=other, **{"rows are": kind}) for task in TASKS]
    signed = ", ".join(f"{float(r['ahead']):+.3f} ({float(r['low']):+.3f} to {float(r['high']):+.3f})" for r in found)
    return found, signed


def test_ahead_of_az_nas(block):
    _, signed = ahead(ALL, "az_nas")
    assert f"It is ahead of AZ-NAS by {signed}" in block


def test_on_equal_rows(block):
    found, signed = ahead(EVERY, "vkdnw_agg")
    count = f"{int(found[0]['rows']):,}"
    assert f"On {count} functions, one row each" in block
    assert f"it has {slashed(found, 'fusion')} against {slashed(found, 'spearman')}: ahead by {signed}." in block
    _, signed = ahead(EVERY, "vkdnw_agg", UNSEEN)
    assert f"that was not looked at: {signed}." in block
    table = rows("proxy_bench")
    for proxy in ("ntk_cond", "gradsign", "grasp"):
        mine = [only(table, nets=EVERY, task=task, proxy=proxy) for task in TASKS]
        assert f"`{proxy}` {slashed(mine, 'spearman, all')}" in block
    mine = [only(table, nets=EVERY, task=task, proxy="linear_readout") for task in TASKS]
    assert f"({slashed(mine, 'spearman, all')})" in block
    assert f"best 5 % ({slashed(mine, 'spearman, top 5 %')})" in block


def test_without_dead_operations(block):
    chosen, frozen = rows("proxy_bench_choices"), rows("proxy_bench_frozen")
    key = "reported on"
    fixed = [only(chosen, nets=ALIVE, **{"chosen on": WHOLE, key: task}) for task in TASKS]
    other = [only(chosen, nets=ALIVE, **{"chosen on": elsewhere(task), key: task}) for task in TASKS]
    found = [
        only(frozen, nets=ALIVE, labels="500", **{"found on": elsewhere(task), key: task}) for task in TASKS
    ]  # fmt: skip
    assert f"the fusion has {slashed(fixed, 'spearman')}, parts chosen {slashed(other, 'spearman')}" in block
    assert f"weights found {slashed(found, 'spearman')}." in block
