"""Quantising a run's pairs: thresholds on int8 scores, predicted beside float and int8, and what cannot be."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from zeroshot.cascade.measure import outcome
from zeroshot.cascade.thresholds import threshold_for_rate
from zeroshot.data import load
from zeroshot.errors import InfeasibleError, RunError, UsageError
from zeroshot.quantization.options import QuantizeOptions
from zeroshot.quantization.quantize import load_quantized, pixel_table, quantize
from zeroshot.quantization.thresholds import ALL, device_threshold, rate_within
from zeroshot.runs import folder as runs
from zeroshot.runs.checkpoints import stem
from zeroshot.runs.layout import INT8, MODELS, PAIRS
from zeroshot.runs.reading import read_quantization, read_training
from zeroshot.runs.rows import QUANTIZED_PAIRS, TRAINED_PAIRS
from zeroshot.training.train import hold_out, load_net, train

from ..run_folders import listed_pair, run_folder

LITTLE, BIG, ALONE = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2", "r8-s8/2-d3w8x1"
SHORT = {"epochs": 1}
LISTED = [
    listed_pair(1, LITTLE, BIG, ALONE), listed_pair(2, ALONE, BIG), listed_pair(3, LITTLE, "r8-s4-c3w4x1", ALONE),
]  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A run whose first two pairs are trained."""
    run = run_folder(tmp_path_factory.mktemp("original") / "run", LISTED)
    train(run, top=2, epochs=3, jobs=1)
    return run


@pytest.fixture(scope="module")
def quantised(original, tmp_path_factory):
    """The same, quantised."""
    run = shutil.copytree(original, tmp_path_factory.mktemp("quantised") / "run")
    quantize(run, **SHORT)
    return run


@pytest.fixture(autouse=True)
def _no_plot(request, monkeypatch):
    """A plot takes longer than all else that a run of finished nets does; one test draws it."""
    if request.node.name != "test_what_is_written":
        monkeypatch.setattr("zeroshot.quantization.quantize.QuantizedRun.plot", lambda *args: [])


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


@pytest.fixture
def done(quantised, tmp_path):
    return shutil.copytree(quantised, tmp_path / "run")


def gaps(outputs):
    ordered = np.sort(outputs.astype(int), axis=1)
    return ordered[:, -1] - ordered[:, -2]


def nets(run):
    return {name: load_quantized(run / INT8, name) for name in (LITTLE, BIG, ALONE)}


# ---- the figures


def test_figures_are_those_of_the_int8_cascade_run_by_hand(done, digits):
    result = quantize(done, resume=True)
    found, split = nets(done), hold_out(digits, 0)
    assert [(pair.predicted.little, pair.predicted.big) for pair in result.pairs] == [(LITTLE, BIG), (ALONE, BIG)]
    for pair in result.pairs:
        little, big = found[pair.models.little], found[pair.models.big]
        scores, tested = gaps(little.outputs["validation"]), gaps(little.outputs["test"])
        t, int8 = pair.int8.threshold, pair.int8
        assert isinstance(t, int)
        # As many inputs as possible escalate, but no more than the search had chosen.
        assert (scores < t).mean() <= 0.3 < (scores < t + 1).mean()
        assert int8.escalation_rate_validation == (scores < t).mean()
        up = tested < t
        hits = {net.name: net.outputs["test"].argmax(1) == split.labels("test") for net in (little, big)}
        right = np.where(up, hits[big.name], hits[little.name])
        assert int8.accuracy == right.mean()
        assert int8.escalation_rate == up.mean()
        assert int8.little_accuracy == hits[little.name].mean() == little.test_accuracy
        assert int8.latency_ms == pytest.approx(1 + up.mean() * 10)
        assert int8.energy_mj == pytest.approx(0.1 + up.mean())
        assert pair.predicted.accuracy == 0.8
        assert pair.logit_scale == little.int8.scale[-1]
        if pair.predicted.single is None:
            assert int8.gain is int8.verdict is pair.models.single is None
        else:
            alone = found[pair.models.single]
            assert int8.single_accuracy == alone.test_accuracy
            assert int8.gain == pytest.approx(right.mean() - alone.test_accuracy)
            assert int8.verdict in {"pays", "may pay", "does not pay"}
    assert "validation images only" in " ".join(result.remarks)


