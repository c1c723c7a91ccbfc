"""Training a run's pairs: each net once, predicted beside measured, and runs that cannot be trained."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from zeroshot.errors import RunError, TrainError, UsageError
from zeroshot.net import NetSpec
from zeroshot.runs import folder as runs
from zeroshot.runs.checkpoints import stem
from zeroshot.runs.reading import read_search, read_training
from zeroshot.runs.rows import TRAINED_NETS, TRAINED_PAIRS
from zeroshot.searching.search import search
from zeroshot.training import side_by_side as _side_by_side
from zeroshot.training import train as train_module
from zeroshot.training.side_by_side import _Watch, epochs_in, processes, seconds_per_epoch, train_all
from zeroshot.training.train import Recipe, TrainOptions, hold_out, load_net, train, train_net
from zeroshot.training.train_net import job_of
from zeroshot.training.trainer import Job, Trainer

from ..run_folders import listed_pair, run_folder

LITTLE, BIG, OTHER, ALONE = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2", "r6-s4-d3w8x1", "r8-s8/2-c3w8x1"
SHORT = Recipe(epochs=2)


ROWS = [
    listed_pair(1, LITTLE, BIG, ALONE), listed_pair(2, OTHER, BIG, ALONE), listed_pair(3, LITTLE, ALONE),
    listed_pair(4, OTHER, ALONE, ALONE),
]  # fmt: skip


@pytest.fixture
def run(tmp_path):
    return run_folder(tmp_path / "run", ROWS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Where its first pair was trained, and the result."""
    path = run_folder(tmp_path_factory.mktemp("trained") / "run", ROWS)
    return path, train(path, top=1, epochs=2)


@pytest.fixture
def trained_run(trained, tmp_path):
    """A copy of it."""
    return shutil.copytree(trained[0], tmp_path / "trained")


def weights(run):
    return {path.name: torch.load(path, weights_only=True) for path in sorted((run / "models").glob("*.pt"))}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[n][k], b[n][k]) for n in a for k in a[n])


# ---- what is trained and measured


def test_each_net_is_trained_once(run, monkeypatch):
    started = []
    real = Trainer.__init__

    def init(self, job, data):
        started.append(str(job.spec))
        real(self, job, data)

    monkeypatch.setattr(Trainer, "__init__", init)
    result = train(run, top=3, epochs=2, jobs=1)
    assert sorted(started) == sorted([LITTLE, BIG, OTHER, ALONE])
    assert [row.net for row in result.nets] == [LITTLE, BIG, ALONE, OTHER]
    assert [row.predicted for row in result.pairs] == ROWS[:3]


def test_without_single_nets_the_nets_of_pairs_are_the_rivals(run):
    result = train(run, top=1, epochs=2, singles=False)
    assert [row.net for row in result.nets] == [LITTLE, BIG]
    assert result.pairs[0].test.rival_model in (LITTLE, BIG)
    assert result.pairs[0].test.single_accuracy is None
    assert result.pairs[0].models.single is None
    assert result.pairs[0].predicted.single == ALONE
    assert any("verdict" in remark for remark in result.remarks)


def test_figures_are_those_of_the_cascade_run_by_hand(run, digits):
    result = train(run, top=3, epochs=2)
    split = hold_out(digits, 0)
    nets = {row.net: train_net(row.net, digits, SHORT) for row in result.nets}
    assert set(nets) == {LITTLE, BIG, OTHER, ALONE}
    for row in result.pairs.plain():
        little, big = nets[row["little"]], nets[row["big"]]

        def gaps(net, part):
            ordered = np.sort(net.outputs[part].astype(float), axis=1)
            return ordered[:, -1] - ordered[:, -2]

        rates = [(gaps(little, "validation") < t).mean() for t in np.sort(gaps(little, "validation"))]
        assert row["escalation_rate_validation"] == max(rate for rate in rates if rate <= 0.3)
        up = gaps(little, "test") < row["threshold"]
        right = np.where(
            up, big.outputs["test"].argmax(1) == digits.y_test, little.outputs["test"].argmax(1) == digits.y_test
        )
        assert row["accuracy_test"] == right.mean()
        assert row["escalation_rate_test"] == up.mean()
        assert row["little_accuracy_test"] == little.test_accuracy
        assert row["latency_ms_test"] == pytest.approx(1 + up.mean() * 10)
        assert row["energy_mj_test"] == pytest.approx(0.1 + up.mean())
        assert row["accuracy_predicted"] == 0.8
        # At 4 ms a pair the big net of 10 ms is no rival; every other net of the pairs is, one of 3.5 ms among them.
        rivals = {net: nets[net] for net in (LITTLE, OTHER, ALONE)}
        best = max(net.validation_accuracy for net in rivals.values())
        rival = rivals[row["rival_model"]]
        assert rival.validation_accuracy == best
        roles = {row["little"]: "little", row["big"]: "big"}
        assert row["rival"] == roles.get(row["rival_model"], "single")
        assert row["rival_accuracy_test"] == rival.test_accuracy
        assert row["gain_test"] == pytest.approx(right.mean() - rival.test_accuracy)
        assert row["verdict"] in {"pays", "may pay", "does not pay"}
        assert row["over_budget"] is None  # none was asked for
    assert len(split.validation) < 500
    assert "validation images only" in " ".join(result.remarks)


