"""The task zoo: its data, its trainer for devices, features of cells, and what is stored."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import ndtr, ndtri

from benchmarks.tasks import cuda, data, levels, longer, nets, plan
from benchmarks.tasks.scores import read_scores
from benchmarks.tasks.traits import read_traits
from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import PROBED, Level
from zeroshot.accuracy.task import TaskTraits
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.spaces import nasbench201 as space
from zeroshot.tracing.trace import trace
from zeroshot.training.train import Recipe, hold_out, train_net


def test_the_device_trainer_takes_the_steps_of_the_packages_own():
    """On a processor, where nothing is captured: two nets that take turns, each as if it were trained alone."""
    split = hold_out(data.TASKS["digits"].make(), 0, 0.1)
    # A gentle rate: at the default one, rounding alone tells two trainings apart after a few steps.
    recipe = Recipe(epochs=2, patience=0, precision="fp32", flip=False, lr=0.02)
    names = ["r16-s8/2-c3w8x1-d5w16x1/2-h32", "r16-s8/2-c3w8x1/2"]
    together = cuda.train_together([(net, 1) for net in names], split, recipe, torch.device("cpu"), time.time() + 600)
    for net, found in zip(names, together, strict=True):
        alone = train_net(net, split, recipe, 1)
        assert found.best_epoch == alone.best_epoch
        for ours, theirs in zip(found.history, alone.history, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-3)
        assert found.outputs["test"] == pytest.approx(alone.outputs["test"], abs=1e-2)
        assert found.weights.keys() == alone.weights.keys()
        assert found.module()(torch.zeros(1, 1, 16, 16)).shape == (1, 10)


def test_the_device_trainer_stops_at_its_deadline_and_refuses_what_it_cannot_do():
    split = hold_out(data.TASKS["digits"].make(), 0, 0.1)
    recipe, cpu = Recipe(epochs=2, patience=0, precision="fp32"), torch.device("cpu")
    assert cuda.train_together([("r8-s8-c3w8x1", 0)], split, recipe, cpu, time.time() - 1) == []
    with pytest.raises(ValueError, match="captured steps"):
        cuda.train_together([("r8-s8-c3w8x1", 0)], split, replace(recipe, cutout=0.5), cpu, time.time() + 60)


def test_a_tone_is_a_bright_row_of_its_picture():
    """A loud second tone, in a quiet recording that is longer than the picture."""
    rate, seconds = 8000, np.arange(16_000) / 8000
    for hertz in (300.0, 3000.0):
        tone = np.sin(2 * np.pi * hertz * seconds) * (seconds > 1.0) * 1e4
        picture = data.log_mel(tone, rate)
        assert picture.shape == (32, 32, 1)
        row = int(picture[:, 8:24, 0].mean(axis=1).argmax())
        bands = data.mel_bands(rate, 256)
        band = int(bands[:, np.abs(np.fft.rfftfreq(256, 1 / rate) - hertz).argmin()].argmax())
        assert abs((31 - row) - band) <= 1
    assert data.log_mel(np.zeros(100), rate).max() <= 255


def test_mel_bands_hear_something_and_cover_the_range():
    bands = data.mel_bands(8000, 256)
    assert bands.sum(axis=1) == pytest.approx(np.ones(32))
    assert (np.diff(bands.argmax(axis=1)) >= 0).all()


def test_pixels_of_stacked_windows_are_samples():
    signal = np.random.default_rng(0).uniform(-1500, 1500, (400, 3))
    pictures = data.stacked_windows(signal)
    assert pictures.shape == ((400 - 31 - 8 * 31 - 1) // 26 + 1, 32, 32, 3)
    for n, row, column, axis in ((0, 0, 0, 0), (2, 5, 7, 1), (len(pictures) - 1, 31, 31, 2)):
        sample = signal[26 * n + 8 * row + column, axis]
        assert pictures[n, row, column, axis] == round((sample / 2000 + 1) / 2 * 255)


def test_the_plan_names_each_training_once_and_other_nets_are_other():
    trainings = plan.plan()
    assert len({(each.folder, each.name) for each in trainings}) == len(trainings)
    assert set(nets.ON_EVERY_TASK) <= set(nets.others())
    zoo = {each.net for each in trainings if each.family == "zoo"}
    assert not zoo & set(nets.others())
    assert all(str(NetSpec.parse(net)) == net for net in nets.others())


@pytest.mark.parametrize(
    "cell",
    [
        (1, 2, 0, 4, 3, 3), (2, 0, 0, 3, 0, 1),
        *(pytest.param(cell, marks=pytest.mark.slow) for cell in ((3, 0, 0, 0, 3, 0), (4, 4, 4, 4, 4, 4))),
    ],
)  # fmt: skip
def test_features_of_cells_are_those_of_their_layers(cell):
    """torch.export's rows are the oracle."""
    live = space.live(np.array([cell]))
    traced = features(trace(space.network(tuple(live[0].tolist())), (3, 32, 32)))
    found = features(space.layer_table(live))
    for name in ("log_balanced_macs", "log_field", "log_segment_macs", "log_stem_outputs", "log_narrowest", "log_side"):
        assert found[name][0] == pytest.approx(traced[name][0])


