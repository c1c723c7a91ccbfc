"""Quantising a run's pairs: thresholds on int8 scores, predicted beside float and int8, and what cannot be."""

import csv
import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from zeroshot.cascade.measure import outcome, threshold_for_rate
from zeroshot.data import load
from zeroshot.errors import InfeasibleError, RunError, UsageError
from zeroshot.quantization.quantize import Int8Recipe, load_quantized, pixel_table, quantize_run
from zeroshot.quantization.thresholds import ALL, Rule, device_threshold, rate_within
from zeroshot.runs import folder as runs
from zeroshot.runs.checkpoints import stem
from zeroshot.runs.folder import open_run
from zeroshot.training.train import hold_out, load_net, train

LITTLE, BIG, ALONE = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2", "r8-s8/2-d3w8x1"
PTQ, QAT = Int8Recipe(epochs=0), Int8Recipe(epochs=1)


def pair(rank, little, big, single=ALONE, rate=0.3):
    row = {
        "rank": rank, "little": little, "big": big, "accuracy": 0.8, "accuracy_low": 0.7, "accuracy_high": 0.9,
        "little_accuracy": 0.6, "big_accuracy": 0.85, "escalation_rate": rate,
        "latency_ms": 1.0 + rate * 10, "worst_latency_ms": 11.0, "energy_mj": 0.1 + rate, "worst_energy_mj": 1.1,
        "macs": 1.0, "flash_bytes": 1, "sram_bytes": 1, "pays": None,
        "single": single, "single_accuracy": 0.75, "single_latency_ms": 3.5, "gain": 0.05, "gain_error": 0.1,
    }  # fmt: skip
    return row if single else row | dict.fromkeys(("single_accuracy", "single_latency_ms", "gain", "gain_error"))


ROWS = [pair(1, LITTLE, BIG), pair(2, ALONE, BIG, None), pair(3, LITTLE, "r8-s4-c3w4x1")]


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def original(tmp_path_factory, digits):
    """A run whose first two pairs are trained."""
    config = {"data": "digits", "data_sha256": digits.digest, "seed": 0}
    folder = open_run(tmp_path_factory.mktemp("original") / "run", config, force=False, resume=False)
    folder.write_table("pairs.csv", ROWS)
    train(folder.path, top=2, epochs=3, jobs=1)
    return folder.path


@pytest.fixture(scope="module")
def quantised(original, tmp_path_factory):
    """The same, quantised."""
    run = shutil.copytree(original, tmp_path_factory.mktemp("quantised") / "run")
    quantize_run(run, QAT)
    return run


@pytest.fixture(autouse=True)
def _no_plot(request, monkeypatch):
    """A plot takes longer than all else that a run of finished nets does; one test draws it."""
    if request.node.name != "test_what_is_written":
        monkeypatch.setattr("zeroshot.quantization.quantize.plot_curves", lambda *args: b"")


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
    return {name: load_quantized(run / "int8", name) for name in (LITTLE, BIG, ALONE)}


# ---- the figures


def test_figures_are_those_of_the_int8_cascade_run_by_hand(done, digits):
    result = quantize_run(done, resume=True)
    found, split = nets(done), hold_out(digits, 0)
    assert [(row["little"], row["big"]) for row in result.pairs] == [(LITTLE, BIG), (ALONE, BIG)]
    for row in result.pairs:
        little, big = found[row["little"]], found[row["big"]]
        scores, tested = gaps(little.outputs["validation"]), gaps(little.outputs["test"])
        t = row["threshold_int8"]
        assert isinstance(t, int)
        # As many inputs as possible escalate, but no more than the search had chosen.
        assert (scores < t).mean() <= 0.3 < (scores < t + 1).mean()
        assert row["escalation_rate_validation_int8"] == (scores < t).mean()
        up = tested < t
        hits = {net.name: net.outputs["test"].argmax(1) == split.labels("test") for net in (little, big)}
        right = np.where(up, hits[big.name], hits[little.name])
        assert row["accuracy_int8"] == right.mean()
        assert row["escalation_rate_int8"] == up.mean()
        assert row["little_accuracy_int8"] == hits[little.name].mean() == little.test_accuracy
        assert row["latency_ms_int8"] == pytest.approx(1 + up.mean() * 10)
        assert row["energy_mj_int8"] == pytest.approx(0.1 + up.mean())
        assert row["accuracy_predicted"] == 0.8
        assert row["logit_scale_int8"] == little.int8.scale[-1]
        if row["single"] is None:
            assert row["gain_int8"] is row["verdict_int8"] is row["single_model"] is None
        else:
            alone = found[row["single"]]
            assert row["single_accuracy_int8"] == alone.test_accuracy
            assert row["gain_int8"] == pytest.approx(right.mean() - alone.test_accuracy)
            assert row["verdict_int8"] in {"pays", "may pay", "does not pay"}
    assert "validation images only" in " ".join(result.remarks)


