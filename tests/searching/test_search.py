"""A whole search on digits, against arithmetic redone from the tables that it writes."""

import csv
import itertools
import json
import math
import re
from collections import Counter
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import prior_for, task_anchor
from zeroshot.cascade.copula import PRIOR_COUPLING, cascade_accuracy
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.data import batches, load
from zeroshot.errors import DataError, InfeasibleError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.probing.probe import Proxy, ProxyUndefined
from zeroshot.runs.rows import CANDIDATES, PAIRS, SINGLES
from zeroshot.scoring import plugins
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import ProbeImages, probe_net
from zeroshot.searching import expectation, probes
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.plan import plan
from zeroshot.searching.search import search

from .. import reference

ENGINE = "tflm-cmsis-nn"
SMALL = {"nets": 40, "shortlist": 3, "latency": "15ms", "batch": 8, "jobs": 1, "engine": ENGINE, "escalation": 1.0}
STATIC = {"nets": 40, "shortlist": 0, "jobs": 1, "engine": ENGINE, "escalation": 1.0}
PAIR_COLUMNS = [
    "rank", "little", "big", "accuracy", "accuracy_low", "accuracy_high", "little_accuracy", "big_accuracy",
    "escalation_rate", "latency_ms", "worst_latency_ms", "energy_mj", "worst_energy_mj", "macs", "flash_bytes",
    "sram_bytes", "single", "single_accuracy", "single_latency_ms", "gain", "gain_error", "pays",
]  # fmt: skip
COLUMN = {
    "flash": "flash_bytes", "sram": "sram_bytes", "latency": "latency_ms", "energy": "energy_mj",
    "worst_latency": "worst_latency_ms", "macs": "macs",
}  # fmt: skip
ULPS = 1 + 1e-12  # p = (limit - start) / c_B and back again is right but for rounding


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return search("digits", run=tmp_path_factory.mktemp("search") / "run", **SMALL)


@pytest.fixture(scope="module")
def static():
    """No probing and no budget."""
    return search("digits", top=30, **STATIC)


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


def expected(rows, nets, anchor, prior, scores=None):
    """Accuracies from score rows, in plain Python: mean log rank, sizes matched to it, the line, ties shared.

    `scores` holds each proxy's scores that are evidence on their own, net by net.
    """
    n = len(rows)
    fused = [0.0] * n
    for column in zip(*rows, strict=True):
        value = [-math.inf if math.isnan(x) else x for x in column]
        for i, x in enumerate(value):
            rank = sum(y < x for y in value) + (sum(y == x for y in value) + 1) / 2
            fused[i] += math.log(rank / n) / len(rows[0])
    fused = [round(x, 12) for x in fused]
    known = features(layer_table(spec_array([NetSpec.parse(net) for net in nets]), 1, 10))
    own = [
        sum(t.weight * min(max((known[t.feature][i] - t.centre) / t.scale, -3), 3) for t in prior.terms)
        for i in range(n)
    ]
    for each in prior.evidence:
        beyond = [x - each.slope * size for x, size in zip(scores[each.proxy], own, strict=True)]
        steps = [(x - sum(beyond) / n) / each.scale for x in beyond]
        own = [size + each.weight * min(max(step, -3), 3) for size, step in zip(own, steps, strict=True)]
    capacity = sorted(own)
    order = sorted(fused)
    shift = prior.task_slope * (norm.ppf(anchor) - norm.ppf(prior.reference))
    out = []
    for x, size in zip(fused, own, strict=True):
        shared = [c for c, y in zip(capacity, order, strict=True) if y == x]
        mu = prior.intercept + (1 - prior.trust) * size + prior.trust * sum(shared) / len(shared) + shift
        out.append(min(max(norm.cdf(mu), 0.1), 0.999))
    return out


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
    anchor = task_anchor(load("digits"))
    static = ["score_params", "score_macs", "score_nn_degree"]
    names = list(probed)
    scores = {proxy: [probed[n][proxy] for n in names] for proxy in ("zico", "naswot", "linear_readout")}
    rows = [
        [float(nets[n][s]) for s in static] + [column[i] for column in scores.values()] for i, n in enumerate(names)
    ]
    prior = prior_for(scores)
    assert [each.proxy for each in prior.evidence] == ["linear_readout"]
    want = dict(zip(names, expected(rows, names, anchor, prior, scores), strict=True))
    got = {getattr(row, role): getattr(row, f"{role}_accuracy") for row in result.pairs for role in ("little", "big")}
    got |= {row.net: row.accuracy for row in result.singles}
    assert got == pytest.approx({net: want[net] for net in got}, abs=1e-12)

    first = expected([[float(r[s]) for s in static] for r in nets.values()], list(nets), anchor, prior_for([]))
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