def test_float_figures_are_those_of_the_training(done):
    for pair, before in zip(quantize(done, resume=True).pairs, read_training(done), strict=True):
        assert pair.in_float == before.test
        assert (pair.predicted, pair.models, pair.policy) == (before.predicted, before.models, before.policy)


def test_the_rows_of_the_nets(done):
    result = quantize(done, resume=True)
    assert [row.name for row in result.nets] == [LITTLE, BIG, ALONE]
    for row in result.nets:
        net, trained = load_quantized(done / INT8, row.name), load_net(done / MODELS, row.name)
        assert (row.qat_validation_accuracy, row.qat_test_accuracy) == (
            net.accuracy["validation"],
            net.accuracy["test"],
        )
        ptq = net.ptq_accuracy
        assert (row.ptq_validation_accuracy, row.ptq_test_accuracy) == (ptq["validation"], ptq["test"])
        assert row.float_test_accuracy == trained.test_accuracy
        assert row.float_validation_accuracy == trained.validation_accuracy


def test_what_is_written(done, digits):
    result = quantize(done, resume=True)
    kinds = ("npz", "json", "outputs.npz")
    expected = {f"{stem(net)}.{kind}" for net in (LITTLE, BIG, ALONE) for kind in kinds}
    written = {p.name: p.read_bytes() for p in (done / INT8).iterdir()}
    assert set(written) == expected | {"quantize.json", "pairs.csv", "nets.csv", "summary.json", "curves.png"}
    told = json.loads(written["summary.json"])
    assert told["pairs"] == [QUANTIZED_PAIRS.plain(pair) for pair in result.pairs]
    assert read_quantization(done) == result.pairs
    recipe = {"ranges": "mse", "equalise": True, "images": None, "epochs": 1, "lr": 0.003, "teacher": 0.5}
    assert told["recipe"] == recipe
    assert json.loads(written["quantize.json"]) == {"recipe": recipe, "threads": 1, "seed": 0}
    assert written["curves.png"].startswith(b"\x89PNG")
    for name, net in nets(done).items():
        with np.load(done / INT8 / f"{stem(name)}.outputs.npz") as file:
            assert (file["pixels"] == pixel_table(net.int8, digits)).all()
            assert file["test"].shape == (len(digits.y_test), 10)
    # Once more: equal bytes.
    quantize(done, resume=True)
    again = {p.name: p.read_bytes() for p in (done / INT8).iterdir()}
    assert {n for n in written if written[n] != again[n]} <= {"summary.json"}  # it tells how long it took


def test_the_threshold_does_not_see_the_test_images(run, digits):
    first = quantize(run, epochs=0)
    changed = replace(digits, x_test=digits.x_test[::-1].copy(), y_test=(digits.y_test + 1) % 10)
    for path in [run / "config.toml", *(run / MODELS).glob("*.json")]:
        path.write_text(path.read_text().replace(digits.digest, changed.digest))
    second = quantize(run, epochs=0, data=changed, force=True)
    assert [pair.int8.threshold for pair in first.pairs] == [pair.int8.threshold for pair in second.pairs]
    assert first.pairs[0].int8.accuracy != second.pairs[0].int8.accuracy


# ---- rules


def test_a_rate(done):
    for rate, threshold in ((0.0, None), (1.0, ALL), (0.1, None)):
        pair = quantize(done, rate=rate, resume=True).pairs[0]
        scores, found = gaps(nets(done)[LITTLE].outputs["validation"]), pair.int8.threshold
        assert pair.int8.escalation_rate_validation <= rate
        assert (scores < found + 1).mean() > rate or found == ALL
        assert threshold is None or found == threshold
        assert pair.in_float.escalation_rate == pytest.approx(rate, abs=0.1)


