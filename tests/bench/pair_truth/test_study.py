"""The whole benchmark on a zoo that was never trained, and what is stored of it."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pair_truth import fitting, study
from benchmarks.pair_truth.__main__ import main
from benchmarks.pair_truth.run import FOLDER, learn, run
from benchmarks.script import exit_code
from zeroshot.accuracy.model import model_of
from zeroshot.bench import truth_files as files

from ... import synthetic_zoo


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_the_benchmark_tells_all_of_a_small_zoo(tmp_path, capsys):
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    synthetic_zoo.make_zoo(zoo, FOLDER / "plan.csv", nets=24, images=400)
    constants = tmp_path / "constants.toml"
    run(zoo, tmp_path, constants, fitting=True, draft=True)
    text = (tmp_path / "pair_truth.md").read_text()
    assert capsys.readouterr().out == text + "\n"
    for words in (
        "24 of 216 trainings", "## Single nets", "## Anchored by N trainings", "true single accuracies given",
        "single accuracies predicted", "## Budgets: expected MACs", "## Budgets: expected latency", "## Another task",
        "## How many calibration nets", "\n| 8 | ", "\n| 12 | ",
        "joint minus separate", "independence", "random", "5 epochs",
    ):  # fmt: skip
        assert words in text
    assert "nan" not in text
    for name in ("pair_truth_predicted.png", "pair_truth_fronts.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert model_of(tomllib.loads(constants.read_text())["accuracy"]["probed"]).name == "zoo-74 (draft)"


@pytest.mark.usefixtures("one_way")
def test_held_out_answers_cannot_touch_the_constants(tmp_path):
    """The same zoo with the held-out nets' answers, and so their accuracies, drawn anew: the same constants."""
    learnt = []
    for name in ("true", "spoilt"):
        zoo = tmp_path / name
        zoo.mkdir()
        synthetic_zoo.make_zoo(zoo, FOLDER / "plan.csv", nets=20, images=300)
        if name == "spoilt":
            spoil(zoo)
        learnt.append(learn(zoo))
    true, spoilt = learnt
    assert true.held.accuracy.tolist() != spoilt.held.accuracy.tolist()
    to_text = fitting.to_text
    assert to_text(true.found, "", "", False) == to_text(spoilt.found, "", "", False)


@pytest.mark.usefixtures("one_way")
def test_the_shipped_constants_are_those_of_the_stored_zoo():
    """Fitted again, from the files that the repository holds."""
    path = FOLDER.parent.parent / "zeroshot" / "constants.toml"
    stored, found = tomllib.loads(path.read_text()), learn(FOLDER / "zoo")
    assert stored["provenance"]["zoo_sha256"] == study.zoo_sha256(found.whole)
    again = tomllib.loads(fitting.to_text(found.found, "", "", draft=False))
    for part in ("accuracy", "cascade"):
        assert again[part].keys() == stored[part].keys()
    for kind in ("static", "probed"):
        model, shipped = (model_of(values["accuracy"][kind]) for values in (again, stored))
        assert model.inputs == shipped.inputs
        for name in ("intercept", "trust", "sd_net", "sd_task", "sd_slope"):
            assert getattr(model, name) == pytest.approx(getattr(shipped, name), rel=1e-3, abs=1e-4)
        assert list(vars(model.level).values()) == pytest.approx(list(vars(shipped.level).values()), rel=1e-3, abs=1e-4)
        for one, other in zip(
            (*model.terms, *model.evidence), (*shipped.terms, *shipped.evidence), strict=True
        ):  # fmt: skip
            mine, its = ([x for x in vars(part).values() if not isinstance(x, str)] for part in (one, other))
            assert mine == pytest.approx(its, rel=1e-3, abs=1e-6)
    for key in ("gamma", "kappa"):
        assert again["cascade"][key] == pytest.approx(stored["cascade"][key], rel=1e-3)


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


@pytest.mark.usefixtures("quick")
def test_a_handful_of_nets_says_so_and_fits_nothing(tmp_path, capsys):
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    synthetic_zoo.make_zoo(zoo, FOLDER / "plan.csv", nets=9, images=100)
    constants = tmp_path / "constants.toml"
    given = ["--zoo", str(zoo), "--results", str(tmp_path), "--constants", str(constants)]
    assert exit_code(main, given) == 0
    assert "Too few nets for any table" in (tmp_path / "pair_truth.md").read_text()
    assert not list(tmp_path.glob("*.png"))
    assert exit_code(main, [*given, "--fit"]) == 2
    assert "shipped need 40" in capsys.readouterr().err
    assert exit_code(main, [*given, "--fit", "--draft"]) == 2
    assert "Even a draft" in capsys.readouterr().err
    assert not constants.exists()