def test_listed_pairs_are_in_order_and_capped(static):
    rows = static.pairs
    assert len(rows) == 30
    assert [row.rank for row in rows] == list(range(1, 31))
    accuracy = [row.accuracy for row in rows]
    assert all(a >= b - 1e-5 for a, b in itertools.pairwise(accuracy))  # ranked by a table right to 1e-5
    assert len({(row.little, row.big) for row in rows}) == 30
    for role in ("little", "big"):
        assert max(Counter(getattr(row, role) for row in rows).values()) == 2


@pytest.mark.parametrize("limits", [{}, {"latency": 8, "escalation": 0.4}, {"energy": 0.5, "worst_latency": 20}])
def test_no_pair_on_a_grid_of_rates_beats_the_first(limits, tmp_path):
    """Exhaustive: every little, every big, 60 rates, the copula without its table."""
    found = search("digits", run=tmp_path / "run", **STATIC | limits)
    nets = {key: np.array([getattr(net, key) for net in found.nets]) for key in vars(found.nets[0])}
    with np.load(tmp_path / "run" / "candidates.npz", allow_pickle=False) as arrays:
        littles, bigs = np.isin(np.arange(len(found.nets)), arrays["littles"]), arrays["bigs"]
    latency, energy, accuracy = nets["latency_ms"], nets["energy_mj"], nets["static_accuracy"]
    # The decision costs a millisecond's thousandth; leaving it out can only let more pairs in.
    p = np.linspace(MIN_RATE, limits.get("escalation", 1.0), 60)[:, None]
    best = 0.0
    for big in bigs:
        inside = littles & (latency < latency[big]) & (accuracy < accuracy[big])
        inside &= latency + latency[big] <= limits.get("worst_latency", math.inf)
        rate = np.broadcast_to(p, (60, len(latency)))
        legal = inside & (latency + rate * latency[big] <= limits.get("latency", math.inf))
        legal &= energy + rate * energy[big] <= limits.get("energy", math.inf)
        legal &= rate < 1 - latency / latency[big]
        # Where the best rate is lower still, the big net is not worth its flash: no pair, at any rate.
        legal &= reference.best_rate(accuracy, accuracy[big], PRIOR_COUPLING) >= MIN_RATE
        row, little = np.nonzero(legal)
        if len(row):
            best = max(best, cascade_accuracy(accuracy[little], accuracy[big], p[row, 0]).max())
    assert found.pairs[0].accuracy > best - 1e-4
    assert found.pairs[0].accuracy < best + 0.02


@pytest.mark.parametrize(
    "objectives",
    [
        ("accuracy", "latency"), ("energy", "accuracy"), ("accuracy", "flash"), ("accuracy", "sram"),
        ("accuracy", "worst_latency"), ("accuracy", "macs"), ("accuracy", "latency", "flash", "sram"),
    ],
)  # fmt: skip
def test_front_is_free_of_dominated_pairs_and_reaches_every_listed_one(objectives):
    found = search("digits", objectives=objectives, worst_latency="200ms", **STATIC)
    costs = [COLUMN[name] for name in objectives if name != "accuracy"]
    cost = np.array([[getattr(row, c) for c in costs] for row in found.front])
    accuracy = np.array([row.accuracy for row in found.front])
    assert len(cost) >= 3
    for mine, value in zip(cost, accuracy, strict=True):  # by more than the copula's table is wrong
        assert not ((cost <= mine).all(axis=1) & (accuracy > value + 1e-5)).any()
    assert (np.diff(cost[:, 0]) >= 0).all()
    for row in found.pairs:
        no_dearer = (cost <= np.array([getattr(row, c) for c in costs]) * ULPS).all(axis=1)
        assert accuracy[no_dearer].max() > row.accuracy - 1e-4
    assert found.config["objectives"] == list(objectives)


