"""The study of predicted pairs: fits against naive loops, recovery of known constants, budgets by brute force, and the
whole benchmark on a zoo that was never trained. Its files are scripts and in no package.
"""

import csv
import importlib
import json
import shutil
import sys
import tomllib
from dataclasses import replace
from math import inf, isnan, nan
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri

from zeroshot import _truth_files as files
from zeroshot.accuracy import PROBED, STATIC, model_of, size
from zeroshot.cascade import measure
from zeroshot.cascade.copula import coupling_of
from zeroshot.data import load as load_data
from zeroshot.errors import RunError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.pair_truth import outcome
from zeroshot.plugins import load_proxies
from zeroshot.scoring import score_static

from . import synthetic_zoo

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
FOLDER = BENCHMARKS / "pair_truth"
SCRIPTS = (
    "scores", "study", "predictors", "couplings", "fitting", "market", "contest", "evaluation", "regroup", "report",
    "figures", "pair_truth",
)  # fmt: skip


@pytest.fixture(scope="module")
def scripts():
    """The scripts as modules that import each other; gone afterwards."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(FOLDER), str(BENCHMARKS), *sys.path])
        yield {name: importlib.import_module(name) for name in SCRIPTS}
    for name in {*SCRIPTS, "drawing", "cifar10"} - before:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """48 nets, 1,500 images."""
    where = tmp_path_factory.mktemp("zoo")
    synthetic_zoo.make_zoo(where, FOLDER / "plan.csv", nets=48, images=1500)
    return where


@pytest.fixture(scope="module")
def sample(scripts, folder):
    return scripts["study"].load_sample(folder)[0]


@pytest.fixture(scope="module")
def calibration(sample):
    return sample.of("calibration")


# --- What is known of nets ----------------------------------------------------------------------------------------


def test_the_stored_scores_are_of_the_plan_and_of_these_proxies(scripts):
    table = scripts["scores"].read()
    with (FOLDER / "plan.csv").open() as file:
        nets = [row["net"] for row in csv.DictReader(file) if row["seed"] == "0"]
    assert list(table.nets) == nets
    proxies = load_proxies()
    assert table.about["versions"] == {proxy.name: proxy.version for proxy in proxies}
    static = [proxy for proxy in proxies if proxy.cost == "static"]
    layers = layer_table(spec_array([NetSpec.parse(net) for net in nets]), 3, 10)
    for proxy, column in zip(static, score_static(layers, static).T, strict=True):
        assert table.columns[proxy.name].tolist() == column.tolist()
    for name, why in table.about["undefined"].items():
        assert {net for net, x in zip(nets, table.columns[name], strict=True) if isnan(x)} == set(why)


def test_scores_resume_and_are_read_as_written(scripts, tmp_path, monkeypatch):
    scores = scripts["scores"]
    nets = ["r8-s4-c3w4x1", "r8-s4-d3w4x1/2", "r8-s4-b3w8x1"]
    proxies = load_proxies(["naswot", "macs", "swap", "params", "reg_swap"])
    digits = load_data("digits")
    first = scores.compute(nets, digits, proxies, tmp_path / "run")
    assert list(first.columns) == [proxy.name for proxy in proxies]
    assert first.columns["macs"].tolist() == [16168 - 4 * 8 * 8 * 9 * 2, *first.columns["macs"][1:]]

    monkeypatch.setattr(scores, "score_probed", lambda nets, *rest: (_ for _ in nets))  # refuses any work
    again = scores.compute(nets, digits, proxies, tmp_path / "run")
    assert {k: v.tolist() for k, v in again.columns.items()} == {k: v.tolist() for k, v in first.columns.items()}

    undefined = replace(first, columns={**first.columns, "naswot": np.array([nan, 1.0, 1 / 3])})
    scores.write(tmp_path, undefined)
    found = scores.read(tmp_path)
    assert found.nets == tuple(nets)
    assert found.about == first.about
    for name, column in undefined.columns.items():
        assert np.array_equal(found.columns[name], column, equal_nan=True)
    assert found.rows(nets[::-1])["params"].tolist() == first.columns["params"][::-1].tolist()
    with pytest.raises(RunError, match="no scores of"):
        found.rows(["r8-s4-c3w8x1"])
    (tmp_path / "scores.csv").write_text("net\nx\n")
    with pytest.raises(RunError, match="cannot be read"):
        scores.read(tmp_path)


def test_only_missing_scores_are_computed(scripts, tmp_path, monkeypatch):
    scores = scripts["scores"]
    nets, digits = ["r8-s4-c3w4x1", "r8-s4-d3w4x1/2"], load_data("digits")
    few, all_of = load_proxies(["macs", "swap"]), load_proxies(["macs", "swap", "naswot", "params", "reg_swap"])
    stored = scores.compute(nets, digits, few, tmp_path / "a")
    marked = replace(stored, columns={**stored.columns, "macs": np.array([1.0, 2.0])})
    found = scores.completed(marked, nets, digits, all_of, tmp_path / "b")
    fresh = scores.completed(None, nets, digits, all_of, tmp_path / "c")
    assert list(found.columns) == list(fresh.columns) == [p.name for p in all_of]
    assert found.columns["macs"].tolist() == [1.0, 2.0]  # as it was stored
    for name in ("swap", "naswot", "params", "reg_swap"):
        assert found.columns[name].tolist() == fresh.columns[name].tolist()
    assert found.about["versions"] == {p.name: p.version for p in all_of}
    assert found.about["machines"].keys() == found.about["versions"].keys()

    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(scores, "compute", refuse)
    assert scores.completed(found, nets, digits, all_of, tmp_path / "d") is found
    for nets_of, proxies in ((nets[::-1], few), (nets, [replace(few[0], version=2)])):
        with pytest.raises((RunError, AssertionError), match="other nets|computed again"):
            scores.completed(found, nets_of, digits, proxies, tmp_path / "e")


def test_further_nets_join_the_table(scripts, tmp_path, monkeypatch):
    scores = scripts["scores"]
    nets, digits = ["r8-s4-c3w4x1", "r8-s4-d3w4x1/2", "r8-s4-b3w8x1"], load_data("digits")
    proxies = load_proxies(["macs", "swap", "params", "reg_swap", "naswot", "az_expressivity", "jacob_cov"])
    whole = scores.compute(nets, digits, proxies, tmp_path / "whole")
    stored = scores.compute(nets[:2], digits, proxies, tmp_path / "first")
    marked = replace(stored, columns=stored.columns | {"macs": np.array([1.0, 2.0])})
    monkeypatch.setattr(scores, "processor", lambda: "another")
    found = scores.completed(marked, nets, digits, proxies, tmp_path / "more")
    assert found.nets == tuple(nets)
    assert found.columns["macs"].tolist() == [1.0, 2.0, whole.columns["macs"][2]]  # stored ones as they were
    for name in set(whole.columns) - {"macs"}:  # an aggregate ranks all three
        assert np.array_equal(found.columns[name], whole.columns[name], equal_nan=True)
    here = stored.about["machines"]["swap"]
    assert set(found.about["machines"].values()) == {f"{here}, another"}
    assert found.about["undefined"] == whole.about["undefined"]
    assert {key: found.about[key] for key in ("protocol", "versions")} == {
        key: whole.about[key] for key in ("protocol", "versions")
    }


def test_readouts_of_other_tasks_are_of_their_classes(scripts, tmp_path):
    scores, regroup = scripts["scores"], scripts["regroup"]
    nets, digits = ["r8-s4-c3w8x1"], load_data("digits")
    halves = regroup.grouped(digits, (0, 1) * 5)
    found = scores.readouts(nets, {"ten": digits, "two": halves, "again": digits}, tmp_path)
    assert found["ten"].tolist() == found["again"].tolist() != found["two"].tolist()
    ten = scores.compute(nets, digits, load_proxies(["linear_readout"]), tmp_path / "alone")
    assert ten.columns["linear_readout"].tolist() == found["ten"].tolist()


def test_the_stored_readouts_are_of_the_plan_and_the_groups(scripts, tmp_path):
    stored = scripts["scores"].read_readouts()
    assert stored.keys() == scripts["regroup"].GROUPS.keys()
    nets = scripts["scores"].read().nets
    assert all(tuple(of) == nets and 0 <= min(of.values()) <= max(of.values()) < 1 for of in stored.values())
    assert scripts["scores"].read_readouts(tmp_path) == {}
    (tmp_path / "task_readouts.csv").write_text("net,two\nr8-s4-c3w8x1,many\n")
    with pytest.raises(RunError, match="cannot be read"):
        scripts["scores"].read_readouts(tmp_path)


def test_a_named_task_brings_its_own_readouts(scripts, sample):
    task = "two mixed halves"
    found = scripts["study"].regrouped(sample, scripts["regroup"].GROUPS[task], task)
    own = scripts["scores"].read_readouts()[task]
    assert found.inputs.scores["linear_readout"].tolist() == [own[net.net] for net in sample.zoo.nets]
    assert found.inputs.scores["zico"] is sample.inputs.scores["zico"]
    assert found.inputs.scores["linear_readout"].tolist() != sample.inputs.scores["linear_readout"].tolist()


def test_regrouped_answers_are_right_where_the_group_is(scripts, sample):
    groups = scripts["regroup"].GROUPS["five superclasses"]
    found = scripts["study"].regrouped(sample, groups)
    for before, after in zip(sample.zoo.nets[:3], found.zoo.nets[:3], strict=True):
        truth = sample.zoo.labels["test"]
        right = [groups[a] == groups[b] for a, b in zip(before.answers.predicted["test"], truth, strict=True)]
        assert after.test_accuracy == pytest.approx(sum(right) / len(right))
        assert after.answers.levels is before.answers.levels
    assert found.zoo.right().tolist() >= sample.zoo.right().tolist()
    same = scripts["study"].regrouped(sample, tuple(range(10)))
    assert same.accuracy.tolist() == sample.accuracy.tolist()


def test_groupings_are_of_all_ten_classes_and_have_anchors(scripts):
    regroup = scripts["regroup"]
    assert all(len(of) == 10 and set(of) == set(range(max(of) + 1)) for of in regroup.GROUPS.values())
    stored = regroup.read_anchors()
    assert stored.keys() == {regroup.WHOLE, *regroup.GROUPS, regroup.DIGITS}
    digits = regroup.anchors(load_data("digits"))
    assert {*digits, regroup.DIGITS} == stored.keys()
    assert digits[regroup.WHOLE] == pytest.approx(stored[regroup.DIGITS], abs=1e-6)
    assert digits["two mixed halves"] >= digits[regroup.WHOLE] - 0.01  # fewer classes, fewer mistakes


def test_seeds_of_a_net_give_the_noise_of_labels(scripts, sample):
    study = scripts["study"]
    assert study.label_noise(sample.zoo)[1] == 0
    a, b = sample.zoo.nets[:2]
    nets = [replace(a, test_accuracy=x, seed=s) for s, x in enumerate((0.5, 0.52, 0.54))]
    nets += [replace(b, test_accuracy=x, seed=s) for s, x in enumerate((0.6, 0.61))]
    noise, repeated = study.label_noise(replace(sample.zoo, nets=tuple(nets)))
    assert repeated == 2
    assert noise == pytest.approx(((2 * 0.02**2 + 0.00005) / 3) ** 0.5)


# --- Fits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0.0, 0.05, 2.0])
def test_leaving_one_out_is_what_a_loop_of_fits_gives(scripts, penalty):
    """Each row predicted by ridge on the others, as a solved system with a free intercept."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(15, 3)) * [1, 5, 0.1], rng.normal(size=15)
    fit = scripts["predictors"].ridge(x, y, (penalty,))
    z = (x - x.mean(0)) / x.std(0)
    punished = np.diag([0.0] + [15 * penalty] * 3)

    def solve(rows):
        design = np.column_stack([np.ones(len(rows)), z[rows]])
        return np.linalg.solve(design.T @ design + punished, design.T @ y[rows])

    for i in range(15):
        weights = solve([j for j in range(15) if j != i])
        assert fit.left_out[i] == pytest.approx(weights[0] + z[i] @ weights[1:], abs=1e-9)
    whole = solve(list(range(15)))
    assert fit.predict(x) == pytest.approx(whole[0] + z @ whole[1:], abs=1e-9)


