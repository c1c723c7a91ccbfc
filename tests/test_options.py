"""Options of a stage: one dataclass that checks itself, whoever fills it."""

import inspect
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import UsageError
from zeroshot.options import Numbers, Options, option, takes_options
from zeroshot.units import Quantity


@dataclass(frozen=True)
class Stage(Options):
    nets: int = option(10, "Nets.", least=1)
    rate: float = option(0.5, "A rate.", above=0, most=1)
    share: float | None = option(None, "A share.", least=0, below=1)
    latency: Quantity = option(None, "A limit.", unit="time")
    proxies: tuple[str, ...] = option(("macs",), "Names.", names=lambda: ("macs", "zico"))
    qat: bool = option(True, "Finetune.")
    folder: str | None = option(None, "A folder.")
    cores: tuple[str, ...] = option((), "Names.", one="core", names=lambda: ("m4", "m7"))
    weights: Numbers | None = option(None, "Names with numbers.", one="weight")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"nets": 0}, ["`nets`", "at least 1", "0"]),
        ({"nets": True}, ["`nets`", "True", "a whole number"]),
        ({"nets": 2.0}, ["`nets`", "2.0", "a whole number"]),
        ({"nets": "3"}, ["`nets`", "'3'", "a whole number"]),
        ({"rate": 0.0}, ["`rate`", "above 0"]),
        ({"rate": math.nan}, ["`rate`", "nan"]),
        ({"rate": 1.5}, ["`rate`", "at most 1"]),
        ({"share": 1.0}, ["`share`", "below 1"]),
        ({"latency": "12 parsecs"}, ["`latency`", "12 parsecs", "50ms"]),
        ({"latency": [1]}, ["`latency`", "a quantity"]),
        ({"proxies": ["macs", 3]}, ["`proxies`", "a list of names"]),
        ({"proxies": "macs,zicco"}, ["zicco", "zico"]),
        ({"cores": ["m4", "m8"]}, ["Unknown core 'm8'"]),
        ({"qat": "yes"}, ["`qat`", "true or false"]),
        ({"folder": 3}, ["`folder`", "text"]),
        ({"weights": {"cat": "much"}}, ["`weights`", "much", "names with numbers"]),
        ({"weights": {"cat": True}}, ["`weights`", "names with numbers"]),
        ({"weights": ["cat"]}, ["`weights`", "'cat'", "cat=0.1"]),
        ({"weights": ["cat=much"]}, ["`weights`", "cat=much"]),
        ({"weights": 3}, ["`weights`", "names with numbers"]),
    ],
)
def test_what_is_wrong_is_named(given, words):
    with pytest.raises(UsageError) as caught:
        Stage(**given)
    text = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in text] == []


def test_values_become_plain():
    made = Stage(nets=np.int64(3), rate=1, proxies=["zico", "macs"], folder=Path("a") / "b", latency="5ms")
    assert made == Stage(nets=3, rate=1.0, proxies="zico, macs,", folder="a/b", latency="5ms")
    assert made.values() == {
        "nets": 3, "rate": 1.0, "share": None, "latency": "5ms", "proxies": ["zico", "macs"], "qat": True,
        "folder": "a/b", "cores": [], "weights": None,
    }  # fmt: skip
    assert type(made.nets) is int


def test_names_with_numbers_are_a_mapping_or_words():
    """A name may hold an equals sign or a comma: the last one counts, and words come one by one."""
    assert Stage(weights={"cat": 1, "a,b": 0.5}).weights == {"cat": 1.0, "a,b": 0.5}
    assert Stage(weights=["cat = 0.25", "x=y=1e-3", "a,b=2"]).weights == {"cat": 0.25, "x=y": 0.001, "a,b": 2.0}
    assert Stage(weights=[]).weights is None
    assert Stage.of(Stage(weights=("cat=1",)).values()).weights == {"cat": 1.0}


def test_a_toml_file_may_have_dashes_and_is_named_in_errors(tmp_path):
    path = tmp_path / "stage.toml"
    path.write_text('nets = 4\nproxies = ["zico"]\n')
    assert Stage.read(path) == Stage(nets=4, proxies=("zico",))
    for text, words in (
        ("net = 4", ["net", "nets", "stage.toml"]), ("nets = ", ["stage.toml", "TOML"]), ("nets = true", ["`nets`"]),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(UsageError) as caught:
            Stage.read(path)
        assert [word for word in words if word not in f"{caught.value.message} {caught.value.hint}"] == []
    with pytest.raises(UsageError, match="nowhere"):
        Stage.read(tmp_path / "nowhere.toml")


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_min=True), st.lists(st.sampled_from(["macs", "zico"])))
def test_stored_values_make_the_same_options(nets, rate, proxies):
    made = Stage(nets=nets, rate=rate, proxies=tuple(proxies))
    assert Stage.of(made.values()) == made


@dataclass(frozen=True)
class Outer(Options):
    inner: Stage = option(Stage(), "A stage.")
    maybe: Stage | None = option(None, "Another.")


def test_an_option_may_have_options_itself():
    assert Outer() == Outer(Stage(), None)
    assert Outer(inner=3).inner == Stage(nets=3)
    assert Outer(maybe={"nets": 3, "rate": 1}).maybe == Stage(nets=3, rate=1.0)
    made = Outer(maybe=Stage(proxies="zico"))
    assert made.values() == {"inner": Stage().values(), "maybe": Stage(proxies="zico").values()}
    assert Outer.of(made.values()) == made
    assert Outer.of({**made.values(), "inner": 5}) == Outer(Stage(nets=5), made.maybe)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"inner": 0}, ["`inner`", "at least 1"]),
        ({"inner": None}, ["`inner`", "None", "a whole number"]),
        ({"maybe": "x"}, ["`maybe`", "'x'", "a whole number"]),
        ({"maybe": {"rate": 0.0}}, ["`rate`", "above 0"]),
        ({"maybe": {"net": 1}}, ["net", "nets", "In `maybe`."]),
    ],
)
def test_what_is_wrong_inside_is_named(given, words):
    with pytest.raises(UsageError) as caught:
        Outer.of(given)
    text = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in text] == []


@takes_options(Stage, "nets")
def staged(run: str, options: Stage, *, force: bool = False) -> tuple[str, Stage, bool]:
    """Run a stage.

    Args:
        run: Where.
        options: What.
        force: Replace.
    """
    return run, options, force


def test_a_stage_is_called_by_names_by_places_or_with_an_object():
    assert staged("a", 3, rate=1.0, force=True) == ("a", Stage(nets=3, rate=1.0), True)
    assert staged(run="a", nets=3) == ("a", Stage(nets=3), False)
    made = Stage(nets=4, rate=0.25)
    assert staged("a", made) == ("a", made, False)
    assert staged("a", made, nets=5) == ("a", Stage(nets=5, rate=0.25), False)
    assert made.nets == 4
    for wrong, word in (((3, 4), "3 values"), ((made, 3), "values"), ((), "net")):
        with pytest.raises(UsageError, match=word):
            staged("a", *wrong, **({} if wrong else {"net": 3}))
    with pytest.raises(UsageError, match="`nets` must be at least 1"):
        staged("a", made, nets=0)


def test_signature_and_docstring_of_a_stage_show_its_options():
    shown = inspect.signature(staged)
    assert list(shown.parameters) == [
        "run",
        "nets",
        "rate",
        "share",
        "latency",
        "proxies",
        "qat",
        "folder",
        "cores",
        "weights",
        "force",
    ]
    assert shown.parameters["rate"].default == 0.5
    assert "        rate: A rate.\n" in inspect.getdoc(staged).replace("    rate", "        rate")
