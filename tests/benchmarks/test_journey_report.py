"""The report of the journey: exact figures of answers that are known by hand, and what is not trained."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.journey import __main__ as command
from benchmarks.journey.judging import FLOAT, INT8, MOST, Bench, Judged, read_task
from benchmarks.journey.plan import Pick, read_plan
from benchmarks.journey.report import report
from benchmarks.journey.results import results
from benchmarks.journey.settings import COUNTED, SETTINGS, costs_of, hand_made
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.latency import policy_ms
from zeroshot.errors import RunError

from .journey_zoo import AT, N, both, save

NAME = "cifar10-60ms"
SETTING = next(each for each in SETTINGS if each.name == NAME)
LITTLE, BIG, SLOW = "r16-s8/2-d3w16x1/2", "r16-s8-c3w16x1/2", "r32-s32-c3w64x2/2"
HAND = [net for net, family in hand_made().items() if family == "ds-cnn"][:2]
PAIR = Pick(NAME, "pair 1", LITTLE, BIG, expected=0.91, low=0.85, high=0.97, rate=0.5)
SINGLE = Pick(NAME, "single", BIG, expected=0.99, low=0.97, high=1.0)
BY_HAND = [Pick(NAME, f"by hand, family {i}", net) for i, net in enumerate(HAND)]
LATER = Pick(NAME, "pair 2", LITTLE, SLOW, expected=0.9, low=0.8, high=1.0, rate=0.2)


@pytest.fixture
def zoo(tmp_path):
    """The little net is right where it is sure, 60 % of all, the big one on 9 of 10 images; of int8 on 8 of 10."""
    save(tmp_path, "cifar10", LITTLE, both(AT >= 400))
    save(tmp_path, "cifar10", BIG, both(AT % 10 > 0))
    save(tmp_path, "cifar10-int8", LITTLE, both(AT >= 400))
    save(tmp_path, "cifar10-int8", BIG, both(AT % 10 > 1))
    # The first of the two made by hand is better on validation images, the second on test images.
    save(tmp_path, "cifar10", HAND[0], {"validation": AT >= 200, "test": AT >= 300})
    save(tmp_path, "cifar10", HAND[1], {"validation": AT >= 250, "test": AT >= 100})
    return tmp_path


def bench_of(zoo, *nets):
    return Bench.of(SETTING, read_task(zoo, "cifar10"), nets)


def cells(text, section, begins):
    """Of the first row below a heading that begins so."""
    below = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    row = next(line for line in below.splitlines() if line.startswith(f"| {begins} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_a_pair_is_judged_at_the_rate_that_it_may_have(zoo):
    """Half of the images escalate: of 500 the big net gets 450 or 400, and the little one all others."""
    bench = bench_of(zoo, LITTLE, BIG)
    assert bench.rate((LITTLE, BIG)) == MOST == 0.5
    for form, accuracy in ((FLOAT, 0.95), (INT8, 0.90)):
        judged = bench.judge((LITTLE, BIG), "test", form)
        assert (judged.accuracy, judged.rate) == (accuracy, 0.5)
    assert bench.judge((LITTLE, BIG), "test").form == INT8
    costs, _, _ = costs_of([LITTLE, BIG], 3, 10)
    policy = policy_ms(10, load_board("nucleo-l4r5zi"), load_engine("c99"))
    assert judged.latency == pytest.approx(costs.latency[0] + policy + costs.latency[1] / 2)
    assert judged.macs == costs.macs[0] + costs.macs[1] / 2
    alone = bench.judge((BIG, ""), "test", FLOAT)
    assert (alone.accuracy, alone.rate, alone.latency) == (0.9, None, costs.latency[1])


def test_the_rate_keeps_the_latency_budget(zoo):
    """With a big net of 200 ms."""
    costs, _, _ = costs_of([LITTLE, SLOW], 3, 10)
    assert costs.latency[1] > 2 * SETTING.latency
    policy = policy_ms(10, load_board("nucleo-l4r5zi"), load_engine("c99"))
    rate = bench_of(zoo, LITTLE, SLOW).rate((LITTLE, SLOW))
    assert costs.latency[0] + policy + rate * costs.latency[1] == pytest.approx(SETTING.latency)
    assert bench_of(zoo, LITTLE, SLOW).rate((SLOW, LITTLE)) == 0


def test_a_pair_fits_as_a_search_would_have_it(zoo):
    bench = bench_of(zoo, LITTLE, BIG, SLOW)
    assert bench.fits((LITTLE, BIG))
    assert not bench.fits((BIG, LITTLE))
    assert not bench.fits((SLOW, BIG))


def test_validation_images_choose_among_those_made_by_hand(zoo):
    (found,) = results([PAIR, SINGLE, *BY_HAND], zoo)
    assert found.hand_made == (HAND[0], "")
    assert found.bench.judge(found.hand_made, "test").accuracy == 0.7
    assert set(found.hand_pairs) == {(HAND[0], HAND[1])}


def test_a_difference_is_of_answers_in_one_form(zoo):
    bench = bench_of(zoo, LITTLE, BIG, *HAND)
    found = bench.difference((LITTLE, BIG), (HAND[0], ""), "test")
    assert (found.form, found.gain) == (FLOAT, pytest.approx(0.25))
    assert found.interval[0] < 0.25 < found.interval[1]
    save(zoo, "cifar10-int8", HAND[0], both(AT >= 350))
    later = bench_of(zoo, LITTLE, BIG, *HAND).difference((LITTLE, BIG), (HAND[0], ""), "test")
    assert (later.form, later.gain) == (INT8, pytest.approx(0.25))
    same = bench.difference((BIG, ""), (BIG, ""), "test")
    assert (same.gain, same.interval) == (0, (0, 0))


@pytest.mark.parametrize(("hits", "low", "high"), [(0, 0, 1 - 0.1 ** (1 / N)), (N, 0.1 ** (1 / N), 1)])
def test_the_exact_interval_at_its_ends(hits, low, high):
    """Where the binomial's tail is one term."""
    assert Judged(INT8, hits > AT, None, 1.0, 1.0).interval == pytest.approx((low, high), abs=1e-12)


