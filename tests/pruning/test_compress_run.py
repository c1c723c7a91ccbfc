"""Pruning a run's nets: rounds, files, resuming, and what is refused."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import net_costs
from zeroshot.data import load
from zeroshot.errors import InfeasibleError, RunError, TrainError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.pruning.compress import Target, compress, prune
from zeroshot.runs import checkpoints as disk
from zeroshot.runs.layout import MODELS
from zeroshot.training.batches import inputs
from zeroshot.training.train import Recipe, hold_out, load_net, train_net

from ..run_folders import listed_pair, run_folder

LITTLE, BIG = "r8-s8-c3w16x1/2-h24", "r8-s8-b3w8x1-m3e3w12x1/2"


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def sources(digits, tmp_path_factory):
    """Both nets, trained."""
    folder = tmp_path_factory.mktemp(MODELS)
    for net in (LITTLE, BIG):
        train_net(net, digits, Recipe(epochs=6, precision="fp32"), folder=folder)
    return folder


@pytest.fixture
def run(sources, tmp_path):
    """A run with these nets."""
    run = run_folder(tmp_path / "run", [listed_pair(1, LITTLE, BIG)], board="raspberry-pi-pico", engine="c99")
    shutil.copytree(sources, run / MODELS)
    return run


def half(run, **options):
    return compress(run, LITTLE, **{"macs": 16_000, "epochs": 4} | options)


def test_a_pruned_net_is_a_trained_net_of_its_own(run, digits):
    source = load_net(run / MODELS, LITTLE)
    before = (run / MODELS / f"{disk.stem(LITTLE)}.pt").read_bytes()
    found = half(run)
    net = load_net(found.folder, found.net)
    assert net.stage == "pruned"
    assert found.net == f"{net.net}.pruned"
    assert found.file.exists()
    split = hold_out(digits, 0)
    hits = net.outputs["test"].argmax(1) == split.labels("test")
    assert found.nets[-1].test_accuracy == net.test_accuracy == hits.mean()
    assert net.test_accuracy > 0.85
    assert (run / MODELS / f"{disk.stem(LITTLE)}.pt").read_bytes() == before
    first, last = found.nets
    assert (first.net, first.round, last.round) == (LITTLE, 0, 1)
    assert last.macs <= 16_000 < first.macs
    assert (first.test_accuracy, last.epochs) == (source.test_accuracy, 4)
    about = disk.read_about(found.folder, disk.stem(found.net))["pruned"]
    assert about["from"] == LITTLE
    assert about["from_sha256"] == source.digest
    assert (about["target"], about["saliency"], about["multiple"]) == ({"macs": 16_000}, "l1", 4)
    summary = json.loads((found.folder / f"{disk.stem(found.net)}.summary.json").read_text())
    assert summary == json.loads(json.dumps(found.summary()))


def test_it_starts_from_the_weights_that_pruning_leaves(run, digits):
    """And keeps them where no epoch betters them: at a rate of nearly nothing all epochs are equal."""
    source = load_net(run / MODELS, LITTLE)
    expected = prune(source, Target(macs=16_000))
    found = half(run, epochs=1, lr=1e-12)
    net = load_net(found.folder, found.net)
    assert net.net == str(expected.spec)
    for name, tensor in expected.weights.items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(net.weights[name], tensor, rtol=0, atol=1e-6)
    assert found.nets[-1].validation_accuracy_untrained <= net.validation_accuracy


def test_a_net_that_loses_nothing_keeps_its_accuracy(run, digits):
    """The channels that are taken out were dead."""
    source = load_net(run / MODELS, LITTLE)
    pruned = prune(source, Target(macs=16_000))
    weights = {name: tensor.clone() for name, tensor in source.weights.items()}
    for name, kept in pruned.kept.items():
        norm = name[:-1] + str(int(name[-1]) + 1)
        dead = [i for i in range(len(weights[f"{norm}.weight"])) if i not in kept]
        weights[f"{norm}.weight"][dead] = 0
        weights[f"{norm}.bias"][dead] = 0
    crippled = replace(source, weights=weights)
    split = hold_out(digits, 0)
    found = prune(crippled, Target(macs=pruned.after["macs"]))
    x = inputs(split, "validation", 8)
    with torch.no_grad():
        torch.testing.assert_close(found.module()(x), crippled.module()(x), rtol=1e-4, atol=1e-4)


def test_rounds_go_down_by_equal_factors_and_share_the_epochs(run):
    found = compress(run, "1:big", weights=700, rounds=3, epochs=7, multiple=1)
    assert found.source == BIG
    sizes = [row.weights for row in found.nets]
    assert [row.epochs for row in found.nets[1:]] == [2, 2, 3]
    for number, size in enumerate(sizes):
        assert size <= sizes[0] ** (1 - number / 3) * 700 ** (number / 3) + 1e-6
    assert sizes == sorted(set(sizes), reverse=True)
    for row in found.nets[1:]:
        assert load_net(found.folder, row.net).test_accuracy == row.test_accuracy
    about = [disk.read_about(found.folder, disk.stem(row.net))["pruned"] for row in found.nets[1:]]
    assert [each["round"] for each in about] == [1, 2, 3]
    assert [each["from"] for each in about] == [row.net for row in found.nets[:-1]]


def test_a_round_with_nothing_to_do_is_left_out(run):
    found = compress(run, LITTLE, macs=22_000, rounds=3, epochs=3, multiple=8)
    assert found.remarks
    assert len(found.nets) - 1 + len(found.remarks) == 3
    assert found.nets[-1].macs <= 22_000


def test_a_pruned_net_can_be_pruned_again(run):
    first = half(run, epochs=1)
    again = compress(run, first.net, macs=8_000, epochs=1, saliency="taylor")
    assert again.source == first.net
    assert again.nets[-1].macs <= 8_000


def test_interrupted_anywhere_and_resumed_gives_the_same_bits(run):
    options = {"weights": 700, "rounds": 2, "epochs": 4, "saliency": "taylor"}
    whole = compress(run, BIG, **options)
    expected = [load_net(whole.folder, row.net) for row in whole.nets[1:]]
    for row in whole.nets[1:]:
        for path in whole.folder.glob(f"{disk.stem(row.net)}.*"):
            path.unlink()
    for at in (1, 2, 3):

        def stop(what, done, total, at=at):
            assert total == 4
            if done == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            compress(run, BIG, **options, resume=True, progress=stop)
    again = compress(run, BIG, **options, resume=True)
    assert again.nets == whole.nets
    for net in expected:
        found = load_net(whole.folder, net.name)
        assert all(torch.equal(found.weights[name], net.weights[name]) for name in net.weights)
        assert found.history == net.history


def test_what_is_there_is_not_overwritten_unless_asked(run):
    first = half(run, epochs=1)
    with pytest.raises(RunError, match="holds .*pruned already") as caught:
        half(run, epochs=1)
    assert "`force=True`" in caught.value.hint
    with pytest.raises(RunError, match="epochs: 1 then, 2 now"):
        half(run, epochs=2, resume=True)
    other = half(run, epochs=2, force=True)
    assert (other.net, other.recipe.epochs) == (first.net, 2)
    _other_weights(run)
    with pytest.raises(RunError, match="from_sha256"):
        half(run, epochs=2, resume=True)


def _other_weights(run):
    name = disk.stem(LITTLE)
    tensors, about = disk.load(run / MODELS, name)
    tensors["classifier.bias"] += 1
    disk.save(run / MODELS, name, tensors, about)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"macs": None}, UsageError, "needs a target"),
        ({"macs": "1G"}, UsageError, "meets the target already"),
        ({"macs": 100}, InfeasibleError, "smallest net"),
        ({"macs": "much"}, UsageError, "not a positive"),
        ({"rounds": 0}, UsageError, "rounds"),
        ({"threads": 0}, UsageError, "threads"),
        ({"epochs": 1, "rounds": 2}, UsageError, "1 epochs are too few for 2 rounds"),
        ({"saliency": "bm"}, UsageError, "saliency 'bm'"),
        ({"board": "pico"}, UsageError, "board 'pico'"),
        ({"multiple": 0}, UsageError, "multiple"),
        ({"lr": 0.0}, UsageError, "`lr` must be above 0"),
        ({"force": True, "resume": True}, UsageError, "`force=True`"),
        ({"net": "2:little"}, UsageError, "no pair '2'"),
        ({"net": "0:little"}, UsageError, "no pair '0'"),
        ({"net": "x:little"}, UsageError, "no pair 'x'"),
        ({"net": "1:litle"}, UsageError, "'litle'"),
        ({"net": "1:single"}, UsageError, "no single net"),
        ({"net": "r8-s4-c3w4x1"}, RunError, "There is no"),
        ({"data": "fashion"}, Exception, "fashion"),
        ({"macro": 3}, UsageError, "macro"),
        ({"lr": 900.0}, TrainError, "is NaN or infinite"),
    ],
    ids=str,
)
def test_what_cannot_be_done(run, options, error, words):
    before = sorted(path.name for path in (run / MODELS).iterdir())
    options = {"macs": 16_000, "epochs": 2} | options
    with pytest.raises(error, match=words) as caught:
        compress(run, options.pop("net", LITTLE), **options)
    assert caught.value.hint
    assert sorted(path.name for path in (run / MODELS).iterdir()) == before


def test_a_run_that_is_none(tmp_path):
    with pytest.raises(RunError, match="not the folder of a run"):
        half(tmp_path / "none")


def test_changed_data_are_refused(run, digits):
    with pytest.raises(RunError, match="changed"):
        half(run, data=replace(digits, x_train=digits.x_train // 2))


def test_a_full_disk(run, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zeroshot.runs.folder.os.replace", full)
    with pytest.raises(RunError, match="No space left"):
        half(run)


def test_latency_is_of_the_runs_board(run):
    table = layer_table(spec_array([NetSpec.parse(LITTLE)]), 1, 10)
    goal = 0.75 * float(net_costs(table, load_board("raspberry-pi-pico"), load_engine("c99")).latency[0])
    found = compress(run, LITTLE, latency=f"{goal}ms", epochs=1)
    assert found.target == {"latency": goal, "board": "raspberry-pi-pico", "engine": "c99"}
    assert found.nets[-1].latency_ms <= goal < found.nets[0].latency_ms
