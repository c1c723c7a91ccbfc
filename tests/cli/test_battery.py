"""`zeroshot battery`."""

import json

from ..daily.daily_runs import board_file, searched


def test_a_search_is_told_as_a_table_and_as_json(cli, tmp_path):
    run, mine = searched(tmp_path / "run"), board_file(tmp_path / "mine.toml", 2.0)
    done = cli("battery", run, "--every", "100ms", "--battery", "660mWh", "--board", mine)
    assert done.exit_code == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["1", "pair", "30.0", "4.00", "5.92", "4.65", "days"] in lines
    assert ["little", "alone", "0.0", "2.98", "9.23", "days"] in lines
    assert ["pair", "at", "worst", "100.0", "11.0", "12.8", "2.15", "days"] in lines
    assert ["single", "net", "5.43", "5.06", "days"] in lines
    told = json.loads(cli("battery", run, "--every", "100ms", "--board", mine, "--json").stdout)
    assert (told["sleep_mw"], told["capacity_mwh"], told["pairs"][0]["days"]) == (2.0, None, None)
    assert "lasts" not in cli("battery", run, "--every", "100ms", "--board", mine).stdout


def test_what_is_wrong_is_told_in_words_of_the_command_line(check_failure, tmp_path):
    run, mine = searched(tmp_path / "run"), board_file(tmp_path / "mine.toml", 2.0)
    silent = board_file(tmp_path / "silent" / "mine.toml", None)
    check_failure(("battery", run), 2, "--every")
    check_failure(("battery", run, "--every", "0ms"), 2, "--every")
    check_failure(("battery", run, "--every", "1s", "--board", silent), 2, "asleep")
    check_failure(("battery", run, "--every", "5ms", "--board", mine), 3, "at worst")
    check_failure(("battery", run, "--every", "1s", "--battery", "220", "--board", mine), 2, "--battery")
    check_failure(("battery", run, "--every", "1s", "--prior", "3", "--board", mine), 2, "--prior")
    check_failure(("battery", "nowhere", "--every", "1s"), 1, "is not the folder of a run")


def test_the_help_has_an_example(cli):
    assert "--prior yes=0.001" in " ".join(cli("battery", "--help").stdout.split())