def test_float_figures_are_those_of_the_training(done):
    with (done / "models" / "pairs.csv").open() as file:
        expected = list(csv.DictReader(file))
    for row, before in zip(quantize_run(done, resume=True).pairs, expected, strict=True):
        for key in ("accuracy", "escalation_rate", "latency_ms", "little_accuracy", "big_accuracy", "energy_mj"):
            assert row[f"{key}_float"] == float(before[f"{key}_test"])
        assert row["threshold_float"] == float(before["threshold"])
        assert (row["verdict_float"] or "") == before["verdict"]


def test_the_rows_of_the_nets(done):
    result = quantize_run(done, resume=True)
    assert [row["name"] for row in result.nets] == [LITTLE, BIG, ALONE]
    for row in result.nets:
        net, trained = load_quantized(done / "int8", row["name"]), load_net(done / "models", row["name"])
        for part in ("validation", "test"):
            assert row[f"qat_{part}_accuracy"] == net.accuracy[part]
            assert row[f"ptq_{part}_accuracy"] == net.ptq_accuracy[part]
        assert row["float_test_accuracy"] == trained.test_accuracy
        assert row["float_validation_accuracy"] == trained.validation_accuracy


def test_what_is_written(done, digits):
    result = quantize_run(done, resume=True)
    kinds = ("npz", "json", "outputs.npz")
    expected = {f"{stem(net)}.{kind}" for net in (LITTLE, BIG, ALONE) for kind in kinds}
    written = {p.name: p.read_bytes() for p in (done / "int8").iterdir()}
    assert set(written) == expected | {"quantize.json", "pairs.csv", "nets.csv", "summary.json", "curves.png"}
    told = json.loads(written["summary.json"])
    assert told["pairs"] == result.pairs
    assert told["recipe"] == QAT.values()
    assert written["curves.png"].startswith(b"\x89PNG")
    for name, net in nets(done).items():
        with np.load(done / "int8" / f"{stem(name)}.outputs.npz") as file:
            assert (file["pixels"] == pixel_table(net.int8, digits)).all()
            assert file["test"].shape == (len(digits.y_test), 10)
    # Once more: equal bytes.
    quantize_run(done, resume=True)
    again = {p.name: p.read_bytes() for p in (done / "int8").iterdir()}
    assert {n for n in written if written[n] != again[n]} <= {"summary.json"}  # it tells how long it took


def test_the_threshold_does_not_see_the_test_images(run, digits):
    first = quantize_run(run, PTQ)
    changed = replace(digits, x_test=digits.x_test[::-1].copy(), y_test=(digits.y_test + 1) % 10)
    for path in [run / "config.toml", *(run / "models").glob("*.json")]:
        path.write_text(path.read_text().replace(digits.digest, changed.digest))
    second = quantize_run(run, PTQ, data=changed, force=True)
    assert [row["threshold_int8"] for row in first.pairs] == [row["threshold_int8"] for row in second.pairs]
    assert first.pairs[0]["accuracy_int8"] != second.pairs[0]["accuracy_int8"]


