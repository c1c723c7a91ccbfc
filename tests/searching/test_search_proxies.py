"""Searches whose proxies say little: undefined on some nets or on all, against all sizes, on the fewest nets."""

import csv
import math
from dataclasses import replace

import pytest

from zeroshot.accuracy.model import prior_for
from zeroshot.probing.probe import Proxy, ProxyUndefined
from zeroshot.searching import expectation
from zeroshot.searching.search import search

from .searches import SMALL, STATIC, expected, with_proxy


def test_no_pair_left_after_probing_is_said_and_not_a_crash(monkeypatch, tmp_path):
    """Probed proxies that put the big net last leave no pair whose big net is the better one."""

    def smallness(probe):
        return -float(sum(weight.numel() for weight in probe.weights))

    monkeypatch.setattr(expectation, "prior_for", lambda _: replace(prior_for([]), trust=1.0))
    doubters = [Proxy(f"doubt{i}", smallness, "forward", "nobody", "prefers small nets") for i in range(6)]
    with_proxy(monkeypatch, *doubters)
    options = SMALL | {"proxies": ["params", *(p.name for p in doubters)], "shortlist": 1, "seed": 1}
    found = search("digits", run=tmp_path / "run", **options)
    assert not found.pairs
    assert not found.front
    assert found.singles
    assert any("pair" in text for text in found.remarks)


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
    want = expected(rows, list(scores), prior_for(["odd"]))
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
        # Of three nets the proxies may put the larger one last.
        assert found.pairs or (shortlist == 1 and any("use one net" in text for text in found.remarks))
        assert found.n_probed <= 3 * shortlist


def test_a_model_without_trust_in_ranks_says_so(monkeypatch):
    words = "no trust in the ranks"
    assert not any(words in text for text in search("digits", **STATIC).remarks)
    monkeypatch.setattr(expectation, "prior_for", lambda _: replace(prior_for([]), trust=0.0))
    assert any(words in text for text in search("digits", **STATIC).remarks)
