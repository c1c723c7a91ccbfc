"""Searches that cannot be: bad values, impossible budgets, failures on the way; none leaves a folder."""

import math
import re

import pytest

from zeroshot.errors import DataError, InfeasibleError, RunError, UsageError
from zeroshot.runs.lock import alone_in
from zeroshot.searching import probes
from zeroshot.searching.plan import plan
from zeroshot.searching.search import search

from .searches import SMALL, STATIC

NEED = re.compile(r"needs ([\d.,e+]+) (bytes|ms|mJ)")


@pytest.mark.parametrize(
    ("name", "limit"), [("flash", 1000), ("sram", 100), ("latency", 0.01), ("energy", 0.001), ("worst_latency", 0.1)]
)
def test_an_impossible_budget_is_named_and_its_need_suffices(name, limit, tmp_path):
    """The oracle is the search itself: none under the stated need, and some at half as much again."""
    few = STATIC | {"nets": 5}
    with pytest.raises(InfeasibleError) as caught:
        search("digits", run=tmp_path / "run", **few, **{name: limit})
    option = f"`{name}`"
    assert option in caught.value.message
    assert f"Raise {option} above" in caught.value.hint
    assert not (tmp_path / "run").exists()
    need = float(NEED.search(caught.value.message)[1].replace(",", ""))
    assert need > limit
    with pytest.raises(InfeasibleError):
        search("digits", **few, **{name: need * 0.99})
    # Not at the need itself: the nets of the smallest pair need not be in the order of their expected accuracies.
    assert search("digits", **few, **{name: need * 1.5}).pairs


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
        ({"strategy": "evolutoin"}, ["strategy 'evolutoin'", "Did you mean evolution?"]),
        ({"strategy": "evolution", "scored": 0}, ["`scored`", "at least 1"]),
        ({"strategy": "random", "scored": 500}, ["`scored` 500", "`random`", "`strategy`"]),
        ({"strategy": "random", "seconds": 5}, ["`seconds` 5", "`random`", "`strategy`"]),
        ({"seconds": 0}, ["`seconds`", "above 0"]),
        ({"strategy": "grid", "seconds": 5, "scored": 100}, ["`seconds` 5", "`scored` 100", "one of the two"]),
        ({"seeds": ["r8-s8"]}, ["'r8-s8' is not a net spec"]),
        ({"seeds": ["r8-s8-c3w8x1-c3w9x1"]}, ["`seeds`", "width of stage 2", "9"]),
        ({"seeds": ["r32-s8-c3w8x1-c3w8x1"]}, ["`seeds`", "32 px"]),
        ({"seeds": "r8-s8-c3w8x1-c3w8x1,r8-s8-c3w8x1-c3w8x1"}, ["`seeds`", "are the same net", "once"]),
        ({"seeds": "r8-s8-c3w8x1-c3w8x1-c3w8x2,r8-s8-c3w8x2-c3w8x2"}, ["`seeds`", "are the same net"]),
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


@pytest.mark.parametrize("name", ["nets", "top", "shortlist", "scored"])
@pytest.mark.parametrize("run", [search, plan], ids=["run", "dry run"])
def test_what_the_memory_cannot_hold_is_refused_by_name(run, name, monkeypatch):
    monkeypatch.setenv("ZEROSHOT_MEMORY", "64MiB")
    more = {"nets": 4000} if name in ("top", "shortlist") else {}
    with pytest.raises(UsageError, match=f"`{name}` 1000000") as caught:
        run("digits", **more, **{name: 1_000_000})
    assert "ZEROSHOT_MEMORY" in caught.value.hint
    assert plan("digits", top=10**9, nets=20).candidates  # no more can be listed than there are


def test_a_dry_run_refuses_a_folder_where_somebody_works(tmp_path):
    (tmp_path / "run").mkdir()
    with alone_in(tmp_path / "run"):
        for work in (plan, search):
            with pytest.raises(RunError, match="Another process"):
                work("digits", run=tmp_path / "run")
