"""Runs that cannot be quantised: untrained, unfinished, damaged, of other data, or quantised otherwise already."""

import shutil
from dataclasses import replace

import pytest

from zeroshot.errors import RunError, UsageError
from zeroshot.quantization.quantize import quantize
from zeroshot.runs import folder as runs
from zeroshot.runs.checkpoints import stem
from zeroshot.runs.layout import INT8, MODELS, PAIRS
from zeroshot.training.train import train

from .int8_runs import BIG, LITTLE


def refused(run, error=RunError, **options):
    with pytest.raises(error) as caught:
        quantize(run, **options)
    assert caught.value.hint
    return f"{caught.value.message} {caught.value.hint}"


def test_no_run(tmp_path):
    assert "not the folder of a run" in refused(tmp_path / "none")


def test_a_run_that_is_not_trained(run):
    shutil.rmtree(run / MODELS)
    assert f"Train them: `zeroshot.train('{run}')`" in refused(run)
    assert not (run / INT8).exists()


def test_a_training_that_was_not_finished(run):
    (run / MODELS / PAIRS).unlink()
    text = refused(run)
    assert "was not finished" in text
    assert f"`zeroshot.train('{run}', resume=True)`" in text


@pytest.mark.parametrize("text", ["rank,little\n1,x\n", "rank\nmany\n", "\xff\n", ""])
def test_a_damaged_table_of_the_training(run, text):
    (run / MODELS / PAIRS).write_text(text, encoding="latin-1")
    refused(run)


def test_a_damaged_checkpoint(run):
    path = run / MODELS / f"{stem(BIG)}.pt"
    path.write_bytes(path.read_bytes()[:-10])
    assert "cut short" in refused(run)


def test_a_checkpoint_of_another_net(run):
    for kind in ("pt", "json", "npz"):
        shutil.copy(run / MODELS / f"{stem(LITTLE)}.{kind}", run / MODELS / f"{stem(BIG)}.{kind}")
    assert f"another net: {LITTLE}, not {BIG}" in refused(run)


def test_a_checkpoint_of_other_data(run, digits):
    path = run / MODELS / f"{stem(BIG)}.json"
    path.write_text(path.read_text().replace(digits.digest, "0" * 64))
    assert "trained otherwise" in refused(run)


def test_data_that_changed(run, digits):
    changed = replace(digits, x_train=digits.x_train // 2)
    assert changed.digest[:12] in refused(run, data=changed)


def test_int8_nets_that_are_there(done):
    before = (done / INT8 / f"{stem(LITTLE)}.npz").read_bytes()
    assert "`resume=True`" in refused(done)
    assert "epochs: 1 then, 0 now" in refused(done, resume=True, epochs=0)
    assert "epochs: 1 then, 0 now" in refused(done, resume=True, qat=False)
    assert "threads: 1 then, 2 now" in refused(done, resume=True, threads=2)
    assert (done / INT8 / f"{stem(LITTLE)}.npz").read_bytes() == before
    assert quantize(done, qat=False, force=True).recipe.epochs == 0
    assert "epochs: 0 then, 3 now" in refused(done, resume=True, qat=True)


def test_nets_that_were_trained_again(done):
    """The int8 nets are of other weights now."""
    train(done, top=2, epochs=1, force=True, jobs=1)
    assert "weights_sha256" in refused(done, resume=True)


def test_nothing_to_resume(run):
    assert "no quantisation to resume" in refused(run, resume=True)


@pytest.mark.parametrize("text", ["{", "[]", '{"recipe": 3}', '{"recipe": {"epochs": -1}, "threads": 1}'])
def test_a_damaged_plan(done, text):
    (done / INT8 / "quantize.json").write_text(text)
    refused(done, resume=True)


def test_a_full_disk(run, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs.os, "replace", full)
    assert "No space left" in refused(run)


@pytest.mark.parametrize("options", [{"threads": 0}, {"force": True, "resume": True}, {"epoch": 3}], ids=str)
def test_a_bad_call(run, options):
    refused(run, UsageError, **options)
    assert not (run / INT8).exists()
