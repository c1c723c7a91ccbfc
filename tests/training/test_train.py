"""Training of single nets: repeated, interrupted, resumed to the same bits; when it ends and what it keeps."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from zeroshot.errors import TrainError, UsageError
from zeroshot.net import NetSpec
from zeroshot.runs import checkpoints as disk
from zeroshot.training.train import Recipe, hold_out, load_net, train_net
from zeroshot.training.train_net import job_of
from zeroshot.training.trainer import Trainer

from .trainings import NET, OTHER, SHORT, same, tiny

RECIPES = {
    "default": SHORT,
    "adamw": replace(SHORT, optimizer="adamw", schedule="cosine", precision="bf16", label_smoothing=0.1),
    "no average": replace(SHORT, ema=0.0, cutout=0.25, crop=0.125, flip=True, precision="fp32"),
}


@pytest.mark.parametrize(
    ("net", "recipe"),
    [
        (OTHER, RECIPES["default"]), (NET, RECIPES["adamw"]), (NET, RECIPES["no average"]),
        pytest.param(NET, RECIPES["default"], marks=pytest.mark.slow),
        pytest.param(OTHER, RECIPES["adamw"], marks=pytest.mark.slow),
        pytest.param(OTHER, RECIPES["no average"], marks=pytest.mark.slow),
    ],
    ids=["default", "adamw", "no average", "default, small", "adamw, large", "no average, large"],
)  # fmt: skip
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


def test_seeds_and_nets_matter(digits, whole):
    other = train_net(NET, digits, SHORT, seed=1)
    assert other.history != whole.history
    assert whole.recipe.precision == SHORT.resolved(NetSpec.parse(NET), digits).precision


def test_the_threads_of_torch_are_given_back():
    before = torch.get_num_threads()
    train_net(NET, tiny(), Recipe(epochs=1), threads=before + 1)
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


@pytest.mark.parametrize("more", [{"seed": -1}, {"threads": 0}], ids=str)
def test_bad_arguments(digits, more):
    with pytest.raises(UsageError):
        train_net(NET, digits, SHORT, **more)


def test_a_spec_that_is_none(digits):
    with pytest.raises(UsageError, match="not a net spec"):
        train_net("resnet", digits, SHORT)
