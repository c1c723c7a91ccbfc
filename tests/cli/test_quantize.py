"""`zeroshot quantize`: the same figures as the library call, and what a user sees when it cannot be."""

import json
import shutil

import numpy as np
import pytest

from zeroshot.quantization.options import QuantizeOptions
from zeroshot.quantization.quantize import Int8Recipe, load_quantized, quantize
from zeroshot.runs.checkpoints import stem
from zeroshot.runs.layout import INT8
from zeroshot.runs.rows import QUANTIZED_PAIRS
from zeroshot.training.train import train

from ..processes import continuation, interrupted
from ..run_folders import listed_pair, run_folder

NETS = ("r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2", "r8-s8/2-c3w8x1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run with one pair, trained."""
    little, big, single = NETS
    run = run_folder(tmp_path_factory.mktemp("trained") / "run", [listed_pair(1, little, big, single)])
    train(run, top=1, epochs=2, jobs=1)
    return run


@pytest.fixture(scope="module")
def unfinetuned(trained, tmp_path_factory):
    """The same, quantised without finetuning."""
    run = shutil.copytree(trained, tmp_path_factory.mktemp("unfinetuned") / "run")
    quantize(run, qat=False)
    return run


@pytest.fixture(scope="module")
def finetuned(trained, tmp_path_factory):
    """The result of the library call: the same, quantised, finetuned for an epoch; a fifth of the images go on."""
    return quantize(shutil.copytree(trained, tmp_path_factory.mktemp("finetuned") / "run"), epochs=1, rate=0.2)


@pytest.fixture
def folder(trained, tmp_path):
    """A function: a copy of it."""
    return lambda name="run": shutil.copytree(trained, tmp_path / name)


def test_the_table_and_the_json_are_the_library_call(cli, folder, finetuned, tmp_path):
    expected = finetuned
    human = cli("quantize", folder("b"), "--epochs", 1, "--rate", 0.2)
    assert human.exit_code == 0, human.stderr
    assert human.stderr == ""
    told = json.loads(cli("quantize", "b", "--resume", "--rate", 0.2, "--json").stdout)
    assert told["pairs"] == expected.summary()["pairs"]
    assert told["recipe"] == expected.recipe.values()
    (row,) = map(QUANTIZED_PAIRS.plain, expected.pairs)
    lines = human.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)  # paths are as long as they are
    assert "…" not in human.stdout
    assert all(any(net in line for line in lines) for net in NETS)
    for kind in ("float", "int8"):
        (line,) = (line for line in lines if line.split()[:1] == [kind] and "±" in line)
        assert f"{100 * row[f'accuracy_{kind}']:.1f} ±" in line
        assert f"{100 * row[f'escalation_rate_{kind}']:.1f}" in line.split()
    assert f"less than {row['threshold_int8']} apart" in human.stdout
    (verdict,) = (line for line in lines if line.split()[:1] == ["rival"])
    assert f"{100 * row['rival_accuracy_int8']:.1f} %, {row['rival_latency_ms_int8']:.2f} ms" in verdict
    assert verdict.endswith(f": the int8 pair {row['verdict_int8']}")
    assert "budget" not in human.stdout
    for net in expected.nets:
        accuracies = (net.float_test_accuracy, net.ptq_test_accuracy, net.qat_test_accuracy)
        figures = [f"{100 * accuracy:.2f}" for accuracy in accuracies]
        assert any(line.split() == [*figures, net.name] for line in lines)


def test_without_finetuning_nothing_is_said_of_it(cli, folder):
    result = cli("quantize", folder(), "--no-qat", "--policy", "entropy")
    assert "finetuned" not in result.stdout
    assert "score, entropy, is below -" in result.stdout


def test_quiet_prints_the_folder_alone(cli, folder):
    run = folder()
    assert cli("quantize", run, "--no-qat", "--quiet").stdout == f"{run / INT8}\n"


