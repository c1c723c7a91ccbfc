"""NAS-Bench-201's tables: what is read, what is refused, and how scores of cells meet them."""

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from zeroshot.bench import nasbench201 as nb
from zeroshot.bench import study
from zeroshot.bench.judge import Options
from zeroshot.bench.scores import CellScores, Protocol, drawn_cells, networks
from zeroshot.errors import DataError, UsageError
from zeroshot.spaces import nasbench201 as space

COLUMNS = [f"{short}_test200" for short in nb.TASKS.values()]


@pytest.fixture(scope="session")
def folder():
    root = os.environ.get("ZEROSHOT_DATA")
    if not root or not (Path(root) / "nasbench201").is_dir():
        pytest.skip("ZEROSHOT_DATA has no nasbench201/")
    return Path(root)


@pytest.fixture(scope="session")
def truth(folder):
    return nb.load(folder)


def table(tmp_path, name="accuracy.csv.gz", rows=None, header=("index", *COLUMNS)):
    rows = [(i, 90, 70, 40) for i in range(space.COUNT)] if rows is None else rows
    with gzip.open(tmp_path / name, "wt") as file:
        csv.writer(file).writerows([header, *rows])
    return tmp_path


def test_known_accuracies_and_costs(truth):
    assert len(truth) == space.COUNT
    assert truth.accuracy["cifar10"][0] == 85.8633
    assert {task: round(float(y.max()), 2) for task, y in truth.accuracy.items()} == {
        "cifar10": 94.37, "cifar100": 73.51, "imagenet16-120": 47.31,
    }  # fmt: skip
    assert truth.costs["cifar10/edgegpu/latency"][0] == 5.807419
    assert np.isnan(truth.costs["cifar10/edgetpu/latency"]).sum() > 1000
    assert len(truth.costs) == 27
    assert truth.duplicates() == "15,625 rows, 4,930 distinct nets"
    assert (truth.costs["cifar10/raspi4/latency"] > 0).all()


def test_published_scores_cover_the_cells_without_dead_operations(folder):
    found = nb.suite_zero(folder)
    there = np.isfinite(found["sz_params"])
    assert there.sum() == 9445
    digits = space.decode(np.flatnonzero(there))
    assert np.array_equal(space.live(digits), digits)


def test_the_published_figures_of_static_and_stand_in_scores(truth, folder):
    """Known from elsewhere: of the 9,445 cells, naswot .811 and the two summed log-ranks .928."""
    sets, about, _ = study.nasbench201_sets(truth, None, nb.suite_zero(folder))
    (_, _), (theirs, names) = sets
    assert "9,445 rows" in about["no dead operations"]
    options = Options(ks=(10,), resamples=0)
    wanted = {"sz_nwot": 0.811, "sz_synflow": 0.778, "params": 0.799, "fuse: size + sz_jacov": 0.928}
    assert set(wanted) <= set(names)
    found = study.of_nasbench201([(theirs, tuple(wanted))], ["cifar10"], about, (), options)
    for verdict in found.verdicts:
        assert verdict.spearman["all"].value == pytest.approx(wanted[verdict.proxy], abs=5e-4)


def test_chance_is_chance_and_the_truth_loses_nothing(truth):
    y = truth.accuracy["cifar10"]
    sets = [(truth.with_scores({"oracle": y}), ("oracle", "random"))]
    found = study.of_nasbench201(sets, ["cifar10"], {}, (), Options(resamples=0))
    oracle, random = found.verdicts
    assert oracle.spearman["all"].value == pytest.approx(1)
    assert oracle.best_rank[5] == 1
    assert abs(random.spearman["all"].value) < 0.03
    regrets = {name: [each.points for each in found.sweeps if each.proxy == name] for name in ("oracle", "random")}
    assert len(regrets["oracle"]) == len(regrets["random"]) == 9
    assert regrets["oracle"] == pytest.approx([0] * 9, abs=1e-9)
    assert min(regrets["random"]) > 1


NAMES = ("az_expressivity", "az_progressivity", "az_trainability", "jacob_cov")


def made_up(cells):
    rng = np.random.default_rng(0)
    return CellScores(
        Protocol(), cells, {n: rng.random(len(cells)).astype(np.float32) for n in NAMES}, dict.fromkeys(NAMES, 1)
    )


