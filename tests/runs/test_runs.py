"""The run folder under failure: full disks, cut-off lines, changed settings, folders that are no runs."""

import csv
import io
import json
import math
import os
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import RunError, UsageError
from zeroshot.probing.probe import Score
from zeroshot.runs import folder as runs
from zeroshot.runs.folder import check_run, environment, open_run, processor, to_csv, to_toml

from ..strategies import examples

CONFIG = {"seed": 0, "data": "digits", "latency_limit": 12.5}


@pytest.fixture
def folder(tmp_path):
    return open_run(tmp_path / "run", CONFIG, force=False, resume=False)


def names(path):
    return sorted(p.name for p in path.iterdir())


def scores_of(net):
    return {"zico": Score(0.1 + 0.2), "naswot": Score(math.nan, 'dead, "all" of it')}


# ---- writing


def test_a_new_run_holds_its_config_and_environment(folder):
    assert names(folder.path) == ["config.toml", "environment.json"]
    assert tomllib.loads((folder.path / "config.toml").read_text()) == CONFIG
    assert json.loads((folder.path / "environment.json").read_text()) == environment()


def test_environment_names_versions_and_processor():
    found = environment()
    assert set(found) == {"format", "python", "system", "processor", "cores", "packages"}
    assert found["packages"]["numpy"] == np.__version__
    assert {"torch", "zeroshot-mcu"} <= set(found["packages"])
    assert found["python"].split(".")[0] == "3"
    assert found["processor"] == processor() != ""
    assert found["cores"] == os.cpu_count()


