"""Fits against naive loops, and the recovery of known constants."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri

from benchmarks.pair_truth import couplings, fitting, predictors
from zeroshot.accuracy.model import PROBED, STATIC, KnownTask, model_of, size
from zeroshot.bench.pair_truth import outcome
from zeroshot.cascade import measure
from zeroshot.cascade.copula import coupling_of
from zeroshot.errors import UsageError

from ... import synthetic_zoo


@pytest.mark.parametrize("penalty", [0.0, 0.05, 2.0])
def test_leaving_one_out_is_what_a_loop_of_fits_gives(penalty):
    """Each row predicted by ridge on the others, as a solved system with a free intercept."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(15, 3)) * [1, 5, 0.1], rng.normal(size=15)
    fit = predictors.ridge(x, y, (penalty,))
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


def test_the_penalty_of_least_left_out_error_is_taken():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 6)), rng.normal(size=20)
    ridge, penalties = predictors.ridge, (0.01, 0.3, 10.0)
    error = {p: ((ridge(x, y, (p,)).left_out - y) ** 2).sum() for p in penalties}
    assert ridge(x, y, penalties).penalty == min(error, key=error.get)


@pytest.mark.slow
def test_no_net_is_predicted_from_its_own_accuracy(calibration):
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


def test_no_weight_is_negative_where_none_may_be():
    """Where the plain fit has none either, both are the same; where it has, the bounded one is best on the bound."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 3))
    y = x @ [0.5, 0.2, -0.4] + 0.05 * rng.normal(size=60)
    bounded = predictors.nonnegative_ridge(x, y, (0.01,))
    assert bounded.weight[2] == pytest.approx(0, abs=1e-9)
    assert bounded.predict(x) == pytest.approx(predictors.ridge(x[:, :2], y, (0.01,)).predict(x[:, :2]), abs=1e-6)
    upright = x * [1, 1, -1]
    plain, same = (solve(upright, y, (0.01,)) for solve in (predictors.ridge, predictors.nonnegative_ridge))
    assert same.predict(upright) == pytest.approx(plain.predict(upright), abs=1e-6)


def test_bounded_predictions_of_left_out_rows_never_saw_them():
    rng = np.random.default_rng(3)
    x, y = np.abs(rng.normal(size=(40, 2))), rng.normal(size=40)
    before = predictors.nonnegative_ridge(x, y, (0.1,)).left_out
    y[5] += 10
    after = predictors.nonnegative_ridge(x, y, (0.1,)).left_out
    own_fold = np.arange(40) % predictors.FOLDS == 5
    assert (after[own_fold] == before[own_fold]).all()
    assert (after[~own_fold] != before[~own_fold]).any()


def test_a_model_of_features_and_scores_says_what_its_ridge_says(calibration):
    """On the nets of the fit, whose mean scores are those of the population; elsewhere only the level may differ."""
    inputs, mu = calibration.inputs, calibration.mu
    names, proxies = ("log_macs", "log_side"), ("linear_readout", "swap")
    x = predictors.columns_of(inputs, (*names, *proxies))
    fit = predictors.ridge(x, mu)
    model = predictors.model_of_ridge(fit, inputs, names, proxies)
    inside = (np.abs((x - x.mean(0)) / x.std(0)) < 3).all(axis=1)
    found = model.intercept + size(inputs.everything, model)
    assert found[inside] == pytest.approx(fit.predict(x)[inside], abs=0.003)
    assert np.ptp((found - fit.predict(x))[inside]) < 1e-9
    assert [each.proxy for each in model.evidence] == list(proxies)


@pytest.mark.usefixtures("quick")
def test_known_constants_are_recovered(calibration):
    """Gamma and kappa that the answers were drawn with, and the line that the accuracies were."""
    found = couplings.curves(calibration)
    assert found.gamma.mean() == pytest.approx(synthetic_zoo.GAMMA, abs=0.02)
    assert found.kappa.mean() == pytest.approx(synthetic_zoo.KAPPA, abs=0.03)
    fit = fitting.fit(calibration, found)
    mu = np.array([-0.3, 0.0, 0.4])
    assert np.tanh(fit.coupling.gamma[0] + fit.coupling.gamma[1] * mu) == pytest.approx(synthetic_zoo.GAMMA, abs=0.05)
    known = calibration.inputs.known
    line = sum(weight * known[name] for name, weight in synthetic_zoo.LINE.items())
    own = size(known, replace(fit.model, evidence=()))
    # By whatever features, which share what they have in common, and from 24 nets only.
    assert np.corrcoef(own, line)[0, 1] > 0.8
    assert 0.5 < np.polyfit(line, own, 1)[0] < 1.2
    # Half of the variance of mu's noise is in the zoo (.05), the rest is counting 1,500 images (.035).
    assert 0.03 < fit.model.sd_net < 0.09
    assert np.abs(ndtri(calibration.accuracy) - fit.model.intercept).mean() > 0.1


def test_curves_are_measured_cascades(sample):
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


def test_a_pair_of_the_same_net_twice_has_the_same_gamma_and_kappa(sample):
    """The big net's correctness is then the little one's; only the MACs say that it is another net."""
    net = sample.zoo.nets[0]
    twice = replace(sample.take(np.array([0, 1])), zoo=replace(sample.zoo, nets=(net, replace(net, macs=net.macs + 1))))
    found = couplings.curves(twice)
    assert found.kappa[0] == pytest.approx(found.gamma[0], abs=1e-5)


def test_family_terms_do_not_help_where_there_are_no_families(calibration):
    tests = couplings.test_families(calibration, couplings.curves(calibration))
    plain = tests[0]
    assert plain.term == couplings.NO_FAMILY
    assert all(test.mae > 0.95 * plain.mae for test in tests)
    assert len({test.pairs for test in tests}) == 1


def test_the_oracle_beats_independence(calibration, sample):
    """Answers come from the copula: with its constants the error is counting noise, without kappa it is points."""
    held = sample.of("held-out")
    coupling = couplings.couple(couplings.curves(calibration), calibration.accuracy)
    found, macs = couplings.curves(held), held.zoo.macs()
    right = couplings.judge_pairs(found, held.accuracy, coupling, macs)
    naive = couplings.judge_pairs(found, held.accuracy, couplings.independent(coupling), macs)
    assert right.mae < 0.008
    assert naive.bias > 0.03
    assert naive.mae == pytest.approx(naive.bias, abs=0.003)
    assert right.kendall > 0.93
    assert right.pairs == len(found) == len(held) * (len(held) - 1) // 2


def test_few_nets_give_no_constants():
    with pytest.raises(UsageError, match="Only 39"):
        fitting.check_enough(39, draft=False)
    fitting.check_enough(39, draft=True)
    fitting.check_enough(40, draft=False)


def test_a_fit_refuses_other_halves_and_a_handful(sample, calibration):
    few = calibration.take(np.arange(7))
    for each in (sample, sample.of("held-out"), few):
        with pytest.raises(UsageError, match="Constants need"):
            fitting.fit(each, couplings.curves(few))


def test_written_constants_are_read_back(tmp_path):
    judged = {"x": predictors.judge(np.zeros(41), np.arange(41.0))}
    coupling = coupling_of({"name": "c", "source": 'a "word"', "gamma": [0.1, 0.2], "kappa": [0.3, 0.4, -0.5]})
    static, probed = replace(STATIC, name="zoo-41-static"), replace(PROBED, name="zoo-41", sd_net=0.123)
    known = (KnownTask("easy", 0.9, 5000), KnownTask("hard", 0.3, 50))
    found = fitting.Constants(static, probed, coupling, judged, known)
    path = tmp_path / "constants.toml"
    fitting.write(path, fitting.to_text(found, "abc", "2026-01-02", draft=True))
    values = tomllib.loads(path.read_text())
    assert values["provenance"] == {
        "zoo_sha256": "abc", "nets": 41, "date": "2026-01-02", "command": fitting.COMMAND + " --draft",
    }  # fmt: skip
    assert model_of(values["accuracy"]["static"]) == replace(static, name="zoo-41-static (draft)")
    assert model_of(values["accuracy"]["probed"]) == replace(probed, name="zoo-41 (draft)")
    assert coupling_of(values["cascade"]) == replace(coupling, name="c (draft)")
    assert values["accuracy"]["tasks"] == [vars(task) for task in known]
    before = path.read_text()
    with pytest.raises(UsageError):
        fitting.write(path, before.replace("sd_net", "sd_nets"))
    assert path.read_text() == before
