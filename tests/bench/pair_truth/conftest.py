"""The scripts of the study, which are in no package, and a zoo that was never trained."""

import importlib
import sys
from pathlib import Path

import pytest

from ... import synthetic_zoo

BENCHMARKS = Path(__file__).parent.parent.parent.parent / "benchmarks"
FOLDER = BENCHMARKS / "pair_truth"
SCRIPTS = (
    "scores", "study", "predictors", "couplings", "fitting", "market", "contest", "evaluation", "regroup", "report",
    "figures", "pair_truth",
)  # fmt: skip


@pytest.fixture(scope="module")
def scripts():
    """The scripts as modules that import each other; gone afterwards."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(FOLDER), str(BENCHMARKS), *sys.path])
        yield {name: importlib.import_module(name) for name in SCRIPTS}
    for name in {*SCRIPTS, "drawing", "cifar10"} - before:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """48 nets, 1,500 images."""
    where = tmp_path_factory.mktemp("zoo")
    synthetic_zoo.make_zoo(where, FOLDER / "plan.csv", nets=48, images=1500)
    return where


@pytest.fixture(scope="module")
def sample(scripts, folder):
    return scripts["study"].load_sample(folder)[0]


@pytest.fixture(scope="module")
def calibration(sample):
    return sample.of("calibration")


@pytest.fixture
def quick(scripts, monkeypatch):
    """Fewer resamples and calibration nets, and no Gaussian process, whose likelihood takes seconds."""
    monkeypatch.setattr(scripts["contest"], "RESAMPLES", 5)
    for name in [name for name in scripts["predictors"].WAYS if name.startswith("Gaussian")]:
        monkeypatch.delitem(scripts["predictors"].WAYS, name)
    monkeypatch.setattr(scripts["pair_truth"], "FEWER", (8,))
    return scripts["pair_truth"]
