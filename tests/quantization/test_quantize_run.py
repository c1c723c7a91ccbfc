"""Quantising a run's pairs: predicted beside float and int8, by hand; what is written, interrupted and resumed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from zeroshot.quantization.quantize import load_quantized, pixel_table, quantize
from zeroshot.runs.checkpoints import stem
from zeroshot.runs.layout import INT8, MODELS
from zeroshot.runs.reading import read_quantization, read_training
from zeroshot.runs.rows import QUANTIZED_PAIRS
from zeroshot.training.train import hold_out, load_net, train

from .int8_runs import ALONE, BIG, LITTLE, SHORT, gaps, nets


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
            assert int8.single_accuracy is pair.models.single is None
        else:
            assert int8.single_accuracy == found[pair.models.single].test_accuracy
        # The big net takes 10 ms, the pair 4.
        rivals = [found[name] for name in (LITTLE, ALONE)]
        rival = found[int8.rival_model]
        assert rival.accuracy["validation"] == max(net.accuracy["validation"] for net in rivals)
        assert int8.rival == ("little" if int8.rival_model == pair.models.little else "single")
        assert (int8.rival_accuracy, int8.rival_latency_ms) == (rival.test_accuracy, 1.0)
        assert int8.gain == pytest.approx(right.mean() - rival.test_accuracy)
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


def test_what_is_written(plots, done, digits):
    result = quantize(done, resume=True)
    kinds = ("npz", "json", "outputs.npz")
    expected = {f"{stem(net)}.{kind}" for net in (LITTLE, BIG, ALONE) for kind in kinds}
    written = {p.name: p.read_bytes() for p in (done / INT8).iterdir()}
    told = {"quantize.json", "pairs.csv", "nets.csv", "confusion.csv", "summary.json", "curves.png", "digests.json"}
    assert set(written) == expected | told
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
    assert {n for n in written if written[n] != again[n]} <= {"summary.json", "digests.json"}  # how long it took


def test_a_remark_tells_of_test_images_from_elsewhere(run, digits):
    assert not any("other speakers" in remark for remark in quantize(run, epochs=0).remarks)
    changed = replace(digits, y_test=(digits.y_test + 1) % 10)
    for path in [run / "config.toml", *(run / MODELS).glob("*.json")]:
        path.write_text(path.read_text().replace(digits.digest, changed.digest))
    result = quantize(run, epochs=0, data=changed, force=True)
    assert len([remark for remark in result.remarks if "other speakers" in remark]) == 1


def test_the_threshold_does_not_see_the_test_images(run, digits):
    first = quantize(run, epochs=0)
    changed = replace(digits, x_test=digits.x_test[::-1].copy(), y_test=(digits.y_test + 1) % 10)
    for path in [run / "config.toml", *(run / MODELS).glob("*.json")]:
        path.write_text(path.read_text().replace(digits.digest, changed.digest))
    second = quantize(run, epochs=0, data=changed, force=True)
    assert [pair.int8.threshold for pair in first.pairs] == [pair.int8.threshold for pair in second.pairs]
    assert first.pairs[0].int8.accuracy != second.pairs[0].int8.accuracy


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