def test_the_report_says_what_is_known_by_hand(zoo):
    save(zoo, "cifar10", LITTLE, both(AT >= 400), seed=1)
    save(zoo, "cifar10-int8", LITTLE, both(AT >= 400), seed=1)
    save(zoo, "cifar10", BIG, both(AT % 10 > 1), seed=1)
    save(zoo, "cifar10-int8", BIG, both(AT % 10 > 2), seed=1)
    text = report(results([PAIR, LATER, SINGLE, *BY_HAND], zoo))
    assert "**4 of 5 picks are trained**" in text
    assert "Not trained yet: 1 of 5: pair 2." in text

    pair = cells(text, NAME, "pair 1")
    assert pair[:3] == ["pair 1", "91.0 (85.0 to 97.0)", "95.00 (94.0 to 95.9)"]
    assert pair[3].startswith("90.00 (")
    assert pair[4] == "87.50 ± 3.54 (2)"
    assert pair[5] == "50.0 %"
    assert pair[8].startswith("+25.00 (+2")
    assert pair[8].endswith("\\*")
    assert cells(text, NAME, "by hand, family 0")[-2] == "–"

    assert cells(text, "Summary", NAME) == [
        NAME, "1,000 test", "90.00", "90.00 (1 of 2)", "80.00", "–", "–", "70.00\\*", "90.00\\*", "–", "–",
    ]  # fmt: skip
    assert cells(text, "Flattery", NAME) == [NAME, "1,000 test", "+1.00", "(+19.00)", "–", "–"]
    assert cells(text, "Flattery", "mean") == ["mean", "", "**+1.00** of 1", "**+19.00** of 1", "–", "–"]
    assert f"- pair 1: `{LITTLE}` + `{BIG}`" in text


