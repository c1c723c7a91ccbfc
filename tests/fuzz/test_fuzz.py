"""Whatever stands in a file: it is read as what it says, or refused in words; no traceback, no gigabytes, no minutes.

`make test-slow` takes 10,000 inputs, ZEROSHOT_FUZZ=N another number; `make test` a few of each reader.
"""

import os
import resource
import shutil
import signal
import warnings
from contextlib import contextmanager
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zeroshot.errors import ZeroshotError

from .readers import Trained, of_data, of_runs, of_tables

INPUTS = int(os.environ.get("ZEROSHOT_FUZZ", "10000"))
SECONDS = 20  # for one input, on a busy machine
MOST_BYTES = 2 << 30
QUICK = ("images.npz", "cells.pickle", "table.csv", "board.toml", "net.json", "int8/pairs.csv")


class Readers:
    """All of them, the run that some need made when the first one does."""

    made: ClassVar[dict] = {}

    @classmethod
    def all(cls, folder):
        if not cls.made:
            cls.made |= of_data() | of_tables() | of_runs(Trained(folder))
        return cls.made


NAMES = [
    "images.npz", "sound.wav", "log.csv", "picture.png", "picture.jpeg", "picture.gif", "picture.bmp", "picture.tiff",
    "picture.webp", "table.csv", "table.parquet", "cells.pickle", "scores.npz", "board.toml", "search.toml",
    "train.toml", "quantize.toml", "net", "export.json", "run/config.toml", "run/environment.json", "run/pairs.csv",
    "run/scores.csv", "run/candidates.csv", "run/digests.json", "run/state", "models/pairs.csv", "int8/pairs.csv",
    "page of config", "page of summary", "page of pairs", "net.json", "net.npz", "net.pt", "int8.json", "int8.npz",
    "outputs.npz", "epoch.json", "epoch.pt",
]  # fmt: skip


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroshot.quantization.quantize.QuantizedRun.plot", lambda *_: [])
        return Readers.all(tmp_path_factory.mktemp("fuzz"))


@contextmanager
def within(seconds):
    """An input that takes longer is a failure."""

    def late(*_):
        raise AssertionError(f"this input takes more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def taken(reader, folder, raw):
    """The refusal of an input, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pictures: Pillow's; others are errors elsewhere
        path = folder / reader.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        try:
            with within(SECONDS):
                reader.read(folder)
        except ZeroshotError as error:
            refusal = error
        else:
            return None
    assert refusal.message
    return refusal


def memory():
    """The most bytes that this process ever held: other tests may have held many before, so look twice."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(readers, name, folder, count):
    reader = readers[name]
    template = folder / "template"
    template.mkdir()
    reader.prepare(template)
    assert taken(reader, template, reader.whole) is None, "a file without fault is read"

    @settings(
        max_examples=max(1, count), deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(data=st.data())
    def fuzz(data):
        here = folder / "here"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(template, here)
        taken(reader, here, data.draw(reader.damage(reader.whole)))

    before = memory()
    fuzz()
    assert memory() - before < MOST_BYTES


@pytest.mark.parametrize("name", QUICK)
def test_damaged_files_are_read_or_refused(readers, tmp_path, name):
    run(readers, name, tmp_path, 15)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_damaged_files_are_read_or_refused(readers, tmp_path, name):
    assert set(NAMES) == set(readers)
    shares = sum(reader.share for reader in readers.values())
    run(readers, name, tmp_path, INPUTS * readers[name].share // shares)
