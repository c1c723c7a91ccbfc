"""`zeroshot train`: the same figures as the library call, and what a user sees when it cannot be."""

import io
import json

import pytest
import torch
from rich.console import Console

from zeroshot.cli._measured import print_verdict
from zeroshot.training.train import train

from ..processes import continuation, interrupted
from ..run_folders import listed_pair, run_folder

NETS = ("r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2", "r8-s8/2-c3w8x1")


@pytest.fixture
def folder(tmp_path):
    """A function: a run folder as a search leaves it."""
    pair = listed_pair(1, *NETS)
    return lambda name="run", pairs=(pair,), **more: run_folder(tmp_path / name, list(pairs), **more)


def test_the_table_and_the_json_are_the_library_call(cli, folder, tmp_path):
    expected = train(folder("a"), top=1, epochs=2)
    human = cli("train", folder("b"), "--top", 1, "--epochs", 2)
    assert human.exit_code == 0, human.stderr
    assert human.stderr == ""
    told = json.loads(cli("train", "b", "--resume", "--top", 1, "--json").stdout)
    assert told["pairs"] == expected.pairs.plain()
    assert told["recipe"] == expected.recipe.values()
    (row,) = expected.pairs.plain()
    lines = human.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)  # paths are as long as they are
    assert "…" not in human.stdout
    assert all(any(net in line for line in lines) for net in NETS)
    predicted, test = (next(line for line in lines if kind in line.split()[:2]) for kind in ("predicted", "test"))
    assert "80.0 ± 10.0" in next(line for line in lines if line.lstrip().startswith("1"))
    assert predicted != test
    measured = next(line for line in lines if line.split()[:1] == ["test"])
    assert f"{100 * row['accuracy_test']:.1f} ±" in measured
    assert f"{100 * row['escalation_rate_test']:.1f}" in measured.split()
    (verdict,) = (line for line in lines if line.split()[:1] == ["rival"])
    name = f"single {row['rival_model']}" if row["rival"] == "single" else f"{row['rival']} alone"
    figures = f"{100 * row['rival_accuracy_test']:.1f} %, {row['rival_latency_ms']:.2f} ms"
    assert verdict.split(maxsplit=1)[1] == f"{name}, {figures}: the pair {row['verdict']}"
    assert "budget" not in human.stdout


def test_a_pair_over_its_budget_is_marked(cli, folder):
    """4 ms at 30 %; 20 % keep 3 ms."""
    human = cli("train", folder(latency_limit=3.0), "--top", 1, "--epochs", 1)
    told = json.loads(cli("train", "run", "--resume", "--top", 1, "--json").stdout)
    (row,) = told["pairs"]
    assert row["over_budget"] == "latency"
    assert f"over the latency budget: big runs {100 * row['escalation_rate_validation']:.1f} %" in human.stdout
    kept = f"threshold {row['budget_threshold']:.4g}, accuracy {100 * row['budget_accuracy_test']:.1f} %"
    assert f"    {100 * row['budget_rate_validation']:.1f} % would keep it: {kept}\n" in human.stdout


@pytest.mark.parametrize(("verdict", "told"), [("may pay", True), ("does not pay", False)])
def test_rivals_that_test_images_prefer_are_told_where_they_lower_the_verdict(verdict, told):
    row = {
        "little": "l", "big": "b", "single": None, "little_model": "l", "big_model": "b", "rival": "single",
        "rival_model": "s", "rival_accuracy_test": 0.9, "rival_latency_ms": None, "verdict": verdict,
        "rivals_ahead": "l other", "over_budget": None,
    }  # fmt: skip
    screen = Console(file=io.StringIO(), width=80)
    print_verdict(screen, row, "test")
    lines = screen.file.getvalue().splitlines()
    assert lines[2] == f"    rival  single s, 90.0 %: the pair {verdict}"
    ahead = [f"    no worse than the pair on test images: {name}" for name in ("little alone", "other")]
    assert lines[3:] == (ahead if told else [])


