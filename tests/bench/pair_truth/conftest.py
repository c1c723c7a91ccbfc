"""A zoo that was never trained, and a study that takes less long."""

import pytest

from benchmarks.pair_truth import chapters, contest, predictors, study
from benchmarks.pair_truth.run import FOLDER

from ... import synthetic_zoo


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
    monkeypatch.setattr(contest, "RESAMPLES", 5)
    for name in [name for name in predictors.WAYS if name.startswith("Gaussian")]:
        monkeypatch.delitem(predictors.WAYS, name)
    monkeypatch.setattr(chapters, "FEWER", (8,))