def test_budgets_of_the_search_and_other_sources_are_told(run, digits):
    """At 30 % a pair takes 4 ms; test images whose labels are wrong are as if from elsewhere."""
    changed = replace(digits, y_test=(digits.y_test + 1) % 10)
    text = (run / "config.toml").read_text().replace(digits.digest, changed.digest)
    (run / "config.toml").write_text(text + "latency_limit = 3.0\n")
    result = train(run, top=2, data=changed, epochs=2)
    for pair in result.pairs:
        assert pair.test.over_budget == "latency"
        assert pair.test.budget_rate <= 0.2
        assert pair.test.budget_threshold < pair.test.threshold
    assert len([remark for remark in result.remarks if "other speakers" in remark]) == 1
    assert list(map(TRAINED_PAIRS.plain, read_training(run))) == result.pairs.plain()


def test_the_threshold_does_not_see_the_test_images(trained, run, digits):
    """Other test images, the same run but for its digest: nothing that was chosen may change."""
    _, first = trained
    changed = replace(digits, x_test=digits.x_test[::-1].copy(), y_test=(digits.y_test + 1) % 10)
    text = (run / "config.toml").read_text().replace(digits.digest, changed.digest)
    (run / "config.toml").write_text(text)
    second = train(run, top=1, data=changed, epochs=2)
    assert first.pairs[0].test.threshold == second.pairs[0].test.threshold
    for key in ("best_epoch", "validation_accuracy"):
        assert [getattr(row, key) for row in first.nets] == [getattr(row, key) for row in second.nets]
    assert first.pairs[0].test.accuracy != second.pairs[0].test.accuracy


def test_what_is_written(trained, digits):
    run, result = trained
    models = run / "models"
    stems = [stem(net) for net in (LITTLE, BIG, ALONE)]
    expected = {f"{name}.{kind}" for name in stems for kind in ("pt", "json", "npz")}
    told = {"train.json", "pairs.csv", "nets.csv", "confusion.csv", "summary.json", "digests.json"}
    assert {p.name for p in models.iterdir()} == expected | told
    told = json.loads((models / "summary.json").read_text())
    assert told["pairs"] == result.pairs.plain()
    assert told["nets"] == result.nets.plain()
    assert told["recipe"] == SHORT.values()
    assert list(map(TRAINED_PAIRS.plain, read_training(run))) == told["pairs"]
    assert TRAINED_NETS.from_csv((models / "nets.csv").read_text()) == result.nets
    recipe = load_net(models, BIG).recipe
    assert recipe == SHORT.resolved(NetSpec.parse(BIG), digits)
    assert recipe.batch == 80  # 1,437 digits, a tenth held out, 16 steps


def test_the_run_of_a_search_can_be_trained(tmp_path):
    search("digits", nets=30, scored=200, shortlist=0, latency="1ms", proxies=["macs"], run=tmp_path / "run", top=1)
    (pair,) = train(tmp_path / "run", top=1, epochs=1).pairs
    assert [pair.predicted] == read_search(tmp_path / "run")[1]