# ---- rules


def test_a_rate(done):
    for rate, threshold in ((0.0, None), (1.0, ALL), (0.1, None)):
        row = quantize_run(done, rule=Rule(rate=rate), resume=True).pairs[0]
        scores = gaps(nets(done)[LITTLE].outputs["validation"])
        assert row["escalation_rate_validation_int8"] <= rate
        assert (scores < row["threshold_int8"] + 1).mean() > rate or row["threshold_int8"] == ALL
        assert threshold is None or row["threshold_int8"] == threshold
        assert row["escalation_rate_float"] == pytest.approx(rate, abs=0.1)


def test_a_threshold_for_each_class(done, digits):
    """By hand from the stored int8 outputs: the same rate and accuracy, all in integers."""
    found, split = quantize_run(done, rule=Rule(rate=0.3, per_class=True), resume=True), hold_out(digits, 0, 0.1)
    for row in found.pairs:
        limits = np.array([int(each) for each in row["threshold_int8"].split()])
        assert len(limits) == 10
        little, big = (load_quantized(done / "int8", row[f"{role}_model"]).outputs for role in ("little", "big"))
        up, right = {}, {}
        for part in ("validation", "test"):
            answers = little[part].argmax(axis=1)
            up[part] = gaps(little[part]) < limits[answers]
            right[part] = np.where(up[part], big[part].argmax(axis=1), answers) == split.labels(part)
        assert up["validation"].mean() <= 0.3
        assert row["escalation_rate_int8"] == up["test"].mean()
        assert row["accuracy_int8"] == right["test"].mean()
        one = outcome(little["validation"].astype(np.int16), big["validation"], split.labels("validation"))
        escalated = one.score < threshold_for_rate(one.score, 0.3)
        assert right["validation"].mean() >= np.where(escalated, one.big, one.little).mean()


def test_the_summary_is_json_that_any_reader_takes(done):
    """Also where all inputs escalate: JSON has no infinity."""
    for rate in (0.0, 1.0):
        quantize_run(done, rule=Rule(rate=rate), resume=True)
        text = (done / "int8" / "summary.json").read_text()
        pairs = json.loads(text, parse_constant=lambda name: pytest.fail(name))["pairs"]
        assert {row["threshold_float"] == "inf" for row in pairs} == {rate == 1.0}


def test_an_accuracy_floor_takes_the_fewest_escalations(done, digits):
    found, labels = nets(done), hold_out(digits, 0).labels("validation")
    little, big = (found[name].outputs["validation"] for name in (LITTLE, BIG))
    scores = gaps(little)
    curve = [(np.where(scores < t, big.argmax(1) == labels, little.argmax(1) == labels)).mean() for t in range(ALL + 1)]
    floor = (curve[0] + max(curve)) / 2
    row = quantize_run(done, rule=Rule(accuracy=floor), resume=True).pairs[0]
    first = next(t for t in range(ALL + 1) if curve[t] >= floor)
    assert (scores < row["threshold_int8"]).mean() == (scores < first).mean()
    assert row["escalation_rate_validation_float"] == pytest.approx(row["escalation_rate_validation_int8"], abs=0.02)


def test_budgets_become_rates(done):
    by_latency = quantize_run(done, rule=Rule(latency="3ms"), resume=True).pairs
    by_energy = quantize_run(done, rule=Rule(energy="300uJ"), resume=True).pairs
    by_rate = quantize_run(done, rule=Rule(rate=0.2), resume=True).pairs
    thresholds = [[row["threshold_int8"] for row in rows] for rows in (by_latency, by_energy, by_rate)]
    assert thresholds[0] == thresholds[1] == thresholds[2]


