"""A verdict holds what the statistics say, on the nets that have a score."""

import numpy as np
import pytest
import scipy.stats

from zeroshot.bench import statistics as s
from zeroshot.bench.judge import Options, judge, judge_all
from zeroshot.bench.study import compare, of_table
from zeroshot.bench.table import Truth
from zeroshot.errors import UsageError

N = 60


@pytest.fixture
def truth():
    rng = np.random.default_rng(0)
    macs, params = rng.permutation(N).astype(float), rng.permutation(N).astype(float)
    good = macs + params + rng.normal(size=N) * 20
    accuracy = 50 + 0.3 * good + rng.normal(size=N)
    gaps = np.where(np.arange(N) < 10, np.nan, good)
    scores = {"params": params, "macs": macs, "good": good, "gaps": gaps, "same": np.ones(N), "random": np.zeros(N)}
    costs = {"ms": macs + 1, "macs": macs}
    return Truth("mine", tuple(map(str, range(N))), {"a": accuracy, "b": -accuracy + 100}, costs, scores, np.arange(N))


def test_a_verdict_is_made_of_the_statistics(truth):
    found = judge(truth, "a", "good", Options(ks=(3,), resamples=30))
    x, y = truth.scores["good"], truth.accuracy["a"]
    assert (found.n, found.distinct, found.unscored) == (N, N, 0)
    assert found.spearman["all"].value == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert found.kendall["all"].value == pytest.approx(scipy.stats.kendalltau(x, y).statistic)
    assert found.spearman["all"].low < found.spearman["all"].value < found.spearman["all"].high
    best = np.argsort(-y)[:6]
    assert found.spearman["top 10 %"].n == 6
    assert found.spearman["top 10 %"].value == pytest.approx(scipy.stats.spearmanr(x[best], y[best]).statistic)
    assert "3 nets" in found.spearman["top 5 %"].note
    assert found.precision[3] == s.precision_at(x, y, 3)
    assert found.best_rank[3] == s.best_rank_at(x, y, 3)
    assert found.ndcg[3] == s.ndcg_at(x, y, 3)
    controls = np.stack([truth.scores["params"], truth.scores["macs"]])
    assert found.partial.value == pytest.approx(s.rank_correlations(x[None], y, controls)[1][0, 0])
    quarter = truth.scores["macs"] < N / 4
    assert found.bands[0].value == pytest.approx(scipy.stats.spearmanr(x[quarter], y[quarter]).statistic)
    assert [band.n for band in found.bands] == [15] * 4


def test_the_sign_is_kept(truth):
    one, other = judge_all(truth, ["a", "b"], ["good"], Options(ks=(), resamples=0))
    assert one.spearman["all"].value > 0.5
    assert other.spearman["all"].value == pytest.approx(-one.spearman["all"].value)


def test_nets_on_which_a_proxy_is_undefined_rank_last(truth):
    """Scipy's correlation of the column with something below all others in the gaps."""
    found = judge(truth, "a", "gaps", Options(resamples=20))
    filled = np.where(np.arange(N) < 10, -1e9, truth.scores["good"])
    assert (found.n, found.unscored) == (N, 10)
    assert found.spearman["all"].value == pytest.approx(scipy.stats.spearmanr(filled, truth.accuracy["a"]).statistic)
    assert found.kendall["all"].value == pytest.approx(scipy.stats.kendalltau(filled, truth.accuracy["a"]).statistic)
    assert found.precision[5] == s.precision_at(filled, truth.accuracy["a"], 5)
    none = judge(truth.with_scores({"none": np.full(N, np.nan)}), "a", "none", Options(resamples=20))
    assert none.spearman["all"].note == "undefined: no net has a score"
    assert none.precision[5] == pytest.approx(5 / N)


def test_random_is_the_expectation_and_the_spread_of_many_draws(truth):
    """Exact laws: Spearman's standard deviation is 1 / sqrt(n - 1), Kendall's sqrt(2 (2n + 5) / (9 n (n - 1)))."""
    found = judge(truth, "a", "random", Options(ks=(5,), resamples=2000))
    deviations = {"spearman": 1 / np.sqrt(N - 1), "kendall": np.sqrt(2 * (2 * N + 5) / (9 * N * (N - 1)))}
    for kind, sd in deviations.items():
        each = getattr(found, kind)["all"]
        assert each.value == 0
        assert each.high == pytest.approx(1.96 * sd, rel=0.1)
        assert each.low == pytest.approx(-1.96 * sd, rel=0.1)
    assert found.spearman["top 10 %"].value == 0
    assert found.partial.value == 0
    assert found.partial.high == pytest.approx(1.96 / np.sqrt(N - 3), rel=0.1)
    assert found.precision[5] == pytest.approx(5 / N)
    assert found.ahead == {}
    assert np.isnan(judge(truth, "a", "random", Options(resamples=0)).spearman["all"].low)


