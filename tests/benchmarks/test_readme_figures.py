"""README's figures of trained nets are those of the stored tables: who rewrites one must rewrite the other."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
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


def tables(text):
    """Every Markdown table: first cell -> head -> cell."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        heads, body = lines[0], lines[2:]
        found.append({row[0]: dict(zip(heads, row, strict=True)) for row in body})
    return found


@pytest.fixture(scope="module")
def part():
    """README's part between its two marks."""
    return (ROOT / "README.md").read_text().split("<!-- nasbench201 -->")[1].split("<!-- /nasbench201 -->")[0]


@pytest.fixture(scope="module")
def block(part):
    """The same as one line of words."""
    return " ".join(part.split())


@pytest.fixture(scope="module")
def shown(part):
    """First words of a row of README's table -> its three cells."""
    return {name: list(row.values())[1:] for name, row in tables(part)[0].items()}


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


# --- Pairs of trained nets ----------------------------------------------------------------------------------------


def sections(text, mark="##"):
    """Heading -> what stands below it, up to the next of its depth."""
    parts = re.split(rf"^{mark} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def report():
    return sections((RESULTS / "pair_truth.md").read_text())


@pytest.fixture(scope="module")
def worth():
    """README's section, its table by row and its words in one line."""
    text = sections((ROOT / "README.md").read_text())["What the predictions are worth"]
    return tables(text)[0], " ".join(text.split())


def budgets(report):
    return [tables(report[name])[0] for name in report if name.startswith("Budgets: ")]


def test_the_table_of_predictions(worth, report):
    table, _ = worth
    singles, pairs = tables(report["Single nets"])[0], tables(report["Pairs, single accuracies predicted"])[0]
    macs, latency = budgets(report)
    ways = {"shipped, no training": ("fitted model", "no training")} | {
        f"{name} only": (f"{name} only",) * 2 for name in ("MACs", "params")
    }
    for column, (single, pair) in ways.items():
        cells = [row[column] for row in table.values()]
        s, p = singles[single], pairs[pair]
        assert cells == [
            f"{dot(s['Spearman'])}; {s['held-out MAE']}",
            p["MAE, points"],
            f"{dot(p['Kendall, equal p'])}; {dot(p['Kendall, equal cost'])}",
            f"{macs[pair]['mean']}; {latency[pair]['mean']}",
        ]


def test_what_readme_says_of_regret(worth, report):
    _, words = worth
    both = [
        tuple(each[way]["mean"] for each in budgets(report))
        for way in ("no training, layers alone", "random", "no training, best of the first 3 pairs", "--calibrate 8")
    ]
    layers, chance, three, eight = (" and ".join(pair) for pair in both)
    assert (
        f"it is {layers}, of a random pair {chance}, of the best of the first three pairs of the list {three}." in words
    )
    assert f"**`--calibrate 8`** brings it to {eight}," in words
    row = tables(report["How many calibration nets"])[0]["64"]
    few = [row[f"regret, {cost}: mean (worst)"].split()[0] for cost in ("MACs", "latency")]
    error = row["MAE, points"]
    assert (
        f"constants from 64 calibration nets give {few[0]} and {few[1]}, with a mean error of {error} points." in words
    )
    digits = tables(sections(report["Another data set"], "###")["digits"])[0]
    error = {n: digits[n]["MAE, points"] for n in ("0", "8", "16")}
    assert f"falls only from {error['0']} to {error['8']} points (with 16 trainings to {error['16']})" in words


def test_what_readme_says_of_cascades(worth, report):
    _, words = worth
    here = tables(report["Pairs, true single accuracies given"])[0]
    digits = tables(sections(report["Another data set"], "###")["digits"])[1]
    two = tables(sections(report["Another task"], "###")["animals or vehicles"])[1]
    error = "MAE, points"
    independent, constant = here["independence (kappa = 0)"][error], two["constant gamma and kappa"][error]
    assert (
        f"{here['fitted'][error]} points off (independence: {independent}), on digits {digits['fitted'][error]}. With "
        f"CIFAR-10's classes grouped into two it is {two['fitted'][error]}, and a constant correlation does better "
        f"({constant})." in words
    )


def test_whether_a_pair_pays(worth, report):
    _, words = worth
    text = next(report[name] for name in report if name.startswith("Budgets: expected MACs"))
    gains = []
    for other in ("single", "separate"):
        found = re.search(
            rf"chosen by the truth: joint minus {other} \+(\S+) points \(80 %: \+(\S+) to \+(\S+)\)", text
        )
        gains.append(found.groups())
    (single, low, high), (apart, from_, to) = gains
    assert (
        f"pairs gain {single} points over single nets of equal expected MACs (80 %: {low} to {high}), and {apart} "
        in words
    )
    assert f"{apart} ({from_} to {to}) over little and big nets that are chosen separately" in words


def test_what_readme_says_of_error_bars_and_single_proxies(worth, report):
    _, words = worth
    own = "net's part alone"
    singles = tables(report["Anchored by N trainings"])[0]["0"][own]
    pairs = tables(report["Pairs, single accuracies predicted"])[0]["no training"]["nets' part alone"]
    digits = tables(sections(report["Another data set"], "###")["digits"])[0]
    assert f"hold {singles} of the nets and {pairs} of the pairs, but on digits {digits['0']['in 80 % bars']}" in words
    assert f"after 8 trainings there {digits['8']['in 80 % bars']}." in words
    proxies = tables(report["Each proxy alone"])[0]

    def both(name):
        return " and ".join(dot(proxies[name][f"Spearman, {half}"]) for half in ("calibration", "held-out"))

    ranked = [name for name in proxies if name != "az_complexity"]  # the number of MACs again
    assert f"Spearman {both('macs')}" in words
    assert f"{ranked[1]}, the next, {both(ranked[1])}" in words
    added = "added to features: RMSE, mu"
    best = sorted((row[added], name) for name, row in proxies.items() if row[added][0].isdigit())[:2]
    alone = re.search(r"compares with (\S+) of the features alone", report["Each proxy alone"])[1]
    (first, one), (second, other) = best
    assert f"`{one}` and `{other}` help most (RMSE {dot(alone)} to {dot(first)} and {dot(second)})" in words
