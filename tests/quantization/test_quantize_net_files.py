"""Files of an int8 net: not made again, not taken for another, damaged, killed while they are written."""

import json
import shutil
from dataclasses import replace

import pytest

from zeroshot.errors import RunError
from zeroshot.quantization.quantize_net import quantize_net
from zeroshot.quantization.quantized_net import load_quantized
from zeroshot.runs import folder as runs
from zeroshot.runs.checkpoints import stem

from ..kills import killed_before_write
from .int8_nets import NETS, PTQ, same


@pytest.fixture(scope="module")
def made(trained, split, tmp_path_factory):
    """A quantised net and the folder of its files."""
    folder = tmp_path_factory.mktemp("stored")
    return quantize_net(trained("plain"), split, PTQ, folder=folder), folder


@pytest.fixture
def stored(made, tmp_path):
    return shutil.copytree(made[1], tmp_path, dirs_exist_ok=True)


def test_a_net_that_is_there_is_not_made_again(trained, split, stored):
    with pytest.raises(RunError, match="holds .* already"):
        quantize_net(trained("plain"), split, PTQ, folder=stored)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"recipe": replace(PTQ, ranges="minmax")}, "ranges: 'mse' then"), ({"seed": 1}, "seed: 0 then, 1 now")],
    ids=["ranges", "seed"],
)
def test_a_net_that_was_made_otherwise_is_refused(trained, split, stored, change, words):
    with pytest.raises(RunError, match=words):
        quantize_net(trained("plain"), split, **({"recipe": PTQ, "folder": stored, "resume": True} | change))


def test_a_net_of_other_weights_is_refused(trained, split, stored):
    weights = {name: tensor.clone() for name, tensor in trained("plain").weights.items()}
    weights["classifier.bias"] += 1
    with pytest.raises(RunError, match="weights_sha256"):
        quantize_net(replace(trained("plain"), weights=weights), split, PTQ, folder=stored, resume=True)


@pytest.mark.parametrize("kind", ["npz", "outputs.npz", "json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_damaged_files_are_refused(stored, kind, damage):
    path = stored / f"{stem(NETS['plain'])}.{kind}"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"PK\3\4 something else")
    with pytest.raises(RunError) as caught:
        load_quantized(stored, NETS["plain"])
    assert caught.value.hint


def test_a_description_that_lies_is_refused(stored):
    path = stored / f"{stem(NETS['plain'])}.json"
    for key in ("history", "outputs_sha256", "recipe"):
        about = json.loads(path.read_text())
        path.write_text(json.dumps({name: value for name, value in about.items() if name != key}))
        with pytest.raises(RunError, match="do not belong together"):
            load_quantized(stored, NETS["plain"])
        path.write_text(json.dumps(about))
    assert load_quantized(stored, NETS["plain"]).best_epoch == 0


@pytest.mark.parametrize("at", range(3))
def test_a_kill_before_any_write_leaves_nothing_that_counts(trained, split, made, tmp_path, at):
    with killed_before_write(at):
        quantize_net(trained("plain"), split, PTQ, folder=tmp_path)
    assert same(quantize_net(trained("plain"), split, PTQ, folder=tmp_path, resume=True), made[0])


def test_a_full_disk(trained, split, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs.os, "replace", full)
    with pytest.raises(RunError, match="No space left") as caught:
        quantize_net(trained("plain"), split, PTQ, folder=tmp_path)
    assert "`resume=True`" in caught.value.hint
    assert not list(tmp_path.iterdir())