@pytest.mark.parametrize("name", ["flash", "sram", "latency", "energy", "worst_latency"])
def test_every_listed_pair_and_single_keeps_a_budget(static, name):
    column = COLUMN[name]
    limit = sorted(getattr(row, column) for row in static.front)[len(static.front) // 3]
    assert any(getattr(row, column) > limit for row in static.pairs)  # the budget binds
    found = search("digits", **STATIC, **{name: limit})
    assert found.pairs
    assert found.n_feasible < found.n_pairs or name in {"latency", "energy"}
    assert all(getattr(row, column) <= limit * ULPS for row in found.pairs + found.front)
    singles = {row.net: row for row in found.singles}
    alone = {"worst_latency": "latency_ms"}.get(name, column)
    assert all(getattr(row, alone) <= limit for row in found.singles)
    assert all(row.single is None or row.single in singles for row in found.pairs + found.front)


def test_escalation_limit_is_kept_and_reached(static):
    assert max(row.escalation_rate for row in static.pairs) > 0.1
    found = search("digits", **STATIC | {"escalation": 0.1})
    rates = [row.escalation_rate for row in found.pairs + found.front]
    assert max(rates) == pytest.approx(0.1)
    assert max(rates) <= 0.1


def test_singles_are_the_front_of_the_fitting_nets(static):
    """Against the definition: no other net is at least as fast and more accurate."""
    nets = [(row.latency_ms, -row.static_accuracy, row.net) for row in static.nets]
    want = [n for n in sorted(nets) if not any(o[0] <= n[0] and o[1] <= n[1] and o[:2] != n[:2] for o in nets)]
    assert [row.net for row in static.singles] == [net for _, _, net in want]


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
    # Batches of 8: two for the gradients, and 512 images for the readout.
    images = ProbeImages(batches(digits, side, 8, 2, 1), batches(digits, side, 8, 64, 1))
    want = probe_net(net, 10, images, load_proxies(["zico", "naswot", "linear_readout"]), 1).scores
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
        "singles.csv", "pareto.png", "summary.json",
    }  # fmt: skip
    summary = json.loads((result.run / "summary.json").read_text())
    assert summary == result.summary()
    assert summary["pairs"] == result.pairs.plain()
    assert summary["seconds"] > 0


def test_static_search_probes_nothing(static, tmp_path):
    assert static.n_probed == 0
    assert static.undefined == {}
    assert static.run is None
    found = search("digits", run=tmp_path / "run", proxies=["macs", "depth"], nets=30, shortlist=4, jobs=1)
    assert found.n_probed == 0
    assert not (tmp_path / "run" / "scores.csv").exists()
    assert found.config["proxies"] == ["macs@1", "depth@1"]


def test_no_pair_left_after_probing_is_said_and_not_a_crash(monkeypatch, tmp_path):
    """Probed proxies that put the big net last leave no pair whose big net is the better one."""

    def smallness(probe):
        return -float(sum(weight.numel() for weight in probe.weights))

    monkeypatch.setattr(expectation, "prior_for", lambda _: replace(prior_for([]), trust=1.0))
    doubters = [Proxy(f"doubt{i}", smallness, "forward", "nobody", "prefers small nets") for i in range(6)]
    with_proxy(monkeypatch, *doubters)
    options = SMALL | {"proxies": ["params", *(p.name for p in doubters)], "shortlist": 1}
    found = search("digits", run=tmp_path / "run", **options)
    assert not found.pairs
    assert not found.front
    assert found.singles
    assert any("pair" in text for text in found.remarks)


