"""Parts of the page that compute: axes, correlations, matrices, memory, the task that costs tell."""

from dataclasses import replace
from math import log10

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from zeroshot.data import Dataset
from zeroshot.errors import RunError
from zeroshot.quantization.answers import Answers
from zeroshot.reporting.arena import arena_of
from zeroshot.reporting.budgets import WIDTH, bars
from zeroshot.reporting.confusion import matrices
from zeroshot.reporting.contents import read_run
from zeroshot.reporting.correlations import correlations, spearman
from zeroshot.reporting.examples import EACH, groups
from zeroshot.reporting.front import front_of
from zeroshot.reporting.page import code, page
from zeroshot.reporting.rates import rates_of
from zeroshot.reporting.scales import Axis, chart
from zeroshot.runs import layout
from zeroshot.runs.rows import MeasuredCascade

from .pages import ALONE, BIG, LISTED, LITTLE, candidate


@given(st.floats(1e-3, 1e5), st.floats(1.01, 1e5), st.booleans())
def test_ticks_are_few_in_order_and_in_their_place(low, factor, log):
    axis = Axis(low, low * factor, 50.0, 600.0, "x", log=log)
    pixels, texts = [at for at, _ in axis.ticks], [float(text) for _, text in axis.ticks]
    assert 1 <= len(texts) <= 16
    assert pixels == sorted(pixels)
    assert len(set(texts)) == len(texts)
    for at, value in zip(pixels, texts, strict=True):
        ends = [log10(each) if log else each for each in (low, low * factor, value)]
        share = (ends[2] - ends[0]) / (ends[1] - ends[0])
        assert at == pytest.approx(
            50 + 550 * min(max(share, 0), 1), abs=550 * 2e-5 * abs(ends[2]) / (ends[1] - ends[0]) + 0.1
        )


def test_an_axis_of_one_value_has_room():
    drawn = chart((5.0, 5.0), (0.0, 0.0), ("x", "y"), log=True)
    assert drawn.x.start < drawn.x.at(5.0) < drawn.x.end
    assert drawn.y.end < drawn.y.at(0.0) < drawn.y.start


@given(st.lists(st.tuples(*[st.one_of(st.integers(-5, 5).map(float), st.just(float("nan")))] * 2), min_size=2))
def test_rank_correlation_is_scipys(pairs):
    a, b = np.array(pairs).T
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 2 or len(set(a[both])) < 2 or len(set(b[both])) < 2:
        assert spearman(a, b) is None
    else:
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a[both], b[both]).statistic)


def test_proxies_that_order_alike(first, run):
    nets = [candidate(f"r8-s{width}-c3w8x1") for width in (4, 8, 12, 16, 20)]
    scores = {net.net: net.macs for net in nets}
    (run / layout.SCORES).write_text("".join(f"{net},zico,{-value},ok\n" for net, value in scores.items()))
    found = replace(read_run(run), candidates=nets)
    told = correlations(found)
    assert (told.nets, told.names) == (5, ["macs", "zico", "expected by layers"])
    assert told.lines[0][1] == [("1.00", 5), ("-1.00", -5), ("-", 0)]  # all are expected alike
    assert "0 nets of the run were probed" in correlations(read_run(first))


@given(
    st.sampled_from([1, 3]), st.integers(1, 10_000),
    st.sampled_from([LITTLE, BIG, ALONE, "r49x10-s8-c3w8x1", "r1x128-s8-c3w8x1-h16"]),
)  # fmt: skip
def test_costs_tell_channels_and_classes(channels, classes, net):
    found = _contents([candidate(net, channels, classes)])
    assert found.task == (channels, classes)


def _contents(nets):
    from pathlib import Path

    from zeroshot.reporting.contents import Contents

    nothing = dict.fromkeys((
        "front", "singles", "calibration", "trained", "trained_nets", "quantized", "quantized_nets",
    ))  # fmt: skip
    return Contents(
        run=Path("run"), config={"board": "nucleo-l4r5zi", "engine": "c99"}, environment={}, summaries={},
        pairs=LISTED, candidates=nets, scores={}, pruned=[], exports=[], **nothing,
    )  # fmt: skip


def test_costs_of_no_net_are_refused():
    with pytest.raises(RunError, match="MACs"):
        _ = _contents([replace(candidate(LITTLE), macs=12345)]).task
    with pytest.raises(RunError):
        _ = _contents([]).task


