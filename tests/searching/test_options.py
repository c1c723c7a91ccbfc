"""The options of a search: one declaration for the call, the object, the signature and the stored config."""

import inspect
from dataclasses import fields, replace
from pathlib import Path

import pytest

import zeroshot
from zeroshot.data import load
from zeroshot.errors import UsageError
from zeroshot.options import spelled
from zeroshot.scoring.plugins import load_proxies
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.problem import choose_proxies, resolve
from zeroshot.signals.folder_options import SignalOptions

QUICK = {"latency": "5ms", "nets": 30, "scored": 200, "shortlist": 0, "jobs": 1}


def test_a_call_with_options_is_the_call_with_their_object():
    by_name = zeroshot.search("digits", "nucleo-f446re", **QUICK)
    by_object = zeroshot.search(SearchOptions("digits", "nucleo-f446re", **QUICK))
    assert by_name.config == by_object.config
    assert by_name.pairs == by_object.pairs
    assert by_name.pairs


def test_the_signature_shows_every_option_with_its_default():
    shown = inspect.signature(zeroshot.search).parameters
    names = [each.name for each in sorted(fields(SearchOptions), key=lambda each: each.kw_only)]
    assert list(shown) == [*names, "force", "resume", "progress"]
    assert {name: shown[name].default for name in names} == vars(SearchOptions())
    by_place = [name for name, each in shown.items() if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert by_place == ["data", "board"]
    for name, declared in SearchOptions.declared().items():
        assert f"        {name}: {declared.help}\n" in zeroshot.search.__doc__


@pytest.mark.parametrize(
    ("args", "given", "words"),
    [
        ((), {"latncy": "5ms"}, ["latncy", "Did you mean latency?"]),
        (("digits", "nucleo-l4r5zi", "c99"), {}, ["3 values without names"]),
        ((SearchOptions(), "nucleo-l4r5zi"), {}, ["2 values without names"]),
        ((SearchOptions(),), {"sed": 1}, ["sed", "Did you mean seed?"]),
        ((), {"nets": "many"}, ["`nets`", "a whole number"]),
        ((), {"nets": 10, "calibrate": 11}, ["`calibrate`", "`nets`"]),
        ((), {"calibrate_epochs": 3, "calibrate": 0}, ["`calibrate_epochs`", "`calibrate`"]),
        ((), {"calibrate_epochs": 3}, ["`calibrate_epochs`", "`calibrate`"]),
        ((), {"escalation": 30}, ["`escalation` 30", "write 0.3"]),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(args, given, words):
    with pytest.raises(UsageError) as caught:
        zeroshot.search(*args, **given)
    text = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in text] == []


def test_the_stored_config_has_what_decides_the_result_resolved():
    options = SearchOptions("digits", "Nucleo-F446RE", latency="0.02s", sram="1MiB", proxies="macs", run="r", jobs=3)
    problem, dataset = resolve(options)
    config = problem.config
    assert (config["data"], config["data_by_name"], config["data_sha256"]) == ("digits", True, dataset.digest)
    assert (config["board"], config["proxies"], config["seed"]) == ("nucleo-f446re", ["macs@1"], 0)
    assert (config["latency_limit"], config["energy_limit"]) == (20.0, None)
    assert config["sram_limit"] == problem.platform.board.sram_bytes < 2**20  # the board's, which is lower
    assert not {"run", "jobs", "latency", "sram"} & set(config)
    left = set(map(spelled, options.values())) - {"run", "jobs", *(name.removesuffix("_limit") for name in config)}
    assert left == set(SignalOptions.declared())  # of folders of recordings and logs, which keep them in [signals]
    # However a limit is written, and however many processes work, it is the same search.
    assert resolve(replace(options, latency=20, sram=None, run=None, jobs=None))[0].config == config


def test_data_may_be_a_path_or_a_data_set(tmp_path):
    assert SearchOptions(Path("a") / "b.npz").data == "a/b.npz"
    held = load("digits")
    assert resolve(SearchOptions(held))[1] is held


def test_all_stands_for_every_installed_proxy():
    everything = choose_proxies(("all",), probing=True)
    assert everything.asked == load_proxies()
    assert {p.cost for p in everything.static} == {"static"}
    assert everything.aggregates
    assert {part for p in everything.aggregates for part in p.parts} <= {
        p.name for p in everything.static + everything.probed
    }


def test_without_a_shortlist_nothing_is_probed():
    chosen = choose_proxies(("macs", "zico"), probing=False)
    assert (chosen.names, chosen.probed, chosen.aggregates) == (("macs", "zico"), (), ())
