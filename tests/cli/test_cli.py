"""The program as a whole: help, version, usage errors, the error sink, the output sink."""

import inspect
import json
import math
import subprocess
import sys

import pytest
from typer.main import get_command

from zeroshot.cli import app
from zeroshot.cli._output import aligned, print_json
from zeroshot.searching.search import search

COMMANDS = ("search", "demo", "train", "score", "doctor", "proxies", "boards", "spaces", "tune-space")


@pytest.mark.parametrize("args", [[], *([name] for name in COMMANDS)], ids=lambda args: " ".join(args) or "program")
def test_help(cli, args):
    result = cli(*args, "--help")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "Usage: zeroshot" in result.stdout.replace("root", "zeroshot")
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_no_arguments_show_the_help(cli):
    result = cli()
    assert result.exit_code == 0
    assert all(name in result.stdout for name in COMMANDS)


def test_version(cli):
    from importlib.metadata import version

    assert cli("--version").stdout == f"zeroshot {version('zeroshot-mcu')}\n"


def test_import_is_light():
    code = "import sys, zeroshot.cli; print(sorted({'torch', 'numba', 'numpy', 'scipy', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_search_options_mirror_the_library_call():
    engine = inspect.signature(search).parameters
    (command,) = (c for name, c in get_command(app).commands.items() if name == "search")
    options = {option.name: option.default for option in command.params}
    assert set(options) - set(engine) <= {"json", "quiet", "dry_run", "config", "help"}
    assert set(engine) - set(options) == {"progress"}
    for name in set(options) & set(engine):
        default = engine[name].default
        assert options[name] == (",".join(default) if isinstance(default, tuple) else default), name


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["serch"], ["serch", "search"]),
        (["search", "--latncy", "5ms"], ["--latncy", "--latency"]),
        (["search", "--nets", "many"], ["--nets", "integer"]),
        (["search", "--nets"], ["--nets"]),
        (["--bord"], ["--bord"]),
        (["boards", "nucleo-f446"], ["nucleo-f446re"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_usage_errors(cli, args, words):
    result = cli(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    first, *hints = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert hints
    assert all(hint.startswith("hint: ") for hint in hints)
    assert all(word in result.stderr for word in words)


def test_errors_with_json_are_an_object_on_stdout(cli):
    result = cli("boards", "nucleo-f446", "--json")
    told = json.loads(result.stdout)
    assert told == {
        "error": "Unknown board 'nucleo-f446'.", "hint": told["hint"], "exit_code": 2,
    }  # fmt: skip
    assert "Did you mean nucleo-f446re?" in told["hint"]
    assert result.stderr.startswith("error: Unknown board")
    assert json.loads(cli("search", "--latncy", "5ms", "--json").stdout)["exit_code"] == 2


def _break(monkeypatch, error):
    def broken(*args, **kwargs):
        raise error

    monkeypatch.setattr("zeroshot.cost.boards.board_names", broken)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RuntimeError("a bug"), 1, ["Unexpected RuntimeError: a bug", "report"]),
        (MemoryError(), 1, ["memory", "--nets"]),
        (OSError(28, "No space left on device"), 1, ["No space left"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_ends_in_a_traceback(cli, monkeypatch, error, code, words):
    _break(monkeypatch, error)
    result = cli("boards")
    assert result.exit_code == code
    assert all(word in result.stderr for word in words)
    assert "Traceback" not in result.output


def test_debug_shows_the_traceback(cli, monkeypatch):
    _break(monkeypatch, RuntimeError("a bug"))
    result = cli("boards", env={"ZEROSHOT_DEBUG": "1"})
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "error: Unexpected RuntimeError: a bug" in result.stderr


def test_json_has_no_nan(capsys):
    print_json({"a": math.nan, "b": [1.5, -math.inf], "c": ({"d": math.inf},), "e": "±", "f": True})
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": None, "b": [1.5, None], "c": [{"d": None}], "e": "±", "f": True}
    assert out.isascii()


def test_aligned():
    lines = [("net", "ms"), ("long", "1.5")]
    assert aligned(lines, 80, left=1) == ["net    ms", "long  1.5"]
    assert aligned(lines, 9) == [" net  ms", "long 1.5"]
