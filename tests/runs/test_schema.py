"""Tables of files as dataclasses: what is taken, and how what is not is named."""

import sys
from dataclasses import asdict, dataclass

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import UsageError
from zeroshot.runs.schema import Bytes, Finite, Positive, Share, parse_toml, read_as

LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Part:
    feature: str
    weight: Finite = 0.0


@dataclass(frozen=True, kw_only=True)
class File:
    name: str
    size: Bytes
    scale: Positive
    trust: Share
    flags: dict[str, bool]
    ends: tuple[Finite, Finite]
    parts: tuple[Part, ...] = ()
    first: Part = Part("none")


GOOD = {"size": 3, "scale": 2, "trust": 0, "flags": {"a": True}, "ends": [-1, 2.5]}


def test_a_table_becomes_a_dataclass_and_numbers_floats():
    values = GOOD | {"parts": [{"feature": "x"}, {"feature": "y", "weight": 2}], "first": {"feature": "z"}}
    found = read_as(File, values, "mine.toml", name="mine")
    assert found == File(
        name="mine", size=3, scale=2.0, trust=0.0, flags={"a": True}, ends=(-1.0, 2.5),
        parts=(Part("x"), Part("y", 2.0)), first=Part("z"),
    )  # fmt: skip
    numbers = [found.scale, found.trust, *found.ends, *(part.weight for part in found.parts)]
    assert {type(each) for each in numbers} == {float}
    assert read_as(File, GOOD, "mine.toml", name="mine").parts == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sise": 3}, ["'sise'", "Did you mean size?", "mine.toml"]),
        ({"name": "mine"}, ["'name'"]),
        ({"size": None}, ["lacks the key size", "It needs size, scale"]),
        ({"size": True}, ["size in mine.toml", "whole bytes", "True"]),
        ({"size": "3"}, ["size in mine.toml", "whole bytes", "'3'"]),
        ({"scale": 0}, ["scale", "a positive number", "0"]),
        ({"scale": float("inf")}, ["scale", "a positive number", "inf"]),
        ({"trust": 1.1}, ["trust", "from 0 to 1", "1.1"]),
        ({"trust": float("nan")}, ["trust", "from 0 to 1", "nan"]),
        ({"flags": 3}, ["flags", "a table", "3"]),
        ({"flags": {"a": 1}}, ["flags.a", "true or false", "1"]),
        ({"ends": [1]}, ["ends", "a list of 2 numbers", "[1]"]),
        ({"ends": [1, float("nan")]}, ["ends", "a list of 2", "nan"]),
        ({"parts": {}}, ["parts", "a list", "{}"]),
        ({"parts": [3]}, ["parts[0]", "a table", "3"]),
        ({"parts": [{"feature": "x"}, {"weight": 1}]}, ["lacks the key parts[1].feature"]),
        ({"parts": [{"feature": "x", "wait": 1}]}, ["'wait'", "weight", "parts[0] of mine.toml"]),
        ({"first": {"feature": 3}}, ["first.feature in mine.toml", "text", "3"]),
    ],
)
def test_what_is_wrong_is_named(change, words):
    values = {key: value for key, value in (GOOD | change).items() if value is not None}
    with pytest.raises(UsageError) as caught:
        read_as(File, values, "mine.toml", name="mine")
    text = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in text] == []


def test_hints_are_those_of_the_file():
    for values in ({}, GOOD | {"size": "x"}):
        with pytest.raises(UsageError) as caught:
            read_as(File, values, "mine.toml", "Restore it.", name="mine")
        assert caught.value.hint == "Restore it."
    with pytest.raises(UsageError, match=r"^mine.toml is not valid TOML: .*line 2") as caught:
        parse_toml("a = 1\nb = ]\n", "mine.toml", "Restore it.")
    assert caught.value.hint == "Restore it."


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 2**62), st.floats(0, 1),
    st.floats(-LARGEST, LARGEST), st.dictionaries(st.sampled_from("abc"), st.booleans()),
)  # fmt: skip
def test_what_tomli_w_writes_is_read_back(text, size, trust, end, flags):
    first = File(
        name="x", size=size, scale=LARGEST, trust=trust, flags=flags, ends=(end, -end), parts=(Part(text, end),)
    )
    values = asdict(first)
    del values["name"]
    values |= {key: list(values[key]) for key in ("ends", "parts")}
    assert read_as(File, parse_toml(tomli_w.dumps(values), "mine.toml"), "mine.toml", name="x") == first
