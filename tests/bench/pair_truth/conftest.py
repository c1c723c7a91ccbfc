"""A zoo that was never trained, and a study that takes less long."""

from functools import cache

import pytest

from benchmarks.pair_truth import chapters, contest, predictors, study
from benchmarks.pair_truth import run as run_module
from benchmarks.pair_truth.run import FOLDER

from ... import synthetic_zoo

TASKS = cache(run_module.stored_tasks)  # read once: nobody changes them


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """48 nets, 1,500 images."""
    where = tmp_path_factory.mktemp("zoo")
    synthetic_zoo.make_zoo(where, FOLDER / "plan.csv", nets=48, images=1500)
    return where


@pytest.fixture(scope="module")
def sample(folder):
    return study.load_sample(folder)[0]


@pytest.fixture(scope="module")
def calibration(sample):
    return sample.of("calibration")


@pytest.fixture
def quick(monkeypatch):
    """Fewer resamples and calibration nets, and no Gaussian process, whose likelihood takes seconds."""
    monkeypatch.setattr(run_module, "stored_tasks", TASKS)
    monkeypatch.setattr(contest, "RESAMPLES", 5)
    for name in [name for name in predictors.WAYS if name.startswith("Gaussian")]:
        monkeypatch.delitem(predictors.WAYS, name)
    monkeypatch.setattr(chapters, "FEWER", (8,))


@pytest.fixture
def one_way(quick, monkeypatch):
    """And one way to predict alone: the others are judged beside it and change no constant."""
    for name in list(predictors.WAYS)[1:]:
        monkeypatch.delitem(predictors.WAYS, name)
