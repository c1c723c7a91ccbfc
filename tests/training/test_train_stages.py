"""Runs trained with teachers and finetunes: who learns from whom, in which order, and what a resumption may add."""

import json

import numpy as np
import pytest

from zeroshot.cascade.measure import outcome
from zeroshot.cascade.thresholds import threshold_for_rate
from zeroshot.errors import RunError
from zeroshot.runs.checkpoints import stem
from zeroshot.training._plan import Plan
from zeroshot.training._stages import Training, all_nets, teachers
from zeroshot.training.side_by_side import epochs_in, net_macs
from zeroshot.training.train import (
    CascadeTuning,
    Distillation,
    Recipe,
    hold_out,
    load_net,
    train,
    train_net,
    tune_pair,
)
from zeroshot.training.train_net import job_of

from ..run_folders import listed_pair, run_folder

LITTLE, BIG, OTHER, ALONE = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2", "r6-s4-d3w8x1", "r8-s8/2-c3w8x1"
SHORT, TUNING = Recipe(epochs=2), CascadeTuning(epochs=1)
BY_BIG, BY_SELF = Distillation("big"), Distillation("self")


# The second pair's little net has its teacher from the first; the third's big net is a little net elsewhere.
ROWS = [listed_pair(1, LITTLE, BIG, ALONE), listed_pair(2, LITTLE, ALONE), listed_pair(3, OTHER, LITTLE)]


@pytest.fixture
def run(tmp_path):
    return lambda rows=ROWS, name="run": run_folder(tmp_path / name, rows)


def of(result):
    """Pair -> the names of its nets."""
    return [(pair.models.little, pair.models.big, pair.models.single) for pair in result.pairs]


def files(run):
    return {path.stem for path in (run / "models").glob("*.pt")}


def test_without_lessons_the_models_are_the_nets(run):
    result = train(run(), top=2, epochs=2)
    assert of(result) == [(LITTLE, BIG, ALONE), (LITTLE, ALONE, None)]
    assert [row.stage for row in result.nets] == ["", "", ""]
    assert result.summary()["distil"] is None


def test_who_teaches_whom():
    assert teachers(ROWS, True, None) == {}
    assert teachers(ROWS, True, BY_BIG) == {LITTLE: BIG, ALONE: BIG, OTHER: LITTLE}
    assert teachers(ROWS, False, BY_BIG) == {LITTLE: BIG, OTHER: LITTLE}
    assert teachers(ROWS, True, BY_SELF) == {net: net for net in all_nets(ROWS, True)}


def test_big_nets_teach_and_stay_as_they_are(run, digits):
    folder = run()
    result = train(folder, top=3, epochs=2, distil=BY_BIG)
    taught = {net: f"{net}.distilled" for net in (LITTLE, ALONE, OTHER)}
    assert of(result) == [
        (taught[LITTLE], BIG, taught[ALONE]), (taught[LITTLE], ALONE, None), (taught[OTHER], LITTLE, None)
    ]  # fmt: skip
    # Plain versions only of the nets that are big somewhere.
    assert files(folder) == {stem(net) for net in (BIG, ALONE, LITTLE, *taught.values())}
    big = train_net(BIG, digits, SHORT)
    expected = train_net(LITTLE, digits, SHORT, teacher=big, distil=BY_BIG)
    found = load_net(folder / "models", taught[LITTLE])
    assert found.digest == expected.digest
    row = next(row for row in result.nets if row.net == LITTLE and row.stage == "distilled")
    assert row.test_accuracy == expected.test_accuracy == result.pairs[0].test.little_accuracy
    assert row.file == f"{stem(taught[LITTLE])}.pt"
    assert result.pairs[0].test.big_accuracy == big.test_accuracy
    assert [row.predicted.little for row in result.pairs] == [LITTLE, LITTLE, OTHER]


def test_models_do_not_depend_on_how_many_pairs_are_trained(run):
    folder = run()
    few = train(folder, top=1, epochs=2, distil=BY_BIG)
    more = train(folder, top=3, resume=True)
    assert more.pairs[:1] == few.pairs


def test_every_net_teaches_itself(run, digits):
    result = train(run(), top=1, epochs=2, distil=BY_SELF)
    assert of(result) == [tuple(f"{net}.born-again" for net in (LITTLE, BIG, ALONE))]
    first = train_net(BIG, digits, SHORT)
    assert result.pairs[0].test.big_accuracy == train_net(BIG, digits, SHORT, teacher=first).test_accuracy