def test_the_penalty_of_least_left_out_error_is_taken(scripts):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 6)), rng.normal(size=20)
    ridge, penalties = scripts["predictors"].ridge, (0.01, 0.3, 10.0)
    error = {p: ((ridge(x, y, (p,)).left_out - y) ** 2).sum() for p in penalties}
    assert ridge(x, y, penalties).penalty == min(error, key=error.get)


def test_no_net_is_predicted_from_its_own_accuracy(scripts, calibration):
    predictors = scripts["predictors"]
    mu = calibration.mu
    for name, way in predictors.WAYS.items():
        if name.startswith("Gaussian"):
            continue
        before = predictors.cross_validate(way, calibration.inputs, mu, len(mu))
        spoilt = mu.copy()
        spoilt[3] += 1.0
        after = predictors.cross_validate(way, calibration.inputs, spoilt, len(mu))
        assert after[3] == before[3], name
        assert (after[4:] != before[4:]).any(), name


def test_the_simplest_way_within_noise_is_chosen(scripts):
    predictors, rng = scripts["predictors"], np.random.default_rng(2)
    truth = rng.normal(size=60)
    noise = {"plain": 0.30, "good": 0.101, "best": 0.1}
    judged = {name: predictors.judge(truth + sd * rng.normal(size=60), truth) for name, sd in noise.items()}
    # As good in other places: worse by far less than the squares differ between nets.
    errors = 1.01 * rng.permutation(judged["best"].errors)
    judged["good"] = replace(judged["best"], errors=errors, rmse=1.01 * judged["best"].rmse)
    assert predictors.simplest(judged, judged) == "good"
    assert predictors.simplest(judged, ["plain", "best"]) == "best"
    assert predictors.simplest(judged, ["plain"]) == "plain"


