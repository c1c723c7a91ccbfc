"""`zeroshot compress`: the same figures as the library call, and what a user sees when it cannot be."""

import json
import shutil
from pathlib import Path

import pytest

from zeroshot.data import load
from zeroshot.pruning.compress import compress
from zeroshot.runs.layout import MODELS
from zeroshot.training.train import Recipe, train_net

from ..processes import continuation
from ..run_folders import listed_pair, run_folder

LITTLE, BIG = "r8-s8-c3w16x1/2", "r8-s8-c3w16x1-c3w24x1/2"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    train_net(LITTLE, load("digits"), Recipe(epochs=2), folder=folder)
    return folder


@pytest.fixture
def folder(tmp_path, models):
    """A function: a run whose little net is trained, in a folder of this name."""

    def make(name="run"):
        run = run_folder(tmp_path / name, [listed_pair(1, LITTLE, BIG)])
        shutil.copytree(models, run / MODELS)
        return run

    return make


def test_the_table_and_the_json_are_the_library_call(cli, folder, tmp_path):
    options = {"macs": "12k", "rounds": 2, "epochs": 2, "saliency": "bn", "multiple": 2, "lr": 0.1}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    expected = compress(folder("a"), LITTLE, **options)
    folder("b")
    human = cli("compress", "b", "--net", LITTLE, *words)
    assert human.exit_code == 0, human.stderr
    assert human.stderr == ""
    told = json.loads(cli("compress", folder("c"), "--pair", "1:little", *words, "--json").stdout)
    assert told["nets"] == expected.summary()["nets"]
    assert told["recipe"] == expected.recipe.values()
    lines = human.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)  # paths are as long as they are
    for net in expected.nets:
        assert f"    {net.net}" in lines
        figures = lines[lines.index(f"    {net.net}") - 1].split()
        assert figures[0] == str(net.round)
        assert figures[-1] == f"{100 * net.test_accuracy:.1f}"
        assert figures[-2] == f"{100 * net.validation_accuracy:.1f}"
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
def test_errors(check_failure, folder, args, code, words):
    folder()
    check_failure(["compress", *args], code, words)


def test_an_interrupt_says_how_to_go_on(cli, folder, monkeypatch):
    run, real = folder(), compress

    def stopped(*args, **options):
        def stop(what, done, total):
            if done == 1:
                raise KeyboardInterrupt

        return real(*args, **options | {"progress": stop})

    monkeypatch.setattr("zeroshot.pruning.compress.compress", stopped)
    result = cli("compress", run, "--pair", "1:little", "--macs", "12k", "--epochs", 3, "--force")
    assert result.exit_code == 130
    assert result.stdout == ""
    monkeypatch.setattr("zeroshot.pruning.compress.compress", real)
    words = continuation(result.stderr)
    assert "--force" not in words
    again = json.loads(cli(*words, "--json").stdout)
    expected = real(folder("whole"), LITTLE, macs="12k", epochs=3)
    assert again["nets"] == expected.summary()["nets"]