def test_remarks_name_missing_budgets_and_few_candidates(static, result):
    assert any("`latency`" in text for text in static.remarks)
    assert not any("`latency`" in text for text in result.remarks)
    tight = search("digits", latency=0.6, **STATIC)
    (few,) = [text for text in tight.remarks if text.startswith("Only ")]
    little, big = map(int, re.findall(r"(\d+) (?:little|big)", few))
    assert little * big == tight.n_pairs
    assert min(little, big) < 40


NEED = re.compile(r"needs ([\d.,e+]+) (bytes|ms|mJ)")


@pytest.mark.parametrize(
    ("name", "limit"), [("flash", 1000), ("sram", 100), ("latency", 0.01), ("energy", 0.001), ("worst_latency", 0.1)]
)
def test_an_impossible_budget_is_named_and_its_need_suffices(name, limit, tmp_path):
    """The oracle is the search itself: none under the stated need, and some a little above it."""
    with pytest.raises(InfeasibleError) as caught:
        search("digits", run=tmp_path / "run", **STATIC, **{name: limit})
    option = f"`{name}`"
    assert option in caught.value.message
    assert f"Raise {option} above" in caught.value.hint
    assert not (tmp_path / "run").exists()
    need = float(NEED.search(caught.value.message)[1].replace(",", ""))
    assert need > limit
    with pytest.raises(InfeasibleError):
        search("digits", **STATIC, **{name: need * 0.99})
    # Not at the need itself: the nets of the smallest pair need not be in the order of their expected accuracies.
    assert search("digits", **STATIC, **{name: need * 1.3}).pairs


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nets": 0}, ["`nets`", "at least 1", "not 0"]),
        ({"top": 0}, ["`top`"]),
        ({"per_net": 0}, ["`per_net`"]),
        ({"jobs": 0}, ["`jobs`"]),
        ({"batch": 0}, ["`batch`"]),
        ({"shortlist": -1}, ["`shortlist`"]),
        ({"seed": -1}, ["`seed`"]),
        ({"escalation": 0}, ["`escalation`"]),
        ({"escalation": 1.5}, ["`escalation` 1.5"]),
        ({"escalation": math.nan}, ["`escalation`"]),
        ({"board": "nucleo-l4r5z"}, ["board 'nucleo-l4r5z'", "Did you mean nucleo-l4r5zi?"]),
        ({"engine": "tflm-cmsis"}, ["engine 'tflm-cmsis'", "Did you mean tflm-cmsis-nn?"]),
        ({"space": "mcus"}, ["space 'mcus'", "Did you mean mcu?"]),
        ({"proxies": ["macs", "zicco"]}, ["proxy 'zicco'", "Did you mean zico?"]),
        ({"objectives": ["accuracy", "latencies"]}, ["objective 'latencies'", "Did you mean latency?"]),
        ({"objectives": ["accuracy"]}, ["at least one cost"]),
        ({"objectives": ["latency", "energy"]}, ["accuracy"]),
        ({"objectives": ["accuracy", "latency", "latency"]}, ["each once"]),
        ({"proxies": ["zico", "naswot"]}, ["static proxy", "Add macs"]),
        ({"proxies": []}, ["static proxy"]),
        ({"flash": "12 parsecs"}, ["`flash`", "128KiB"]),
        ({"latency": -1}, ["`latency`", "50ms"]),
        ({"data": "digit"}, ["data set 'digit'", "Did you mean digits?"]),
    ],
)
def test_a_bad_value_is_refused_before_any_work(options, words, tmp_path):
    with pytest.raises(UsageError) as caught:
        search(**STATIC | {"data": "digits", "run": tmp_path / "run"} | options)
    text = f"{caught.value.message} {caught.value.hint}"
    assert not [word for word in words if word not in text]
    assert not (tmp_path / "run").exists()


