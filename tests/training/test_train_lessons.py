"""Teachers and cascade-aware finetunes: the losses against plain arithmetic, and trainings that repeat and resume."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cascade.measure import curve, outcome
from zeroshot.cascade.policy import logit_gap
from zeroshot.data import Dataset, load
from zeroshot.errors import RunError, UsageError
from zeroshot.runs import checkpoints as disk
from zeroshot.training._teacher import Teacher
from zeroshot.training._with_teacher import Student, lesson_job
from zeroshot.training.batches import TrainingBatches, hold_out
from zeroshot.training.cascade_loss import Deferral, Tuned, big_loss, deferral, little_loss
from zeroshot.training.distillation import distillation_loss, taught
from zeroshot.training.options import CascadeTuning, Distillation
from zeroshot.training.train import Recipe, load_net, train_net, tune_pair
from zeroshot.training.train_net import job_of

from ..strategies import examples

LITTLE, BIG, SMALLER = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2", "r6-s4/2-d3w8x1"
SHORT, TUNING = Recipe(epochs=3), CascadeTuning(epochs=2)


@pytest.fixture(scope="module")
def split():
    return hold_out(load("digits"), 0)


@pytest.fixture(scope="module")
def big(split):
    return train_net(BIG, split, SHORT)


@pytest.fixture(scope="module")
def little(split):
    return train_net(LITTLE, split, SHORT)


@pytest.fixture(scope="module")
def student(split, big):
    return train_net(LITTLE, split, SHORT, teacher=big)


def same(a, b):
    assert a.name == b.name
    assert a.digest == b.digest
    assert (a.history, a.best_epoch) == (b.history, b.best_epoch)
    assert all(np.array_equal(a.outputs[part], b.outputs[part]) for part in ("validation", "test"))
    return True


# ---- the losses, number by number


logit_pairs = st.integers(1, 6).flatmap(
    lambda n: st.tuples(*[
        st.lists(st.lists(st.floats(-8, 8, width=32), min_size=4, max_size=4), min_size=n, max_size=n)
        for _ in range(2)
    ], st.lists(st.integers(0, 3), min_size=n, max_size=n))
)  # fmt: skip


def naive_softmax(row, temperature=1.0):
    values = [math.exp(v / temperature) for v in row]
    return [v / sum(values) for v in values]


def naive_gap(row):
    ordered = sorted(row)
    return ordered[-1] - ordered[-2]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@examples(50)
@given(logit_pairs, st.floats(0, 1), st.floats(0.5, 8))
def test_distillation_is_cross_entropy_and_divergence(values, weight, temperature):
    own, theirs, labels = values
    expected = 0.0
    for a, b, y in zip(own, theirs, labels, strict=True):
        p, q = naive_softmax(b, temperature), naive_softmax(a, temperature)
        divergence = sum(x * math.log(x / z) for x, z in zip(p, q, strict=True))
        expected += (1 - weight) * -math.log(naive_softmax(a)[y]) + weight * temperature**2 * divergence
    found = distillation_loss(torch.tensor(own), torch.tensor(theirs), torch.tensor(labels), weight, temperature)
    assert float(found) == pytest.approx(expected / len(labels), rel=1e-4, abs=1e-4)


def test_a_teacher_who_agrees_teaches_nothing():
    out = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    distillation_loss(out, out.detach(), torch.zeros(5, dtype=torch.int64), 1.0, 4.0).backward()
    assert float(out.grad.abs().max()) < 1e-6


@examples(50)
@given(logit_pairs, st.floats(0.05, 0.95), st.floats(0.1, 3), st.floats(0.2, 2), st.floats(0, 5))
def test_the_little_nets_loss_is_the_expected_loss_of_the_cascade(values, rate, threshold, softness, weight):
    own, theirs, labels = values
    ups = [sigmoid((threshold - naive_gap(a)) / softness) for a in own]
    losses = [
        (1 - w) * -math.log(naive_softmax(a)[y]) + w * -math.log(naive_softmax(b)[y])
        for w, a, b, y in zip(ups, own, theirs, labels, strict=True)
    ]
    expected = np.mean(losses) + weight * (np.mean(ups) - rate) ** 2
    soft = Deferral(rate, threshold, softness)
    found = little_loss(torch.tensor(own), torch.tensor(theirs), torch.tensor(labels), soft, weight)
    assert float(found) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@examples(50)
@given(logit_pairs, st.floats(0.1, 3), st.floats(0.2, 2), st.floats(0.01, 1))
def test_the_big_net_learns_most_from_what_escalates(values, threshold, softness, kept):
    own, theirs, labels = values
    weights = [kept + (1 - kept) * sigmoid((threshold - naive_gap(b)) / softness) for b in theirs]
    losses = [-math.log(naive_softmax(a)[y]) for a, y in zip(own, labels, strict=True)]
    found = big_loss(
        torch.tensor(own), torch.tensor(theirs), torch.tensor(labels), Deferral(0.3, threshold, softness), kept
    )
    assert float(found) == pytest.approx(np.average(losses, weights=weights), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("big_is_right", "sign"), [(True, -1), (False, 1)])
def test_confidence_falls_where_the_big_net_helps_and_rises_where_it_cannot(big_is_right, sign):
    """One step down the gradient of an input on which the little net is wrong, its right class not among its two."""
    out = torch.tensor([[2.0, 1.5, 0.0]], requires_grad=True)
    theirs = torch.tensor([[0.0, 0.0, 6.0]]) if big_is_right else torch.tensor([[6.0, 0.0, -6.0]])
    y, soft = torch.tensor([2]), Deferral(0.2, 1.0, 0.25)
    own = torch.nn.functional.cross_entropy(out, y)
    (plain,) = torch.autograd.grad(own, out)
    (found,) = torch.autograd.grad(little_loss(out, theirs, y, soft, 0.0), out)
    kept = 1 - float(soft.weights(out.detach()))
    moved = -(found - kept * plain)  # what deferral adds to the little net's own gradient
    assert np.sign(float(moved[0, 0] - moved[0, 1])) == sign


def test_deferral_is_the_quantile_of_the_validation_gaps(little):
    soft = deferral(little, 0.25, 0.5)
    gap = logit_gap(little.outputs["validation"])
    assert (gap < soft.threshold).mean() == pytest.approx(0.25, abs=1 / len(gap))
    assert soft.softness == pytest.approx(gap.std() / 2)
    hard = soft.weights(torch.from_numpy(little.outputs["validation"])).numpy() > 0.5
    assert np.array_equal(hard, gap < soft.threshold)


# ---- what the other net sees


def position_data(side=24):
    """Every pixel tells its place, so a crop can be read off the image; smooth, so that resizing keeps it."""
    rows, columns = np.mgrid[0:side, 0:side]
    image = np.stack([rows, columns, np.full_like(rows, 12)], axis=2) * (240 // side)
    x = np.repeat(image[None].astype(np.uint8), 40, axis=0)
    y = np.arange(40) % 2
    return Dataset("places", x, y, x[:10], y[:10], ("a", "b"))


@pytest.mark.parametrize(("own", "other"), [(24, 12), (12, 24), (16, 24)])
def test_another_resolution_shows_the_same_crop_and_mirror(own, other, big):
    data = hold_out(position_data(), 0)
    recipe = Recipe(batch=16, crop=0.125, flip=True, cutout=0.0)
    batches = TrainingBatches(data, own, recipe)
    net = replace(big, net=f"r{other}-s8-c3w16x1/2", channels=3, classes=2)
    module = torch.nn.Identity()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(net), "module", lambda self: module)
        teacher = Teacher(net, data, batches)
    for (x, _), seen in zip(batches.epoch(3, 1), teacher.epoch(3, 1), strict=True):
        for a, b in zip(x, seen, strict=True):
            margin = own // 4  # away from the grey border, values are places in the image
            mine = a[:2, margin:-margin, margin:-margin].mean(dim=(1, 2))
            cut = other // 4
            theirs = b[:2, cut:-cut, cut:-cut].mean(dim=(1, 2))
            slope = [float((z[1, :, -z.shape[2] // 4] - z[1, :, z.shape[2] // 4]).mean()) for z in (a, b)]
            assert np.sign(slope[0]) == np.sign(slope[1])
            assert torch.allclose(mine, theirs, atol=0.15)  # a pixel is 0.14 standard deviations


def test_squares_are_cut_at_the_same_places(big, split):
    recipe = Recipe(batch=32, crop=0.0, flip=False, cutout=0.5)
    batches = TrainingBatches(split, 8, recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(big), "module", lambda self: torch.nn.Identity())
        teacher = Teacher(replace(big, net="r16-s8-c3w16x1/2"), split, batches)
    grey = batches.grey[0]
    x, _ = next(iter(batches.epoch(0, 0)))
    seen = next(teacher.epoch(0, 0))
    value = (grey / 255 - batches.normalise.mean[0]) / batches.normalise.std[0]
    cut = (x[:, 0] - value).abs() < 1e-4
    assert cut.float().mean() > 0.1
    double = cut.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert ((seen[:, 0] - value).abs() < 1e-4)[double].float().mean() > 0.95


# ---- teachers


def test_a_taught_net_is_another_net_beside_the_plain_one(split, big, little, student, tmp_path):
    train_net(LITTLE, split, SHORT, folder=tmp_path)
    again = train_net(LITTLE, split, SHORT, teacher=big, folder=tmp_path)
    assert same(again, student)
    assert student.name == f"{LITTLE}.distilled"
    assert same(load_net(tmp_path, LITTLE), little)
    assert same(load_net(tmp_path, student.name), student)
    assert student.digest != little.digest
    assert train_net(BIG, split, SHORT, teacher=big).name == f"{BIG}.born-again"


def test_it_comes_nearer_to_its_teacher_than_without(split, big):
    recipe, strong = Recipe(epochs=6), Distillation(weight=1.0)
    alone = train_net(LITTLE, split, recipe)
    close = train_net(LITTLE, split, recipe, teacher=big, distil=strong)

    def apart(net):
        log_p, log_q = (torch.log_softmax(torch.from_numpy(n.outputs["test"]), 1) for n in (big, net))
        return float((log_p.exp() * (log_p - log_q)).sum(1).mean())

    assert apart(close) < 0.8 * apart(alone)


def interrupted(work, stops):
    """Run until it ends, stopped after each epoch of `stops`."""

    def stop(what, done, total):
        if done in stops:
            stops.remove(done)
            raise KeyboardInterrupt

    while stops:
        with pytest.raises(KeyboardInterrupt):
            work(stop)
    return work(stop)


def test_a_taught_net_resumes_to_the_same_bits(split, big, student, tmp_path):
    def work(stop):
        return train_net(LITTLE, split, SHORT, teacher=big, folder=tmp_path, resume=True, progress=stop)

    assert same(interrupted(work, {1, 2}), student)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz", ".pt"}


def test_another_teacher_or_another_weight_is_refused(split, big, tmp_path):
    other = train_net(BIG, split, SHORT, seed=1)
    train_net(LITTLE, split, SHORT, teacher=big, folder=tmp_path)
    with pytest.raises(RunError, match=f"other_sha256: '{big.digest}' then, '{other.digest}' now"):
        train_net(LITTLE, split, SHORT, teacher=other, folder=tmp_path, resume=True)
    with pytest.raises(RunError, match=r"weight: .* then, 0.25 now"):
        train_net(LITTLE, split, SHORT, teacher=big, distil=Distillation(weight=0.25), folder=tmp_path, resume=True)


def test_a_teacher_of_other_classes_is_refused(split, big):
    with pytest.raises(UsageError, match="10 classes"):
        train_net(LITTLE, Dataset("x", *([split.dataset.x_train[:40], np.arange(40) % 2] * 2), ("a", "b")), SHORT,
                  teacher=big)  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [{"teacher": "little"}, {"weight": 0.0}, {"weight": 1.1}, {"temperature": 0.0}, {"temperature": math.nan}],
    ids=str,
)
def test_bad_distillations(values):
    with pytest.raises(UsageError):
        Distillation(**values)


# ---- the finetune of a pair


def cascade_accuracy(little, big, split, rate):
    points = curve(outcome(little.outputs["validation"], big.outputs["validation"], split.labels("validation")))
    return points.accuracy[np.flatnonzero(points.p <= rate + 1e-9)[-1]]


@pytest.fixture(scope="module")
def tuned(split, little, big):
    return tune_pair(little, big, split, 0.3, TUNING)


def test_a_finetuned_pair_is_no_worse_on_the_images_that_choose(split, little, big, tuned):
    steps = [(little, big), (tuned[0], big), tuned]
    found = [cascade_accuracy(*pair, split, 0.3) for pair in steps]
    assert found == sorted(found)
    for net, now in zip(tuned, found[1:], strict=True):
        best = max((row["cascade_accuracy"] for row in net.history), default=0)
        assert now == pytest.approx(best if net.best_epoch else now)
    assert tuned[0].name == f"{LITTLE}.little-with.{BIG}"
    assert tuned[1].name == f"{BIG}.big-with.{LITTLE}"


def test_weights_that_nothing_betters_are_kept(split, little, big):
    pair = tune_pair(little, big, split, 0.3, replace(TUNING, lr=30.0, epochs=1))
    assert [net.best_epoch for net in pair] == [0, 0]
    assert [net.digest for net in pair] == [little.digest, big.digest]
    assert pair[0].validation_accuracy == little.validation_accuracy


def test_a_finetune_repeats_and_resumes_to_the_same_bits(split, little, big, tuned, tmp_path):
    def work(stop):
        return tune_pair(little, big, split, 0.3, TUNING, folder=tmp_path, resume=True, progress=stop)

    found = interrupted(work, {1, 2, 3})
    assert all(same(a, b) for a, b in zip(found, tuned, strict=True))
    assert all(same(load_net(tmp_path, net.name), net) for net in tuned)
    assert len(list(tmp_path.iterdir())) == 6


def test_a_resumed_finetune_remembers_that_its_start_was_best(split, little, big, tmp_path):
    hopeless = replace(TUNING, lr=30.0)

    def work(stop):
        return tune_pair(little, big, split, 0.3, hopeless, folder=tmp_path, resume=True, progress=stop)

    assert [net.best_epoch for net in interrupted(work, {1, 3})] == [0, 0]


def test_another_pair_rate_or_setting_is_refused(split, little, big, tmp_path):
    tune_pair(little, big, split, 0.3, TUNING, folder=tmp_path)
    with pytest.raises(RunError, match="rate: 0.3 then, 0.2 now"):
        tune_pair(little, big, split, 0.2, TUNING, folder=tmp_path, resume=True)
    with pytest.raises(RunError, match="softness"):
        tune_pair(little, big, split, 0.3, replace(TUNING, softness=2.0), folder=tmp_path, resume=True)
    with pytest.raises(RunError, match="start_sha256"):
        tune_pair(train_net(LITTLE, split, SHORT, seed=1), big, split, 0.3, TUNING, folder=tmp_path, resume=True)


def test_nets_of_different_resolutions_can_be_tuned(split, big):
    small = train_net(SMALLER, split, SHORT)
    pair = tune_pair(small, big, split, 0.3, replace(TUNING, epochs=1))
    assert [len(net.history) for net in pair] == [1, 1]


@pytest.mark.parametrize(("rate", "more"), [(0.0, {}), (1.0, {}), (math.nan, {}), (0.3, {"policy": "margin"})], ids=str)
def test_bad_finetunes(split, little, big, rate, more):
    with pytest.raises(UsageError):
        tune_pair(little, big, split, rate, TUNING, **more)


@pytest.mark.parametrize(
    "values",
    [{"epochs": 0}, {"lr": 0.0}, {"lr": math.inf}, {"softness": 0.0}, {"rate_weight": -1.0}, {"kept": math.nan}],
    ids=str,
)
def test_bad_settings(values):
    with pytest.raises(UsageError):
        CascadeTuning(**values)


def test_only_the_finetunes_share_of_the_learning_rate_is_used(split, little, big):
    job = job_of(LITTLE, split.dataset, SHORT, 0, 1)
    student = Student(lesson_job(job, taught(LITTLE, big, Distillation()), lr=0.01), split)
    assert student.recipe.lr == 0.01
    assert Tuned(little, big, BIG, "little", TUNING, 0.3, "logit-gap").values()["lr"] == TUNING.lr
    assert tune_pair(little, big, split, 0.3, TUNING)[0].recipe.lr == pytest.approx(0.4 * TUNING.lr)


def test_files_of_lessons_do_not_disturb_those_of_plain_nets(split, big, tmp_path):
    def stop(what, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_net(LITTLE, split, SHORT, folder=tmp_path, progress=stop)
    train_net(LITTLE, split, SHORT, teacher=big, folder=tmp_path)
    assert disk.epochs(tmp_path, LITTLE) == [2]
    assert disk.epochs(tmp_path, f"{LITTLE}.distilled") == []
