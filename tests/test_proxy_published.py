"""Published figures beside ours: the reason of a difference follows from what can be measured."""

import pytest

from zeroshot.bench.judge import Verdict
from zeroshot.bench.seeds import OverSeeds
from zeroshot.bench.statistics import Estimate


@pytest.mark.parametrize(
    ("difference", "same_rows", "stability", "words"),
    [
        (0.019, 0.5, 0.1, "agrees"),
        (-0.019, None, None, "agrees"),
        (0.05, 0.01, 0.99, "other rows: on equal ones their scores and ours differ by +0.010"),
        (0.05, -0.03, 0.99, "other initialisation and batches: -0.030 on equal rows"),
        (0.05, -0.03, 0.25, "one draw of weights and images decides (two of ours agree to 0.25)"),
        (0.05, 0.01, 0.25, "other rows"),
        (0.05, None, 0.99, "no scores are published to tell which"),
    ],
)
def test_the_reason_is_the_first_that_is_measured(published_module, difference, same_rows, stability, words):
    assert words in published_module.reason(difference, same_rows, stability)


def verdict(nets, task, proxy, value):
    estimate = Estimate(value, value, value, 9)
    return Verdict(nets, task, proxy, 9, 9, 0, {"all": estimate}, {}, estimate, (), {}, {}, {})


def test_figures_stand_beside_ours_on_their_rows(published_module):
    verdicts = [verdict("all cells", task, p, 0.8) for task in published_module.TASKS for p in ("naswot", "params")]
    verdicts += [
        verdict("cells with every proxy", task, p, 0.7)
        for task in published_module.TASKS
        for p in ("naswot", "gradsign")
    ]
    verdicts += [verdict("no dead operations", "cifar10", p, v) for p, v in (("naswot", 0.7), ("sz_nwot", 0.75))]
    seeds = [OverSeeds("naswot", 9, None, 0.0, 1.0, 0.5)]
    counted = {("params", task): 0.751 for task in published_module.TASKS}
    rows = published_module.compared(verdicts, seeds, counted, {("gradsign", "cifar10"): (0.6, 0.61)})
    found = {(row["source"], row["proxy"], row["task"]): row for row in rows}
    assert set(found) == {
        *(("ZiCo", p, task) for p in ("naswot", "params", "gradsign") for task in published_module.TASKS),
        ("Suite-Zero", "naswot", "cifar10"), ("Suite-Zero", "params", "cifar10"),
    }  # fmt: skip
    row = found["ZiCo", "naswot", "cifar10"]
    assert row["difference"] == pytest.approx(0.03)
    assert (row["ours, no dead operations"], row["Suite-Zero there"]) == (0.7, 0.75)
    assert "two of ours agree to 0.50" in row["reason"]
    assert found["ZiCo", "naswot", "cifar100"]["reason"] == "agrees"
    assert "counted here too, 0.751" in found["ZiCo", "params", "cifar10"]["reason"]
    row = found["ZiCo", "gradsign", "cifar10"]
    assert (row["ours"], row["rows"]) == (0.7, 9)
    assert (row["ours, no dead operations"], row["Suite-Zero there"]) == (0.6, 0.61)
    assert (
        row["reason"]
        == "other rows: on equal ones their scores and ours differ by -0.010; ours is on one row a function"
    )
    assert "no scores are published" in found["ZiCo", "gradsign", "cifar100"]["reason"]
