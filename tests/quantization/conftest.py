"""Nets and runs of the digits, trained and quantised once for all files."""

import shutil

import pytest

from zeroshot.data import load
from zeroshot.quantization.quantize import quantize
from zeroshot.quantization.quantize_net import quantize_net
from zeroshot.training.train import Recipe, hold_out, train, train_net

from ..run_folders import run_folder
from .int8_nets import NETS, QAT
from .int8_runs import LISTED, SHORT


@pytest.fixture(scope="session")
def digits():
    return load("digits")


@pytest.fixture(scope="session")
def split(digits):
    return hold_out(digits, 0)


@pytest.fixture(scope="session")
def trained(split):
    """A function: a net of a block, trained once."""
    known = {}

    def get(block):
        if block not in known:
            known[block] = train_net(NETS[block], split, Recipe(epochs=5, precision="fp32"))
        return known[block]

    return get


@pytest.fixture(scope="session")
def finetuned(trained, split):
    """A function: the same, quantised."""
    known = {}

    def get(block):
        if block not in known:
            known[block] = quantize_net(trained(block), split, QAT)
        return known[block]

    return get


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """A run whose first two pairs are trained."""
    run = run_folder(tmp_path_factory.mktemp("original") / "run", LISTED)
    train(run, top=2, epochs=3, jobs=1)
    return run


@pytest.fixture(scope="session")
def quantised(original, tmp_path_factory):
    """The same, quantised."""
    run = shutil.copytree(original, tmp_path_factory.mktemp("quantised") / "run")
    quantize(run, **SHORT)
    return run


@pytest.fixture(autouse=True)
def _unplotted(unplotted):
    pass


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


@pytest.fixture
def done(quantised, tmp_path):
    return shutil.copytree(quantised, tmp_path / "run")
