"""What only a process of its own can show: signals, pipes, streams, colours."""

import json
import os
import subprocess

import pytest

from ..processes import PROGRAM, continuation, interrupted, on_a_terminal

FEW = ("--nets", "40", "--scored", "200", "--jobs", "1")
SEARCH = ("search", "--latency", "5ms", *FEW, "--shortlist", "6", "--proxies", "macs,zico")


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hidden = ("ZEROSHOT_", "NO_COLOR", "FORCE_COLOR")
    return {k: v for k, v in os.environ.items() if not k.startswith(hidden)} | {"COLUMNS": "80", "TERM": "xterm"}


def run(*args, env):
    return subprocess.run([*PROGRAM, *args], env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow  # in one process: searching/test_search_resumed.py
def test_interrupt_and_resume(tmp_path, environment):
    scores = tmp_path / "r" / "scores.csv"
    err = interrupted(
        (*SEARCH, "--run", "r"), lambda: scores.exists() and scores.read_text().count("\n") >= 2, environment
    )
    assert "nets probed so far are saved in r." in err
    probed = scores.read_text()

    # The command that the hint names, with its results compared to a run that nobody interrupted.
    resumed, whole = (run(*words, "--json", env=environment) for words in (continuation(err), (*SEARCH, "--run", "w")))
    assert resumed.returncode == 0, resumed.stderr
    assert scores.read_text().startswith(probed)
    assert json.loads(resumed.stdout)["pairs"] == json.loads(whole.stdout)["pairs"]
    assert scores.read_bytes() == (tmp_path / "w" / "scores.csv").read_bytes()


def test_colourson_a_terminal_unless_refused(environment):
    bold = "\x1b[1m"
    assert bold in on_a_terminal(["boards", "nucleo-f446re"], environment)
    plain = on_a_terminal(["boards", "nucleo-f446re"], environment | {"NO_COLOR": "1"})
    assert "\x1b[3" not in plain  # colours; bold is none
    assert "\x1b" not in run("boards", "nucleo-f446re", env=environment).stdout


@pytest.mark.slow
def test_progresson_a_terminal(environment):
    args = ("search", "--latency", "5ms", *FEW, "--shortlist", "2", "--proxies", "macs,zico")
    text = on_a_terminal([*args, "--run", "a"], environment)
    assert "probing nets" in text
    assert "The best" in text


@pytest.mark.slow
def test_no_progresson_a_terminal_if_quiet(environment):
    quiet = on_a_terminal(["search", *FEW, "--shortlist", "0", "--run", "b", "--quiet"], environment)
    assert quiet == "b\r\n"


def test_a_closed_pipe_is_no_error(environment):
    reader = subprocess.Popen([*PROGRAM, "boards", "--json"], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)  # fmt: skip
    reader.stdout.close()
    assert reader.stderr.read() == b""
    reader.stderr.close()
    assert reader.wait(timeout=60) == 1


def test_terminal_without_the_letters(environment):
    result = run("boards", env=environment | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert result.returncode == 0, result.stderr
    assert "latency" in result.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("boards", "nucleo"), 2),
        pytest.param(("search", "--latency", "1us", "--nets", "30"), 3, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_exit_codes_reach_the_shell(environment, words, code):
    assert run(*words, env=environment).returncode == code
