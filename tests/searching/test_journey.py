"""The journey in Python: a result knows the later stages, its tables and its picture."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

import zeroshot
from zeroshot.data import load
from zeroshot.errors import UsageError
from zeroshot.runs import layout
from zeroshot.runs.reading import read_search
from zeroshot.runs.rows import PAIRS
from zeroshot.runs.tables import Rows

SMALL = {"nets": 40, "scored": 200, "shortlist": 0, "latency": "15ms", "proxies": ["macs"], "top": 2}


@pytest.fixture(scope="module")
def digits():
    """Under a name that no run knows."""
    return replace(load("digits"), name="mine")


@pytest.fixture
def result(digits, tmp_path, monkeypatch):
    """Of a search that was given no folder, in an empty one."""
    monkeypatch.chdir(tmp_path)
    return zeroshot.search(digits, **SMALL)


@pytest.fixture
def called(monkeypatch):
    """Name -> what each later stage was called with."""
    calls = {}
    for name in ("train", "quantize", "compress", "export"):
        monkeypatch.setattr(zeroshot, name, lambda *args, name=name, **options: calls.setdefault(name, (args, options)))
    return calls


def test_a_search_without_a_folder_writes_one_when_the_next_stage_needs_it(result, called, tmp_path, digits):
    assert list(tmp_path.iterdir()) == []
    result.train(top=1)
    (folder,) = (tmp_path / "runs").iterdir()
    (given,), options = called["train"]
    assert (given.resolve(), options) == (folder, {"data": digits, "top": 1})
    assert folder.name.endswith("-mine")
    assert read_search(folder)[1] == result.pairs
    assert (folder / layout.SUMMARY).exists()
    result.quantize()
    assert called["quantize"][0] == called["train"][0]
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_later_stages_are_the_functions_of_the_run(digits, called, tmp_path):
    result = zeroshot.search("digits", **SMALL, run=tmp_path / "run")
    result.compress("1:big", macs="1M")
    result.export(pair=1, data="elsewhere.npz")
    # A named set is known to the run; what is given wins.
    assert called["compress"] == ((tmp_path / "run", "1:big"), {"data": None, "macs": "1M"})
    assert called["export"] == ((tmp_path / "run",), {"data": "elsewhere.npz", "pair": 1})


def test_a_plot_gives_axes_and_writes_where_it_is_told(plots, result, tmp_path):
    axes = result.plot()
    assert axes.get_xlabel().startswith("expected latency")
    assert list(tmp_path.glob("*.png")) == []
    mine = Figure().add_subplot()
    assert result.plot(tmp_path / "front.png", axes=mine) is mine
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


def test_tables_are_shown_and_become_data_frames_where_pandas_is(result, monkeypatch):
    shown = result._repr_html_()
    assert shown.count("<tr>") == 1 + len(result.pairs)
    assert result.pairs[0].little in shown
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pandas") as caught:
        result.pairs.to_pandas()
    assert "pip install pandas" in caught.value.hint


def test_a_data_frame_has_the_columns_of_the_table(result, monkeypatch):
    """pandas is no dependency: what it is handed is looked at."""
    fake = SimpleNamespace(DataFrame=lambda rows, columns: (rows, columns))
    monkeypatch.setitem(sys.modules, "pandas", fake)
    rows, columns = result.pairs.to_pandas()
    assert columns == list(PAIRS.plain(result.pairs[0]))
    assert rows == result.pairs.plain()
    assert Rows(PAIRS).to_pandas()[0] == []
    assert Rows(PAIRS).to_pandas()[1] == columns


def test_names_are_escaped_in_html(result):
    rows = Rows(PAIRS, [replace(result.pairs[0], little="<script>")])
    assert "<script>" not in rows._repr_html_()
    assert "&lt;script&gt;" in rows._repr_html_()