def test_a_failure_while_probing_leaves_no_folder(tmp_path, monkeypatch):
    def fails(*_):
        raise MemoryError
        yield

    with pytest.raises(DataError, match="training images"):
        search("digits", run=tmp_path / "big", **SMALL | {"batch": 1000})
    monkeypatch.setattr(probes, "score_probed", fails)
    with pytest.raises(MemoryError):
        search("digits", run=tmp_path / "run", **SMALL)
    assert not list(tmp_path.iterdir())


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


def with_proxy(monkeypatch, *proxies):
    """Install proxies the way a third party does: by an entry point that names a table."""
    monkeypatch.setattr(EntryPoint, "load", lambda self, load=EntryPoint.load: (
        SimpleNamespace(PROXIES=proxies) if self.name == "extra" else load(self)))  # fmt: skip
    builtin = tuple(plugins.entry_points(group=plugins.GROUP))
    extra = EntryPoint("extra", "somewhere", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: (*builtin, extra))


def test_a_net_on_which_a_proxy_is_undefined_ranks_last_and_is_counted(monkeypatch, tmp_path):
    def odd(probe):
        layers = len(probe.weights)
        if layers % 2:
            raise ProxyUndefined("an odd number of layers")
        return math.inf if layers == 4 else 1.0

    with_proxy(monkeypatch, Proxy("odd", odd, "forward", "nobody", "undefined on some nets"))
    options = SMALL | {"proxies": ["macs", "odd"], "shortlist": 4}
    found = search("digits", run=tmp_path / "run", **options)
    with (tmp_path / "run" / "scores.csv").open(newline="") as file:
        scores = {net: (float(value), status) for net, _, value, status in csv.reader(file)}
    bad = {net for net, (value, _) in scores.items() if math.isnan(value)}
    assert bad
    assert len(bad) < len(scores)
    assert {scores[net][1] for net in bad} <= {"an odd number of layers", "the score is inf"}
    assert {scores[net][1] for net in scores if net not in bad} == {"ok"}
    assert found.undefined == {"odd": len(bad)}
    assert any(f"odd is undefined on {len(bad)} probed nets" in text for text in found.remarks)

    macs = {row.net: row.macs for row in found.nets}
    rows = [[macs[net], scores[net][0]] for net in scores]
    want = expected(rows, list(scores), task_anchor(load("digits")), prior_for(["odd"]))
    want = dict(zip(scores, want, strict=True))
    got = {row.net: row.accuracy for row in found.singles}
    got |= {getattr(row, role): getattr(row, f"{role}_accuracy") for row in found.pairs for role in ("little", "big")}
    assert len(got) >= 3
    assert got == pytest.approx({net: want[net] for net in got}, abs=1e-12)


def test_a_proxy_that_is_undefined_everywhere_changes_no_order(monkeypatch):
    def never(_):
        return math.nan

    with_proxy(monkeypatch, Proxy("never", never, "forward", "nobody", "undefined"))
    found = search("digits", **SMALL | {"proxies": ["macs", "never"], "shortlist": 2})
    assert found.undefined == {"never": found.n_probed}
    nets = {row.net: row.macs for row in found.nets}
    for row in found.pairs:
        assert (row.big_accuracy > row.little_accuracy) == (nets[row.big] > nets[row.little])


@pytest.mark.parametrize("shortlist", [1, 2])
def test_the_smallest_shortlists_still_list_a_pair(shortlist):
    for seed in range(3):
        found = search(
            "digits", **SMALL | {"shortlist": shortlist, "seed": seed, "nets": 30, "proxies": ["macs", "naswot"]}
        )
        assert found.pairs
        assert found.n_probed <= 3 * shortlist


def test_a_model_without_trust_in_ranks_says_so(monkeypatch):
    words = "no trust in the ranks"
    assert not any(words in text for text in search("digits", **STATIC).remarks)
    monkeypatch.setattr(expectation, "prior_for", lambda _: replace(prior_for([]), trust=0.0))
    assert any(words in text for text in search("digits", **STATIC).remarks)
