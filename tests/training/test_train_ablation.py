"""benchmarks.pair_training on nets that train in a moment: the same figures as by hand, resumed, and its report."""

import numpy as np
import pytest

from benchmarks import pair_training
from zeroshot.cascade.measure import curve, outcome
from zeroshot.data import load
from zeroshot.training.train import CascadeTuning, Distillation, Recipe, hold_out, train_net

LITTLE, BIG = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2"


@pytest.fixture
def ablation(monkeypatch, tmp_path):
    """The script, small and writing elsewhere."""
    small = {
        "LITTLE": LITTLE, "BIG": BIG, "RECIPE": Recipe(epochs=1), "SEEDS": (0, 1), "RESULTS": tmp_path,
        "DISTILLATIONS": (Distillation(), Distillation(weight=0.1)),
        "TUNINGS": (CascadeTuning(epochs=1), CascadeTuning(epochs=1, softness=2.0)),
    }  # fmt: skip
    for name, value in small.items():
        monkeypatch.setattr(pair_training, name, value)
    return pair_training


def test_all_ways_are_trained_compared_and_reported(ablation, tmp_path):
    bench = ablation.Bench(load("digits"), tmp_path / "nets")
    rows = [row for found in ablation.choose(bench) for row in found]
    distil, tuning = ablation.chosen(rows)
    assert distil in ablation.DISTILLATIONS
    assert tuning in ablation.TUNINGS
    for seed in ablation.SEEDS:
        rows += [row for found in ablation.compare(bench, seed, distil, tuning) for row in found]
    tests = [row for row in rows if row.part == "test"]
    assert len(tests) == 2 * 6 * len(ablation.RATES)
    assert {row.seed for row in rows if row.part == "validation"} == {ablation.CHOICE_SEED}

    # The plain pair of seed 1, by hand.
    split = hold_out(load("digits"), 1)
    little, big = (train_net(net, split, Recipe(epochs=1), 1) for net in (LITTLE, BIG))
    points = curve(outcome(little.outputs["test"], big.outputs["test"], split.labels("test")))
    mine = {row.p: row.accuracy for row in tests if row.seed == 1 and row.way == ablation.PLAIN}
    assert mine == {p: np.interp(p, points.p, points.accuracy) for p in ablation.RATES}

    ablation.write(rows)
    assert ablation.read() == rows
    assert (tmp_path / "pair_training.md").read_text() == ablation.report(rows)
    assert len((tmp_path / "pair_training.csv").read_text().splitlines()) == 1 + len(rows)
    # Whatever is trained already is read.
    trained = {path: path.stat().st_mtime_ns for path in (tmp_path / "nets").rglob("*.pt")}
    assert [row for found in ablation.compare(bench, 0, distil, tuning) for row in found] == tests[: len(tests) // 2]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "nets").rglob("*.pt")} == trained


def row(way, seed, accuracy, part="test", p=0.1):
    return pair_training.Row(part, seed, way, p, accuracy, little=0.5, big=0.6)


def test_differences_are_paired_by_seed(ablation, monkeypatch):
    monkeypatch.setattr(ablation, "SEEDS", (0, 1, 2))
    rows = [row("plain", s, 0.7 + s / 10) for s in range(3)]
    rows += [row("new", s, 0.7 + s / 10 + d) for s, d in enumerate((0.01, 0.02, 0.03))]
    gain, half = ablation.difference(rows, "new", (0.1,))
    # 1.886 is the 90 % quantile of Student's t with 2 degrees of freedom; the deviation is 0.01.
    assert (gain, half) == pytest.approx((0.02, 1.8856 * 0.01 / 3**0.5), rel=1e-3)
    assert ablation.verdict(gain, half) == "pays"
    assert ablation.verdict(-gain, half) == "costs accuracy"
    assert ablation.verdict(0.005, 0.01) == "buys nothing that shows"
    assert np.isnan(ablation.difference(rows[:1] + rows[3:4], "new", (0.1,))[1])


def test_settings_are_chosen_by_their_own_rates(ablation):
    first, second = map(ablation.words, ablation.DISTILLATIONS)
    gentle, soft = map(ablation.words, ablation.TUNINGS)
    rows = [
        row(way, 100, accuracy, "validation", p)
        for p in ablation.RATES
        for way, accuracy in (
            (first, 0.7), (second, 0.75 if p > 0.2 else 0.66), (gentle, 0.8), (soft, 0.81 if p == 0.2 else 0.5),
        )
    ]  # fmt: skip
    assert ablation.chosen(rows) == (ablation.DISTILLATIONS[1], ablation.TUNINGS[1])