def test_options_are_one_object_or_names(run):
    asked = TrainOptions(top=1, epochs=1, lr=0.2, distil="big", cascade_aware={"epochs": 2, "kept": 0.5})
    result = train(run, asked, singles=False)
    assert (result.recipe.epochs, result.recipe.lr) == (1, 0.2)
    assert result.recipe == replace(Recipe(), epochs=1, lr=0.2)
    assert (result.distil.teacher, result.cascade_aware.epochs, result.cascade_aware.kept) == ("big", 2, 0.5)
    assert len(result.pairs) == 1
    assert result.pairs[0].models.single is None
    plan = json.loads((run / "models" / "train.json").read_text())
    assert list(plan) == ["recipe", "threads", "seed", "distil", "cascade_aware"]
    assert plan["recipe"] == result.recipe.values()
    assert plan["cascade_aware"] == result.cascade_aware.values()


# ---- interruption, resumption, processes


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_resumed_after_an_interruption_and_in_processes_equals_uninterrupted(run, jobs):
    whole = train(run, top=2, epochs=2, jobs=1)
    expected = weights(run)

    def stop(what, done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, top=2, epochs=2, jobs=1, force=True, progress=stop)
    (run / "models" / ".half.pt.x").write_bytes(b"")
    assert not (run / "models" / "pairs.csv").exists()
    resumed = train(run, top=2, resume=True, jobs=jobs)
    assert equal(weights(run), expected)
    assert resumed.pairs == whole.pairs
    assert resumed.recipe == SHORT
    assert not list((run / "models").glob(".*"))
    # More pairs later cost only the nets that are new.
    more = train(run, top=4, resume=True)
    assert more.pairs[:2] == whole.pairs


@pytest.mark.slow
def test_an_error_in_a_process_is_the_users_error(run, digits):
    jobs = [job_of(net, digits, Recipe(epochs=2, lr=900.0, weight_decay=900.0), 0, 1) for net in (LITTLE, BIG)]
    models = run / "models"
    with pytest.raises(TrainError, match="NaN") as caught:
        train_all(jobs, hold_out(digits, 0), models, 2, lambda what, done, total: None)
    assert "`lr`" in caught.value.hint


def test_progress_counts_epochs_and_guesses_the_rest(run):
    seen = []
    train(run, top=1, epochs=2, jobs=1, progress=lambda *what: seen.append(what))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[0] == ("training 3 nets", 0, 6)
    assert seen[-1] == ("training 3 nets", 6, 6)
    assert any("left" in words for words, _, _ in seen)


def test_time_left_is_by_work_not_by_epochs(run, digits, monkeypatch):
    jobs = [job_of(net, digits, Recipe(epochs=4), 0, 1) for net in (LITTLE, BIG)]
    monkeypatch.setattr(_side_by_side, "net_macs", lambda jobs: [100, 300])
    done = {LITTLE: 0, BIG: 0}
    monkeypatch.setattr(_Watch, "_epochs_of", lambda self, job: done[str(job.spec)])
    clock = iter([0.0, 30.0])
    monkeypatch.setattr(_side_by_side.time, "perf_counter", lambda: next(clock))
    seen = []
    watch = _Watch(jobs, run, lambda *what: seen.append(what))
    done[BIG] = 1  # 300 of 1600 in 30 s
    watch.look()
    assert seen[-1] == ("training 2 nets, about 2 min left", 1, 8)


def test_epochs_for_a_time(digits, monkeypatch):
    jobs = [job_of(net, digits, SHORT, 0, 1) for net in (LITTLE, BIG)]
    split = hold_out(digits, 0)
    monkeypatch.setattr(_side_by_side, "seconds_per_epoch", lambda job, data: 2.0)
    assert epochs_in(1.0, jobs, split, 1) == 15
    assert epochs_in(1.0, jobs, split, 2) == 25
    assert epochs_in(0.001, jobs, split, 1) == 1


def test_an_epoch_is_timed(digits):
    assert 0.001 < seconds_per_epoch(job_of(LITTLE, digits, SHORT, 0, 1), hold_out(digits, 0)) < 30


def test_minutes_become_epochs_that_a_resumption_keeps(run, monkeypatch):
    monkeypatch.setattr(train_module, "epochs_in", lambda *args: 3)
    assert train(run, top=1, minutes=0.5).recipe.epochs == 3
    assert train(run, top=1, resume=True).recipe.epochs == 3


