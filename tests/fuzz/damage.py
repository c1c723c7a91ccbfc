"""What goes wrong with files: bytes lost, doubled or changed; values of the wrong kind in well-formed ones."""

import csv
import io
import json
import pickle
from copy import deepcopy

import numpy as np
import tomli_w
from hypothesis import strategies as st

ODD = (
    None, True, -1, 0, 1, 2**31, 2**63, 10**400, -0.5, 5e-324, 1e30, 1e308, float("nan"), float("inf"), "", "²", "nan",
    "inf", "1e999", "\0", "\x1b[31m", "caf\udce9", "x" * 5000, "../..", [], {}, [[]], [None], {"a": 1}, {"": {}},
    "r8-s8-c3w8x1",
)  # fmt: skip
CELLS = ("", "nan", "inf", "-1", "1e999", "1e30", "5e-324", "²", "half", "9" * 400, "\x1b[31m", '"', ",", "\0", "true")
KINDS = (
    "uint8",
    "int8",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    "bool",
    "complex64",
    "U3",
    "S2",
    "datetime64[s]",
)


@st.composite
def bytes_of(draw, whole):
    """Bytes changed, most of them near the start where headers are; a piece cut out, doubled or left off."""
    raw = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.one_of(st.integers(0, 70), st.integers(0, max(0, len(raw) - 1))))
        if raw:
            raw[min(place, len(raw) - 1)] = draw(
                st.one_of(st.sampled_from([0, 1, 0x2C, 0x7F, 0xFF]), st.integers(0, 255))
            )
    first, last = sorted(draw(st.tuples(*[st.integers(0, len(raw))] * 2)))
    how = draw(st.sampled_from(["no more", "cut off", "cut out", "doubled", "zeros"]))
    pieces = {"no more": raw, "cut off": raw[:first], "cut out": raw[:first] + raw[last:]}
    pieces |= {"zeros": raw[:first] + bytes(last - first) + raw[last:]}
    return bytes(pieces.get(how, raw[:last] + raw[first:]))


def places(value, path=()):
    """Every place in a tree of mappings and lists."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from places(each, (*path, key))


@st.composite
def tree_of(draw, whole, odd=ODD):
    """A tree with one to three values of the wrong kind, or keys lost or added."""
    tree = deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(tree))))
        value = draw(st.sampled_from(odd))
        if not path:
            tree = deepcopy(value) if draw(st.integers(0, 9)) == 0 else tree
            continue
        inner = tree
        for key in path[:-1]:
            inner = inner[key]
        how = draw(st.sampled_from(["set", "set", "set", "remove", "add"]))
        if how == "remove":
            del inner[path[-1]]
        elif how == "add" and isinstance(inner, dict):
            inner[draw(st.sampled_from(["x", "", "²", "recipe"]))] = deepcopy(value)
        else:
            inner[path[-1]] = deepcopy(value)
    return tree


def json_of(whole):
    """A .json, damaged in its bytes or in its values."""
    return st.one_of(bytes_of(whole), tree_of(json.loads(whole)).map(lambda tree: json.dumps(tree).encode()))


def _toml(tree):
    try:
        return tomli_w.dumps(tree).encode(errors="surrogateescape")
    except (TypeError, AttributeError):  # no None in TOML, and tables alone on top
        return b"a = ["


def toml_of(whole):
    """A .toml; trees are of what `whole` holds."""
    import tomllib

    return st.one_of(bytes_of(whole), tree_of(tomllib.loads(whole.decode())).map(_toml))


def pickle_of(tree):
    """A pickle of a tree, or of one with values of the wrong kind, or with bytes changed."""
    whole = pickle.dumps(tree)
    keyed = (*(each for each in ODD if not isinstance(each, list | dict)), (1, 2), ("cifar10", 1), b"x")
    return st.one_of(bytes_of(whole), tree_of(tree, (*ODD, *keyed)).map(pickle.dumps))


@st.composite
def csv_of(draw, whole):
    """A table with bytes or cells changed."""
    if draw(st.booleans()):
        return draw(bytes_of(whole))
    lines = list(csv.reader(io.StringIO(whole.decode())))
    for _ in range(draw(st.integers(1, 3))):
        row = draw(st.sampled_from(range(len(lines))))
        if lines[row]:
            lines[row][draw(st.integers(0, len(lines[row]) - 1))] = draw(st.sampled_from(CELLS))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


@st.composite
def npz_of(draw, whole):
    """An archive with bytes changed, or arrays of another type or shape, or some missing."""
    if draw(st.booleans()):
        return draw(bytes_of(whole))
    with np.load(io.BytesIO(whole)) as archive:
        arrays = {key: archive[key] for key in archive.files}
    for _ in range(draw(st.integers(1, 2))):
        key = draw(st.sampled_from(sorted(arrays)))
        how = draw(st.sampled_from(["type", "shape", "fewer", "value", "gone"]))
        if how == "gone" and len(arrays) > 1:
            del arrays[key]
        elif how == "type":
            kind = draw(st.sampled_from(KINDS))
            arrays[key] = np.zeros(arrays[key].shape, kind)
        elif how == "shape":
            arrays[key] = arrays[key].reshape(draw(st.sampled_from([(-1,), (1, -1), (-1, 1)])))
        elif how == "fewer":
            arrays[key] = arrays[key].reshape(-1)[: draw(st.integers(0, 3))]
        elif how == "value" and arrays[key].size and arrays[key].dtype.kind in "iuf":
            arrays[key] = arrays[key].copy()
            value = draw(st.sampled_from([np.nan, np.inf, -1, 255, 2**31 - 1]))
            with np.errstate(all="ignore"):
                arrays[key].reshape(-1)[0] = np.array(value).astype(arrays[key].dtype)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
