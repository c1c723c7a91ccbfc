"""One search with probes and one without, which several files look at."""

import pytest

from zeroshot.searching.search import search

from .searches import SMALL, STATIC


@pytest.fixture(autouse=True)
def _unplotted(unplotted):
    pass


@pytest.fixture(scope="session")
def result(tmp_path_factory):
    return search("digits", run=tmp_path_factory.mktemp("search") / "run", **SMALL)


@pytest.fixture(scope="session")
def static():
    """No probing and no budget."""
    return search("digits", top=30, **STATIC)
