"""Scores of cells: the draw, growing and resuming, the file, and that a score is that of the plain road."""

import json

import numpy as np
import pytest
import torch

from zeroshot.bench import scores as cs
from zeroshot.build import initialise
from zeroshot.data import load
from zeroshot.errors import DataError, UsageError
from zeroshot.probing.probe import Probe, evaluate
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import ProbeImages, net_seed
from zeroshot.spaces import nasbench201 as space
from zeroshot.workers import torch_threads

CHEAP = load_proxies(["l2_norm", "linear_regions"])


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    drawn = [(torch.randn(2, 3, 8, 8, generator=generator), torch.arange(2)) for _ in range(4)]
    return ProbeImages(drawn[:2], drawn[2:])


def always():
    return True


def test_the_draw_has_every_function_and_then_every_network_once():
    cells = cs.drawn_cells()
    functions, others = cells[:4929], cells[4929:]
    assert len(np.unique(space.canonical_classes()[functions])) == 4929
    assert (space.live(space.decode(cells)) != 0).any(axis=1).all()
    assert len(others) == 330
    assert np.isin(space.canonical_classes()[others], space.canonical_classes()[functions]).all()
    weights = space.params(space.live(space.decode(cells)))
    assert len(set(zip(space.canonical_classes()[cells].tolist(), weights.tolist(), strict=True))) == len(cells)
    assert np.array_equal(cells, cs.drawn_cells(cs.DRAW))
    assert not np.array_equal(cells, cs.drawn_cells(1))


def test_one_function_can_be_two_networks():
    """One convolution that arrives on two ways, and two convolutions, each on its own."""
    shared, apart, mirrored, nothing = space.encode(
        [[3, 0, 1, 0, 1, 1], [3, 3, 0, 0, 1, 1], [0, 3, 0, 3, 0, 1], [3, 3, 3, 0, 0, 0]]
    )
    networks, functions = cs.networks(), space.canonical_classes()
    assert functions[shared] == functions[apart] == functions[mirrored]
    assert networks[apart] == networks[mirrored] != networks[shared]
    assert networks[nothing] == -1


def test_every_cell_gets_the_scores_of_its_network():
    cells = cs.drawn_cells()
    values = np.arange(len(cells), dtype=np.float32) + 5
    values[7] = np.nan
    made = cs.CellScores(cs.Protocol(), cells, {"p": values}, {"p": 1}, {"p": {int(cells[7]): "why"}})
    found = cs.on_all_rows(made)
    networks = cs.networks()
    assert np.array_equal(found["p"][cells[9:]], values[9:])
    for row in np.random.default_rng(0).permutation(space.COUNT)[:200].tolist():
        if networks[row] >= 0:
            (same,) = np.flatnonzero(networks[cells] == networks[row])
            assert same == 7 or found["p"][row] == values[same]
    assert (found["p"][networks == -1] == found["p"][cells[7]]).all()
    assert found["p"].min() == found["p"][cells[7]] < 5


def test_only_complete_scores_are_on_all_cells():
    cells = cs.drawn_cells()
    values = np.arange(len(cells), dtype=np.float32)
    some = np.where(values < 9, values, np.nan)
    made = cs.CellScores(cs.Protocol(), cells, {"p": values, "some": some}, {"p": 1, "some": 1})
    assert made.known("some").sum() == 9
    assert set(cs.on_all_rows(made)) == {"p"}
    assert cs.on_all_rows(cs.CellScores(cs.Protocol(), cells[1:], {"p": values[1:]}, {"p": 1})) == {}


def test_a_score_is_that_of_the_net_without_dead_operations(images):
    dead = int(space.encode([[4, 0, 0, 1, 0, 3]])[0])
    proxies = [*CHEAP, *load_proxies(["linear_readout"])]
    found = cs.score_cell(dead, proxies, images, cs.Protocol())
    digits = [0, 0, 0, 1, 0, 0]
    seed = net_seed(0, space.to_string(digits))
    net = space.network(digits)
    initialise(net, torch.Generator().manual_seed(seed))
    with torch_threads(1):
        expected = evaluate(proxies, Probe(net, images.batches, seed, images.readout))
    assert found == {name: (score.value, score.status) for name, score in expected.items()}


def test_scores_grow_in_any_number_of_steps(images):
    cells = cs.drawn_cells()[:3]
    whole = cs.extended(cs.empty(cs.Protocol(), "m"), cells, CHEAP, images, always)
    left = iter([True, False, True, True, True])
    steps = cs.extended(cs.empty(cs.Protocol(), "m"), cells, CHEAP, images, lambda: next(left))
    assert steps.cells.tolist() == cells[:1].tolist()
    steps = cs.extended(steps, cells, CHEAP, images, lambda: next(left))
    assert np.array_equal(steps.cells, whole.cells)
    assert all(np.array_equal(steps.columns[name], whole.columns[name]) for name in whole.columns)
    assert not any(whole.missing(cell, CHEAP) for cell in cells.tolist())


