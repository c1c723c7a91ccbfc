"""`zeroshot runs`, and words that no input may bring out of any command."""

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.runs.digests import seal
from zeroshot.runs.layout import SUMMARY

from ..processes import on_a_terminal
from ..run_folders import listed_pair, run_folder
from ..strategies import examples

BOARD = Path(__file__).parents[2] / "zeroshot" / "cost" / "boards" / "nucleo-l4r5zi.toml"
ODD = (
    "-1", "0", "²", "٣", "1e30", "5e-324", "nan", "inf", "9" * 30, "", " ", "a\0b", "\x1b[31mred", "caf\udce9",
    "x" * 300, "..", "/", "t.csv", "b.toml", "run", "no.csv", "no.parquet", "no.toml", "no.npz",
)  # fmt: skip
COMMANDS = {
    "boards": (1, ()), "spaces": (0, ("--side", "--length")), "runs list": (1, ()), "runs show": (1, ()),
    "runs check": (1, ()), "runs remove": (1, ()), "train": (1, ("--epochs", "--lr", "--data", "--policy")),
    "quantize": (1, ("--epochs", "--rate")), "export": (1, ("--pair", "--out", "--name", "--board")),
    "compress": (1, ("--net", "--pair", "--macs")), "report": (1, ("--out", "--data")), "truth": (0, ("--folder",)),
    "bench": (0, ("--table", "--k", "--seed", "--resamples", "--bands", "--accuracy", "--costs", "--proxies", "--net")),
    "bench nasbench201": (0, ("--data", "--convert", "--table", "--tasks", "--scores")),
    "search --dry-run": (0, ("--data", "--board", "--nets", "--top", "--latency", "--flash", "--config", "--run",
                             "--little", "--seeds", "--from", "--objectives", "--proxies", "--space", "--batch")),
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """A finished search, as far as its files go."""
    path = run_folder(tmp_path / "runs" / "a", [listed_pair(1, "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2")])
    (path / SUMMARY).write_text("{}")
    seal(path)
    return path


def test_runs_are_listed_shown_and_checked(cli, run):
    listed = json.loads(cli("runs", "list", "--json").stdout)["runs"]
    assert [(each["run"], each["data"], each["done"]) for each in listed] == [("runs/a", "digits", ["search"])]
    assert "runs/a" in cli("runs", "list").stdout
    assert json.loads(cli("runs", "show", "runs/a", "--json").stdout) == listed[0]
    assert "search done" in cli("runs", "show", "runs/a").stdout
    checked = cli("runs", "check", "runs/a")
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "4 files" in checked.stdout


def test_what_differs_is_named_with_exit_code_1(cli, run):
    (run / "pairs.csv").write_text("rank\n")
    result = cli("runs", "check", "runs/a")
    assert result.exit_code == 1
    assert "changed: pairs.csv" in result.stdout
    told = cli("runs", "check", "runs/a", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["different"] == [{"path": "pairs.csv", "what": "changed"}]


def test_a_run_is_removed_only_when_that_is_meant(cli, run, tmp_path):
    refused = cli("runs", "remove", "runs/a")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert run.is_dir()
    (tmp_path / "thesis").mkdir()
    assert cli("runs", "remove", "thesis", "--force").exit_code == 1
    assert (tmp_path / "thesis").is_dir()
    assert cli("runs", "remove", "runs/a", "--yes").exit_code == 0
    assert not run.exists()


def never(result, words):
    text = result.stdout + result.stderr
    assert result.exit_code in (0, 1, 2, 3), words
    assert not re.search("defect|Unexpected|Traceback", text), words
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\x9b]", result.stderr), words


def files(folder):
    (folder / "t.csv").write_text("net,accuracy,macs,s\n" + "\n".join(f"n{i},{50 + i},{i},{i}" for i in range(9)))
    (folder / "b.toml").write_bytes(BOARD.read_bytes())


@st.composite
def calls(draw):
    """A command with a few of its options, each with an odd value."""
    command = draw(st.sampled_from(sorted(COMMANDS)))
    arguments, options = COMMANDS[command]
    words = command.split() + [draw(st.sampled_from(ODD)) for _ in range(arguments)]
    for option in draw(st.lists(st.sampled_from(options), max_size=3, unique=True)) if options else ():
        words += [option, draw(st.sampled_from(ODD) | st.text(max_size=8))]
    return words


def check_calls(cli, tmp_path, count):
    files(tmp_path)

    @examples(count)
    @given(calls())
    def check(words):
        never(cli(*words), words)

    check()


def test_no_call_is_called_a_defect(cli, tmp_path):
    check_calls(cli, tmp_path, 60)


@pytest.mark.slow
def test_no_call_of_many_is_called_a_defect(cli, tmp_path):
    check_calls(cli, tmp_path, 4000)


@pytest.mark.parametrize("value", ["1e30", "5e-324", "1" + "0" * 30, "0", "-1", "nan", "inf", '"fast"'])
def test_boards_beyond_all_boards_are_refused(cli, tmp_path, value):
    text = BOARD.read_text()
    for key in ("clock_mhz", "flash_bytes", "sram_bytes", "power_mw", "latency_error", "c99"):
        (tmp_path / "mine.toml").write_text(re.sub(rf"^{key} = .*$", f"{key} = {value}", text, count=1, flags=re.M))
        result = cli("boards", "mine.toml")
        assert result.exit_code == 2, key
        assert key in result.stderr


@pytest.mark.parametrize(
    "words", [("--seed", "-1"), ("--k", "²"), ("--k", "1²"), ("--resamples", "9" * 12), ("--seed", "9" * 30)], ids=str
)
def test_odd_numbers_of_a_judgement(cli, tmp_path, words):
    files(tmp_path)
    never(cli("bench", "--table", "t.csv", *words), words)


def test_a_table_whose_name_is_no_text(cli, tmp_path):
    files(tmp_path)
    os.rename(tmp_path / "t.csv", os.fsencode(tmp_path) + b"/t\xe9\x1b[31m.csv")
    name = "t\udce9\x1b[31m.csv"
    for more in ((), ("--json",), ("--csv", "out.csv"), ("--latex", "out.tex"), ("--plot", "out.png")):
        result = cli("bench", "--table", name, "--resamples", "10", *more)
        assert result.exit_code == 0, result.stderr
        assert "\x1b" not in result.stdout + result.stderr
    assert "\x1b" not in cli("bench", "--table", name + "x").stderr


def test_names_command_no_terminal(tmp_path, monkeypatch):
    """What is for programs keeps its bytes; a terminal gets none that it would obey."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ZEROSHOT_")} | {"TERM": "dumb"}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "red\x1b[31m").mkdir()
    shown = on_a_terminal(["runs", "list", "red\x1b[31m"], environment)
    assert "\x1b" not in shown
    assert "red\\x1b[31m" in shown