def test_a_model_of_features_and_scores_says_what_its_ridge_says(scripts, calibration):
    """On the nets of the fit, whose mean scores are those of the population; elsewhere only the level may differ."""
    predictors, inputs, mu = scripts["predictors"], calibration.inputs, calibration.mu
    names, proxies = ("log_macs", "log_side"), ("linear_readout", "naswot")
    x = predictors.columns_of(inputs, (*names, *proxies))
    fit = predictors.ridge(x, mu)
    model = predictors.model_of_ridge(fit, inputs, names, proxies)
    inside = (np.abs((x - x.mean(0)) / x.std(0)) < 3).all(axis=1)
    found = model.intercept + size(inputs.everything, model)
    assert found[inside] == pytest.approx(fit.predict(x)[inside], abs=0.003)
    assert np.ptp((found - fit.predict(x))[inside]) < 1e-9
    assert [each.proxy for each in model.evidence] == list(proxies)


@pytest.mark.usefixtures("quick")
def test_known_constants_are_recovered(scripts, calibration):
    """Gamma and kappa that the answers were drawn with, and the line that the accuracies were."""
    couplings, fitting = scripts["couplings"], scripts["fitting"]
    found = couplings.curves(calibration)
    assert found.gamma.mean() == pytest.approx(synthetic_zoo.GAMMA, abs=0.02)
    assert found.kappa.mean() == pytest.approx(synthetic_zoo.KAPPA, abs=0.03)
    fit = fitting.fit(calibration, found, scripts["regroup"].read_anchors())
    mu = np.array([-0.3, 0.0, 0.4])
    assert np.tanh(fit.coupling.gamma[0] + fit.coupling.gamma[1] * mu) == pytest.approx(synthetic_zoo.GAMMA, abs=0.05)
    slope = {term.feature: term.weight / term.scale for term in fit.model.terms}["log_macs"]
    if fit.chosen == "line over log MACs":  # its slope takes some of the depth's
        assert synthetic_zoo.LINE["log_macs"] - 0.02 < slope < synthetic_zoo.LINE["log_macs"] + 0.12
    # Half of the variance of mu's noise is in the zoo (.05), the rest is counting 1,500 images (.035).
    assert 0.03 < fit.model.sd_net < 0.09
    assert np.abs(ndtri(calibration.accuracy) - fit.model.intercept).mean() > 0.1