@pytest.mark.slow
def test_processes_change_nothing(images):
    cells = cs.drawn_cells()[:4]
    alone, together = (
        cs.extended(cs.empty(cs.Protocol(), "m"), cells, CHEAP, images, lambda: True, jobs) for jobs in (1, 2)
    )
    assert together.cells.tolist() == alone.cells.tolist()
    for name, values in alone.columns.items():
        assert np.array_equal(values, together.columns[name], equal_nan=True)
    left = iter([True, True, False])
    assert len(cs.extended(cs.empty(cs.Protocol(), "m"), cells, CHEAP, images, lambda: next(left, False), 2).cells) == 2


def test_further_proxies_and_new_versions_are_filled_in(images):
    cells = cs.drawn_cells()[:2]
    first = cs.extended(cs.empty(cs.Protocol(), "m"), cells, CHEAP[:1], images, always)
    assert [p.name for p in first.missing(int(cells[0]), CHEAP)] == ["linear_regions"]
    both = cs.extended(first, cells, CHEAP, images, always)
    assert np.array_equal(both.columns["l2_norm"], first.columns["l2_norm"])
    assert np.isfinite(both.columns["linear_regions"]).all()
    old = cs.CellScores(both.protocol, both.cells, both.columns, {**both.versions, "l2_norm": 0})
    assert [p.name for p in old.missing(int(cells[0]), CHEAP)] == ["l2_norm"]
    assert cs.extended(old, cells, CHEAP, images, always).versions["l2_norm"] == CHEAP[0].version


def test_an_undefined_score_is_kept_with_its_reason(images, monkeypatch):
    monkeypatch.setattr(cs, "score_cell", lambda *_: {"l2_norm": (np.nan, "too dull"), "linear_regions": (1e39, "ok")})
    cells = cs.drawn_cells()[:1]
    with np.errstate(over="ignore"):
        found = cs.extended(cs.empty(cs.Protocol(), "m"), cells, CHEAP, images, always)
    cell = int(cells[0])
    assert found.undefined == {"l2_norm": {cell: "too dull"}, "linear_regions": {cell: "the score is 1e+39"}}
    assert all(np.isnan(values).all() for values in found.columns.values())
    assert found.missing(cell, CHEAP) == []


def test_a_file_comes_back_as_it_was_and_small(tmp_path):
    n = len(cs.drawn_cells())
    rng = np.random.default_rng(0)
    columns = {f"p{i}": rng.random(n).astype(np.float32) for i in range(27)}
    columns["p0"][3] = np.nan
    made = cs.CellScores(
        cs.Protocol(images=64), cs.drawn_cells(), columns, dict.fromkeys(columns, 2), {"p0": {5: "why"}}, "a machine"
    )
    path = tmp_path / "new" / "s.npz"
    cs.write(made, path)
    assert path.stat().st_size < 2**20
    assert [p.name for p in path.parent.iterdir()] == ["s.npz"]
    found = cs.read(path)
    assert (found.protocol, found.versions, found.undefined, found.machine) == (
        made.protocol, made.versions, made.undefined, made.machine,
    )  # fmt: skip
    assert np.array_equal(found.cells, made.cells)
    assert all(np.array_equal(found.columns[name], columns[name], equal_nan=True) for name in columns)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no stored scores"):
        cs.read(tmp_path / "none.npz")
    path = tmp_path / "s.npz"
    path.write_text("text")
    with pytest.raises(DataError, match="not a file of stored scores"):
        cs.read(path)
    np.savez(path, cells=np.arange(3))
    with pytest.raises(DataError, match="not a file of stored scores"):
        cs.read(path)
    about = {"format": 1, "protocol": {}, "versions": {"p": 1}, "undefined": {}, "machine": ""}
    np.savez(path, about=np.array(json.dumps(about)), cells=np.arange(3), score_p=np.zeros(2, np.float32))
    with pytest.raises(DataError, match="damaged"):
        cs.read(path)
    np.savez(path, about=np.array(json.dumps({**about, "format": 9})), cells=np.arange(3))
    with pytest.raises(DataError, match="another format"):
        cs.read(path)
    for wrong, words in (({"seed": "x"}, "protocol.seed"), ({"noise": 1}, "another format: .'noise'")):
        text = json.dumps({**about, "protocol": wrong})
        np.savez(path, about=np.array(text), cells=np.arange(2), score_p=np.zeros(2))
        with pytest.raises(DataError, match=words):
            cs.read(path)


def test_proxies_with_passes_of_their_own_are_asked_for():
    every, shared = ({p.name for p in proxies} for proxies in (cs.probed_proxies(), cs.sharing_passes()))
    assert every - shared == {"grasp", "linear_readout", "ntk_cond", "gradsign", "vkdnw"}
    assert shared - every == set()
    assert {"naswot", "zico", "az_trainability"} <= shared
    assert not {"params", "az_nas"} & every


def test_the_images_are_those_that_the_proxies_want():
    digits = load("digits")
    without, readout = (cs.Protocol().drawn(digits, load_proxies([name])) for name in ("zico", "linear_readout"))
    assert [len(x) for x, _ in without.batches] == [32, 32]
    assert without.batches[0][0].shape[2:] == (32, 32)
    assert without.readout == []
    assert sum(len(x) for x, _ in readout.readout) == 512


@pytest.mark.parametrize("count", [0, 5260])
def test_there_are_only_so_many_cells_to_score(count):
    with pytest.raises(UsageError, match=f"{count} cells"):
        cs.rescored(count, "digits", lambda *_: None, None)
