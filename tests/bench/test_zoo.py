"""The zoo as a benchmark of proxies: its columns against its files, one row a net, and what cannot be judged."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from zeroshot.bench import zoo
from zeroshot.bench.pair_truth import load
from zeroshot.cost.counts import macs
from zeroshot.errors import DataError, RunError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_array

from .. import synthetic_zoo

SOURCE = Path(__file__).parent.parent.parent / "benchmarks" / "pair_truth"


@pytest.fixture
def folder(tmp_path):
    """Twelve nets that were never trained, and the stored scores of the plan beside them."""
    where = tmp_path / "zoo"
    where.mkdir()
    synthetic_zoo.make_zoo(where, SOURCE / "plan.csv", nets=12, images=200)
    shutil.copy(SOURCE / "scores.csv", tmp_path / "scores.csv")
    return where


def test_every_column_is_that_of_the_files(folder):
    truth, nets = zoo.load(folder), {net.net: net for net in load(folder).nets}
    assert set(truth.nets) == set(nets)
    assert truth.accuracy["cifar10"] == pytest.approx([100 * nets[name].test_accuracy for name in truth.nets])
    assert (
        truth.costs["macs"].tolist()
        == macs(layer_table(spec_array([NetSpec.parse(name) for name in truth.nets]), 3, 10)).tolist()
    )
    with (SOURCE / "scores.csv").open(newline="") as file:
        stored = {row["net"]: row for row in csv.DictReader(file)}
    for proxy in ("zico", "depth", "naswot"):
        assert truth.scores[proxy].tolist() == [float(stored[name][proxy]) for name in truth.nets]
    assert len(set(truth.groups.tolist())) == 12
    assert (np.array([truth.costs[name] for name in ("latency_ms", "energy_mj", "flash", "sram")]) > 0).all()


def test_a_net_with_more_seeds_is_one_row_with_its_mean(folder):
    """Net 000 again, as if trained with another seed."""
    for kind in ("json", "npz"):
        shutil.copy(folder / f"000-s0.{kind}", folder / f"000-s1.{kind}")
    about = json.loads((folder / "000-s1.json").read_text())
    (folder / "000-s1.json").write_text(json.dumps(about | {"seed": 1}))
    twice = zoo.load(folder)
    assert len(twice) == len(set(twice.nets)) == 12


def test_the_command_judges_the_zoo(cli, folder):
    result = cli("bench", "pair-truth", "--zoo", folder, "--resamples", "5", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    found = {row["proxy"]: row for row in told["verdicts"]}
    assert {"params", "macs", "depth", "random", "zico", "fuse: size + jacob_cov"} <= set(found)
    truth = zoo.load(folder)
    want = spearmanr(truth.scores["zico"], truth.accuracy["cifar10"]).statistic
    assert found["zico"]["spearman, all"] == pytest.approx(want)
    assert set(told["mean_regret"]["pair-truth"]["cifar10"]["zico"]) == {"latency_ms", "energy_mj", "flash", "sram"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("pair-truth", "--table", "x.csv"), 2, "are not for pair-truth"),
        (("pair-truth", "--rescore", "3"), 2, "are not for pair-truth"),
        (("pair-truht",), 2, "pair-truth"),
        (("pair-truth", "--zoo", "nowhere"), 1, "nowhere"),
        (("pair-truth", "--tasks", "cifar100"), 2, "--tasks is for nasbench201"),
        (("--table", "x.csv", "--published"), 2, "--published is for nasbench201"),
        (("--table", "x.csv", "--rescore", "2"), 2, "--rescore is for nasbench201"),
        (("nasbench201", "--costs", "ms"), 2, "--costs is for a table"),
        (("nasbench201", "--net", "arch"), 2, "--net is for a table"),
        (("pair-truth", "--cells", "3"), 2, "--cells is for nasbench201"),
    ],
)
def test_bad_commands(cli, arguments, code, words):
    result = cli("bench", *arguments)
    assert result.exit_code == code
    assert words in " ".join(result.stderr.split())


def test_what_cannot_be_judged_is_said(folder, tmp_path):
    with pytest.raises(RunError):
        zoo.load(tmp_path / "nothing")
    text = (tmp_path / "scores.csv").read_text().splitlines()
    (tmp_path / "scores.csv").write_text("\n".join([text[0], *text[2:]]))
    with pytest.raises(DataError, match="has no scores of"):
        zoo.load(folder)
    (tmp_path / "scores.csv").unlink()
    with pytest.raises(UsageError, match="no file"):
        zoo.load(folder)
    for number in range(3, 12):
        for kind in ("json", "npz"):
            (folder / f"{number:03d}-s0.{kind}").unlink()
    with pytest.raises(UsageError, match="3 trained nets"):
        zoo.load(folder)
