"""A whole search on digits, against arithmetic redone from the tables that it writes."""

import csv
import json
import math
import re

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from zeroshot.accuracy.model import prior_for
from zeroshot.cascade.copula import PRIOR_COUPLING
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.data import batches, load
from zeroshot.errors import UsageError
from zeroshot.runs.rows import CANDIDATES, PAIRS, SINGLES
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import ProbeImages, probe_net
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.plan import plan
from zeroshot.searching.search import search

from .searches import ENGINE, SMALL, STATIC, expected

PAIR_COLUMNS = [
    "rank", "little", "big", "accuracy", "accuracy_low", "accuracy_high", "little_accuracy", "big_accuracy",
    "escalation_rate", "latency_ms", "worst_latency_ms", "energy_mj", "worst_energy_mj", "macs", "flash_bytes",
    "sram_bytes", "single", "single_accuracy", "single_latency_ms", "gain", "gain_error", "pays",
]  # fmt: skip


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def operators(spec):
    """Operators that a net runs, read off its short spec."""
    tokens = spec.split("-")
    found = {"conv", "avgpool", "linear"}
    channels = int(re.match(r"s(\d+)", tokens[1])[1])
    for token in tokens[2:]:
        if token[0] == "h":
            found.add("pointwise")
            continue
        block, width, depth, stride = re.fullmatch(r"([cdmb])\d+(?:e\d+)?w(\d+)x(\d+)(/2)?", token).groups()
        equal = channels == int(width) and not stride
        again = int(depth) > 1
        found |= {"c": {"conv"}, "b": {"conv", "add"}}.get(block, {"depthwise", "pointwise"})
        found |= {"add"} if block == "m" and (equal or again) else set()
        found |= {"pointwise"} if block == "b" and not equal else set()
        channels = int(width)
    return found


def copula(a_l, a_b, p):
    """acc(p) by SciPy's bivariate normal distribution function."""
    mu_l, mu_b, t = norm.ppf([a_l, a_b, p])
    gamma = math.tanh(PRIOR_COUPLING.gamma[0] + PRIOR_COUPLING.gamma[1] * mu_l)
    k = PRIOR_COUPLING.kappa
    kappa = math.tanh(k[0] + k[1] * mu_l + k[2] * (mu_b - mu_l))

    def both(mu, r):
        return multivariate_normal.cdf([t, mu], cov=[[1, r], [r, 1]])

    return a_l - both(mu_l, -gamma) + both(mu_b, -kappa)


def check_rows(rows, nets, board="nucleo-l4r5zi", engine=ENGINE):
    """Every figure of pair rows from the costs of their two nets, by the formulas of a cascade."""
    b, e = load_board(board), load_engine(engine)
    policy = 10 * e.policy_instructions_per_class * b.cycles_per_instruction[engine] / (b.clock_mhz * 1e3)
    costs = {row["net"]: {k: float(v) for k, v in row.items() if k != "net"} for row in nets}
    for row in rows:
        little, big, p = costs[row.little], costs[row.big], row.escalation_rate
        start, start_energy = little["latency_ms"] + policy, little["energy_mj"] + policy * b.power_mw / 1e3
        used = operators(row.little) | operators(row.big)
        waiting = max(little["arena_bytes"], big["arena_bytes"]) + big["input_bytes"]
        if engine == "c99":  # one arena for both nets
            same = little["input_bytes"] == big["input_bytes"]
            first = little["holding_bytes"] if same else little["arena_bytes"] + big["input_bytes"]
            waiting = max(first, big["arena_bytes"])
        figures = {
            "latency_ms": start + p * big["latency_ms"],
            "worst_latency_ms": start + big["latency_ms"],
            "energy_mj": start_energy + p * big["energy_mj"],
            "worst_energy_mj": start_energy + big["energy_mj"],
            "macs": little["macs"] + p * big["macs"],
            "flash_bytes": little["model_flash_bytes"] + big["model_flash_bytes"] + e.flash_base
            + sum(e.flash_kernel[op] for op in used),
            "sram_bytes": waiting + little["persistent_bytes"] + big["persistent_bytes"],
            "accuracy": copula(row.little_accuracy, row.big_accuracy, p),
        }  # fmt: skip
        assert {name: getattr(row, name) for name in figures} == pytest.approx(figures, rel=1e-6)
        assert start < big["latency_ms"]
        assert 0 < p < 1 - start / big["latency_ms"] + 1e-12
        assert 0 <= row.accuracy_low < row.accuracy < row.accuracy_high <= 1
        if row.single is not None:
            assert row.gain == pytest.approx(row.accuracy - row.single_accuracy, abs=1e-15)
            assert row.pays is (row.gain > 0)
            assert row.gain_error > 0