def test_a_threshold_for_each_class(done, digits):
    """By hand from the stored int8 outputs: the same rate and accuracy, all in integers."""
    found, split = quantize(done, rate=0.3, per_class=True, resume=True), hold_out(digits, 0, 0.1)
    for pair in found.pairs:
        limits = np.array([int(each) for each in pair.int8.threshold.split()])
        assert len(limits) == 10
        little, big = (load_quantized(done / INT8, name).outputs for name in (pair.models.little, pair.models.big))
        up, right = {}, {}
        for part in ("validation", "test"):
            answers = little[part].argmax(axis=1)
            up[part] = gaps(little[part]) < limits[answers]
            right[part] = np.where(up[part], big[part].argmax(axis=1), answers) == split.labels(part)
        assert up["validation"].mean() <= 0.3
        assert pair.int8.escalation_rate == up["test"].mean()
        assert pair.int8.accuracy == right["test"].mean()
        one = outcome(little["validation"].astype(np.int16), big["validation"], split.labels("validation"))
        escalated = one.score < threshold_for_rate(one.score, 0.3)
        assert right["validation"].mean() >= np.where(escalated, one.big, one.little).mean()


def test_the_summary_is_json_that_any_reader_takes(done):
    """Also where all inputs escalate: JSON has no infinity."""
    for rate in (0.0, 1.0):
        quantize(done, rate=rate, resume=True)
        text = (done / INT8 / "summary.json").read_text()
        pairs = json.loads(text, parse_constant=lambda name: pytest.fail(name))["pairs"]
        assert {row["threshold_float"] == "inf" for row in pairs} == {rate == 1.0}


def test_an_accuracy_floor_takes_the_fewest_escalations(done, digits):
    found, labels = nets(done), hold_out(digits, 0).labels("validation")
    little, big = (found[name].outputs["validation"] for name in (LITTLE, BIG))
    scores = gaps(little)
    curve = [(np.where(scores < t, big.argmax(1) == labels, little.argmax(1) == labels)).mean() for t in range(ALL + 1)]
    floor = (curve[0] + max(curve)) / 2
    pair = quantize(done, accuracy_floor=floor, resume=True).pairs[0]
    first = next(t for t in range(ALL + 1) if curve[t] >= floor)
    assert (scores < pair.int8.threshold).mean() == (scores < first).mean()
    rate = pair.int8.escalation_rate_validation
    assert pair.in_float.escalation_rate_validation == pytest.approx(rate, abs=0.02)


def test_budgets_become_rates(done):
    rules = ({"latency": "3ms"}, {"energy": "300uJ"}, {"rate": 0.2})
    thresholds = [[pair.int8.threshold for pair in quantize(done, resume=True, **rule).pairs] for rule in rules]
    assert thresholds[0] == thresholds[1] == thresholds[2]


def test_the_rate_within_a_budget():
    pair = LISTED[0]
    assert rate_within(pair, "latency_ms", 1.0, "ms") == pytest.approx(0)
    assert rate_within(pair, "latency_ms", 6.0, "ms") == pytest.approx(0.5)
    assert rate_within(pair, "latency_ms", 99.0, "ms") == 1
    with pytest.raises(InfeasibleError, match="the little net alone takes 1 ms"):
        rate_within(pair, "latency_ms", 0.9, "ms")
    everything = replace(pair, escalation_rate=1.0, latency_ms=11.0)
    with pytest.raises(InfeasibleError, match="one figure"):
        rate_within(everything, "latency_ms", 6.0, "ms")


