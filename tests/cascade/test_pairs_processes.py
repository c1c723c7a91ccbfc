"""The compiled kernels in processes of their own: the same figures in plain Python, and from a shared cache."""

import os
import subprocess
import sys

import numpy as np
import pytest

from zeroshot.cascade.copula import PRIOR_COUPLING, cascade_table

from .populations import RUNTIME, populations

PLAIN_PYTHON = """
import sys
import numpy as np
from zeroshot.cascade import _bends, _front, _ranking, copula, rank_pairs as pairs
from zeroshot.cost.arena import arena_bytes
from zeroshot.cost.nets import NetCosts, Platform
from zeroshot.net import NetSpec, layer_table, spec_array

folder = sys.argv[1]
given = np.load(folder + "/given.npz")
if "gain" in given:  # without the compiler the table alone would take minutes
    _bends.cascade_table = _ranking.cascade_table = lambda coupling: copula.CascadeTable(given["gain"], given["best"])
columns = NetCosts.__dataclass_fields__
littles, bigs = (NetCosts(**{name: given[side + name] for name in columns}) for side in ("little_", "big_"))
out = {}
_ranking.ROOM = 1  # the front has to grow
for objectives in (("accuracy", "latency"), ("accuracy", "energy", "flash"), ("accuracy", *pairs.OBJECTIVES[3:])):
    platform = Platform(None, None, given["runtime"], 0.05, 0.02, input_in_arena="flash" in objectives)
    ranking = pairs.rank_pairs(littles, given["a_l"], bigs, given["a_b"], platform, pairs.Budgets(latency=90.0),
                               top=3, per_net=3, objectives=objectives, threads=1 + len(objectives) % 2)
    for kind in ("top", "front"):
        for name, column in vars(getattr(ranking, kind)).items():
            out["-".join((*objectives, kind, name))] = column
points = np.random.default_rng(0).integers(0, 40, (300, 3)).astype(float)
points[:, 1] = 1600 - points[:, 0] ** 2  # every other figure stands on the front of the first two
for objectives in (2, 3):
    out[f"front of {objectives}"] = _front.not_dominated(points[:, :objectives])
table = layer_table(spec_array([NetSpec.parse("r16-s4-b3w8x1/2-m3e2w8x2-d3w8x1"), NetSpec.parse("r9-s3-c3w5x2")]), 3, 4)
out["rows"], out["greedy"], out["bound"] = table.rows, arena_bytes(table, "greedy"), arena_bytes(table, "bound")
out["phi"] = np.array([copula.bivariate_normal_cdf(h, k, r) for h, k, r in ((0.3, -0.4, 0.6), (1.0, 2.0, -0.999))])
np.savez(folder + "/out" + sys.argv[2] + ".npz", **out)
"""


def arrays_given(folder, n_little, n_big, with_table):
    littles, a_l, bigs, a_b = populations(14, n_little, n_big)
    given = {"little_" + name: column for name, column in vars(littles).items()}
    given |= {"big_" + name: column for name, column in vars(bigs).items()}
    if with_table:
        given |= vars(cascade_table(PRIOR_COUPLING))
    np.savez(folder / "given.npz", a_l=a_l, a_b=a_b, runtime=RUNTIME, **given)


def start(folder, number, **environment):
    command = [sys.executable, "-W", "error", "-c", PLAIN_PYTHON, str(folder), str(number)]
    return subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)


def results(folder, processes):
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    out = []
    for i in range(len(processes)):
        with np.load(folder / f"out{i}.npz") as arrays:
            out.append(dict(arrays))
    return out


def test_kernels_are_plain_python_too(tmp_path):
    """The same figures without the compiler; additions may be reordered by it, hence the last digits."""
    arrays_given(tmp_path, 5, 4, with_table=True)
    plain, compiled = results(tmp_path, [start(tmp_path, 0, NUMBA_DISABLE_JIT="1"), start(tmp_path, 1)])
    assert len(plain["accuracy-latency-top-p"]) >= 2
    assert plain.keys() == compiled.keys()
    for name, values in compiled.items():
        np.testing.assert_allclose(plain[name], values, rtol=1e-12, err_msg=name)


@pytest.mark.slow
def test_processes_share_an_empty_cache(tmp_path):
    """Four processes at once compile into one empty folder, and later ones read from it."""
    arrays_given(tmp_path, 6, 5, with_table=False)
    cache = tmp_path / "cache"
    cache.mkdir()
    found = results(tmp_path, [start(tmp_path, i, NUMBA_CACHE_DIR=str(cache)) for i in range(4)])
    assert list(cache.rglob("*.nbc"))
    found += results(tmp_path, [start(tmp_path, 0, NUMBA_CACHE_DIR=str(cache))])
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        assert all(np.array_equal(other[name], found[0][name]) for name in other)