def test_every_stored_net_has_scores_and_every_task_traits():
    assert set(data.TASKS) <= read_traits().keys()
    for name in (*[task.name for task in levels.stored_tasks()], "cifar10"):
        task = levels.read_task(name)
        assert len(task.sample) >= levels.FEWEST
        assert {net.net for net in task.sample.zoo.nets} <= set(read_scores(name).nets)
        assert task.images == len(task.sample.zoo.labels[task.part])


def test_levels_that_follow_from_the_traits_are_found():
    """Ten made-up tasks on a line, the sizes of real nets; what is left out is predicted without error."""
    sample = levels.read_task("digits").sample
    true = Level(base=0.2, anchor=1.0, images=0.3, steps=0.0, factor=0.8, factor_images=0.1)
    rng = np.random.default_rng(0)
    tasks = []
    for number in range(10):
        traits = TaskTraits(float(rng.uniform(0.4, 0.9)), int(10 ** rng.uniform(3, 5)), 1000)
        task = Made(f"task {number}", sample, traits)
        task.line = true.intercept(traits), true.stretch(traits)
        tasks.append(task)
    found = levels.fit_level(tasks, replace(PROBED, level=replace(PROBED.level, steps=0.0)))
    for name in ("base", "anchor", "images", "factor", "factor_images"):
        assert getattr(found.level, name) == pytest.approx(getattr(true, name), abs=0.06)
    assert found.sd_task < 0.03


class Made(levels.TaskNets):
    """A task whose nets are where a line says."""

    line = (0.0, 1.0)

    @property
    def mu(self):
        level, factor = self.line
        return level + factor * self.sizes(PROBED) + 0.02 * np.sin(np.arange(len(self.sample)))

    @property
    def accuracy(self):
        return np.full(len(self.sample), 0.5)

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)


def test_an_accuracy_of_one_counts_as_half_an_error():
    task = levels.read_task("motion")
    assert (task.accuracy == 1).any()
    assert task.mu.max() == pytest.approx(ndtri(1 - 0.5 / task.images))


def stored(folder, net, epochs, mu, half="other"):
    """A trained net's .json, as far as the study of longer trainings reads it."""
    folder.mkdir(exist_ok=True)
    name = net.replace("/", "_")
    about = {"net": net, "half": half, "recipe": {"epochs": epochs}, "test_accuracy": float(ndtr(mu))}
    (folder / f"{name}-s0.json").write_text(json.dumps(about))


def test_gains_of_longer_trainings_that_follow_from_the_activations_are_found(tmp_path, monkeypatch):
    """Ten times as many epochs add .3, and .1 for each standard deviation; nets of the held-out half are not read."""
    chosen = [net for net in nets.others() if net.startswith("r32-")][:20]
    outputs = features(layer_table(spec_array([NetSpec.parse(net) for net in chosen]), 3, 10))[longer.TELLING]
    deviations = (outputs - outputs.mean()) / outputs.std()
    for i, net in enumerate(chosen):
        epochs = (20, 50)[i % 2]
        stored(tmp_path / "short", net, 5, 0.01 * i)
        stored(tmp_path / "long", net, epochs, 0.01 * i + np.log10(epochs / 5) * (0.3 + 0.1 * deviations[i]))
    held = "r24-s8/2-c3w8x1/2"
    stored(tmp_path / "short", held, 5, 0.0, longer.HELD_OUT)
    stored(tmp_path / "long", held, 50, 2.0, longer.HELD_OUT)
    monkeypatch.setattr(longer, "SHORT", (tmp_path / "short",))
    monkeypatch.setattr(longer, "LONGER", (tmp_path / "long",))
    found = longer.fit_longer.__wrapped__()
    assert sorted(found.nets) == sorted(chosen)
    assert found.steps == pytest.approx(0.3)
    assert [(term.feature, term.weight) for term in found.terms] == [("log_outputs", pytest.approx(0.1))]
    assert found.left_out == pytest.approx(found.gains)
    assert found.sd == pytest.approx(0, abs=1e-9)


def test_what_longer_trainings_add_is_foretold_better_than_by_their_mean():
    found = longer.fit_longer()
    assert len(found.nets) >= 20
    alike = (found.gains.sum() / found.tenfolds.sum()) * found.tenfolds
    assert np.square(found.gains - found.left_out).mean() < 0.6 * np.square(found.gains - alike).mean()
    assert found.terms[0].weight > 0