def test_figures_of_pairs_and_front_follow_from_candidates_csv(result):
    nets = table(result.run / "candidates.csv")
    assert len(result.pairs) >= 3
    assert len(result.front) >= 5
    check_rows(result.pairs + result.front, nets)


def test_figures_on_another_board_with_the_other_engine():
    found = search("digits", "Raspberry-Pi-Pico", **STATIC | {"engine": "c99"})
    assert found.config["board"] == "raspberry-pi-pico"
    assert found.config["data_by_name"] is True
    check_rows(found.pairs, found.nets.plain(), "raspberry-pi-pico", "c99")


def test_tables_have_all_columns_and_equal_the_files(result):
    assert list(PAIRS.plain(result.pairs[0])) == PAIR_COLUMNS
    tables = {"pairs": PAIRS, "front": PAIRS, "singles": SINGLES, "candidates": CANDIDATES}
    for name, kind in tables.items():
        held = result.nets if name == "candidates" else getattr(result, name)
        assert held
        rows = [{k: "" if v is None else str(v) for k, v in kind.plain(row).items()} for row in held]
        assert table(result.run / f"{name}.csv") == rows


def test_accuracies_follow_from_the_scores(result):
    nets = {row["net"]: row for row in table(result.run / "candidates.csv")}
    probed = {}
    with (result.run / "scores.csv").open(newline="") as file:
        for net, proxy, value, status in csv.reader(file):
            assert status == "ok"
            probed.setdefault(net, {})[proxy] = float(value)
    assert len(probed) == result.n_probed
    assert 3 <= len(probed) <= 9
    static = ["score_macs"]
    names = list(probed)
    scores = {proxy: [probed[n][proxy] for n in names] for proxy in ("swap", "az_trainability", "linear_readout")}
    rows = [
        [float(nets[n][s]) for s in static] + [column[i] for column in scores.values()] for i, n in enumerate(names)
    ]
    prior = prior_for(scores)
    assert [each.proxy for each in prior.evidence] == ["swap", "az_trainability"]
    want = dict(zip(names, expected(rows, names, prior, scores), strict=True))
    got = {getattr(row, role): getattr(row, f"{role}_accuracy") for row in result.pairs for role in ("little", "big")}
    got |= {row.net: row.accuracy for row in result.singles}
    assert got == pytest.approx({net: want[net] for net in got}, abs=1e-12)

    first = expected([[float(r[s]) for s in static] for r in nets.values()], list(nets), prior_for([]))
    assert [float(row["static_accuracy"]) for row in nets.values()] == pytest.approx(first, abs=1e-12)


def test_candidates_npz_holds_the_rows_of_candidates_csv(result):
    with np.load(result.run / "candidates.npz", allow_pickle=False) as arrays:
        assert arrays["latency"].tolist() == [row.latency_ms for row in result.nets]
        assert arrays["score_macs"].tolist() == arrays["macs"].tolist()
        assert 0 < len(arrays["littles"]) <= 40
        roles = np.union1d(arrays["littles"], arrays["bigs"])
        assert roles.tolist() == list(range(len(result.nets)))
        assert result.n_pairs == len(arrays["littles"]) * len(arrays["bigs"])
    assert 0 < result.n_feasible <= result.n_pairs


