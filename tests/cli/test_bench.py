"""`zeroshot bench`: tables of one's own, NAS-Bench-201, scoring anew, and errors that say what to do."""

import gzip
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from zeroshot.bench import nasbench201 as nb
from zeroshot.bench import scores as cell_scores
from zeroshot.bench import study
from zeroshot.bench.judge import Options, judge_all
from zeroshot.bench.table import read_table
from zeroshot.data import load
from zeroshot.scoring.plugins import load_proxies

ROWS = [f"n{i},{50 + i},{i % 7},{i + 1},{'' if i == 3 else i * i},2" for i in range(40)]
CSV = "\n".join(["net,acc,params,ms,mine,same", *ROWS]) + "\n"


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(CSV)
    return path


@pytest.fixture
def data():
    root = os.environ.get("ZEROSHOT_DATA")
    if not root or not (Path(root) / "nasbench201").is_dir():
        pytest.skip("ZEROSHOT_DATA has no nasbench201/")
    return Path(root)


def test_a_table_is_judged_as_the_engine_does(cli, mine):
    result = cli("bench", "--table", mine, "--accuracy", "acc", "--costs", "ms", "--k", "3", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    found = {row["proxy"]: row for row in told["verdicts"]}
    assert set(found) == {"params", "random", "mine", "same"}
    table = read_table(mine, ["acc"], ["ms"])
    (expected,) = (v.row() for v in judge_all(table, ["acc"], list(found), Options(ks=(3,))) if v.proxy == "mine")
    assert {k: v for k, v in found["mine"].items() if v is not None} == {
        k: v for k, v in expected.items() if not (isinstance(v, float) and np.isnan(v))
    }
    assert found["mine"]["unscored"] == 1
    assert found["same"]["spearman, all"] is None
    assert "the score is constant" in found["same"]["note"]
    assert told["mean_regret"]["mine.csv"]["acc"]["params"]["ms"] > 0


def test_names_stand_in_any_column_and_bands_are_of_any_cost(cli, mine, tmp_path):
    (tmp_path / "theirs.csv").write_text(CSV.replace("net,", "arch,", 1))
    args = ("--accuracy", "acc", "--costs", "ms", "--bands", "ms")
    result = cli("bench", "--table", "theirs.csv", "--net", "arch", *args, "--json")
    assert result.exit_code == 0, result.stderr
    (found,) = [row for row in json.loads(result.stdout)["verdicts"] if row["proxy"] == "params"]
    truth = read_table(mine, ["acc"], ["ms"])
    order = np.argsort(truth.costs["ms"])
    for band, rows in enumerate(np.array_split(order, 4), 1):
        want = scipy.stats.spearmanr(truth.scores["params"][rows], truth.accuracy["acc"][rows]).statistic
        assert found[f"spearman, band {band}"] == pytest.approx(want)
    text = cli("bench", "--table", "theirs.csv", "--net", "arch", *args).stdout
    assert "Spearman inside bands of ms 10 nets 10 nets 10 nets 10 nets" in " ".join(text.split())


def test_people_read_which_statistics_are_undefined(cli, mine):
    result = cli("bench", "--table", mine, "--accuracy", "acc")
    assert result.exit_code == 0, result.stderr
    assert "40 rows, 40 distinct nets" in result.stdout
    line = next(line.split() for line in result.stdout.splitlines() if line.startswith("mine "))
    assert line[:3] == ["mine", "40", "1"]
    assert "ranked last are the nets on which a proxy is undefined: mine 1." in " ".join(result.stdout.split())
    assert "undefined: the score is constant: same" in " ".join(result.stdout.split())
    assert result.stderr == ""


def test_heads_are_explained_and_files_are_written(cli, mine, tmp_path):
    files = ("--csv", "out.csv", "--latex", "out.tex", "--plot", "out.png")
    result = cli("bench", "--table", mine, "--accuracy", "acc", "--costs", "ms", "--resamples", "30", *files)
    assert result.exit_code == 0, result.stderr
    text = " ".join(result.stdout.split())
    for line in ("p@N: share of so many favourites", "95 %: bootstrap interval over distinct nets, 30 resamples",
                 "less: Spearman less that of this baseline", "points lost: accuracy of the best net within a limit",
                 "random: what scores that know nothing get", "no ceiling, for it does not say"):  # fmt: skip
        assert line in text
    assert "ceiling:" not in text
    assert "undefined: of these" in text
    assert [line.split(": ")[1] for line in result.stdout.splitlines() if line.startswith("Written")] == list(
        files[1::2]
    )
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert "tabular" in (tmp_path / "out.tex").read_text()
    assert "\nmine.csv,acc,mine,40," in (tmp_path / "out.csv").read_text()
    assert not list(tmp_path.glob(".out*"))


def test_files_that_cannot_be_written_are_refused_before_the_work(cli, mine):
    for args, words in ((("--plot", "x.bmp"), ".png, .pdf, .svg"), (("--csv", "no/x.csv"), "There is no folder no")):
        result = cli("bench", "--table", mine, "--accuracy", "acc", *args)
        assert result.exit_code == 2
        assert words in result.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "Name nasbench201, pair-truth or --table FILE"),
        (("nasbench", "--table", "x.csv"), "Unknown benchmark 'nasbench'"),
        (("--table", "none.csv"), "no file none.csv"),
        (("--table", "mine.csv"), "Unknown column 'accuracy'"),
        (("--table", "mine.csv", "--accuracy", "acc", "--k", "41"), "best 41 were asked for"),
        (("--table", "mine.csv", "--accuracy", "acc", "--k", "x"), "--k takes whole numbers"),
        (("--table", "mine.csv", "--accuracy", "acc", "--proxies", "q"), "Unknown column 'q'"),
        (("--table", "mine.csv", "--accuracy", "acc", "--resamples", "-1"), "count from 0"),
        (("--table", "mine.csv", "--accuracy", "acc", "--net", "ned"), "Is it 'net'? Name it with --net"),
        (("--table", "mine.csv", "--accuracy", "acc", "--bands", "watts"), "Unknown cost 'watts'"),
    ],
)
def test_wrong_calls_end_with_a_sentence(cli, mine, args, words):
    result = cli("bench", *args)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_bad_data_names_row_and_column(cli, tmp_path):
    (tmp_path / "bad.csv").write_text("net,acc,p\na,1,1\nb,nan,2\n")
    result = cli("bench", "--table", "bad.csv", "--accuracy", "acc")
    assert result.exit_code == 1
    assert "row 2, column 'acc'" in result.stderr


