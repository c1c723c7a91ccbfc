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
    scores = {"params": params, "macs": macs, "good": good, "gaps": gaps, "same": np.ones(N), "random": rng.random(N)}
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
    assert found.partial.value == pytest.approx(s.Ranked(y, controls).correlations(x)[1][0])
    quarter = truth.scores["macs"] < N / 4
    assert found.bands[0].value == pytest.approx(scipy.stats.spearmanr(x[quarter], y[quarter]).statistic)
    assert [band.n for band in found.bands] == [15] * 4


def test_the_sign_is_kept(truth):
    one, other = judge_all(truth, ["a", "b"], ["good"], Options(ks=(), resamples=0))
    assert one.spearman["all"].value > 0.5
    assert other.spearman["all"].value == pytest.approx(-one.spearman["all"].value)


def test_nets_without_a_score_take_no_part(truth):
    plain = Options(ks=(), resamples=0)
    found = judge(truth, "a", "gaps", plain)
    assert (found.n, found.unscored) == (50, 10)
    assert found.spearman["all"].value == judge(truth.rows(np.arange(10, N)), "a", "good", plain).spearman["all"].value


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
    with pytest.raises(UsageError, match="score on 50 of 60 nets; its best 55"):
        judge(truth, "a", "gaps", Options(ks=(55,)))


def test_a_table_is_judged_with_its_baselines_and_costs(truth):
    found = of_table(truth, Options(ks=(), resamples=0), ["good", "gaps"])
    assert [v.proxy for v in found.verdicts if v.task == "a"] == ["params", "macs", "random", "good", "gaps"]
    assert {(each.nets, each.task) for each in found.regrets} == {("mine", task) for task in truth.accuracy}
    assert {each.proxy for each in found.regrets} == {"params", "macs", "random", "good"}  # gaps: not everywhere
    assert {each.cost for each in found.regrets} == {"ms"}
    assert found.notes == ("Not searched under limits, for want of some scores: gaps.",)
    typed = of_table(truth, Options(ks=(), resamples=0), ["good"], ["macs"])
    assert {each.cost for each in typed.regrets} == {"macs"}
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
