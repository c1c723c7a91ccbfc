"""The benchmark of strategies: areas, intervals and regret by hand, and one real run of each kind."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.strategies import __main__ as program
from benchmarks.strategies import measuring
from benchmarks.strategies.cases import CASES, LISTED, TUNED, Work, plan
from benchmarks.strategies.cells import CELL_RUNS, LAYERS, TRUTH, CellRun, CellWork, known, measure_cells
from benchmarks.strategies.cells_report import chapter
from benchmarks.strategies.measuring import RUNS, Measured, distances, measure, volume
from benchmarks.strategies.report import plot, report
from zeroshot.accuracy.model import STATIC
from zeroshot.cascade.rank_pairs import Pairs
from zeroshot.net import NetSpec
from zeroshot.searching.options import STRATEGY_NAMES

ROW = Measured(
    case="listed-60ms",
    strategy="evolution",
    nets=1000,
    asked=300,
    seed=0,
    scored=320,
    seconds=0.5,
    pair=70.0,
    single=68.0,
    volume=60.0,
    unlike=0.25,
    farthest=1.5,
    little="a",
    big="b",
    alone="c",
    truth=71.5,
    constants="2026-01-01",
)


def test_the_area_is_that_under_the_steps_of_the_front():
    """By hand: nothing up to 2 ms, 50 % for 3 ms, 60 % for the last 5 of 10 ms."""
    columns = {name: np.zeros(2) for name in Pairs.__dataclass_fields__}
    front = Pairs(**columns | {"latency": np.array([2.0, 5.0]), "accuracy": np.array([0.5, 0.6])})
    assert volume(front, 10.0) == pytest.approx(0.3 * 50 + 0.5 * 60)


def test_the_farthest_feature_is_in_scales_of_the_fit():
    case, net = CASES[0], NetSpec.parse("r32-s8-c3w8x1-c3w8x1")
    side = next(term for term in STATIC.terms if term.feature == "log_side")
    far = distances(case, case.space.array([net, replace(net, resolution=16)]))
    assert far.shape == (2,)
    assert far[1] >= (side.centre - 4) / side.scale


def test_the_report_has_medians_intervals_and_regrets():
    rows = [replace(ROW, seed=seed, pair=70.0 + seed / 10) for seed in range(11)]
    rows += [replace(ROW, case="digits-5ms", strategy="random", asked=0, truth=None)]
    text = report(rows)
    assert f"A space of {LISTED.count():,} nets" in text
    assert "| evolution | 320 | 11 | 0.5 | 70.50 [70.10, 70.90] | 68.00 [68.00, 68.00] |" in text
    assert "| 1.00 [0.60, 1.40] |" in text
    assert "| random, 1,000 + 1,000 kept | 320 | 1 |" in text
    assert "cifar10-25ms" not in text
    assert RUNS.from_csv(RUNS.to_csv(rows)) == rows


def test_a_plot_is_drawn(tmp_path):
    plot([ROW, replace(ROW, asked=1000, scored=1000, pair=70.9)], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_every_strategy_is_in_the_plan_and_a_run_is_repeatable():
    works = list(plan(2, STRATEGY_NAMES, long=False))
    assert {(work.case, work.strategy) for work in works} == {
        *((case.name, name) for case in CASES for name in STRATEGY_NAMES),
        *((case.name, name) for case in TUNED for name in ("uniform", "evolution")),
    }
    assert set(works) < set(plan(2, STRATEGY_NAMES, long=True))
    work = Work("cifar10-60ms", "evolution", 50, 400, 1)
    one, again = measure(work), measure(work)
    assert replace(one, seconds=0) == replace(again, seconds=0)
    assert one.pair > one.single > 50
    assert 0 < one.volume < one.pair


def test_a_part_of_the_space_is_one_side_with_five_widths_and_has_a_table():
    case, space = TUNED[0], TUNED[0].space
    assert (case.name, case.rule) == ("cifar10-60ms, largest", "largest")
    assert len(space.resolutions) == 1
    assert len(space.widths) == 5
    one = measure(Work(case.name, "evolution", 50, 400, 1))
    assert all(f"r{space.resolutions[0]}-" in net for net in (one.little, one.big, one.alone))
    whole = replace(ROW, case="cifar10-60ms", asked=10_000, truth=None)
    text = report([whole, replace(whole, case=case.name, pair=71.25), replace(whole, asked=1000)])
    assert "| cifar10-60ms | whole space | evolution | 320 | 1 | 0.5 | 70.00 [70.00, 70.00] |" in text
    assert "| cifar10-60ms | the largest nets | evolution | 320 | 1 | 0.5 | 71.25 [71.25, 71.25] |" in text
    assert "In a part of" not in report([whole])


def test_stored_runs_are_kept_and_only_the_others_are_made(monkeypatch):
    done = Work("listed-60ms", "uniform", 1000, 300, 0)
    other = replace(done, seed=1)
    monkeypatch.setattr(program, "plan", lambda *_, **__: [done, other])
    monkeypatch.setattr(program, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(program, "measure", lambda work: replace(ROW, strategy=work.strategy, seed=work.seed))
    monkeypatch.setattr(program, "fitted", lambda: ROW.constants)
    stored = replace(ROW, strategy="uniform", pair=55.0)
    found = program.runs(2, 1, long=False, stored=[stored])
    assert found[0] == stored
    assert [(one.strategy, one.seed) for one in found] == [("uniform", 0), ("uniform", 1)]
    assert len(program.runs(2, 1, long=False)) == 2
    older = replace(stored, constants="2025-12-31")
    assert older not in program.runs(2, 1, long=False, stored=[older])


@pytest.mark.slow
def test_cells_are_found_and_judged_by_what_training_gave():
    """Told the truth about most of the 4,930 distinct cells, a strategy finds nearly the best pair."""
    if not (Path(os.environ.get("ZEROSHOT_DATA", ".")) / "nasbench201").is_dir():
        pytest.skip("ZEROSHOT_DATA has no nasbench201/")
    everything = CellWork("raspi4", TRUTH, "uniform", 3000, 0)
    run = measure_cells(everything)
    assert run.best_single < run.truth < 96
    assert 0 <= run.truth - run.pair < 0.5
    one, again = (measure_cells(replace(everything, told=LAYERS, scored=100)) for _ in range(2))
    assert replace(one, seconds=0) == replace(again, seconds=0)
    assert one.pair < one.truth
    best = known("raspi4").best.top
    cells = known("raspi4").distinct[[best.little[0], best.big[0]]]
    assert known("raspi4").worth(*cells.tolist()) == pytest.approx(run.truth)


def test_the_chapter_on_cells_has_a_table_for_each_device():
    row = CellRun(
        device="raspi4",
        told=LAYERS,
        strategy="evolution",
        asked=30,
        seed=0,
        scored=31,
        seconds=0.1,
        pair=93.0,
        single=92.0,
        truth=95.0,
        best_single=94.0,
        constants="2026-01-01",
    )
    text = "\n".join(chapter([row, replace(row, seed=1, pair=94.0)]))
    assert "median over 2 seeds" in text
    assert "| evolution | 1.50 [1.10, 1.90] |" in text
    assert "eyeriss" not in text
    assert not chapter([])
    assert CELL_RUNS.from_csv(CELL_RUNS.to_csv([row])) == [row]


def test_a_run_without_a_pair_to_list_counts_its_best_net(monkeypatch):
    """As on a task so easy that no big net is expected to be better than a little one."""
    none = measuring.ranked

    def without(case, found, percent):
        ranking = none(case, found, percent)
        empty = {name: getattr(ranking.top, name)[:0] for name in Pairs.__dataclass_fields__}
        return replace(ranking, top=Pairs(**empty))

    monkeypatch.setattr(measuring, "ranked", without)
    run = measure(Work("listed-60ms", "uniform", 50, 200, 0))
    assert run.pair == run.single > 50
    assert (run.little, run.big, run.unlike) == ("", "", 0)
