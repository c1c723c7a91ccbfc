"""Training of single nets: repeated, interrupted anywhere, resumed, and everything that can be wrong on disk."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from zeroshot.build import build
from zeroshot.data import Dataset, load, resized
from zeroshot.errors import DataError, RunError, TrainError, UsageError
from zeroshot.net import NetSpec
from zeroshot.runs import checkpoints as disk
from zeroshot.runs import folder as runs
from zeroshot.training.batches import TrainingBatches
from zeroshot.training.learning_rate import learning_rate
from zeroshot.training.recipe import fast_precision
from zeroshot.training.train import Recipe, hold_out, load_net, train_net
from zeroshot.training.train_net import job_of
from zeroshot.training.trainer import Trainer

NET, OTHER = "r8-s4/2-c3w8x1", "r6-s4-d3w8x1-m3e2w8x1/2"
SHORT = Recipe(epochs=3)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def whole(digits):
    """A training that nobody interrupted, and that wrote nothing."""
    return train_net(NET, digits, SHORT)


def same(a, b):
    assert a.weights.keys() == b.weights.keys()
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)
    assert a.history == b.history
    assert (a.best_epoch, a.test_accuracy) == (b.best_epoch, b.test_accuracy)
    assert all(np.array_equal(a.outputs[part], b.outputs[part]) for part in ("validation", "test"))
    return True


def tiny(n=40, side=8, classes=2, channels=1, name="tiny"):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n, side, side, channels), dtype=np.uint8)
    y = np.arange(n) % classes
    return Dataset(name, x, y, x[: n // 2], y[: n // 2], tuple(map(str, range(classes))))


# ---- the split


def test_every_class_is_held_out_in_proportion_and_nothing_is_lost(digits):
    split = hold_out(digits, seed=3, share=0.1)
    rows = np.concatenate([split.train, split.validation])
    assert sorted(rows) == list(range(len(digits.y_train)))
    held, all_of = (np.bincount(digits.y_train[r], minlength=10) for r in (split.validation, rows))
    assert (abs(held - 0.1 * all_of) <= 0.5).all()
    assert np.array_equal(split.validation, hold_out(digits, 3).validation)
    assert not np.array_equal(split.validation, hold_out(digits, 4).validation)
    assert split.labels("test") is digits.y_test


def test_a_class_with_one_image_cannot_be_held_out():
    data = tiny(3)
    with pytest.raises(DataError, match="1 image"):
        train_net(NET, Dataset("x", data.x_train, np.array([0, 0, 1]), data.x_test, data.y_test, ("a", "b")))


# ---- batches


def epoch(data, recipe, seed=0, number=0, resolution=8):
    split = hold_out(data, 0)
    return split, list(TrainingBatches(split, resolution, recipe).epoch(seed, number))


def test_without_augmentation_an_epoch_is_a_permutation_of_the_training_images(digits):
    split, found = epoch(digits, Recipe(batch=100, crop=0.0, flip=False))
    assert len(found) == len(split.train) // 100
    x, y = torch.cat([x for x, _ in found]), torch.cat([y for _, y in found])
    mean, std = digits._stats
    known = {
        (image.tobytes(), int(label)) for image, label in zip(split.images("train"), split.labels("train"), strict=True)
    }
    pixels = np.rint((x.permute(0, 2, 3, 1).numpy() * std + mean) * 255).astype(np.uint8)
    assert all((image.tobytes(), int(label)) in known for image, label in zip(pixels, y, strict=True))
    assert len({image.tobytes() for image in pixels}) > 0.95 * len(pixels)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert x.dtype == torch.float32


@pytest.mark.parametrize("channels", [1, 3])
def test_augmented_images_are_crops_mirrored_and_cut(channels):
    """Each is looked for among all shifts and mirrors of its original, pixels outside its square."""
    data = tiny(60, channels=channels)
    recipe = Recipe(batch=16, crop=0.25, flip=True, cutout=0.25)
    split = hold_out(data, 0)
    batches = TrainingBatches(split, 8, recipe)
    images = split.images("train")
    padded = np.pad(images.astype(int), ((0, 0), (2, 2), (2, 2), (0, 0)))
    grey = np.rint(255 * data._stats[0]).astype(int)
    padded[:, :2] = padded[:, -2:] = padded[:, :, :2] = padded[:, :, -2:] = grey
    rows, mirrored, shifts = np.arange(16), 0, set()
    for image, original in zip(
        batches._augmented(rows, np.random.default_rng(1)).astype(int), padded[:16], strict=True
    ):
        fits = []
        for top in range(5):
            for left in range(5):
                window = original[top : top + 8, left : left + 8]
                for flip in (False, True):
                    expected = window[:, ::-1] if flip else window
                    changed = np.argwhere((expected != image).any(axis=2))
                    box = changed.max(axis=0) - changed.min(axis=0) if len(changed) else np.zeros(2)
                    if (box < 2).all() and (image[tuple(changed.T)] == grey).all():
                        fits.append((flip, top, left))
        assert len(fits) == 1
        mirrored += fits[0][0]
        shifts.add(fits[0][1:])
    assert 3 <= mirrored <= 13
    assert len(shifts) > 5


def test_epochs_differ_and_repeat(digits):
    first, again, second = (epoch(digits, Recipe(batch=64), number=n)[1][0][0] for n in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_a_net_is_trained_at_its_own_resolution(digits):
    split, found = epoch(digits, Recipe(batch=64), resolution=6)
    assert found[0][0].shape == (64, 1, 6, 6)
    assert resized(split.images("train"), 6).shape[1] == 6


# ---- the recipe


def test_what_a_recipe_leaves_open_is_decided_by_data_and_net(digits, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    plain = Recipe().resolved(NetSpec.parse("r32-s8-c3w8x1"), tiny(4000, name="cifar10"))
    assert (plain.flip, plain.crop, plain.batch, plain.precision) == (True, 0.125, 128, "bf16")
    small = Recipe().resolved(NetSpec.parse("r8-s8-d3w8x1"), digits)
    assert (small.flip, small.crop, small.precision) == (False, 0.0, "bf16")
    assert len(digits.y_train) * 0.9 / small.batch >= 16
    assert small.resolved(NetSpec.parse("r8-s8-d3w8x1"), digits) == small
    asked = Recipe(flip=True, crop=0.2, batch=7, precision="bf16", lr=0.1, weight_decay=0.0)
    assert asked.resolved(NetSpec.parse("r8-s8-d3w8x1"), digits) == asked
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    assert fast_precision() == "fp32"


@pytest.mark.parametrize(("schedule", "peak"), [("one-cycle", 0.3), ("cosine", 0.05)])
def test_the_learning_rate_rises_once_and_falls_to_nothing(schedule, peak):
    recipe = Recipe(schedule=schedule, lr=0.5)
    rates = [learning_rate(recipe, i / 1000) for i in range(1001)]
    top = rates.index(max(rates))
    assert top == round(1000 * peak)
    assert max(rates) == 0.5
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[0] < 0.03
    assert rates[-1] == pytest.approx(0)


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0}, {"batch": 1}, {"patience": -1}, {"optimizer": "adma"}, {"schedule": "step"},
        {"precision": "fp8"}, {"label_smoothing": 1.0}, {"ema": -0.1}, {"crop": 1.0}, {"cutout": -0.1},
        {"validation": 0.0}, {"validation": 0.5}, {"lr": 0.0}, {"lr": math.nan}, {"lr": math.inf},
        {"weight_decay": -1.0},
    ],
    ids=str,
)  # fmt: skip
def test_bad_recipes_are_refused(values):
    with pytest.raises(UsageError):
        Recipe(**values)


# ---- training


RECIPES = {
    "default": SHORT,
    "adamw": replace(SHORT, optimizer="adamw", schedule="cosine", precision="bf16", label_smoothing=0.1),
    "no average": replace(SHORT, ema=0.0, cutout=0.25, crop=0.125, flip=True, precision="fp32"),
}


@pytest.mark.parametrize("net", [NET, OTHER])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_repeated_and_interrupted_trainings_give_the_same_bits(digits, tmp_path, net, recipe):
    once = train_net(net, digits, recipe, seed=5)
    torch.manual_seed(99)  # nothing may depend on the global generators
    np.random.seed(99)  # noqa: NPY002

    def stop(what, done, total):
        assert total == 3
        if done < 3:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train_net(net, digits, recipe, seed=5, folder=tmp_path, resume=True, progress=stop)
    assert same(train_net(net, digits, recipe, seed=5, folder=tmp_path, resume=True), once)
    assert same(load_net(tmp_path, net), once)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == [f"{disk.stem(net)}.{kind}" for kind in ("json", "npz", "pt")]


class Killed(BaseException):
    """As abrupt as a signal: no handler of ours catches it."""


@pytest.mark.parametrize("at", range(9))
def test_a_kill_before_any_write_changes_nothing(digits, whole, tmp_path, monkeypatch, at):
    """Three epochs write six files, the result three."""
    real, count = runs.os.replace, 0

    def replace_or_die(*args):
        nonlocal count
        count += 1
        if count == at + 1:
            raise Killed
        real(*args)

    monkeypatch.setattr(runs.os, "replace", replace_or_die)
    with pytest.raises(Killed):
        train_net(NET, digits, SHORT, folder=tmp_path)
    # What SIGKILL would leave besides.
    (tmp_path / f".{disk.epoch_name(NET, 2)}.pt.x1").write_bytes(b"half")
    monkeypatch.setattr(runs.os, "replace", real)
    assert same(train_net(NET, digits, SHORT, folder=tmp_path, resume=True), whole)
    assert not list(tmp_path.glob("*epoch*"))
    assert not list(tmp_path.glob(".*"))


def test_seeds_and_nets_matter(digits, whole):
    other = train_net(NET, digits, SHORT, seed=1)
    assert other.history != whole.history
    assert whole.recipe.precision == SHORT.resolved(NetSpec.parse(NET), digits).precision


def test_the_threads_of_torch_are_given_back(digits):
    before = torch.get_num_threads()
    train_net(NET, digits, Recipe(epochs=1), threads=before + 1)
    assert torch.get_num_threads() == before


def test_a_trained_net_computes_its_outputs(digits, whole):
    split = hold_out(digits, 0)
    mean, std = digits._stats
    for part, told in (("validation", whole.validation_accuracy), ("test", whole.test_accuracy)):
        x = torch.from_numpy(((split.images(part) / 255 - mean) / std).astype(np.float32)).permute(0, 3, 1, 2)
        with torch.no_grad():
            out = whole.module()(x).numpy()
        np.testing.assert_allclose(out, whole.outputs[part], atol=1e-4)
        assert told == (out.argmax(1) == split.labels(part)).mean()


def test_it_learns(digits):
    found = train_net("r8-s8-c3w16x1-c3w32x1/2", digits, Recipe(epochs=6))
    assert found.test_accuracy > 0.9
    assert len(found.history) == 6


@pytest.mark.parametrize(
    ("epochs", "best", "patience", "done"),
    [(4, 2, 3, False), (5, 2, 3, True), (9, 1, 0, False), (10, 10, 3, True), (0, None, 3, False), (10, 1, 0, True)],
)
def test_when_a_training_ends(digits, epochs, best, patience, done):
    trainer = Trainer(job_of(NET, digits, Recipe(epochs=10, patience=patience), 0, 1), hold_out(digits, 0))
    trainer.history = [{}] * epochs
    trainer.best_row = {"epoch": best} if best else {}
    assert trainer.done is done


def test_it_stops_early(digits):
    found = train_net(NET, digits, Recipe(epochs=60, lr=1e-9, ema=0.0, patience=2))
    assert len(found.history) < 60
    assert len(found.history) == found.best_epoch + 2


def test_the_best_row_wins_by_accuracy_then_loss(digits):
    found = train_net(NET, digits, Recipe(epochs=8, lr=1.0, patience=0))
    best = max(found.history, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))
    assert found.best_epoch == best["epoch"]
    assert found.validation_accuracy == best["validation_accuracy"]


def test_a_loss_that_is_nan_stops_and_keeps_the_last_checkpoint(digits, tmp_path, monkeypatch):
    real = Trainer.step

    def step(self, x, y, number):
        return real(self, x * math.nan if number == self.batches.count + 4 else x, y, number)

    monkeypatch.setattr(Trainer, "step", step)
    with pytest.raises(TrainError, match=rf"{NET} is NaN or infinite in epoch 2, step 5 of"):
        train_net(NET, digits, SHORT, folder=tmp_path)
    assert disk.epochs(tmp_path, NET) == [1]
    tensors, about = disk.load(tmp_path, disk.epoch_name(NET, 1))
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    assert len(about["history"]) == 1


def test_a_rate_far_too_high_is_reported(digits):
    with pytest.raises(TrainError, match="epoch 1"):
        train_net(NET, digits, Recipe(epochs=1, lr=900.0, precision="fp32", weight_decay=900.0))


# ---- the disk


@pytest.fixture
def stopped(digits, tmp_path):
    """A folder with the checkpoint of the second epoch."""

    def stop(what, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_net(NET, digits, SHORT, folder=tmp_path, progress=stop)
    return tmp_path


def resume(digits, folder, net=NET, recipe=SHORT, **more):
    with pytest.raises(RunError) as caught:
        train_net(net, digits, recipe, folder=folder, resume=True, **more)
    assert caught.value.hint
    return f"{caught.value.message} {caught.value.hint}"


def test_only_the_last_epoch_is_kept(stopped):
    name = disk.epoch_name(NET, 2)
    assert sorted(p.name for p in stopped.iterdir()) == [f"{name}.json", f"{name}.pt"]
    tensors = torch.load(stopped / f"{name}.pt", weights_only=True)
    assert {key.split(".")[0] for key in tensors} == {"net", "average", "best", "optimizer"}


def test_a_folder_in_use_is_not_overwritten(digits, stopped):
    with pytest.raises(RunError, match="holds .* already"):
        train_net(NET, digits, SHORT, folder=stopped)


def test_a_checkpoint_cut_short_is_refused(digits, stopped):
    path = stopped / f"{disk.epoch_name(NET, 2)}.pt"
    path.write_bytes(path.read_bytes()[:-100])
    assert "cut short" in resume(digits, stopped)


def test_a_missing_checkpoint_is_refused(digits, stopped):
    (stopped / f"{disk.epoch_name(NET, 2)}.pt").unlink()
    assert "cannot be read" in resume(digits, stopped)


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_broken_description_is_refused(digits, stopped, text):
    (stopped / f"{disk.epoch_name(NET, 2)}.json").write_text(text, encoding="latin-1")
    assert disk.epoch_name(NET, 2) in resume(digits, stopped)


def test_a_checkpoint_of_another_net_is_refused(digits, stopped):
    for kind in ("pt", "json"):
        (stopped / f"{disk.epoch_name(NET, 2)}.{kind}").rename(stopped / f"{disk.epoch_name(OTHER, 2)}.{kind}")
    assert f"another net: {NET}, not {OTHER}" in resume(digits, stopped, OTHER)


def test_a_checkpoint_that_lies_about_its_net_is_refused(digits, stopped):
    """The description fits, the tensors do not."""
    name = disk.epoch_name(NET, 2)
    tensors, about = disk.load(stopped, name)
    tensors["net.classifier.bias"] = torch.zeros(3)
    disk.save(stopped, name, tensors, about)
    assert "does not fit" in resume(digits, stopped)


@pytest.mark.parametrize("content", [b"not torch", b"", None], ids=["text", "empty", "a list"])
def test_files_that_are_not_tensors_are_refused(digits, stopped, content):
    name = disk.epoch_name(NET, 2)
    if content is None:
        disk.save(stopped, name, [torch.zeros(1)], disk.read_about(stopped, name))
    else:
        (stopped / f"{name}.pt").write_bytes(content)
        about = disk.read_about(stopped, name) | {"sha256": disk.hashlib.sha256(content).hexdigest()}
        (stopped / f"{name}.json").write_text(json.dumps(about))
    assert "tensors" in resume(digits, stopped)


def test_other_settings_and_other_data_are_refused_with_what_differs(digits, stopped):
    assert "lr: 0.4 then, 0.1 now" in resume(digits, stopped, recipe=replace(SHORT, lr=0.1))
    assert "seed: 0 then, 1 now" in resume(digits, stopped, seed=1)
    assert "threads: 1 then, 2 now" in resume(digits, stopped, threads=2)
    changed = replace(digits, x_train=digits.x_train // 2)
    assert digits.digest in resume(changed, stopped)


def test_a_finished_net_is_refused_when_asked_for_otherwise(digits, tmp_path):
    train_net(NET, digits, Recipe(epochs=1), folder=tmp_path)
    assert "epochs: 1 then, 3 now" in resume(digits, tmp_path)
    (tmp_path / f"{disk.stem(NET)}.npz").write_bytes(b"PK")
    with pytest.raises(RunError, match="do not belong together"):
        load_net(tmp_path, NET)
    with pytest.raises(RunError, match="There is no"):
        load_net(tmp_path, OTHER)


def test_a_full_disk(digits, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs.os, "replace", full)
    with pytest.raises(RunError, match="No space left") as caught:
        train_net(NET, digits, SHORT, folder=tmp_path)
    assert "`resume=True`" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(digits, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Cannot make"):
        train_net(NET, digits, SHORT, folder=tmp_path / "file" / "models")


@pytest.mark.parametrize("more", [{"seed": -1}, {"threads": 0}], ids=str)
def test_bad_arguments(digits, more):
    with pytest.raises(UsageError):
        train_net(NET, digits, SHORT, **more)


def test_a_spec_that_is_none(digits):
    with pytest.raises(UsageError, match="not a net spec"):
        train_net("resnet", digits, SHORT)


def test_file_names_are_one_to_one():
    assert disk.stem(NET).replace("_", "/") == NET
    assert "_" not in str(NetSpec.parse(NET))
    assert build(NetSpec.parse(NET), 1, 10) is not None