@pytest.mark.parametrize("name", ["pairs", "front", "singles", "scores", "candidates"])
def test_tables_do_not_depend_on_jobs_but_on_the_seed(result, two_jobs, other_seed, name):
    ours = (result.run / f"{name}.csv").read_bytes()
    assert ours
    assert ours == (two_jobs.run / f"{name}.csv").read_bytes()
    assert ours != (other_seed.run / f"{name}.csv").read_bytes()


def test_probed_scores_are_those_of_each_net_by_itself(other_seed):
    """The steps of a search by hand, for one net: its batches, split and initial weights all follow from the seed."""
    with (other_seed.run / "scores.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    net = rows[-1][0]
    digits, side = load("digits", 1), int(net.split("-")[0][1:])
    # Batches of 8: two, and 512 images for the readout.
    images = ProbeImages(batches(digits, side, 8, 2, 1), batches(digits, side, 8, 64, 1))
    want = probe_net(net, 10, images, load_proxies(["swap", "az_trainability", "linear_readout"]), 1).scores
    assert {proxy: float(value) for name, proxy, value, _ in rows if name == net} == {
        k: v.value for k, v in want.items()
    }


@pytest.fixture(scope="module")
def two_jobs(tmp_path_factory):
    return search("digits", run=tmp_path_factory.mktemp("two") / "run", **SMALL | {"jobs": 2})


@pytest.fixture(scope="module")
def other_seed(tmp_path_factory):
    return search("digits", seed=1, run=tmp_path_factory.mktemp("seed") / "run", **SMALL)


def test_the_run_folder_holds_what_it_should(result):
    names = {path.name for path in result.run.iterdir()}
    assert names == {
        "config.toml", "environment.json", "scores.csv", "candidates.csv", "candidates.npz", "pairs.csv", "front.csv",
        "singles.csv", "classes.csv", "pareto.png", "summary.json", "digests.json",
    }  # fmt: skip
    summary = json.loads((result.run / "summary.json").read_text())
    assert summary == result.summary()
    assert summary["pairs"] == result.pairs.plain()
    assert summary["seconds"] > 0


def test_static_search_probes_nothing(static, tmp_path):
    assert static.n_probed == 0
    assert static.undefined == {}
    assert static.run is None
    found = search("digits", run=tmp_path / "run", proxies=["macs", "depth"], nets=30, scored=200, shortlist=4, jobs=1)
    assert found.n_probed == 0
    assert not (tmp_path / "run" / "scores.csv").exists()
    assert found.config["proxies"] == ["macs@1", "depth@1"]


def test_progress_counts_up_to_the_whole(tmp_path):
    seen = []
    search("digits", progress=lambda *event: seen.append(event), **SMALL | {"nets": 30, "shortlist": 2})
    assert seen[:2] == [("drawing candidates", 0, 1), ("drawing candidates", 1, 1)]
    total = seen[-1][2]
    assert 2 <= total <= 6
    assert seen[2:] == [("probing nets", i, total) for i in range(total + 1)]


def test_plan_is_the_search_without_the_work(result, tmp_path):
    what = plan("digits", run=tmp_path / "run", **SMALL)
    assert what == plan(SearchOptions(run=tmp_path / "run", **SMALL))
    assert what.config == result.config
    assert (what.candidates, what.pairs, what.probed_nets) == (80, 1600, 9)
    assert what.run == str(tmp_path / "run")
    assert what.summary()["pairs"] == 1600
    assert not (tmp_path / "run").exists()
    assert plan(**STATIC).probed_nets == 0
    with pytest.raises(UsageError, match="`nets`"):
        plan(nets=0)


def test_remarks_name_missing_budgets_and_few_candidates(static, result):
    assert any("`latency`" in text for text in static.remarks)
    assert not any("`latency`" in text for text in result.remarks)
    tight = search("digits", latency=0.6, **STATIC)
    (few,) = [text for text in tight.remarks if text.startswith("Only ")]
    little, big = map(int, re.findall(r"(\d+) (?:little|big)", few))
    assert little * big == tight.n_pairs
    assert min(little, big) < 40
