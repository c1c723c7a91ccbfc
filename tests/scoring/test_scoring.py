"""Scores of a population: the same numbers whoever computes them, in the order asked for."""

import hashlib
import math
import threading

import numpy as np
import pytest
import torch

from zeroshot.build import build, initialise
from zeroshot.data import Dataset, batches, load
from zeroshot.errors import DataError
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.probing.probe import Probe, Proxy, Score, evaluate
from zeroshot.scoring import population
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import (
    NetScores,
    ProbeImages,
    default_jobs,
    net_seed,
    probe_images,
    probe_net,
    score_probed,
    score_static,
)

NETS = ["r8-s8-c3w8x1-c3w8x1", "r8-s8/2-d3w8x1-m3e2w8x1/2-h64", "r4-s8-b3w12x1-c3w8x1", "r8-s12-m5e1w8x2-c3w8x1"]
NAMES = ["zico", "naswot", "linear_readout"]
PROBED = load_proxies(NAMES)


@pytest.fixture(scope="module")
def images():
    digits = load("digits")
    return {side: ProbeImages(batches(digits, side, 8, 2, 0), batches(digits, side, 8, 6, 0)) for side in (4, 8)}


@pytest.fixture(scope="module")
def alone(images):
    """Each net by itself, last first."""
    return {net: probe_net(net, 10, images[NetSpec.parse(net).resolution], PROBED, 7) for net in NETS[::-1]}


def test_the_seed_of_a_net_depends_on_the_seed_and_the_net_only():
    """Pinned through hashlib: it must not change with the machine, the Python or PYTHONHASHSEED."""
    want = int.from_bytes(hashlib.sha256(b"3:" + NETS[0].encode()).digest()[:7], "little")
    assert net_seed(3, NETS[0]) == want
    seeds = {net_seed(seed, net) for seed in range(50) for net in NETS}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)  # what torch and NumPy take


@pytest.mark.parametrize("jobs", [1, None, pytest.param(2, marks=pytest.mark.slow)])
def test_scores_come_in_the_order_given_and_bit_for_bit_the_same(images, alone, jobs):
    found = list(score_probed(NETS, 10, images, PROBED, 7, jobs))
    assert [result.net for result in found] == NETS
    assert found == [alone[net] for net in NETS]
    assert all(score.status == "ok" for result in found for score in result.scores.values())


def test_without_jobs_only_our_own_proxies_run_in_threads(images, monkeypatch):
    """A plug-in may keep something to itself that threads would share."""
    names = []

    def note(probe):
        names.append(threading.current_thread().name)
        return 1.0

    monkeypatch.setattr(population, "default_jobs", lambda: 2)
    before = torch.get_rng_state()
    list(score_probed(NETS, 10, images, [Proxy("plugin", note, "forward", "", "")], 7, None))
    assert set(names) == {"MainThread"}
    note.__module__ = "zeroshot.proxies.zico"
    list(score_probed(NETS, 10, images, [Proxy("ours", note, "forward", "", "")], 7, None))
    assert "MainThread" not in names[len(NETS) :]
    assert torch.equal(torch.get_rng_state(), before)


def test_scores_do_not_depend_on_the_other_nets_but_on_the_seed(images, alone):
    (only,) = score_probed(NETS[2:3], 10, images, PROBED, 7, 2)
    assert only == alone[NETS[2]]
    (other,) = score_probed(NETS[2:3], 10, images, PROBED, 8, 1)
    assert other.scores["naswot"] != only.scores["naswot"]


