"""What is known of nets before training: scores, their table, other tasks."""

import csv
from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pair_truth import regroup, scores, study
from benchmarks.tasks.data import TASKS
from benchmarks.tasks.traits import read_traits
from zeroshot.accuracy.task import task_anchor
from zeroshot.data import load as load_data
from zeroshot.errors import RunError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import score_static

FOLDER = Path(__file__).parent.parent.parent.parent / "benchmarks" / "pair_truth"


def test_the_stored_scores_are_of_the_plan_and_of_these_proxies():
    table = scores.read()
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


def test_scores_resume_and_are_read_as_written(tmp_path, monkeypatch):
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


def test_only_missing_scores_are_computed(tmp_path, monkeypatch):
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


def test_further_nets_join_the_table(tmp_path, monkeypatch):
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


def test_readouts_of_other_tasks_are_of_their_classes(tmp_path):
    nets, digits = ["r8-s4-c3w8x1"], load_data("digits")
    halves = regroup.grouped(digits, (0, 1) * 5)
    found = scores.readouts(nets, {"ten": digits, "two": halves, "again": digits}, tmp_path)
    assert found["ten"].tolist() == found["again"].tolist() != found["two"].tolist()
    ten = scores.compute(nets, digits, load_proxies(["linear_readout"]), tmp_path / "alone")
    assert ten.columns["linear_readout"].tolist() == found["ten"].tolist()


def test_the_stored_readouts_are_of_the_plan_and_the_groups(tmp_path):
    stored = scores.read_readouts()
    assert stored.keys() == regroup.GROUPS.keys()
    nets = scores.read().nets
    assert all(tuple(of) == nets and 0 <= min(of.values()) <= max(of.values()) < 1 for of in stored.values())
    assert scores.read_readouts(tmp_path) == {}
    (tmp_path / "task_readouts.csv").write_text("net,two\nr8-s4-c3w8x1,many\n")
    with pytest.raises(RunError, match="cannot be read"):
        scores.read_readouts(tmp_path)


def test_a_named_task_brings_its_own_readouts(sample):
    task = "two mixed halves"
    found = study.regrouped(sample, regroup.GROUPS[task], task)
    own = scores.read_readouts()[task]
    assert found.inputs.scores["linear_readout"].tolist() == [own[net.net] for net in sample.zoo.nets]
    assert found.inputs.scores["zico"] is sample.inputs.scores["zico"]
    assert found.inputs.scores["linear_readout"].tolist() != sample.inputs.scores["linear_readout"].tolist()


def test_regrouped_answers_are_right_where_the_group_is(sample):
    groups = regroup.GROUPS["five superclasses"]
    found = study.regrouped(sample, groups)
    for before, after in zip(sample.zoo.nets[:3], found.zoo.nets[:3], strict=True):
        truth = sample.zoo.labels["test"]
        right = [groups[a] == groups[b] for a, b in zip(before.answers.predicted["test"], truth, strict=True)]
        assert after.test_accuracy == pytest.approx(sum(right) / len(right))
        assert after.answers.levels is before.answers.levels
    assert found.zoo.right().tolist() >= sample.zoo.right().tolist()
    same = study.regrouped(sample, tuple(range(10)))
    assert same.accuracy.tolist() == sample.accuracy.tolist()


def test_groupings_are_of_all_ten_classes_and_have_traits():
    assert all(len(of) == 10 and set(of) == set(range(max(of) + 1)) for of in regroup.GROUPS.values())
    assert read_traits().keys() == {*TASKS, *regroup.GROUPS}
    digits = load_data("digits")
    halves = task_anchor(regroup.grouped(digits, regroup.GROUPS["two mixed halves"]))
    assert halves >= task_anchor(digits) - 0.01  # fewer classes, fewer mistakes


def test_seeds_of_a_net_give_the_noise_of_labels(sample):
    assert study.label_noise(sample.zoo)[1] == 0
    a, b = sample.zoo.nets[:2]
    nets = [replace(a, test_accuracy=x, seed=s) for s, x in enumerate((0.5, 0.52, 0.54))]
    nets += [replace(b, test_accuracy=x, seed=s) for s, x in enumerate((0.6, 0.61))]
    noise, repeated = study.label_noise(replace(sample.zoo, nets=tuple(nets)))
    assert repeated == 2
    assert noise == pytest.approx(((2 * 0.02**2 + 0.00005) / 3) ** 0.5)
