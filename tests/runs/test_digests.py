"""Every file of a run has a digest; what differs is named."""

import json

import pytest

from zeroshot.errors import RunError, UsageError
from zeroshot.runs import layout, rows
from zeroshot.runs.digests import listed, seal, seal_more, unseal
from zeroshot.runs.lock import alone_in
from zeroshot.runs.manage import check, remove, runs_in, state_of
from zeroshot.runs.reading import read_search

from ..run_folders import listed_pair, run_folder

LITTLE, BIG = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2"


@pytest.fixture
def run(tmp_path):
    """A finished search, a training and an export, as far as their files go."""
    path = run_folder(tmp_path / "runs" / "a", [listed_pair(1, LITTLE, BIG)])
    (path / layout.CALIBRATION_NETS).mkdir()
    (path / layout.CALIBRATION_NETS / "net.json").write_text("{}")
    (path / layout.SUMMARY).write_text("{}")
    seal(path, layout.CALIBRATION_NETS)
    (path / layout.MODELS).mkdir()
    for name in ("net.npz", "net.pt", layout.SUMMARY):
        (path / layout.MODELS / name).write_bytes(name.encode())
    seal(path / layout.MODELS)
    return path


def test_a_run_that_nobody_touched_is_whole(run):
    checked = check(run)
    assert checked.whole
    assert checked.files == 4 + 1 + 3  # config, environment, pairs, summary; a calibration net; the models
    assert state_of(run).done == ("search", "train")


@pytest.mark.parametrize(
    "path", ["pairs.csv", "config.toml", "calibration/net.json", "models/net.npz", "models/summary.json"]
)
def test_what_was_changed_or_removed_is_named(run, path):
    (run / path).write_bytes((run / path).read_bytes() + b" ")
    assert [(each.path, each.what) for each in check(run).different] == [(path, "changed")]
    if path != "config.toml":
        (run / path).unlink()
        assert (path, "missing") in [(each.path, each.what) for each in check(run).different]


def test_the_digests_themselves_are_missed(run):
    (run / layout.MODELS / layout.DIGESTS).unlink()
    assert [each.path for each in check(run).different] == ["models/digests.json"]
    (run / layout.MODELS / layout.SUMMARY).unlink()  # a stage that is not finished has none
    assert check(run).open == ("train",)
    assert check(run).whole
    (run / layout.DIGESTS).write_text("[]")
    with pytest.raises(RunError, match="no list of digests"):
        check(run)


def test_an_export_is_checked_by_its_own_list(run):
    pair = run / layout.firmware_of(1)
    pair.mkdir(parents=True)
    (pair / "main.c").write_text("int main;")
    known = {"main.c": "0" * 64}
    (pair / layout.EXPORTED).write_text(json.dumps({"made_by": "zeroshot export", "format": 1, "files": known}))
    assert [(each.path, each.what) for each in check(run).different] == [("firmware/pair-1/main.c", "changed")]


def test_a_table_that_was_changed_is_not_read(run):
    assert len(read_search(run)[1]) == 1
    text = (run / layout.PAIRS).read_text()
    (run / layout.PAIRS).write_text(text.replace("0.6", "0.7"))
    with pytest.raises(RunError, match="changed since") as caught:
        read_search(run)
    assert layout.DIGESTS in caught.value.hint
    (run / layout.DIGESTS).unlink()  # the change is meant
    assert read_search(run)[1][0].little_accuracy == 0.7


def test_nothing_goes_on_from_files_that_were_changed(run):
    (run / layout.MODELS / "net.pt").unlink()  # to train that net again
    unseal(run / layout.MODELS)
    assert listed(run / layout.MODELS) is None
    (run / layout.PAIRS).write_text("")
    with pytest.raises(RunError, match="changed since"):
        unseal(run)
    assert listed(run) is not None


def test_files_that_come_later_get_their_digest(run):
    (run / layout.REPORT).write_text("<html>")
    seal_more(run, [layout.REPORT, "not there"])
    assert check(run).files == 9
    (run / layout.REPORT).write_text("<html >")
    assert [each.path for each in check(run).different] == ["report.html"]


def test_a_stored_pair_without_a_number_is_refused(run):
    (run / layout.DIGESTS).unlink()
    text = (run / layout.PAIRS).read_text()
    for word in ("nan", "inf", "-inf", "1e999"):
        (run / layout.PAIRS).write_text(text.replace("0.6", word))
        with pytest.raises(RunError, match="little_accuracy"):
            read_search(run)
    assert rows.PAIRS.from_csv(text)


def test_runs_are_listed_and_removed(run, tmp_path, monkeypatch):
    (run.parent / "no run").mkdir()
    assert [each.run for each in runs_in(run.parent)] == [str(run)]
    with pytest.raises(UsageError, match="no folder"):
        runs_in(tmp_path / "nowhere")
    with pytest.raises(RunError, match="not the folder of a run"):
        remove(run.parent / "no run")
    (run.parent / "link").symlink_to(run)
    with pytest.raises(RunError, match="symbolic link"):
        remove(run.parent / "link")
    with alone_in(run):
        assert state_of(run).busy
        with pytest.raises(RunError, match="Another process"):
            remove(run)
    with monkeypatch.context() as patch:
        patch.chdir(run / layout.MODELS)
        with pytest.raises(RunError, match="current folder"):
            remove(run)
    assert remove(run).done == ("search", "train")
    assert not run.exists()
