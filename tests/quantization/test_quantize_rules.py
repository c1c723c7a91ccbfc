"""Thresholds on int8 scores: each rule by hand, other policies, budgets, and what no pair can do."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from zeroshot.cascade.measure import outcome
from zeroshot.cascade.thresholds import threshold_for_rate
from zeroshot.errors import InfeasibleError, RunError, UsageError
from zeroshot.quantization.options import QuantizeOptions
from zeroshot.quantization.quantize import load_quantized, quantize
from zeroshot.quantization.thresholds import ALL, device_threshold, rate_within
from zeroshot.runs.layout import DIGESTS, INT8, MODELS, PAIRS
from zeroshot.runs.reading import read_quantization, read_training
from zeroshot.runs.rows import TRAINED_PAIRS
from zeroshot.training.train import hold_out

from .int8_runs import BIG, LISTED, LITTLE, gaps, nets


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


@pytest.mark.parametrize("per_class", [False, True])
def test_what_would_keep_a_budget_is_what_asking_for_it_chooses(done, per_class):
    """The search allowed 2 ms; a rate of 30 % takes 4 ms."""
    inside = quantize(done, latency="2ms", per_class=per_class, resume=True).pairs
    assert [pair.int8.budget_rate for pair in inside] == [None, None]  # validation images keep it
    with (done / "config.toml").open("a") as file:
        file.write("latency_limit = 2.0\n")
    pairs = quantize(done, rate=0.3, per_class=per_class, resume=True).pairs
    assert read_quantization(done) == pairs
    for pair, kept in zip(pairs, inside, strict=True):
        for told, other in ((pair.int8, kept.int8), (pair.in_float, kept.in_float)):
            assert told.over_budget == "latency"
            assert told.budget_rate == other.escalation_rate_validation
            assert told.budget_threshold == other.threshold
            assert told.budget_accuracy == other.accuracy


def test_the_budget_that_was_asked_for_last_counts(done):
    with (done / "config.toml").open("a") as file:
        file.write("latency_limit = 2.0\nenergy_limit = 9.0\n")
    rules = ({"rate": 0.3}, {"energy": "1.1mJ"}, {"latency": "9ms"}, {"latency": "12ms"})
    found = [[pair.int8 for pair in quantize(done, resume=True, **rule).pairs] for rule in rules]
    assert [[int8.over_budget for int8 in pairs] for pairs in found[:2]] == [["latency", "latency"]] * 2
    assert [int8.budget_rate for int8 in found[2]] == [None, None]
    assert [int8.over_budget for int8 in found[3]] == [None, None]  # all may escalate


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
    with pytest.raises(RunError, match="changed since"):
        quantize(done, latency="3ms", resume=True)
    (done / MODELS / DIGESTS).unlink()
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
