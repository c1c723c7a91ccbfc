"""`zeroshot compress`: the same figures as the library call, and what a user sees when it cannot be."""

import inspect
import json
import shlex
from pathlib import Path

import pytest

from zeroshot.cli.compress import compress
from zeroshot.data import load
from zeroshot.pruning.compress import compress_run
from zeroshot.runs.folder import open_run
from zeroshot.training.train import Recipe, train_net

LITTLE, BIG = "r8-s8-c3w16x1/2", "r8-s8-c3w16x1-c3w24x1/2"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    train_net(LITTLE, load("digits"), Recipe(epochs=2), folder=folder)
    return folder


@pytest.fixture
def folder(tmp_path, models):
    """A function: a run whose little net is trained, in a folder of this name."""
    row = {
        "rank": 1, "little": LITTLE, "big": BIG, "accuracy": 0.8, "accuracy_low": 0.7, "accuracy_high": 0.9,
        "little_accuracy": 0.6, "big_accuracy": 0.85, "escalation_rate": 0.3, "latency_ms": 4.0,
        "worst_latency_ms": 11.0, "energy_mj": 0.4, "worst_energy_mj": 1.1, "single": None, "single_accuracy": None,
        "single_latency_ms": None, "gain": None, "gain_error": None,
    }  # fmt: skip

    def make(name="run"):
        config = {"data": "digits", "data_sha256": load("digits").digest, "seed": 0}
        made = open_run(tmp_path / name, config, force=False, resume=False)
        made.write_table("pairs.csv", [row])
        (made.path / "models").mkdir()
        for path in models.iterdir():
            (made.path / "models" / path.name).write_bytes(path.read_bytes())
        return made.path

    return make


def test_the_table_and_the_json_are_the_library_call(cli, folder):
    options = {"macs": "12k", "rounds": 2, "epochs": 2, "saliency": "bn", "multiple": 2, "lr": 0.1}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    expected = compress_run(folder("a"), LITTLE, **options)
    folder("b")
    human = cli("compress", "b", "--net", LITTLE, *words)
    assert human.exit_code == 0, human.stderr
    assert human.stderr == ""
    told = json.loads(cli("compress", folder("c"), "--pair", "1:little", *words, "--json").stdout)
    assert told["nets"] == expected.nets
    assert told["recipe"] == expected.recipe.values()
    lines = human.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    for row in expected.nets:
        assert f"    {row['net']}" in lines
        figures = lines[lines.index(f"    {row['net']}") - 1].split()
        assert figures[0] == str(row["round"])
        assert figures[-1] == f"{100 * row['test_accuracy']:.1f}"
        assert figures[-2] == f"{100 * row['validation_accuracy']:.1f}"
    assert str(expected.file.name) in lines[-1]


def test_quiet_prints_the_file_alone(cli, folder):
    result = cli("compress", folder(), "--pair", "1:little", "--weights", "900B", "--epochs", 1, "--quiet")
    (line,) = result.stdout.splitlines()
    assert line.endswith(".pruned.pt")
    assert Path(line).read_bytes()[:2] == b"PK"


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ([], 2, "RUN"),
        (["run"], 2, "--pair"),
        (["run", "--net", LITTLE, "--pair", "1:little", "--macs", "1k"], 2, "--net"),
        (["run", "--net", LITTLE], 2, "needs a target"),
        (["run", "--net", LITTLE, "--macs", "1"], 3, "smallest net"),
        (["run", "--net", LITTLE, "--macs", "1G"], 2, "already"),
        (["run", "--net", LITTLE, "--macs", "12k", "--saliency", "tayler"], 2, "Did you mean taylor"),
        (["run", "--pair", "1:big", "--macs", "12k"], 1, "Train the net first"),
        (["none", "--net", LITTLE, "--macs", "12k"], 1, "not the folder of a run"),
    ],
    ids=str,
)
def test_errors(cli, folder, args, code, words):
    folder()
    result = cli("compress", *args)
    assert result.exit_code == code
    assert result.stdout == ""
    assert words in result.stderr
    assert "hint: " in result.stderr
    assert json.loads(cli("compress", *args, "--json").stdout)["exit_code"] == code


def test_an_interrupt_says_how_to_go_on(cli, folder, monkeypatch):
    run, real = folder(), compress_run

    def stopped(*args, **options):
        def stop(what, done, total):
            if done == 1:
                raise KeyboardInterrupt

        return real(*args, **options | {"progress": stop})

    monkeypatch.setattr("zeroshot.pruning.compress.compress_run", stopped)
    result = cli("compress", run, "--pair", "1:little", "--macs", "12k", "--epochs", 3, "--force")
    assert result.exit_code == 130
    assert result.stdout == ""
    monkeypatch.setattr("zeroshot.pruning.compress.compress_run", real)
    words = shlex.split(result.stderr.splitlines()[-1].removeprefix("hint: continue with: "))
    assert words[0] == "zeroshot"
    assert "--force" not in words
    again = json.loads(cli(*words[1:], "--json").stdout)
    expected = real(folder("whole"), LITTLE, macs="12k", epochs=3)
    assert again["nets"] == expected.nets


def test_defaults_are_the_engines():
    there = inspect.signature(compress_run).parameters
    here = inspect.signature(compress).parameters
    shared = set(there) & set(here) - {"run", "net"}
    assert {"saliency", "rounds", "epochs", "multiple", "threads"} <= shared
    assert all(here[name].default == there[name].default for name in shared)