def test_cells_with_every_proxy_become_a_set_with_aggregates(truth):
    cells = drawn_cells()[:40]
    scores = made_up(cells)
    scores.columns["late"] = np.where(np.arange(40) < 35, 1.0, np.nan).astype(np.float32)
    scores.undefined["late"] = {int(cells[36]): "why"}
    sets, about, notes = study.nasbench201_sets(truth, scores)
    own, shown = sets[1]
    assert own.name == study.EVERY
    assert len(own) == len(np.unique(own.groups)) == 36
    assert "36 rows" in about[study.EVERY]
    assert {"az_nas", "late", "fuse: size + jacob_cov", "params", "random"} <= set(shown)
    assert np.array_equal(own.scores["jacob_cov"][:35], scores.columns["jacob_cov"][:35])
    assert own.accuracy["cifar10"][35] == truth.accuracy["cifar10"][cells[36]]
    assert (own.scores["late"] < 1).tolist() == [False] * 35 + [True]  # where it is undefined it ranks last
    assert notes == ()
    assert "jacob_cov" not in sets[0][0].scores
    sets, _, notes = study.nasbench201_sets(truth, CellScores(Protocol(), cells[:3], {}, {}))
    assert len(sets) == 1
    assert "on 3 cells" in notes[0]


def test_scores_of_another_version_are_left_out(truth):
    scores = made_up(drawn_cells()[:40])
    scores.versions["jacob_cov"] = 99
    sets, _, notes = study.nasbench201_sets(truth, scores)
    assert "jacob_cov" not in sets[1][0].scores
    assert notes == ("Stored scores of another version of their proxy are left out: jacob_cov.",)


def test_complete_scores_are_judged_on_all_cells_and_on_the_published_ones(truth, folder):
    cells, labels = drawn_cells(), networks()
    scores = made_up(cells)
    scores.columns["late"] = np.where(np.arange(len(cells)) < 50, 1.0, np.nan).astype(np.float32)
    sets, about, _ = study.nasbench201_sets(truth, scores, nb.suite_zero(folder))
    assert [each.name for each, _ in sets] == list(about) == [study.ALL, study.PUBLISHED, study.EVERY]
    assert [len(each) for each, _ in sets] == [15625, 9445, 50]
    for each, shown in sets:
        assert {"az_nas", "jacob_cov", "fuse: size + jacob_cov", "params", "random"} <= set(shown)
        assert all(np.isfinite(each.scores[name]).all() for name in (*NAMES, "az_nas"))
        assert ("late" in shown) == (each.name == study.EVERY)
    assert "fuse: size + sz_jacov" in sets[1][1]
    whole = sets[0][0].scores["jacob_cov"]
    assert all(len(np.unique(whole[labels == label])) == 1 for label in (-1, *labels[:50].tolist()))


def test_cells_are_named_by_index_digits_or_string():
    text = space.to_string(space.decode([9])[0].tolist())
    assert nb.cells_of(["9", "400103", text]).tolist() == [9, 9, 9]
    for bad in ("15625", "|nothing|", "400109"):
        with pytest.raises(DataError, match="Row 2, column 'net'"):
            nb.cells_of(["1", bad])


def test_a_users_scores_are_joined(truth):
    found = nb.join(truth, np.array([5, 3]), {"mine": np.array([1.0, 2.0])})
    assert found.accuracy["cifar10"].tolist() == truth.accuracy["cifar10"][[5, 3]].tolist()
    with pytest.raises(DataError, match=r"Rows \[1, 3\]"):
        nb.join(truth, np.array([5, 3, 5]), {})
    with pytest.raises(UsageError, match="a score 'macs' already"):
        nb.join(truth, np.array([5]), {"macs": np.ones(1)})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[:-1], "lacks cell 15624"),
        (lambda rows: [*rows, rows[0]], "row 15626, column 'index': cell 0 is there twice"),
        (lambda rows: [(-1, 1, 1, 1), *rows[1:]], "row 1, column 'index'"),
        (lambda rows: [(0, 1, "x", 1), *rows[1:]], "row 1, column 'c100_test200': 'x'"),
        (lambda rows: [(0, 1, "nan", 1), *rows[1:]], "row 1, column 'c100_test200'"),
        (lambda rows: [(0, 1), *rows[1:]], "row 1: 2 cells"),
    ],
)
def test_damaged_tables_name_row_and_column(tmp_path, change, words):
    rows = [(i, 90, 70, 40) for i in range(space.COUNT)]
    with pytest.raises(DataError, match=words):
        nb.load(table(tmp_path, rows=change(rows)), hardware=False)


def test_missing_files_and_columns(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        nb.load(tmp_path)
    with pytest.raises(DataError, match="no column 'in16_test200'"):
        nb.load(table(tmp_path, header=("index", *COLUMNS[:2], "x")))
    (tmp_path / "accuracy.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="cannot be read"):
        nb.load(tmp_path)
    with pytest.raises(UsageError, match="Unknown data set 'cifar'"):
        nb.task_of("cifar")
