"""Published figures beside ours: the reason of a difference follows from what can be measured."""

import pytest

from benchmarks import proxy_published
from zeroshot.bench.judge import Verdict
from zeroshot.bench.seeds import OverSeeds
from zeroshot.bench.statistics import Estimate


@pytest.mark.parametrize(
    ("difference", "same_rows", "stability", "on_all", "words"),
    [
        (0.019, 0.5, 0.1, True, "agrees"),
        (-0.019, None, None, True, "agrees"),
        (0.05, 0.01, 0.99, False, "other rows, dead operations counted: Suite-Zero's scores and ours differ by +0.010"),
        (0.05, 0.01, 0.99, True, "dead operations are counted there: Suite-Zero's scores and ours differ by +0.010"),
        (0.05, -0.03, 0.99, True, "other initialisation and batches: Suite-Zero's scores and ours differ by -0.030"),
        (0.05, -0.03, 0.25, True, "one draw of weights and images decides (two of ours agree to 0.25)"),
        (0.05, 0.01, 0.25, False, "other rows"),
        (0.05, None, 0.99, True, "no scores are published to tell which"),
        (0.05, float("nan"), 0.99, True, "no scores are published to tell which"),
    ],
)
def test_the_reason_is_the_first_that_is_measured(difference, same_rows, stability, on_all, words):
    assert words in proxy_published.reason(difference, same_rows, stability, on_all)


def test_a_size_is_explained_as_far_as_counting_explains_it():
    assert proxy_published.size_reason(0.753, 0.75, True).endswith("it is 0.753")
    assert proxy_published.size_reason(0.753, 0.69, False).endswith("it is 0.753, which leaves -0.063 open: other rows")


def verdict(nets, task, proxy, value):
    estimate = Estimate(value, value, value, 9)
    return Verdict(
        nets=nets,
        task=task,
        proxy=proxy,
        n=9,
        distinct=9,
        unscored=0,
        spearman={"all": estimate},
        kendall={},
        partial=estimate,
        ahead={},
        bands=(),
        precision={},
        best_rank={},
        ndcg={},
    )


def test_figures_stand_beside_ours_on_their_rows():
    verdicts = [verdict("all cells", task, p, 0.8) for task in proxy_published.TASKS for p in ("naswot", "params")]
    verdicts += [
        verdict("cells with every proxy", task, p, 0.7)
        for task in proxy_published.TASKS
        for p in ("naswot", "gradsign")
    ]
    verdicts += [verdict("no dead operations", "cifar10", p, v) for p, v in (("naswot", 0.7), ("sz_nwot", 0.75))]
    seeds = [OverSeeds("naswot", 9, None, 0.0, 1.0, 0.5)]
    counted = {("params", task): 0.751 for task in proxy_published.TASKS}
    rows = proxy_published.compared(verdicts, seeds, counted, {("gradsign", "cifar10"): (0.6, 0.61)})
    found = {(row["source"], row["proxy"], row["task"]): row for row in rows}
    assert set(found) == {
        *(("ZiCo", p, task) for p in ("naswot", "params", "gradsign") for task in proxy_published.TASKS),
        ("Suite-Zero", "naswot", "cifar10"), ("Suite-Zero", "params", "cifar10"),
    }  # fmt: skip
    row = found["ZiCo", "naswot", "cifar10"]
    assert row["difference"] == pytest.approx(0.03)
    assert (row["ours, no dead operations"], row["Suite-Zero there"]) == (0.7, 0.75)
    assert "two of ours agree to 0.50" in row["reason"]
    assert found["ZiCo", "naswot", "cifar100"]["reason"] == "agrees"
    assert "counted here too it is 0.751" in found["ZiCo", "params", "cifar10"]["reason"]
    row = found["ZiCo", "gradsign", "cifar10"]
    assert (row["ours"], row["rows"]) == (0.7, 9)
    assert (row["ours, no dead operations"], row["Suite-Zero there"]) == (0.6, 0.61)
    assert row["reason"].startswith("dead operations are counted there: Suite-Zero's scores and ours differ by -0.010")
    assert row["reason"].endswith("; ours is on one row a function")
    assert "no scores are published" in found["ZiCo", "gradsign", "cifar100"]["reason"]
