"""Fixtures that several test files share."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from typer.testing import CliRunner, Result

from zeroshot.accuracy.model import KNOWN_TASKS
from zeroshot.cli import app
from zeroshot.data import load
from zeroshot.errors import DataError
from zeroshot.workers import torch_threads

ANCHOR = 0.7  # of digits, see `a_harder_task`
# A shell starts background jobs with interrupts ignored, and whatever these start inherits it. Tests send interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Everybody's test run draws the same examples, not only CI's; `make test-random` looks for those that fail.
settings.register_profile(
    "random",
    settings.get_profile("default"),
    max_examples=400,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("repeatable", settings.get_profile("random"), derandomize=True, max_examples=50)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def a_harder_task() -> Iterator[None]:
    """Searches in this process expect less of digits than their images promise.

    Nets are so good on digits that a handful of candidates holds no pair whose big net runs often enough to be worth
    its flash. Tests of what is done with pairs need some; what images promise is tested in `accuracy/test_task.py`.
    Nor are they unlike what is known, for which a search would train nets.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroshot.searching.task.task_anchor", lambda dataset, seed=0: ANCHOR)
        patch.setattr("zeroshot.searching.task.likest", lambda traits: (KNOWN_TASKS[0], 0.0))
        yield


@pytest.fixture(scope="session")
def cifar10() -> Path:
    """CIFAR-10 as an .npz in the cache folder; skips without data. The first test run unpacks it (10 s)."""
    from benchmarks.cifar10 import cifar10_npz, default_out

    root = os.environ.get("ZEROSHOT_DATA")
    if not root:
        pytest.skip("ZEROSHOT_DATA is not set: no CIFAR-10")
    folder = Path(root) / "cifar10"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist: no CIFAR-10")
    return cifar10_npz(folder, default_out())


@pytest.fixture
def torch_on_one_thread() -> Iterator[None]:
    """Sums in one order, as a search has them."""
    with torch_threads(1):
        yield


@pytest.fixture
def plots() -> None:
    """Asked for by a test that looks at what a run plots; see `unplotted`."""


@pytest.fixture
def unplotted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs draw nothing, unless the test asks for `plots`: a plot takes longer than all else that a small run does."""
    if "plots" not in request.fixturenames:
        monkeypatch.setattr("zeroshot.searching.results.SearchResult.plot", lambda *_: None)
        monkeypatch.setattr("zeroshot.quantization.quantize.QuantizedRun.plot", lambda *_: [])


@pytest.fixture
def refused() -> Callable[..., str]:
    """A function: the error of loading a source, message and hint, which must mention all words."""

    def check(source: str | Path, *words: object) -> str:
        with pytest.raises(DataError) as caught:
            load(str(source))
        text = f"{caught.value.message} {caught.value.hint}"
        for word in words:
            assert str(word) in text
        return text

    return check


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function: run the program in an empty folder (the current one), with no settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ZEROSHOT_") and name != "ZEROSHOT_DATA":
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")

    def invoke(*args: object, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(app, [str(arg) for arg in args], env=env)

    return invoke