def test_the_map_holds_every_byte_and_no_more(first):
    """The highest rectangle ends where the arena does; each reaches from its first layer to its last."""
    found = read_run(first)
    drawn = arena_of(found, LISTED[0])
    assert min(t.y for t in drawn.tensors) == pytest.approx(drawn.chart.y.end, abs=0.1)
    assert max(t.y + t.height for t in drawn.tensors) == pytest.approx(drawn.chart.y.start, abs=0.6)
    assert {t.kind for t in drawn.tensors} == {"little", "big", "input", "scratch"}
    rows = [len(found.table(net).rows) for net in (LITTLE, BIG)]
    assert len([t for t in drawn.tensors if t.kind in ("little", "big")]) == sum(rows)
    assert max(t.x + t.width for t in drawn.tensors) == pytest.approx(drawn.chart.x.end, abs=0.2)
    (one,) = [t for t in drawn.tensors if t.kind == "input"]  # both nets read it
    assert one.x == drawn.chart.x.start


def test_bars_say_what_is_over(first):
    found = read_run(first)
    latency, worst, energy, _, flash, sram = bars(found, LISTED[0])
    assert (latency.text, latency.note, latency.over) == ("4.00 ms", "budget 5.00 ms", False)
    assert worst.length == WIDTH
    assert energy.limit is None
    assert (flash.text, flash.note) == ("1.95 KiB", "budget 256 KiB, board 2048 KiB")
    assert sram.limit == pytest.approx(WIDTH * 65536 / 655360)
    assert bars(found, replace(LISTED[0], latency_ms=5.1))[0].over


def test_the_front_is_a_staircase(first):
    drawn = front_of(read_run(first))
    assert [mark.rank for mark in drawn.listed] == [1, 2, 3]
    assert drawn.budgets[0][0] == drawn.chart.x.at(5.0)
    points = [tuple(map(float, each.split())) for each in drawn.pair_steps[1:].split("L")]
    assert all(b[0] >= a[0] and b[1] <= a[1] for a, b in zip(points, points[1:], strict=False))
    assert points[0] == (drawn.chart.x.at(2.0), drawn.chart.y.at(72.0))


def test_figures_that_are_no_numbers_are_not_drawn(first):
    found = read_run(first)
    bad = [replace(LISTED[0], latency_ms=value) for value in (float("nan"), 0.0, -1.0, 1e308)]
    assert isinstance(front_of(replace(found, pairs=bad, front=[], singles=[])), str)
    assert front_of(replace(found, config=found.config | {"latency_limit": 0.0})).budgets == []


def _answers(labels, little, big, score):
    rate = MeasuredCascade(*[0.5] * 13, 0.5, 0.5, 0.5)
    arrays = (np.asarray(each) for each in (labels, little, big))
    return Answers(1, "int8", *arrays, np.asarray(score, float), np.asarray(score) < 3, rate)


def test_matrices_count():
    found = matrices(_answers([0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1], [5, 1, 4, 2]), ("a", "b"))
    counts = {m.who: [[cell.count for cell in cells] for _, cells in m.rows] for m in found}
    assert counts == {"little": [[1, 1], [1, 1]], "big": [[2, 0], [1, 1]], "pair": [[2, 0], [0, 2]]}
    assert [m.accuracy for m in found] == ["50.0", "75.0", "100.0"]


def test_ten_thousand_classes_have_no_matrix():
    rng = np.random.default_rng(0)
    labels = np.arange(10_000)
    little = labels.copy()
    little[:3] = 9_999
    found = matrices(_answers(labels, little, rng.permutation(labels), labels), tuple(map(str, labels)))
    assert [m.rows for m in found] == [[], [], []]
    assert found[0].mistakes == [("0", "9999", 1), ("1", "9999", 1), ("2", "9999", 1)]
    assert len(found[1].mistakes) == 10


@pytest.mark.parametrize("shape", [(8, 8, 1), (300, 200, 3), (1, 128, 1), (128, 1, 3), (1, 128, 6), (9, 7, 2)])
def test_examples_are_small_pictures(shape):
    labels = np.arange(40) % 2
    answers = _answers(labels, labels, 1 - labels, np.arange(40) % 7)
    x = np.random.default_rng(0).integers(0, 256, (40, *shape), np.uint8)
    found = groups(answers, Dataset("x", x, labels, x, labels, ("a", "b")))
    assert sum(each.count for each in found) == 40
    assert max(len(each.examples) for each in found) == EACH
    assert max(len(e.uri) for each in found for e in each.examples) < 20_000
    scores = [float(e.score) for e in found[0].examples]
    assert scores == sorted(scores)


def test_curves_of_another_model_are_left_out(first):
    found = read_run(first)
    told = rates_of(replace(found, config=found.config | {"cascade_model": "old"}), LISTED[0], [])
    assert told.lines[0].path == ""
    assert "old" in told.notes[0]
    assert rates_of(found, LISTED[0], []).lines[0].path.startswith("M")


@given(st.text())
def test_messages_keep_their_text_and_nothing_else(text):
    from html import unescape

    shown = str(code(text))
    plain = shown.replace("<code>", "`").replace("</code>", "`")
    assert "<" not in plain
    assert unescape(plain) == text


def test_a_page_lacks_no_value():
    with pytest.raises(Exception, match="undefined"):
        page({})