def test_curves_are_measured_cascades(scripts, sample):
    couplings = scripts["couplings"]
    few = sample.take(np.arange(6))
    found = couplings.curves(few)
    macs = few.zoo.macs()
    assert set(zip(found.little, found.big, strict=True)) == {
        (i, j) for i in range(6) for j in range(6) if macs[i] < macs[j]
    }
    for row in (0, 7, len(found) - 1):
        pair = outcome(few.zoo, found.little[row], found.big[row])
        for column, level in enumerate(couplings.LEVELS):
            exact = measure.measure(pair, level)
            assert found.accuracy[row, column] == pytest.approx(exact.accuracy)
            assert found.p[row, column] == pytest.approx(exact.p)


def test_a_pair_of_the_same_net_twice_has_the_same_gamma_and_kappa(scripts, sample):
    """The big net's correctness is then the little one's; only the MACs say that it is another net."""
    net = sample.zoo.nets[0]
    twice = replace(sample.take(np.array([0, 1])), zoo=replace(sample.zoo, nets=(net, replace(net, macs=net.macs + 1))))
    found = scripts["couplings"].curves(twice)
    assert found.kappa[0] == pytest.approx(found.gamma[0], abs=1e-5)


def test_family_terms_do_not_help_where_there_are_no_families(scripts, calibration):
    couplings = scripts["couplings"]
    tests = couplings.test_families(calibration, couplings.curves(calibration))
    plain = tests[0]
    assert plain.term == couplings.NO_FAMILY
    assert all(test.mae > 0.95 * plain.mae for test in tests)
    assert len({test.pairs for test in tests}) == 1


