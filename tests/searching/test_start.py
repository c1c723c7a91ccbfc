"""Searches that go on from an earlier run."""

import json
import tomllib
from pathlib import Path

import pytest

from zeroshot.errors import InfeasibleError, RunError, UsageError
from zeroshot.net import spec_of
from zeroshot.runs import layout
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.plan import plan
from zeroshot.searching.search import search
from zeroshot.searching.start import start_nets
from zeroshot.spaces import McuSpace

from .searches import STATIC

QUICK = STATIC | {"nets": 20, "strategy": "uniform", "scored": 100}
NETS = ("r8-s8-c3w8x1/2-c3w8x1", "r8-s8-d3w8x1-d3w16x1/2", "r8-s32-m7e6w128x4-m7e6w128x4")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    return search("digits", latency="4ms", flash="200KiB", run=tmp_path_factory.mktemp("earlier") / "run", **QUICK)


def names(result):
    return [row.net for row in result.nets]


def run_of(path, *nets, space="mcu"):
    """A run folder as far as a later search reads it."""
    path.mkdir()
    (path / layout.CONFIG).write_text(f'data = "digits"\ndata_sha256 = "ab"\nseed = 0\nspace = "{space}"\n')
    (path / layout.ENVIRONMENT).write_text(json.dumps({"format": layout.FORMAT}))
    columns = "net,latency_ms,energy_mj,macs,model_flash_bytes,arena_bytes,persistent_bytes,input_bytes,holding_bytes"
    lines = [f"{columns},static_accuracy", *(f"{net},1.0,1.0,1,1,1,1,1,1,0.5" for net in nets)]
    (path / layout.CANDIDATES).write_text("\n".join(lines) + "\n")
    return path


def test_the_nets_of_a_run_are_seeds(earlier):
    """On another board, inside other budgets, with another seed: the nets, named one by one, are the oracle."""
    options = QUICK | {"board": "nucleo-f446re", "latency": "6ms", "seed": 3}
    on, named = (search("digits", **given, **options) for given in ({"from_": earlier.run}, {"seeds": names(earlier)}))
    assert on.pairs == named.pairs
    assert set(names(on)) == set(names(named)) > set(names(earlier))
    n = len(names(earlier))
    assert f"{n} of the {n} nets of {earlier.run} are candidates here." in on.remarks


def test_a_strategy_that_learns_starts_from_them(earlier):
    best = earlier.pairs[0]
    on = search("digits", latency="4ms", from_=earlier.run, **QUICK | {"strategy": "evolution", "scored": 64})
    assert {best.little, best.big} <= set(names(on))
    assert on.pairs[0].accuracy >= best.accuracy - 0.005  # ranks among other candidates have a say


def test_nets_that_fit_no_more_are_left_out(tmp_path):
    run = run_of(tmp_path / "run", *NETS)
    found = search("digits", latency="4ms", worst_latency="20ms", from_=run, **QUICK)
    assert set(NETS[:2]) < set(names(found))
    assert NETS[2] not in names(found)
    assert f"2 of the 3 nets of {run} are candidates here." in found.remarks
    with pytest.raises(InfeasibleError) as caught:
        search("digits", flash="150KiB", from_=run_of(tmp_path / "large", NETS[2]), **QUICK)
    assert "none of the 1 nets" in caught.value.message
    assert "`from_`" in caught.value.message


def test_a_fixed_net_of_the_run_stays_fixed(earlier):
    best = earlier.pairs[0]
    found = search("digits", latency="4ms", from_=earlier.run, big=best.big, seeds=best.little, **QUICK)
    assert {pair.big for pair in found.pairs} == {best.big}
    assert len(names(found)) == len(set(names(found)))


def test_each_function_starts_once_and_other_images_change_the_side(tmp_path):
    twice = ("r8-s8-c3w8x1-c3w8x1-c3w12x1", "r8-s8-c3w8x2-c3w12x1", "r8-s8/2-c3w8x1/2-c3w8x1")
    run = run_of(tmp_path / "run", *twice)
    same, larger = (start_nets(str(run), "mcu", McuSpace.for_images(side)) for side in (8, 32))
    assert [str(spec_of(row)) for row in same.values] == [twice[0], twice[2]]
    assert [str(spec_of(row)) for row in larger.values] == [f"r16{net[2:]}" for net in (twice[0], twice[2])]
    deep = run_of(tmp_path / "deep", "r32-s8/2-c3w8x1/2-c3w8x1/2-c3w8x1/2", "r32-s8-c3w8x1-c3w8x1")
    smaller = start_nets(str(deep), "mcu", McuSpace.for_images(8))
    assert [str(spec_of(row)) for row in smaller.values] == ["r8-s8-c3w8x1-c3w8x1"]
    assert (smaller.candidates, smaller.digest == same.digest) == (2, False)


def test_a_run_that_cannot_be_started_from_is_named(tmp_path):
    def refused(run):
        with pytest.raises(RunError) as caught:
            plan("digits", from_=run, shortlist=0)
        return f"{caught.value.message} {caught.value.hint}"

    assert "is not the folder of a run" in refused(tmp_path / "none")
    assert "is of the space lstm, not of mcu" in refused(run_of(tmp_path / "space", NETS[0], space="lstm"))
    assert "'r8' is not a net spec" in refused(run_of(tmp_path / "damaged", NETS[0], "r8"))
    assert "lists no nets" in refused(run_of(tmp_path / "empty"))
    begun = run_of(tmp_path / "begun")
    (begun / layout.CANDIDATES).unlink()
    assert "was not finished" in refused(begun)
    (begun / layout.CANDIDATES).write_text("net,latency_ms\nr8,fast\n")
    assert "cannot be read" in refused(begun)
    (begun / layout.ENVIRONMENT).write_text('{"format": 1}')
    assert "has format 1" in refused(begun)
    with pytest.raises(UsageError, match="the same folder"):
        SearchOptions("digits", from_=begun, run=tmp_path / "begun" / ".." / "begun")


def test_a_search_that_goes_on_from_a_changed_run_is_not_resumed(tmp_path):
    first = run_of(tmp_path / "first", *NETS[:2])
    options = QUICK | {"latency": "4ms", "from_": first, "run": tmp_path / "second"}
    search("digits", **options)
    config = tomllib.loads((tmp_path / "second" / layout.CONFIG).read_text())
    assert config["from"] == str(first)
    assert search("digits", resume=True, **options).config["from_sha256"] == config["from_sha256"]
    table = Path(first / layout.CANDIDATES)
    table.write_text(table.read_text().replace(NETS[1], NETS[2]))
    with pytest.raises(RunError, match="from_sha256"):
        search("digits", resume=True, **options)
