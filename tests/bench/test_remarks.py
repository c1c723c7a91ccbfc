"""What a reader of verdicts is told beside the figures."""

from dataclasses import replace

import numpy as np
import pytest

from zeroshot.bench.combine import FIXED, fused
from zeroshot.bench.remarks import remarks
from zeroshot.bench.table import Truth

N = 20


@pytest.fixture
def truth():
    rng = np.random.default_rng(0)
    macs, ms = rng.permutation(N) + 1.0, rng.permutation(N) + 1.0
    gaps = np.where(np.arange(N) < 3, np.nan, ms)
    scores = {
        "macs": macs, "az_complexity": macs.copy(), "cubed": macs**3, "gaps": gaps,
        "last": np.where(np.isnan(gaps), 0, ms), "same": np.ones(N), "too": np.zeros(N), "random": np.zeros(N),
        "mean_depth": ms,
    }  # fmt: skip
    costs = {"ms": ms, "mj": 0.25 * ms, "uj": 250 * ms, "tpu": gaps, "gpu": gaps + 1, "flash": macs}
    nets = tuple(map(str, range(N)))
    return Truth("t", nets, {"a": rng.uniform(1, 99, N)}, costs, scores, np.arange(N))


def test_undefined_scores_and_unmeasured_costs_are_counted(truth):
    found = remarks(truth, ["macs", "gaps"], ["ms", "tpu", "gpu"])
    assert found == (
        "t: ranked last are the nets on which a proxy is undefined: gaps 3.",
        "t: 3 of 20 nets have no tpu and no gpu, and take no part in limits on them.",
    )
    others = truth.costs | {"gpu": truth.costs["gpu"][::-1]}  # as many nets, but not the same
    assert len(remarks(replace(truth, costs=others), [], ["tpu", "gpu"])) == 2


def test_proxies_that_say_the_same_are_named(truth):
    found = remarks(truth, ["macs", "az_complexity", "cubed", "same", "too", "random"], [])
    assert found == ("t: az_complexity equals macs on all nets.", "t: cubed orders all nets as macs does.")
    assert remarks(truth, ["gaps", "last"], [])[1] == "t: last orders all nets as gaps does."


def test_costs_that_are_multiples_are_named_once(truth):
    found = remarks(truth, [], ["ms", "mj", "uj", "flash"])
    assert found == (
        "t: mj is 0.25 times ms on all nets: limits on both say the same.",
        "t: uj is 250 times ms on all nets: limits on both say the same.",
    )
    assert remarks(truth, [], ["tpu", "gpu", "ms"])[1:] == ()


def test_fusions_say_what_was_in_view(truth):
    name = next(iter(FIXED))
    (found,) = remarks(truth.with_scores({name: fused(truth, ["macs", "mean_depth"])}), ["macs", name], [])
    assert "with figures of NAS-Bench-201 in view" in found
    assert found.endswith(f"Here: {name}.")
