"""Battery life of a run at each stage: powers against a sum over looks one by one, rates against stored outputs."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import zeroshot
from zeroshot.daily.battery import battery
from zeroshot.daily.options import BatteryOptions
from zeroshot.data import load
from zeroshot.errors import InfeasibleError, RunError, UsageError
from zeroshot.frontend.cost import front_end_cost
from zeroshot.frontend.options import FrontEnd
from zeroshot.quantization.quantized_net import load_quantized
from zeroshot.runs import layout
from zeroshot.runs.front_end import stored
from zeroshot.runs.reading import read_quantization, read_training
from zeroshot.runs.rows import PAIRS

from .daily_runs import BIG, LISTED, LITTLE, with_front_end


def drawn(escalates, every, sleep, front_ms=0.0, beside=0.0):
    """Mean power of looks one after the other, mW: little net 1 ms, big net 10 ms, at 100 mW."""
    energy = time = 0.0
    for big in escalates:
        active = front_ms + 1.0 + 10.0 * big
        energy += active * 100.0 + (every - active) * sleep + every * beside
        time += every
    return energy / time


# ---- a search


def test_a_range_from_never_over_expected_to_always(run, mine):
    found = battery(run, "100ms", board=str(mine), battery="220mAh", voltage="3.0V")
    (pair, _) = found.pairs
    assert found.stage == "expected"
    assert (pair.escalation_rate, pair.escalation_error) == (0.3, None)
    assert pair.little_power_mw == pytest.approx(drawn([0], 100, 2.0))
    assert pair.power_mw == pytest.approx(drawn([0] * 7 + [1] * 3, 100, 2.0))
    assert pair.worst_power_mw == pytest.approx(drawn([1], 100, 2.0))
    assert (pair.active_ms, pair.worst_active_ms) == (pytest.approx(4.0), 11.0)
    assert pair.single_power_mw == pytest.approx((3.5 * 100 + 96.5 * 2) / 100)
    for power, days in (
        (pair.power_mw, pair.days), (pair.little_power_mw, pair.little_days), (pair.worst_power_mw, pair.worst_days),
        (pair.single_power_mw, pair.single_days),
    ):  # fmt: skip
        assert days == pytest.approx(660 / power / 24)
    assert pair.worst_days < pair.days < pair.little_days
    assert found.pairs[1].single_power_mw is None


def test_what_is_given_beside_counts(run, mine):
    plain = battery(run, "1s", board=str(mine), battery="660mWh").pairs[0]
    more = battery(run, "1s", sleep="0.5mW", beside="0.6mW", battery="660mWh").pairs[0]
    assert more.power_mw == pytest.approx(drawn([0] * 7 + [1] * 3, 1000, 0.5, beside=0.6))
    assert battery(run, "1s", board=str(mine)).pairs[0].power_mw == plain.power_mw
    assert battery(run, "1s", board=str(mine)).pairs[0].days is None
    lost = battery(run, "1s", board=str(mine), battery="660mWh", self_discharge=0.1).pairs[0]
    months = lost.days / (365.25 / 12)
    assert lost.days * 24 * lost.power_mw + months * 66 == pytest.approx(660)


def test_the_front_end_is_paid_at_each_look(run, mine):
    with_front_end(run, stored(FrontEnd()))
    found = battery(run, "100ms", board=str(mine), sleep="2mW")
    front = 5 * front_end_cost(FrontEnd()).instructions * 1.5 / 100_000
    assert found.device.front_end.ms == pytest.approx(front)
    assert found.pairs[0].power_mw == pytest.approx(drawn([0] * 7 + [1] * 3, 100, 2.0, front))
    assert found.pairs[0].worst_active_ms == pytest.approx(11 + front)
    assert not any("samples" in remark for remark in found.remarks)
    assert any("samples" in remark for remark in battery(run, "100ms", board=str(mine)).remarks)
    with pytest.raises(UsageError, match="new picture"):
        battery(run, "110ms", board=str(mine))


def test_pairs_that_do_not_keep_up_are_left_out_or_refused(run, mine):
    rows = [LISTED[0], replace(LISTED[1], worst_latency_ms=135.0)]
    (run / layout.PAIRS).write_text(PAIRS.to_csv(rows))
    found = battery(run, "100ms", board=str(mine))
    assert [pair.rank for pair in found.pairs] == [1]
    assert any("every 100 ms, but needs 135 ms at worst" in remark for remark in found.remarks)
    assert battery(run, "11ms", board=str(mine)).pairs[0].worst_power_mw == pytest.approx(100.0)
    with pytest.raises(InfeasibleError, match="every 10.9 ms, but needs 11 ms at worst"):
        battery(run, "10.9ms", board=str(mine))


def test_a_search_that_let_every_input_escalate_does_not_know_the_little_net_alone(run, mine):
    (run / layout.PAIRS).write_text(
        PAIRS.to_csv([replace(LISTED[0], escalation_rate=1.0, latency_ms=11, energy_mj=1.1)])
    )
    (pair,) = battery(run, "100ms", board=str(mine), battery="660mWh").pairs
    assert (pair.little_power_mw, pair.little_days) == (None, None)
    assert pair.power_mw == pair.worst_power_mw == pytest.approx(drawn([1], 100, 2.0))


def test_a_board_must_say_what_it_draws_asleep(run, mine, silent):
    with pytest.raises(UsageError, match="unknown.*what the board mine draws asleep"):
        battery(run, "1s", board=str(silent))
    with pytest.raises(UsageError, match="only by name") as caught:
        battery(run, "1s")
    assert "`board`" in caught.value.hint
    with pytest.raises(UsageError, match="of mine, not of nucleo-l4r5zi"):
        battery(run, "1s", board="nucleo-l4r5zi")
    assert not (run / layout.BATTERY).exists()
    assert battery(run, "1s", board=str(silent), sleep="1mW").device.sleep_mw == 1.0


def test_a_board_of_the_same_name_is_told_by_its_power(run, mine):
    assert not any("another board" in remark for remark in battery(run, "1s", board=str(mine)).remarks)
    mine.write_text(mine.read_text().replace("power_mw = 100.0", "power_mw = 50.0"))
    (remark,) = [each for each in battery(run, "1s", board=str(mine)).remarks if "another board" in each]
    assert "100 mW" in remark
    assert "50.0 mW" in remark


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ["`every`", "every='1s'"]),
        ({"every": 0}, ["`every`", "positive"]),
        ({"every": "-5ms"}, ["`every`", "positive"]),
        ({"every": "1s", "battery": 220}, ["`battery`", "mAh"]),
        ({"every": "1s", "battery": "220mAh"}, ["voltage"]),
        ({"every": "1s", "battery": "660mWh", "voltage": 3}, ["`voltage`", "mAh"]),
        ({"every": "1s", "voltage": 3}, ["`voltage`", "`battery`"]),
        ({"every": "1s", "prior": {"a": 0.7, "b": 0.5}}, ["`prior`", "1.2"]),
        ({"every": "1s", "prior": {"a": -0.1}}, ["a", "-0.1"]),
        ({"every": "1s", "prior": {"a": float("nan")}}, ["a", "nan"]),
        ({"every": "1s", "self_discharge": 1}, ["`self_discharge`"]),
    ],
)
def test_options_that_make_no_sense_are_refused(given, words):
    with pytest.raises(UsageError) as caught:
        BatteryOptions(**given)
    text = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in text] == []


def test_shares_may_add_up_to_one_in_floating_point():
    assert BatteryOptions(every=1, prior={str(i): 0.1 for i in range(10)}).prior is not None


def test_what_was_asked_is_kept_for_the_page_and_nothing_else_changes(run, mine):
    before = {path.name for path in run.iterdir()}
    battery(run, "1s", board=str(mine), keep=False)
    assert {path.name for path in run.iterdir()} == before
    battery(run, "1s", board=str(mine), battery="660mWh", prior={"3": 0.5})
    assert {path.name for path in run.iterdir()} == before | {layout.BATTERY}
    kept = BatteryOptions.of(json.loads((run / layout.BATTERY).read_text()))
    assert (kept.every, kept.battery, kept.prior, kept.data) == ("1s", "660mWh", {"3": 0.5}, None)


@pytest.mark.parametrize(
    "costs", [{"worst_latency_ms": 0.0}, {"energy_mj": -1.0}, {"latency_ms": 12.0}, {"worst_energy_mj": float("inf")}]
)
def test_costs_that_cannot_be_are_no_ground_for_a_battery_life(run, mine, costs):
    (run / layout.PAIRS).write_text(PAIRS.to_csv([replace(LISTED[0], **costs)]))
    with pytest.raises(RunError, match=r"Pair 1 .* cannot be|which is no number"):
        battery(run, "1s", board=str(mine))


def test_no_run_is_told(tmp_path):
    with pytest.raises(RunError, match="not the folder of a run"):
        battery(tmp_path / "none", "1s")


# ---- measured


def escalated(run):
    """Of each test image, whether the gap of the little net's int8 logits is below the pair's threshold."""
    (pair,) = read_quantization(run)
    outputs = load_quantized(run / layout.INT8, LITTLE).outputs["test"].astype(int)
    gaps = [sorted(row)[-1] - sorted(row)[-2] for row in outputs.tolist()]
    return [gap < int(pair.int8.threshold) for gap in gaps]


def test_the_last_stage_counts(trained, quantised):
    in_float = battery(trained, "100ms", keep=False)
    assert in_float.stage == "float"
    assert in_float.pairs[0].escalation_rate == read_training(trained)[0].test.escalation_rate
    up = escalated(quantised)
    found = battery(quantised, "100ms", keep=False)
    assert found.stage == "int8"
    assert (found.pairs[0].little, found.pairs[0].big) == (LITTLE, BIG)
    assert found.pairs[0].escalation_rate == pytest.approx(np.mean(up))
    assert found.pairs[0].escalation_error > 0
    assert found.pairs[0].power_mw == pytest.approx(drawn(up, 100, 0.015))
    assert any("`prior`" in remark for remark in found.remarks)


def test_a_prior_weighs_the_classes(quantised):
    up, labels = escalated(quantised), load("digits").y_test.tolist()
    rates = [np.mean([e for e, y in zip(up, labels, strict=True) if y == digit]) for digit in range(10)]
    found = battery(quantised, "100ms", prior={"3": 0.9}, keep=False)
    others = [labels.count(digit) for digit in range(10) if digit != 3]
    rest = [0.1 * n / sum(others) for n in others]
    shares = [*rest[:3], 0.9, *rest[3:]]
    (pair,) = found.pairs
    assert list(found.shares.values()) == pytest.approx(shares)
    assert list(pair.rates.values()) == pytest.approx(rates)
    expected = sum(share * rate for share, rate in zip(shares, rates, strict=True))
    assert pair.escalation_rate == pytest.approx(expected)
    assert pair.power_mw == pytest.approx(expected * drawn([1], 100, 0.015) + (1 - expected) * drawn([0], 100, 0.015))
    assert not any("`prior`" in remark for remark in found.remarks)
    plain = battery(quantised, "100ms", keep=False).pairs[0]
    assert (pair.little_power_mw, pair.worst_power_mw) == (plain.little_power_mw, plain.worst_power_mw)


def test_an_unknown_class_is_refused_and_names_the_nearest(quantised):
    with pytest.raises(UsageError, match="Unknown class 'three'"):
        battery(quantised, "1s", prior={"three": 0.5}, keep=False)


def test_without_trained_nets_a_prior_does_not_count_and_that_is_said(run, mine):
    found = battery(run, "1s", board=str(mine), prior={"3": 0.9})
    assert found.pairs[0].escalation_rate == 0.3
    assert any("`prior` counts once" in remark for remark in found.remarks)


def test_a_run_that_knows_its_data_by_name_only_needs_them_for_a_prior(quantised, tmp_path):
    run = shutil.copytree(quantised, tmp_path / "run")
    path = run / "config.toml"
    path.write_text(path.read_text().replace("data_by_name = true", "data_by_name = false"))
    assert battery(run, "1s").pairs
    with pytest.raises(RunError, match="only by name"):
        battery(run, "1s", prior={"3": 0.5})
    assert battery(run, "1s", prior={"3": 0.5}, data=load("digits")).shares["3"] == 0.5
    assert json.loads((run / layout.BATTERY).read_text())["prior"] == {"3": 0.5}


# ---- the ways to ask


def test_the_table_has_a_column_for_each_class(quantised):
    found = battery(quantised, "1s", prior={"3": 0.5}, keep=False)
    (row,) = found.pairs.plain()
    assert row["rate_3"] == found.pairs[0].rates["3"]
    assert "rate_9" in found.pairs.to_csv().splitlines()[0]
    assert "<table>" in found._repr_html_()


def test_python_and_the_command_line_say_the_same(quantised, cli):
    found = zeroshot.battery(quantised, every="1s", battery="220mAh", voltage="3.0V", prior={"3": 0.9, "8": 0.05})
    words = ("--every", "1s", "--battery", "220mAh", "--voltage", "3.0V", "--prior", "3=0.9", "--prior", "8=0.05")
    done = cli("battery", quantised, *words, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps(found.summary()))
    shown = cli("battery", quantised, *words)
    assert shown.exit_code == 0, shown.stderr
    (line,) = [line.split() for line in shown.stdout.splitlines() if line.split()[1:2] == ["pair"]]
    assert f"{100 * found.pairs[0].escalation_rate:.1f}" in line
    assert "little alone" in shown.stdout
    assert "worst" in shown.stdout
