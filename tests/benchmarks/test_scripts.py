"""Every script answers --help, says what data it lacks, and writes tables as Markdown wants them."""

import importlib
from pathlib import Path

import pytest

from benchmarks import script
from zeroshot.errors import DataError, UsageError

FOLDER = Path(script.__file__).parent
SCRIPTS = sorted(
    ".".join(path.relative_to(FOLDER).with_suffix("").parts)
    for path in FOLDER.rglob("*.py")
    if 'if __name__ == "__main__":' in path.read_text()
)


def test_the_scripts_are_found():
    assert len(SCRIPTS) >= 18
    assert {"cifar10", "pair_truth.__main__", "pair_truth.zoo"} <= set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_answers_help(name, capsys):
    """In this process: its imports work, and its parser is whole. The command it names is the one it is run by."""
    module = importlib.import_module(f"benchmarks.{name}")
    with pytest.raises(SystemExit) as ended:
        module.main(["--help"])
    assert ended.value.code == 0
    shown, command = capsys.readouterr().out, f"python -m benchmarks.{name.removesuffix('.__main__')}"
    assert shown.split("\n")[0].startswith(f"usage: {command} [-h]")
    assert module.__doc__.strip().split("\n")[0] in shown


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_refuses_what_it_does_not_know(name, capsys):
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{name}").main(["--nonsense"])
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_data_that_a_script_lacks_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("ZEROSHOT_DATA", raising=False)
    with pytest.raises(DataError, match="is not set") as caught:
        script.data_folder("cifar10", "nasbench201")
    assert caught.value.hint == "It names the folder that holds cifar10/ and nasbench201/."
    monkeypatch.setenv("ZEROSHOT_DATA", str(tmp_path))
    (tmp_path / "cifar10").mkdir()
    with pytest.raises(DataError, match="no nasbench201/"):
        script.data_folder("cifar10", "nasbench201")
    assert script.data_folder("cifar10") == tmp_path


def test_errors_become_words_and_exit_codes(capsys):
    def fail(arguments):
        raise UsageError(f"Not {arguments}.", "Try b.")

    assert script.exit_code(fail, ["a"]) == 2
    assert capsys.readouterr().err == "Not ['a'].\nTry b.\n"
    assert script.exit_code(lambda arguments: None, []) == 0


def test_a_table(capsys):
    script.show("Title", ("a", "b"), [("1", "2"), ("3", "4")])
    assert capsys.readouterr().out == "\n## Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n"