def test_a_net_is_scored_as_built_and_initialised_from_its_own_seed(images, alone):
    """The steps by hand."""
    net = NETS[1]
    module = build(NetSpec.parse(net), 1, 10)
    initialise(module, torch.Generator().manual_seed(net_seed(7, net)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        want = evaluate(PROBED, Probe(module, images[8].batches, net_seed(7, net), images[8].readout))
    finally:
        torch.set_num_threads(threads)
    assert alone[net] == NetScores(net, want)


def test_scores_are_yielded_one_by_one(images, monkeypatch):
    seen = []

    def fake(net, *_):
        seen.append(net)
        return NetScores(net, {})

    monkeypatch.setattr("zeroshot.scoring.population.probe_net", fake)
    stream = score_probed(NETS, 10, images, PROBED, 0, 1)
    assert seen == []
    assert next(stream).net == NETS[0]
    assert seen == NETS[:1]


@pytest.mark.parametrize("fails", [False, True])
def test_the_number_of_threads_is_put_back(images, monkeypatch, fails):
    during = []

    def look(*_):
        during.append(torch.get_num_threads())
        if fails:
            raise MemoryError
        return {"zico": Score(1.0)}

    monkeypatch.setattr("zeroshot.probing.probe.evaluate", look)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        try:
            probe_net(NETS[0], 10, images[8], PROBED[:1], 0)
        except MemoryError:
            assert fails
        assert during == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_no_nets_give_no_scores(images):
    assert list(score_probed([], 10, images, PROBED, 0, 2)) == []


def test_static_scores_are_one_column_for_each_static_proxy():
    """Each proxy called by itself is the oracle."""
    table = layer_table(spec_array([NetSpec.parse(net) for net in NETS]), 1, 10)
    proxies = load_proxies(["macs", "zico", "depth"])
    scores = score_static(table, proxies)
    assert scores.shape == (4, 2)
    assert scores.dtype == np.float64
    assert scores[:, 0].tolist() == proxies[0].function(table).tolist()
    assert scores[:, 1].tolist() == proxies[2].function(table).tolist()
    assert score_static(table, PROBED).shape == (4, 0)
    halves = [Proxy("half", lambda t: [0.5] * len(t), "static", "nobody", "a list is fine too")]
    assert score_static(table, halves).tolist() == [[0.5]] * 4


def test_static_scores_of_a_net_do_not_depend_on_its_neighbours():
    specs = [NetSpec.parse(net) for net in NETS]
    proxies = load_proxies(["params", "macs", "depth", "nn_mass", "nn_degree"])
    together = score_static(layer_table(spec_array(specs), 1, 10), proxies)
    for spec, row in zip(specs, together, strict=True):
        assert score_static(layer_table(spec_array([spec]), 1, 10), proxies)[0].tolist() == row.tolist()
    assert np.isfinite(together).all()
    assert not math.isclose(together.std(), 0)


def test_default_jobs_are_the_cores_this_process_may_use(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert default_jobs() == 3
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert default_jobs() == 1


def dataset(images):
    """Noise of two by two pixels in colour, four classes in turn."""
    x, y = np.random.default_rng(0).integers(0, 256, (images, 2, 2, 3), dtype=np.uint8), np.arange(images) % 4
    return Dataset("noise", x, y, x, y, ("a", "b", "c", "d"))


def wants(*images):
    return [Proxy(f"p{n}", float, "forward", "", "", readout=n) for n in images]


def shapes(drawn):
    return [tuple(x.shape) for x, _ in drawn]


@pytest.mark.parametrize(
    ("proxies", "available", "readout"),
    [
        (wants(0, 0), 100, 0),  # nobody wants any
        ([], 100, 0),
        (wants(0, 40, 16), 100, 5),  # the one that wants most decides
        (wants(47), 100, 5),  # whole batches only, not more than asked for
        (wants(512), 100, 12),  # as many as there are
        (wants(512), 25, 3),
        (wants(7), 100, 0),  # less than a batch
        (wants(512), 16, 2),
    ],
)
def test_probe_images_are_as_many_as_wanted_and_as_there_are(proxies, available, readout):
    drawn = probe_images(dataset(available), 5, 8, 2, proxies, 3)
    assert shapes(drawn.batches) == [(8, 3, 5, 5)] * 2
    assert shapes(drawn.readout) == [(8, 3, 5, 5)] * readout
    found = [tuple(image.flatten().tolist()) for x, _ in drawn.readout for image in x]
    assert len(set(found)) == 8 * readout  # no image twice


def test_probe_images_are_those_of_batches():
    data = dataset(100)
    drawn = probe_images(data, 5, 8, 2, wants(40), 3)
    for ours, count in ((drawn.batches, 2), (drawn.readout, 5)):
        for (x, y), (want_x, want_y) in zip(ours, batches(data, 5, 8, count, 3), strict=True):
            assert torch.equal(x, want_x)
            assert torch.equal(y, want_y)
    assert not torch.equal(drawn.readout[0][0], probe_images(data, 5, 8, 2, wants(40), 4).readout[0][0])


def test_nets_of_every_resolution_are_probed_on_the_same_images():
    """Enlarged two and four times, an image's mean colour stays what it was."""
    small, large = (probe_images(dataset(100), side, 8, 2, wants(40), 3) for side in (4, 8))
    for name in ("batches", "readout"):
        for (x, y), (other_x, other_y) in zip(getattr(small, name), getattr(large, name), strict=True):
            assert torch.equal(y, other_y)
            torch.testing.assert_close(x.mean((2, 3)), other_x.mean((2, 3)), atol=0.02, rtol=0)


def test_too_few_images_for_the_batches_are_refused_whatever_the_readout():
    with pytest.raises(DataError, match="2 batches of 8 need 16 training images, but there are 15"):
        probe_images(dataset(15), 5, 8, 2, wants(512), 0)