def test_processes_pay_only_for_long_trainings(digits, monkeypatch):
    monkeypatch.setattr(_side_by_side, "default_jobs", lambda: 4)
    split = hold_out(digits, 0)

    def jobs(epochs, threads=1, n=3) -> list[Job]:
        return [job_of("r8-s8-c3w16x1-c3w32x1", digits, Recipe(epochs=epochs), 0, threads)] * n

    assert processes(jobs(1), split, None) == 1
    assert processes(jobs(5000), split, None) == 3
    assert processes(jobs(5000, threads=2), split, None) == 2
    assert processes(jobs(5000, n=1), split, 8) == 1
    assert processes(jobs(1), split, 2) == 2


# ---- what cannot be trained


def refused(run, error=RunError, **options):
    with pytest.raises(error) as caught:
        train(run, **({"epochs": 2, "top": 1} | options))
    assert caught.value.hint
    return f"{caught.value.message} {caught.value.hint}"


def test_no_run(tmp_path):
    assert "not the folder of a run" in refused(tmp_path / "none")


def test_an_unfinished_run(run):
    (run / "pairs.csv").unlink()
    assert "not finished" in refused(run)


def test_a_run_without_pairs(run):
    (run / "pairs.csv").write_text("")
    assert "found no pairs" in refused(run)
    assert not (run / "models").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.toml", "seed = "), ("config.toml", "seed = 0\n"), ("pairs.csv", "rank,little\n1,x\n"),
        ("pairs.csv", "rank\nmany\n"), ("pairs.csv", "\xff\n"),
    ],
)  # fmt: skip
def test_damaged_files_of_a_run(run, name, text):
    (run / name).write_text(text, encoding="latin-1")
    refused(run)


def test_data_that_changed(run, digits):
    changed = replace(digits, x_train=digits.x_train // 2)
    text = refused(run, data=changed)
    assert digits.digest[:12] in text
    assert changed.digest[:12] in text


def test_data_that_must_be_given_again(run):
    text = (run / "config.toml").read_text().replace('"digits"', '"my-pictures"')
    (run / "config.toml").write_text(text)
    assert "`data`" in refused(run)
    assert len(train(run, top=1, data="digits", epochs=1).nets) == 3


def test_models_that_are_there(trained_run):
    run = trained_run
    before = weights(run)
    assert "`resume=True`" in refused(run)
    assert "epochs: 2 then, 5 now" in refused(run, epochs=5, resume=True)
    assert "lr: None then, 0.1 now" in refused(run, lr=0.1, resume=True)
    assert "threads: 1 then, 2 now" in refused(run, threads=2, resume=True)
    assert equal(weights(run), before)
    assert train(run, top=1, epochs=1, force=True).recipe.epochs == 1


def test_nothing_to_resume(run):
    assert "no training to resume" in refused(run, resume=True)


@pytest.mark.parametrize("text", ["{", "[]", '{"recipe": 3}', '{"recipe": {"epochs": 0}, "threads": 1}'])
def test_a_damaged_plan(trained_run, text):
    (trained_run / "models" / "train.json").write_text(text)
    refused(trained_run, resume=True, epochs=None)


def test_a_full_disk(run, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs.os, "replace", full)
    assert "No space left" in refused(run)


def test_more_pairs_than_there_are(run):
    result = train(run, top=9, epochs=1)
    assert len(result.pairs) == 4
    assert any("only 4 pairs" in remark for remark in result.remarks)


@pytest.mark.parametrize(
    "options",
    [
        {"top": 0}, {"epochs": 0}, {"threads": 0}, {"jobs": 0}, {"minutes": 0}, {"minutes": math.nan},
        {"minutes": 1, "epochs": 1}, {"force": True, "resume": True}, {"minutes": 1, "resume": True},
        {"policy": "margin"}, {"distil": "little"}, {"distil": {"weight": 0.0}}, {"cascade_aware": 0},
        {"cascade_aware": {"speed": 1}}, {"lr": 0.0}, {"precision": "fp8"}, {"patients": 3}, {"data": 3},
    ],
    ids=str,
)  # fmt: skip
def test_bad_options(run, options):
    text = refused(run, UsageError, **({"epochs": None} | options))
    assert text
    assert not (run / "models").exists()
