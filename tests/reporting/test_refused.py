"""Broken runs, older runs, places that cannot be written: the package's own errors, and nothing half-written."""

import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import RunError, ZeroshotError
from zeroshot.reporting.report import render, report
from zeroshot.runs import layout

from ..strategies import examples
from .pages import Page, exported


def refused(run, *words, out=None):
    with pytest.raises(RunError) as caught:
        report(run, out)
    text = f"{caught.value.message} {caught.value.hint}"
    for word in words:
        assert word in text
    assert caught.value.hint
    assert not [path for path in run.rglob("*") if "report.html" in path.name]


def test_no_run(tmp_path):
    refused(tmp_path, "is not the folder of a run")
    refused(tmp_path / "nowhere", "is not the folder of a run")


def test_older_runs(run):
    (run / layout.ENVIRONMENT).write_text(json.dumps({"format": 1, "packages": {"zeroshot-mcu": "0.1.0"}}))
    refused(run, "has format 1", "0.1.0")


DAMAGE = {
    layout.CONFIG: 'data = "digits"\ndata_sha256 = ',
    layout.ENVIRONMENT: "{",
    layout.SUMMARY: "[1]",
    layout.PAIRS: "rank,little\n1,a\n",
    layout.FRONT: "rank,little\n1,a\n",
    layout.SINGLES: "net,accuracy\nx,much\n",
    layout.CANDIDATES: "net\nx\n",
    layout.CALIBRATION: "net\nx\n",
    layout.SCORES: "a,b,c\n",
    layout.BATTERY: "{",
    f"{layout.MODELS}/{layout.PAIRS}": "rank\n1\n",
    f"{layout.MODELS}/{layout.NETS}": "net\nx\n",
    f"{layout.MODELS}/{layout.SUMMARY}": "{",
    f"{layout.MODELS}/x.{layout.SUMMARY}": '{"source": "x"}',
    f"{layout.INT8}/{layout.PAIRS}": "rank\n1\n",
    f"{layout.INT8}/{layout.NETS}": "net\nx\n",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_files_are_named(run, name):
    path = run / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(DAMAGE[name])
    refused(run, path.name)


@examples(30)
@given(
    st.sampled_from([layout.PAIRS, layout.FRONT, layout.SINGLES, layout.CANDIDATES]), st.integers(0, 60),
    st.sampled_from(["", "nan", "inf", "-1", "0", "1e308", "x", "9" * 40, "<b>", "r8-s4-c3w8x1"]),
)  # fmt: skip
def test_any_cell_may_be_wrong(first, name, place, value):
    """The page is whole or there is none; no other error than the package's own."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(shutil.copytree(first, f"{folder}/run"))
        header, line, *rest = (run / name).read_text().splitlines()
        cells = line.split(",")
        cells[place % len(cells)] = value
        (run / name).write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
        with suppress(ZeroshotError):
            Page(render(run))


def test_bytes_that_are_no_text(run):
    (run / layout.PAIRS).write_bytes(b"\xff\xfe\x00")
    refused(run, layout.PAIRS)


def test_settings_that_are_no_numbers(run):
    path = run / layout.CONFIG
    path.write_text(path.read_text().replace("latency_limit = 5.0", 'latency_limit = "five"'))
    refused(run, "latency_limit")


@pytest.mark.parametrize("text", ["{", '{"images": 3}', '{"images": "many"}'])
def test_a_damaged_proof(run, text):
    exported(run)
    (run / layout.firmware_of(1) / "verification.json").write_text(text)
    refused(run, "verification.json")


def test_a_folder_that_cannot_be_written(run, tmp_path):
    refused(run, "Cannot write", "`out`", out=tmp_path / "no such folder" / "page.html")


def test_an_earlier_page_stays_where_the_run_is_broken(run):
    (run / layout.REPORT).write_text("earlier")
    (run / layout.PAIRS).write_text("rank\n1\n")
    with pytest.raises(RunError):
        report(run)
    assert (run / layout.REPORT).read_text() == "earlier"


@pytest.mark.parametrize(
    ("name", "word"),
    [(f"{layout.MODELS}/*.pt", "cannot be read"), (f"{layout.INT8}/*.outputs.npz", "cannot be read")],
)
def test_weights_that_were_deleted_leave_a_sentence(done, name, word):
    for path in done.glob(name):
        path.unlink()
    page = Page(render(done))
    assert page.has("The stored answers cannot be used.")
    assert page.has(word)
    assert not page.all("img")


def test_answers_that_are_not_those_of_the_table_are_not_shown(done):
    (done / layout.INT8 / layout.DIGESTS).unlink()
    path = done / layout.INT8 / layout.PAIRS
    header, line = path.read_text().splitlines()
    names, cells = header.split(","), line.split(",")
    cells[names.index("threshold_int8")] = "256"
    path.write_text("\n".join([header, ",".join(cells)]) + "\n")
    page = Page(render(done))
    assert page.has("by its stored outputs, but")
    assert not page.all("img")


def test_other_data_leave_a_sentence(done):
    config = done / layout.CONFIG
    digest = next(line for line in config.read_text().splitlines() if line.startswith("data_sha256"))
    config.write_text(config.read_text().replace(digest, 'data_sha256 = "ab"'))
    assert Page(render(done)).has("is not what the run was searched on")


def test_nothing_is_downloaded(done, tmp_path, monkeypatch):
    """A named set that is not in the cache; opening a connection would fail the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("a connection"))
    config = done / layout.CONFIG
    config.write_text(config.read_text().replace('data = "digits"', 'data = "fashion-mnist"'))
    page = Page(render(done))
    assert page.has("Answers cannot be shown without the labels of the data. fashion-mnist is not in")