def test_the_rate_within_a_budget():
    row = ROWS[0]
    assert rate_within(row, "latency_ms", 1.0, "ms") == pytest.approx(0)
    assert rate_within(row, "latency_ms", 6.0, "ms") == pytest.approx(0.5)
    assert rate_within(row, "latency_ms", 99.0, "ms") == 1
    with pytest.raises(InfeasibleError, match="the little net alone takes 1 ms"):
        rate_within(row, "latency_ms", 0.9, "ms")
    everything = row | {"escalation_rate": 1.0, "latency_ms": 11.0}
    with pytest.raises(InfeasibleError, match="one figure"):
        rate_within(everything, "latency_ms", 6.0, "ms")


@pytest.mark.parametrize("policy", ["score-margin", "max-softmax", "entropy"])
def test_other_policies_compare_real_numbers(done, policy):
    row = quantize_run(done, rule=Rule(policy=policy), resume=True).pairs[0]
    net = nets(done)[LITTLE]
    real = torch.from_numpy((net.outputs["test"].astype(float) - net.int8.zero[-1]) * float(net.int8.scale[-1]))
    p = real.softmax(1)
    top = p.topk(2).values
    scores = {
        "score-margin": top[:, 0] - top[:, 1], "max-softmax": top[:, 0], "entropy": (p * p.log()).sum(1),
    }[policy]  # fmt: skip
    assert row["escalation_rate_int8"] == pytest.approx(
        float((scores < row["threshold_int8"]).double().mean()), abs=0.01
    )
    assert row["escalation_rate_validation_int8"] <= 0.3


def test_the_threshold_of_a_device():
    assert device_threshold(math.inf, "logit-gap") == ALL == 256
    assert device_threshold(17.0, "logit-gap") == 17
    assert isinstance(device_threshold(17.0, "logit-gap"), int)
    assert device_threshold(0.3, "entropy") == 0.3


