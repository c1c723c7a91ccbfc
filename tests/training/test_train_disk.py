"""A training on disk: killed at any write, and everything that can be wrong with what it left."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from zeroshot.errors import RunError
from zeroshot.net import NetSpec
from zeroshot.runs import checkpoints as disk
from zeroshot.runs import folder as runs
from zeroshot.training.train import Recipe, load_net, train_net

from ..kills import killed_before_write
from .trainings import NET, OTHER, SHORT, same


@pytest.mark.parametrize(
    "at", [pytest.param(at, marks=[] if at in (0, 1, 5, 6, 8) else [pytest.mark.slow]) for at in range(9)]
)
def test_a_kill_before_any_write_changes_nothing(digits, whole, tmp_path, at):
    """Three epochs write six files, the result three."""
    with killed_before_write(at):
        train_net(NET, digits, SHORT, folder=tmp_path)
    # What SIGKILL would leave besides.
    (tmp_path / f".{disk.epoch_name(NET, 2)}.pt.x1").write_bytes(b"half")
    assert same(train_net(NET, digits, SHORT, folder=tmp_path, resume=True), whole)
    assert not list(tmp_path.glob("*epoch*"))
    assert not list(tmp_path.glob(".*"))


@pytest.fixture(scope="module")
def second_epoch(digits, tmp_path_factory):
    """A folder with the checkpoint of the second epoch."""
    folder = tmp_path_factory.mktemp("stopped")

    def stop(what, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_net(NET, digits, SHORT, folder=folder, progress=stop)
    return folder


@pytest.fixture
def stopped(second_epoch, tmp_path):
    """A copy of it, to be broken."""
    return shutil.copytree(second_epoch, tmp_path / "stopped")


def resume(digits, folder, net=NET, recipe=SHORT, **more):
    with pytest.raises(RunError) as caught:
        train_net(net, digits, recipe, folder=folder, resume=True, **more)
    assert caught.value.hint
    return f"{caught.value.message} {caught.value.hint}"


def test_only_the_last_epoch_is_kept(stopped):
    name = disk.epoch_name(NET, 2)
    assert sorted(p.name for p in stopped.iterdir()) == [f"{name}.json", f"{name}.pt"]
    tensors = torch.load(stopped / f"{name}.pt", weights_only=True)
    assert {key.split(".")[0] for key in tensors} == {"net", "average", "best", "optimizer"}


def test_a_folder_in_use_is_not_overwritten(digits, stopped):
    with pytest.raises(RunError, match="holds .* already"):
        train_net(NET, digits, SHORT, folder=stopped)


def test_a_checkpoint_cut_short_is_refused(digits, stopped):
    path = stopped / f"{disk.epoch_name(NET, 2)}.pt"
    path.write_bytes(path.read_bytes()[:-100])
    assert "cut short" in resume(digits, stopped)


def test_a_missing_checkpoint_is_refused(digits, stopped):
    (stopped / f"{disk.epoch_name(NET, 2)}.pt").unlink()
    assert "cannot be read" in resume(digits, stopped)


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_broken_description_is_refused(digits, stopped, text):
    (stopped / f"{disk.epoch_name(NET, 2)}.json").write_text(text, encoding="latin-1")
    assert disk.epoch_name(NET, 2) in resume(digits, stopped)


def test_a_checkpoint_of_another_net_is_refused(digits, stopped):
    for kind in ("pt", "json"):
        (stopped / f"{disk.epoch_name(NET, 2)}.{kind}").rename(stopped / f"{disk.epoch_name(OTHER, 2)}.{kind}")
    assert f"another net: {NET}, not {OTHER}" in resume(digits, stopped, OTHER)


def test_a_checkpoint_that_lies_about_its_net_is_refused(digits, stopped):
    """The description fits, the tensors do not."""
    name = disk.epoch_name(NET, 2)
    tensors, about = disk.load(stopped, name)
    tensors["net.classifier.bias"] = torch.zeros(3)
    disk.save(stopped, name, tensors, about)
    assert "does not fit" in resume(digits, stopped)


@pytest.mark.parametrize("content", [b"not torch", b"", None], ids=["text", "empty", "a list"])
def test_files_that_are_not_tensors_are_refused(digits, stopped, content):
    name = disk.epoch_name(NET, 2)
    if content is None:
        disk.save(stopped, name, [torch.zeros(1)], disk.read_about(stopped, name))
    else:
        (stopped / f"{name}.pt").write_bytes(content)
        about = disk.read_about(stopped, name) | {"sha256": disk.hashlib.sha256(content).hexdigest()}
        (stopped / f"{name}.json").write_text(json.dumps(about))
    assert "tensors" in resume(digits, stopped)


def test_other_settings_and_other_data_are_refused_with_what_differs(digits, stopped):
    assert "lr: 0.4 then, 0.1 now" in resume(digits, stopped, recipe=replace(SHORT, lr=0.1))
    assert "seed: 0 then, 1 now" in resume(digits, stopped, seed=1)
    assert "threads: 1 then, 2 now" in resume(digits, stopped, threads=2)
    changed = replace(digits, x_train=digits.x_train // 2)
    assert digits.digest in resume(changed, stopped)


def test_a_finished_net_is_refused_when_asked_for_otherwise(digits, tmp_path):
    train_net(NET, digits, Recipe(epochs=1), folder=tmp_path)
    assert "epochs: 1 then, 3 now" in resume(digits, tmp_path)
    (tmp_path / f"{disk.stem(NET)}.npz").write_bytes(b"PK")
    with pytest.raises(RunError, match=r"\.npz is damaged"):
        load_net(tmp_path, NET)
    with pytest.raises(RunError, match="There is no"):
        load_net(tmp_path, OTHER)


def test_outputs_of_another_net_are_not_taken_for_its_own(digits, tmp_path):
    """As whole and as long as its own: only a digest tells."""
    nets = [train_net(net, digits, Recipe(epochs=1), folder=tmp_path) for net in (NET, OTHER)]
    theirs = (tmp_path / f"{disk.stem(OTHER)}.npz").read_bytes()
    (tmp_path / f"{disk.stem(NET)}.npz").write_bytes(theirs)
    with pytest.raises(RunError, match="SHA-256"):
        load_net(tmp_path, NET)
    assert same(load_net(tmp_path, OTHER), nets[1])


def test_a_full_disk(digits, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs.os, "replace", full)
    with pytest.raises(RunError, match="No space left") as caught:
        train_net(NET, digits, SHORT, folder=tmp_path)
    assert "`resume=True`" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(digits, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Cannot make"):
        train_net(NET, digits, SHORT, folder=tmp_path / "file" / "models")


def test_file_names_are_one_to_one():
    nets = (NET, OTHER, NET.replace("/2", ""), NET + "/2", "r8-s4-c3w8x1/2")
    assert [str(NetSpec.parse(net)) for net in nets] == list(nets)
    assert len({disk.stem(net) for net in nets}) == len(nets)
    assert all(disk.stem(net).replace("_", "/") == net for net in nets)
    assert not any("_" in net for net in nets)