def test_nasbench201_needs_its_tables(cli, monkeypatch):
    monkeypatch.delenv("ZEROSHOT_DATA", raising=False)
    result = cli("bench", "nasbench201")
    assert result.exit_code == 2
    assert "--data" in result.stderr


def test_official_files_are_converted(cli, tmp_path, monkeypatch):
    monkeypatch.delenv("ZEROSHOT_DATA", raising=False)
    costs = {f"{d}_{k}": [1.5] * 15625 for d, kinds in nb.DEVICES.items() for k in kinds}
    data = {"nasbench201": dict.fromkeys(("cifar10", "cifar100", "ImageNet16-120"), costs)}
    (tmp_path / "h.pickle").write_bytes(pickle.dumps(data))
    result = cli("bench", "nasbench201", "--convert", "h.pickle", "--data", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    written = json.loads(result.stdout)["written"]
    with gzip.open(written, "rt") as file:
        assert file.readlines()[-1].startswith("15624,1.5,")
    for args in (("--convert", "h.pickle"), ("--convert", "none.pth", "--data", tmp_path)):
        result = cli("bench", "nasbench201", *args)
        assert result.exit_code == 2
        assert "Traceback" not in result.stderr


def test_nasbench201_prints_its_tables(cli, data):
    args = ("bench", "nasbench201", "--data", data, "--tasks", "cifar100", "--resamples", "2", "--json")
    missing = cli(*args, "--scores", "none.npz")
    assert missing.exit_code == 2
    assert "no stored scores" in missing.stderr
    cell_scores.write(cell_scores.empty(cell_scores.Protocol(), "m"), Path("s.npz"))
    result = cli(*args, "--scores", "s.npz")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert {row["task"] for row in told["verdicts"]} == {"cifar100"}
    params = next(row for row in told["verdicts"] if row["proxy"] == "params")
    assert (params["n"], params["distinct"], round(params["spearman, all"], 3)) == (15625, 4930, 0.797)
    assert set(told["mean_regret"]["all cells"]["cifar100"]["params"]) >= {"cifar100/raspi4/latency"}
    assert "0 cells" in told["notes"][0]


@pytest.mark.slow
def test_own_scores_of_its_cells_are_judged_by_its_truth(cli, data, tmp_path):
    rng = np.random.default_rng(0)
    cells = rng.permutation(15625)[:50]
    lines = [f"{cell},{value}" for cell, value in zip(cells, rng.random(50), strict=True)]
    (tmp_path / "own.csv").write_text("\n".join(["net,mine", *lines]))
    cell_scores.write(cell_scores.empty(cell_scores.Protocol(), "m"), Path("s.npz"))
    args = ("bench", "nasbench201", "--data", data, "--tasks", "cifar10", "--resamples", "0", "--scores", "s.npz")
    result = cli(*args, "--table", "own.csv", "--json")
    assert result.exit_code == 0, result.stderr
    rows = {row["proxy"]: row for row in json.loads(result.stdout)["verdicts"] if row["nets"] == "own.csv"}
    assert set(rows) == {"params", "macs", "depth", "random", "mine"}
    assert rows["mine"]["n"] == 50
    (tmp_path / "own.csv").write_text("net,mine\n3,1\nfour,2\n")
    result = cli(*args, "--table", "own.csv")
    assert result.exit_code == 1
    assert "Row 2, column 'net': 'four' is no cell" in result.stderr


@pytest.mark.slow
def test_scores_are_computed_anew(cli, data, monkeypatch):
    """With a cheap proxy, on images that need no download."""
    monkeypatch.setattr(cell_scores, "sharing_passes", lambda: load_proxies(["l2_norm"]))
    monkeypatch.setattr(study, "FEWEST", 5)
    monkeypatch.setattr(cell_scores, "WORTH_PROCESSES", 10)  # processes start slowly; scores do not depend on them
    args = ("bench", "nasbench201", "--data", data, "--tasks", "cifar10", "--resamples", "0", "--images", "digits")
    args = (*args, "--scores", "s.npz")
    result = cli(*args, "--rescore", "6", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    row = next(row for row in told["verdicts"] if row["proxy"] == "l2_norm")
    assert (row["nets"], row["n"]) == (study.EVERY, 6)
    distance = 35 * (1 - row["spearman, all"])  # of six ranks: the sum of their squared differences
    assert distance == pytest.approx(round(distance), abs=1e-9)
    assert 0 <= distance <= 70
    assert 1 <= row["best rank@5"] <= 2  # five of six
    assert "precision@100" not in row
    assert told["rescored"] == {}
    data_set, protocol = load("digits"), cell_scores.Protocol()
    proxies = load_proxies(["l2_norm"])
    cells = cell_scores.drawn_cells()[:2]
    stored = cell_scores.extended(
        cell_scores.empty(protocol, "m"), cells, proxies, protocol.drawn(data_set, proxies), lambda: True
    )
    cell_scores.write(stored, Path("s.npz"))
    told = json.loads(cli(*args, "--rescore", "6", "--json").stdout)
    assert told["rescored"] == {"l2_norm": {"cells": 2, "largest_relative_difference": 0.0}}
