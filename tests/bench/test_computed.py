"""Scores that nobody stored: a plug-in's proxy on the zoo and on NAS-Bench-201, against the stored ones of ours."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from zeroshot.bench import scores as cell_scores
from zeroshot.bench import study, zoo
from zeroshot.bench.computed import Wanted, on_cells, on_zoo
from zeroshot.cost.counts import macs
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.probing.probe import Proxy

from .. import synthetic_zoo
from ..searching.searches import with_proxy

SOURCE = Path(__file__).parent.parent.parent / "benchmarks"
STATIC = Proxy("mine_static", lambda table: -macs(table).astype(float), "static", "ours", "fewest MACs")
PROBED = Proxy("mine_probed", lambda probe: float(sum(w.numel() for w in probe.weights)), "forward", "ours", "weights")
RANKED = Proxy(
    "mine_both", lambda parts: parts.sum(axis=1), "aggregate", "ours", "both", parts=("l2_norm", "mine_probed")
)


@pytest.fixture
def folder(tmp_path):
    """Twelve nets that were never trained, and their stored scores without `l2_norm`."""
    where = tmp_path / "zoo"
    where.mkdir()
    synthetic_zoo.make_zoo(where, SOURCE / "pair_truth" / "plan.csv", nets=12, images=200)
    with (SOURCE / "pair_truth" / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "scores.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name != "l2_norm"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return where


@pytest.fixture
def images(tmp_path):
    """Noise in colours, ten classes."""
    rng = np.random.default_rng(0)
    halves = {half: rng.integers(0, 256, (200, 32, 32, 3), np.uint8) for half in ("x_train", "x_test")}
    labels = {half: np.arange(200) % 10 for half in ("y_train", "y_test")}
    np.savez(tmp_path / "noise.npz", **halves, **labels)
    return tmp_path / "noise.npz"


def rows_of(result):
    assert result.exit_code == 0, result.stderr
    return {row["proxy"]: row for row in json.loads(result.stdout)["verdicts"]}


def test_a_plug_in_is_judged_on_the_zoo(cli, folder, images, monkeypatch):
    with_proxy(monkeypatch, STATIC, PROBED, RANKED)
    names = "l2_norm,mine_static,mine_both,naswot"
    args = ("bench", "pair-truth", "--zoo", folder, "--images", images, "--resamples", "9", "--proxies", names)
    result = cli(*args, "--json")
    found = rows_of(result)
    assert set(found) == {"params", "macs", "depth", "random", *names.split(",")}
    assert found["mine_static"]["spearman, all"] == pytest.approx(-found["macs"]["spearman, all"])
    assert "Scoring 12 nets by l2_norm, mine_probed takes about" in result.stderr
    unknown = cli("bench", "pair-truth", "--zoo", folder, "--proxies", "mine_statc")
    assert unknown.exit_code == 2
    assert "Did you mean mine_static?" in unknown.stderr


def test_what_is_computed_is_what_was_stored(folder, images, monkeypatch):
    with_proxy(monkeypatch, PROBED)
    wanted = Wanted(["l2_norm", "mine_probed"], str(images), 0, lambda text: None, lambda *_: None)
    truth = zoo.load(folder)
    found = on_zoo(truth.nets, truth.scores, folder.parent, wanted)
    with (SOURCE / "pair_truth" / "scores.csv").open(newline="") as file:
        stored = {row["net"]: float(row["l2_norm"]) for row in csv.DictReader(file)}
    assert found["l2_norm"] == pytest.approx([stored[net] for net in truth.nets], rel=1e-5)
    table = layer_table(spec_array([NetSpec.parse(net) for net in truth.nets]), 3, 10)
    assert np.corrcoef(np.argsort(found["mine_probed"]), np.argsort(truth.scores["params"]))[0, 1] > 0.99
    assert len(table) == 12


def test_images_of_others_than_the_stored_scores_are_refused(cli, folder, images):
    shutil.copy(SOURCE / "pair_truth" / "scores.json", folder.parent / "scores.json")
    result = cli("bench", "pair-truth", "--zoo", folder, "--images", images, "--proxies", "l2_norm")
    assert result.exit_code == 1
    assert "Name the images with --images" in result.stderr
    (folder.parent / "scores.json").write_text("{}")
    result = cli("bench", "pair-truth", "--zoo", folder, "--images", images, "--proxies", "l2_norm")
    assert "scores.json cannot be read" in result.stderr


def test_a_plug_in_is_judged_on_the_first_cells_of_the_draw(cli, images, monkeypatch):
    data = os.environ.get("ZEROSHOT_DATA")
    if not data or not (Path(data) / "nasbench201").is_dir():
        pytest.skip("ZEROSHOT_DATA has no nasbench201/")
    with_proxy(monkeypatch, STATIC, PROBED)
    monkeypatch.setattr(study, "FEWEST", 5)
    monkeypatch.setattr(cell_scores, "WORTH_PROCESSES", 99)
    cell_scores.write(cell_scores.empty(cell_scores.Protocol(), "m"), Path("s.npz"))
    args = ("bench", "nasbench201", "--data", data, "--tasks", "cifar10", "--resamples", "0", "--images", images)
    args = (*args, "--scores", "s.npz")
    result = cli(*args, "--proxies", "mine_static,mine_probed,l2_norm", "--cells", "8", "--json")
    found = rows_of(result)
    assert "Scoring 8 cells by mine_probed, l2_norm takes about" in result.stderr
    assert (found["mine_probed"]["nets"], found["mine_probed"]["n"]) == (study.EVERY, 8)
    assert found["mine_static"]["spearman, all"] == pytest.approx(-found["macs"]["spearman, all"])
    whole = [row for row in json.loads(result.stdout)["verdicts"] if row["nets"] == study.ALL]
    assert {row["proxy"]: row["n"] for row in whole}["mine_static"] == 15625
    assert found["mine_probed"]["spearman, all"] == pytest.approx(found["params"]["spearman, all"])
    assert {"params", "random", "l2_norm"} < set(found)
    assert cli(*args, "--proxies", "mine_probed", "--cells", "0").exit_code == 2


def test_scores_that_are_stored_are_not_computed():
    own = cell_scores.read(SOURCE / "results" / "proxy_scores.npz")
    wanted = Wanted(["zico", "az_nas", "params"], "nothing", 5, pytest.fail, pytest.fail)
    assert on_cells(own, ["params"], wanted) == (own, {})
