"""Importing the package: light, in any order; and the examples that its docstrings show."""

import doctest
import importlib
import json
import subprocess
import sys

import pytest

from .sources import ENGINE, MODULES, ROOT

# Each after those before it, in one process, which keeps what it has loaded: so none may load more than the last.
LIGHT = {
    "zeroshot": ["torch", "numba", "numpy", "scipy", "sklearn", "matplotlib"],
    "zeroshot.cli": ["torch", "numba", "numpy", "scipy", "sklearn", "matplotlib"],
    "zeroshot.signals.options": ["torch", "numba", "numpy", "scipy"],
    "zeroshot.training.options": ["torch", "numba", "numpy", "scipy"],
    "zeroshot.probing.probe": ["torch", "numba", "sklearn", "matplotlib"],
    "zeroshot.data": ["torch", "torchvision", "numba", "sklearn", "PIL"],
    "zeroshot.cost.boards": ["torch", "sklearn", "matplotlib"],
    "zeroshot.searching.search": ["torch", "torchvision", "sklearn", "matplotlib", "joblib"],
}
PROGRAM = f"""
import importlib, json, sys, types
loaded = {{}}
for name, heavy in {LIGHT}.items():
    importlib.import_module(name)
    loaded[name] = [other for other in heavy if other in sys.modules]
for name in {sorted(MODULES)}:
    importlib.import_module(name)
zeroshot = sys.modules["zeroshot"]
public = {{name: getattr(zeroshot, name) for name in zeroshot.__all__}}
packages = {{name: each for name, each in public.items() if isinstance(each, types.ModuleType)}}
print(json.dumps([loaded, {{name: package()[0].name for name, package in packages.items()}}]))
"""


@pytest.fixture(scope="module")
def told() -> tuple[dict[str, list[str]], dict[str, str]]:
    """The heavy modules that each of `LIGHT` has loaded; public names of packages, and what these list first."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, timeout=240,
        cwd=ROOT / "tests", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tuple(json.loads(done.stdout))


def test_importing_stays_light(told):
    """What has been loaded is read from sys.modules."""
    assert told[0] == {name: [] for name in LIGHT}


def test_public_names_are_the_same_whatever_was_imported_first(told):
    """A submodule that is imported becomes an attribute of the package, and may hide a function of that name."""
    assert told[1] == {"proxies": "params", "spaces": "mcu"}  # packages that can be called


@pytest.mark.parametrize("name", sorted(MODULES))
def test_examples_in_docstrings_run(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_some_examples_exist():
    """Or the test above proves nothing."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    count = sum(len(test.examples) for name in ENGINE for test in finder.find(importlib.import_module(name)))
    assert count >= 10