def test_options_reach_the_recipe_and_the_rule(cli, folder):
    options = ("--epochs", 1, "--lr", 0.002, "--teacher", 1, "--ranges", "percentile", "--no-equalise", "--images", 64)
    told = json.loads(cli("quantize", folder(), *options, "--latency", "5ms", "--json").stdout)
    assert told["recipe"] == {
        "ranges": "percentile", "equalise": False, "images": 64, "epochs": 1, "lr": 0.002, "teacher": 1.0,
    }  # fmt: skip
    assert told["rule"] == {
        "rate": None, "accuracy": None, "latency": "5ms", "energy": None, "policy": "logit-gap", "per_class": False,
        "bias": False,
    }  # fmt: skip
    assert cli("quantize", "run", "--no-qat", "--force", "--energy", "0.9mJ", "--quiet").exit_code == 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["none"], 1, "not the folder of a run"),
        (["bare"], 1, "zeroshot train bare"),
        (["run", "--ranges", "kl"], 2, "minmax"),
        (["run", "--images", 3], 2, "--images must be at least 32"),
        (["run", "--images", 9999], 1, "--images"),
        (["run", "--epochs", -1], 2, "epochs"),
        (["run", "--no-qat", "--epochs", 2], 2, "--no-qat"),
        (["run", "--rate", 2], 2, "rate"),
        (["run", "--rate", 0.1, "--energy", "1mJ"], 2, "one rule"),
        (["run", "--per-class", "--accuracy-floor", 0.5], 2, "--per-class"),
        (["run", "--policy", "margin"], 2, "score-margin"),
        (["run", "--resume"], 1, "no quantisation to resume"),
        (["done", "--resume", "--qat"], 1, "epochs: 0 then, 3 now"),
        (["done", "--resume", "--ranges", "minmax"], 1, "ranges: 'mse' then, 'minmax' now"),
        (["done"], 1, "--resume"),
        (["run", "--data", "nowhere.npz"], 1, "nowhere.npz"),
        (["run", "--no-qat", "--accuracy-floor", 1], 3, "No threshold reaches"),
        (["run", "--no-qat", "--latency", "1us"], 3, "cannot keep"),
        ([], 2, "RUN"),
    ],
    ids=str,
)
def test_errors(check_failure, folder, unfinetuned, args, code, words):
    folder()
    shutil.copytree(unfinetuned, "done")
    shutil.rmtree(folder("bare") / "models")
    check_failure(["quantize", *args], code, words, again=["--force"] if code == 3 else [])


@pytest.mark.parametrize("by", ["exception", pytest.param("signal", marks=pytest.mark.slow)])
def test_interrupted_and_resumed_equals_uninterrupted(cli, interrupted_at, folder, finetuned, by):
    """In the epoch of the second net, or the process when its first net is done, or a moment later."""
    run = folder()
    first = run / INT8 / f"{stem(NETS[0])}.json"
    command = ("quantize", run, "--epochs", 1, "--rate", 0.2)
    if by == "signal":
        err = interrupted(command, first.exists)
    else:
        err = interrupted_at("zeroshot.quantization.qat.Finetuner.epoch", 2, *command)
        assert first.exists()
    told, _ = err.splitlines()
    assert told == f"error: interrupted; all whole nets are saved in {run / INT8}."
    assert not (run / INT8 / "summary.json").exists()
    assert continuation(err) == ["quantize", str(run), "--rate", "0.2", "--resume"]
    assert cli(*continuation(err)).exit_code == 0
    assert json.loads((run / INT8 / "summary.json").read_text())["pairs"] == finetuned.summary()["pairs"]
    for net in NETS:
        found, other = (load_quantized(path / INT8, net) for path in (run, finetuned.run))
        assert found.history == other.history
        assert all(np.array_equal(found.outputs[part], other.outputs[part]) for part in ("validation", "test"))


def test_interrupted_before_anything_was_written(check_interrupted_at_once, folder):
    check_interrupted_at_once("zeroshot.quantization.quantize.quantize", "quantize", folder())


def test_help_tells_every_option_and_its_default(cli):
    result = cli("quantize", "--help", env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for name, value in Int8Recipe().values().items():
        told = {"images": "512", "equalise": "equalise"}.get(name, str(value))
        (line,) = (line for line in result.stdout.splitlines() if f"--{name} " in line)
        assert f"[default: ({told})]" in line
    for name in QuantizeOptions.declared():
        assert f"--{name.replace('_', '-')} " in result.stdout
