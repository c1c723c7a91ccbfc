"""Runs at each stage, made once."""

import shutil

import pytest

from zeroshot.quantization.quantize import quantize
from zeroshot.training.train import train

from . import pages


@pytest.fixture(autouse=True)
def _unplotted(unplotted):
    pass


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    """A finished search; tests that change a run take `run`."""
    return pages.searched(tmp_path_factory.mktemp("searched") / "run")


@pytest.fixture(scope="session")
def quantized(tmp_path_factory):
    """A run whose first pair is trained, quantised and exported."""
    run = pages.searched(tmp_path_factory.mktemp("quantized") / "a run of ünï <b>")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroshot.quantization.quantize.QuantizedRun.plot", lambda *_: [])
        train(run, top=1, epochs=2, jobs=1)
        quantize(run, epochs=0)
    pages.exported(run)
    return run


@pytest.fixture
def run(first, tmp_path):
    """A finished search of one's own."""
    return shutil.copytree(first, tmp_path / "run")


@pytest.fixture
def done(quantized, tmp_path):
    """A quantised run of one's own."""
    return shutil.copytree(quantized, tmp_path / "done")