def test_a_written_file_is_readable_by_others_and_leaves_no_temporary(folder):
    path = folder.write("a.txt", "grün\n")
    assert path.read_bytes() == "grün\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644
    folder.write("a.txt", b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    assert names(folder.path) == ["a.txt", "config.toml", "environment.json"]


@pytest.mark.parametrize("step", ["replace", "fdopen"])
@pytest.mark.parametrize(("number", "hint"), [(28, "Free some space"), (13, "Name another folder")])
def test_a_failed_write_leaves_the_old_file_and_says_why(folder, monkeypatch, step, number, hint):
    folder.write("pairs.csv", "old")
    before = names(folder.path)

    def fails(*args, **_):
        if step == "fdopen":
            os.close(args[0])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(runs.os, step, fails)
    with pytest.raises(RunError) as caught:
        folder.write("pairs.csv", "new")
    monkeypatch.undo()
    assert "pairs.csv" in caught.value.message
    assert os.strerror(number) in caught.value.message
    assert hint in caught.value.hint
    assert (folder.path / "pairs.csv").read_text() == "old"
    assert names(folder.path) == before


def test_an_interrupted_write_leaves_no_temporary_either(folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.write("pairs.csv", "new")
    assert names(folder.path) == ["config.toml", "environment.json"]


def test_a_full_disk_at_the_start_leaves_no_folder(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(runs.os, "replace", full)
    with pytest.raises(RunError, match="No space left"):
        open_run(tmp_path / "run", CONFIG, force=False, resume=False)
    assert names(tmp_path) == []


def test_a_run_inside_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Cannot write"):
        open_run(tmp_path / "file" / "run", CONFIG, force=False, resume=False)


def test_arrays_are_readable_without_pickle(folder):
    folder.write_arrays("a.npz", {"x": np.arange(3), "y": np.array([0.1, math.nan])})
    with np.load(folder.path / "a.npz", allow_pickle=False) as arrays:
        assert arrays["x"].tolist() == [0, 1, 2]
        assert math.isnan(arrays["y"][1])


def test_csv_keeps_every_digit_and_quotes_what_needs_it():
    """Python's own reader is the oracle."""
    rows = [
        {"net": "a,b", "x": 0.1 + 0.2, "none": None, "flag": True},
        {"net": 'q"', "x": 1e-17, "none": 3, "flag": False},
    ]
    text = to_csv(rows)
    assert text.count("\r") == 0
    back = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["x"]) for row in back] == [0.30000000000000004, 1e-17]
    assert [(row["net"], row["none"], row["flag"]) for row in back] == [("a,b", "", "True"), ('q"', "3", "False")]
    assert to_csv([]) == ""


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUE = TEXT | NUMBER | st.booleans() | st.lists(TEXT, max_size=3)


@examples(50)
@given(st.dictionaries(st.from_regex(r"\A[a-z_]{1,8}\Z"), VALUE | st.none(), max_size=5))
def test_toml_reads_back_as_written(config):
    """tomllib is the oracle; None is left out."""
    back = tomllib.loads(to_toml(config))
    assert back == {key: value for key, value in config.items() if value is not None}
    assert {k: type(v) for k, v in back.items()} == {k: type(v) for k, v in config.items() if v is not None}


@pytest.mark.parametrize(
    "value", ['say "hi"', "C:\\data\\new", "grün ☃", "emoji \U0001f600", "tab\tline\n", "\x7f", "'"]
)
def test_toml_strings_that_break_naive_writers(value):
    assert tomllib.loads(to_toml({"data": value})) == {"data": value}


# ---- scores


def test_scores_read_back_bit_for_bit(folder):
    assert folder.scores() == {}
    for net in ("r8-s8-c3w8x1-c3w8x1", "net, with comma"):
        folder.append_scores(net, scores_of(net))
    found = folder.scores()
    assert list(found) == ["r8-s8-c3w8x1-c3w8x1", "net, with comma"]
    assert found["net, with comma"]["zico"] == Score(0.1 + 0.2, "ok")
    undefined = found["net, with comma"]["naswot"]
    assert math.isnan(undefined.value)
    assert undefined.status == 'dead, "all" of it'


def test_a_line_cut_anywhere_is_dropped_and_only_that(folder):
    """Every possible kill: cut the file at each byte; each surviving score is one that was written."""
    for net in ("a", "b"):
        folder.append_scores(net, scores_of(net))
    path = folder.path / "scores.csv"
    text = path.read_bytes()
    for size in range(len(text)):
        path.write_bytes(text[:size])
        kept = [(net, proxy) for net, scores in folder.scores().items() for proxy in scores]
        assert kept == [("a", "zico"), ("a", "naswot"), ("b", "zico"), ("b", "naswot")][: len(kept)]
        # A line is there once its line feed is (or the carriage return before it).
        assert len(kept) in {text[:size].count(b"\n"), text[:size].count(b"\r")}
        folder.append_scores("c", scores_of("c"))
        assert list(folder.scores()["c"]) == ["zico", "naswot"]
        assert {net for net in folder.scores()} <= {"a", "b", "c"}


@pytest.mark.parametrize("line", ["a,zico,high,ok\n", "a,zico,1.0\n", "a,zico,1.0,ok,more\n", "\n"])
def test_a_line_that_is_no_score_is_reported(folder, line):
    (folder.path / "scores.csv").write_text("a,naswot,1.0,ok\n" + line)
    with pytest.raises(RunError, match=r"scores\.csv") as caught:
        folder.scores()
    assert "`force=True`" in caught.value.hint


@pytest.mark.parametrize("name", ["scores.csv", "config.toml"])
def test_bytes_that_are_no_text_are_reported(folder, name):
    (folder.path / name).write_bytes(b"\xff\xfe\x00garbage\n")
    with pytest.raises(RunError, match=name.replace(".", r"\.")):
        open_run(folder.path, CONFIG, force=False, resume=True).scores()


def test_a_full_disk_while_appending_is_reported(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(runs.Path, "open", full)
    with pytest.raises(RunError, match=r"scores\.csv") as caught:
        folder.append_scores("a", scores_of("a"))
    assert "Free some space" in caught.value.hint


# ---- opening


def test_an_existing_run_is_neither_overwritten_nor_continued_unasked(folder):
    folder.write("pairs.csv", "precious")
    with pytest.raises(RunError, match="exists") as caught:
        open_run(folder.path, CONFIG, force=False, resume=False)
    assert not [option for option in ("`resume=True`", "`force=True`", "`run`") if option not in caught.value.hint]
    assert (folder.path / "pairs.csv").read_text() == "precious"


def test_force_replaces_a_run_whole(folder):
    folder.write("pairs.csv", "old")
    open_run(folder.path, CONFIG | {"seed": 5}, force=True, resume=False)
    assert names(folder.path) == ["config.toml", "environment.json"]
    assert tomllib.loads((folder.path / "config.toml").read_text())["seed"] == 5


@pytest.mark.parametrize("foreign", ["thesis.tex", "config.toml", "environment.json"])
def test_force_deletes_nothing_that_is_not_a_run(tmp_path, foreign):
    """A web site, a Rust crate or a cargo folder has a config.toml too."""
    (tmp_path / foreign).write_text('title = "home page"\n')
    (tmp_path / "notes").mkdir()
    with pytest.raises(RunError, match="not a run folder"):
        open_run(tmp_path, CONFIG, force=True, resume=False)
    assert names(tmp_path) == sorted([foreign, "notes"])


def test_a_file_in_the_place_of_the_folder_is_kept(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(RunError, match="not a run folder"):
        open_run(tmp_path / "run", CONFIG, force=True, resume=False)
    assert (tmp_path / "run").read_text() == "mine"


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "run").mkdir()
    assert open_run(tmp_path / "run", CONFIG, force=False, resume=False).made_here


def test_discard_removes_only_what_this_process_made(folder):
    open_run(folder.path, CONFIG, force=False, resume=True).discard()
    assert folder.path.exists()
    folder.discard()
    assert not folder.path.exists()


def test_resume_needs_a_run(tmp_path):
    with pytest.raises(RunError, match="no run to resume"):
        open_run(tmp_path / "nowhere", CONFIG, force=False, resume=True)
    (tmp_path / "config.toml").write_text("not toml at all")
    with pytest.raises(RunError, match="cannot be read"):
        open_run(tmp_path, CONFIG, force=False, resume=True)


def test_resume_with_another_config_lists_every_difference_and_nothing_else(folder):
    other = {"seed": 1, "data": "digits", "batch": 8}
    with pytest.raises(RunError) as caught:
        open_run(folder.path, other, force=False, resume=True)
    for words in ("seed: 0 then, 1 now", "batch: 'unset' then, 8 now", "latency_limit: 12.5 then, 'unset' now"):
        assert words in caught.value.message
    assert "digits" not in caught.value.message
    assert "`force=True`" in caught.value.hint


def test_force_and_resume_together_are_refused(folder):
    with pytest.raises(UsageError, match="`resume=True`") as caught:
        open_run(folder.path, CONFIG, force=True, resume=True)
    assert "one of the two" in caught.value.hint


def test_checking_a_folder_changes_nothing(folder, tmp_path):
    assert not check_run(tmp_path / "new", CONFIG, force=False, resume=False)
    assert not (tmp_path / "new").exists()
    assert check_run(folder.path, CONFIG, force=True, resume=False)
    assert names(folder.path) == ["config.toml", "environment.json"]


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr(runs, "PACKAGES", ("numpy", "no-such-distribution-here"))
    assert environment()["packages"] == {"numpy": np.__version__, "no-such-distribution-here": None}