def test_the_oracle_beats_independence(scripts, calibration, sample):
    """Answers come from the copula: with its constants the error is counting noise, without kappa it is points."""
    couplings, held = scripts["couplings"], sample.of("held-out")
    coupling = couplings.couple(couplings.curves(calibration), calibration.accuracy)
    found, macs = couplings.curves(held), held.zoo.macs()
    right = couplings.judge_pairs(found, held.accuracy, coupling, macs)
    naive = couplings.judge_pairs(found, held.accuracy, couplings.independent(coupling), macs)
    assert right.mae < 0.008
    assert naive.bias > 0.03
    assert naive.mae == pytest.approx(naive.bias, abs=0.003)
    assert right.kendall > 0.93
    assert right.pairs == len(found) == len(held) * (len(held) - 1) // 2


# --- Constants ----------------------------------------------------------------------------------------------------


def test_few_nets_give_no_constants(scripts):
    fitting = scripts["fitting"]
    with pytest.raises(UsageError, match="Only 39"):
        fitting.check_enough(39, draft=False)
    fitting.check_enough(39, draft=True)
    fitting.check_enough(40, draft=False)


def test_a_fit_refuses_other_halves_and_a_handful(scripts, sample, calibration):
    couplings, fitting = scripts["couplings"], scripts["fitting"]
    anchors = scripts["regroup"].read_anchors()
    few = calibration.take(np.arange(7))
    for each in (sample, sample.of("held-out"), few):
        with pytest.raises(UsageError, match="Constants need"):
            fitting.fit(each, couplings.curves(few), anchors)


def test_written_constants_are_read_back(scripts, tmp_path):
    fitting = scripts["fitting"]
    judged = {"x": scripts["predictors"].judge(np.zeros(41), np.arange(41.0))}
    coupling = coupling_of({"name": "c", "source": 'a "word"', "gamma": [0.1, 0.2], "kappa": [0.3, 0.4, -0.5]})
    static, probed = replace(STATIC, name="zoo-41-static"), replace(PROBED, name="zoo-41", sd_net=0.123)
    found = fitting.Constants(static, probed, coupling, judged, "x")
    path = tmp_path / "constants.toml"
    fitting.write(path, fitting.to_text(found, "abc", "2026-01-02", draft=True))
    values = tomllib.loads(path.read_text())
    assert values["provenance"] == {
        "zoo_sha256": "abc", "nets": 41, "date": "2026-01-02", "command": fitting.COMMAND + " --draft",
    }  # fmt: skip
    assert model_of(values["accuracy"]["static"]) == replace(static, name="zoo-41-static (draft)")
    assert model_of(values["accuracy"]["probed"]) == replace(probed, name="zoo-41 (draft)")
    assert coupling_of(values["cascade"]) == replace(coupling, name="c (draft)")
    before = path.read_text()
    with pytest.raises(UsageError):
        fitting.write(path, before.replace("sd_net", "sd_nets"))
    assert path.read_text() == before


# --- Budgets ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def markets(scripts, sample):
    """Eight held-out nets under both terms."""
    few = sample.of("held-out").take(np.arange(8))
    return [scripts["market"].market(few, terms) for terms in scripts["market"].MARKETS]


@pytest.mark.parametrize("which", [0, 1])
def test_joint_picks_are_the_best_of_a_loop(scripts, markets, which):
    market, on = scripts["market"], markets[which]
    budgets = on.budgets()
    drawn = np.array([True] * 6 + [False] * 2)
    for budget, pick in zip(budgets, market.joint(on, on.truth, budgets)(drawn), strict=True):
        best = -inf
        for row, (a, b) in enumerate(zip(on.little, on.big, strict=True)):
            for column, level in enumerate(market.GRID):
                rate = level / 256
                cost = on.net_cost[a] + rate * on.net_cost[b]
                # The decision's own cost is microseconds.
                if drawn[a] and drawn[b] and on.cost[row, column] <= budget:
                    assert cost <= budget
                    assert 0.05 <= rate <= 1 - on.net_cost[a] / on.net_cost[b]
                    best = max(best, on.truth[row, column])
        if best == -inf:
            assert pick is None
        else:
            assert market.Answers(on.sample).of(pick).mean() == pytest.approx(best)
            assert drawn[[pick.little, pick.big]].all()