@pytest.mark.parametrize("distil", [None, BY_BIG], ids=["plain", "distilled"])
def test_pairs_are_finetuned_for_their_rate(run, digits, distil):
    split = hold_out(digits, 0)
    result = train(run(), top=1, epochs=2, distil=distil, cascade_aware=TUNING)
    big = train_net(BIG, split, SHORT)
    little = train_net(LITTLE, split, SHORT, teacher=big if distil else None)
    expected = tune_pair(little, big, split, 0.3, TUNING)
    assert of(result)[0][:2] == tuple(net.name for net in expected)
    (row,) = result.pairs
    assert row.test.little_accuracy == expected[0].test_accuracy
    assert row.test.big_accuracy == expected[1].test_accuracy
    found = outcome(*(net.outputs["validation"] for net in expected), split.labels("validation"))
    assert row.test.threshold == threshold_for_rate(found.score, 0.3)
    assert any("single nets not: 1" in remark for remark in result.remarks)


def test_a_pair_that_decides_nothing_is_left_alone(run):
    result = train(run([listed_pair(1, LITTLE, BIG, ALONE, rate=1.0)]), top=1, epochs=2, cascade_aware=TUNING)
    assert of(result) == [(LITTLE, BIG, ALONE)]
    assert any("not finetuned" in remark for remark in result.remarks)


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_interrupted_anywhere_and_in_processes_it_gives_the_same_models(run, jobs):
    whole = run(name="whole")
    expected = train(whole, top=2, epochs=2, distil=BY_BIG, cascade_aware=TUNING, jobs=1)
    other, stops = run(name="other"), {("training", 1), ("distilling", 3), ("finetuning", 1)}

    def stop(what, done, total):
        key = what.split()[0], done
        if key in stops:
            stops.remove(key)
            raise KeyboardInterrupt

    options = {"epochs": 2, "distil": BY_BIG, "cascade_aware": TUNING, "jobs": 1}
    while stops:
        with pytest.raises(KeyboardInterrupt):
            train(other, top=2, progress=stop, **options)
        options = {"resume": True, "jobs": 1}
    found = train(other, top=2, resume=True, jobs=jobs)
    assert found.pairs == expected.pairs
    assert files(whole) == files(other)
    for name in files(whole):
        a, b = (np.load(path / "models" / f"{name}.npz")["test"] for path in (whole, other))
        assert np.array_equal(a, b)


def test_lessons_can_be_added_and_not_changed(run):
    folder = run()
    plain = train(folder, top=1, epochs=2)
    before = files(folder)
    taught = train(folder, top=1, distil=BY_BIG, resume=True)
    tuned = train(folder, top=1, cascade_aware=TUNING, resume=True)
    assert before < files(folder)
    assert of(plain)[0][0] == LITTLE
    assert of(taught)[0][0] == f"{LITTLE}.distilled"
    assert of(tuned)[0][0] == f"{LITTLE}.distilled.little-with.{BIG}"
    assert json.loads((folder / "models" / "train.json").read_text())["distil"] == BY_BIG.values()
    with pytest.raises(RunError, match="teacher: 'big' then, 'self' now"):
        train(folder, top=1, distil=BY_SELF, resume=True)
    with pytest.raises(RunError, match="epochs: 1 then, 5 now"):
        train(folder, top=1, cascade_aware=CascadeTuning(epochs=5), resume=True)


@pytest.mark.parametrize("more", [{"distil": 3}, {"distil": {"weight": 9}}, {"cascade_aware": {"speed": 1}}], ids=str)
def test_a_damaged_plan(run, more):
    folder = run()
    train(folder, top=1, epochs=1)
    path = folder / "models" / "train.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    with pytest.raises(RunError, match="no plan"):
        train(folder, top=1, resume=True)


def test_minutes_count_the_lessons(run, digits, monkeypatch):
    jobs = {net: job_of(net, digits, SHORT, 0, 1) for net in all_nets(ROWS[:1], True)}
    little, big, alone = net_macs(list(jobs.values()))
    sizes = little + big + alone

    def cost(distil=None, tuning=None):
        plan = Plan(SHORT, 1, 0, distil, tuning)
        return Training(ROWS[:1], True, jobs, plan, "logit-gap").relative_cost()

    assert cost() == (1, 0)
    more, beside = cost(BY_BIG, CascadeTuning(epochs=6))
    assert more == pytest.approx((sizes + 2 * big / 3) / sizes)
    assert beside == pytest.approx(6 * 4 / 3 * (little + big) / sizes)
    assert cost(BY_SELF)[0] == pytest.approx(7 / 3)
    monkeypatch.setattr("zeroshot.training.side_by_side.seconds_per_epoch", lambda job, data: 2.0)
    assert epochs_in(1.0, list(jobs.values())[:2], hold_out(digits, 0), 1, 1.5, 3.0) == 8