def test_a_file_that_is_called_like_a_named_set_is_asked_for(cli, folder):
    result = cli("train", folder(data_by_name=False), "--top", 1, "--epochs", 1)
    assert result.exit_code == 1
    assert "only by name.\nhint: Give the file or folder with --data." in result.stderr


def test_quiet_prints_the_folder_alone(cli, folder):
    result = cli("train", folder(), "--epochs", 1, "--top", 1, "--quiet")
    assert result.stdout == f"{folder('x').parent / 'run' / 'models'}\n"


def test_recipe_options_reach_the_recipe(cli, folder):
    args = ("--optimizer", "adamw", "--lr", 0.02, "--flip", "--precision", "fp32", "--threads", 1, "--no-singles")
    result = cli("train", folder(), "--epochs", 1, *args, "--json")
    recipe = json.loads(result.stdout)["recipe"]
    assert (recipe["optimizer"], recipe["lr"], recipe["flip"], recipe["precision"]) == ("adamw", 0.02, True, "fp32")
    assert len(json.loads(result.stdout)["nets"]) == 2
    assert cli("train", "run", "--resume", "--lr", 0.02, "--no-singles").exit_code == 0
    other = cli("train", "run", "--resume", "--lr", 0.1)
    assert other.exit_code == 1
    assert "lr: 0.02 then, 0.1 now" in other.stderr


def test_lessons_reach_the_library_call(cli, folder):
    args = ("--epochs", 1, "--top", 1, "--distil", "big", "--cascade-aware", 1)
    told = json.loads(cli("train", folder(), *args, "--json").stdout)
    assert (told["distil"]["teacher"], told["cascade_aware"]["epochs"]) == ("big", 1)
    assert told["pairs"][0]["little_model"] == f"{NETS[0]}.distilled.little-with.{NETS[1]}"
    assert told["pairs"][0]["single_model"] == f"{NETS[2]}.distilled"
    again = cli("train", "run", "--resume", "--top", 1)
    assert "3 nets trained for 1 epochs, 2 of them by a teacher; 2 finetuned for their pair" in again.stdout


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["none"], 1, "not the folder of a run"),
        (["empty"], 1, "found no pairs"),
        (["run", "--top", 0], 2, "--top"),
        (["run", "--epochs", 1, "--minutes", 1], 2, "--minutes"),
        (["run", "--resume"], 1, "no training to resume"),
        (["run", "--data", "nowhere.npz"], 1, "nowhere.npz"),
        (["run", "--policy", "margin"], 2, "score-margin"),
        (["run", "--optimizer", "adma"], 2, "adamw"),
        (["run", "--distil", "little"], 2, "big"),
        (["run", "--cascade-aware", 0], 2, "at least 1"),
        ([], 2, "RUN"),
    ],
    ids=str,
)
def test_errors(check_failure, folder, args, code, words):
    folder()
    folder("empty", pairs=())
    check_failure(["train", *args], code, words)


@pytest.mark.parametrize("by", ["exception", pytest.param("signal", marks=pytest.mark.slow)])
def test_interrupted_and_resumed_equals_uninterrupted(cli, interrupted_at, folder, by):
    """In the third epoch, or the process at some moment of the training, whichever it is."""
    run, whole, epochs = folder(), folder("whole"), 6
    command = ("train", run, "--top", 1, "--epochs", epochs, "--no-singles", "--jobs", 1)
    if by == "signal":
        err = interrupted(command, lambda: any((run / "models").glob("*.epoch-*.json")))
    else:
        err = interrupted_at("zeroshot.training.trainer.Trainer.epoch", 3, *command)
    assert not (run / "models" / "summary.json").exists()
    assert cli(*continuation(err)).exit_code == 0
    train(whole, top=1, epochs=epochs, singles=False, jobs=1)
    for path in (whole / "models").glob("*.pt"):
        expected, found = (torch.load(p, weights_only=True) for p in (path, run / "models" / path.name))
        assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_interrupted_before_anything_was_written(check_interrupted_at_once, folder):
    check_interrupted_at_once("zeroshot.training.train.train", "train", folder())