def test_the_truth_of_a_pair_is_its_measured_cascade(scripts, markets):
    market, on = scripts["market"], markets[0]
    for row in (0, len(on.little) // 2, len(on.little) - 1):
        pair = outcome(on.sample.zoo, on.little[row], on.big[row])
        for column in (0, 10, 40):
            pick = market.Pick(int(on.little[row]), int(on.big[row]), int(market.GRID[column]))
            exact = measure.measure(pair, float(pick.level)).accuracy
            assert on.truth[row, column] == pytest.approx(exact)
            assert market.Answers(on.sample).of(pick).mean() == pytest.approx(exact)


def test_limits_are_kept(scripts, sample):
    """Tight terms: every pair that counts fits them by the formulas of a search."""
    market = scripts["market"]
    few = sample.of("held-out").take(np.arange(8))
    loose, tight = (
        market.market(few, replace(market.MARKETS[1], flash=f, sram=s)) for f, s in ((inf, inf), (6e4, 3e4))
    )
    assert np.isfinite(tight.cost).sum() < np.isfinite(loose.cost).sum()
    assert (tight.flash[np.isfinite(tight.single_cost)] <= 6e4).all()
    for row in np.flatnonzero(np.isfinite(tight.cost).any(axis=1)):
        assert max(tight.flash[[tight.little[row], tight.big[row]]]) <= 6e4


def test_the_separate_way_plans_and_the_single_net_is_the_best_that_fits(scripts, markets):
    market, on = scripts["market"], markets[0]
    budgets, accuracy, everyone = on.budgets(), on.sample.accuracy, np.ones(8, bool)
    for budget, pick in zip(budgets, market.single(on, accuracy, budgets)(everyone), strict=True):
        fits = [i for i in range(8) if on.net_cost[i] <= budget]
        assert (pick is None and not fits) or accuracy[pick.little] == max(accuracy[i] for i in fits)
    chosen = market.separate(on, accuracy, on.truth, budgets, 0.5, 0.3)(everyone)
    best = market.joint(on, on.truth, budgets)(everyone)
    for budget, pick, rival in zip(budgets, chosen, best, strict=True):
        if pick is None or pick.big < 0:
            continue
        cheap = [i for i in range(8) if on.net_cost[i] <= 0.5 * budget]
        assert accuracy[pick.little] == max(accuracy[i] for i in cheap)
        assert on.net_cost[pick.big] <= 0.5 * budget / 0.3
        assert on.net_cost[pick.little] + pick.level / 256 * on.net_cost[pick.big] <= budget
        assert market.Answers(on.sample).of(pick).mean() <= market.Answers(on.sample).of(rival).mean()


def test_regret_is_nought_for_the_truth_and_positive_by_chance(scripts, markets):
    on = markets[0]
    noise = np.random.default_rng(0).normal(size=on.truth.shape)
    true, blind, chance = scripts["contest"].regrets(on, {"truth": on.truth, "noise": noise}, on.budgets())
    assert np.nanmax(np.abs(true.loss)) == 0
    assert blind.mean > 0
    assert (chance.way, chance.mean > 0) == ("random", True)
    assert np.nanmin([blind.loss, chance.loss]) >= -1e-12


def test_more_pairs_to_choose_from_lose_less(scripts, markets):
    contest, on = scripts["contest"], markets[0]
    budgets, noise = on.budgets(), np.random.default_rng(0).normal(size=on.truth.shape)
    one, three = (contest.regret_of(on, "noise", lambda _: noise, budgets, picks) for picks in (1, 3))
    assert one.loss == pytest.approx(contest.regrets(on, {"noise": noise}, budgets)[0].loss, nan_ok=True)
    assert (np.nan_to_num(three.loss) <= np.nan_to_num(one.loss)).all()
    assert three.mean < one.mean
    # The first three by hand, no net in more than two.
    budget = budgets[5]
    inside = np.where(on.cost <= budget, noise, -np.inf)
    order, taken = np.argsort(-inside.max(axis=1)), []
    for row in order:
        used = [net for other in taken for net in (on.little[other], on.big[other])]
        if len(taken) < 3 and max(used.count(on.little[row]), used.count(on.big[row])) < 2:
            taken.append(row)
    reached = max(on.truth[row, inside[row].argmax()] for row in taken)
    assert three.loss[5] == pytest.approx(np.where(on.cost <= budget, on.truth, -1).max() - reached)
    nets = contest.in_order(on, noise, budget)
    assert nets[:4] == [on.little[order[0]], on.big[order[0]], on.little[order[1]], on.big[order[1]]]
    assert len(nets) == 2 * np.isfinite(inside).any(axis=1).sum()


def test_a_search_that_trains_learns_the_nets_it_would_pick(scripts, sample, calibration):
    evaluation, seen = scripts["evaluation"], []

    def merit(accuracy):
        seen.append(accuracy)
        return [3, 5, 7, 9]

    spread = evaluation.anchored(calibration, PROBED, 0.263, 1)
    found = evaluation.searched(calibration, PROBED, 0.263, 6, merit)
    assert np.flatnonzero(found.trained).tolist() == sorted({*np.flatnonzero(spread.trained).tolist(), 3, 5, 7, 9})
    errors = np.abs(found.mu - ndtri(calibration.validation))
    assert errors[found.trained].max() < errors[~found.trained].max()
    assert len(seen) >= 2


def test_a_way_against_itself_gains_nothing(scripts, markets, monkeypatch):
    contest, on = scripts["contest"], markets[0]
    monkeypatch.setattr(contest, "RESAMPLES", 10)
    budgets = on.budgets()
    known = contest.known_ways(on, budgets, (0.5, 0.3))
    found = contest.contest(on.sample, known | {"again": known["joint"]}, budgets)
    assert found.gain("joint", "again") == (0, 0, 0)
    whole, low, high = found.gain("joint", "single")
    assert low <= high
    assert whole == pytest.approx(found.area("joint") - found.area("single"))


# --- The whole ----------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(scripts, monkeypatch):
    """Fewer resamples and no Gaussian process, whose likelihood takes seconds."""
    monkeypatch.setattr(scripts["contest"], "RESAMPLES", 5)
    for name in [name for name in scripts["predictors"].WAYS if name.startswith("Gaussian")]:
        monkeypatch.delitem(scripts["predictors"].WAYS, name)
    return scripts["pair_truth"]


def test_the_benchmark_tells_all_of_a_small_zoo(quick, tmp_path, capsys):
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    synthetic_zoo.make_zoo(zoo, FOLDER / "plan.csv", nets=24, images=400)
    digits, constants = tmp_path / "digits", tmp_path / "constants.toml"
    shutil.copytree(FOLDER / "digits", digits, ignore=shutil.ignore_patterns("zoo"))
    (digits / "zoo").mkdir()
    synthetic_zoo.make_zoo(digits / "zoo", FOLDER / "plan.csv", nets=18, images=200, seed=5)
    assert quick.run(zoo, tmp_path, constants, fitting=True, draft=True, digits=digits) == 0
    text = (tmp_path / "pair_truth.md").read_text()
    assert capsys.readouterr().out == text + "\n"
    for words in (
        "24 of 152 trainings", "## Single nets", "## Anchored by N trainings", "true single accuracies given",
        "single accuracies predicted", "## Budgets: expected MACs", "## Budgets: expected latency", "## Another task",
        "joint minus separate", "independence", "random", "5 epochs", "18 held-out nets trained on handwritten digits",
    ):  # fmt: skip
        assert words in text
    assert "nan" not in text
    for name in ("pair_truth_predicted.png", "pair_truth_fronts.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert model_of(tomllib.loads(constants.read_text())["accuracy"]["probed"]).name == "zoo-12 (draft)"


def test_held_out_answers_cannot_touch_the_constants(scripts, quick, tmp_path):
    """The same zoo with the held-out nets' answers, and so their accuracies, drawn anew: the same constants."""
    learnt = []
    for name in ("true", "spoilt"):
        zoo = tmp_path / name
        zoo.mkdir()
        synthetic_zoo.make_zoo(zoo, FOLDER / "plan.csv", nets=20, images=300)
        if name == "spoilt":
            spoil(zoo)
        learnt.append(quick.learn(zoo))
    true, spoilt = learnt
    assert true.held.accuracy.tolist() != spoilt.held.accuracy.tolist()
    to_text = scripts["fitting"].to_text
    assert to_text(true.found, "", "", False) == to_text(spoilt.found, "", "", False)


def test_the_shipped_constants_are_those_of_the_stored_zoo(scripts, quick):
    """Fitted again, from the files that the repository holds."""
    path = BENCHMARKS.parent / "zeroshot" / "constants.toml"
    stored, found = tomllib.loads(path.read_text()), quick.learn(FOLDER / "zoo")
    assert stored["provenance"]["zoo_sha256"] == scripts["study"].zoo_sha256(found.whole)
    again = tomllib.loads(scripts["fitting"].to_text(found.found, "", "", draft=False))
    for part in ("accuracy", "cascade"):
        assert again[part].keys() == stored[part].keys()
    for kind in ("static", "probed"):
        model, shipped = (model_of(values["accuracy"][kind]) for values in (again, stored))
        assert model.inputs == shipped.inputs
        for name in ("intercept", "trust", "task_slope", "sd_net", "sd_task", "sd_slope"):
            assert getattr(model, name) == pytest.approx(getattr(shipped, name), rel=1e-3, abs=1e-4)
        for one, other in zip(
            (*model.terms, *model.evidence), (*shipped.terms, *shipped.evidence), strict=True
        ):  # fmt: skip
            mine, its = ([x for x in vars(part).values() if not isinstance(x, str)] for part in (one, other))
            assert mine == pytest.approx(its, rel=1e-3)
    for key in ("gamma", "kappa"):
        assert again["cascade"][key] == pytest.approx(stored["cascade"][key], rel=1e-3)


def test_other_data_without_nets_or_with_few(scripts, quick, tmp_path):
    assert "No net is trained on digits yet" in " ".join(quick.study_digits(tmp_path, None, None, 0.9))
    shutil.copytree(FOLDER / "digits", tmp_path / "digits", ignore=shutil.ignore_patterns("zoo"))
    (tmp_path / "digits" / "zoo").mkdir()
    synthetic_zoo.make_zoo(tmp_path / "digits" / "zoo", FOLDER / "plan.csv", nets=3, images=50)
    assert "Too few nets" in " ".join(quick.study_digits(tmp_path / "digits", None, None, 0.9))


def test_the_stored_scores_of_digits_are_of_the_plan(scripts):
    table = scripts["scores"].read(FOLDER / "digits")
    assert list(table.nets) == list(scripts["scores"].read().nets)
    assert table.about["protocol"]["data"] == "digits"
    assert table.about["versions"] == {p.name: p.version for p in load_proxies() if p.name in table.columns}
    spec = NetSpec.parse(table.nets[0])
    want = score_static(layer_table(spec_array([spec]), 1, 10), load_proxies(["macs"]))[0, 0]
    assert table.columns["macs"][0] == want


def spoil(zoo):
    """Give every held-out net other answers."""
    labels, rng = files.load_labels(zoo), np.random.default_rng(9)
    for name in files.names(zoo):
        about, said = files.load_net(zoo, name, labels)
        if about["half"] == "calibration":
            continue
        predicted = {part: rng.permutation(truth) for part, truth in labels.items()}
        right = {part: float((predicted[part] == truth).mean()) for part, truth in labels.items()}
        changed = {"validation_accuracy": right["validation"], "test_accuracy": right["test"]}
        files.save_net(zoo, name, about | changed, replace(said, predicted=predicted), labels)


def test_a_handful_of_nets_says_so_and_fits_nothing(quick, tmp_path, monkeypatch, capsys):
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    synthetic_zoo.make_zoo(zoo, FOLDER / "plan.csv", nets=9, images=100)
    constants = tmp_path / "constants.toml"
    given = ["pair_truth.py", "--zoo", str(zoo), "--results", str(tmp_path), "--constants", str(constants)]
    monkeypatch.setattr(sys, "argv", given)
    assert quick.main() == 0
    assert "Too few nets for any table" in (tmp_path / "pair_truth.md").read_text()
    assert not list(tmp_path.glob("*.png"))
    monkeypatch.setattr(sys, "argv", [*given, "--fit"])
    assert quick.main() == 2
    assert "shipped need 40" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*given, "--fit", "--draft"])
    assert quick.main() == 2
    assert "Even a draft" in capsys.readouterr().err
    assert not constants.exists()
    assert json.loads((FOLDER / "tasks.json").read_text())
