"""Runs at each stage, made once."""

import shutil

import pytest

from zeroshot.quantization.quantize import quantize
from zeroshot.training.train import train

from .daily_runs import board_file, searched


@pytest.fixture(autouse=True)
def _unplotted(unplotted):
    pass


@pytest.fixture
def run(tmp_path):
    return searched(tmp_path / "run")


@pytest.fixture
def mine(tmp_path):
    """Where the file of the run's board is: 2 mW asleep."""
    return board_file(tmp_path / "mine.toml", 2.0)


@pytest.fixture
def silent(tmp_path):
    """The same board, which does not say what it draws asleep."""
    return board_file(tmp_path / "silent" / "mine.toml", None)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The nets of the first pair, trained for an epoch."""
    run = searched(tmp_path_factory.mktemp("daily") / "run", board="nucleo-l4r5zi")
    train(run, top=1, epochs=1, jobs=1, singles=False)
    return run


@pytest.fixture(scope="session")
def quantised(trained, tmp_path_factory):
    """The same in int8."""
    run = shutil.copytree(trained, tmp_path_factory.mktemp("daily8") / "run")
    quantize(run, epochs=0)
    return run