def test_pairs_that_cannot_do_what_is_asked_for_are_left_out(done, digits):
    """One pair's little net is too dear for the budget."""
    rows = [ROWS[0], ROWS[1] | {"latency_ms": 8.0}]
    with (done / "pairs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    result = quantize_run(done, rule=Rule(latency="3ms"), resume=True)
    assert [row["rank"] for row in result.pairs] == [1]
    assert any("Pair 2 cannot keep 3 ms" in remark and "left out" in remark for remark in result.remarks)
    with pytest.raises(InfeasibleError, match="Pair 1 cannot keep 0.5 ms") as caught:
        quantize_run(done, rule=Rule(latency="0.5ms"), resume=True)
    assert caught.value.exit_code == 3


def test_a_floor_that_no_pair_reaches(done):
    with pytest.raises(InfeasibleError, match="No threshold reaches 100.00 %"):
        quantize_run(done, rule=Rule(accuracy=1.0), resume=True)
    assert quantize_run(done, resume=True).pairs


@pytest.mark.parametrize(
    "values",
    [
        {"rate": 1.1}, {"rate": -0.1}, {"accuracy": 85.0}, {"rate": 0.1, "latency": "3ms"}, {"latency": "much"},
        {"energy": "-1mJ"}, {"accuracy": 0.5, "per_class": True}, {"policy": "margin"}, {"rate": float("nan")},
    ],
    ids=str,
)  # fmt: skip
def test_bad_rules(values):
    with pytest.raises(UsageError) as caught:
        Rule(**values)
    assert caught.value.hint


# ---- interruption and resumption


def test_resumed_after_an_interruption_equals_uninterrupted(run, quantised):
    steps = []

    def stop(what, done, total):
        steps.append((what, done, total))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize_run(run, QAT, progress=stop)
    assert steps == [("quantising net 1 of 3", 1, 6), ("quantising net 1 of 3", 2, 6), ("quantising net 2 of 3", 3, 6)]
    assert [p.stem for p in (run / "int8").glob("*.npz") if "outputs" not in p.name] == [stem(LITTLE)]
    (run / "int8" / ".half.npz.x").write_bytes(b"")
    quantize_run(run, resume=True)
    for name, net in nets(run).items():
        whole = load_quantized(quantised / "int8", name)
        assert net.history == whole.history
        assert all((net.outputs[part] == whole.outputs[part]).all() for part in whole.outputs)
    assert not list((run / "int8").glob(".*"))
    a, b = (json.loads((folder / "int8" / "summary.json").read_text()) for folder in (run, quantised))
    assert a["pairs"] == b["pairs"]


def test_more_pairs_that_were_trained_later_are_added(done):
    before = quantize_run(done, resume=True)
    train(done, top=3, resume=True, jobs=1)
    after = quantize_run(done, resume=True)
    assert after.pairs[:2] == before.pairs
    assert len(after.pairs) == 3
    assert len(after.nets) == 4


# ---- what cannot be quantised


def refused(run, error=RunError, **options):
    with pytest.raises(error) as caught:
        quantize_run(run, **({"recipe": PTQ} | options))
    assert caught.value.hint
    return f"{caught.value.message} {caught.value.hint}"


def test_no_run(tmp_path):
    assert "not the folder of a run" in refused(tmp_path / "none")


def test_a_run_that_is_not_trained(run):
    shutil.rmtree(run / "models")
    assert f"Train them: zeroshot train {run}" in refused(run)
    assert not (run / "int8").exists()


def test_a_training_that_was_not_finished(run):
    (run / "models" / "pairs.csv").unlink()
    text = refused(run)
    assert "was not finished" in text
    assert f"zeroshot train {run} `resume=True`" in text


@pytest.mark.parametrize("text", ["rank,little\n1,x\n", "rank\nmany\n", "\xff\n", ""])
def test_a_damaged_table_of_the_training(run, text):
    (run / "models" / "pairs.csv").write_text(text, encoding="latin-1")
    refused(run)


def test_a_damaged_checkpoint(run):
    path = run / "models" / f"{stem(BIG)}.pt"
    path.write_bytes(path.read_bytes()[:-10])
    assert "cut short" in refused(run)


def test_a_checkpoint_of_another_net(run):
    for kind in ("pt", "json", "npz"):
        shutil.copy(run / "models" / f"{stem(LITTLE)}.{kind}", run / "models" / f"{stem(BIG)}.{kind}")
    assert f"another net: {LITTLE}, not {BIG}" in refused(run)


def test_a_checkpoint_of_other_data(run, digits):
    path = run / "models" / f"{stem(BIG)}.json"
    path.write_text(path.read_text().replace(digits.digest, "0" * 64))
    assert "trained otherwise" in refused(run)


def test_data_that_changed(run, digits):
    changed = replace(digits, x_train=digits.x_train // 2)
    assert changed.digest[:12] in refused(run, data=changed)


def test_int8_nets_that_are_there(done):
    before = (done / "int8" / f"{stem(LITTLE)}.npz").read_bytes()
    assert "`resume=True`" in refused(done)
    assert "epochs: 1 then, 0 now" in refused(done, resume=True)
    assert "threads: 1 then, 2 now" in refused(done, resume=True, recipe=QAT, threads=2)
    assert (done / "int8" / f"{stem(LITTLE)}.npz").read_bytes() == before
    assert quantize_run(done, PTQ, force=True).recipe == PTQ


def test_nets_that_were_trained_again(done):
    """The int8 nets are of other weights now."""
    train(done, top=2, epochs=1, force=True, jobs=1)
    assert "weights_sha256" in refused(done, resume=True, recipe=None)


def test_nothing_to_resume(run):
    assert "no quantisation to resume" in refused(run, resume=True)


@pytest.mark.parametrize("text", ["{", "[]", '{"recipe": 3}', '{"recipe": {"epochs": -1}, "threads": 1}'])
def test_a_damaged_plan(done, text):
    (done / "int8" / "quantize.json").write_text(text)
    refused(done, resume=True, recipe=None)


def test_a_full_disk(run, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs.os, "replace", full)
    assert "No space left" in refused(run)


@pytest.mark.parametrize("options", [{"threads": 0}, {"force": True, "resume": True}], ids=str)
def test_bad_options(run, options):
    refused(run, UsageError, **options)
    assert not (run / "int8").exists()