def test_rows_of_one_net_share_their_random_score(truth):
    """Four rows a net spread as a fourth as many nets do."""
    many = truth.rows(np.repeat(np.arange(N), 4))
    alone, both = (judge(t, "a", "random", Options(resamples=2000)).spearman["all"] for t in (truth, many))
    assert both.high == pytest.approx(alone.high, rel=0.1)


def test_differences_are_those_of_the_same_nets_with_intervals_for_all_at_once(truth):
    names = ["params", "macs", "good", "gaps", "same", "random"]
    found = {v.proxy: v for v in judge_all(truth, ["a"], names, Options(resamples=400))}
    rho = {name: scipy.stats.spearmanr(truth.scores[name], truth.accuracy["a"]).statistic for name in ("good", "macs")}
    good = found["good"].ahead["macs"]
    assert good.value == pytest.approx(rho["good"] - rho["macs"])
    alone = judge(truth, "a", "good", Options(resamples=400)).ahead["macs"]
    assert alone.value == good.value
    assert good.high - good.low > alone.high - alone.low  # more are compared
    assert set(found["macs"].ahead) == {"params"}
    assert found["same"].ahead == found["random"].ahead == {}
    row = found["good"].row()
    assert (row["spearman less macs"], row["spearman less macs, low"]) == (good.value, good.low)
    twin = judge(truth.with_scores({"twin": truth.scores["macs"]}), "a", "twin", Options(resamples=50)).ahead["macs"]
    assert (twin.value, twin.low, twin.high) == (0, 0, 0)
    assert np.isnan(judge(truth, "a", "good", Options(resamples=0)).ahead["macs"].low)


def test_a_constant_score_is_undefined_and_a_control_says_nothing_more(truth):
    same, macs = (judge(truth, "a", name, Options(ks=(5,), resamples=5)) for name in ("same", "macs"))
    assert same.spearman["all"].note == "undefined: the score is constant"
    assert "the score is constant" in same.row()["note"]
    assert np.isnan(same.row()["spearman, all"])
    assert "follows from the controls" in macs.partial.note
    assert same.precision[5] == pytest.approx(5 / N)  # chance


def test_rows_of_one_net_are_drawn_together(truth):
    twice = truth.rows(np.repeat(np.arange(N), 2))
    alone, both = (judge(t, "a", "good", Options(ks=(), resamples=50)) for t in (truth, twice))
    assert (both.n, both.distinct) == (2 * N, N)
    assert both.spearman["all"].low == pytest.approx(alone.spearman["all"].low, abs=1e-9)


def test_bad_calls_are_errors(truth):
    with pytest.raises(UsageError, match="Unknown task 'c'"):
        judge(truth, "c", "good")
    with pytest.raises(UsageError, match="Unknown proxy"):
        judge(truth, "a", "godo")
    with pytest.raises(UsageError, match="best 61 were asked for; there are 60 nets"):
        judge(truth, "a", "gaps", Options(ks=(61,)))


def test_a_table_is_judged_with_its_baselines_and_costs(truth):
    found = of_table(truth, Options(ks=(), resamples=0), ["good", "gaps"])
    assert [v.proxy for v in found.verdicts if v.task == "a"] == ["params", "macs", "random", "good", "gaps"]
    assert {(each.nets, each.task) for each in found.sweeps} == {("mine", task) for task in truth.accuracy}
    assert {each.proxy for each in found.sweeps} == {"params", "macs", "random", "good", "gaps"}
    assert {each.cost for each in found.sweeps} == {"ms"}
    assert "mine: ranked last are the nets on which a proxy is undefined: gaps 10." in found.notes
    typed = of_table(truth, Options(ks=(), resamples=0), ["good"], ["macs"])
    assert {each.cost for each in typed.sweeps} == {"macs"}
    assert found.about == {"mine": "60 rows, 60 distinct nets"}
    with pytest.raises(UsageError, match="Unknown proxy"):
        of_table(truth, Options(), ["best"])


def test_a_table_without_scores_is_an_error(truth):
    bare = Truth("bare", truth.nets, truth.accuracy, {}, {"random": truth.scores["random"]}, truth.groups)
    with pytest.raises(UsageError, match="bare has no column of scores"):
        of_table(bare, Options())


def test_two_computations_are_compared_cell_by_cell():
    from zeroshot.bench.scores import CellScores, Protocol

    def scores(cells, values, version=1, **undefined):
        return CellScores(Protocol(), np.array(cells), {"p": np.array(values, np.float32)}, {"p": version}, undefined)

    found = compare(scores([1, 2, 3], [1, 2, np.nan]), scores([3, 2, 9], [1, 4, 1]))
    assert found == {"p": (1, 0.5)}
    assert compare(scores([1, 2], [1, np.nan], p={2: "why"}), scores([1, 2], [1, 2])) == {"p": (2, np.inf)}
    assert compare(scores([1, 2], [0, np.nan], p={2: "why"}), scores([1, 2], [0, np.nan], p={2: ""})) == {"p": (2, 0)}
    assert compare(scores([1], [1]), scores([2], [1])) == compare(scores([1], [1]), scores([1], [1], 2)) == {}