def test_where_the_test_half_is_another_population_both_are_told(tmp_path):
    pick = Pick("words-25ms", "single", LITTLE, expected=0.9, low=0.8, high=0.95)
    save(tmp_path, "words", LITTLE, {"validation": AT >= 150, "test": AT >= 400})
    text = report(results([pick], tmp_path))
    rows = [line for line in text.split("## Summary")[1].splitlines() if line.startswith("| words-25ms")]
    assert "| 85.00\\* |" in rows[0]
    assert "| 60.00\\* |" in rows[1]
    assert cells(text, "Flattery", "words-25ms")[3] == "+5.00\\*"
    assert "On test images, of another population:" in text


def test_nothing_is_invented_where_nothing_is_trained(tmp_path):
    text = report(results([PAIR, SINGLE], tmp_path))
    assert "**0 of 2 picks are trained**" in text
    assert cells(text, "Summary", NAME)[2:] == ["–"] * 9
    assert "Not trained yet: 2 of 2: pair 1; single." in text


def test_answers_to_other_images_are_refused(zoo):
    save(zoo, "cifar10", LITTLE, both(AT >= 400))
    for path in (zoo / "cifar10-int8").iterdir():
        path.unlink()
    save(zoo, "cifar10-int8", LITTLE, both(np.ones(N - 1, bool)), score=AT[1:])
    with pytest.raises(RunError, match="labels of other images"):
        read_task(zoo, "cifar10")


def test_a_whole_zoo_leaves_nothing_open(tmp_path, capsys):
    """Every net of the plan with answers that are drawn, through the command."""
    rng, tasks = np.random.default_rng(0), {setting.name: setting.task for setting in SETTINGS}
    nets = dict.fromkeys(
        (tasks[pick.setting], net) for pick in read_plan() for net in (pick.little, pick.big) if net
    )  # fmt: skip
    for task, net in nets:
        for folder in (task, f"{task}-int8"):
            save(tmp_path, folder, net, both(rng.random(N) < 0.8))
    out = tmp_path / "journey.md"
    command.main(["--report", "--zoo", str(tmp_path), "--out", str(out)])
    text = out.read_text()
    assert capsys.readouterr().out == text + "\n"
    assert "Not trained" not in text
    assert "\\* |" not in text
    expecting = {(pick.setting, pick.role) for pick in read_plan() if pick.expected is not None}
    roles = ("pair 1", "single", "calibrated, pair 1", "calibrated, single")
    for setting in {name for name, _ in expecting}:
        told = [cell != "–" for cell in cells(text, "Flattery", setting)[2:]]
        assert told == [(setting, role) in expecting for role in roles]
    for pick in read_plan():
        assert f"`{pick.little}`" in text.split(f"## {pick.setting}")[1]


def test_a_setting_says_which_search_picked():
    now = Pick(NAME, "pair 1", LITTLE, BIG, strategy="evolution", constants="2026-02-02")
    before = Pick(NAME, "before, pair 1", LITTLE, BIG, strategy="random", constants="2026-01-01")
    text = report(results([now, before], Path("nowhere")))
    assert "with the strategy `evolution`, by the constants of 2026-02-02; those called `before`" in text
    assert "with the strategy `random`, by the constants of 2026-01-01" in text


def test_operations_are_counted_where_the_budget_is_of_them():
    """By hand: 27 x 8 x 64 of the stem; 9 x 8 and 8 x 16 on 16 maps of a depthwise-separable block; 160 of the head."""
    costs, _, _ = costs_of([LITTLE], 3, 10, COUNTED)
    macs = 27 * 8 * 64 + (9 * 8 + 8 * 16) * 16 + 16 * 10
    assert costs.macs.tolist() == [macs]
    assert costs.latency == pytest.approx([macs / 1e6])
    assert costs.flash.tolist() == [27 * 8 + 9 * 8 + 8 * 16 + 160 + 4 * (8 + 8 + 16 + 10)]
    assert costs.persistent.tolist() == [0]
    assert costs.arena.tolist() == [16 * 16 * 3 + 8 * 8 * 8]