@pytest.mark.parametrize("policy", ["score-margin", "max-softmax", "entropy"])
def test_other_policies_compare_real_numbers(done, policy):
    int8 = quantize(done, policy=policy, resume=True).pairs[0].int8
    net = nets(done)[LITTLE]
    real = torch.from_numpy((net.outputs["test"].astype(float) - net.int8.zero[-1]) * float(net.int8.scale[-1]))
    p = real.softmax(1)
    top = p.topk(2).values
    scores = {
        "score-margin": top[:, 0] - top[:, 1], "max-softmax": top[:, 0], "entropy": (p * p.log()).sum(1),
    }[policy]  # fmt: skip
    assert int8.escalation_rate == pytest.approx(float((scores < int8.threshold).double().mean()), abs=0.01)
    assert int8.escalation_rate_validation <= 0.3


def test_the_threshold_of_a_device():
    assert device_threshold(math.inf, "logit-gap") == ALL == 256
    assert device_threshold(17.0, "logit-gap") == 17
    assert isinstance(device_threshold(17.0, "logit-gap"), int)
    assert device_threshold(0.3, "entropy") == 0.3


def test_pairs_that_cannot_do_what_is_asked_for_are_left_out(done, digits):
    """One pair's little net is too dear for the budget."""
    first, second = read_training(done)
    dear = replace(second, predicted=replace(second.predicted, latency_ms=8.0))
    (done / MODELS / PAIRS).write_text(TRAINED_PAIRS.to_csv([first, dear]))
    result = quantize(done, latency="3ms", resume=True)
    assert [pair.predicted.rank for pair in result.pairs] == [1]
    assert any("Pair 2 cannot keep 3 ms" in remark and "left out" in remark for remark in result.remarks)
    with pytest.raises(InfeasibleError, match="Pair 1 cannot keep 0.5 ms") as caught:
        quantize(done, latency="0.5ms", resume=True)
    assert caught.value.exit_code == 3


def test_a_floor_that_no_pair_reaches(done):
    with pytest.raises(InfeasibleError, match="No threshold reaches 100.00 %"):
        quantize(done, accuracy_floor=1.0, resume=True)
    assert quantize(done, resume=True).pairs


@pytest.mark.parametrize(
    "values",
    [
        {"rate": 1.1}, {"rate": -0.1}, {"accuracy_floor": 85.0}, {"rate": 0.1, "latency": "3ms"}, {"latency": "much"},
        {"energy": "-1mJ"}, {"accuracy_floor": 0.5, "per_class": True}, {"policy": "margin"}, {"rate": float("nan")},
        {"qat": False, "epochs": 2}, {"qat": True, "epochs": 0}, {"ranges": "kl"}, {"images": 3}, {"threads": 0},
    ],
    ids=str,
)  # fmt: skip
def test_bad_options(values):
    with pytest.raises(UsageError) as caught:
        QuantizeOptions(**values)
    assert caught.value.hint


# ---- interruption and resumption


def test_resumed_after_an_interruption_equals_uninterrupted(run, quantised):
    steps = []

    def stop(what, done, total):
        steps.append((what, done, total))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize(run, **SHORT, progress=stop)
    assert steps == [("quantising net 1 of 3", 1, 6), ("quantising net 1 of 3", 2, 6), ("quantising net 2 of 3", 3, 6)]
    assert [p.stem for p in (run / INT8).glob("*.npz") if "outputs" not in p.name] == [stem(LITTLE)]
    (run / INT8 / ".half.npz.x").write_bytes(b"")
    quantize(run, resume=True)
    for name, net in nets(run).items():
        whole = load_quantized(quantised / INT8, name)
        assert net.history == whole.history
        assert all((net.outputs[part] == whole.outputs[part]).all() for part in whole.outputs)
    assert not list((run / INT8).glob(".*"))
    a, b = (json.loads((folder / INT8 / "summary.json").read_text()) for folder in (run, quantised))
    assert a["pairs"] == b["pairs"]


def test_more_pairs_that_were_trained_later_are_added(done):
    before = quantize(done, resume=True)
    train(done, top=3, resume=True, jobs=1)
    after = quantize(done, resume=True)
    assert after.pairs[:2] == before.pairs
    assert len(after.pairs) == 3
    assert len(after.nets) == 4


# ---- what cannot be quantised


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
